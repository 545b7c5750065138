"""The histogram archive: what was written is read back, equal content is equal bytes."""

import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from analysis.folder.histogram_file import read_histograms, write_histograms
from processors.histograms import Binning, Counts, counts, cutflow, joint, spectrum
from tools.errors import InputError


@pytest.fixture
def histograms() -> dict[str, dict[str, Counts]]:
    rng = np.random.default_rng(1)
    mass = Binning("m_yy", 3000, 0, 3000, "GeV")
    jets = Binning("n_jets", 12, 0, 12)
    numbers = rng.poisson(5, 1000)
    return {
        "background": {
            "before/n_jets": counts(jets.axis()).fill(numbers),
            "spectrum": spectrum(mass).fill("all", rng.exponential(900, 1000)),
            "joint": joint([jets]).fill(np.arange(1000) % 2, 0, numbers),
            "cutflow": cutflow(["all events", "n_jets < 6"]).fill("all events", ["window"] * 7),
        },
        "data": {"spectrum": spectrum(mass)},
    }


def test_histograms_are_read_back_equal(
    tmp_path: Path, histograms: dict[str, dict[str, Counts]]
) -> None:
    path = tmp_path / "histograms.zip"
    write_histograms(path, histograms)
    again = read_histograms(path)
    assert list(again) == list(histograms)
    for sample, named in histograms.items():
        assert list(again[sample]) == list(named)
        for name, histogram in named.items():
            assert again[sample][name] == histogram, name
            assert again[sample][name].view(flow=True).dtype == np.int64
    assert list(read_histograms(path, only="joint")) == ["background"]


def test_equal_content_is_equal_bytes(
    tmp_path: Path, histograms: dict[str, dict[str, Counts]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_histograms(tmp_path / "one.zip", histograms)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write_histograms(tmp_path / "other.zip", histograms)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_missing_or_damaged_archive_is_refused(
    tmp_path: Path, histograms: dict[str, dict[str, Counts]]
) -> None:
    path = tmp_path / "histograms.zip"
    with pytest.raises(InputError, match="is not there; make it with `xyy process`"):
        read_histograms(path)
    write_histograms(path, histograms)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"is damaged \(.*\); make it with `xyy process`"):
        read_histograms(path)
