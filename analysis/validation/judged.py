"""Universes with what the analysis decided, and whether that is right.

A verdict is *right* by the rule of the course's game (`analysis.game.scoring`): it claims an X that
is there, within three uncertainties of its mass; or it sets a limit, and there is no X or the limit
covers it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.game.scoring import MASS_ERRORS
from analysis.results.closure import Fraction, MeanAndWidth
from analysis.settings.search import Decision
from analysis.statistics.background.entries import Flags
from analysis.statistics.resonance.look_elsewhere import CountedToys, significance
from analysis.statistics.verdict import decide
from analysis.validation.analyse import Found
from analysis.validation.rates import LEVEL, fraction_of, moments_of
from tools.arrays import FloatArray

SURE_LOCAL_Z = 6.0
"""expected local significance from which on X has to be found"""
CLAIMS = ("evidence", "discovery")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Judged(Found):
    """What was true, found and decided in T universes."""

    global_p: FloatArray
    """by toys where some exceed, else by the formula"""
    decision: npt.NDArray[Any]
    """the verdict in one word"""

    @classmethod
    def of(cls, found: Found, counted: Mapping[int, CountedToys], thresholds: Decision) -> "Judged":
        """Judge universes, of some of which toys of the whole procedure were counted."""
        p, z = found.formula_p.copy(), found.formula_z.copy()
        for row, number in enumerate(found.number):
            toys = counted.get(int(number))
            if toys is not None and toys.exceeding > 0:
                p[row], z[row] = toys.p, significance(toys.p)
        decisions = [
            decide(float(a), float(b), thresholds) for a, b in zip(found.local_z, z, strict=True)
        ]
        return cls(**found.arrays(), global_p=p, decision=np.array(decisions, dtype=object))

    @property
    def claimed(self) -> Flags:
        """Whether there is evidence, or a discovery."""
        return np.isin(self.decision.astype(str), CLAIMS)

    @property
    def sure(self) -> "Judged":
        """Those whose X has to be found."""
        return self.some(self.expected_z > SURE_LOCAL_Z)

    @property
    def right(self) -> Flags:
        """Whether the verdict is right."""
        near = np.nan_to_num(np.abs(self.mass_pull), nan=np.inf) <= MASS_ERRORS
        return np.where(self.claimed, self.exists & near, ~self.exists | self.covered)

    @property
    def covered(self) -> Flags:
        """Whether the limit at the true mass is above the true cross-section."""
        return np.asarray(self.cls >= LEVEL)

    def coverage(self, name: str) -> Fraction:
        """Return how often the 68 % interval of "mass" or "cross_section" holds the truth."""
        return fraction_of(np.abs(self._pulls(name)) <= 1)

    def pull(self, name: str) -> MeanAndWidth:
        """Return the pulls of "mass" or "cross_section"."""
        return moments_of(self._pulls(name))

    def _pulls(self, name: str) -> FloatArray:
        pulls: FloatArray = getattr(self, f"{name}_pull")
        return pulls[np.isfinite(pulls)]
