"""An inspection as text: a few lines for each file, and the command to type next."""

import math
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from analysis.inspection.found import Inspection, MassHistogram
from analysis.settings.settings_check import check_manifest
from processors.survey import hidden_GeV
from tools.checkout import find_settings
from tools.errors import InputError
from tools.layouts import CHUNK
from tools.manifest import read_manifest
from tools.names import MOST_NAMES, listed
from tools.samples import Catalogue
from tools.shown import brief

_SAMPLE = "SAMPLE"
"""stands for the name of one"""
_OWN = ("MY-SAMPLES.toml", "MY-SEARCH.toml")
"""stand for settings files"""
_BARS = " ▁▂▃▄▅▆▇█"
_HIDDEN = "░"
_WIDTH = 60
"""characters of a spectrum at most"""


def lines(found: Iterable[Inspection], samples: Sequence[str]) -> list[str]:
    """Return what is printed; `samples` are the names that a file may be given to."""
    told: list[str] = []
    for each in found:
        entries = (f"  {label:9s} {text}" for label, text in _entries(each, samples))
        told += [brief(each.file, len(each.file)), *entries, ""]
    return told[:-1]


def next_command(found: Inspection, catalogue: Catalogue) -> str | None:
    """Return the command that goes on with a file, if there is one."""
    if not found.usable or found.entries == 0:
        return None
    path = Path(found.file)
    if found.layout == CHUNK:
        return _next_of_chunk(path, catalogue)
    known = any(path.match(p) for sample in catalogue.samples.values() for p in sample.files)
    named = found.file if known else f"{_SAMPLE}={found.file}"
    words = ("xyy", "convert", named, "--out", "results/chunks")
    return shlex.join((*words, *_with_samples(catalogue)))


def _next_of_chunk(path: Path, catalogue: Catalogue) -> str | None:
    folder = Path(os.path.relpath(path.absolute().parent.parent))
    try:
        manifest = read_manifest(folder)
    except InputError:  # it was taken out of its folder
        return None
    words = ("xyy", "process", str(folder), "--out", "results/mine")
    try:
        check_manifest(manifest, catalogue, (column.name for column in catalogue.columns))
    except InputError:
        return shlex.join((*words, "--samples", _OWN[0], "--search", _OWN[1]))
    return shlex.join((*words, *_with_samples(catalogue)))


def _with_samples(catalogue: Catalogue) -> tuple[str, ...]:
    usual = catalogue.path.resolve() == find_settings("datasets/course.toml").resolve()
    return () if usual else ("--samples", str(catalogue.path))


def _entries(found: Inspection, samples: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield labels and texts; an entry without a label goes on with the one before."""
    yield "format", found.format
    for tree in found.trees:
        if tree.name:
            yield "tree", f"{tree.name}: {tree.entries:,} entries, {tree.columns:,} columns"
    if not found.tree and found.entries is not None:
        yield "entries", f"{found.entries:,}"
    yield from _of_layout(found)
    yield from _of_photons(found)
    yield from (("note", note) for note in found.notes)
    for problem in found.problems:
        place = problem.where.removeprefix(found.file).lstrip(" ,")
        yield "PROBLEM", f"{problem.what}{f' ({place})' if place else ''}; {problem.do}"
    if found.usable:
        yield "next", found.next or "nothing"
    if found.next and f"{_SAMPLE}=" in found.next:
        yield "", f"{_SAMPLE} is one of {listed(samples)}, or of a samples file of yours"
    if found.next and _OWN[0] in found.next:
        yield "", "with settings of yours: these chunks have not all columns of the samples file"


def _of_layout(found: Inspection) -> Iterator[tuple[str, str]]:
    if found.layout is not None:
        yield "layout", f"{found.layout}: {found.about}"
        yield "", f"it has {_typed(found.taken)}; momenta in {found.momentum_unit}"
    rest = {name: kind for name, kind in found.columns.items() if name not in found.taken}
    if rest:
        yield "columns", _typed(rest) + ("; --json lists all" if len(rest) > MOST_NAMES else "")


def _typed(columns: Mapping[str, str]) -> str:
    return listed(f"{brief(name) or repr(name)} ({kind})" for name, kind in columns.items())


def _of_photons(found: Inspection) -> Iterator[tuple[str, str]]:
    if found.events_with_two_photons is None:
        return
    median = "" if found.median_pt_GeV is None else f", median pT {found.median_pt_GeV:.3g} GeV"
    where = "" if found.blind_GeV is None else " outside the window"
    told = f"{found.photons:,}{where}{median}; two or more in"
    yield "photons", f"{told} {found.events_with_two_photons:,} events"
    if mass := found.m_yy_GeV:
        spread = f"standard deviation {mass.std:.4g}, {mass.min:.4g} to {mass.max:.4g}"
        yield "m_yy", f"mean {mass.mean:.5g} GeV, {spread}"
        yield (
            "",
            "(of the two photons of largest pT, in whatever order they stand; without weights)",
        )
    elif found.m_yy_reason and found.m_yy_reason not in found.notes:
        yield "m_yy", found.m_yy_reason
    if found.spectrum is not None:
        yield "", _drawn(found.spectrum, found.blind_GeV)


def _drawn(spectrum: MassHistogram, blind: tuple[float, float] | None = None) -> str:
    """Return a spectrum in one line, each bin (or some, if they are many) a character.

    >>> _drawn(MassHistogram((10.0, 20.0, 40.0), (8, 3)))
    '10 GeV █▃ 40 GeV (log m)'
    >>> _drawn(MassHistogram((10.0, 20.0, 40.0, 80.0), (8, 0, 3)), (25.0, 35.0))
    '10 GeV █░▃ 80 GeV (log m, ░ blind)'
    """
    step = math.ceil(len(spectrum.events) / _WIDTH)
    sums = [sum(spectrum.events[i : i + step]) for i in range(0, len(spectrum.events), step)]
    edges = [*spectrum.edges_GeV[:-1:step], spectrum.edges_GeV[-1]]
    bars = [_BARS[math.ceil((len(_BARS) - 1) * events / max(sums))] for events in sums]
    if blind is not None:
        bars = [
            _HIDDEN if any(begin < high and end > low for low, high in hidden_GeV(blind)) else bar
            for bar, begin, end in zip(bars, edges[:-1], edges[1:], strict=True)
        ]
    hidden = f", {_HIDDEN} blind" if _HIDDEN in bars else ""
    return f"{edges[0]:.3g} GeV {''.join(bars)} {edges[-1]:.3g} GeV (log m{hidden})"
