"""Spectra of other experiments: what is read, and what is refused with its line and column."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from analysis.statistics.background.families import Function
from analysis.statistics.background.poisson import model, scoring_fit
from analysis.statistics.spectra.bins import Bins
from analysis.workflow.spectrum_file import read_spectrum
from tools.errors import InputError

HEADER = "low,high,events"
ROWS = ("100,110,5213", "110,120,4000.5", "150,200,0", "200,400,12", "400,900,1e1")


def text(*rows: str, header: str = HEADER) -> str:
    return "\n".join((header, *rows)) + "\n"


def read(tmp_path: Path, content: str | bytes) -> Bins:
    path = tmp_path / "spectrum.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_spectrum(path)


def expect_the_rows(bins: Bins) -> None:
    assert bins.low_GeV.tolist() == [100, 110, 150, 200, 400]
    assert bins.high_GeV.tolist() == [110, 120, 200, 400, 900]
    assert bins.counts.tolist() == [5213, 4000.5, 0, 12, 10]
    assert bins.scale.tolist() == [1.0] * 5


ACCEPTED: dict[str, str | bytes] = {
    "plain": text(*ROWS),
    "no line end": text(*ROWS).rstrip("\n"),
    "Windows": text(*ROWS).replace("\n", "\r\n"),
    "old Mac": text(*ROWS).replace("\n", "\r"),
    "byte-order mark": b"\xef\xbb\xbf" + text(*ROWS).encode(),
    "spaces": text(*ROWS).replace(",", " , "),
    "quotes": text(*ROWS, header='"low","high","events"'),
    "comments and empty lines": "# from the paper\n\n" + text(ROWS[0], "# a gap", "", *ROWS[1:]),
    "signs and exponents": text("1e2,1.1E+2,+5213", *ROWS[1:]),
    "columns in another order": "events,low,high\n"
    + "\n".join(",".join([row.split(",")[2], *row.split(",")[:2]]) for row in ROWS),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_accepted(tmp_path: Path, case: str) -> None:
    expect_the_rows(read(tmp_path, ACCEPTED[case]))


def test_edges_may_differ_by_rounding(tmp_path: Path) -> None:
    edges = [step / 10 for step in range(1, 12)]
    rows = [f"{low!r},{low + 0.1!r},7" for low in edges]
    assert any(low + 0.1 > high for low, high in pairwise(edges))
    assert len(read(tmp_path, text(*rows)).counts) == len(rows)


@pytest.mark.parametrize("per_bin", [10, 10_000, 10_000_000])
def test_variable_bins_and_empty_tails_can_be_fitted(tmp_path: Path, per_bin: int) -> None:
    edges = np.concatenate([np.arange(400, 700, 10), np.arange(700, 1101, 50)]).astype(float)
    truth = -np.diff(np.exp(-(edges - 400) / 60))
    counts = np.round(per_bin * truth / truth[0])
    rows = [f"{a},{b},{n}" for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)]
    bins = read(tmp_path, text(*rows))
    fit = scoring_fit(bins.effective_counts[None], model((Function("exp", 1),), (bins,)))
    assert fit.converged.all()
    assert fit.expected[0].sum() == pytest.approx(counts.sum(), rel=1e-6)


CELLS = {
    "120,130,-3": r"line 4, column events: '-3' is negative",
    "-120,130,3": r"line 4, column low: '-120' is negative",
    "120,130,nan": r"line 4, column events: 'nan' is not finite; an empty bin has 0 events",
    "120,inf,3": r"line 4, column high: 'inf' is not finite",
    "120,130,1e999": r"line 4, column events: '1e999' is too large; at most 1e\+15",
    "120,1e10,1": r"line 4, column high: '1e10' is too large; at most 1e\+09",
    "120,130,many": r"line 4, column events: 'many' is not a number; write one, decimals with",
    "120,130," + "x" * 500: r"column events: 'x{60}\.\.\.' is not a number",
    "120,130,1_0": r"'1_0' is not a number",
    "120,130,0x10": r"'0x10' is not a number",
    "120,130,\u0663": r"is not a number",
    "120,,3": r"line 4, column high: the cell is empty; an empty bin has 0 events",
    "120,130": r"line 4 has 2 fields where the header has 3",
    "120,130,3,5": r"line 4 has 4 fields where the header has 3; write decimals with a point",
    "130,120,3": r"line 4, column high: 120 GeV is not above `low` \(130 GeV\)",
    "120,120,3": r"line 4, column high: 120 GeV is not above",
    "115,125,3": r"line 4: the bin 115 to 125 GeV overlaps that of line 3 \(110 to 120 GeV\); each",
    "110,120,3": r"line 4: the bin 110 to 120 GeV overlaps that of line 3",
    "90,100,3": r"line 4: the bin 90 to 100 GeV comes after that of line 3 .*; sort the bins",
    '"120,130,3': r"line 4 cannot be read as CSV",
}


@pytest.mark.parametrize("row", CELLS)
def test_bad_bins(tmp_path: Path, row: str) -> None:
    with pytest.raises(InputError, match=CELLS[row]) as caught:
        read(tmp_path, text(*ROWS[:2], row, *ROWS[2:]))
    assert caught.value.exit_code == 2
    assert str(tmp_path / "spectrum.csv") in str(caught.value)


FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", r"is empty \(0 bytes\)"),
    "comments only": ("# nothing\n\n", r"holds no bins; write the header `low,high,events`"),
    "header only": (text(), r"holds 0 bins; 4 or more are needed"),
    "one bin": (text(ROWS[0]), r"holds 1 bins; 4 or more are needed to fit a background and a"),
    "all zero": (
        text("1,2,0", "2,3,0", "3,4,0", "4,5,0.0"),
        r"all 4 bins are empty; there is nothing to fit",
    ),
    "no header": (text(*ROWS[1:], header=ROWS[0]), r"line 1 holds numbers, the header is missing"),
    "another header": (
        text(*ROWS, header="mass,events,error"),
        r"line 1: the header is 'mass,events,error'; write the header `low,high,events` and",
    ),
    "a column too many": (text(*ROWS, header=HEADER + ",error"), r"the header is 'low,high,events"),
    "header behind a comment": (
        "# a comment\n" + text(*ROWS, header="a,b,c"),
        r"line 2: the header is 'a,b,c'",
    ),
    "semicolons": (
        text(*ROWS).replace(",", ";"),
        r"line 1: fields are separated by ';'; separate them by commas",
    ),
    "tabs": (text(*ROWS).replace(",", "\t"), r"line 1: fields are separated by '\\t'"),
    "UTF-16": (text(*ROWS).encode("utf-16"), r"is a binary file or UTF-16, not CSV"),
    "Latin-1": (text(*ROWS, header="# \xe9\n" + HEADER).encode("latin-1"), r"is not UTF-8 text"),
    "binary": (bytes(range(128, 256)), r"is not UTF-8 text: it is binary"),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_files(tmp_path: Path, case: str) -> None:
    content, message = FILES[case]
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, content)
    assert str(tmp_path / "spectrum.csv") in str(caught.value)


def test_a_list_of_events_is_no_spectrum(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("photon1_pT\n")
    os.truncate(path, 100_000_000)  # sparse
    with pytest.raises(InputError, match=r"has 100 MB: too large for a spectrum"):
        read_spectrum(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not there; check its name"):
        read_spectrum(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"is a folder"):
        read_spectrum(tmp_path)
