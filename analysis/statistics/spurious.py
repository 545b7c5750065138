"""Which background function the signal-plus-background fit uses, settled without the window.

In a fit of the whole spectrum a background function that is too stiff shows as a false peak. How
large that is, is measured on the smooth truths of the sidebands (`truths.py`): a peak fitted to a
truth without one, without fluctuations, at every mass of the grid. The *spurious signal* is the
largest |S| over its own error.

The simplest function whose spurious signal stays below `spurious_signal` errors is used, whatever
the likelihood ratio says; if none does, the one with the smallest. A function that predicts the
window well enough for counting may not do: before any selection, with 1.35 million events, it has
a spurious signal of more than one error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.search import Fit, Signal
from analysis.statistics.families import Function, functions
from analysis.statistics.resonance import scan_truth
from analysis.statistics.sidebands import Background
from analysis.statistics.spectra import Bins


@dataclass(frozen=True, slots=True)
class Spurious:
    """The largest false peak of one function on one smooth truth."""

    truth: str
    events: float
    """S, with its sign"""
    error_events: float
    mass_GeV: float

    @property
    def errors(self) -> float:
        """Its size in units of its error."""
        return abs(self.events) / self.error_events


@dataclass(frozen=True, slots=True)
class PeakBackground:
    """The function under the peak, with the spurious signals that it was chosen by."""

    function: Function
    spurious: tuple[Spurious, ...]
    """one for each truth; empty if no truth fits the sidebands"""
    warnings: tuple[str, ...]


def choose_function(
    background: Background, fit: Fit, signal: Signal, *, sqrt_s_GeV: float
) -> PeakBackground:  # fmt: skip
    """Return the function to put under a peak.

    Parameters
    ----------
    background : Background
        A channel's sideband fits; its truths serve as spectra without a peak.
    fit, signal
        Settings.
    sqrt_s_GeV : float
        Collision energy.
    """
    chosen = background.chosen.function
    if not background.truths:
        note = "no smooth truth fits the sidebands: the spurious signal is not known"
        return PeakBackground(chosen, (), (note,))
    tried = functions(
        fit.families,
        min_parameters=len(chosen.parameters),
        max_parameters=fit.max_parameters,
        sqrt_s_GeV=sqrt_s_GeV,
    )
    found: list[PeakBackground] = []
    for function in tried:
        found.append(PeakBackground(function, _spurious(background, function, signal), ()))
        if _worst(found[-1].spurious) <= fit.spurious_signal:
            return found[-1]
    best = min(found, key=lambda item: _worst(item.spurious))
    note = (
        f"the best background under a peak, {best.function.name}, has a spurious signal of "
        f"{_worst(best.spurious):.2f} errors (wanted: {fit.spurious_signal:g}); "
        "local significances are uncertain by as much"
    )
    return PeakBackground(best.function, best.spurious, (note,))


def _spurious(background: Background, function: Function, signal: Signal) -> tuple[Spurious, ...]:
    edges, found = background.edges_GeV, []
    for truth in background.truths:
        counts = truth.events(edges[:-1], edges[1:])
        scan = scan_truth(Bins(edges[:-1], edges[1:], counts, counts), function, signal)
        worst = int(np.argmax(np.abs(scan.signal_events / scan.signal_error_events)))
        numbers = (scan.signal_events, scan.signal_error_events, scan.mass_GeV)
        found.append(Spurious(truth.name, *(float(values[worst]) for values in numbers)))
    return tuple(found)


def _worst(spurious: Sequence[Spurious]) -> float:
    return max(item.errors for item in spurious)
