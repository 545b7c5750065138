"""What was true, found and decided in many universes, as arrays."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.game.scoring import MASS_ERRORS
from analysis.settings.search import Decision
from analysis.statistics.background.entries import Flags
from analysis.statistics.resonance.claims import decide, weakest
from analysis.statistics.resonance.look_elsewhere import excludes, near_threshold, significance
from analysis.validation.fixed_model import LargestZ
from analysis.validation.rates import LEVEL, FIXED_GeV
from analysis.validation.universes import KINDS
from tools.arrays import Columns, FloatArray

SURE_LOCAL_Z = 6.0
"""expected local significance from which on X has to be found"""
CLAIMS = ("evidence", "discovery")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Found(Columns):
    """What was true, found and decided in T universes; NaN where something is not there.

    All numbers are arrays of shape (T,) unless it is said otherwise.
    """

    kind: npt.NDArray[np.str_]
    number: npt.NDArray[np.int64]
    true_mass_GeV: FloatArray
    """NaN: there is no X"""
    true_cross_section_pb: FloatArray
    """0: there is no X"""
    expected_z: FloatArray
    """local significance at the true mass, of the universe without fluctuations"""
    function: npt.NDArray[np.str_]
    """functions that were selected"""
    fixed_z: FloatArray
    """signed, at `FIXED_GeV`, shape (T, 3)"""
    local_z: FloatArray
    """largest of the scan; 0 if there is no excess"""
    upcrossings: FloatArray
    """mean number of the fixed background model"""
    formula_z: FloatArray
    """global significance by the formula of Gross and Vitells"""
    formula_p: FloatArray
    seed: npt.NDArray[np.uint64]
    """of the toys, as it follows from the spectrum"""
    envelope_z: FloatArray
    """with the functions profiled, at the maximum; NaN where nothing might be claimed"""
    envelope_claim: npt.NDArray[np.str_]
    """claim that it allows"""
    alone: npt.NDArray[np.str_]
    """claim that the function in use allows"""
    exceeding: FloatArray
    """toys of the whole procedure with as large an excess; NaN: none were generated"""
    global_p: FloatArray
    """by toys where some exceed, else by the formula"""
    decision: npt.NDArray[np.str_]
    """the verdict in one word"""
    mass_GeV: FloatArray
    """fitted; NaN if there is no excess"""
    cross_section_pb: FloatArray
    mass_pull: FloatArray
    """sign(M - M0) sqrt(D(M0) - D(M)), D with all else fitted again"""
    cross_section_pull: FloatArray
    """the same of the cross-section: the true one is in the 68 % interval where it is below 1"""
    cls: FloatArray
    """of the true cross-section at the true mass"""
    count_z: FloatArray
    """significance of the count in the window"""
    count_cls: FloatArray
    """of the true cross-section, by the count alone"""
    converged: Flags
    """whether all fits at a known truth did"""

    @classmethod
    def nothing(cls, size: int) -> "Found":
        """Return room for `size` universes."""
        made: dict[str, Any] = {field.name: np.full(size, np.nan) for field in fields(cls)}
        made |= {
            "kind": np.full(size, "", f"U{max(map(len, KINDS))}"),
            "number": np.zeros(size, np.int64),
            "seed": np.zeros(size, np.uint64),
            "function": np.full(size, "", "U400"),
            **{
                claim: np.full(size, "", f"U{max(map(len, CLAIMS))}")
                for claim in ("decision", "alone", "envelope_claim")
            },
            "converged": np.ones(size, bool),
            "fixed_z": np.full((size, len(FIXED_GeV)), np.nan),
        }
        return cls(**made)

    def borderline(self, thresholds: Decision) -> list[int]:
        """Return rows of borderline cases: toys of the whole procedure may change their verdict."""
        near = np.array([near_threshold(z, thresholds) for z in self.formula_z], bool)
        return [int(row) for row in np.flatnonzero(near & (self.kind != "with_x"))]

    def count(self, row: int, largest: LargestZ, thresholds: Decision) -> None:
        """Decide about a universe of which there are toys of the whole procedure."""
        toys = largest.counted(self.local_z[row])
        self.exceeding[row] = toys.exceeding
        # As in `look_elsewhere.combined`.
        if excludes(toys, float(self.formula_p[row])):
            self.global_p[row] = p = toys.p or toys.p_high
            self.alone[row] = decide(float(self.local_z[row]), significance(p), thresholds)
            self.decision[row] = weakest([self.alone[row], self.envelope_claim[row]])

    @property
    def exists(self) -> Flags:
        """Whether there is an X."""
        return np.asarray(self.true_cross_section_pb > 0)

    @property
    def claimed(self) -> Flags:
        """Whether there is evidence, or a discovery."""
        return np.isin(self.decision, CLAIMS)

    @property
    def sure(self) -> "Found":
        """Those whose X has to be found."""
        return self.some(self.expected_z > SURE_LOCAL_Z)

    @property
    def right(self) -> Flags:
        """Whether the verdict is right."""
        # Who claims without a fitted mass (no excess) is not near it.
        near = np.nan_to_num(np.abs(self.mass_pull), nan=np.inf) <= MASS_ERRORS
        return np.where(self.claimed, self.exists & near, ~self.exists | self.covered)

    @property
    def covered(self) -> Flags:
        """Whether the limit at the true mass is above the true cross-section."""
        return np.asarray(self.cls >= LEVEL)

    def pulls(self) -> dict[str, FloatArray]:
        """Return the pulls of mass and cross-section where there is one."""
        pulls = {"mass": self.mass_pull, "cross-section": self.cross_section_pull}
        return {name: own[np.isfinite(own)] for name, own in pulls.items()}
