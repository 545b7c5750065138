"""Reading the search file: strictly, and only what makes sense together.

An entry that is missing, unknown, without its unit or out of range is refused with its name,
because a decision that is silently a default is no decision. How each is read stands with it in
`search`.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from analysis.settings import search as tables
from analysis.settings.user_expression import check_syntax
from analysis.settings.user_functions import check_user_functions, read_user_functions
from tools.errors import InputError
from tools.samples import AXIS, Axis, read_axis
from tools.settings_table import Table, read_toml
from tools.shown import shown

_REQUIREMENTS: dict[str, type[tables.Decided]] = {
    "photons": tables.PhotonRequirements, "events": tables.EventRequirements,
}  # fmt: skip
"""tables that may be left out, and whose entries may"""
_MAX_AXES = 50
"""that selections are made of"""

OneTable = TypeVar("OneTable", bound=tables.Decided)


def read_search(path: Path) -> tables.Search:
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
    document = Table(read_toml(path), f"{path}", keys=(*_keys(tables.Search), "functions"))
    own = (
        read_user_functions(document.table("functions")) if "functions" in document.content else {}
    )
    known = (*tables.FAMILIES, *own)
    functions = {"families": lambda table: table.choices("families", known), "own": lambda _: own}
    search = tables.Search(
        path,
        _read(tables.Window, document, "window"),
        _read(tables.SpectrumAxis, document, "spectrum"),
        _read(tables.Fit, document, "fit", **functions),
        _read(tables.PeakFit, document, "peak", **functions),
        _read(tables.Systematics, document, "systematics"),
        _masses(document.table("signal", ("masses",))),
        _read(tables.Optimise, document, "optimise", axes=_axes),
        _read(tables.Score, document, "score"),
        _read(tables.Limits, document, "limits", masses=_masses),
        _read(tables.Decision, document, "decision"),
    )
    if "label" in document.content:
        search = replace(search, label=_read(tables.Label, document, "label"))
    for name, kind in _REQUIREMENTS.items():
        if name in document.content:
            some: dict[str, Any] = {name: _read_some(kind, document, name)}
            search = replace(search, **some)
    _check_expressions(search)
    # [peak] takes its simplest function from [fit], which has been read by now.
    if search.fit.min_parameters > search.peak.max_parameters:
        raise InputError(
            f"{path}, [peak]: `max_parameters` must not be below `min_parameters` of [fit]"
        )
    _check_alignment(search)
    _check_limits(search)
    check_user_functions(f"{path}", own, search.fit, search.peak)
    return search


def _keys(kind: type[Any]) -> tuple[str, ...]:
    """Return the entries of a table, which are the fields of what is read from it."""
    # Of the user's functions the names stand in `families`, and the terms in a table of their own.
    names = (each.name.removesuffix("_GeV") for each in fields(kind))
    return tuple(name for name in names if name not in ("path", "own"))


def _read(
    kind: type[OneTable], inside: Table, name: str, **otherwise: Callable[[Table], Any]
) -> OneTable:
    """Read a table: each entry as the annotation of its field says, or `otherwise`."""
    table, values = inside.table(name, _keys(kind)), {}
    for each in fields(kind):  # type: ignore[arg-type] # all of them are dataclasses
        if each.name in otherwise:
            values[each.name] = otherwise[each.name](table)
        else:
            _, read = get_args(each.type)
            values[each.name] = read(table, each.name.removesuffix("_GeV"))
    found = kind(**values)
    found.check(table.where)
    return found


def _read_some(kind: type[OneTable], inside: Table, name: str) -> OneTable:
    """Read a table whose entries may be left out."""
    table = inside.table(name, _keys(kind))
    values = {}
    for each in fields(kind):  # type: ignore[arg-type] # all of them are dataclasses
        if each.name in table.content:
            _, read = get_args(each.type)
            values[each.name] = read(table, each.name)
    return kind(**values)


def _check_expressions(search: tables.Search) -> None:
    """Refuse requirements that are no expressions, whatever the columns are, or stand there twice.

    Raises
    ------
    InputError
        Naming table and entry.
    """
    photons = search.photons
    check_syntax(photons.order, f"{search.path}, [photons], order")
    for table, texts in (("photons", photons.require), ("events", search.events.require)):
        for number, text in enumerate(texts, start=1):
            where = f"{search.path}, [{table}], require {number}"
            check_syntax(text, where)
            if text in texts[: number - 1]:
                raise InputError(f"{where}: {shown(text)} stands there twice; leave one out")


def _masses(table: Table) -> tables.Signal:
    return _read(tables.Signal, table, "masses")


def _axes(table: Table) -> dict[str, Axis]:
    axes = {name: read_axis(axis) for name, axis in table.tables("axes", AXIS).items()}
    where = f"{table.where[:-1]}.axes]"
    if not axes:
        raise InputError(
            f"{where}: no column is here; name one or more, like "
            "n_jets = { bins = 12, low = 0, high = 12 }"
        )
    if len(axes) > _MAX_AXES:
        raise InputError(f"{where}: {len(axes):,} are too many; {_MAX_AXES} at most")
    return axes


def _check_limits(search: tables.Search) -> None:
    """Refuse limits where nothing is searched: there the background is fitted, and not tested."""
    asked, signal = search.limits.masses, search.signal
    for key, value in (("low", asked.low_GeV), ("high", asked.high_GeV)):
        if not signal.low_GeV <= value <= signal.high_GeV:
            raise InputError(
                f"{search.path}, [limits.masses], {key}: {value:g} GeV is not among the masses of "
                f"[signal], {signal.low_GeV:g} to {signal.high_GeV:g} GeV; change either"
            )


def _check_alignment(search: tables.Search) -> None:
    """Refuse bins that would lie half in the window, and ranges that leave no sideband."""
    fit, window, spectrum, signal = search.fit, search.window, search.spectrum, search.signal
    ends = (spectrum.low_GeV, fit.low_GeV, fit.low_highest_GeV, window.low_GeV, signal.low_GeV,
            signal.high_GeV, window.high_GeV, fit.high_GeV, spectrum.high_GeV)  # fmt: skip
    # Both sidebands must have bins: the prediction in the window is an interpolation.
    strict = (fit.low_highest_GeV < window.low_GeV, window.high_GeV < fit.high_GeV)
    if list(ends) != sorted(ends) or not all(strict):
        raise InputError(
            f"{search.path}: the spectrum must hold [fit], [fit] must leave sidebands on both "
            "sides of [window], and [window] must hold the masses of [signal]"
        )
    for key, value in (("high", fit.high_GeV), ("low_step", fit.low_GeV + fit.low_step_GeV)):
        tables.on_grid(f"{search.path}, [fit]", key, value, fit.low_GeV, fit.bin_GeV)
    for key, value in (("low", window.low_GeV), ("high", window.high_GeV)):
        tables.on_grid(f"{search.path}, [window]", key, value, fit.low_GeV, fit.bin_GeV)
    for key, value in (("low", fit.low_GeV), ("bin", spectrum.low_GeV + fit.bin_GeV)):
        tables.on_grid(f"{search.path}, [fit]", key, value, spectrum.low_GeV, spectrum.bin_GeV)
