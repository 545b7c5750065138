"""Likelihood fits: against iminuit's own cost function, scipy, and known answers."""

import numpy as np
import pytest
from iminuit import Minuit, cost
from scipy.stats import kstest, poisson

from analysis.statistics.background.families import Function
from analysis.statistics.background.goodness import deviance, goodness_many, goodness_of_fit
from analysis.statistics.background.poisson import (
    fitted_functions,
    minuit_fit,
    model,
    scoring_fit,
)
from analysis.statistics.spectra.bins import Bins

EDGES = np.arange(100.0, 1001.0, 10)
LOW, HIGH = EDGES[:-1], EDGES[1:]


def exponential(events: float, tau: float = 100.0) -> np.ndarray:
    return -np.diff(events * np.exp((100 - EDGES) / tau))


def bins(counts: np.ndarray) -> Bins:
    return Bins(LOW, HIGH, counts, counts)


def test_the_deviance_is_a_likelihood_ratio() -> None:
    counts, expected = np.array([0.0, 3.0, 10.0]), np.array([0.5, 4.0, 8.0])
    ratio = poisson.logpmf(counts, counts) - poisson.logpmf(counts, expected)
    assert deviance(counts, expected) == pytest.approx(2 * ratio.sum())


def test_a_fit_without_fluctuations_returns_the_truth() -> None:
    counts = exponential(50_000)
    fit_model = model((Function("exp", 2),), (bins(counts),))
    (fitted,) = fitted_functions(fit_model, scoring_fit(counts[None], fit_model))
    # exp((100 - m)/100): slope -5 in t = m/500 - 1.
    assert [p.value for p in fitted.parameters] == pytest.approx([np.log(500) - 4, -5, 0], abs=1e-4)
    assert fitted.events(LOW, HIGH) == pytest.approx(counts, rel=1e-4)


def test_both_minimisers_and_iminuits_own_cost_agree() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(exponential(30_000)).astype(float)
    fit_model = model((Function("exp", 1),), (bins(counts),))
    quick = scoring_fit(counts[None], fit_model)
    final = minuit_fit(counts, fit_model, quick)
    assert quick.converged.all()
    assert final.converged.all()

    def scaled_cdf(edges: np.ndarray, total: float, tau: float) -> np.ndarray:
        return np.asarray(total * -np.expm1((100 - edges) / tau))

    other = Minuit(cost.ExtendedBinnedNLL(counts, EDGES, scaled_cdf), total=30_000, tau=110)
    other.migrad()
    assert quick.deviance[0] == pytest.approx(other.fval, abs=1e-5)
    assert final.deviance[0] == pytest.approx(other.fval, abs=1e-5)
    for fit in (quick, final):
        (fitted,) = fitted_functions(fit_model, fit)
        slope, error = fitted.parameters[1].value, fitted.parameters[1].error
        assert slope == pytest.approx(-500 / other.values["tau"], rel=1e-4)
        # HESSE and expected information differ by the fluctuations of the spectrum.
        assert error == pytest.approx(
            500 * other.errors["tau"] / other.values["tau"] ** 2, rel=0.02
        )


def test_the_error_of_a_yield_is_what_toys_scatter_by() -> None:
    """400 toys: the pull's width has an error of 0.035; 5 sigma is a false alarm in 1e-6."""
    rng = np.random.default_rng(2)
    truth, far = exponential(20_000), slice(60, 90)
    near = Bins(LOW[:60], HIGH[:60], truth[:60], truth[:60])
    fit_model = model((Function("exp", 2),), (near,))
    fits = scoring_fit(rng.poisson(truth[:60], (400, 60)).astype(float), fit_model)
    assert fits.converged.all()
    pulls = []
    for index in range(400):
        (fitted,) = fitted_functions(fit_model, fits, index)
        found = fitted.events(LOW[far], HIGH[far]).sum()
        pulls.append((found - truth[far].sum()) / fitted.yield_error(LOW[far], HIGH[far]))
    assert np.std(pulls) == pytest.approx(1, abs=0.18)


def test_the_density_is_the_derivative_of_the_yield() -> None:
    counts = exponential(50_000)
    fit_model = model((Function("power", 3),), (bins(counts),))
    (fitted,) = fitted_functions(fit_model, scoring_fit(counts[None], fit_model))
    value, error = fitted.density(np.array([305.0]))
    narrow = np.array([304.999]), np.array([305.001])
    assert fitted.events(*narrow) / 0.002 == pytest.approx(value)
    assert fitted.yield_error(*narrow) / 0.002 == pytest.approx(error[0])


def test_channels_are_fitted_together() -> None:
    """Two channels of one likelihood are the two channels."""
    rng = np.random.default_rng(3)
    one = rng.poisson(exponential(20_000)).astype(float)
    two = rng.poisson(exponential(5_000, tau=150)).astype(float)
    functions = (Function("exp", 1), Function("power", 2))
    both_model = model(functions, (bins(one), bins(two)))
    both = scoring_fit(np.concatenate([one, two])[None], both_model)
    alone = [
        scoring_fit(counts[None], model((function,), (bins(counts),)))
        for function, counts in zip(functions, (one, two), strict=True)
    ]
    assert both.deviance[0] == pytest.approx(sum(fit.deviance[0] for fit in alone), abs=1e-6)
    first, second = fitted_functions(both_model, both)
    assert first.events(LOW, HIGH).sum() == pytest.approx(one.sum(), rel=1e-6)
    assert second.events(LOW, HIGH).sum() == pytest.approx(two.sum(), rel=1e-6)


def test_weights_scale_the_fit_and_keep_its_relative_error() -> None:
    rng = np.random.default_rng(4)
    entries, weight = rng.poisson(exponential(5_000)).astype(float), 13.5
    weighted = Bins(LOW, HIGH, weight * entries, weight**2 * entries)
    found = []
    for group in (bins(entries), weighted):
        fit_model = model((Function("exp", 1),), (group,))
        fit = scoring_fit(group.effective_counts[None], fit_model)
        (fitted,) = fitted_functions(fit_model, fit)
        found.append((fitted.events(LOW, HIGH).sum(), fitted.yield_error(LOW, HIGH)))
    assert found[1] == pytest.approx([weight * number for number in found[0]], rel=1e-6)


def test_a_function_that_runs_away_is_not_called_converged() -> None:
    counts = np.zeros(90)
    counts[:3] = (40, 20, 10)
    fit_model = model((Function("exp", 5),), (bins(counts),))
    quick = scoring_fit(counts[None], fit_model)
    assert not (quick.converged[0] and minuit_fit(counts, fit_model, quick).converged[0])


def test_the_goodness_of_fit_is_uniform_where_most_bins_are_empty() -> None:
    """500 toys, KS at 1e-3: the pinned seed is the only chance taken."""
    rng = np.random.default_rng(5)
    truth = exponential(1_500, tau=60)
    assert np.mean(truth < 1) > 0.5
    spectra = rng.poisson(truth, (500, 90)).astype(float)
    fit_model = model((Function("exp", 1),), (bins(truth),))
    fits = scoring_fit(spectra, fit_model)
    pvalues = [
        goodness_of_fit(counts, expected, 2)
        for counts, expected in zip(spectra, fits.expected, strict=True)
    ]
    assert kstest(pvalues, "uniform").pvalue > 1e-3


def test_the_goodness_of_fit_sees_a_wrong_function() -> None:
    counts = exponential(50_000) + exponential(5_000, tau=300)
    fit_model = model((Function("exp", 1),), (bins(counts),))
    fit = scoring_fit(counts[None], fit_model)
    pvalue = goodness_of_fit(counts, fit.expected[0], 2)
    assert pvalue is not None
    assert pvalue < 1e-6


def test_too_few_events_have_no_goodness_of_fit() -> None:
    assert goodness_of_fit(np.array([3.0, 2, 1]), np.array([2.5, 2, 1.5]), 2) is None


def test_many_fits_are_judged_as_if_they_were_alone() -> None:
    """Spectra of 30 to 30,000 events, whose bins are merged differently; and one that is lost."""
    rng = np.random.default_rng(6)
    sizes = [30.0, 300.0, 3_000.0, 30_000.0, 20.0]
    truths = np.array([exponential(size) for size in sizes])
    spectra = rng.poisson(truths).astype(float)
    truths[4] = np.nan
    values, pvalues = goodness_many(spectra, truths, 2)
    for row in range(4):
        alone = goodness_of_fit(spectra[row], truths[row], 2)
        # Too few events to judge are nothing to object to.
        assert pvalues[row] == pytest.approx(1.0 if alone is None else alone)
        assert values[row] == pytest.approx(deviance(spectra[row], truths[row]))
    assert goodness_of_fit(spectra[0], truths[0], 2) is None
    assert goodness_of_fit(spectra[1], truths[1], 2) is not None
    assert pvalues[4] == 0
