"""Photon ntuples through the commands: weights that are not used are told, lost files missed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.settings.search_file import read_search
from tools.checkout import checkout

Program = Callable[..., int]
SAMPLES = """
collision_energy = "13 TeV"
luminosity = "796.5 / pb"

[samples.yy]
kind = "background"
cross_section = "25 pb"
filter_efficiency = 1.0
events = 2000
files = ["yy*.root"]

[samples.signal_125]
kind = "signal"
mass = "125 GeV"
cross_section = "0.1101 pb"
filter_efficiency = 1.0
events = 2000
files = ["ggH*.root"]

[samples.data]
kind = "data"
files = ["data*.root"]
"""
COLUMNS = {
    "pT": ("GeV", 0, 500), "eta": ("1", -3, 3), "phi": ("rad", -4, 4), "r9": ("1", 0, 1.2),
}  # fmt: skip
EDITS = (
    ('low = "400 GeV"\nhigh = "1100 GeV"', 'low = "120 GeV"\nhigh = "130 GeV"'),
    ('low = "500 GeV", high = "1000 GeV", step = "10 GeV"',
     'low = "122 GeV", high = "128 GeV", step = "1 GeV"'),
    ('low = "500 GeV", high = "1000 GeV", step = "25 GeV"',
     'low = "122 GeV", high = "128 GeV", step = "2 GeV"'),
    ('low = "100 GeV"\nlow_highest = "250 GeV"', 'low = "105 GeV"\nlow_highest = "105 GeV"'),
    ('high = "2000 GeV"\nbin = "10 GeV"', 'high = "160 GeV"\nbin = "1 GeV"'),
    ('low_step = "50 GeV"', 'low_step = "1 GeV"'),
    ("signal_500", "signal_125"),
)  # fmt: skip


def settings(folder: Path) -> tuple[object, ...]:
    """Write a samples file and a search file; return the options that name them."""
    columns = [
        f'[columns.photon{number}_{name}]\nunit = "{unit}"\ntype = "float32"\nmeaning = "{name}"\n'
        f"axis = {{ bins = 20, low = {low}, high = {high} }}\n"
        for name, (unit, low, high) in COLUMNS.items()
        for number in (1, 2)
    ]
    (folder / "samples.toml").write_text(SAMPLES + "\n".join(columns), encoding="utf-8")
    text = (checkout() / "analysis/search.toml").read_text(encoding="utf-8")
    for old, new in EDITS:
        assert old in text, old
        text = text.replace(old, new, 1)
    before, _, rest = text.partition("[optimise.axes]")
    score = rest[rest.index("[score]") :]
    axes = "[optimise.axes]\nphoton1_r9 = { bins = 6, low = 0, high = 1.2 }\n\n"
    path = folder / "search.toml"
    path.write_text(
        f"{before}{axes}[optimise.course_cuts]\nphoton1_r9 = 1.0\n\n{score}", encoding="utf-8"
    )
    read_search(path)
    return ("--samples", folder / "samples.toml", "--search", path)


def ledger(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    return told


def test_weights_that_are_not_used_and_files_that_were_left_out(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, files, out = settings(tmp_path), tmp_path / "files", tmp_path / "out"
    assert program("generate", "--layout", "nanoaod", "--events", "2000", "--out", files) == 0
    (files / "data_cut.root").write_bytes((files / "data.root").read_bytes()[:-100])
    words = [files / f"{name}.root" for name in ("yy", "ggH125", "data", "data_cut")]
    chunks = tmp_path / "chunks"
    assert program("convert", *words, *options[:2], "--out", chunks, "--skip-damaged") == 1
    assert "data_cut.root is cut off" in capsys.readouterr().err
    assert program("process", chunks, *options, "--out", out) == 1
    message = capsys.readouterr().err
    assert "first data_cut.root, left out when the files were converted: " in message
    assert message.endswith("repair the files, convert them and process again\n")
    told = ledger(out)
    assert told["unweighted_samples"] == ["yy", "signal_125"]
    assert (told["complete"], told["samples"]["data"]["processed_events"]) == (False, 2000)
    (lost,) = told["samples"]["data"]["failed"]
    assert (lost["file"], lost["entry_stop"]) == ("data_cut.root", 0)
    cutflow = json.loads((out / "cutflow.json").read_text(encoding="utf-8"))
    assert [row["cut"] for row in cutflow["signal_125"]] == ["all events", "two photons"]
    assert program("optimise", out, *options) == 0
    assert program("freeze", out, *options) == 0
    capsys.readouterr()
    assert program("infer", out, *options) == 4
    message = capsys.readouterr().err
    assert "the data are incomplete: 1 files of data are lost" in message
    assert "repair it, convert it and process again, or give --allow-incomplete" in message
