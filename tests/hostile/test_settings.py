"""Random edits of settings files and of a spectrum: either refused in one message, or read right.

Twenty thousand edits in full (``XYY_HOSTILE=1``), a twentieth unless that is said. They are read by
what `xyy run` and `xyy infer --spectrum` do before the first event. Each edit follows from its kind
and number, so that what fails can be made again: ``edited("search", 17)``.
"""

import contextlib
import math
import os
import random
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from analysis.commands.options import SettingsFiles, search_of
from analysis.folder.decisions import decisions, hashes
from analysis.settings.settings_check import check_run
from analysis.statistics.spectrum_search import model_selection_of
from analysis.workflow.infer_spectrum import binned_spectrum, read_range
from analysis.workflow.process import processor_settings
from processors.selection import Selection
from tests.hostile.edits import edited_settings, edited_table
from tools import sources
from tools.errors import XyyError

ROOT = Path(__file__).parents[2]
EDITS = round(20_000 * float(os.environ.get("XYY_HOSTILE", "0.05")))
SECONDS, BYTES = 20, 1 << 30
LONGEST = 2000
"""characters of a message"""
OWN = """
[functions.mine]
terms = ["m/500", "log(m/500)", "(m/500)**2"]
"""
SPECTRUM = "low,high,events\n" + "".join(
    f"{100 + 10 * i},{110 + 10 * i},{round(1e5 * math.exp(-i / 10))}\n" for i in range(100)
)
FILES = {
    "course": (ROOT / "datasets" / "course.toml").read_text(encoding="utf-8"),
    "hllhc": (ROOT / "datasets" / "hllhc.toml").read_text(encoding="utf-8"),
    "search": (ROOT / "analysis" / "search.toml").read_text(encoding="utf-8"),
}
FILES["functions"] = FILES["search"].replace('"bernstein"]', '"mine"]') + OWN
FILES["spectrum"] = SPECTRUM


def edited(kind: str, number: int) -> bytes:
    """Return a file after one edit."""
    rng = random.Random(f"{kind} {number}")  # noqa: S311 - not for secrets
    edit = edited_table if kind == "spectrum" else edited_settings
    return edit(FILES[kind], rng)


def read_settings(samples: Path, search: Path) -> tuple[object, ...]:
    """Return all that `xyy run` makes of its settings before the first event."""
    catalogue, decided = SettingsFiles(samples=str(samples), search=str(search)).read()
    check_run(catalogue, decided, observed=True)
    sources.simulation_files(catalogue, generate_missing=True)
    settings = processor_settings(catalogue.columns, decided, Selection({}))
    for axis in (*settings.columns, settings.mass, *settings.cut_variables):
        assert np.all(np.diff(axis.axis().edges) > 0), axis
    told = [catalogue.arithmetic(sample, sample.events or 1) for sample in catalogue.simulation]
    assert all(len(line) < 500 and "inf" not in line for line in told)
    weights = [catalogue.weight(sample, sample.events or 1) for sample in catalogue.simulation]
    grids = decided.signal.masses_GeV, decided.limits.masses.masses_GeV, decided.fit.lows_GeV
    hashes(decisions(catalogue, decided, Selection({})))
    return catalogue, decided, settings, weights, grids


def read_spectrum(path: Path, search: Path) -> tuple[object, ...]:
    """Return all that `xyy infer --spectrum` makes of a file before the first fit."""
    decided = search_of(str(search))
    spectrum = binned_spectrum(
        read_range(path, None), decided, resolution="30", masses="300:900:15"
    )
    tournament = model_selection_of(spectrum)
    return spectrum.bins, spectrum.search, tournament.low_GeV, tournament.masses_GeV


def not_finite(value: object, where: str = "") -> Iterator[str]:
    """Yield the places of numbers that are none."""
    if isinstance(value, float | np.ndarray):
        if not np.all(np.isfinite(value)):
            yield where
    elif is_dataclass(value):
        for field in fields(value):
            yield from not_finite(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from not_finite(one, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from not_finite(one, f"{where}[{index}]")


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """End what takes more memory than allowed, where the system can say so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if statm.exists():
        used = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def alarm() -> Iterator[None]:
    """End what takes too long."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(read: Callable[[], object], path: Path) -> str:
    """Return what comes of one edit: accepted, refused, or what is wrong with it."""
    try:
        with alarm():
            found = read()
    except XyyError as error:
        told = str(error)
        if not 0 < len(told) <= LONGEST or not told.replace("\n", "").isprintable():
            return f"wrong: a message of {len(told)} characters, {told[:200]!r}"
        if path.suffix == ".toml" and ".toml" not in told:
            return f"wrong: no file is named, {told!r}"
        return f"refused, {error.exit_code}"
    except Exception as error:  # noqa: BLE001 - that is what must not be
        return f"wrong: {type(error).__name__}: {str(error)[:200]}"
    senseless = list(not_finite(found))
    return f"wrong: not finite, {senseless}" if senseless else "accepted"


@pytest.mark.parametrize("kind", FILES)
def test_edits_are_refused_or_read_right(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    course, search = Path("course.toml"), Path("search.toml")
    for good in (course, search):
        good.write_text(FILES[good.stem], encoding="utf-8")
    path = Path(f"edited.{'csv' if kind == 'spectrum' else 'toml'}")
    reads = {
        "course": lambda: read_settings(path, search),
        "hllhc": lambda: read_settings(path, search),
        "search": lambda: read_settings(course, path),
        "functions": lambda: read_settings(course, path),
        "spectrum": lambda: read_spectrum(path, search),
    }
    path.write_text(FILES[kind], encoding="utf-8")
    assert outcome(reads[kind], path) == "accepted"
    counts, wrong = Counter[str](), []
    with limits():
        for number in range(EDITS // len(FILES)):
            path.write_bytes(edited(kind, number))
            found = outcome(reads[kind], path)
            counts[found.split(":")[0]] += 1
            if found.startswith("wrong"):
                wrong.append(f"{kind} {number}: {found}")
    told = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    print(f"{kind}: {told}")  # noqa: T201 - shown by -s
    assert not wrong, "\n".join(wrong[:20])
    assert counts["refused, 2"] > counts["accepted"] > 0
