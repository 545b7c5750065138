"""The calibration of open spectra, small: its toys are those of `spectrum_search`, and its page.

Seeds are pinned; each bound on toys states how often a right program would miss it with another.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.results.calibration import SpectraNumbers
from analysis.results.checks import judged
from analysis.results.codec import to_json
from analysis.settings.search import Search
from analysis.statistics.background.families import Function
from analysis.statistics.resonance.scan import ChannelModel, Spectra
from analysis.validation import __main__ as command
from analysis.validation import open_spectra
from analysis.validation.open_spectra import (
    MASSES_GeV,
    OpenCell,
    OpenToys,
    run_spectra,
)
from analysis.validation.open_truths import TRUTHS
from analysis.validation.pages import page_of_spectra
from analysis.validation.spectra_report import checks, document
from analysis.validation.tasks import workshop
from tools.executors import Execution
from tools.json_file import write_json
from tools.samples import Catalogue


@pytest.fixture(scope="module")
def few(search: Search) -> Search:
    """Few functions to choose from, and few toys: a verdict takes half the time."""
    peak = replace(search.peak, families=("exp", "dijet"), max_parameters=5, global_toys=20)
    return replace(search, peak=peak)


@pytest.fixture(scope="module")
def strong(few: Search) -> OpenCell:
    """A signal of 5 sigma."""
    return OpenCell.of(few, "exponential", 5e4, 5.0)


@pytest.mark.parametrize("name", TRUTHS)
def test_a_signal_of_some_sigma_has_that_significance(few: Search, name: str) -> None:
    cell = OpenCell.of(few, name, 5e4, 8.0)
    bins, truth = cell.spectrum.bins, TRUTHS[name]
    assert bins.counts.sum() == pytest.approx(5e4)
    assert truth.asimov_z(bins.low_GeV, bins.high_GeV, bins.counts) == pytest.approx(0, abs=1e-3)
    for both in cell.expected:
        z = truth.asimov_z(bins.low_GeV, bins.high_GeV, both)
        assert z == pytest.approx(8, abs=0.01)


def test_the_significance_of_an_exponential_is_that_of_its_fit(strong: OpenCell) -> None:
    """`exp 1` has its two parameters: the same by the likelihood of the search."""
    spectrum, masses = strong.spectrum, np.array(MASSES_GeV)
    bins = spectrum.bins
    alone = ChannelModel(bins, Function("exp", 1), masses, np.zeros(len(masses)))
    spectra = Spectra.of([alone], spectrum.signal, spectrum.search.systematics)
    assert spectra.asimov_z(masses, strong.events) == pytest.approx([5.0] * 3, abs=0.01)


def test_toys_together_are_each_toy_alone(few: Search, strong: OpenCell) -> None:
    """Decision, significance, function and intervals are those that a file of its own gets."""
    none = OpenCell.of(few, "exponential", 5e4, 0.0)
    for cell, numbers in ((strong, range(3)), (none, range(2))):
        toys = cell.toys(numbers, seed=3, decided=0 if cell is strong else 2)
        for row, counts in enumerate(cell.draw(numbers, seed=3)):
            alone = cell.infer(counts, float(toys.mass_GeV[row]))
            chosen, fit = alone.background.channels["all"].chosen, alone.verdict.fit
            assert toys.function[row] == f"{chosen.family} {chosen.order}"
            assert toys.local_z[row] == pytest.approx(alone.verdict.local_z, abs=2e-3)
            if cell is none:  # nobody asked
                assert toys.local_z[row] < 3
                assert toys.decision[row] == alone.verdict.decision == "limit"
                continue
            assert fit is not None
            for truth, pull, interval in (
                (toys.events[row], toys.strength_pull[row], fit.signal_events),
                (toys.mass_GeV[row], toys.mass_pull[row], fit.mass_GeV),
            ):
                assert interval is not None
                # One error on that side has a pull of 1, but for the profile's curvature.
                side = interval.high if truth > interval.value else interval.low
                by_interval = (interval.value - truth) / abs(side - interval.value)
                assert pull == pytest.approx(by_interval, abs=0.02 + 0.15 * abs(pull))
                if abs(abs(pull) - 1) > 0.05:  # the interval's ends are interpolated
                    assert (abs(pull) < 1) == (interval.low < truth < interval.high)


def test_verdicts_are_those_of_the_search(strong: OpenCell) -> None:
    toys = strong.toys(range(3), seed=3, decided=2)
    assert toys.decided.tolist() == [True, True, False]
    (row, _), counts = np.flatnonzero(toys.decided), strong.draw(range(3), seed=3)
    alone = strong.infer(counts[row], float(toys.mass_GeV[row]))
    assert toys.decision[row] == alone.verdict.decision
    assert toys.global_z[row] == alone.verdict.global_z
    assert alone.limits.mass_GeV.tolist() == [toys.mass_GeV[row]]
    assert np.isnan(toys.global_z[2])


def test_a_toy_does_not_depend_on_its_batch_and_cells_differ(strong: OpenCell) -> None:
    numbers = range(6)
    whole = strong.toys(numbers, seed=1, decided=0)
    whole = whole.some(np.argsort(whole.number))
    parts = [strong.toys(each, seed=1, decided=0) for each in (range(2), range(2, 6))]
    joined = OpenToys.joined(parts)
    assert joined.function.tolist() == whole.function.tolist()
    assert joined.local_z == pytest.approx(whole.local_z, abs=1e-3)
    assert joined.mass_GeV.tolist() == [*MASSES_GeV] * 2
    assert whole.strength_pull == pytest.approx(joined.strength_pull, abs=0.01)
    # Six normal numbers: 5 standard deviations of their mean, 6e-7.
    assert abs(whole.strength_pull.mean()) < 5 / np.sqrt(6)
    other = replace(strong, name="another cell")
    assert not np.array_equal(other.draw(numbers, seed=1), strong.draw(numbers, seed=1))
    assert not np.array_equal(strong.draw(numbers, seed=2), strong.draw(numbers, seed=1))


def test_the_significances_alone_decide_where_the_function_fits(few: Search) -> None:
    toys = OpenToys.nothing(4)
    toys.local_z[:], toys.global_z[:] = [6, 6, 4, 2], [5, 5, 3.1, np.nan]
    toys.poor_fit[:] = [False, True, False, False]
    toys.decision[0] = "limit"  # whatever speaks against it
    expected = ["discovery", "limit", "evidence", "limit"]
    assert toys.by_z_alone(few.decision).tolist() == expected
    assert not toys.claimed.any()


def test_a_whole_campaign_tells_all_its_numbers(
    few: Search,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {
        "TRUTHS": {name: TRUTHS[name] for name in ("exponential", "kinked")},
        "EVENTS": (5e3, 5e4),
        "SIGMAS": (0.0, 5.0, 8.0),
    }.items():
        monkeypatch.setattr(open_spectra, name, value)
    small = SpectraNumbers(empty=2, measured=2, others=1, decided=1, coarse=2)
    campaign = open_spectra.open_spectra(catalogue, few, small, 1)
    said: list[str] = []
    with workshop(tmp_path, "digest", Execution(), said.append) as shop:
        results, again = (run_spectra(campaign, shop) for _ in range(2))
    assert "spectra: 14 of 14 tasks are there already" in said
    assert repr(list(checks(results))) == repr(list(checks(again)))
    found = document(results, workers=1)
    assert {check.section for check in found.checks} == {
        "wanted", "wanted power", "wanted intervals", "parameters", "empty", "power", "intervals",
    }  # fmt: skip
    assert all(check.meets is None for check in found.checks if check.section == "power")
    verdicts = {c.what: c.toys for c in found.checks if c.section == "wanted power"}
    assert verdicts == {"evidence or discovery": 1}
    out = tmp_path / "spectra.json"
    write_json(out, to_json(found))
    command.main(["--spectra", "--page", "--out", str(out)])
    assert (tmp_path / "spectra_calibration.md").read_text() == page_of_spectra(found)
    number, missed = judged(found.checks)
    assert f"{number - missed} of {number} numbers" in capsys.readouterr().out


def test_the_kink_is_a_change_of_slope() -> None:
    """An exponential of 120 GeV below 650 GeV, of 100 GeV above, without a step."""
    mass = np.array([500.0, 600.0, 650.0, 700.0, 800.0])
    kinked = TRUTHS["kinked"].density(mass, *TRUTHS["kinked"].parameters)
    slopes = -np.diff(np.log(kinked)) / np.diff(mass)
    assert slopes == pytest.approx([1 / 120, 1 / 120, 1 / 100, 1 / 100])
