"""The manifest: written and read back, moved, and refused when it is not one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.errors import InputError
from tools.manifest import (
    FORMAT,
    MANIFEST_NAME,
    Manifest,
    Part,
    SampleChunks,
    Source,
    read_manifest,
)
from tools.samples import Catalogue

PARTS = (
    Part("signal_500/part-00000.root", 500_000, (0, 500_000), 24_750_000, "0a" * 16),
    Part("signal_500/part-00001.root", 17, (0, 17), 9_000, "0b" * 16),
)
SIGNAL = SampleChunks(
    kind="signal",
    parts=PARTS,
    sources=(Source("signal_500.csv", 120_000_000, "0c" * 16),),
    content="0d" * 16,
    mass_GeV=500.0,
    cross_section_pb=5.4,
    filter_efficiency=0.17,
)
DATA = SampleChunks(kind="data", parts=PARTS[1:], generated=True)


@pytest.fixture
def manifest(catalogue: Catalogue, tmp_path: Path) -> Manifest:
    return Manifest(tmp_path, catalogue.columns, {"signal_500": SIGNAL})


def test_read_back(manifest: Manifest) -> None:
    path = manifest.write()
    assert path == manifest.folder / MANIFEST_NAME
    assert read_manifest(path) == read_manifest(manifest.folder) == manifest


def test_events_of_a_sample() -> None:
    assert SIGNAL.entries == 500_017
    assert DATA.entries == 17


def test_what_other_programs_find_in_it(manifest: Manifest) -> None:
    document = json.loads(manifest.write().read_text(encoding="utf-8"))
    assert document["format"] == FORMAT
    assert [column["name"] for column in document["columns"]][:2] == ["photon1_pT", "photon2_pT"]
    assert document["columns"][0]["type"] == "float32"
    sample = document["samples"]["signal_500"]
    assert (sample["entries"], sample["kind"], sample["generated"]) == (500_017, "signal", False)
    assert sample["parts"][1]["clusters"] == [0, 17]
    assert set(sample["parts"][0]) == {
        "path", "entries", "clusters", "bytes", "checksum", "content",
    }  # fmt: skip
    assert {"written", "host", "versions", "git_commit"} <= set(document["provenance"])


def test_what_differs_between_equal_ones_is_provenance(manifest: Manifest) -> None:
    first, second = (json.loads(manifest.write().read_text(encoding="utf-8")) for _ in range(2))
    del first["provenance"], second["provenance"]
    assert first == second


def test_a_sample_is_added_or_replaced(manifest: Manifest) -> None:
    both = manifest.with_sample("data", DATA)
    assert list(both.samples) == ["signal_500", "data"]
    shorter = replace(SIGNAL, parts=PARTS[:1])
    assert both.with_sample("signal_500", shorter).samples == {"signal_500": shorter, "data": DATA}
    assert list(manifest.samples) == ["signal_500"]


def test_a_folder_can_be_moved(manifest: Manifest, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(manifest.write(), moved / MANIFEST_NAME)
    found = read_manifest(moved)
    assert found == replace(manifest, folder=moved)
    assert not any(Path(part.path).is_absolute() for part in found.samples["signal_500"].parts)


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest.json is not there; make it with `xyy convert`"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", '{"format": NaN}', '{"a": 1e999}', "[" * 100_000, b"\xff\xfe".decode("latin-1")]
)
def test_not_json(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot be read as JSON \(.*\); make it again with `xyy"):
        read_manifest(tmp_path)


def test_no_manifest_but_other_json(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    for text in ("{}", '{"format": "xyy-manifest-0"}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"is not a manifest \(xyy-manifest-1\); make it with"):
            read_manifest(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds no JSON object; make it again with `xyy convert`"):
        read_manifest(path)


def _part(document: dict[str, Any], index: int = 0) -> dict[str, Any]:
    part: dict[str, Any] = document["samples"]["signal_500"]["parts"][index]
    return part


Damage = Callable[[dict[str, Any]], object]
SIGNAL_500, FIRST = r"\[samples.signal_500\]", r"\[samples.signal_500.parts\[0\]\]"
DAMAGES: dict[str, tuple[Damage, str]] = {
    "no columns": (lambda d: d.pop("columns"), "`columns` is missing"),
    "a column without axis": (
        lambda d: d["columns"][0].pop("axis"), r"\[columns\[0\]\]: `axis` is missing"
    ),
    "an unknown entry of a column": (
        lambda d: d["columns"][0].update(colour="red"), r"\[columns\[0\]\]: unknown entry `colour`"
    ),
    "an absurd number of bins": (
        lambda d: d["columns"][0]["axis"].update(bins=10**9),
        r"\[columns\[0\].axis\], bins: write a number from 1 to 10000, not 1000000000",
    ),
    "an unknown type": (
        lambda d: d["columns"][0].update(type="float99"), "'float99' is none of float32, float64"
    ),
    "no samples": (lambda d: d.pop("samples"), "`samples` is missing"),
    "samples as a list": (lambda d: d.update(samples=[]), r"\[samples\]: must be a table"),
    "a sample without parts": (
        lambda d: d["samples"]["signal_500"].pop("parts"), f"{SIGNAL_500}: `parts` is missing"
    ),
    "no parts": (
        lambda d: d["samples"]["signal_500"].update(parts=[]),
        f"{SIGNAL_500}, parts: must be a list of 1 or more tables",
    ),
    "parts that are texts": (
        lambda d: d["samples"]["signal_500"].update(parts=["part-00000.root"]),
        f"{FIRST}: must be a table, not 'part-00000.root'",
    ),
    "an unknown kind": (
        lambda d: d["samples"]["signal_500"].update(kind="signals"),
        f"{SIGNAL_500}, kind: 'signals' is none of signal, background, data",
    ),
    "a number as text": (
        lambda d: d["samples"]["signal_500"].update(mass_GeV="500"),
        f"{SIGNAL_500}, mass_GeV: write a finite number from 0 on, not '500'",
    ),
    "entries as text": (lambda d: _part(d).update(entries="500000"), f"{FIRST}, entries: write a"),
    "fewer entries": (
        lambda d: _part(d).update(entries=100),
        f"{FIRST}, clusters: they must rise from 0 to 100, the entries",
    ),
    "fewer entries, and clusters": (
        lambda d: _part(d).update(entries=100, clusters=[0, 100]),
        f"{SIGNAL_500}, entries: 500,017, where the parts have 117",
    ),
    "an infinity": (lambda d: _part(d).update(bytes=1e999), "no number of JSON: Infinity"),
    "a part without checksum": (
        lambda d: _part(d).pop("checksum"), f"{FIRST}: `checksum` is missing"
    ),
    "a checksum of other digits": (
        lambda d: _part(d).update(checksum="0g" * 16), f"{FIRST}, checksum: write 32 hexadecimal"
    ),
    "a path with a NUL": (lambda d: _part(d).update(path="a\0b"), f"{FIRST}, path: write a text"),
    "the same path twice": (
        lambda d: _part(d).update(path="./signal_500/../signal_500/part-00001.root"),
        rf"the events of signal_500/part-00001.root are those of {FIRST} and would count twice",
    ),
    "the same events twice": (
        lambda d: _part(d).update(checksum="0b" * 16), "would count twice",
    ),
    "an unknown entry of a sample": (
        lambda d: d["samples"]["signal_500"].update(weight=1), f"{SIGNAL_500}: unknown entry"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged(manifest: Manifest, name: str) -> None:
    path = manifest.write()
    document = json.loads(path.read_text(encoding="utf-8"))
    damage, told = DAMAGES[name]
    damage(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=rf"manifest.json.*{told}.* make it .*with `xyy convert`"):
        read_manifest(path)
