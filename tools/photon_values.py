"""What no photon has: NaN, a negative momentum, an angle out of range, a momentum in a wrong unit.

Such values make no error anywhere: they would be dropped, or spread over a histogram, without a
word. A wrong unit is a factor of 1000, and only the size of the momenta tells it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt

from tools.layouts import Match

USUAL_PT_GeV = (1.0, 3000.0)
"""where the median transverse momentum of photons is, of whatever collider"""
_MAX_PT_GeV, _MAX_ETA, _MAX_PHI = 1e9, 20.0, 2 * np.pi + 1e-3
"""beyond them no photon is: they are marks for what is missing, or degrees"""
IMPOSSIBLE = {
    "pt": "NaN, infinite, negative or huge",
    "eta": "NaN, infinite or beyond 20",
    "phi": "NaN, infinite or beyond 2 pi",
}
"""which values of a quantity none can have"""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Photons with a value that none can have."""

    photons: int = 0
    entry: int = -1
    """of the first, from 0; -1 if there is none"""

    def __add__(self, other: "Wrong") -> "Wrong":
        """Return those of both pieces, of which `self` is the first."""
        return Wrong(self.photons + other.photons, self.entry if self.photons else other.entry)


@dataclass(frozen=True, slots=True)
class WrongValues:
    """The same of each quantity."""

    pt: Wrong = Wrong()
    eta: Wrong = Wrong()
    phi: Wrong = Wrong()

    def __add__(self, other: "WrongValues") -> "WrongValues":
        """Return those of both pieces, of which `self` is the first."""
        return WrongValues(self.pt + other.pt, self.eta + other.eta, self.phi + other.phi)

    def told(self, found: Match) -> Iterator[tuple[str, str, str]]:
        """Yield what is wrong, where in the file, and what to do, for each quantity."""
        for quantity, wrong in (("pt", self.pt), ("eta", self.eta), ("phi", self.phi)):
            if wrong.photons:
                yield (
                    f"photons whose {quantity} is {IMPOSSIBLE[quantity]}: {wrong.photons:,}",
                    f"first in entry {wrong.entry} (from 0), column {_column(found, quantity)}",
                    "correct the values, or remove these events"
                    + ("; if it is in degrees, describe it so" if quantity == "phi" else ""),
                )


def wrong_values(photons: ak.Array, first: int) -> WrongValues:
    """Return how many photons have impossible values.

    Parameters
    ----------
    photons : array
        One list per event of records ``pt`` (GeV), ``eta``, ``phi`` (rad).
    first : int
        Entry of the first event.
    """
    pt, eta, phi = (ak.to_numpy(ak.flatten(photons[name])) for name in IMPOSSIBLE)
    with np.errstate(invalid="ignore"):  # written so that NaN is not among the good ones
        good = ((pt >= 0) & (pt <= _MAX_PT_GeV), np.abs(eta) <= _MAX_ETA, np.abs(phi) <= _MAX_PHI)
    return WrongValues(*(_wrong(~each, photons, first) for each in good))


def _wrong(mask: npt.NDArray[np.bool_], photons: ak.Array, first: int) -> Wrong:
    if not mask.any():
        return Wrong()
    last = np.cumsum(ak.to_numpy(ak.num(photons.pt)))
    entry = int(np.searchsorted(last, np.argmax(mask), side="right"))
    return Wrong(int(mask.sum()), first + entry)


def other_unit(found: Match, median_pt_GeV: float | None) -> tuple[str, str, str] | None:
    """Return that only another unit would make sense of the momenta: what, where, what to do.

    Parameters
    ----------
    found : Match
    median_pt_GeV : float or None
        Of the photons, if the file is in the layout's unit; None if there are none.
    """
    low, high = USUAL_PT_GeV
    unit = found.layout.momentum
    other, factor = ("GeV", 1e3) if unit == "MeV" else ("MeV", 1e-3)
    if (
        median_pt_GeV is None
        or low <= median_pt_GeV <= high
        or not low <= median_pt_GeV * factor <= high
    ):
        return None
    what = (
        f"the median pT is {median_pt_GeV:.3g} GeV if the file is in {unit}, as the layout "
        f"{found.layout.name} says, and {median_pt_GeV * factor:.3g} GeV if it is in {other}"
    )
    do = f"if it is in {other}, describe it so in [layouts.NAME] of a samples file"
    return what, f"column {_column(found, 'pt')}", do


def _column(found: Match, quantity: str) -> str:
    return found.photons.get(quantity, ", ".join(found.photons.values()))
