"""Dask: same histograms as without it; whatever goes wrong is told once and leaves no process."""

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import dask
import dask_jobqueue  # noqa: F401 - its settings come with it, and would go with ours
import numpy as np
import psutil
import pytest
from coffea.processor import ProcessorABC

from analysis.settings.search import Search
from analysis.validation import analyse as closure
from analysis.validation.efficiencies import by_upper_cuts
from analysis.validation.tasks import Task, arrays_of
from analysis.validation.universes import Campaign, Size, Universes
from analysis.workflow.process import processor_settings
from processors.diphoton import DiphotonProcessor, Settings
from processors.schema import DiphotonSchema
from processors.selection import Interval, Selection
from tools import executors
from tools.errors import InputError, XyyError
from tools.executors import Execution, Outcome, Session
from tools.executors.clusters import ENVIRONMENT, scheduler_address
from tools.manifest import Manifest, Source
from tools.samples import Catalogue

CUTS = Selection({"n_jets": Interval(max=6), "photon1_isolation": Interval(max=0.8)})
XYY = Path(sys.executable).with_name("xyy")
DASK = Execution(engine="dask", workers=2)
HANGS_SECONDS = 300.0
"""for what takes seconds, or has gone wrong"""


def run(
    manifest: Manifest,
    processor: ProcessorABC,
    *,
    chunk_events: int | None = None,
    order: np.random.Generator | None = None,
    **how: Any,
) -> Outcome:
    items = executors.plan(manifest, list(manifest.samples), chunk_events=chunk_events)
    if order is not None:
        items = [items[i] for i in order.permutation(len(items))]
    how.setdefault("execution", DASK)
    return executors.run(processor, items, schema=DiphotonSchema, **how)


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    assert set(one) == set(other)
    return all(
        np.array_equal(one[s][name].view(flow=True), other[s][name].view(flow=True))
        for s in one
        for name in one[s]
    )


def workers() -> set[int]:
    """Return what runs of all that this process has started.

    Two helpers of Python's multiprocessing stay to the end: the tracker of semaphores, and the
    process that workers are forked from.
    """
    found = set()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends just now
            command = " ".join(child.cmdline())
            forker = child.ppid() == os.getpid() and "forkserver" in command
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in command:
                found |= set() if forker else {child.pid}
    return found


def left(which: Callable[[int], bool]) -> list[str]:
    """Return those of some processes that do not end."""
    end = time.monotonic() + 60
    while True:
        processes = psutil.process_iter(["status", "cmdline"])
        found = [p.info for p in processes if which(p.pid)]
        there = [each["cmdline"] for each in found if each["status"] != psutil.STATUS_ZOMBIE]
        if not there or time.monotonic() > end:
            return [" ".join(words or ()) for words in there]
        time.sleep(0.1)


def of_session(leader: int) -> list[str]:
    """Return the processes of a session (that of a program we started) that do not end."""

    def is_in(process: int) -> bool:
        try:
            return os.getsid(process) == leader
        except ProcessLookupError:
            return False

    return left(is_in)


@pytest.fixture(scope="module")
def processor(catalogue: Catalogue, search: Search) -> DiphotonProcessor:
    return DiphotonProcessor(processor_settings(catalogue.columns, search, CUTS))


@pytest.fixture(scope="module")
def reference(chunks: Manifest, processor: DiphotonProcessor) -> Outcome:
    return run(chunks, processor, execution=Execution())


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """Two workers on this machine."""
    before, environment = workers(), {name: os.environ.get(name) for name in ENVIRONMENT}
    with Session(DASK) as session:
        yield session
    assert workers() <= before
    assert {name: os.environ.get(name) for name in ENVIRONMENT} == environment


@pytest.fixture
def victims() -> Iterator[Session]:
    """Two workers to be killed: dask starts them again, but not each time, if it is often."""
    with Session(DASK) as session:
        yield session


class Named(ProcessorABC):  # type: ignore[misc] # coffea is untyped
    """Count events; do something else at one sample."""

    def __init__(self, victim: str = "") -> None:
        self.victim = victim

    def process(self, events: Any) -> dict[str, int]:
        if events.metadata["dataset"] == self.victim:
            self.act()
        return {events.metadata["dataset"]: len(events)}

    def act(self) -> None:
        """Nothing."""

    def postprocess(self, accumulator: Any) -> None:
        pass


# --- same histograms -----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_events", [None, 1000, 1721, 3712, 7000])
def test_any_chunk_size_gives_the_same_histograms_bit_for_bit(
    chunks: Manifest,
    processor: DiphotonProcessor,
    reference: Outcome,
    session: Session,
    chunk_events: int | None,
) -> None:
    done: list[int] = []
    outcome = run(chunks, processor, chunk_events=chunk_events, session=session, report=done.append)
    assert same(outcome.outputs, reference.outputs)
    assert outcome.ledger == reference.ledger
    assert done == sorted(done)
    assert done[-1] == sum(sample.entries for sample in chunks.samples.values())


def test_so_does_any_order(
    chunks: Manifest, processor: DiphotonProcessor, reference: Outcome, session: Session
) -> None:
    order = np.random.default_rng(1)
    outcome = run(chunks, processor, chunk_events=1000, order=order, session=session)
    assert same(outcome.outputs, reference.outputs)


@pytest.mark.parametrize("count", [1, 4])
def test_so_does_any_number_of_workers(
    chunks: Manifest, processor: DiphotonProcessor, reference: Outcome, count: int
) -> None:
    with Session(replace(DASK, workers=count)) as session:
        session.client().wait_for_workers(count, timeout=HANGS_SECONDS)
        started = set(session.client().run(os.getpid).values())
        outcome = run(chunks, processor, chunk_events=500, session=session)
    assert same(outcome.outputs, reference.outputs)
    assert len(started) == count
    assert left(started.__contains__) == []


def test_a_worker_killed_in_mid_run_makes_no_difference(
    chunks: Manifest, processor: DiphotonProcessor, reference: Outcome, victims: Session
) -> None:
    pids: list[int] = []

    def kill(_events: int) -> None:
        if not pids:
            pids.extend(victims.client().run(os.getpid).values())
            os.kill(pids[0], signal.SIGKILL)

    outcome = run(chunks, processor, chunk_events=500, session=victims, report=kill)
    assert pids
    assert same(outcome.outputs, reference.outputs)
    assert outcome.ledger == reference.ledger


class Together(DiphotonProcessor):
    """Wait with each chunk until there are two that do them."""

    def __init__(self, settings: Settings, place: Path) -> None:
        super().__init__(settings)
        self.place = place

    def process(self, events: Any) -> Any:
        (self.place / str(os.getpid())).touch()
        end = time.monotonic() + HANGS_SECONDS
        while len(os.listdir(self.place)) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        return super().process(events)


def test_workers_that_come_as_they_are_needed_make_no_difference(
    chunks: Manifest, processor: DiphotonProcessor, reference: Outcome, tmp_path: Path
) -> None:
    there: list[int] = []
    execution = replace(DASK, workers=2, adaptive=True)
    with Session(execution) as session:
        assert len(session.client().nthreads()) == 1
        outcome = run(
            chunks,
            Together(processor.settings, tmp_path),
            chunk_events=1500,
            session=session,
            execution=execution,
            report=lambda _events: there.append(len(session.client().nthreads())),
        )
    assert max(there) == 2
    assert same(outcome.outputs, reference.outputs)


# --- losses are listed ---------------------------------------------------------------------------


def test_a_damaged_chunk_is_listed_and_the_rest_goes_on(
    chunks: Manifest, processor: DiphotonProcessor, tmp_path: Path, session: Session
) -> None:
    sample = chunks.samples["signal_750"]
    content = bytearray((chunks.folder / sample.parts[0].path).read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "part.root"
    path.write_bytes(content)
    parts = (replace(sample.parts[0], path=str(path)),)
    manifest = chunks.with_sample("signal_750", replace(sample, parts=parts))
    outcome = run(manifest, processor, session=session)
    assert "signal_750" not in outcome.outputs
    (failure,) = outcome.ledger["signal_750"].failed
    assert (failure.file, failure.entry_start, failure.entry_stop) == (str(path), 0, 2000)
    assert "another checksum" in failure.error
    assert all(outcome.ledger[name].complete for name in chunks.samples if name != "signal_750")


class Dies(Named):
    def act(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_chunk_that_kills_every_worker_is_listed(chunks: Manifest, victims: Session) -> None:
    outcome = run(chunks, Dies("signal_500"), session=victims)
    (failure,) = outcome.ledger["signal_500"].failed
    assert failure.error == "it killed its worker each time"
    assert all(entry.complete for name, entry in outcome.ledger.items() if name != "signal_500")


class KillsAll(Dies):
    def process(self, events: Any) -> dict[str, int]:
        self.act()
        return {"events": len(events)}


def test_workers_are_not_killed_for_ever(
    chunks: Manifest, victims: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each chunk is tried in its batch, with the others and alone; after so many deaths no more."""
    monkeypatch.setattr("tools.executors.in_dask.DEATHS", 2)
    outcome = run(chunks, KillsAll(), session=victims)
    lost = [lost.error for entry in outcome.ledger.values() for lost in entry.failed]
    killed, given_up = "it killed its worker each time", "given up: 2 chunks could not be processed"
    assert sorted(lost) == [given_up] * (len(chunks.samples) - 2) + [killed] * 2
    assert outcome.outputs == {}


class Unloadable(Named):
    def __setstate__(self, state: Any) -> None:
        raise ValueError("not on this worker")


def test_code_that_cannot_be_unpacked_is_listed_with_the_reason(
    chunks: Manifest, session: Session
) -> None:
    outcome = run(chunks, Unloadable(), session=session)
    errors = {lost.error for entry in outcome.ledger.values() for lost in entry.failed}
    assert errors == {"ValueError: not on this worker"}
    assert outcome.outputs == {}


# --- existing schedulers -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with coffea, without this checkout, and with other packages of our names."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("tools", "analysis", "processors"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('a foreign package')\n")
    return folder


class Elsewhere:
    """Dask's programs, started as on another machine: without our checkout on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, program: str, *words: str, packages: Path | None = None) -> int:
        site = packages or Path(np.__file__).parent.parent
        command = [sys.executable, "-S", "-m", f"distributed.cli.dask_{program}", *words]
        environment = {**os.environ, "PYTHONPATH": f"{self.folder}:{site}"}
        with (self.folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self.started.append(process)
        return process.pid

    def scheduler(self) -> None:
        self.file.unlink(missing_ok=True)
        self.start("scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard",
                   f"--scheduler-file={self.file}")  # fmt: skip
        while not self.file.is_file() or not self.file.stat().st_size:  # dask is still writing
            time.sleep(0.1)

    def worker(self, *words: str, packages: Path | None = None) -> None:
        self.start("worker", f"--scheduler-file={self.file}", "--nthreads=1", "--no-nanny",
                   "--no-dashboard", *words, packages=packages)  # fmt: skip

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
        self.started.clear()

    def __enter__(self) -> Self:
        self.scheduler()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


def without(package: str, folder: Path) -> Path:
    """Return a folder with all installed packages but one."""
    folder.mkdir()
    for entry in Path(np.__file__).parent.parent.iterdir():
        if not entry.name.startswith(package):
            (folder / entry.name).symlink_to(entry)
    return folder


def at(file: Path | str, **how: Any) -> Execution:
    return Execution(engine="dask", scheduler=str(file), **how)


def test_workers_of_an_existing_scheduler_need_no_checkout(
    chunks: Manifest, processor: DiphotonProcessor, reference: Outcome, elsewhere: Path
) -> None:
    """And are not confused by foreign packages with our names; without them we say so and go on."""
    lines: list[str] = []
    with Elsewhere(elsewhere) as dask_there:
        with pytest.raises(XyyError, match=r"no dask worker came within 3 s: .*json has none"):
            run(chunks, processor, execution=at(dask_there.file, wait_seconds=3))
        dask_there.worker()
        with Session(at(dask_there.file), lines.append) as session:
            outcome = run(chunks, processor, session=session, chunk_events=3000)
            assert same(outcome.outputs, reference.outputs)
            assert outcome.ledger == reference.ledger
            report = dask_there.stop  # scheduler and worker die in mid-run
            cut_off = run(chunks, processor, session=session, report=lambda _events: report())
    lost = [lost for entry in cut_off.ledger.values() for lost in entry.failed]
    assert {f.error.partition(" (")[0] for f in lost} == {"the dask scheduler is gone"}
    assert sum(f.entry_stop - f.entry_start for f in lost) == sum(
        entry.planned_events - entry.processed_events for entry in cut_off.ledger.values()
    )
    assert any("waiting for a dask worker" in line or "1 of 1" in line for line in lines)


def test_universes_are_looked_at_anywhere(
    quick: Search, catalogue: Catalogue, elsewhere: Path, tmp_path: Path
) -> None:
    """As in this process, to the byte; and whatever goes wrong is told in one line."""
    campaign, channels = Campaign(11), by_upper_cuts(quick.optimise.course_cuts)
    work, size = Universes.of(campaign, catalogue, quick, channels), Size(1, 2, 1)
    here = closure.run(work, size, tmp_path / "here", Execution())
    with Elsewhere(elsewhere) as dask_there:
        dask_there.worker()
        there = closure.run(work, size, tmp_path / "there", at(dask_there.file))
        with Session(at(dask_there.file)) as session:
            counts = work.observed("empty", 0).counts
            toys = partial(closure.toys_of, work.analysis, counts, seed=1)
            case, code = Task("toys", toys, range(5)), (Task, Selection)
            (looked,) = executors.completed(arrays_of, [case], session, what="toys", classes=code)
            with pytest.raises(XyyError, match=r"^roots: ValueError: math domain") as failure:
                dict(executors.completed(math.sqrt, [4.0, -1.0], session, what="roots"))
            assert isinstance(failure.value.__cause__, ValueError)
    assert looked[0] is case
    assert looked[1]["largest_z"].tobytes() == toys(range(5)).largest_z.tobytes()
    for name, values in here.found.arrays().items():
        assert values.tobytes() == there.found.arrays()[name].tobytes()


def source(number: int) -> Source:
    return Source("a.root", number, "")


def test_classes_of_results_are_as_they_were(session: Session) -> None:
    """They come back with their code: a class that is derived from one later is a good class."""
    done = dict(executors.completed(source, [7], session, what="sources", classes=(Named,)))

    @dataclass(frozen=True)
    class Other(Source):
        number: int

    assert done == {7: source(7)}
    assert Other("a.root", 7, "", number=2).number == 2


def die_once(place: Path) -> str:
    """Kill this worker, but not the next one that is given the same."""
    if not place.exists():
        place.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return place.name


def die_always(_place: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_that_is_lost_with_a_worker_is_done_again(victims: Session, tmp_path: Path) -> None:
    """And what kills each worker that it is given to ends all, in one message."""
    places = [tmp_path, tmp_path / "died"]
    done = executors.completed(die_once, places, victims, what="names", classes=(Named,))
    assert dict(done) == {place: place.name for place in places}
    message = "^names: it killed its worker each time; what was finished is kept: run it again$"
    with pytest.raises(XyyError, match=message):
        dict(executors.completed(die_always, places, victims, what="names", classes=(Named,)))


def test_workers_that_leave_for_good_are_not_waited_for_for_ever(
    chunks: Manifest, processor: DiphotonProcessor, elsewhere: Path
) -> None:
    with Elsewhere(elsewhere) as dask_there:
        dask_there.worker()
        worker = dask_there.started[-1]
        with Session(at(dask_there.file)) as session:
            session.client()
            session.execution = replace(session.execution, wait_seconds=1)
            outcome = run(chunks, processor, session=session, report=lambda _events: worker.kill())
    lost = [lost for entry in outcome.ledger.values() for lost in entry.failed]
    assert {failure.error for failure in lost} == {"all dask workers are gone for 1 s"}


def test_workers_that_could_not_do_the_work_are_refused(
    chunks: Manifest, processor: DiphotonProcessor, elsewhere: Path, tmp_path: Path
) -> None:
    # A worker is made to say that it is of another Python; in `tests/services` there is a real one.
    other = tmp_path / "other.py"
    other.write_text(
        "import distributed.versions as versions, types, sys\n"
        "fields = {name: getattr(sys, name) for name in dir(sys)}\n"
        "fields['version_info'] = (3, 99, 1, 'final', 0)\n"
        "versions.sys = types.SimpleNamespace(**fields)\n"
    )
    for words, packages, message in (
        ((), without("coffea", tmp_path / "site"), "cannot run this: coffea is missing; give it"),
        ((f"--preload={other}",), None, r"python 3.99.1 \(here 3.*\); give it the same"),
    ):
        with Elsewhere(elsewhere) as dask_there:
            dask_there.worker(*words, packages=packages)
            with pytest.raises(XyyError, match=f"the worker tcp://.* {message}"):
                run(chunks, processor, execution=at(dask_there.file))


@pytest.mark.parametrize("when", ["before", "in mid-run"])
def test_a_scheduler_that_does_not_answer_is_not_waited_for_for_ever(
    chunks: Manifest,
    processor: DiphotonProcessor,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    """It is stopped: the kernel still takes what is sent to it, and no connection breaks."""
    monkeypatch.setattr("tools.executors.session.ANSWER_SECONDS", 5.0)
    with Elsewhere(elsewhere) as dask_there:
        scheduler = dask_there.started[0]
        dask_there.worker()

        def stop(_events: int = 0) -> None:
            scheduler.send_signal(signal.SIGSTOP)

        if when == "before":
            stop()
            with pytest.raises(XyyError, match="no dask scheduler answers at tcp://"):
                run(chunks, processor, execution=at(dask_there.file, wait_seconds=2))
            return
        with Session(at(dask_there.file)) as session:
            outcome = run(chunks, processor, session=session, chunk_events=100, report=stop)
    lost = {lost.error for entry in outcome.ledger.values() for lost in entry.failed}
    assert lost == {"the dask scheduler does not answer for 5 s"}


def test_an_address_where_nobody_listens_is_told_at_once(
    chunks: Manifest, processor: DiphotonProcessor
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(XyyError, match=f"no dask scheduler answers at {address}"):
            run(chunks, processor, execution=at(address, wait_seconds=1))


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        ("tcp://10.1.2.3:8786", r"--scheduler tcp://10.1.2.3:8786: without TLS anyone"),
        ("http://127.0.0.1:8786", "neither a scheduler file nor an address"),
        ("tcp://127.0.0.1", "neither a scheduler file nor an address"),
        ("tcp://127.0.0.1:x", "neither a scheduler file nor an address"),
        ("nowhere.json", "neither a scheduler file nor an address"),
    ],
)
def test_an_address_that_is_none_or_open_to_others_is_refused(scheduler: str, message: str) -> None:
    execution = Execution(engine="dask", scheduler=scheduler)
    with pytest.raises(InputError, match=message), Session(execution):
        pass


def test_addresses_are_taken_as_they_come(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text('{"address": "tls://10.1.2.3:8786"}')
    assert scheduler_address(at(file)) == "tls://10.1.2.3:8786"
    assert scheduler_address(at("localhost:8786")) == "tcp://localhost:8786"
    open_to_others = Execution(engine="dask", scheduler="tcp://10.1.2.3:1", insecure=True)
    assert scheduler_address(open_to_others) == "tcp://10.1.2.3:1"
    file.write_text("[]")
    with pytest.raises(InputError, match=r"scheduler.json: it is no scheduler file"):
        scheduler_address(at(file))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"cluster": "pbs", "engine": "dask"}, "--cluster pbs: known are slurm, htcondor"),
        ({"engine": "dask", "wait_seconds": 0.0}, "--wait: 0 is not between 0 and 1,000,000 s"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "--scheduler needs --executor dask, not iterative"),
        ({"engine": "futures", "adaptive": True}, "--adaptive needs --executor dask, not futures"),
        ({"engine": "dask", "scheduler": "x", "cluster": "slurm"}, "exclude each other"),
        ({"engine": "dask", "scheduler": "x", "adaptive": True}, "the workers that it has"),
        ({"engine": "dask", "insecure": True}, "--insecure: without --scheduler or --cluster"),
    ],
)
def test_options_that_exclude_each_other_are_refused(how: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Execution(**how)


# --- batch systems -------------------------------------------------------------------------------


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for Slurm's commands: jobs start at once, here. `make test-services` has Slurm."""
    (tmp_path / "sbatch").write_text(
        f"#!/bin/sh\ngrep -q 'SBATCH -p wrong' $1 && {{ echo 'no such partition' >&2; exit 1; }}\n"
        f"cp $1 {tmp_path}/job.sh; cat $1 >> {tmp_path}/jobs.txt\n"
        f"setsid sh {tmp_path}/job.sh >{tmp_path}/job.log 2>&1 </dev/null &\n"
        'echo "Submitted batch job $!"\n'
    )
    (tmp_path / "scancel").write_text('#!/bin/sh\nkill -9 -- "-$1"\n')
    for name in ("sbatch", "scancel"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    with dask.config.set({"jobqueue.slurm.cores": 1, "jobqueue.slurm.memory": "2GB"}):
        yield tmp_path


def test_jobs_of_a_batch_system_do_the_work_over_tls(
    chunks: Manifest, processor: DiphotonProcessor, reference: Outcome, slurm: Path
) -> None:
    lines: list[str] = []
    execution = Execution(engine="dask", cluster="slurm", workers=1)
    with Session(execution, lines.append) as session:
        assert str(session.client().scheduler_info()["address"]).startswith("tls://")
        started = set(session.client().run(os.getpid).values())
        outcome = run(chunks, processor, session=session, execution=execution)
    assert same(outcome.outputs, reference.outputs)
    assert "export PYTHONSAFEPATH=1" in (slurm / "jobs.txt").read_text()
    assert any("1 of 1 tasks at once" in line for line in lines)
    assert started
    assert left(started.__contains__) == []
    assert not [name for name in os.listdir(slurm) if name.startswith(".")]


@pytest.mark.usefixtures("slurm")
def test_a_job_that_is_not_taken_is_told_with_the_reason() -> None:
    execution = Execution(engine="dask", cluster="slurm", insecure=True)
    with (
        dask.config.set({"jobqueue.slurm.queue": "wrong"}),
        pytest.raises(XyyError, match="--cluster slurm: no such partition"),
        Session(execution) as session,
    ):
        session.client()


@pytest.mark.usefixtures("slurm")
def test_a_batch_system_that_is_not_here_or_not_described_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execution = Execution(engine="dask", cluster="slurm")
    with (
        dask.config.set({"jobqueue.slurm.memory": None}),
        pytest.raises(InputError, match="not told the memory of a job; write them, and the queue"),
        Session(execution),
    ):
        pass
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="there is no sbatch here"), Session(execution):
        pass


# --- the command ---------------------------------------------------------------------------------


def xyy(*words: object, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [XYY, *map(str, words)], cwd=cwd, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def processed(manifest: Path, out: Path, engine: str, *, cwd: Path) -> bytes:
    """Run `xyy process`; return the histograms that it writes."""
    process = xyy("process", manifest, "--out", out, "--executor", engine, "--workers", 2, cwd=cwd)
    _, told = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == 0, told
    assert of_session(process.pid) == []
    assert ("2 of 2 tasks at once" in told) == (engine == "dask")
    return (out / "histograms.zip").read_bytes()


@pytest.fixture(scope="module")
def written(chunks: Manifest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The histograms' file, made where there is nothing to disturb it."""
    out = tmp_path_factory.mktemp("written")
    return processed(chunks.folder / "manifest.json", out, "iterative", cwd=out)


@pytest.mark.parametrize("engine", ["iterative", "futures", "dask"])
def test_foreign_packages_in_the_current_folder_make_no_difference(
    chunks: Manifest, written: bytes, elsewhere: Path, tmp_path: Path, engine: str
) -> None:
    path = chunks.folder / "manifest.json"
    assert processed(path, tmp_path / "out", engine, cwd=elsewhere) == written


def test_a_dead_scheduler_ends_the_command_with_one_message(
    chunks: Manifest, tmp_path: Path
) -> None:
    process = xyy("process", chunks.folder / "manifest.json", "--out", tmp_path / "out",
                  "--scheduler", "tcp://127.0.0.1:9", "--wait", 2, cwd=tmp_path)  # fmt: skip
    out, told = process.communicate(timeout=HANGS_SECONDS)
    assert (process.returncode, out) == (1, "")
    assert told.startswith("xyy: no dask scheduler answers at tcp://127.0.0.1:9")
    assert told.count("\n") == 1
    assert of_session(process.pid) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupt_leaves_no_process(
    chunks: Manifest, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = xyy("process", chunks.folder / "manifest.json", "--out", tmp_path / "out",
                  "--executor", "dask", "--chunk-events", 10, cwd=tmp_path)  # fmt: skip
    assert process.stderr is not None
    assert "tasks at once" in process.stderr.readline()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, told = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == code
    if number == signal.SIGINT:
        assert told == "xyy: interrupted; nothing is half written, run it again\n"
    assert of_session(process.pid) == []
