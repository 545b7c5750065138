"""The page of a campaign: Markdown and figures, made of ``closure.json`` and of nothing else."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.report.plots import closure as figures
from analysis.report.plots.style import Header, encode
from analysis.results.checks import Check
from analysis.results.closure import (
    Closure,
    EventsComparison,
    Fraction,
    UniversesInBin,
    UniverseVerdict,
)
from tools.atomic import write_bytes
from tools.errors import InputError

_FIGURES: Mapping[str, tuple[Callable[..., Any], str]] = {
    "verdicts": (figures.verdicts, "What was decided, by what is true"),
    "power": (figures.power, "How often an X is claimed, against its cross-section"),
    "pulls": (figures.pulls, "Pulls of mass and cross-section, X of expected local Z above 6"),
    "coverage": (figures.coverage, "Coverage against the cross-section"),
    "empty_local_z": (
        figures.empty_local_z,
        "Largest local significance without X; line: the formula of Gross and Vitells",
    ),
    "empty_global_p": (figures.empty_global_p, "Global p-value without X, by the formula"),
}
_MADE_BY = "xyy closure --page"
_TITLES = {
    "empty": "Universes without X",
    "x": "Universes with X",
    "limits": "Limit at the true mass",
}
_TEXT = """
Each universe has a background of its own: scale, tail and normalisation of the mass spectrum, and
laws of jets and isolations, which decide how much of it is selected. Its selected spectrum is
{made}; the analysis then does with it what `xyy run` does: a tournament of background
functions on its sidebands, the scan, the global significance with the upcrossings of its own frozen
model, the measurement, and the verdict. Where the formula gives a global significance from 2.5 to
3.7, {toys:,} toys of the whole procedure are thrown, too ({looks} universes); below, the verdict is
a limit without them, above, they would not change it. Limits are CLs of the true cross-section at
the true mass by the asymptotic formula.
"""
_FROM_MODEL = "drawn from that model, with exact efficiencies of a signal"
_FROM_EVENTS = "that of events that went through all of `xyy run`"


def write_page(closure: Closure, path: Path, header: Header) -> None:
    """Write the page beside its result file, and the figures in a folder of its name.

    Parameters
    ----------
    closure : Closure
    path : Path
        The result file: ``calibration.json`` gets ``calibration.md``, ``calibration/*.png``.
    header : Header
        What stands on the figures.

    Raises
    ------
    InputError
        If another page is there.
    """
    folder, page, drawn = path.with_suffix(""), path.with_suffix(".md"), []
    if page.exists() and _MADE_BY not in page.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            f"{page} is there, was not written by xyy, and would be replaced; move it away"
        )
    for name, (draw, caption) in _FIGURES.items():
        if _has(closure, name):
            write_bytes(folder / f"{name}.png", encode(draw(closure, header), "png"))
            drawn.append((name, caption))
    text = "\n".join(_lines(closure, path, drawn)) + "\n"
    write_bytes(page, text.encode())


def _has(closure: Closure, name: str) -> bool:
    """Tell whether there are universes for a figure."""
    histograms = closure.histograms
    needed = {
        "verdicts": closure.verdicts.n,
        "power": sum(each.claimed.n for each in closure.power),
        "pulls": sum(histograms.mass_pull.counts),
        "coverage": closure.coverage.limit_95.n,
        "empty_local_z": sum(histograms.local_z.counts),
        "empty_global_p": sum(histograms.global_p.counts),
    }
    return bool(needed[name])


def _lines(closure: Closure, path: Path, drawn: Sequence[tuple[str, str]]) -> Iterator[str]:
    judged, missed = closure.judged
    looks = closure.second_looks
    yield "# Calibration on parallel universes"
    yield ""
    yield (
        f"Made of [{path.name}]({path.name}) by `{_MADE_BY} {path.name}`; that file by\n\n"
        f"```sh\n{command(closure)}\n```\n"
    )
    yield (
        f"{closure.universes:,} universes of the course, {closure.empty:,} without X, "
        f"{closure.with_x:,} more with X; channels: {', '.join(closure.channels)}."
    )
    made = _FROM_EVENTS if closure.events else _FROM_MODEL
    yield _TEXT.format(made=made, toys=looks.toys_each, looks=looks.universes)
    if judged:
        yield f"**{judged - missed} of {judged} numbers are what was wanted.**"
        yield "The others are marked with ✗. Errors are those of the number of universes."
    for section, title in _TITLES.items():
        rows = [check for check in closure.checks if check.section == section and check.toys]
        if rows:
            yield from ("", f"## {title}", "")
            yield from _table(rows)
    yield from ("", "## By strength", "")
    yield from _strengths(closure.by_expected_z)
    for name, caption in drawn:
        yield from ("", f"![{caption}]({path.stem}/{name}.png)", "", f"*{caption}.*")
    if closure.events:
        yield from _events(closure.events)
    yield from ("", "## What was chosen", "")
    for name, part in closure.functions.items():
        yield f"- {name}: {part:.1%}"


def command(closure: Closure) -> str:
    """Return the command that makes a result."""
    words = [
        f"xyy closure --universes {closure.universes} --empty {closure.empty}",
        f"--with-x {closure.with_x} --seed {closure.seed}",
    ]
    for option, values in (
        ("masses", closure.masses_GeV),
        ("cross-sections", closure.cross_sections_pb),
    ):
        if values:
            words.append(f"--{option} {','.join(f'{value:g}' for value in values)}")
    words += ["--events"] if closure.events else []
    return " ".join([*words, "--out DIR"])


def _events(events: EventsComparison) -> Iterator[str]:
    """Yield the verdicts from events and from spectra beside each other."""
    yield from ("", "## From events and from their spectra", "")
    yield f"The same verdict in {events.same_verdicts} of {events.n} universes."
    yield ""
    yield "| universe | from events | local Z | from the spectrum | local Z |"
    yield "|---|---|---|---|---|"
    for each in events.each:
        yield f"| {each.universe} | {_verdict(each.chain)} | {_verdict(each.spectrum)} |"


def _verdict(verdict: UniverseVerdict) -> str:
    return f"{verdict.decision} | {verdict.local_z:.4g}"


def _table(rows: Sequence[Check]) -> Iterator[str]:
    yield "| | | observed | wanted | universes |"
    yield "|---|---|---|---|---|"
    for row in rows:
        yield f"| {row.setting} | {row.what} | {_value(row)} | {row.wanted} | {row.toys:,} |"


def _value(row: Check) -> str:
    if row.error is None or math.isnan(row.observed):
        return "too few"
    return f"{row.observed:.4g} ± {row.error:.2g}{' ✗' if row.meets is False else ''}"


def _strengths(rows: Sequence[UniversesInBin]) -> Iterator[str]:
    yield "| expected local Z | universes | claimed | verdict right | limit covers |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if row.claimed.n:
            cells = map(_rate, (row.claimed, row.right, row.limit_95))
            place = f"{row.low:g} to {row.high:g}"
            yield f"| {place} | {row.claimed.n:,} | {' | '.join(cells)} |"


def _rate(rate: Fraction) -> str:
    return f"{rate.value:.3f} ± {rate.error:.3f}"
