"""What we decide: the window, the background functions, the resonance, the thresholds.

One TOML file (``analysis/search.toml``) holds every decision of the search: a frozen dataclass for
each table, whose fields are its entries. The annotation of a field says how its entry is read and
in which range (`search_file`); `check` refuses what makes no sense together. All of it is hashed
when the analysis is frozen.

Bins must line up: the window and the fit range end on edges of the fit's bins, and those on edges
of the spectrum's, so that no bin is ever half in the window.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from tools.errors import InputError
from tools.samples import LARGEST, Axis
from tools.settings_table import Table

if TYPE_CHECKING:
    from processors.histograms import Binning
    from processors.requirements import Requirements

FAMILIES = ("exp", "power", "atlas-diphoton", "dijet", "cms-diphoton", "bernstein")
FIGURES_OF_MERIT = ("s", "asimov")
METHODS = ("best", "cuts", "score", "categories")
SCORES = ("best", "likelihood_ratio", "trees")
EXPERIMENT, STATUS = "ATLAS", "Internal"
MAX_PARAMETERS = 10
"""of a background function"""
MAX_MASSES = 2000
"""steps of a grid of masses"""
_MAX_BINS = 100_000
"""of the spectrum"""
MAX_FIT_BINS = 5000
"""of a fit: each makes a model of its own at every mass with a limit"""
_MAX_RANGES = 100
"""that are tried one after the other"""
_MAX_EVENTS = 1e15
_LABEL_LENGTH = 16
"""characters of a label that leave room for a legend"""
_ROUNDING = 1e-9
"""of a number of steps"""

Read = Callable[[Table, str], Any]
"""Reads an entry of a table, or refuses it."""


def number(low: float, high: float) -> Read:
    """Return what reads a number in a range."""
    return lambda table, key: table.number(key, low, high)


def integer(low: int, high: int) -> Read:
    """Return what reads a whole number in a range."""
    return lambda table, key: table.integer(key, low, high)


def one_of(*words: str) -> Read:
    """Return what reads one of some words."""
    return lambda table, key: table.choice(key, words)


def _read_cuts(table: Table, key: str) -> dict[str, float]:
    cuts = table.table(key)
    return {name: cuts.number(name, -LARGEST, LARGEST) for name in cuts.content}


Energy = Annotated[float, Table.energy]
Edge = Annotated[float, Table.edge]
Sigmas = Annotated[float, number(0, 1000)]
"""In standard deviations, or in uncertainties of something."""
Relative = Annotated[float, number(0, 0.5)]
Parameters = Annotated[int, integer(2, MAX_PARAMETERS)]
Events = Annotated[float, number(0, _MAX_EVENTS)]
Words = Annotated[str, lambda table, key: table.words(key, _LABEL_LENGTH)]


def on_grid(where: str, key: str, value: float, origin: float, step: float) -> None:
    """Refuse a `value` that is not a whole number of steps away from `origin`."""
    steps = (value - origin) / step
    # Decimal edges are rounded in binary, so that steps come out near a whole number. Relative to
    # their number: rounding grows with it. A value below half a step would pass as no step at all.
    far = value != origin and round(steps) == 0
    if far or abs(steps - round(steps)) > _ROUNDING * max(1.0, steps):
        raise InputError(
            f"{where}, {key}: {value:g} is not a whole number of {step:g} GeV steps from {origin:g}"
        )


def _not_too_many(where: str, key: str, steps: float, most: int) -> None:
    if steps > most:
        raise InputError(f"{where}, {key}: it makes {steps:,.0f} steps, {most:,} at most; raise it")


class Decided:
    """A table of the search file."""

    __slots__ = ()
    ORDERED: ClassVar[tuple[tuple[str, str], ...]] = ()
    """pairs of entries, of which the first must not be above the second"""

    def check(self, where: str) -> None:
        """Refuse entries that make no sense together; `where` names the table."""
        for low, high in self.ORDERED:
            if getattr(self, low) > getattr(self, high):
                one, other = low.removesuffix("_GeV"), high.removesuffix("_GeV")
                raise InputError(f"{where}: `{one}` must not be above `{other}`")


@dataclass(frozen=True, slots=True)
class MassRange(Decided):
    """An interval of masses."""

    low_GeV: Edge
    high_GeV: Energy

    def check(self, where: str) -> None:
        """Refuse one that does not rise."""
        if not self.low_GeV < self.high_GeV:
            raise InputError(
                f"{where}: `low` ({self.low_GeV:g}) must be below `high` ({self.high_GeV:g})"
            )

    def check_steps(self, where: str, key: str, step: float, most: int) -> None:
        """Refuse steps that do not lead from its beginning to its end, or too many of them."""
        MassRange.check(self, where)
        on_grid(where, key, self.high_GeV, self.low_GeV, step)
        _not_too_many(where, key, (self.high_GeV - self.low_GeV) / step, most)


@dataclass(frozen=True, slots=True)
class Window(MassRange):
    """Where the signal may be: blind in the data until they are unblinded."""


@dataclass(frozen=True, slots=True)
class SpectrumAxis(MassRange):
    """The diphoton mass as histogrammed."""

    bin_GeV: Energy

    def check(self, where: str) -> None:
        """Refuse bins that do not fill it."""
        self.check_steps(where, "bin", self.bin_GeV, _MAX_BINS)


@dataclass(frozen=True, slots=True)
class Fit(Decided):
    """Range, binning and functions of the background fits."""

    ORDERED: ClassVar = (("low_GeV", "low_highest_GeV"), ("min_parameters", "max_parameters"))
    low_GeV: Energy
    """where the range begins"""
    low_highest_GeV: Energy
    """where it begins at the highest, if no function is accepted further down"""
    low_step_GeV: Energy
    """steps in which the beginning is raised"""
    high_GeV: Energy
    """where the range ends"""
    bin_GeV: Energy
    families: tuple[str, ...]
    """of the functions tried; among those with equally many parameters, the first is preferred"""
    min_parameters: Parameters
    """free parameters of the simplest function tried, its normalisation included"""
    max_parameters: Parameters
    """of the most flexible one"""
    gof_pvalue: Annotated[float, number(0, 1)]
    """a function is accepted if its sideband fit is at least this good"""
    closure_bias: Sigmas
    """and if it misses test spectra by at most this many of its own fit uncertainties"""
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """user-defined functions: name to terms (`user_functions.parse_terms`)"""

    def check(self, where: str) -> None:
        """Refuse orders and ranges of which there are none, or too many."""
        Decided.check(self, where)
        on_grid(where, "low_highest", self.low_highest_GeV, self.low_GeV, self.low_step_GeV)
        ranges = (self.low_highest_GeV - self.low_GeV) / self.low_step_GeV
        _not_too_many(where, "low_step", ranges, _MAX_RANGES)
        bins = (self.high_GeV - self.low_GeV) / self.bin_GeV
        _not_too_many(where, "bin", bins, MAX_FIT_BINS)

    @property
    def lows_GeV(self) -> tuple[float, ...]:
        """The beginnings of the range, in the order in which they are tried."""
        steps = round((self.low_highest_GeV - self.low_GeV) / self.low_step_GeV)
        return tuple(self.low_GeV + step * self.low_step_GeV for step in range(steps + 1))


@dataclass(frozen=True, slots=True)
class PeakFit(Decided):
    """How the background under a peak is chosen."""

    families: tuple[str, ...]
    """of the functions tried; among those with equally many parameters, the first is preferred"""
    max_parameters: Parameters
    """of the most flexible one"""
    spurious_signal: Sigmas
    """a function may fake a signal of at most this many uncertainties of the signal"""
    bend: Relative
    """relative distance that a test spectrum may have from the fitted curve inside the window"""
    global_toys: Annotated[int, integer(0, 10_000_000)]
    """toys of the whole procedure at most, near a threshold"""
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """user-defined functions: name to terms (`user_functions.parse_terms`)"""


@dataclass(frozen=True, slots=True)
class Systematics(Decided):
    """Relative uncertainties, each a nuisance parameter with a Gaussian constraint; 0 for none."""

    luminosity: Relative
    efficiency: Relative
    """of the selection of a signal, beside the simulation's statistics"""
    energy_scale: Annotated[float, number(0, 0.1)]
    """of the position of a peak"""
    resolution: Relative
    """of the width of a peak"""


@dataclass(frozen=True, slots=True)
class Signal(MassRange):
    """Where a resonance is searched."""

    low_GeV: Energy
    """lowest mass searched"""
    high_GeV: Energy
    """highest mass searched"""
    step_GeV: Energy

    def check(self, where: str) -> None:
        """Refuse steps that do not end at its highest mass."""
        self.check_steps(where, "step", self.step_GeV, MAX_MASSES)

    @property
    def masses_GeV(self) -> npt.NDArray[np.float64]:
        """The mass grid, both ends included."""
        steps = round((self.high_GeV - self.low_GeV) / self.step_GeV)
        return np.linspace(self.low_GeV, self.high_GeV, steps + 1)


@dataclass(frozen=True, slots=True)
class Optimise(Decided):
    """How the selection is chosen."""

    figure_of_merit: Annotated[str, one_of(*FIGURES_OF_MERIT)]
    """``"s"`` = S/sqrt(B), or ``"asimov"``"""
    background_error: Annotated[float, number(0, 10)]
    """relative uncertainty of the background, for ``"asimov"``"""
    reference_signal: Annotated[str, Table.text]
    """the sample whose significance is maximised"""
    min_background_events: Events
    """simulated background events that a selection must keep"""
    axes: Mapping[str, Axis]
    """upper cuts are tried at every bin edge of these"""
    course_cuts: Annotated[Mapping[str, float], _read_cuts]
    """task 3.4 "by hand", for comparison"""
    method: Annotated[str, one_of(*METHODS)]
    """``"cuts"``, ``"score"`` (one cut on it), ``"categories"``, or the ``"best"`` of them"""

    @property
    def cut_variables(self) -> "tuple[Binning, ...]":
        """Axes of the joint histogram: what cuts and scores are made of."""
        from processors.histograms import Binning  # with it comes hist, which toys need not

        axes = self.axes.items()
        return tuple(Binning(name, axis.bins, axis.low, axis.high) for name, axis in axes)


@dataclass(frozen=True, slots=True)
class Score(Decided):
    """How signal is separated from background by all columns at once."""

    ORDERED: ClassVar = (("least_categories", "most_categories"),)
    kind: Annotated[str, one_of(*SCORES)]
    """``"likelihood_ratio"``, ``"trees"``, or the ``"best"`` of both"""
    most_categories: Annotated[int, integer(1, 50)]
    least_categories: Annotated[int, integer(1, 50)]
    """as many, if each keeps enough"""
    least_gain: Annotated[float, number(0, 1)]
    """fraction of the significance that one more has to add"""
    sideband_events: Events
    """expected data events that each keeps in the sidebands"""
    background_events: Annotated[float, number(1, _MAX_EVENTS)]
    """simulated background events that each keeps"""
    mass_columns: Annotated[bool, Table.boolean]
    """take columns that make the mass as well: such a score distorts the mass spectrum"""


@dataclass(frozen=True, slots=True)
class Limits(Decided):
    """Exclusion."""

    confidence_level: Annotated[float, number(0.5, 0.999)]
    masses: Signal
    """where limits are set"""


@dataclass(frozen=True, slots=True)
class Decision(Decided):
    """From which significance on the verdict says what."""

    ORDERED: ClassVar = (("evidence_global_z", "discovery_global_z"),)
    discovery_local_z: Sigmas
    discovery_global_z: Sigmas
    """a discovery needs both"""
    evidence_global_z: Sigmas
    measurement_local_z: Sigmas
    """from here on mass and cross-section are quoted"""
    normalisation_tolerance: Annotated[float, number(0, 1000)]
    """relative difference of the data's sidebands from their expectation that is a warning"""


@dataclass(frozen=True, slots=True)
class Label(Decided):
    """Who stands on the figures. It decides nothing, and is not frozen."""

    experiment: Words = EXPERIMENT
    status: Words = STATUS
    """behind it: Internal, Preliminary, Work in Progress, or nothing"""


@dataclass(frozen=True, slots=True)
class PhotonRequirements(Decided):
    """What photons have to be, and which of them are the pair."""

    require: Annotated[tuple[str, ...], Table.texts] = ()
    """expressions of a photon, true or false"""
    order: Annotated[str, Table.text] = "pt"
    """an expression of a photon, a number: the two of the largest are the pair"""
    take: Annotated[int, integer(2, 2)] = 2
    """photons of an event that are looked at"""


@dataclass(frozen=True, slots=True)
class EventRequirements(Decided):
    """What events have to be."""

    require: Annotated[tuple[str, ...], Table.texts] = ()
    """expressions of an event, true or false"""


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
    photons: PhotonRequirements = field(default_factory=PhotonRequirements)
    events: EventRequirements = field(default_factory=EventRequirements)

    @property
    def required(self) -> "Requirements":
        """What is required of photons and events, for the processor."""
        from processors.requirements import Requirements  # with it comes hist

        photons = self.photons
        return Requirements(photons.require, self.events.require, photons.order)
