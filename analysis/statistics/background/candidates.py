"""One background function, fitted to the sidebands: its prediction, its flaws, its acceptance.

A function is accepted if both minimisers find its minimum, its goodness of fit is high enough, and
its closure bias - by how much it misses the window of a smooth truth (`truths.py`) after a fit to
the truth's sidebands - is small against its own fit error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.settings.search import Fit, Window
from analysis.statistics.background.families import Function
from analysis.statistics.background.fitted_function import FittedFunction
from analysis.statistics.background.goodness import goodness_of_fit
from analysis.statistics.background.poisson import (
    Model,
    PoissonFit,
    fitted_functions,
    minuit_fit,
    model,
    scoring_fit,
)
from analysis.statistics.background.truths import SmoothTruth
from analysis.statistics.spectra.bins import Bins, bin_edges
from tools.arrays import FloatArray

_LEAST_EVENTS = 1e-3
"""in the window: below it there is nothing to count against"""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One function, fitted to the sidebands."""

    fitted: FittedFunction
    deviance: float
    """-2 ln(L/L_saturated) at the minimum"""
    degrees_of_freedom: int
    gof_pvalue: float | None
    """None if there are too few events to tell"""
    predicted_events: float
    """in the window"""
    fit_error_events: float
    """of the prediction, by the fit's covariance"""
    closure_bias_events: float | None
    """largest, with its sign, over the smooth truths; None if no truth fits the sidebands"""
    usable: bool
    """whether both minimisers found a minimum, and its prediction is one of a falling spectrum"""
    rejected: str | None
    """why it was not accepted; None if it was"""

    @property
    def function(self) -> Function:
        """Family and order."""
        return self.fitted.function


def fit_candidate(
    function: Function, bins: Bins, truths: Sequence[SmoothTruth], window: Window, fit: Fit
) -> Candidate:
    """Fit one function to some sidebands and say whether it is accepted.

    Parameters
    ----------
    function : Function
        Family and order.
    bins : Bins
        The sidebands.
    truths : sequence of SmoothTruth
        Those that fit the sidebands.
    window, fit
        Settings.
    """
    counts, fit_model = bins.effective_counts, model((function,), (bins,))
    quick = scoring_fit(counts[None], fit_model)
    final = minuit_fit(counts, fit_model, quick) if quick.converged[0] else quick
    (fitted,) = fitted_functions(fit_model, final)
    inside = window_bins(window, fit.bin_GeV)
    candidate = Candidate(
        fitted=fitted,
        deviance=float(final.deviance[0]),
        degrees_of_freedom=len(counts) - fit_model.size,
        gof_pvalue=goodness_of_fit(counts, final.expected[0], fit_model.size),
        predicted_events=float(fitted.events(*inside).sum()),
        fit_error_events=fitted.yield_error(*inside),
        closure_bias_events=_closure_bias(fit_model, final, bins, truths, inside),
        usable=bool(final.converged[0]),
        rejected=None,
    )
    candidate = replace(candidate, usable=candidate.usable and _falls(candidate, bins, window))
    return replace(candidate, rejected=_objection(candidate, fit))


def _falls(candidate: Candidate, bins: Bins, window: Window) -> bool:
    """Tell whether the prediction is finite and, per GeV, below the sideband beneath the window.

    With next to no events to hold it, a function may blow up where there is no sideband.
    """
    beneath = bins.high_GeV <= window.low_GeV
    density = bins.counts[beneath].sum() / (window.low_GeV - bins.low_GeV[0])
    most = density * (window.high_GeV - window.low_GeV)
    falls = _LEAST_EVENTS <= candidate.predicted_events <= most
    return falls and bool(np.isfinite(candidate.fit_error_events))


def window_bins(window: Window, width: float) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper edges of the fit's bins inside the window."""
    edges = bin_edges(window.low_GeV, window.high_GeV, width)
    return edges[:-1], edges[1:]


def _closure_bias(
    fit_model: Model,
    fit: PoissonFit,
    bins: Bins,
    truths: Sequence[SmoothTruth],
    inside: tuple[FloatArray, FloatArray],
) -> float | None:
    """Return the largest miss of the window's content, over the truths without fluctuations."""
    if not truths:
        return None
    asimov = np.array([truth.events(bins.low_GeV, bins.high_GeV) for truth in truths]) * bins.scale
    refit = scoring_fit(asimov, fit_model, start=fit.theta[0])
    misses = [
        fitted_functions(fit_model, refit, index)[0].events(*inside).sum()
        - truth.events(*inside).sum()
        for index, truth in enumerate(truths)
    ]
    return float(max(misses, key=abs))


def good_enough(pvalue: float | None, fit: Fit) -> bool:
    """Tell whether a goodness of fit is accepted."""
    # Too few events to judge a fit are too few to object to it.
    return pvalue is None or pvalue >= fit.gof_pvalue


def _objection(candidate: Candidate, fit: Fit) -> str | None:
    """Return why a candidate is not accepted, or None."""
    if not candidate.usable:
        return "the fit does not converge"
    if not good_enough(candidate.gof_pvalue, fit):
        return f"goodness of fit p = {candidate.gof_pvalue:.2g}"
    if candidate.closure_bias_events is None:
        return "no smooth truth fits these sidebands"
    if not abs(candidate.closure_bias_events) <= fit.closure_bias * candidate.fit_error_events:
        return (
            f"misses a smooth truth by {candidate.closure_bias_events:+.4g} events, "
            f"with a fit error of {candidate.fit_error_events:.4g}"
        )
    return None
