r"""The background in the window, predicted from the sidebands (tasks 4.1, 4.2).

All functions of the settings are fitted to the sidebands. One is *accepted* if

1. both minimisers find its minimum,
2. its goodness of fit is at least `gof_pvalue`, and
3. its closure bias on smooth test spectra (`smooth_spectra.py`) is at most `closure_bias` of its
   fit error.

The simplest accepted function is chosen; ties go to the family listed first. Rejected: choosing by
likelihood ratio, or by the smallest error. Both follow fluctuations, so that the prediction
scatters by more than its error; and the likelihood ratio has no power against the bias that
matters.

If no function is accepted, a turn-on at low mass is the likely cause, and the range is begun
higher, step by step. If none is accepted anywhere, the best fit is used, with its error inflated
by sqrt(deviance/dof), and the result says so.

The predicted yield is the integral of the function, less what it is known to miss
(`candidates.py`): the mean closure bias over the test spectra that fit these sidebands, and the
bias that a fit of few events has by itself (`fit_bias.py`). Only the count takes this correction:
curves, toys and expectations of the shape are those of the function as it is fitted.

The error of the predicted yield is the root of the sum of squares of

- the fit: full covariance of the parameters;
- the spread: root mean square distance of the corrected predictions of the accepted functions with
  up to one parameter more, as far as their statistical errors do not explain it;
- the closure: root mean square distance of the test spectra's biases from what was subtracted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.results.background import (
    ChannelBackground,
    FittedBins,
    FittedCurve,
    PredictionErrors,
    SidebandFit,
    TestSpectrum,
)
from analysis.settings.search import Fit, Window
from analysis.statistics.background.candidates import (
    NO_MINIMUM,
    fit_candidate,
    fit_test_spectra,
    good_enough,
)
from analysis.statistics.background.entries import Decisions
from analysis.statistics.background.families import FittedFunction, Function, functions
from analysis.statistics.spectra.bins import Bins, Channel, bin_edges
from tools.arrays import FloatArray
from tools.errors import InputError, XyyError

MIN_SIDEBAND_EVENTS = 50
"""entries; with fewer there is nothing to fit"""
_CURVE_STEP_GeV = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """The outcome of a channel's sideband fits."""

    channel: str
    window: Window
    low_GeV: float
    """where the fit range begins, after raising it if that was necessary"""
    high_GeV: float
    bin_GeV: float
    sidebands: Bins
    """bins that were fitted"""
    candidates: tuple[SidebandFit, ...]
    chosen: SidebandFit
    fitted: FittedFunction
    """the chosen function"""
    test_spectra: tuple[TestSpectrum, ...]
    """smooth test spectra that fit the sidebands"""
    spread_events: float
    """uncertainty from the spread of the predictions, events"""
    warnings: tuple[str, ...]

    @property
    def predicted_events(self) -> float:
        """Predicted background in the window, events; corrected for what the function misses."""
        return self.chosen.predicted_events

    @property
    def error_scale(self) -> float:
        """1, or what the fit uncertainty is multiplied by when no function was accepted."""
        # As the scale factor S of the Particle Data Group (Review of Particle Physics,
        # introduction) for numbers that do not agree: no less than 1.
        scale = float(np.sqrt(_relative_deviance(self.chosen)))
        return 1.0 if self.chosen.accepted else max(1.0, scale)

    @property
    def fit_error_events(self) -> float:
        """Uncertainty of the predicted background from the fit alone, events."""
        return self.chosen.fit_error_events * self.error_scale

    @property
    def closure_events(self) -> float:
        """Uncertainty of the predicted background from the test spectra, events."""
        return self.chosen.closure_error_events

    @property
    def predicted_error_events(self) -> float:
        """Total uncertainty of the predicted background, events."""
        parts = [self.fit_error_events, self.spread_events, self.closure_events]
        return float(np.linalg.norm(parts))

    @property
    def edges_GeV(self) -> FloatArray:
        """Edges of the fit's bins over the whole range, window included."""
        return bin_edges(self.low_GeV, self.high_GeV, self.bin_GeV)

    def result(self, decided: Decisions, observed: FloatArray) -> ChannelBackground:
        """Return what ``background.json`` holds of the channel.

        Parameters
        ----------
        decided : Decisions
            The function under a peak.
        observed : ndarray
            Events in the bins of the fit; NaN where none are told.
        """
        masses = bin_edges(self.low_GeV, self.high_GeV, _CURVE_STEP_GeV)
        density, error = self.fitted.density(masses)
        edges = self.edges_GeV
        return ChannelBackground(
            fit_range_GeV=(self.low_GeV, self.high_GeV),
            chosen=self.chosen,
            candidates=self.candidates,
            predicted_events=self.predicted_events,
            correction_events=self.chosen.correction_events,
            predicted_error_events=self.predicted_error_events,
            predicted_errors_events=PredictionErrors(
                fit=self.fit_error_events, spread=self.spread_events, closure=self.closure_events
            ),
            smooth_truths=self.test_spectra,
            peak=decided.peak(),
            spurious_signal_events=decided.spurious_by_test_spectrum(),
            bins=FittedBins(
                edges_GeV=edges,
                observed_events=observed,
                expected_events=self.fitted.events(edges[:-1], edges[1:]),
            ),
            curve=FittedCurve(mass_GeV=masses, events_per_GeV=density, error=error),
            warnings=self.warnings,
        )


def _relative_deviance(candidate: SidebandFit) -> float:
    """Return the deviance per degree of freedom: it ranks functions of which none is accepted."""
    return 2 * candidate.nll / max(candidate.degrees_of_freedom, 1)


def fit_sidebands(channel: Channel, window: Window, fit: Fit, *, sqrt_s_GeV: float) -> Background:
    """Fit the sidebands of a channel and predict its window.

    Parameters
    ----------
    channel : Channel
        The spectrum. Its bins inside the window are not read.
    window : Window
        The signal window.
    fit : Fit
        Range, binning, functions and criteria.
    sqrt_s_GeV : float
        Collision energy.

    Raises
    ------
    InputError
        If the sidebands hold fewer than `MIN_SIDEBAND_EVENTS` entries.
    XyyError
        If no function can be fitted at all.
    """
    ranges = [
        (low, channel.sidebands(window, low, fit.high_GeV, fit.bin_GeV)) for low in fit.lows_GeV
    ]
    _check_filled(channel.name, ranges[0][1], window)
    tried = functions(
        fit.families,
        min_parameters=_fewest_parameters(ranges[0][1], window, fit),
        max_parameters=fit.max_parameters,
        sqrt_s_GeV=sqrt_s_GeV,
        own=fit.own,
    )
    first: Background | None = None
    for low, bins in ranges:
        if bins.effective_counts.sum() < MIN_SIDEBAND_EVENTS:
            break
        background = _select(channel.name, bins, tried, window, replace(fit, low_GeV=low))
        if background is None:
            continue
        if background.chosen.accepted:
            return background if first is None else _raised(background, first)
        first = first or background
    if first is None:
        raise XyyError(
            f"spectrum {channel.name}: no background function can be fitted to its sidebands; "
            "look at the spectrum"
        )
    return first


def _fewest_parameters(bins: Bins, window: Window, fit: Fit) -> int:
    """Return the settings' minimum, or less if there is next to nothing above the window.

    A tail cannot bend what has no tail: without an event beyond the window two parameters are all
    that the sidebands determine, and more of them let the function fall as steeply as it likes.
    """
    beyond = bins.effective_counts[bins.low_GeV >= window.high_GeV].sum()
    return min(fit.min_parameters, 2 + int(beyond))


def _check_filled(name: str, bins: Bins, window: Window) -> None:
    entries = bins.effective_counts.sum()
    if entries < MIN_SIDEBAND_EVENTS:
        raise InputError(
            f"spectrum {name}: {entries:.0f} events in the sidebands "
            f"({bins.low_GeV[0]:g} to {window.low_GeV:g} and {window.high_GeV:g} to "
            f"{bins.high_GeV[-1]:g} GeV) are too few to fit a background "
            f"({MIN_SIDEBAND_EVENTS} are needed); loosen the selection or add data"
        )


def _raised(background: Background, first: Background) -> Background:
    note = (
        f"no function is accepted from {first.low_GeV:g} GeV on (the best, "
        f"{first.fitted.function.name}: {first.chosen.reason}); "
        f"the fit begins at {background.low_GeV:g} GeV"
    )
    return replace(background, warnings=(note, *background.warnings))


def _select(
    name: str, bins: Bins, tried: Sequence[Function], window: Window, fit: Fit
) -> Background | None:
    """Fit every function, settle which are accepted, and choose; None if none can be fitted."""
    test_spectra = fit_test_spectra(bins, window, fit)
    curves = [curve for _, curve in test_spectra]
    found: list[tuple[SidebandFit, FittedFunction]] = []
    for function in tried:
        if _enough([candidate for candidate, _ in found], function):
            break
        found.append(fit_candidate(function, bins, curves, window, fit))
    candidates = tuple(candidate for candidate, _ in found)
    usable = [candidate for candidate in candidates if candidate.reason != NO_MINIMUM]
    accepted = [candidate for candidate in usable if candidate.accepted]
    if not usable:
        return None
    chosen = accepted[0] if accepted else min(usable, key=_relative_deviance)
    pool = accepted or [c for c in usable if good_enough(c.gof_pvalue, fit)]
    background = Background(
        channel=name,
        window=window,
        low_GeV=fit.low_GeV,
        high_GeV=fit.high_GeV,
        bin_GeV=fit.bin_GeV,
        sidebands=bins,
        candidates=candidates,
        chosen=chosen,
        fitted=found[candidates.index(chosen)][1],
        test_spectra=tuple(test_spectrum for test_spectrum, _ in test_spectra),
        spread_events=_spread(pool, chosen),
        warnings=(),
    )
    return background if accepted else _none_accepted(background)


def _spread(pool: Sequence[SidebandFit], chosen: SidebandFit) -> float:
    """Return the root mean square distance of predictions that statistics do not explain.

    Two fits of the same data differ by a variance of |error1^2 - error2^2| (R. Barlow,
    hep-ex/0207026, section 4): that part is in the fit's error already.
    """
    # Below zero statistics alone explain more than the distance there is.
    squares = [
        (candidate.predicted_events - chosen.predicted_events) ** 2
        - abs(candidate.fit_error_events**2 - chosen.fit_error_events**2)
        for candidate in pool
    ]
    return float(np.sqrt(np.mean(np.maximum(squares, 0.0)))) if squares else 0.0


def _enough(candidates: Sequence[SidebandFit], function: Function) -> bool:
    """Tell whether `function` has over one parameter more than a function that is accepted."""
    # One parameter more is looked at for the spread of the predictions.
    largest = len(function.parameters) - 2
    return any(c.accepted and len(c.parameters) <= largest for c in candidates)


def _none_accepted(background: Background) -> Background:
    note = (
        f"no background function is accepted; the best is used, {background.fitted.function.name} "
        f"({background.chosen.reason}), its uncertainty scaled by {background.error_scale:.2f}: "
        "do not trust a significance from it before the sidebands are understood"
    )
    return replace(background, warnings=(note,))
