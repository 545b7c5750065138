"""Freeze and unblind: what may change before, and is refused or labelled afterwards."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.folder import blinding
from analysis.folder import history as after
from analysis.folder.decisions import decisions, program_version
from analysis.folder.folder import Folder, read_selection, unlabelled
from analysis.folder.history import history
from analysis.results.codec import to_json
from analysis.results.freeze import (
    ExpectedLimits,
    ExpectedResults,
    ExpectedScan,
    Freeze,
    KnownBefore,
)
from analysis.results.values import FunctionInRange
from analysis.settings.search import Search
from processors.selection import Interval, Selection
from tools.errors import InputError, RefusedError
from tools.json_file import write_sealed
from tools.samples import Catalogue

CUTS = Selection({"n_jets": Interval(max=6)})
OTHER = Selection({"n_jets": Interval(max=5)})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_before_unblinding_a_changed_decision_makes_a_new_freeze(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    first = folder.read("freeze.json", made_by="")
    blinding.freeze(folder, decisions(catalogue, search, OTHER))
    assert folder.read("freeze.json", made_by="")["digest"] != first["digest"]
    assert not blinding.is_unblinded(folder)


def test_unblinding_holds_only_for_what_was_frozen(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    frozen = decisions(catalogue, search, CUTS)
    blinding.freeze(folder, frozen)
    blinding.unblind(folder, "all is fixed")
    assert blinding.is_unblinded(folder)
    blinding.guard(folder, frozen)
    document = folder.read("freeze.json", made_by="")
    edited = {**document, "decisions": decisions(catalogue, search, OTHER)}
    write_sealed(folder.path / "freeze.json", edited)
    assert not blinding.is_unblinded(folder)
    (folder.path / "freeze.json").unlink()
    assert not blinding.is_unblinded(folder)


def test_a_change_after_unblinding_is_refused_or_stamped(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    blinding.unblind(folder, "all is fixed")
    assert after.after_unblinding(folder) is None
    changed = decisions(catalogue, search, OTHER)
    with pytest.raises(RefusedError, match=r"changed after unblinding: selection\.n_jets\.max"):
        blinding.guard(folder, changed)
    with pytest.raises(RefusedError, match="--after-unblinding TEXT"):
        blinding.freeze(folder, changed)
    blinding.guard(folder, changed, reason="the referee asked")
    assert blinding.is_unblinded(folder)
    assert after.after_unblinding(folder) == "the referee asked"
    blinding.guard(folder, changed)  # on record now
    blinding.guard(folder, changed, reason="the referee asked")  # once is enough
    assert len(folder.read("unblinding.json", made_by="")["changes"]) == 1
    more = decisions(replace(catalogue, data_luminosity_invpb=1.0), search, OTHER)
    with pytest.raises(RefusedError, match=r"samples\.data_luminosity_invpb"):
        blinding.guard(folder, more)


def test_the_same_decisions_in_another_folder_are_the_same(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    blinding.unblind(folder, "all is fixed")
    moved = replace(catalogue, path=Path("/elsewhere/course.toml"))
    blinding.guard(folder, decisions(moved, replace(search, path=Path("/x.toml")), CUTS))


def test_unblinding_needs_a_freeze_and_a_reason(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    with pytest.raises(InputError, match=r"holds no freeze\.json; fix the decisions first"):
        blinding.unblind(folder, "why not")
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    with pytest.raises(InputError, match="needs a reason in words"):
        blinding.unblind(folder, "  ")
    blinding.unblind(folder, "first")
    blinding.unblind(folder, "second")
    assert folder.read("unblinding.json", made_by="")["reason"] == "first"


@pytest.mark.parametrize(
    "cuts",
    ['{"n_jets": 6}', '{"n_jets": {"max": "six"}}', '{"n_jets": {"mx": 6}}', "[]", '{"a": {}}'],
)
def test_a_selection_that_is_none_is_refused(tmp_path: Path, cuts: str) -> None:
    path = tmp_path / "selection.json"
    path.write_text(f'{{"cuts": {cuts}}}')
    with pytest.raises(InputError, match=r"selection\.json.*cuts.*; `cuts` must read \{"):
        read_selection(path)


def known(order: int = 2, of: str = "data") -> KnownBefore:
    """Return what the blind inference found, with one channel and nothing to expect."""
    peak = FunctionInRange(range="window", fit_range_GeV=(400, 1100), family="exp", order=order)
    masses = np.array([500.0, 510.0])
    bands = {band: np.array([1.0, np.nan]) for band in ("-2", "-1", "0", "1", "2")}
    expected = ExpectedResults(
        counting_limit_pb=dict.fromkeys(bands),
        signals={},
        scan=ExpectedScan(mass_GeV=masses, expected_local_z=None),
        limits=ExpectedLimits(mass_GeV=masses, expected_pb=bands),
    )
    return KnownBefore(
        of=of, peak={"all": peak}, sideband_gof_pvalue={"all": 0.5},
        predicted_events=100.0, predicted_error_events=10.0, expected=expected,
    )  # fmt: skip


KEPT, OTHER_PEAK = known(), known(order=3)


def kept(folder: Folder) -> KnownBefore | None:
    return folder.load(Freeze, made_by="").sidebands


def test_what_the_sidebands_decided_stands_in_the_freeze(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    blinding.keep_sidebands(folder, KEPT)  # nothing is frozen: nothing is kept
    assert folder.read_if_there("freeze.json") is None
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    digest = folder.read("freeze.json", made_by="")["digest"]
    blinding.keep_sidebands(folder, OTHER_PEAK)
    blinding.keep_sidebands(folder, KEPT)  # while blind the last word counts
    assert to_json(kept(folder)) == to_json(KEPT)
    assert folder.load(Freeze, made_by="").digest == digest
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    assert to_json(kept(folder)) == to_json(KEPT)


def test_another_background_after_unblinding_is_refused_or_stamped(
    folder: Folder, catalogue: Catalogue, search: Search
) -> None:
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    blinding.keep_sidebands(folder, KEPT)
    blinding.unblind(folder, "all is fixed")
    assert blinding.is_unblinded(folder)
    # What was expected may be computed again; what was decided is as it was.
    blinding.keep_sidebands(folder, known(of="something else"))
    assert to_json(kept(folder)) == to_json(KEPT)
    message = r"sidebands decide on \(sidebands\.peak\.all\.order\) is not the one that the data of"
    with pytest.raises(RefusedError, match=message):
        blinding.keep_sidebands(folder, OTHER_PEAK)
    blinding.guard(folder, decisions(catalogue, search, OTHER), reason="the referee asked")
    blinding.keep_sidebands(folder, OTHER_PEAK)
    assert to_json(kept(folder)) == to_json(KEPT)


# ---- what the frozen record holds ----------------------------------------------------------------


@pytest.fixture
def opened(folder: Folder, catalogue: Catalogue, search: Search) -> Folder:
    """A folder that was frozen, with what the sidebands decided, and opened."""
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    blinding.keep_sidebands(folder, KEPT)
    blinding.unblind(folder, "all is fixed")
    return folder


def edit(folder: Folder, name: str, **changes: object) -> None:
    write_sealed(folder.path / name, {**folder.read(name, made_by=""), **changes})


def test_every_decision_has_its_hash(folder: Folder, catalogue: Catalogue, search: Search) -> None:
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    first = folder.read("freeze.json", made_by="")
    assert set(first["hashes"]) == {
        "samples", "selection", "score", "window", "spectrum", "fit", "peak", "systematics",
        "signal", "optimise", "limits", "decision",
    }  # fmt: skip
    wider = replace(search, spectrum=replace(search.spectrum, bin_GeV=2.0))
    blinding.freeze(folder, decisions(catalogue, wider, OTHER))
    second = folder.read("freeze.json", made_by="")["hashes"]
    differ = {name for name in second if second[name] != first["hashes"][name]}
    assert differ == {"selection", "spectrum"}
    assert set(first["program"]) == {"version", "processors", "selection", "statistics"}


def test_another_program_is_frozen_anew_while_blind(
    folder: Folder, catalogue: Catalogue, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = decisions(catalogue, search, CUTS)
    blinding.freeze(folder, frozen)
    blinding.keep_sidebands(folder, KEPT)
    other_program(monkeypatch, statistics="other")
    blinding.freeze(folder, frozen)
    assert folder.load(Freeze, made_by="").program.statistics == "other"
    assert to_json(kept(folder)) == to_json(KEPT)


def other_program(monkeypatch: pytest.MonkeyPatch, **parts: str) -> None:
    program = replace(program_version(), **parts)
    monkeypatch.setattr(blinding, "program_version", lambda: program)


def test_another_program_after_unblinding_is_told_and_not_refused(
    opened: Folder, catalogue: Catalogue, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = decisions(catalogue, search, CUTS)
    with monkeypatch.context() as patch:
        other_program(patch, statistics="other")
        blinding.guard(opened, frozen)
        blinding.guard(opened, frozen)
        assert blinding.is_unblinded(opened)
        assert after.after_unblinding(opened) == "the program changed (statistics)"
        changed = after.label(opened)
        assert changed is not None
        assert changed.changed_after_unblinding == ("program.statistics",)
        assert len(opened.read("unblinding.json", made_by="")["programs"]) == 1
        # It is told, and allows nothing: another function under a peak is refused as before.
        with pytest.raises(RefusedError, match="the sidebands or the program changed"):
            blinding.keep_sidebands(opened, OTHER_PEAK)
    blinding.guard(opened, frozen)
    assert after.after_unblinding(opened) is None  # the results are the frozen program's again
    assert len(opened.read("unblinding.json", made_by="")["programs"]) == 2
    with monkeypatch.context() as patch:
        other_program(patch, version="9.9")
        blinding.guard(opened, frozen)
    assert after.after_unblinding(opened) is None  # another version with the same code


def test_an_edited_record_shuts_the_data(
    opened: Folder, catalogue: Catalogue, search: Search
) -> None:
    edit(opened, "freeze.json", sidebands=to_json(known(of="wishes")))
    assert not blinding.is_unblinded(opened)
    edit(opened, "freeze.json", sidebands=to_json(KEPT))
    assert blinding.is_unblinded(opened)
    path = opened.path / "freeze.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace('"max": 6', '"max": 7'), encoding="utf-8")
    assert not blinding.is_unblinded(opened)
    assert history(opened) == [("", "freeze.json is damaged")]
    path.write_text(whole, encoding="utf-8")
    edit(opened, "freeze.json", sidebands=to_json(KEPT))
    assert blinding.is_unblinded(opened)
    frozen = decisions(catalogue, search, CUTS)
    edit(opened, "freeze.json", decisions=decisions(catalogue, search, OTHER))
    assert not blinding.is_unblinded(opened)
    blinding.freeze(opened, frozen)  # as it was: the edit is undone
    assert opened.read("freeze.json", made_by="")["decisions"]["selection"]["n_jets"]["max"] == 6


def test_data_that_were_opened_once_stay_opened_on_record(
    opened: Folder, catalogue: Catalogue, search: Search
) -> None:
    """Who removes the freeze, decides anew and unblinds again has seen the data all the same."""
    first = opened.read("unblinding.json", made_by="")["provenance"]["unblinded"]
    (opened.path / "freeze.json").unlink()
    blinding.freeze(opened, decisions(catalogue, search, OTHER))
    assert not blinding.is_unblinded(opened)
    blinding.unblind(opened, "fixed again")
    assert blinding.is_unblinded(opened)
    reason = after.after_unblinding(opened) or ""
    assert (
        reason == "the data had been unblinded before (all is fixed); unblinded again: fixed again"
    )
    record = opened.read("unblinding.json", made_by="")
    assert record["provenance"]["unblinded"] == first
    blinding.guard(opened, decisions(catalogue, search, OTHER))


def test_a_reason_for_another_background_is_taken(
    opened: Folder, catalogue: Catalogue, search: Search
) -> None:
    frozen = decisions(catalogue, search, CUTS)
    blinding.guard(opened, frozen, reason="another turn-on")
    assert after.after_unblinding(opened) is None  # nothing has changed as yet
    blinding.keep_sidebands(opened, OTHER_PEAK)
    assert after.after_unblinding(opened) == "another turn-on"
    changed = after.label(opened)
    assert changed is not None
    assert changed.changed_after_unblinding == ("sidebands.peak.all.order",)
    blinding.guard(opened, frozen)
    blinding.keep_sidebands(opened, OTHER_PEAK)  # on record now
    with pytest.raises(RefusedError, match="sidebands decide on"):
        blinding.keep_sidebands(opened, KEPT)


def test_times_stay_through_every_change(
    folder: Folder, catalogue: Catalogue, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(f"2040-01-0{day}T00:00:00+00:00" for day in range(1, 9))
    monkeypatch.setattr(blinding, "_now", lambda: next(times))
    frozen = decisions(catalogue, search, CUTS)
    blinding.freeze(folder, frozen)
    blinding.keep_sidebands(folder, replace(KEPT, sideband_gof_pvalue={"all": 0.25}))
    blinding.unblind(folder, "all is fixed")
    blinding.guard(folder, decisions(catalogue, search, OTHER), reason="the referee asked")
    other_program(monkeypatch, statistics="other")
    blinding.guard(folder, decisions(catalogue, search, OTHER))
    shown = [(when[:10], what) for when, what in history(folder)]
    assert shown[0][0] == "2040-01-01"
    assert shown[0][1].startswith("frozen under ")
    assert shown[1] == ("", "goodness of fit of the sidebands (data): all: p = 0.25")
    assert shown[2] == ("2040-01-02", "unblinded: all is fixed")
    assert shown[3] == ("2040-01-03", "changed: the referee asked (selection.n_jets.max)")
    assert shown[4][1].startswith("results made by another program: xyy ")
    assert len(shown) == 5


def test_a_history_of_less(folder: Folder, catalogue: Catalogue, search: Search) -> None:
    assert history(folder) == [("", "nothing is frozen yet")]
    blinding.freeze(folder, decisions(catalogue, search, CUTS))
    assert history(folder)[-1] == ("", "not unblinded")
    blinding.unblind(folder, "now")
    edit(folder, "freeze.json", digest="0")
    assert history(folder)[-1][1].startswith("blinded again: what is frozen now is not what")


# ---- labels --------------------------------------------------------------------------------------


def test_products_are_stamped_once(opened: Folder, catalogue: Catalogue, search: Search) -> None:
    for name in after.LABELLED:
        opened.write(name, {"complete": True}, keys={"data": "1"})
    after.label_products(opened)
    assert "after_unblinding" not in opened.read("ledger.json", made_by="")
    blinding.guard(opened, decisions(catalogue, search, OTHER), reason="the referee asked")
    after.label_products(opened)
    for name in after.LABELLED:
        document = opened.read(name, made_by="")
        assert document["after_unblinding"] == "the referee asked"
        assert document["changed_after_unblinding"] == ["selection.n_jets.max"]
        assert document["provenance"]["keys"] == {"data": "1"}
    times = {name: (opened.path / name).stat().st_mtime_ns for name in after.LABELLED}
    after.label_products(opened)
    assert times == {name: (opened.path / name).stat().st_mtime_ns for name in after.LABELLED}
    ledger = opened.read("ledger.json", made_by="")
    assert set(unlabelled(ledger)) == {"complete", "provenance"}
