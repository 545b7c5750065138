"""`make bench`: conversion beside reading alone, and the compressions of a chunk, in one run.

Medians of five, in wall-clock time, alternating, on a file of 1.5 million events.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.csv as pa_csv
import uproot

from tools.checkout import find_settings
from tools.chunks import PART_EVENTS, TREE
from tools.convert import convert
from tools.generate import DEFAULT_SEED, plan_sample
from tools.samples import Catalogue, read_catalogue

EVENTS, ROUNDS = 1_500_000, 5


def seconds(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def course_file(catalogue: Catalogue, path: Path) -> None:
    """Write a file whose lines are those of a generated sample, over and over."""
    events = plan_sample(catalogue, "signal_500", seed=DEFAULT_SEED, events=10_000).chunk(0)
    names = [column.name for column in catalogue.columns]
    rows = zip(
        range(10_000), *(np.asarray(events[name], float).tolist() for name in names), strict=True
    )
    lines = "".join(",".join(map(str, row)) + "\n" for row in rows)
    with path.open("w") as file:
        file.write(",".join(["", *names]) + "\n")
        for _ in range(EVENTS // 10_000):
            file.write(lines)


def bench_convert(catalogue: Catalogue, folder: Path) -> str:
    """Return the ratio of reading a CSV file to converting it."""
    path = folder / "signal_500.csv"
    course_file(catalogue, path)
    read, whole = [], []
    for _ in range(ROUNDS + 1):  # the first one imports and warms the cache
        read.append(seconds(lambda: pa_csv.read_csv(path)))
        whole.append(seconds(lambda: convert(catalogue, [(None, path)], folder / "out")))
    rate = EVENTS / statistics.median(whole[1:]) / 1e6
    ratio = statistics.median(read[1:]) / statistics.median(whole[1:])
    return f"convert: {rate:.2f} million rows/s, {ratio:.2f} of pyarrow.csv.read_csv alone"


def bench_compression(catalogue: Catalogue, folder: Path) -> str:
    """Return size, writing time and reading rate of a chunk in each compression."""
    plan = plan_sample(catalogue, "background", seed=DEFAULT_SEED, events=PART_EVENTS)
    made = plan.chunk(0)
    events = {c.name: np.asarray(made[c.name]).astype(c.type) for c in catalogue.columns}
    photons = [f"photon{i}_{what}" for i in (1, 2) for what in ("pT", "phi", "eta")]
    path, lines = folder / "a.root", []

    def write(compression: object) -> None:
        with uproot.recreate(path, compression=compression) as file:
            file.mktree(TREE, {key: array.dtype for key, array in events.items()}).extend(events)

    def read() -> None:
        with uproot.open({str(path): TREE}) as tree:
            tree.arrays(photons, library="np")

    choices = {"none": None, "LZ4(1)": uproot.LZ4(1), "ZSTD(1)": uproot.ZSTD(1)}
    for name, choice in choices.items():
        written = statistics.median([seconds(partial(write, choice)) for _ in range(ROUNDS)])
        rate = PART_EVENTS / statistics.median([seconds(read) for _ in range(2 * ROUNDS)]) / 1e6
        size = path.stat().st_size / PART_EVENTS
        size_and_time = f"{size:5.1f} bytes/event, written in {written:.3f} s"
        lines.append(f"{name:8s} {size_and_time}, read at {rate:.0f} million/s")
    return "\n".join(lines)


if __name__ == "__main__":
    settings = read_catalogue(find_settings("datasets/course.toml"))
    with tempfile.TemporaryDirectory() as temporary:
        print(bench_convert(settings, Path(temporary)))  # noqa: T201 - it prints its result
        print(bench_compression(settings, Path(temporary)))  # noqa: T201
