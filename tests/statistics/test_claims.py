"""One resonance after the other: what is claimed does not distort the search for the next."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from analysis.results.verdict import ClaimLevel
from analysis.settings.mass_expression import mass_expression
from analysis.settings.search import Search
from analysis.statistics.background.prediction import predict
from analysis.statistics.limits.band import mass_limit, mass_points
from analysis.statistics.resonance.claims import weakest
from analysis.statistics.resonance.cross_checks import UnblindedData
from analysis.statistics.resonance.look_elsewhere import upcrossings
from analysis.statistics.resonance.peak_curve import APART, near
from analysis.statistics.resonance.shape import Observed, ShapeSearch, observe, search_shape
from analysis.statistics.resonance.toys import Experiment, ToyGroup
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.statistics.verdict import Terms, scan_result, verdict_of

EDGES = np.arange(0.0, 3001.0)
FIRST, SECOND = (600.0, 700.0), (850.0, 120.0)
"""mass and events, both of many standard deviations"""


def spectrum(*peaks: tuple[float, float]) -> Channel:
    """Return a background and resonances, without fluctuations."""
    above = 81_000.0 * np.exp(-np.maximum(EDGES - 50, 0) / 106.1)
    counts = -np.diff(above)
    for mass, events in peaks:
        counts = counts + events * np.diff(norm.cdf(EDGES, mass, 30))
    return Channel("all", EDGES, counts)


def searched(data: Channel, search: Search) -> ShapeSearch:
    found = search_shape(
        predict((spectrum(),), search, sqrt_s_GeV=14_000.0), (data,), search, plain_signal(30.0),
        np.ones(len(search.signal.masses_GeV)), sqrt_s_GeV=14_000.0, work=Work(toys=0),
    )  # fmt: skip
    assert found.observed is not None
    return found


@pytest.fixture(scope="module")
def two(quick: Search) -> ShapeSearch:
    return searched(spectrum(FIRST, SECOND), quick)


def observed(found: ShapeSearch) -> Observed:
    assert found.observed is not None
    return found.observed


def test_both_of_two_resonances_are_claimed_and_measured(two: ShapeSearch) -> None:
    resonances = sorted(observed(two).resonances, key=lambda each: each.excess.mass_GeV)
    for resonance, (mass, events) in zip(resonances, (FIRST, SECOND), strict=True):
        assert resonance.excess.level == "discovery"
        assert resonance.measurement.mass.interval.value == pytest.approx(mass, abs=0.5)
        assert resonance.measurement.signal.interval.value == pytest.approx(events, rel=0.02)
    z = [each.excess.local_z for each in observed(two).resonances]
    assert z == sorted(z, reverse=True)
    assert observed(two).unclaimed.local_z < 0.5


def test_elsewhere_nothing_is_seen(two: ShapeSearch, quick: Search) -> None:
    """Without them in both hypotheses there were a deficit and an excess of many sigma."""
    scan, masses = observed(two).scan, quick.signal.masses_GeV
    signal = observed(two).spectra.peak.signal
    away = ~near(masses, [FIRST[0], SECOND[0]], signal)
    assert np.max(np.abs(scan.z[away])) < 0.5
    bent = observed(two).spectra.with_given(()).scan(masses)
    assert np.max(np.abs(bent.z[away])) > 3


def test_toys_look_beyond_what_is_given(two: ShapeSearch, quick: Search) -> None:
    """As the data are searched: there an excess is no second resonance."""
    spectra, masses = observed(two).spectra, quick.signal.masses_GeV
    counts = np.random.default_rng(5).poisson(spectra.counts, (20, len(spectra.counts)))
    spurious = np.repeat(spectra.spurious(masses)[None], 20, axis=0)
    toys = ToyGroup(
        np.arange(20), spectra.peak, counts.astype(float), masses, spurious, np.ones(20)
    )
    largest, where = toys.largest()
    given = [known.mass_GeV for known in spectra.peak.given]
    assert not near(masses[where], given, spectra.peak.signal).any()
    assert np.all(largest < 4.5)  # without what is given 8 sigma and more


def test_the_resolution_need_not_be_known_at_no_mass(two: ShapeSearch, quick: Search) -> None:
    """One in proportion to the mass is zero at zero, which its formula refuses."""
    width = mass_expression("0.03*m", name="--resolution")
    expected, masses = two.expected, quick.signal.masses_GeV
    spectra = replace(
        expected, peak=replace(expected.peak, given=(), signal=plain_signal(width.at))
    )
    assert 0 < upcrossings(spectra, masses, seed=1, toys=50).mean < 5
    assert np.all(np.abs(spectra.scan(masses[::10]).z) < 0.5)


def test_limits_are_beside_what_is_claimed(two: ShapeSearch) -> None:
    """Those of a spectrum without resonances, or none at all; pyhf's likelihood is the same."""
    masses = np.array([FIRST[0], FIRST[0] + 30 * APART - 5, 725.0])
    points = mass_points(two, masses, np.ones(3), [{}] * 3)
    hidden, close, away = (mass_limit(point) for point in points)
    for each in (hidden, close):
        assert each.observed is None
        assert set(each.expected) == {None}
        assert each.reason is not None
        assert each.reason.startswith("within 2 resolutions of the resonance at 600.")
    assert away.reason is None
    assert away.warnings == ()
    assert away.observed == pytest.approx(away.expected[2], rel=0.02)
    samples = points[2].workspace("events")["channels"][0]["samples"]
    assert [each["name"] for each in samples][2:] == [
        f"given_{each.measurement.mass.interval.value:.1f}" for each in observed(two).resonances
    ]


def test_the_files_tell_what_is_given(two: ShapeSearch, quick: Search) -> None:
    terms = Terms("events", per_event=np.ones_like, reason=None)
    found = verdict_of(two, terms, quick.decision, (), blinded=False)
    assert found.decision == "discovery"
    assert found.resonances is not None
    assert [each.mass_GeV.value for each in found.resonances] == pytest.approx(
        [each.measurement.mass.interval.value for each in observed(two).resonances]
    )
    assert found.local_z == found.resonances[0].local_z
    assert found.local_z_range is not None
    assert found.envelope_z is not None
    assert found.local_z_range[0] <= found.envelope_z + 0.5
    scan = scan_result(two, quick.signal.masses_GeV, terms)
    assert scan.maximum is not None
    assert scan.local_z is not None
    assert scan.maximum.local_z == found.local_z == np.max(scan.local_z)


def test_nothing_is_claimed_where_it_is_said_so(two: ShapeSearch, quick: Search) -> None:
    data = spectrum(FIRST)
    unblinded = UnblindedData(
        {"all": data.bins}, two.model_selection, two.decisions, quick, any_width=True
    )
    toys = Experiment((two.model_selection,), (two.expected.counts,), quick)
    found = observe(unblinded, two.expected, toys, Work(toys=0), claims=False)
    assert found.resonances == ()
    assert found.excess.local_z > 10
    assert found.excess.level == "limit"


def test_nothing_is_claimed_that_the_envelope_refuses(quick: Search) -> None:
    """The function in use alone passes the thresholds, or the envelope alone: a limit."""
    found = observed(searched(spectrum((850.0, 60.0)), quick))
    z, profiled = found.excess.local_z, found.excess.envelope_z
    assert profiled < z
    assert found.excess.level == "discovery"
    between = (z + profiled) / 2
    strict = replace(
        quick, decision=replace(quick.decision, discovery_local_z=between, evidence_global_z=2.9)
    )
    refused = observed(searched(spectrum((850.0, 60.0)), strict))
    assert refused.excess.local_z == z
    assert refused.excess.level == "evidence"


@pytest.mark.parametrize(
    ("levels", "weaker"),
    [
        (("discovery", "evidence"), "evidence"),
        (("discovery", "limit", "evidence"), "limit"),
        (("discovery",), "discovery"),
    ],
)
def test_a_claim_is_what_all_allow(levels: tuple[ClaimLevel, ...], weaker: ClaimLevel) -> None:
    assert weakest(levels) == weaker
