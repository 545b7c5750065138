"""Freeze and unblind: what may change before, and is refused or stamped afterwards."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis import decisions as room
from analysis.folder import Folder, read_selection
from analysis.search import Search
from processors.selection import Interval, Selection
from tools.errors import InputError, RefusedError
from tools.samples import Catalogue
from tools.storage import write_json

CUTS = Selection({"n_jets": Interval(max=6)})
OTHER = Selection({"n_jets": Interval(max=5)})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_before_unblinding_a_changed_decision_makes_a_new_freeze(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    room.freeze(folder, room.decisions(catalogue, search, CUTS))
    first = folder.read("freeze.json", made_by="")
    room.freeze(folder, room.decisions(catalogue, search, OTHER))
    assert folder.read("freeze.json", made_by="")["digest"] != first["digest"]
    assert not room.is_unblinded(folder)


def test_unblinding_holds_only_for_what_was_frozen(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    frozen = room.decisions(catalogue, search, CUTS)
    room.freeze(folder, frozen)
    room.unblind(folder, "all is fixed")
    assert room.is_unblinded(folder)
    room.guard(folder, frozen)
    document = folder.read("freeze.json", made_by="")
    edited = {**document, "decisions": room.decisions(catalogue, search, OTHER)}
    write_json(folder.path / "freeze.json", edited)
    assert not room.is_unblinded(folder)
    (folder.path / "freeze.json").unlink()
    assert not room.is_unblinded(folder)


def test_a_change_after_unblinding_is_refused_or_stamped(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    room.freeze(folder, room.decisions(catalogue, search, CUTS))
    room.unblind(folder, "all is fixed")
    assert room.after_unblinding(folder) is None
    changed = room.decisions(catalogue, search, OTHER)
    with pytest.raises(RefusedError, match=r"changed after unblinding: selection\.n_jets\.max"):
        room.guard(folder, changed)
    with pytest.raises(RefusedError, match="--after-unblinding TEXT"):
        room.freeze(folder, changed)
    room.guard(folder, changed, reason="the referee asked")
    assert room.is_unblinded(folder)
    assert room.after_unblinding(folder) == "the referee asked"
    room.guard(folder, changed)  # on record now
    room.guard(folder, changed, reason="the referee asked")  # once is enough
    assert len(folder.read("unblinding.json", made_by="")["changes"]) == 1
    more = room.decisions(replace(catalogue, data_luminosity_invpb=1.0), search, OTHER)
    with pytest.raises(RefusedError, match=r"samples\.data_luminosity_invpb"):
        room.guard(folder, more)


def test_the_same_decisions_in_another_folder_are_the_same(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    room.freeze(folder, room.decisions(catalogue, search, CUTS))
    room.unblind(folder, "all is fixed")
    moved = replace(catalogue, path=Path("/elsewhere/course.toml"))
    room.guard(folder, room.decisions(moved, replace(search, path=Path("/x.toml")), CUTS))


def test_unblinding_needs_a_freeze_and_a_reason(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    with pytest.raises(InputError, match=r"holds no freeze\.json; fix the decisions first"):
        room.unblind(folder, "why not")
    room.freeze(folder, room.decisions(catalogue, search, CUTS))
    with pytest.raises(InputError, match="needs a reason in words"):
        room.unblind(folder, "  ")
    room.unblind(folder, "first")
    room.unblind(folder, "second")
    assert folder.read("unblinding.json", made_by="")["reason"] == "first"


@pytest.mark.parametrize(
    "cuts",
    ['{"n_jets": 6}', '{"n_jets": {"max": "six"}}', '{"n_jets": {"mx": 6}}', "[]", '{"a": {}}'],
)
def test_a_selection_that_is_none_is_refused(tmp_path: Path, cuts: str) -> None:
    path = tmp_path / "selection.json"
    path.write_text(f'{{"cuts": {cuts}}}')
    with pytest.raises(InputError, match=r"selection\.json: `cuts` must read"):
        read_selection(path)


KEPT = {"peak": {"all": {"range": "window", "family": "exp", "order": 2}}, "of": "data"}
OTHER_PEAK = {"peak": {"all": {"range": "window", "family": "exp", "order": 3}}, "of": "data"}


def test_what_the_sidebands_decided_stands_in_the_freeze(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    room.keep_sidebands(folder, KEPT)  # nothing is frozen: nothing is kept
    assert folder.read_if_there("freeze.json") is None
    room.freeze(folder, room.decisions(catalogue, search, CUTS))
    digest = folder.read("freeze.json", made_by="")["digest"]
    room.keep_sidebands(folder, OTHER_PEAK)
    room.keep_sidebands(folder, KEPT)  # while blind the last word counts
    frozen = folder.read("freeze.json", made_by="")
    assert frozen["sidebands"] == KEPT
    assert frozen["digest"] == digest
    room.freeze(folder, room.decisions(catalogue, search, CUTS))
    assert folder.read("freeze.json", made_by="")["sidebands"] == KEPT


def test_another_background_after_unblinding_is_refused_or_stamped(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    room.freeze(folder, room.decisions(catalogue, search, CUTS))
    room.keep_sidebands(folder, KEPT)
    room.unblind(folder, "all is fixed")
    assert room.is_unblinded(folder)
    # What was expected may be computed again; what was decided is as it was.
    room.keep_sidebands(folder, {**KEPT, "of": "something else"})
    assert folder.read("freeze.json", made_by="")["sidebands"] == KEPT
    message = r"sidebands decide on \(all\.order\) is not the one that the data of"
    with pytest.raises(RefusedError, match=message):
        room.keep_sidebands(folder, OTHER_PEAK)
    room.guard(folder, room.decisions(catalogue, search, OTHER), reason="the referee asked")
    room.keep_sidebands(folder, OTHER_PEAK)
    assert folder.read("freeze.json", made_by="")["sidebands"] == KEPT
