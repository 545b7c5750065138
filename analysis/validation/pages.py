"""The pages: Markdown, made of a result file and of nothing else; of universes with figures."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from analysis.report.plots import closure as figures
from analysis.report.plots.style import Header, encode
from analysis.results.calibration import SearchCalibration
from analysis.results.checks import Check
from analysis.results.closure import Closure, Fraction
from tools.atomic import write_bytes
from tools.errors import InputError

_FIGURES: Mapping[str, tuple[Callable[..., Any], str, Callable[[Closure], int]]] = {
    "verdicts": (
        figures.verdicts, "What was decided, by what is true", lambda told: told.verdicts.n
    ),
    "power": (
        figures.power, "How often an X is claimed, against its cross-section",
        lambda told: sum(each.claimed.n for each in told.power),
    ),
    "pulls": (
        figures.pulls, "Pulls of mass and cross-section, X of expected local Z above 6",
        lambda told: sum(told.histograms.mass_pull.counts),
    ),
    "coverage": (
        figures.coverage, "Coverage against the cross-section",
        lambda told: told.coverage.limit_95.n,
    ),
    "empty_local_z": (
        figures.empty_local_z,
        "Largest local significance without X; line: the formula of Gross and Vitells",
        lambda told: sum(told.histograms.local_z.counts),
    ),
    "empty_global_p": (
        figures.empty_global_p, "Global p-value without X, by the formula",
        lambda told: sum(told.histograms.global_p.counts),
    ),
}  # fmt: skip
"""function, caption, and how many universes are drawn"""
_MADE_BY = "xyy closure --page"


def _rendered(template: str, told: Closure | SearchCalibration, **more: object) -> str:
    """Return a page; its template has what is told, how many numbers were judged, and some more."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(  # noqa: S701 - it is Markdown, for a repository of ours
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    text = files("analysis.validation").joinpath("templates", template).read_text(encoding="utf-8")
    judged, missed = told.judged
    page = environment.from_string(text)
    return page.render(told=told, judged=judged, missed=missed, number="{:,}".format, **more)


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
    page, drawn = path.with_suffix(".md"), {}
    if page.exists() and _MADE_BY not in page.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            f"{page} is there, was not written by xyy, and would be replaced; move it away"
        )
    for name, (draw, caption, universes) in _FIGURES.items():
        if universes(closure):
            picture = encode(draw(closure, header), "png")
            write_bytes(path.with_suffix("") / f"{name}.png", picture)
            drawn[name] = caption
    text = _rendered(
        "universes.md", closure, file=path.name, stem=path.stem, made_by=_MADE_BY, drawn=drawn,
        command=command(closure), value=_value, rate=_rate,
    )  # fmt: skip
    write_bytes(page, text.encode())


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


def _value(row: Check) -> str:
    if row.error is None or math.isnan(row.observed):
        return "too few"
    return f"{row.observed:.4g} ± {row.error:.2g}{_mark(row)}"


def _mark(row: Check) -> str:
    return " ✗" if row.meets is False else ""


def _rate(rate: Fraction) -> str:
    return f"{rate.value:.3f} ± {rate.error:.3f}"


def page_of_toys(told: SearchCalibration) -> str:
    """Return the page of what toys showed."""
    file, option = (
        ("statistics_categories.json", " --categories") if told.parts else ("statistics.json", "")
    )
    rows = {check.section: [c for c in told.checks if c.section == check.section]
            for check in told.checks}  # fmt: skip
    return _rendered(
        "toys.md", told, file=file, made_by=f"python -m analysis.validation{option} --page",
        tables={section: "\n".join(_table(own)) for section, own in rows.items()},
        fractions=lambda parts: " / ".join(f"{part:.2g}" for part in parts),
    )  # fmt: skip


def _table(rows: Sequence[Check]) -> Iterator[str]:
    """Yield a table: settings down, numbers across; what is wanted stands in a number's head."""
    columns = list(dict.fromkeys(row.what for row in rows))
    by_place = {(row.setting, row.what): row for row in rows}
    heads = {what: {row.wanted for row in rows if row.what == what} - {""} for what in columns}
    titles = [f"{c} ({'; '.join(sorted(heads[c]))})" if heads[c] else c for c in columns]
    yield f"| | {' | '.join(titles)} |"
    yield f"|---|{'---|' * len(columns)}"
    for setting in dict.fromkeys(row.setting for row in rows):
        cells = (_cell(by_place.get((setting, what))) for what in columns)
        yield f"| {setting} | {' | '.join(cells)} |"


def _cell(row: Check | None) -> str:
    if row is None or not math.isfinite(row.observed):
        return ""
    known = row.error is not None and math.isfinite(row.error)
    error = f" ± {row.error:.2g}" if known else ""
    return f"{row.observed:.3g}{error}{_mark(row)}"
