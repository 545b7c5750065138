"""What we decide: the window, the background functions, the resonance, the thresholds.

One TOML file (``analysis/search.toml``) holds every decision of the search; here it becomes frozen
dataclasses, each of which one room of the analysis owns. It is read strictly: an entry that is
missing, unknown, without its unit or out of range is refused with its name, because a decision
that is silently a default is no decision. The file is hashed when the analysis is frozen.

Bins must line up: the window and the fit range end on edges of the fit's bins, and those on edges
of the spectrum's, so that no bin is ever half in the window.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analysis.settings_table import Table
from tools.errors import InputError
from tools.samples import Axis, read_toml

FAMILIES = ("exp", "power", "atlas-diphoton", "dijet", "cms-diphoton", "bernstein")
FIGURES_OF_MERIT = ("s", "asimov")
METHODS = ("best", "cuts", "score", "categories")
SCORES = ("best", "likelihood_ratio", "trees")
_ROUNDING = 1e-9
"""of a number of steps"""


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


def read_search(path: Path) -> Search:
    """Read and check a search file.

    Parameters
    ----------
    path : Path
        A TOML file like ``analysis/search.toml``.

    Raises
    ------
    InputError
        If an entry is missing, unknown, without its unit, or senseless; the message names it.
    """
    document = Table(read_toml(path), f"{path}")
    search = Search(
        path=path,
        window=_window(document.table("window")),
        spectrum=_spectrum(document.table("spectrum")),
        fit=_fit(document.table("fit")),
        peak=_peak(document.table("peak")),
        systematics=_systematics(document.table("systematics")),
        signal=_signal(document.table("signal")),
        optimise=_optimise(document.table("optimise")),
        score=_score(document.table("score")),
        limits=_limits(document.table("limits")),
        decision=_decision(document.table("decision")),
    )
    document.done()
    if search.fit.min_parameters > search.peak.max_parameters:
        raise InputError(
            f"{path}, [peak]: `max_parameters` must not be below `min_parameters` of [fit]"
        )
    _check_alignment(search)
    return search


def _window(table: Table) -> Window:
    window = Window(table.energy("low"), table.energy("high"))
    table.done()
    _rising(table.where, low=window.low_GeV, high=window.high_GeV)
    return window


def _spectrum(table: Table) -> SpectrumAxis:
    axis = SpectrumAxis(table.energy("low"), table.energy("high"), table.energy("bin"))
    table.done()
    _rising(table.where, low=axis.low_GeV, high=axis.high_GeV)
    _on_grid(table.where, "bin", axis.high_GeV, axis.low_GeV, axis.bin_GeV)
    return axis


def _fit(table: Table) -> Fit:
    fit = Fit(
        low_GeV=table.energy("low"),
        low_highest_GeV=table.energy("low_highest"),
        low_step_GeV=table.energy("low_step"),
        high_GeV=table.energy("high"),
        bin_GeV=table.energy("bin"),
        families=table.choices("families", FAMILIES),
        min_parameters=table.integer("min_parameters", 2, 10),
        max_parameters=table.integer("max_parameters", 2, 10),
        gof_pvalue=table.number("gof_pvalue", 0, 1),
        closure_bias=table.number("closure_bias", 0),
    )
    table.done()
    if fit.low_GeV > fit.low_highest_GeV:
        raise InputError(f"{table.where}: `low` must not be above `low_highest`")
    if fit.min_parameters > fit.max_parameters:
        raise InputError(f"{table.where}: `min_parameters` must not be above `max_parameters`")
    _on_grid(table.where, "low_highest", fit.low_highest_GeV, fit.low_GeV, fit.low_step_GeV)
    return fit


def _peak(table: Table) -> PeakFit:
    peak = PeakFit(
        families=table.choices("families", FAMILIES),
        max_parameters=table.integer("max_parameters", 2, 10),
        spurious_signal=table.number("spurious_signal", 0),
        bend=table.number("bend", 0, 0.5),
        global_toys=table.integer("global_toys", 0, 10_000_000),
    )
    table.done()
    return peak


def _systematics(table: Table) -> Systematics:
    errors = Systematics(
        luminosity=table.number("luminosity", 0, 0.5),
        efficiency=table.number("efficiency", 0, 0.5),
        energy_scale=table.number("energy_scale", 0, 0.1),
        resolution=table.number("resolution", 0, 0.5),
    )
    table.done()
    return errors


def _signal(table: Table) -> Signal:
    masses = table.table("masses")
    signal = Signal(masses.energy("low"), masses.energy("high"), masses.energy("step"))
    masses.done()
    table.done()
    _check_masses(masses.where, signal)
    return signal


def _check_masses(where: str, signal: Signal) -> None:
    _rising(where, low=signal.low_GeV, high=signal.high_GeV)
    _on_grid(where, "step", signal.high_GeV, signal.low_GeV, signal.step_GeV)


def _optimise(table: Table) -> Optimise:
    axes, cuts = table.table("axes"), table.table("course_cuts")
    optimise = Optimise(
        figure_of_merit=table.choice("figure_of_merit", FIGURES_OF_MERIT),
        background_error=table.number("background_error", 0),
        reference_signal=str(table.take("reference_signal")),
        min_background_events=table.number("min_background_events", 0),
        axes={name: _axis(axes.table(name)) for name in list(axes.content)},
        course_cuts={name: cuts.number(name, -math.inf) for name in list(cuts.content)},
        method=table.choice("method", METHODS),
    )
    table.done()
    return optimise


def _score(table: Table) -> Score:
    score = Score(
        kind=table.choice("kind", SCORES),
        most_categories=table.integer("most_categories", 1, 50),
        least_categories=table.integer("least_categories", 1, 50),
        least_gain=table.number("least_gain", 0, 1),
        sideband_events=table.number("sideband_events", 0),
        background_events=table.number("background_events", 1),
        mass_columns=table.boolean("mass_columns"),
    )
    table.done()
    if score.least_categories > score.most_categories:
        raise InputError(f"{table.where}: `least_categories` must not be above `most_categories`")
    return score


def _axis(table: Table) -> Axis:
    axis = Axis(
        table.integer("bins", 1, 10_000),
        table.number("low", -math.inf),
        table.number("high", -math.inf),
    )
    table.done()
    _rising(table.where, low=axis.low, high=axis.high)
    return axis


def _limits(table: Table) -> Limits:
    level, masses = table.number("confidence_level", 0.5, 0.999), table.table("masses")
    grid = Signal(masses.energy("low"), masses.energy("high"), masses.energy("step"))
    masses.done()
    table.done()
    _check_masses(masses.where, grid)
    return Limits(level, grid)


def _decision(table: Table) -> Decision:
    decision = Decision(
        discovery_local_z=table.number("discovery_local_z", 0),
        discovery_global_z=table.number("discovery_global_z", 0),
        evidence_global_z=table.number("evidence_global_z", 0),
        measurement_local_z=table.number("measurement_local_z", 0),
        normalisation_tolerance=table.number("normalisation_tolerance", 0),
    )
    table.done()
    if decision.evidence_global_z > decision.discovery_global_z:
        raise InputError(
            f"{table.where}: `evidence_global_z` must not be above `discovery_global_z`"
        )
    return decision


def _rising(where: str, *, low: float, high: float) -> None:
    if not low < high:
        raise InputError(f"{where}: `low` ({low:g}) must be below `high` ({high:g})")


def _on_grid(where: str, key: str, value: float, origin: float, step: float) -> None:
    """Refuse a `value` that is not a whole number of steps away from `origin`."""
    steps = (value - origin) / step if step else math.nan
    if not math.isfinite(steps) or abs(steps - round(steps)) > _ROUNDING:
        raise InputError(
            f"{where}, {key}: {value:g} is not a whole number of {step:g} GeV steps from {origin:g}"
        )


def _check_alignment(search: Search) -> None:
    """Refuse bins that would lie half in the window, and ranges that leave no sideband."""
    fit, window, spectrum, signal = search.fit, search.window, search.spectrum, search.signal
    ends = (spectrum.low_GeV, fit.low_GeV, fit.low_highest_GeV, window.low_GeV, signal.low_GeV,
            signal.high_GeV, window.high_GeV, fit.high_GeV, spectrum.high_GeV)  # fmt: skip
    strict = (fit.low_highest_GeV < window.low_GeV, window.high_GeV < fit.high_GeV)
    if list(ends) != sorted(ends) or not all(strict):
        raise InputError(
            f"{search.path}: the spectrum must hold [fit], [fit] must leave sidebands on both "
            "sides of [window], and [window] must hold the masses of [signal]"
        )
    for key, value in (("high", fit.high_GeV), ("low_step", fit.low_GeV + fit.low_step_GeV)):
        _on_grid(f"{search.path}, [fit]", key, value, fit.low_GeV, fit.bin_GeV)
    for key, value in (("low", window.low_GeV), ("high", window.high_GeV)):
        _on_grid(f"{search.path}, [window]", key, value, fit.low_GeV, fit.bin_GeV)
    for key, value in (("low", fit.low_GeV), ("bin", spectrum.low_GeV + fit.bin_GeV)):
        _on_grid(f"{search.path}, [fit]", key, value, spectrum.low_GeV, spectrum.bin_GeV)
