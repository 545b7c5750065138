"""The page of a campaign: Markdown and figures, made of ``closure.json`` and of nothing else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.calibration.report import wanted
from analysis.closure.report import summary
from analysis.plots import closure as figures
from analysis.plots.style import Header, encode
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


def write_page(document: Mapping[str, Any], path: Path, header: Header) -> None:
    """Write the page beside its document, and the figures in a folder of its name.

    Parameters
    ----------
    document : mapping
        Content of ``closure.json``.
    path : Path
        Where the document is: ``calibration.json`` gets ``calibration.md``, ``calibration/*.png``.
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
        if _has(document, name):
            write_bytes(folder / f"{name}.png", encode(draw(document, header), "png"))
            drawn.append((name, caption))
    text = "\n".join(_lines(document, path, drawn)) + "\n"
    write_bytes(page, text.encode())


def _has(document: Mapping[str, Any], name: str) -> bool:
    """Tell whether there are universes for a figure."""
    histograms = document["histograms"]
    needed = {
        "verdicts": document["verdicts"]["n"],
        "power": sum(row["claimed"]["n"] for row in document["power"]),
        "pulls": sum(histograms["mass_pull"]["counts"]),
        "coverage": document["coverage"]["limit_95"]["n"],
        "empty_local_z": sum(histograms["local_z"]["counts"]),
        "empty_global_p": sum(histograms["global_p"]["counts"]),
    }
    return bool(needed[name])


def _lines(
    document: Mapping[str, Any], path: Path, drawn: Sequence[tuple[str, str]]
) -> Iterator[str]:
    judged, missed = summary(document)
    looks = document["second_looks"]
    yield "# Calibration on parallel universes"
    yield ""
    yield (
        f"Made of [{path.name}]({path.name}) by `{_MADE_BY} {path.name}`; that file by\n\n"
        f"```sh\n{command(document)}\n```\n"
    )
    yield (
        f"{document['universes']:,} universes of the course, {document['empty']:,} without X, "
        f"{document['with_x']:,} more with X; channels: {', '.join(document['channels'])}."
    )
    made = _FROM_EVENTS if "events" in document else _FROM_MODEL
    yield _TEXT.format(made=made, toys=looks["toys_each"], looks=looks["universes"])
    if judged:
        yield f"**{judged - missed} of {judged} numbers are what was wanted.**"
        yield "The others are marked with ✗. Errors are those of the number of universes."
    for section, title in _TITLES.items():
        rows = [
            check for check in document["checks"] if check["section"] == section and check["toys"]
        ]
        if rows:
            yield from ("", f"## {title}", "")
            yield from _table(rows)
    yield from ("", "## By strength", "")
    yield from _strengths(document["by_expected_z"])
    for name, caption in drawn:
        yield from ("", f"![{caption}]({path.stem}/{name}.png)", "", f"*{caption}.*")
    if "events" in document:
        yield from _events(document["events"])
    yield from ("", "## What was chosen", "")
    for name, part in document["functions"].items():
        yield f"- {name}: {part:.1%}"


def command(document: Mapping[str, Any]) -> str:
    """Return the command that makes a document."""
    options = ("universes", "empty", "with_x", "seed")
    words = ["xyy closure", *(f"--{name.replace('_', '-')} {document[name]}" for name in options)]
    for option in ("masses_GeV", "cross_sections_pb"):
        if document[option]:
            name = option.rsplit("_", 1)[0].replace("_", "-")
            words.append(f"--{name} {','.join(f'{value:g}' for value in document[option])}")
    words += ["--events"] if "events" in document else []
    return " ".join([*words, "--out DIR"])


def _events(events: Mapping[str, Any]) -> Iterator[str]:
    """Yield the verdicts from events and from spectra beside each other."""
    yield from ("", "## From events and from their spectra", "")
    yield f"The same verdict in {events['same_verdicts']} of {events['n']} universes."
    yield ""
    yield "| universe | from events | local Z | from the spectrum | local Z |"
    yield "|---|---|---|---|---|"
    for row in events["each"]:
        cells = (
            f"{row[key]['decision']} | {row[key]['local_z']:.4g}" for key in ("chain", "spectrum")
        )
        yield f"| {row['universe']} | {' | '.join(cells)} |"


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| | | observed | wanted | universes |"
    yield "|---|---|---|---|---|"
    for row in rows:
        mark = " ✗" if row["meets"] is False else ""
        value = f"{row['observed']:.4g} ± {row['error']:.2g}{mark}"
        yield f"| {row['setting']} | {row['what']} | {value} | {wanted(row)} | {row['toys']:,} |"


def _strengths(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| expected local Z | universes | claimed | verdict right | limit covers |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if row["claimed"]["n"]:
            cells = (_rate(row[key]) for key in ("claimed", "right", "limit_95"))
            place = f"{row['low']:g} to {row['high']:g}"
            yield f"| {place} | {row['claimed']['n']:,} | {' | '.join(cells)} |"


def _rate(rate: Mapping[str, Any]) -> str:
    return f"{rate['value']:.3f} ± {rate['error']:.3f}"
