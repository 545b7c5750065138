"""One background function fitted to some sidebands: what it predicts, what it misses.

What a function misses is measured on the smooth test spectra (`smooth_spectra.py`) that fit the
sidebands: each is fitted without fluctuations, and its own content of the window is known. The
largest of these closure biases decides whether the function is accepted. What they are on average,
and the bias that a fit has by itself (`fit_bias.py`), is taken out of the prediction; how far they
lie from their average is its uncertainty. Of one test spectrum alone nobody knows how typical it
is: all of its bias is the uncertainty.

Nothing in it is set by hand, so that no truth is favoured; ``xyy closure`` tells mean and width of
z in the windows of universes. Rejected: subtracting the largest bias, which is right for some
truths only; toys of the test spectra, ten times the work and no better.
"""

from collections.abc import Sequence

import numpy as np

from analysis.results.background import SidebandFit, TestSpectrum
from analysis.settings.search import Fit, Window
from analysis.statistics.background.families import FittedFunction, Function
from analysis.statistics.background.fit_bias import fit_bias
from analysis.statistics.background.goodness import goodness_of_fit
from analysis.statistics.background.poisson import (
    Model,
    PoissonFit,
    fitted_functions,
    minuit_fit,
    model,
    scoring_fit,
)
from analysis.statistics.background.smooth_spectra import (
    KINDS,
    PARAMETERS,
    prediction_falls,
    smooth_curve,
)
from analysis.statistics.spectra.bins import Bins, bin_edges
from tools.arrays import FloatArray

NO_MINIMUM = "the fit does not converge"
"""why a function is of no use at all: a minimiser found no minimum, or one that does not fall"""


def fit_test_spectra(bins: Bins, window: Window, fit: Fit) -> list[tuple[TestSpectrum, FloatArray]]:
    """Return the test spectra that fit some sidebands: events in them, then in the window."""
    counts, found = bins.effective_counts, []
    edges = bin_edges(window.low_GeV, window.high_GeV, fit.bin_GeV)
    low, high = np.append(bins.low_GeV, edges[:-1]), np.append(bins.high_GeV, edges[1:])
    for name in KINDS:
        (curve,) = smooth_curve(name, counts[None], bins, low, high)
        gof = goodness_of_fit(counts, bins.scale * curve[: len(counts)], PARAMETERS)
        if good_enough(gof, fit):
            found.append((TestSpectrum(name=name, gof_pvalue=gof), curve))
    return found


def fit_candidate(
    function: Function, bins: Bins, test_spectra: Sequence[FloatArray], window: Window, fit: Fit
) -> tuple[SidebandFit, FittedFunction]:
    """Fit one function to some sidebands and say whether it is accepted."""
    counts, fit_model = bins.effective_counts, model((function,), (bins,))
    quick = scoring_fit(counts[None], fit_model)
    final = minuit_fit(counts, fit_model, quick) if quick.converged[0] else quick
    (fitted,) = fitted_functions(fit_model, final)
    edges = bin_edges(window.low_GeV, window.high_GeV, fit.bin_GeV)
    inside = edges[:-1], edges[1:]
    predicted, error = float(fitted.events(*inside).sum()), fitted.yield_error(*inside)
    beneath = bins.counts[bins.high_GeV <= window.low_GeV].sum()
    falls = prediction_falls(np.array(predicted), beneath, float(bins.low_GeV[0]), window)
    gof = goodness_of_fit(counts, final.expected[0], fit_model.size)
    usable = bool(final.converged[0] and falls and np.isfinite(error))
    found, true = _windows(test_spectra, fit_model, final, bins, inside)
    bias = max((found - true).tolist(), key=abs, default=None)
    reason = _objection(gof, bias, error, fit) if usable else NO_MINIMUM
    factor, spread = _factor(found, true)
    correction = predicted * (factor - 1) - fit_bias(fitted, bins, *inside) if usable else 0.0
    candidate = SidebandFit(
        family=function.family,
        order=function.order,
        parameters=fitted.parameters,
        gof_pvalue=gof,
        nll=float(final.deviance[0]) / 2,
        degrees_of_freedom=len(counts) - fit_model.size,
        uncorrected_events=predicted,
        fit_error_events=error,
        closure_bias_events=bias,
        correction_events=correction,
        closure_error_events=predicted * spread,
        accepted=reason is None,
        reason=reason,
    )
    return candidate, fitted


def _windows(
    test_spectra: Sequence[FloatArray],
    fit_model: Model,
    final: PoissonFit,
    bins: Bins,
    inside: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Return what a function predicts for the window of each test spectrum, and what is there."""
    if not test_spectra:
        return np.zeros(0), np.zeros(0)
    beside, spectra = len(bins.scale), np.array(test_spectra)
    # From the data's minimum: the test spectra were fitted to the same sidebands, theirs is near.
    refit = scoring_fit(spectra[:, :beside] * bins.scale, fit_model, start=final.theta[0])
    fitted = (fitted_functions(fit_model, refit, k)[0] for k in range(len(spectra)))
    found = np.array([function.events(*inside).sum() for function in fitted])
    return found, np.asarray(spectra[:, beside:].sum(axis=1))


def _factor(found: FloatArray, true: FloatArray) -> tuple[float, float]:
    """Return by what predictions have to be multiplied to be right on average, and how surely.

    A factor, as a prediction of few events must not become negative.

    >>> _factor(np.array([100.0, 100.0]), np.array([25.0, 75.0]))
    (0.5, 0.25)
    >>> _factor(np.array([]), np.array([]))
    (1.0, 0.0)

    """
    usable = np.isfinite(found) & (found > 0)
    factors = true[usable] / found[usable]
    if not len(factors):
        return 1.0, 0.0
    mean = float(np.mean(factors))
    return mean, float(np.std(factors)) if len(factors) > 1 else abs(mean - 1)


def good_enough(pvalue: float | None, fit: Fit) -> bool:
    """Tell whether a goodness of fit is accepted."""
    # Too few events to judge a fit are too few to object to it.
    return pvalue is None or pvalue >= fit.gof_pvalue


def _objection(gof: float | None, bias: float | None, error: float, fit: Fit) -> str | None:
    """Return why a fit of such goodness, closure bias and uncertainty is not accepted, or None."""
    if not good_enough(gof, fit):
        return f"goodness of fit p = {gof:.2g}"
    if bias is None:
        return "no test spectrum fits these sidebands"
    if not abs(bias) <= fit.closure_bias * error:
        return (
            f"misses a test spectrum by {bias:+.4g} events, with a fit uncertainty of {error:.4g}"
        )
    return None
