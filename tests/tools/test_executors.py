"""Executors: same histograms whatever the engine and the chunks; every loss is listed."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from coffea.processor import ProcessorABC

from analysis.settings.search import Search
from analysis.workflow.process import processor_settings
from processors.diphoton import DiphotonProcessor
from processors.schema import DiphotonSchema
from processors.selection import Interval, Selection
from tools import executors
from tools.errors import InputError
from tools.executors import Execution, Outcome
from tools.manifest import Manifest
from tools.samples import Catalogue

# Workers cannot import this module: what it defines goes to them by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
CUTS = Selection({"n_jets": Interval(max=6), "photon1_isolation": Interval(max=0.8)})


@pytest.fixture(scope="module")
def processor(catalogue: Catalogue, search: Search) -> DiphotonProcessor:
    return DiphotonProcessor(processor_settings(catalogue.columns, search, CUTS))


def run(
    manifest: Manifest,
    processor: ProcessorABC,
    *,
    chunk_events: int | None = None,
    **how: Any,
) -> Outcome:
    items = executors.plan(manifest, list(manifest.samples), chunk_events=chunk_events)
    report = how.pop("report", lambda _events: None)
    return executors.run(
        processor, items, schema=DiphotonSchema, execution=Execution(**how), report=report
    )


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    assert set(one) == set(other)
    return all(
        np.array_equal(one[s][name].view(flow=True), other[s][name].view(flow=True))
        for s in one
        for name in one[s]
    )


@pytest.mark.parametrize(
    ("engine", "chunk_events"),
    [("iterative", 1000), ("iterative", 3712), ("futures", None), ("futures", 1721)],
)
def test_engines_and_chunk_sizes_give_the_same_histograms_bit_for_bit(
    chunks: Manifest, processor: DiphotonProcessor, engine: str, chunk_events: int | None
) -> None:
    reference = run(chunks, processor)
    outcome = run(chunks, processor, engine=engine, workers=2, chunk_events=chunk_events)
    assert same(outcome.outputs, reference.outputs)
    assert outcome.ledger == reference.ledger
    assert all(sample.complete for sample in outcome.ledger.values())


def test_the_plan_covers_every_event_once(chunks: Manifest) -> None:
    items = executors.plan(chunks, ["background", "signal_500"], chunk_events=5000)
    ranges = [(item.entrystart, item.entrystop) for item in items if item.dataset == "background"]
    assert ranges == [(0, 5000), (5000, 10_000), (10_000, 12_000)]
    assert sum(len(item) for item in items) == 15_000


def test_progress_reports_every_event(chunks: Manifest, processor: DiphotonProcessor) -> None:
    done: list[int] = []
    run(chunks, processor, chunk_events=7000, report=done.append)
    assert done == sorted(done)
    assert done[-1] == sum(sample.entries for sample in chunks.samples.values())


def damaged(manifest: Manifest, folder: Path, sample: str, change: str) -> Manifest:
    """Return a copy of `manifest` whose first chunk of `sample` is changed on disk."""
    part = manifest.samples[sample].parts[0]
    content = bytearray((manifest.folder / part.path).read_bytes())
    path = folder / "part.root"
    if change == "bit flipped":
        content[len(content) // 2] ^= 1
    if change == "cut off":
        content = content[:-100]
    if change != "gone":
        path.write_bytes(content)
    parts = (replace(part, path=str(path)),)
    return manifest.with_sample(sample, replace(manifest.samples[sample], parts=parts))


@pytest.mark.parametrize("engine", ["iterative", "futures"])
@pytest.mark.parametrize("change", ["bit flipped", "cut off", "gone"])
def test_a_damaged_chunk_is_listed_and_the_rest_goes_on(
    chunks: Manifest, processor: DiphotonProcessor, tmp_path: Path, engine: str, change: str
) -> None:
    manifest = damaged(chunks, tmp_path, "signal_750", change)
    outcome = run(manifest, processor, engine=engine, workers=1)
    assert "signal_750" not in outcome.outputs
    ledger = outcome.ledger["signal_750"]
    assert (ledger.planned_events, ledger.processed_events) == (2000, 0)
    (failure,) = ledger.failed
    assert failure.file == str(tmp_path / "part.root")
    assert (failure.entry_start, failure.entry_stop) == (0, 2000)
    assert failure.error
    assert all(outcome.ledger[name].complete for name in chunks.samples if name != "signal_750")


class Dies(ProcessorABC):  # type: ignore[misc] # coffea is untyped
    """Kill the worker that processes a sample: always, or only the first time."""

    def __init__(self, victim: str, marker: Path | None = None) -> None:
        self.victim, self.marker = victim, marker

    def process(self, events: Any) -> dict[str, int]:
        first_time = self.marker is None or not self.marker.exists()
        if events.metadata["dataset"] == self.victim and first_time:
            if self.marker is not None:
                self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {events.metadata["dataset"]: len(events)}

    def postprocess(self, accumulator: Any) -> None:
        pass


def test_a_killed_worker_is_replaced(chunks: Manifest, tmp_path: Path) -> None:
    processor = Dies("signal_500", marker=tmp_path / "died")
    outcome = run(chunks, processor, engine="futures", workers=2)
    assert (tmp_path / "died").exists()
    assert outcome.outputs == {name: sample.entries for name, sample in chunks.samples.items()}


def test_a_chunk_that_kills_every_worker_is_listed(chunks: Manifest) -> None:
    outcome = run(chunks, Dies("signal_500"), engine="futures", workers=1)
    (failure,) = outcome.ledger["signal_500"].failed
    assert failure.error == "it killed its worker each time"
    assert all(entry.complete for name, entry in outcome.ledger.items() if name != "signal_500")


def test_the_cause_of_a_failure_is_told_not_coffeas_chain(chunks: Manifest) -> None:
    class Raises(Dies):
        def process(self, events: Any) -> dict[str, int]:
            raise ValueError(f"no such thing\nin {len(events)}")

    outcome = run(chunks, Raises(""))
    assert outcome.ledger["signal_500"].failed[0].error == "ValueError: no such thing in 3000"
    assert outcome.outputs == {}


def test_wrong_use_is_refused(chunks: Manifest, processor: DiphotonProcessor) -> None:
    with pytest.raises(InputError, match="--executor slurm: known are iterative, futures"):
        run(chunks, processor, engine="slurm")
    with pytest.raises(InputError, match="--workers must be 1 or more, not 0"):
        run(chunks, processor, workers=0)
    with pytest.raises(InputError, match="--chunk-events must be 1 or more, not -1"):
        Execution(chunk_events=-1)
    with pytest.raises(InputError, match="no sample 'x'; it holds: background, signal_500"):
        executors.plan(chunks, ["x"])


def test_nothing_to_do_is_done_at_once(processor: DiphotonProcessor) -> None:
    outcome = executors.run(processor, [], schema=DiphotonSchema, execution=Execution())
    assert outcome == Outcome(outputs={}, ledger={})
