"""Limits and bins that no fluctuation explains are told, and others are not."""

from dataclasses import replace

import numpy as np

from analysis.results.values import GivenMass
from analysis.statistics.background.goodness import bins_far_below
from analysis.statistics.limits.band import MassLimit
from analysis.statistics.limits_results import beside_others, limits_result
from analysis.statistics.verdict import Terms

BAND = (0.53, 0.72, 1.0, 1.4, 1.9)
GOOD = MassLimit(
    mass_GeV=500.0, observed=1.2, expected=BAND, counts_under_peak=100.0, low_counts=False,
    method="asymptotic", warnings=(),
)  # fmt: skip


def at(*observed: float | None) -> list[MassLimit]:
    return [
        replace(GOOD, mass_GeV=500.0 + 25 * number, observed=each)
        for number, each in enumerate(observed)
    ]


def of_limits(limits: list[MassLimit]) -> tuple[str, ...]:
    terms = Terms("events", per_event=np.ones_like, reason=None)
    return limits_result(limits, 0.95, terms).warnings


def test_limits_in_and_near_their_band_need_no_word() -> None:
    """Up to an excess of seven standard deviations, which the scan tells."""
    assert of_limits(at(0.5, 1.0, 1.9, 4.3, None)) == ()
    assert of_limits([]) == ()


def test_limits_far_from_their_band_are_told_with_their_masses() -> None:
    (above,) = of_limits(at(1.0, 5.0, 900.0))
    assert above.startswith(
        "limits: the observed ones are far above their band at 2 of 3 masses, 525 to 550 GeV: no fl"
    )
    (below,) = of_limits(at(1.0, 0.2))
    assert "far below their band at 1 of 2 masses, 525 to 525 GeV" in below
    (every,) = of_limits(at(0.2, 0.1))
    assert "far below their band at all masses" in every


def test_limits_beside_other_resonances_than_those_claimed_are_told() -> None:
    one, two = GivenMass(mass_GeV=600.25), GivenMass(mass_GeV=850.0)
    terms = Terms("events", per_event=np.ones_like, reason=None, given=(one, two))
    limits = limits_result(at(1.0), 0.95, terms)
    assert beside_others(limits, (two, one)) == ()
    assert beside_others(replace(limits, given=()), ()) == ()
    (fewer,) = beside_others(limits, (one,))
    assert fewer == (
        "limits: those of an earlier call are beside 600.2 GeV, 850.0 GeV, while the resonances "
        "that are claimed now are 600.2 GeV; compute them again with `--only limits`"
    )
    (none,) = beside_others(limits, ())
    assert "claimed now are none" in none
    (elsewhere,) = beside_others(limits, (one, GivenMass(mass_GeV=851.0)))
    assert "now are 600.2 GeV, 851.0 GeV" in elsewhere


def test_limits_that_are_not_there_are_told() -> None:
    none = [replace(each, expected=(None,) * 5) for each in at(1.0, None)]
    assert of_limits(none) == (
        "limits: no limit is expected at all masses: nothing can be excluded there",
    )
    assert "at 500 GeV" in of_limits(none[:1])[0]


def test_deep_bins_are_told_and_fluctuations_are_not() -> None:
    """One Poisson bin in 3.5 million lies five standard deviations low; 10,000 are tried."""
    rng = np.random.default_rng(5)
    low, expected = np.arange(10_000.0), rng.uniform(0.0, 1e4, 10_000)
    counts = rng.poisson(expected).astype(np.float64)
    assert bins_far_below(low, low + 1, counts, expected) == ()
    counts[expected > 9990] = 0
    (told,) = bins_far_below(low, low + 1, counts, expected)
    assert f"{np.sum(expected > 9990)} bins are far below the fit" in told
    assert "GeV has 0 events where 10,000 are expected; some got lost" in told


def test_what_is_excluded_ends_between_masses_where_both_have_a_limit() -> None:
    """In the middle of 0.5 and 2.0 by their logarithms; at the last mass beside a missing one."""
    terms = Terms("pb", per_event=np.ones_like, reason=None, benchmark=1.0)
    found = limits_result(at(0.5, 2.0, 0.5, None, 0.5), 0.95, terms).excluded_GeV
    assert found.observed == ((500.0, 512.5), (537.5, 550.0), (600.0, 600.0))
    assert found.expected == ()  # at the benchmark is not below it
    assert limits_result([], 0.95, terms).excluded_GeV.observed == ()
    without = replace(terms, benchmark=None)
    assert limits_result(at(0.5), 0.95, without).excluded_GeV.observed is None
