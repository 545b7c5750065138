"""Numbers of results as figures write them; some may not be there.

The strength of a signal is a cross-section, or events: the searches of samples with a luminosity
quote cross-sections; a spectrum of unknown luminosity and efficiency (``xyy infer --spectrum``) has
events only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis.results.codec import Unit
from analysis.results.values import BAND_KEYS, Estimate
from tools.arrays import FloatArray


class OfStrength(Protocol):
    """A result that holds strengths: a scan, limits, a fit of a resonance, a verdict."""

    @property
    def unit(self) -> Unit:
        """Unit of its strengths."""


@dataclass(frozen=True, slots=True)
class StrengthLabel:
    """A measure of the strength of a signal, as axes and notes write it."""

    symbol: str
    """in notes"""
    full: str
    """on axes, where there is room"""
    unit: str
    """empty for events"""

    @property
    def title(self) -> str:
        """Title of an axis."""
        return self.full + self.bracket

    @property
    def bracket(self) -> str:
        """The unit as it ends the title of an axis."""
        return f" [{self.unit}]" if self.unit else ""

    def of(self, value: float) -> str:
        """Return a strength with its unit.

        >>> CROSS_SECTION.of(5.4), EVENTS.of(120.0)
        ('5.4 pb', '120 events')
        """
        return f"{value:.3g} {self.unit or 'events'}"


CROSS_SECTION = StrengthLabel(r"$\sigma$", r"$\sigma(pp \to X \to \gamma\gamma)$", "pb")
EVENTS = StrengthLabel("$N_X$", "Signal events", "")


def kind_of(result: OfStrength) -> StrengthLabel:
    """Return in what a result gives strengths.

    >>> from analysis.results.verdict import ResonanceFit
    >>> kind_of(ResonanceFit(stability=(), deficit=None, unit="events")) is EVENTS
    True
    """
    return CROSS_SECTION if result.unit == "pb" else EVENTS


def known(values: FloatArray | None) -> FloatArray | None:
    """Return an array, or None if no number is in it.

    >>> known(np.array([np.nan, 2.0])), known(np.array([np.nan])), known(None)
    (array([nan,  2.]), None, None)
    """
    return None if values is None or not np.isfinite(values).any() else values


def stacked(bands: Mapping[str, FloatArray]) -> FloatArray:
    """Return what is expected at -2, -1, 0, 1, 2 standard deviations, shape (5, n)."""
    return np.array([bands[band] for band in BAND_KEYS])


def has_ends(found: Estimate) -> bool:
    """Whether both ends of an interval were found."""
    return bool(np.isfinite([found.low, found.high]).all())


def ends(found: Estimate) -> tuple[float, float]:
    """Return both ends of an interval, the value in place of one that was not found.

    >>> ends(Estimate(1.0, np.nan, 2.0))
    (1.0, 2.0)
    """
    low, high = (end if np.isfinite(end) else found.value for end in (found.low, found.high))
    return low, high


def interval_text(found: Estimate) -> str:
    r"""Return a value with its asymmetric errors, as matplotlib writes it.

    >>> interval_text(Estimate(612.3, 608.1, 616.5)), interval_text(Estimate(1.0, np.nan, 2.0))
    ('612.3 $\\pm$ 4.2', '1')
    """
    if not has_ends(found):
        return f"{found.value:.4g}"
    up, down = found.high - found.value, found.value - found.low
    places = max(0, 1 - int(np.floor(np.log10(max(min(up, down), 1e-9)))))
    value, above, below = (f"{number:.{places}f}" for number in (found.value, up, down))
    if above == below:
        return rf"{value} $\pm$ {above}"
    return rf"{value}$^{{\mathrm{{+{above}}}}}_{{\mathrm{{-{below}}}}}$"
