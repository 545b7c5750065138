"""Checkpoints: what was processed is used again, and nothing else ever."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest

from analysis import cli
from analysis.folder import blinding, decisions
from analysis.folder.folder import UNBLINDING, Folder
from analysis.settings.search import Search
from analysis.workflow import process as stage
from analysis.workflow.process import filling_key, processor_settings
from processors.diphoton import DiphotonProcessor, Settings
from processors.schema import DiphotonSchema
from processors.selection import Interval, Selection
from tools import executors
from tools.executors import Checkpoints, Execution, Outcome
from tools.executors.checkpoints import clear
from tools.executors.sparse import Layout, decode, encode
from tools.manifest import Manifest, read_manifest
from tools.samples import Catalogue

ROOT = Path(__file__).parents[2]
CUTS = Selection({"n_jets": Interval(max=6), "photon1_isolation": Interval(max=0.8)})
EVENTS = 12_000


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def settings(catalogue: Catalogue, search: Search) -> Settings:
    return processor_settings(catalogue.columns, search, CUTS)


def kept_in(folder: Path, settings: Settings, manifest: Manifest, **how: Any) -> Checkpoints:
    """Return the checkpoints that a run in `folder` would have."""
    return Checkpoints(
        folder=folder,
        made_by={kind: filling_key(settings, kind) for kind in ("background", "signal", "data")},
        processor=DiphotonProcessor(settings),
        schema=DiphotonSchema,
        columns={column.name: column.type for column in manifest.columns},
        **how,
    )


def run(
    manifest: Manifest, samples: list[str], checkpoints: Checkpoints | None = None, **how: Any
) -> Outcome:
    processor = how.pop("processor", None) or (checkpoints and checkpoints.processor)
    with checkpoints.folder_made() if checkpoints else nullcontext():
        return executors.run(
            processor,
            executors.plan(manifest, samples, chunk_events=how.pop("chunk_events", None)),
            schema=DiphotonSchema,
            execution=Execution(**how),
            checkpoints=checkpoints,
        )


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return list(one) == list(other) and all(
        one[name] == other[name]
        and one[name].axes == other[name].axes
        and one[name].storage_type is other[name].storage_type
        and np.array_equal(one[name].view(flow=True), other[name].view(flow=True))
        for name in one
    )


# ---- histograms as bytes -------------------------------------------------------------------------


def three() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    named = {
        "many": hist.new.Reg(40, 0, 1).Reg(30, 0, 1).StrCat(["a", "b"]).Int64(),
        "large": hist.new.Reg(3, 0, 1).Int64(),
        "empty": hist.new.Reg(7, 0, 1).Int64(),
    }
    named["many"].fill(rng.normal(size=500), rng.normal(size=500), "b")
    named["large"].view(flow=True)[...] = [1, 0, 1 << 40, 0, 3]
    return named


def test_histograms_come_back_as_they_were() -> None:
    named = three()
    layouts, content = encode(named)
    assert [layout.type for layout in layouts] == ["|u1", "<u8", "|u1"]
    empty = {name: histogram.copy().reset() for name, histogram in named.items()}
    decode(layouts, content, empty)
    assert same(empty, named)
    assert len(content) < named["many"].view(flow=True).nbytes / 8


def test_histograms_of_others_are_not_filled() -> None:
    layouts, content = encode(three())
    for wrong in (
        {**three(), "more": hist.new.Reg(3, 0, 1).Int64()},
        {**three(), "large": hist.new.Reg(4, 0, 1).Int64()},
    ):
        with pytest.raises(ValueError, match="these are other histograms"):
            decode(layouts, content, wrong)
    with pytest.raises(ValueError, match="1 bytes belong to no histogram"):
        decode(layouts, content + b"0", three())
    with pytest.raises(ValueError, match="buffer"):
        decode(layouts, content[:-1], three())
    with pytest.raises(ValueError, match=r"boolean|shape|assign"):
        decode([replace(layouts[0], filled=3), *layouts[1:]], content, three())


def test_only_counts_are_kept() -> None:
    with pytest.raises(TypeError, match="x holds float64, not integers"):
        encode({"x": hist.new.Reg(3, 0, 1).Double().fill(0.5)})
    negative = hist.new.Reg(3, 0, 1).Int64()
    negative.view()[1] = -1
    with pytest.raises(ValueError, match="x has bins below zero"):
        encode({"x": negative})
    assert encode({}) == ([], b"")
    assert Layout("x", 5, 1, "|u1") == encode({"x": hist.new.Reg(3, 0, 1).Int64().fill(0.5)})[0][0]


# ---- one checkpoint ------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", ["background", "signal_500", "data"])
def test_what_is_kept_is_what_was_processed(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path, sample: str
) -> None:
    checkpoints = kept_in(tmp_path / "here", settings, in_twenty_files)
    first = run(in_twenty_files, [sample], checkpoints)
    second = run(in_twenty_files, [sample], checkpoints)
    assert (first.resumed_events, first.notes) == (0, ())
    assert second.resumed_events == in_twenty_files.samples[sample].entries
    assert same(second.outputs[sample], first.outputs[sample])
    assert second.ledger == first.ledger
    (item, *_) = executors.plan(in_twenty_files, [sample])
    alone = run(in_twenty_files, [sample], processor=checkpoints.processor, chunk_events=600)
    assert same(alone.outputs[sample], first.outputs[sample])
    restored = checkpoints.load(item)
    assert restored is not None
    assert restored[sample]["joint"].axes == first.outputs[sample]["joint"].axes


def test_a_checkpoint_can_be_read_without_this_program(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path
) -> None:
    checkpoints = kept_in(tmp_path, settings, in_twenty_files)
    run(in_twenty_files, ["signal_500"], checkpoints)
    (path,) = tmp_path.iterdir()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        about = json.loads(archive.read("about.json"))
        assert archive.namelist() == ["about.json", "histograms.bin"]
    assert (about["sample"], about["entries"]) == ("signal_500", [0, 3000])
    assert path.name == f"process-{about['key']}.zip"
    assert {"name": "cutflow", "type": "<u2"}.items() <= about["histograms"][1].items()


def test_no_damaged_checkpoint_is_used(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path
) -> None:
    """Any one bit: the digest covers the whole file, and itself differs if it is what changed."""
    checkpoints = kept_in(tmp_path, settings, in_twenty_files)
    run(in_twenty_files, ["signal_500", "signal_750"], checkpoints)
    item, other = executors.plan(in_twenty_files, ["signal_500", "signal_750"])
    path, another = (tmp_path / f"process-{checkpoints.key(i)}.zip" for i in (item, other))
    intact = path.read_bytes()
    rng = np.random.default_rng(99)
    for bit in rng.integers(8 * len(intact), size=100):
        content = bytearray(intact)
        content[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(content)
        assert checkpoints.load(item) is None
    for damaged in (b"", intact[:-1], intact[: len(intact) // 2], intact + b"\n", b"0" * 32,
                    pickle.dumps({}), another.read_bytes()):  # fmt: skip
        path.write_bytes(damaged)
        assert checkpoints.load(item) is None
    path.unlink()
    assert checkpoints.load(item) is None
    path.mkdir()
    assert checkpoints.load(item) is None
    path.rmdir()
    path.write_bytes(intact)
    assert checkpoints.load(item) is not None


def test_a_checkpoint_of_other_histograms_is_not_used(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path
) -> None:
    """Even under the right key: the processor says which histograms there are."""
    checkpoints = kept_in(tmp_path, settings, in_twenty_files)
    (item,) = executors.plan(in_twenty_files, ["signal_500"])
    light = DiphotonProcessor(replace(settings, histograms="spectrum"))
    out = run(in_twenty_files, ["signal_500"], processor=light).outputs
    checkpoints.save(item, out)
    assert checkpoints.load(item) is None
    with pytest.raises(ValueError, match="gave histograms of signal_500 for signal_750"):
        checkpoints.save(replace(item, dataset="signal_750"), out)


def test_the_key_knows_everything_that_the_output_depends_on(
    in_twenty_files: Manifest,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def keys(settings: Settings, manifest: Manifest = in_twenty_files, **how: Any) -> list[str]:
        items = executors.plan(manifest, ["signal_500", "data"], **how)
        checkpoints = kept_in(tmp_path, settings, manifest)
        return [checkpoints.key(item) for item in items]

    ours = keys(settings)
    assert len(set(ours)) == 21
    assert keys(settings) == ours
    shutil.copytree(in_twenty_files.folder, tmp_path / "moved")
    assert keys(settings, read_manifest(tmp_path / "moved")) == ours

    def shared(others: list[str]) -> int:
        return len(set(ours) & set(others))

    assert shared(keys(replace(settings, selection=Selection({})))) == 0
    assert shared(keys(replace(settings, histograms="spectrum"))) == 0
    assert shared(keys(settings, chunk_events=400)) == 0
    assert keys(replace(settings, unblinded=True))[0] == ours[0]  # simulation
    assert shared(keys(replace(settings, unblinded=True))) == 1
    monkeypatch.setattr(stage, "code_digest", lambda _room: "other code")
    assert shared(keys(settings)) == 0


def test_what_other_versions_of_the_libraries_gave_is_not_used_and_replaced(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = kept_in(tmp_path, settings, in_twenty_files)
    run(in_twenty_files, ["signal_500"], checkpoints)
    monkeypatch.setattr(np, "__version__", "9.9")
    for resumed in (0, 3000):
        assert run(in_twenty_files, ["signal_500"], checkpoints).resumed_events == resumed
    assert len(os.listdir(tmp_path)) == 1
    monkeypatch.undo()
    assert run(in_twenty_files, ["signal_500"], checkpoints).resumed_events == 0


def test_without_a_place_to_write_the_run_goes_on_and_says_so(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path
) -> None:
    checkpoints = kept_in(tmp_path / "gone", settings, in_twenty_files)
    outcome = executors.run(
        checkpoints.processor,
        executors.plan(in_twenty_files, ["background"]),
        schema=DiphotonSchema,
        execution=Execution(),
        checkpoints=checkpoints,
    )
    assert outcome.ledger["background"].complete
    assert outcome.notes == (
        f"checkpoints cannot be written to {tmp_path / 'gone'} (No such file or directory)",
    )
    assert not (tmp_path / "gone").exists()


def test_they_are_written_and_read_only_if_asked_to(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    run(in_twenty_files, ["signal_500"], kept_in(folder, settings, in_twenty_files, write=False))
    assert not folder.exists()
    first = kept_in(folder, settings, in_twenty_files)
    run(in_twenty_files, ["signal_500"], first)
    assert len(os.listdir(folder)) == 1
    read_only = kept_in(folder, settings, in_twenty_files, write=False)
    assert run(in_twenty_files, ["signal_500", "signal_750"], read_only).resumed_events == 3000
    assert len(os.listdir(folder)) == 1
    write_only = kept_in(folder, settings, in_twenty_files, read=False)
    assert run(in_twenty_files, ["signal_500"], write_only).resumed_events == 0
    assert len(os.listdir(folder)) == 1


def test_of_one_stage_the_present_items_alone_are_kept(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path
) -> None:
    samples = ["signal_500", "signal_750"]
    both = [kept_in(tmp_path, settings, in_twenty_files, stage=name) for name in ("one", "two")]
    for checkpoints in both:
        run(in_twenty_files, samples, checkpoints)
    (item, other) = executors.plan(in_twenty_files, samples)
    both[0].keep_only([item])
    assert both[0].load(item) is not None
    assert both[0].load(other) is None
    assert all(both[1].load(each) is not None for each in (item, other))
    for checkpoints in both:
        checkpoints.keep_only([])
    with both[0].folder_made():
        assert list(tmp_path.iterdir()) == []
    assert not tmp_path.exists()
    both[0].keep_only([])  # nor is there anything to remove


def test_workers_read_and_write_them_too(
    in_twenty_files: Manifest, settings: Settings, tmp_path: Path
) -> None:
    checkpoints = kept_in(tmp_path, settings, in_twenty_files)
    how = {"engine": "futures", "workers": 2}
    first = run(in_twenty_files, ["background"], checkpoints, **how)
    assert (first.resumed_events, len(os.listdir(tmp_path))) == (0, 20)
    next(tmp_path.iterdir()).unlink()
    second = run(in_twenty_files, ["background"], checkpoints, **how)
    assert second.resumed_events == EVENTS - 600
    assert same(second.outputs["background"], first.outputs["background"])


# ---- the commands --------------------------------------------------------------------------------


@pytest.fixture
def manifest(in_twenty_files: Manifest, tmp_path: Path) -> Manifest:
    """Chunks that may be damaged."""
    shutil.copytree(in_twenty_files.folder, tmp_path / "chunks")
    return read_manifest(tmp_path / "chunks")


@pytest.fixture
def selection(tmp_path: Path) -> Path:
    path = tmp_path / "cuts.json"
    path.write_text('{"cuts": {"n_jets": {"max": 6}, "photon1_isolation": {"max": 0.8}}}')
    return path


@pytest.fixture(scope="module")
def uninterrupted(in_twenty_files: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("uninterrupted")
    (out / "cuts.json").write_text(
        '{"cuts": {"n_jets": {"max": 6}, "photon1_isolation": {"max": 0.8}}}'
    )
    words = ("--selection", out / "cuts.json", "--no-checkpoints", "--quiet")
    samples = ("--only", "background,signal_500")
    assert xyy("process", in_twenty_files.folder, "--out", out, *samples, *words) == 0
    return out


def equal(one: Path, other: Path) -> bool:
    """Return whether two folders have the same histograms, to the byte, cutflows and ledgers."""

    def told(folder: Path, name: str) -> Any:
        document = json.loads((folder / name).read_text())
        document.pop("provenance")
        return json.loads(json.dumps(document).replace(str(folder), ""))

    histograms = ((folder / "histograms.zip").read_bytes() for folder in (one, other))
    return len(set(histograms)) == 1 and all(
        told(one, name) == told(other, name) for name in ("cutflow.json", "ledger.json")
    )


@pytest.mark.parametrize("harm", ["damaged", "deleted", "unreadable"])
def test_after_repair_only_the_missing_chunk_is_processed(
    manifest: Manifest,
    selection: Path,
    uninterrupted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    harm: str,
) -> None:
    out, path = tmp_path / "out", manifest.folder / "background" / "part-00013.root"
    intact = path.read_bytes()
    path.unlink()
    if harm == "damaged":
        path.write_bytes(intact[:1000] + bytes([intact[1000] ^ 1]) + intact[1001:])
    if harm == "unreadable":
        path.mkdir()
    words = ("process", manifest.folder, "--out", out, "--selection", selection,
             "--only", "background,signal_500")  # fmt: skip
    assert xyy(*words) == 1
    before = {p.name: p.stat().st_mtime_ns for p in (out / "checkpoints").iterdir()}
    assert len(before) == 20 + 1 - 1
    assert not equal(out, uninterrupted)
    # Still damaged: the same end, at once.
    assert xyy(*words, "--resume", "--quiet") == 1
    assert {p.name: p.stat().st_mtime_ns for p in (out / "checkpoints").iterdir()} == before
    if harm == "unreadable":
        path.rmdir()
    path.write_bytes(intact)
    capsys.readouterr()
    assert xyy(*words, "--resume") == 0
    assert "11,400 events came from checkpoints of earlier runs" in capsys.readouterr().err
    assert equal(out, uninterrupted)
    assert len(list((out / "checkpoints").iterdir())) == 21


def test_without_resume_everything_is_processed_again(
    manifest: Manifest, selection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = manifest.folder / "background" / "part-00000.root", tmp_path / "out"
    path.rename(tmp_path / "away")
    words = ("process", manifest.folder, "--out", out, "--selection", selection)
    assert xyy(*words, "--only", "background", "--no-checkpoints") == 1
    assert not (out / "checkpoints").exists()
    assert xyy(*words, "--only", "background") == 1
    capsys.readouterr()
    assert xyy(*words, "--only", "background") == 1
    assert "from checkpoints" not in capsys.readouterr().err
    # A changed cut: none is used, with --resume either.
    selection.write_text('{"cuts": {"n_jets": {"max": 5}}}')
    assert xyy(*words, "--only", "background", "--resume") == 1
    assert "from checkpoints" not in capsys.readouterr().err
    assert xyy(*words, "--only", "background", "--resume") == 1
    assert "11,400 events came from checkpoints" in capsys.readouterr().err


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert to chunks of 1000 events."""
    monkeypatch.setattr("tools.file_conversion.PART_EVENTS", 1000)
    monkeypatch.setattr("tools.file_conversion.CLUSTER_EVENTS", 500)


def change_a_row(path: Path, row: int) -> None:
    lines = path.read_text().splitlines()
    cells = lines[row].split(",")
    cells[1] = str(float(cells[1]) + 1.0)
    path.write_text("\n".join([*lines[:row], ",".join(cells), *lines[row + 1 :], ""]))
    time.sleep(1.1)  # ROOT files say when they were written, to the second


@pytest.mark.usefixtures("small_chunks")
def test_after_a_finished_run_a_changed_row_is_processed_with_its_chunk_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three CSV files of a chunk each; all are converted again, as their sample has changed."""
    files, out = [], tmp_path / "out"
    for seed in range(3):
        folder = tmp_path / str(seed)
        words = ("--events", 1000, "--seed", seed, "--out", folder, "--quiet")
        assert xyy("generate", "background", *words) == 0
        files.append(f"background={folder / 'background.csv'}")

    def processed(out: Path, *words: str) -> str:
        assert xyy("convert", *files, "--out", tmp_path / "csv", "--quiet") == 0
        assert xyy("process", tmp_path / "csv", "--out", out, *words) == 0
        return capsys.readouterr().err

    assert "from checkpoints" not in processed(out)
    kept = {path.name for path in (out / "checkpoints").iterdir()}
    assert len(kept) == 3
    change_a_row(tmp_path / "1" / "background.csv", 500)
    told = processed(out, "--resume")
    assert "2,000 events came from checkpoints of earlier runs" in told
    now = {path.name for path in (out / "checkpoints").iterdir()}
    assert (len(now), len(now & kept)) == (3, 2)
    assert "from checkpoints" not in processed(tmp_path / "fresh", "--no-checkpoints")
    assert equal(out, tmp_path / "fresh")


@pytest.mark.usefixtures("small_chunks")
def test_xyy_run_does_so_in_both_its_passes_over_the_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "datasets" / "course.toml", tmp_path / "mine.toml")
    for name in ("background", "signal_500", "signal_750", "signal_1000"):
        assert xyy("generate", name, "--events", 3000, "--out", tmp_path, "--quiet") == 0
    assert xyy("generate", "background", "--events", 2000, "--out", "seen", "--quiet") == 0
    Path("seen/background.csv").rename("seen.csv")
    words = ("run", "--samples", "mine.toml", "--chunks", "chunks", "--until", "process")

    def done(out: str, *more: str) -> list[str]:
        assert xyy(*words, "--data", "seen.csv", "--out", out, *more) == 0
        told = capsys.readouterr().err.splitlines()
        return [line.partition(" ")[0] for line in told if "from checkpoints" in line]

    def kept() -> set[str]:
        return {path.name for path in Path("out/checkpoints").iterdir()}

    assert done("out") == []
    before = kept()
    assert len(before) == 12 + 12 + 2
    # A file that no plan knows, as one of open data in a folder that is blind: gone, though
    # everything is up to date.
    shutil.copy(Path("out/checkpoints", min(before)), f"out/checkpoints/process-{'0' * 32}.zip")
    assert done("out") == []
    assert kept() == before
    change_a_row(tmp_path / "background.csv", 1500)
    assert done("out") == ["11,000", "13,000"]
    assert (len(kept()), len(kept() & before)) == (26, 24)
    assert done("fresh", "--no-checkpoints") == []
    assert equal(Path("out"), Path("fresh"))
    # Another analysis in its place begins with nothing.
    assert xyy(*words, "--out", "out", "--force", "--until", "chunks", "--quiet") == 0
    assert not Path("out/checkpoints").exists()


def test_after_a_finished_run_a_changed_cut_uses_none_and_what_is_of_no_use_goes(
    in_twenty_files: Manifest,
    selection: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    words = ("process", in_twenty_files.folder, "--out", out, "--selection", selection,
             "--only", "background", "--resume")  # fmt: skip
    assert xyy(*words) == 0
    first = set(os.listdir(out / "checkpoints"))
    selection.write_text('{"cuts": {"n_jets": {"max": 5}}}')
    assert xyy(*words) == 0
    assert "from checkpoints" not in capsys.readouterr().err
    second = set(os.listdir(out / "checkpoints"))
    assert (len(first), len(second), len(first & second)) == (20, 20, 0)
    # What is up to date keeps its checkpoints without --resume, too.
    assert xyy(*words[:-1]) == 0
    assert set(os.listdir(out / "checkpoints")) == second
    (out / "ledger.json").unlink()
    assert xyy(*words[:-1], "--no-checkpoints") == 0
    assert not (out / "checkpoints").exists()


def test_a_folder_that_is_blind_again_has_nothing_of_the_open_data(
    in_twenty_files: Manifest,
    settings: Settings,
    catalogue: Catalogue,
    search: Search,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Folder(tmp_path / "out")
    words = ("process", in_twenty_files.folder, "--out", folder.path, "--only", "data,signal_500",
             "--resume")  # fmt: skip
    (_, *items) = executors.plan(in_twenty_files, ["signal_500", "data"])

    def seen(*, unblinded: bool) -> list[int]:
        """Return how many events there are in the window, by the data's checkpoints."""
        of = replace(settings, unblinded=unblinded, selection=Selection({}))
        kept = [kept_in(folder.checkpoints, of, in_twenty_files).load(item) for item in items]
        low, high = hist.loc(search.window.low_GeV), hist.loc(search.window.high_GeV)
        masses = [each["data"]["before/m_yy"] for each in kept if each]
        return [int(mass[low:high].sum()) for mass in masses]

    assert xyy(*words) == 0
    blind = set(os.listdir(folder.checkpoints))
    assert seen(unblinded=False) == [0] * 20
    blinding.freeze(folder, decisions.decisions(catalogue, search, Selection({})))
    blinding.unblind(folder, "the test says so")
    assert xyy(*words) == 0
    assert "from checkpoints" not in capsys.readouterr().err  # signal_500 is up to date
    opened = set(os.listdir(folder.checkpoints))
    assert (len(blind), len(opened), len(blind & opened)) == (21, 21, 1)
    assert min(seen(unblinded=True)) > 0
    assert seen(unblinded=False) == []
    (folder.path / UNBLINDING).unlink()
    # Though this run comes to nothing.
    assert xyy(*words, "--scheduler", "tcp://127.0.0.1:9", "--wait", 1) == 1
    assert set(os.listdir(folder.checkpoints)) == blind & opened
    assert xyy(*words) == 0
    assert set(os.listdir(folder.checkpoints)) == blind


def test_a_start_that_fails_leaves_nothing(in_twenty_files: Manifest, tmp_path: Path) -> None:
    words = ("process", in_twenty_files.folder, "--out", tmp_path / "out")
    assert xyy(*words, "--scheduler", "tcp://127.0.0.1:9", "--wait", 1) == 1
    assert not (tmp_path / "out").exists()


KILLED = """
import os, signal
from analysis.cli import main
from tools.executors.checkpoints import Checkpoints

save, left = Checkpoints.save, [1] * 5

def save_and_die(*output):
    save(*output)
    left.pop()
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

Checkpoints.save = save_and_die
main()
"""
"""the program, killed when the fifth of sixty checkpoints is written"""


def test_a_killed_run_goes_on_where_it_was_though_a_plot_has_changed(
    manifest: Manifest, selection: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL in mid-run; a checkout whose figures have another colour finishes the run."""
    words = ["process", manifest.folder, "--selection", selection, "--only", "background",
             "--chunk-events", "200"]  # fmt: skip
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert xyy(*words, "--out", whole, "--no-checkpoints", "--quiet") == 0
    command = [sys.executable, "-c", "from analysis.cli import main; main()"]
    killed = [*command[:2], KILLED, *map(str, words), "--out", str(out)]
    assert subprocess.run(killed, check=False).returncode == -signal.SIGKILL
    assert not (out / "ledger.json").exists()
    assert len(list(out.glob("checkpoints/*.zip"))) == 5

    checkout = tmp_path / "checkout"
    for name in ("analysis", "processors", "tools", "datasets"):
        ignored = shutil.ignore_patterns("__pycache__", "*.csv", "*.root")
        shutil.copytree(ROOT / name, checkout / name, ignore=ignored)
    with (checkout / "analysis" / "report" / "plots" / "style.py").open("a") as source:
        source.write("# another colour\n")
    capfd.readouterr()
    # -S: without what puts the installed checkout first
    code = "import sys, analysis.cli as cli; sys.stderr.write(cli.__file__); cli.main()"
    resumed = [sys.executable, "-S", "-c", code, *map(str, words), "--out", str(out), "--resume"]
    environment = {**os.environ, "PYTHONPATH": f"{checkout}:{Path(np.__file__).parent.parent}"}
    subprocess.run(resumed, env=environment, cwd=tmp_path, check=True)
    said = capfd.readouterr().err
    assert f"{checkout}/analysis/cli.py" in said
    assert "1,000 events came from checkpoints of earlier runs" in said
    assert equal(out, whole)
    assert len(list(out.glob("checkpoints/*.zip"))) == 60


def test_without_checkpoints_there_are_none(uninterrupted: Path, tmp_path: Path) -> None:
    assert {path.name for path in uninterrupted.iterdir()} == {
        "cuts.json", "histograms.zip", "cutflow.json", "ledger.json", "run.json",
    }  # fmt: skip
    clear(tmp_path / "nowhere")
