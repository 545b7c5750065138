"""What axes, legends and notes call things, and how they write numbers; some may not be there.

Known columns have symbols, others their declared names. The strength of a signal is a
cross-section, or events: the searches of samples with a luminosity quote cross-sections; a spectrum
of unknown luminosity and efficiency (``xyy infer --spectrum``) has events only.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.report.plots.style import plain
from analysis.results.background import SpectrumFit
from analysis.results.codec import Unit
from analysis.results.values import BAND_KEYS, Estimate, FunctionInRange, GivenMass
from tools.arrays import FloatArray
from tools.names import listed

SYMBOLS = {
    "photon1_pT": r"$p_\mathrm{T}^{\gamma_1}$",
    "photon2_pT": r"$p_\mathrm{T}^{\gamma_2}$",
    "photon1_phi": r"$\phi^{\gamma_1}$",
    "photon2_phi": r"$\phi^{\gamma_2}$",
    "photon1_eta": r"$\eta^{\gamma_1}$",
    "photon2_eta": r"$\eta^{\gamma_2}$",
    "dEta": r"$|\Delta\eta|$",
    "n_jets": "Number of jets",
    "average_jet_pT": r"Mean jet $p_\mathrm{T}$",
    "n_leptons": "Number of leptons",
    "photon1_isolation": "Isolation of photon 1",
    "photon2_isolation": "Isolation of photon 2",
    "missing_energy": "Missing energy",
    "m_yy": r"$m_{\gamma\gamma}$",
    "pT_yy": r"$p_\mathrm{T}^{\gamma\gamma}$",
    "delta_eta": r"$\Delta\eta$",
    "delta_phi": r"$\Delta\phi$",
    "delta_R": r"$\Delta R$",
    "cos_theta_star": r"$|\cos\theta^{*}|$",
}
"""of columns and derived quantities; angles without an index are those between the photons"""


def function_name(function: SpectrumFit | FunctionInRange) -> str:
    """Return family and order of a background function.

    >>> from analysis.results.values import FunctionInRange
    >>> fit = FunctionInRange(range="full", fit_range_GeV=(0.0, 1.0), family="exp", order=2)
    >>> function_name(fit)
    'exp 2'
    """
    return f"{function.family} {function.order}"


def category_title(name: str) -> str:
    """Return what a figure calls a category.

    >>> category_title("score_3"), category_title("all")
    ('Category 3', 'Selected')
    """
    number = name.removeprefix("score_")
    if name == "all":
        return "Selected"
    return f"Category {number}" if number.isdigit() else plain(name)


def with_category(text: str) -> str:
    """Return a text of a result file with categories called as figures call them.

    >>> with_category("spurious signal, score_3")
    'spurious signal, category 3'
    """
    return re.sub(r"\bscore_(\d+)\b", r"category \1", text)


def axis_title(name: str, unit: str) -> str:
    r"""Return the title of an axis, with the unit where there is one.

    >>> axis_title("m_yy", "GeV"), axis_title("n_jets", "1"), axis_title("my_column", "mm")
    ('$m_{\\gamma\\gamma}$ [GeV]', 'Number of jets', 'my_column [mm]')
    """
    symbol = SYMBOLS.get(name, plain(name))
    return symbol if unit == "1" else f"{symbol} [{plain(unit)}]"


def per_bin(what: str, width: float, unit: str) -> str:
    """Return the title of a vertical axis, with the width of a bin.

    >>> per_bin("Events", 10.0, "GeV"), per_bin("Events", 0.1, "1"), per_bin("Events", 1.0, "1")
    ('Events / 10 GeV', 'Events / 0.1', 'Events')
    """
    if unit == "1":
        return what if width == 1 else f"{what} / {width:.3g}"
    return f"{what} / {width:.3g} {plain(unit)}"


@dataclass(frozen=True, slots=True)
class QuantityLabel:
    """A quantity as axes and notes write it."""

    symbol: str
    """symbol, for notes"""
    full: str
    """name for axes, where there is room"""
    unit: str

    @property
    def title(self) -> str:
        """Title of an axis."""
        return self.full + self.bracket

    @property
    def bracket(self) -> str:
        """The unit as it ends the title of an axis; none for events."""
        return "" if self.unit == "events" else f" [{self.unit}]"

    def of(self, value: float) -> str:
        """Return a value with its unit.

        >>> CROSS_SECTION.of(5.4), EVENTS.of(120.0)
        ('5.4 pb', '120 events')
        """
        return f"{value:.3g} {self.unit}"


CROSS_SECTION = QuantityLabel(r"$\sigma$", r"$\sigma(pp \to X \to \gamma\gamma)$", "pb")
EVENTS = QuantityLabel("$N_X$", "Signal events", "events")
MASS = QuantityLabel("$m_X$", "$m_X$", "GeV")
STRENGTH: dict[Unit, QuantityLabel] = {"pb": CROSS_SECTION, "events": EVENTS}
"""what the strengths of a result are, by its unit"""


def known(values: FloatArray | None) -> FloatArray | None:
    """Return an array, or None if no number is in it.

    >>> known(np.array([np.nan, 2.0])), known(np.array([np.nan])), known(None)
    (array([nan,  2.]), None, None)
    """
    return None if values is None or not np.isfinite(values).any() else values


def beside(given: Sequence[GivenMass]) -> str:
    """Return what belongs to both hypotheses, as a sentence after another; nothing if none does.

    >>> beside((GivenMass(mass_GeV=598.3),))[:49]
    ' The resonance at 598 GeV, which is claimed, belo'
    """
    if not given:
        return ""
    what = "The resonance at" if len(given) == 1 else "The resonances at"
    where = listed([f"{each.mass_GeV:.0f}" for each in given])
    claimed = "which is claimed, belongs" if len(given) == 1 else "which are claimed, belong"
    return (
        f" {what} {where} GeV, {claimed} to both hypotheses, with strength and mass free, "
        "everywhere else."
    )


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
    r"""Return a value with its asymmetric uncertainties, as matplotlib writes it.

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
