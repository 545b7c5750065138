"""An inspection as text: a few lines for each file, and the command to type next."""

import shlex
from collections.abc import Iterable, Iterator

from analysis.inspection.found import Inspection, MassHistogram
from tools.names import MOST_NAMES, listed

CONVERTED = ("course",)
"""layouts that `xyy convert` reads as yet"""
_BARS = " ▁▂▃▄▅▆▇█"
_HIDDEN = "░"
_WIDTH = 60
"""characters of a spectrum at most"""


def lines(found: Iterable[Inspection]) -> list[str]:
    """Return what is printed."""
    told: list[str] = []
    for each in found:
        told += [each.file, *(f"  {label:9s} {text}" for label, text in _entries(each)), ""]
    return told[:-1]


def next_command(found: Inspection) -> str | None:
    """Return the command that goes on with a file, if there is one."""
    if not found.usable or found.layout not in CONVERTED:
        return None
    return f"xyy convert {shlex.quote(found.file)} --out chunks"


def _entries(found: Inspection) -> Iterator[tuple[str, str]]:
    yield "format", found.format
    for tree in found.trees:
        if tree.name:
            yield "tree", f"{tree.name}: {_entries_of(tree.entries)}, {tree.columns:,} columns"
    if not found.tree and found.entries is not None:
        yield "entries", f"{found.entries:,}"
    yield from _of_layout(found)
    yield from _of_photons(found)
    for note in found.notes:
        yield "note", note
    for problem in found.problems:
        place = (
            ""
            if problem.where == found.file
            else f" ({problem.where.removeprefix(found.file).lstrip(' ,')})"
        )
        yield "PROBLEM", f"{problem.what}{place}; {problem.do}"
    if found.next:
        yield "next", found.next
    elif found.usable:
        yield "next", "`xyy convert` does not read this layout yet"


def _entries_of(entries: int | None) -> str:
    return "entries not counted" if entries is None else f"{entries:,} entries"


def _of_layout(found: Inspection) -> Iterator[tuple[str, str]]:
    if found.layout is not None:
        taken = ", ".join(f"{name} ({kind})" for name, kind in found.taken.items())
        yield "layout", f"{found.layout}: {found.about}"
        yield "", f"it has {taken}; momenta in {found.unit}"
    if rest := [f"{n} ({kind})" for n, kind in found.columns.items() if n not in found.taken]:
        yield (
            "columns",
            f"{listed(rest)}" + ("; --json lists all" if len(rest) > MOST_NAMES else ""),
        )


def _of_photons(found: Inspection) -> Iterator[tuple[str, str]]:
    if found.events_with_two_photons is None:
        return
    median = "" if found.median_pt_GeV is None else f", median pT {found.median_pt_GeV:.3g} GeV"
    yield (
        "photons",
        f"{found.photons:,}{median}; two or more in {found.events_with_two_photons:,} events",
    )
    mass = found.m_yy_GeV
    if mass is not None:
        yield (
            "m_yy",
            (
                f"mean {mass.mean:.5g} GeV, standard deviation {mass.std:.4g}, "
                f"{mass.min:.4g} to {mass.max:.4g}"
            ),
        )
    elif found.m_yy_reason:
        yield "m_yy", found.m_yy_reason
    if found.spectrum is not None:
        yield "", _drawn(found.spectrum)


def _drawn(spectrum: MassHistogram) -> str:
    """Return a spectrum in one line, each bin a character; bins are equal in log m.

    >>> _drawn(MassHistogram((10.0, 20.0, 40.0), (8, 3), None))
    '10 GeV █▃ 40 GeV (log m)'
    >>> _drawn(MassHistogram((10.0, 20.0, 40.0, 80.0), (8, 0, 3), (25.0, 35.0)))
    '10 GeV █░▃ 80 GeV (log m; ░ blind)'
    """
    step = -(-len(spectrum.events) // _WIDTH)
    starts = range(0, len(spectrum.events), step)
    sums = [sum(spectrum.events[i : i + step]) for i in starts]
    edges = [*(spectrum.edges_GeV[i] for i in starts), spectrum.edges_GeV[-1]]
    highest = max(sums)
    bars = ""
    for low, high, events in zip(edges[:-1], edges[1:], sums, strict=True):
        hidden = (
            spectrum.blind_GeV is not None
            and low < spectrum.blind_GeV[1]
            and high > spectrum.blind_GeV[0]
        )
        bars += _HIDDEN if hidden else _BARS[-(-8 * events // highest)]
    blind = f"; {_HIDDEN} blind" if _HIDDEN in bars else ""
    return f"{edges[0]:.3g} GeV {bars} {edges[-1]:.3g} GeV (log m{blind})"
