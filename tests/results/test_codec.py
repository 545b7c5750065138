"""Results as their files hold them, and back: nothing changes, and nothing else is taken."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.folder.folder import Folder
from analysis.results.codec import Unit, from_json, to_json
from analysis.results.freeze import ChangeLabel
from analysis.results.limits import ExcludedRanges, MassLimits
from analysis.results.scan import InferredWith, Scan, SpentToys
from analysis.results.values import Estimate
from analysis.results.verdict import Deficit, ResonanceFit, StabilityCheck, Verdict
from tools.errors import InputError

BANDS = ("-2", "-1", "0", "1", "2")


def limits(unit: Unit = "pb") -> MassLimits:
    """Return limits at two masses, of which the second has none."""
    return MassLimits(
        confidence_level=0.95,
        mass_GeV=np.array([500.0, 600.0]),
        observed=np.array([1.25, np.nan]),
        expected={band: np.array([1.0 + place, np.inf]) for place, band in enumerate(BANDS)},
        reasons=(None, "within two resolutions of the resonance at 598.3 GeV"),
        low_counts=(False, True),
        background_events_under_peak=np.array([100.5, 3.0]),
        methods=("asymptotic", "toys"),
        method="toys",
        benchmark=5.4 if unit == "pb" else None,
        excluded_GeV=ExcludedRanges(observed=((500.0, 550.5),), expected=None),
        warnings=(),
        reason=None,
        partial=False,
        complete=True,
        unit=unit,
    )


def blind_scan(unit: Unit) -> Scan:
    return Scan(
        mass_GeV=np.array([500.0]), local_z=None, signed_z=None, local_p=None,
        signal_events=None, signal_error_events=None, envelope_z=None,
        expected_local_z=None, benchmark=None, maximum=None, global_=None,
        reason="the data are blind", complete=True, unit=unit,
    )  # fmt: skip


def verdict(unit: Unit) -> Verdict:
    check = StabilityCheck(
        what="order 3", local_z=2.5, strength=Estimate(1.0, 0.5, 1.5), used=False
    )
    deficit = Deficit(mass_GeV=700.0, signed_z=-1.5)
    return Verdict(
        decision="limit", complete=True, blinded=False, after_unblinding=None,
        local_z=2.5, global_z=0.5, global_p=0.3, global_z_reason=None, mass_GeV=None,
        reason="too small", counting=None, warnings=("careful",), unit=unit,
        fit=ResonanceFit(stability=(check,), deficit=deficit, unit=unit),
    )  # fmt: skip


@pytest.mark.parametrize("unit", ["pb", "events"])
def test_what_is_written_is_read_again(tmp_path: Path, unit: Unit) -> None:
    folder = Folder(tmp_path)
    for result in (limits(unit), blind_scan(unit), verdict(unit)):
        folder.save(result, inputs="x")
        again = folder.load(type(result), made_by="infer")
        assert again.unit == unit
        assert json.dumps(to_json(again)) == json.dumps(to_json(result))


def test_numbers_that_are_none_are_null() -> None:
    written = json.loads(json.dumps(to_json(limits()), allow_nan=False))
    assert written["observed_pb"] == [1.25, None]
    assert written["expected_pb"]["0"] == [3.0, None]
    assert written["low_counts"] == [False, True]
    again = from_json(MassLimits, written, Path("limits.json"))
    assert again.observed is not None
    assert np.array_equal(again.observed, [1.25, np.nan], equal_nan=True)
    assert np.isnan(again.expected["2"][1])
    assert again.low_counts == (False, True)


def test_keys_tell_the_unit() -> None:
    assert {"observed_events", "expected_events"} < to_json(limits("events")).keys()
    scan, events = to_json(blind_scan("pb")), to_json(blind_scan("events"))
    assert scan.keys() - events.keys() == {
        "cross_section_pb", "cross_section_error_pb", "benchmark_pb",
    }  # fmt: skip
    assert scan["cross_section_pb"] is None
    assert "global" in scan
    assert "unit" not in scan
    fit = to_json(verdict("pb"))["fit"]
    assert set(fit) == {"stability", "deficit"}  # what was not measured has no key
    assert fit["stability"][0]["cross_section_pb"] == {"value": 1.0, "low": 0.5, "high": 1.5}
    assert "signal_events" in to_json(verdict("events"))["fit"]["stability"][0]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("confidence_level", "0.95", r"limits\.json: '0\.95' is no number @ \.confidence_level"),
        ("confidence_level", True, r"True is no number @ \.confidence_level"),
        ("complete", 1, r"1 is no bool @ \.complete"),
        ("method", None, r"None is no str @ \.method"),
        ("mass_GeV", 500.0, r"500\.0 is no list @ \.mass_GeV"),
        ("mass_GeV", [500.0, "x"], r"'x' is no number @ \.mass_GeV"),
        ("methods", "toys", r"'toys' is no list @ \.methods"),
        ("expected_pb", {"0": [{}]}, r"\{\} is no number @ \.expected\['0'\]"),
        ("excluded_GeV", {"observed": [[1.0]], "expected": None}, r"there are 1 in place of 2"),
        ("excluded_GeV", {"observed": None}, r"'expected' is missing @ \.excluded_GeV\.expected"),
        ("expcted_pb", {}, r"MassLimits: expcted_pb; make it again"),
    ],
)
def test_what_is_not_of_its_type_is_refused_by_name(key: str, value: Any, message: str) -> None:
    document = {**json.loads(json.dumps(to_json(limits()))), key: value}
    with pytest.raises(InputError, match=message):
        from_json(MassLimits, document, Path("limits.json"))


def test_labels_are_no_part_of_a_result_but_of_the_verdict(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    label = ChangeLabel(after_unblinding="the referee asked", changed_after_unblinding=("a.b",))
    for result in (limits(), verdict("pb")):
        folder.save(result, label=label)
        assert folder.read(result.FILE, made_by="")["changed_after_unblinding"] == ["a.b"]
    assert to_json(folder.load(MassLimits, made_by="")) == to_json(limits())
    labelled = folder.load(Verdict, made_by="")
    assert (labelled.after_unblinding, labelled.changed_after_unblinding) == (
        "the referee asked", ("a.b",),
    )  # fmt: skip


def test_results_that_are_lost_are_none_and_others_are_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.load_if_there(Scan) is None
    folder.save(replace(blind_scan("pb"), reason=None))
    path = tmp_path / Scan.FILE
    path.write_bytes(path.read_bytes().replace(b"500.0", b"501.0"))
    assert folder.load_if_there(Scan) is None
    folder.write(Scan.FILE, {"mass_GeV": []})
    with pytest.raises(InputError, match=r"scan\.json: .* is missing"):
        folder.load_if_there(Scan)


def test_the_toys_of_a_result_are_read_from_its_provenance(tmp_path: Path) -> None:
    folder, made = Folder(tmp_path), InferredWith(effort=SpentToys(toys=5, limit_toys=0, seed=3))
    folder.save(blind_scan("pb"), inputs="some", **to_json(made))
    assert folder.made_with(Scan.FILE, InferredWith) == made
    folder.save(blind_scan("pb"), inputs="some")
    assert folder.made_with(Scan.FILE, InferredWith) is None
    folder.save(blind_scan("pb"), effort={"toys": "many", "limit_toys": 0, "seed": 3})
    with pytest.raises(InputError, match=r"scan\.json: 'many' is no int"):
        folder.made_with(Scan.FILE, InferredWith)
