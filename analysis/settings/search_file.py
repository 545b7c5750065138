"""Reading the search file: strictly, and only what makes sense together.

An entry that is missing, unknown, without its unit or out of range is refused with its name,
because a decision that is silently a default is no decision.

Bins must line up: the window and the fit range end on edges of the fit's bins, and those on edges
of the spectrum's, so that no bin is ever half in the window.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from analysis.settings.own_functions import check_own_functions, read_own_functions
from analysis.settings.search import (
    FAMILIES,
    FIGURES_OF_MERIT,
    METHODS,
    SCORES,
    Decision,
    Fit,
    Label,
    Limits,
    Optimise,
    PeakFit,
    Score,
    Search,
    Signal,
    SpectrumAxis,
    Systematics,
    Window,
)
from tools.errors import InputError
from tools.samples import AXIS, LARGEST, read_axis
from tools.settings_table import Table, read_toml

MOST_MASSES = 2000
"""steps of a grid of masses"""
_MOST_BINS = 100_000
"""of the spectrum"""
MOST_FIT_BINS = 5000
"""of a fit: each makes a model of its own at every mass with a limit"""
_MOST_RANGES = 100
"""that are tried one after the other"""
_MOST_SIGMA, _MOST_EVENTS = 1000, 1e15
"""of a threshold in standard deviations or errors; and in events"""
_MOST_AXES = 50
"""that selections are made of"""
_ROUNDING = 1e-9
"""of a number of steps"""
_LABEL_LENGTH = 16
"""characters of a label that leave room for a legend"""


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
    document = Table(read_toml(path), f"{path}", keys=(*_keys(Search), "functions"))
    own = read_own_functions(document.table("functions")) if "functions" in document.content else {}
    search = Search(
        path=path,
        window=_window(document.table("window", _keys(Window))),
        spectrum=_spectrum(document.table("spectrum", _keys(SpectrumAxis))),
        fit=_fit(document.table("fit", _keys(Fit)), own),
        peak=_peak(document.table("peak", _keys(PeakFit)), own),
        systematics=_systematics(document.table("systematics", _keys(Systematics))),
        signal=_signal(document.table("signal", ("masses",))),
        optimise=_optimise(document.table("optimise", _keys(Optimise))),
        score=_score(document.table("score", _keys(Score))),
        limits=_limits(document.table("limits", _keys(Limits))),
        decision=_decision(document.table("decision", _keys(Decision))),
        label=_label(document),
    )
    if search.fit.min_parameters > search.peak.max_parameters:
        raise InputError(
            f"{path}, [peak]: `max_parameters` must not be below `min_parameters` of [fit]"
        )
    _check_alignment(search)
    _check_limits(search)
    check_own_functions(f"{path}", own, search.fit, search.peak)
    return search


def _keys(kind: type[Any]) -> tuple[str, ...]:
    """Return the entries of a table, which are the fields of what is read from it."""
    names = (each.name.removesuffix("_GeV") for each in fields(kind))
    return tuple(name for name in names if name not in ("path", "own"))


def _window(table: Table) -> Window:
    window = Window(table.edge("low"), table.energy("high"))
    _rising(table.where, low=window.low_GeV, high=window.high_GeV)
    return window


def _spectrum(table: Table) -> SpectrumAxis:
    axis = SpectrumAxis(table.edge("low"), table.energy("high"), table.energy("bin"))
    _rising(table.where, low=axis.low_GeV, high=axis.high_GeV)
    _on_grid(table.where, "bin", axis.high_GeV, axis.low_GeV, axis.bin_GeV)
    _not_too_many(table.where, "bin", (axis.high_GeV - axis.low_GeV) / axis.bin_GeV, _MOST_BINS)
    return axis


def _fit(table: Table, own: Mapping[str, tuple[str, ...]]) -> Fit:
    fit = Fit(
        low_GeV=table.energy("low"),
        low_highest_GeV=table.energy("low_highest"),
        low_step_GeV=table.energy("low_step"),
        high_GeV=table.energy("high"),
        bin_GeV=table.energy("bin"),
        families=table.choices("families", (*FAMILIES, *own)),
        min_parameters=table.integer("min_parameters", 2, 10),
        max_parameters=table.integer("max_parameters", 2, 10),
        gof_pvalue=table.number("gof_pvalue", 0, 1),
        closure_bias=table.number("closure_bias", 0, _MOST_SIGMA),
        own=own,
    )
    if fit.low_GeV > fit.low_highest_GeV:
        raise InputError(f"{table.where}: `low` must not be above `low_highest`")
    if fit.min_parameters > fit.max_parameters:
        raise InputError(f"{table.where}: `min_parameters` must not be above `max_parameters`")
    _on_grid(table.where, "low_highest", fit.low_highest_GeV, fit.low_GeV, fit.low_step_GeV)
    for key, length, step, most in (
        ("low_step", fit.low_highest_GeV - fit.low_GeV, fit.low_step_GeV, _MOST_RANGES),
        ("bin", fit.high_GeV - fit.low_GeV, fit.bin_GeV, MOST_FIT_BINS),
    ):
        _not_too_many(table.where, key, length / step, most)
    return fit


def _peak(table: Table, own: Mapping[str, tuple[str, ...]]) -> PeakFit:
    return PeakFit(
        families=table.choices("families", (*FAMILIES, *own)),
        max_parameters=table.integer("max_parameters", 2, 10),
        spurious_signal=table.number("spurious_signal", 0, _MOST_SIGMA),
        bend=table.number("bend", 0, 0.5),
        global_toys=table.integer("global_toys", 0, 10_000_000),
        own=own,
    )


def _systematics(table: Table) -> Systematics:
    return Systematics(
        luminosity=table.number("luminosity", 0, 0.5),
        efficiency=table.number("efficiency", 0, 0.5),
        energy_scale=table.number("energy_scale", 0, 0.1),
        resolution=table.number("resolution", 0, 0.5),
    )


def _signal(table: Table) -> Signal:
    masses = table.table("masses", _keys(Signal))
    grid = Signal(masses.energy("low"), masses.energy("high"), masses.energy("step"))
    _rising(masses.where, low=grid.low_GeV, high=grid.high_GeV)
    _on_grid(masses.where, "step", grid.high_GeV, grid.low_GeV, grid.step_GeV)
    _not_too_many(masses.where, "step", (grid.high_GeV - grid.low_GeV) / grid.step_GeV, MOST_MASSES)
    return grid


def _optimise(table: Table) -> Optimise:
    axes = {name: read_axis(axis) for name, axis in table.tables("axes", AXIS).items()}
    if not axes:
        raise InputError(
            f"{table.where[:-1]}.axes]: no column is here; name one or more, like "
            "n_jets = { bins = 12, low = 0, high = 12 }"
        )
    if len(axes) > _MOST_AXES:
        raise InputError(
            f"{table.where[:-1]}.axes]: {len(axes):,} are too many; {_MOST_AXES} at most"
        )
    cuts = table.table("course_cuts")
    return Optimise(
        figure_of_merit=table.choice("figure_of_merit", FIGURES_OF_MERIT),
        background_error=table.number("background_error", 0, 10),
        reference_signal=table.text("reference_signal"),
        min_background_events=table.number("min_background_events", 0, _MOST_EVENTS),
        axes=axes,
        course_cuts={name: cuts.number(name, -LARGEST, LARGEST) for name in cuts.content},
        method=table.choice("method", METHODS),
    )


def _score(table: Table) -> Score:
    score = Score(
        kind=table.choice("kind", SCORES),
        most_categories=table.integer("most_categories", 1, 50),
        least_categories=table.integer("least_categories", 1, 50),
        least_gain=table.number("least_gain", 0, 1),
        sideband_events=table.number("sideband_events", 0, _MOST_EVENTS),
        background_events=table.number("background_events", 1, _MOST_EVENTS),
        mass_columns=table.boolean("mass_columns"),
    )
    if score.least_categories > score.most_categories:
        raise InputError(f"{table.where}: `least_categories` must not be above `most_categories`")
    return score


def _limits(table: Table) -> Limits:
    return Limits(table.number("confidence_level", 0.5, 0.999), _signal(table))


def _decision(table: Table) -> Decision:
    decision = Decision(
        discovery_local_z=table.number("discovery_local_z", 0, _MOST_SIGMA),
        discovery_global_z=table.number("discovery_global_z", 0, _MOST_SIGMA),
        evidence_global_z=table.number("evidence_global_z", 0, _MOST_SIGMA),
        measurement_local_z=table.number("measurement_local_z", 0, _MOST_SIGMA),
        normalisation_tolerance=table.number("normalisation_tolerance", 0, 1000),
    )
    if decision.evidence_global_z > decision.discovery_global_z:
        raise InputError(
            f"{table.where}: `evidence_global_z` must not be above `discovery_global_z`"
        )
    return decision


def _label(document: Table) -> Label:
    if "label" not in document.content:
        return Label()
    table = document.table("label", _keys(Label))
    return Label(table.words("experiment", _LABEL_LENGTH), table.words("status", _LABEL_LENGTH))


def _rising(where: str, *, low: float, high: float) -> None:
    if not low < high:
        raise InputError(f"{where}: `low` ({low:g}) must be below `high` ({high:g})")


def _on_grid(where: str, key: str, value: float, origin: float, step: float) -> None:
    """Refuse a `value` that is not a whole number of steps away from `origin`."""
    steps = (value - origin) / step
    far = value != origin and round(steps) == 0
    if far or abs(steps - round(steps)) > _ROUNDING * max(1.0, steps):
        raise InputError(
            f"{where}, {key}: {value:g} is not a whole number of {step:g} GeV steps from {origin:g}"
        )


def _not_too_many(where: str, key: str, steps: float, most: int) -> None:
    if steps > most:
        raise InputError(f"{where}, {key}: it makes {steps:,.0f} steps, {most:,} at most; raise it")


def _check_limits(search: Search) -> None:
    """Refuse limits where nothing is searched: there the background is fitted, and not tested."""
    asked, signal = search.limits.masses, search.signal
    for key, value in (("low", asked.low_GeV), ("high", asked.high_GeV)):
        if not signal.low_GeV <= value <= signal.high_GeV:
            raise InputError(
                f"{search.path}, [limits.masses], {key}: {value:g} GeV is not among the masses of "
                f"[signal], {signal.low_GeV:g} to {signal.high_GeV:g} GeV; change either"
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
