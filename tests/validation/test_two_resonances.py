"""A resonance beside another: many toys together are as each alone, through the program's own road.

Seeds are pinned; each bound on toys states how often a right program would miss it with another.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from analysis.results.calibration import ResonancesCalibration
from analysis.results.checks import judged
from analysis.settings.search import Search
from analysis.statistics.background.model_selection import select_all
from analysis.statistics.resonance.claims import Claims, ScanStage
from analysis.statistics.resonance.cross_checks import UnblindedData
from analysis.statistics.resonance.peak_curve import Given
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Channel
from analysis.validation import __main__ as command
from analysis.validation import two_resonances
from analysis.validation.documents import read_calibration
from analysis.validation.fits import AtTruth
from analysis.validation.fixed_model import Setting
from analysis.validation.many_claims import DecidedToys, beside
from analysis.validation.pages import page_of_resonances
from analysis.validation.plan import IN_FAMILY, KNOWN, CourseSettings
from analysis.validation.rates import Place
from analysis.validation.resonances_report import clustered
from analysis.validation.two_resonances import InjectedPair, PairCampaign, events_of
from tools.arrays import FloatArray
from tools.samples import Catalogue

DOCS = Path(__file__).parents[2] / "docs"
TRUE = (Given(600.0, 500.0), Given(850.0, 150.0))


@pytest.fixture(scope="module")
def setting(search: Search, catalogue: Catalogue) -> Setting:
    """Return the exponential behind the cuts."""
    return CourseSettings(catalogue, search).of(KNOWN[IN_FAMILY], 11_220.0)


@pytest.fixture(scope="module")
def spectrum(setting: Setting) -> FloatArray:
    """Return one toy with two resonances, both of which will be claimed."""
    expected = setting.toys.with_given(TRUE).truths[0]
    return np.random.default_rng(5).poisson(expected).astype(float)


@pytest.fixture(scope="module")
def alone(setting: Setting, spectrum: FloatArray) -> tuple[ScanStage, ...]:
    """Return the program's own search in that toy."""
    bins = setting.model_selection
    edges = np.append(bins.low_GeV, bins.high_GeV[-1])
    decisions = select_all([bins], [spectrum[None]], all_entries=True)
    (decided,) = decisions
    spurious = np.interp(setting.masses_GeV, decided.masses_GeV, decided.spurious[0])
    readers = {"all": Channel("all", edges, spectrum).bins}
    data = UnblindedData(readers, bins, decisions, setting.search, any_width=False)
    expected = setting.fixed((decided.chosen,), spurious[:, None])
    return Claims(data, expected, setting.toys, Work(toys=0)).stages()


def test_toys_are_searched_as_the_program_searches_each(
    setting: Setting, spectrum: FloatArray, alone: tuple[ScanStage, ...]
) -> None:
    (toy,) = DecidedToys.each(setting, [spectrum[None]])
    assert [stage.excess.level != "limit" for stage in alone] == [True, True, False]
    for stage in alone:
        own = toy.largest(stage.given)
        assert own.mass_GeV[0] == stage.excess.mass_GeV
        assert own.local_z[0] == pytest.approx(stage.excess.local_z, abs=1e-6)
        assert own.claimed[0] == (stage.excess.level != "limit")
        where = np.flatnonzero(toy.group.masses_GeV == stage.excess.mass_GeV)
        envelope = toy.envelope_z(np.arange(1), where, stage.given)
        assert envelope[0] == pytest.approx(stage.excess.envelope_z, abs=1e-6)
        formula = stage.excess.global_significance.upcrossings
        assert toy.crossings(stage.given).mean == pytest.approx(formula.mean, abs=0.25)  # 3 sigma
    claims = toy.claims()
    assert np.isfinite(claims.mass_GeV[0]).sum() == 2
    for index, (stage, after) in enumerate(pairwise(alone)):
        # The second is looked for beside a first that starts at a mass of the scan.
        assert claims.local_z[0, index] == pytest.approx(stage.excess.local_z, abs=1e-4)
        assert claims.mass_GeV[0, index] == pytest.approx(after.given[index].mass_GeV, abs=0.02)


def test_the_limit_is_beside_what_the_program_claims(
    spectrum: FloatArray, setting: Setting, alone: tuple[ScanStage, ...]
) -> None:
    """A given mass that starts where the scan has one ends where it ends from the fitted one."""
    (toy,) = DecidedToys.each(setting, [spectrum[None]])
    mass, events, claims = np.array([725.0]), np.array([50.0]), toy.claims()
    there = np.isfinite(claims.mass_GeV)
    found = toy.at_truth(claims, there, mass, events)
    known = AtTruth.of(beside(toy.group, alone[-1].given), mass, events)
    assert found.cls == pytest.approx(known.cls, abs=1e-4)
    unknown = toy.at_truth(claims, np.zeros_like(there), mass, events)
    assert unknown.cls < 0.5 * found.cls  # the background bends under the first


def test_a_resonance_has_the_significance_that_it_is_said_to_have(setting: Setting) -> None:
    """As the table of the ideal fit: 600 GeV, 953 events are 12.7 with all known, 10.9 in 700 GeV.

    The whole range knows the exponential nearly as well as the first.
    """
    events = events_of(setting, 600.0, 8.0)
    assert 953 * 8 / 12.7 * 0.6 < events < 953 * 8 / 10.9 * 0.7
    assert events_of(setting, 600.0, 4.0) == pytest.approx(events / 2, rel=0.15)


def test_a_campaign_tells_all_its_numbers(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    few = replace(search, peak=replace(search.peak, families=("exp",), max_parameters=4))
    monkeypatch.setattr(command, "read_search", lambda _path: few)
    monkeypatch.setattr(two_resonances, "FIRST_SIGMA", (8.0,))
    monkeypatch.setattr(two_resonances, "SECOND_GeV", (725.0,))
    monkeypatch.setattr(two_resonances, "SECOND_LIMITS", (1.25,))
    monkeypatch.setattr(two_resonances, "ALONE_WINDOWS", 2)
    out = tmp_path / "few.json"
    arguments = ["--resonances", "--toys", "3", "--executor", "iterative", "--workers", "1"]
    command.main([*arguments, "--kept", str(tmp_path / "kept"), "--out", str(out)])
    found = read_calibration(ResonancesCalibration, out)
    assert {c.section for c in found.checks} >= {"coverage", "pulls", "claims", "mass"}
    same = [c.observed for c in found.checks if c.what == "claims as in a batch"]
    assert same == [1.0]
    assert (found.toys, found.alone) == (3, 6)
    assert found.injected_events["8 sigma at 600 GeV"] == pytest.approx(391.3, abs=0.1)
    page = (tmp_path / "few_calibration.md").read_text()
    assert page == page_of_resonances(found)
    assert "first of 8 sigma, second at 725 GeV, 1.25 x" in page
    number, missed = judged(found.checks)
    assert f"{number - missed} of {number} numbers" in capsys.readouterr().out


def test_toys_do_not_depend_on_their_batch(setting: Setting) -> None:
    few = replace(setting.search.peak, families=("exp",), max_parameters=4)
    simple = replace(setting, search=replace(setting.search, peak=few))
    points = (InjectedPair(8.0, Given(600.0, 500.0), Given(725.0, 60.0), 1.0),)
    campaign = PairCampaign(simple, (*points, InjectedPair(8.0, Given(600.0, 500.0), TRUE[1])))
    whole, own = campaign.toys(range(4), seed=3), campaign.toys(range(2, 4), seed=3)
    assert whole.first.all()  # of some 9 sigma: less than 1e-4 misses
    assert whole.cls.shape == (4, 2)
    for name, values in own.arrays().items():
        among = whole.arrays()[name].astype(float)
        for shown in values.astype(float):
            # Those decided alike stand together: in another batch in another order.
            away = np.abs(among - shown).max(axis=1)
            assert np.isnan(away).all() or np.nanmin(away) < 2e-3, name
    assert whole.second[:, 1].mean() > 0.4
    assert np.all(whole.hidden >= whole.second)


def test_rates_of_toys_that_share_sidebands_have_the_error_of_their_spread() -> None:
    where = np.repeat([[True], [False], [False], [True]], 3, axis=1)
    found = clustered(Place("here", "there"), "what", where, np.ones_like(where))
    assert (found.observed, found.error, found.toys) == (0.5, 0.25, 12)  # as of four
    part = clustered(Place("here", "there"), "what", where, where)
    assert (part.observed, part.toys) == (1.0, 6)
    none = clustered(Place("here", "there"), "what", where, np.zeros_like(where), low=0.9)
    assert none.meets is None


def test_spectra_that_begin_elsewhere_are_decided_apart(setting: Setting) -> None:
    """A turn-on that no test spectrum describes: its fit begins at a higher mass."""
    low = setting.model_selection.low_GeV
    plain = setting.toys.draw(7, range(3))[0]
    bent = plain * np.where(low < 150, np.where(low < 130, 0.2, 2.0), 1.0)
    counts = np.stack([plain[0], bent[1], plain[2]])
    found = list(DecidedToys.each(setting, [counts]))
    toys = np.concatenate([each.group.toys for each in found])
    assert sorted(toys.tolist()) == [0, 1, 2]
    (other,) = (each for each in found if 1 in each.group.toys)
    assert other.group.toys.tolist() == [1]
    for each in found:
        inside = setting.model_selection.inside(
            each.group.options[0].low_GeV, each.group.options[0].high_GeV
        )
        assert np.array_equal(each.group.counts, counts[each.group.toys][:, inside])
        where = np.array([len(setting.masses_GeV) // 2])
        for row, toy in enumerate(each.group.toys):
            (own,) = DecidedToys.each(setting, [counts[[toy]]])
            together = each.envelope_z(np.array([row]), where, ())
            assert together == pytest.approx(own.envelope_z(np.arange(1), where, ()), abs=1e-5)
