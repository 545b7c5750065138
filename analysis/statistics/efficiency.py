"""Selection efficiency of a resonance of any mass, interpolated between the simulated ones.

Linear in mass between the samples, constant outside them. The error is that of the interpolation
between two binomial errors; the samples are independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.errors import InputError


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Selected over generated events, as a function of the resonance's mass."""

    masses_GeV: tuple[float, ...]
    """of the simulated samples, rising"""
    values: tuple[float, ...]
    errors: tuple[float, ...]

    @classmethod
    def of(cls, samples: Sequence[tuple[float, float, int]]) -> "Efficiency":
        """Return the efficiency from samples of (mass in GeV, selected, generated events).

        >>> e = Efficiency.of([(500, 40, 100), (1000, 60, 100)])
        >>> [round(number, 4) for number in e.at(750)], [round(number, 4) for number in e.at(400)]
        ([0.5, 0.0346], [0.4, 0.049])

        Raises
        ------
        InputError
            If there is no sample, two have the same mass, or one has no events.
        """
        ordered = sorted(samples)
        masses = tuple(float(mass) for mass, *_ in ordered)
        if not ordered or len(set(masses)) < len(masses):
            raise InputError(f"signal samples: one for each mass is needed, not {masses}")
        for mass, selected, generated in ordered:
            if not 0 < selected <= generated:
                raise InputError(
                    f"signal of {mass:g} GeV: {selected:g} of {generated} events selected; "
                    "loosen the selection or simulate more"
                )
        values = tuple(selected / generated for _, selected, generated in ordered)
        errors = tuple(
            float(np.sqrt(value * (1 - value) / generated))
            for value, (*_, generated) in zip(values, ordered, strict=True)
        )
        return cls(masses, values, errors)

    def at(self, mass_GeV: float) -> tuple[float, float]:
        """Return efficiency and error at a mass."""
        value = float(np.interp(mass_GeV, self.masses_GeV, self.values))
        shares = [
            float(np.interp(mass_GeV, self.masses_GeV, np.eye(len(self.masses_GeV))[i]))
            for i in range(len(self.masses_GeV))
        ]
        return value, float(np.linalg.norm(np.multiply(shares, self.errors)))
