"""What axes and legends call things: symbols for known columns, the declared name for others."""

import re
from typing import Protocol

from analysis.report.plots.style import plain


class NamedFunction(Protocol):
    """A background function, whatever is told of it."""

    @property
    def family(self) -> str:
        """Name of its family."""

    @property
    def order(self) -> int:
        """Place in its family."""


MASS_TITLE = r"$m_X$ [GeV]"
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


def function_name(function: NamedFunction) -> str:
    """Return family and order of a background function.

    >>> from analysis.results.freeze import PeakDecision
    >>> function_name(PeakDecision(range="full", fit_range_GeV=(0.0, 1.0), family="exp", order=2))
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
