"""What we decide: the window, the background functions, the resonance, the thresholds.

One TOML file (``analysis/search.toml``) holds every decision of the search, as frozen dataclasses,
each of which one room of the analysis owns. `search_file` reads it. It is hashed when the analysis
is frozen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.samples import Axis

FAMILIES = ("exp", "power", "atlas-diphoton", "dijet", "cms-diphoton", "bernstein")
FIGURES_OF_MERIT = ("s", "asimov")
METHODS = ("best", "cuts", "score", "categories")
SCORES = ("best", "likelihood_ratio", "trees")
EXPERIMENT, STATUS = "ATLAS", "Internal"


@dataclass(frozen=True, slots=True)
class Window:
    """Where the signal may be: closed in the data until they are unblinded."""

    low_GeV: float
    high_GeV: float


@dataclass(frozen=True, slots=True)
class SpectrumAxis:
    """The diphoton mass as histogrammed."""

    low_GeV: float
    high_GeV: float
    bin_GeV: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Range, binning and functions of the background fits."""

    low_GeV: float
    """where the range begins"""
    low_highest_GeV: float
    """where it begins at the highest, if no function is accepted further down"""
    low_step_GeV: float
    """steps in which the beginning is raised"""
    high_GeV: float
    """where the range ends"""
    bin_GeV: float
    families: tuple[str, ...]
    """of the functions tried; among those with equally many parameters, the first is preferred"""
    min_parameters: int
    """free parameters of the simplest function tried, its normalisation included"""
    max_parameters: int
    """of the most flexible one"""
    gof_pvalue: float
    """a function is accepted if its sideband fit is at least this good"""
    closure_bias: float
    """and if it misses smooth truths by at most this many of its own fit errors"""
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """own functions: name to terms (`own_functions.parse_terms`)"""

    @property
    def lows_GeV(self) -> tuple[float, ...]:
        """The beginnings of the range, in the order in which they are tried."""
        steps = round((self.low_highest_GeV - self.low_GeV) / self.low_step_GeV)
        return tuple(self.low_GeV + step * self.low_step_GeV for step in range(steps + 1))


@dataclass(frozen=True, slots=True)
class PeakFit:
    """How the background under a peak is chosen."""

    families: tuple[str, ...]
    """of the functions tried; among those with equally many parameters, the first is preferred"""
    max_parameters: int
    """of the most flexible one"""
    spurious_signal: float
    """a function may fake a signal of at most this many errors of the signal"""
    bend: float
    """by how much, relatively, a smooth truth may differ from its curve inside the window"""
    global_toys: int
    """toys of the whole procedure, if the significance is worth them"""
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """own functions: name to terms (`own_functions.parse_terms`)"""


@dataclass(frozen=True, slots=True)
class Systematics:
    """Relative errors, each a nuisance parameter with a Gaussian constraint; 0 for none."""

    luminosity: float
    efficiency: float
    """of the selection of a signal, beside the simulation's statistics"""
    energy_scale: float
    """of the position of a peak"""
    resolution: float
    """of the width of a peak"""


@dataclass(frozen=True, slots=True)
class Signal:
    """Where a resonance is searched."""

    low_GeV: float
    """lowest mass searched"""
    high_GeV: float
    """highest mass searched"""
    step_GeV: float

    @property
    def masses_GeV(self) -> npt.NDArray[np.float64]:
        """The mass grid, both ends included."""
        steps = round((self.high_GeV - self.low_GeV) / self.step_GeV)
        return np.linspace(self.low_GeV, self.high_GeV, steps + 1)


@dataclass(frozen=True, slots=True)
class Optimise:
    """How the selection is chosen."""

    figure_of_merit: str
    """``"s"`` = S/sqrt(B), or ``"asimov"``"""
    background_error: float
    """relative error of the background, for ``"asimov"``"""
    reference_signal: str
    """the sample whose significance is maximised"""
    min_background_events: float
    """simulated background events that a selection must keep"""
    axes: Mapping[str, Axis]
    """upper cuts are tried at every bin edge of these"""
    course_cuts: Mapping[str, float]
    """task 3.4 "by hand", for comparison"""
    method: str
    """``"cuts"``, ``"score"`` (one cut on it), ``"categories"``, or the ``"best"`` of them"""


@dataclass(frozen=True, slots=True)
class Score:
    """How events are told apart by all columns at once."""

    kind: str
    """``"likelihood_ratio"``, ``"trees"``, or the ``"best"`` of both"""
    most_categories: int
    least_categories: int
    """as many, if each keeps enough"""
    least_gain: float
    """part of the significance that one more has to add"""
    sideband_events: float
    """expected data events that each keeps in the sidebands"""
    background_events: float
    """simulated background events that each keeps"""
    mass_columns: bool
    """take columns that make the mass as well: such a score bends its spectrum"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Exclusion."""

    confidence_level: float
    masses: Signal
    """where limits are set"""


@dataclass(frozen=True, slots=True)
class Decision:
    """From which significance on the verdict says what."""

    discovery_local_z: float
    discovery_global_z: float
    """a discovery needs both"""
    evidence_global_z: float
    measurement_local_z: float
    """from here on mass and cross-section are quoted"""
    normalisation_tolerance: float
    """relative difference of the data's sidebands from their expectation that is a warning"""


@dataclass(frozen=True, slots=True)
class Label:
    """Who stands on the figures. It decides nothing, and is not frozen."""

    experiment: str = EXPERIMENT
    status: str = STATUS
    """behind it: Internal, Preliminary, Work in Progress, or nothing"""


@dataclass(frozen=True, slots=True)
class Search:
    """The content of one search file."""

    path: Path
    window: Window
    spectrum: SpectrumAxis
    fit: Fit
    peak: PeakFit
    systematics: Systematics
    signal: Signal
    optimise: Optimise
    score: Score
    limits: Limits
    decision: Decision
    label: Label = field(default_factory=Label)
