"""Data that were opened once are known to have been, in whatever folder they are opened next."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.folder.blinding import is_unblinded
from analysis.folder.folder import Folder
from analysis.folder.history import after_unblinding, label
from analysis.results.freeze import Freeze

Command = Callable[..., int]
SAME = "the data had been unblinded before with other decisions (first); unblinded again: second"


@pytest.fixture(scope="module")
def chunks(tiny_blind: Path) -> Path:
    """Chunks of the simulation, from which each test takes a copy."""
    return tiny_blind.parent / "chunks"


@pytest.fixture
def frozen(
    tiny: Path, tiny_universe: int, chunks: Path, program: Command, tmp_path: Path
) -> Callable[..., Folder]:
    """Return a function that makes a frozen folder; all share chunks that nobody has opened."""
    shutil.copytree(chunks, tmp_path / "chunks")
    for record in (tmp_path / "chunks").rglob("openings.json"):
        record.unlink()
    other = (tiny / "search.toml").read_text()
    other = other.replace("confidence_level = 0.95", "confidence_level = 0.9")
    (tmp_path / "other.toml").write_text(other)

    def make(name: str, *words: object, search: Path = tiny / "search.toml") -> Folder:
        files = ("--samples", tiny / "samples.toml", "--search", search)
        folders = ("--chunks", tmp_path / "chunks", "--out", tmp_path / name)
        data = words or ("--universe", tiny_universe)
        assert program("run", *data, *files, *folders, "--until", "freeze", "--quiet") == 0
        return Folder(tmp_path / name)

    return make


def test_another_folder_with_other_decisions_is_stamped(
    frozen: Callable[..., Folder],
    program: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = frozen("first")
    assert program("unblind", first.path, "--reason", "first") == 0
    assert after_unblinding(first) is None
    second = frozen("second", search=tmp_path / "other.toml")
    assert program("unblind", second.path, "--reason", "second") == 0
    assert f"note: {SAME}" in capsys.readouterr().err
    assert is_unblinded(second)
    assert after_unblinding(second) == SAME
    changed = label(second)
    assert changed is not None
    assert changed.changed_after_unblinding == ("limits",)
    third = frozen("third")
    assert program("unblind", third.path, "--reason", "third") == 0
    assert after_unblinding(third) is None, "the first opening was for these decisions"


def test_files_are_known_by_their_content(
    frozen: Callable[..., Folder], program: Command, tiny: Path, tiny_universe: int, tmp_path: Path
) -> None:
    """Whatever they are called, among others, and with other columns: other chunks beside these."""
    samples = ("--samples", tiny / "samples.toml")
    for universe in (tiny_universe, tiny_universe + 1):
        words = ("--universe", universe, "--out", tmp_path, "--quiet", *samples)
        assert program("generate", *words) == 0
    one, two = (tmp_path / f"universe_{n}.csv" for n in (tiny_universe, tiny_universe + 1))
    assert program("unblind", frozen("first", "--data", one).path, "--reason", "first") == 0
    renamed = shutil.copy(one, tmp_path / "mine.csv")
    both = ("--data", two, "--data", renamed)
    second = frozen("second", *both, search=tmp_path / "other.toml")
    assert program("unblind", second.path, "--reason", "second") == 0
    assert after_unblinding(second) == SAME
    alone = frozen("alone", "--data", two, search=tmp_path / "other.toml")
    assert program("unblind", alone.path, "--reason", "of these alone") == 0
    assert after_unblinding(alone) is None


DAMAGED = (
    "the data had been unblinded before (unblinding.json was damaged); unblinded again: second"
)


@pytest.mark.parametrize(
    ("spoil", "reason"), [(Path.unlink, SAME), (lambda path: path.write_text("{"), DAMAGED)]
)
def test_a_lost_record_of_the_unblinding_lets_no_changed_decision_through(
    frozen: Callable[..., Folder], program: Command, tmp_path: Path,
    spoil: Callable[[Path], None], reason: str,
) -> None:  # fmt: skip
    folder = frozen("first")
    assert program("unblind", folder.path, "--reason", "first") == 0
    spoil(folder.path / "unblinding.json")
    assert not is_unblinded(folder)
    again = frozen("first", search=tmp_path / "other.toml")
    assert program("unblind", again.path, "--reason", "second") == 0
    assert after_unblinding(again) == reason
    assert program("status", again.path) == 0


def test_a_damaged_record_beside_the_chunks_counts_as_an_opening(
    frozen: Callable[..., Folder], program: Command, tmp_path: Path
) -> None:
    folder = frozen("first")
    assert program("unblind", folder.path, "--reason", "first") == 0
    (record,) = (tmp_path / "chunks").glob("*/openings.json")
    assert json.loads(record.read_text())["openings"][0]["reason"] == "first"
    record.write_text("{")
    second = frozen("second")
    assert program("unblind", second.path, "--reason", "second") == 0
    assert f"{record} is damaged" in (after_unblinding(second) or "")


def test_results_are_labelled_if_the_sidebands_decide_on_another_function(
    frozen: Callable[..., Folder], program: Command, tiny: Path, tiny_universe: int, tmp_path: Path
) -> None:
    """As of a program that is a newer one than that which the data were unblinded with."""
    folder, reason = frozen("first"), "a newer program"
    files = ("--samples", tiny / "samples.toml", "--search", tiny / "search.toml")
    words = ("run", "--universe", tiny_universe, *files, "--chunks", tmp_path / "chunks",
             "--out", folder.path, "--until", "infer", "--quiet")  # fmt: skip
    assert program(*words) == 0
    kept = folder.load(Freeze, made_by="")
    assert kept.sidebands is not None
    others = {name: replace(of, order=of.order + 1) for name, of in kept.sidebands.peak.items()}
    folder.save(replace(kept, sidebands=replace(kept.sidebands, peak=others)), frozen="")
    assert program("unblind", folder.path, "--reason", "all is fixed") == 0
    assert program(*words) == 4
    assert program(*words, "--after-unblinding", reason) == 0
    for name in ("background", "counting", "scan", "limits", "verdict", "claim"):
        document = folder.read(f"{name}.json", made_by="")
        assert document["after_unblinding"] == reason, name
        changed = document["changed_after_unblinding"]
        assert changed, name
        assert all(name.startswith("sidebands.peak.") for name in changed), changed


def test_data_that_were_inspected_unblinded_are_known_to_have_been(
    frozen: Callable[..., Folder], program: Command, tiny: Path, tiny_universe: int, tmp_path: Path
) -> None:
    words = ("--universe", tiny_universe, "--out", tmp_path, "--quiet")
    assert program("generate", *words, "--samples", tiny / "samples.toml") == 0
    path, where = tmp_path / f"universe_{tiny_universe}.csv", ("--chunks", tmp_path / "chunks")
    assert program("inspect", path, *where, "--unblinded", "is it there") == 0
    folder = frozen("first", "--data", path)
    assert program("unblind", folder.path, "--reason", "first") == 0
    told = after_unblinding(folder)
    assert told is not None
    assert told.startswith("the data had been unblinded before with other decisions (xyy inspect: ")
