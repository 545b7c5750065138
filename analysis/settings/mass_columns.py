"""Columns that make the diphoton mass, or are it: no score may be made of them.

A score of such columns finds the window, not the signal, and distorts the spectrum that is fitted
afterwards.
"""

from collections.abc import Iterable

from processors.kinematics import PHOTON_COLUMNS
from tools.errors import RefusedError
from tools.names import listed

# Of massless photons m^2 = 2 pT1 pT2 (cosh(delta eta) - cos(delta phi)). Isolation and counts of
# other objects are not in it.
FORBIDDEN = {"m_yy", "mass", "dEta", "pT_yy", "delta_eta", "delta_phi", "delta_R",
             "cos_theta_star", *PHOTON_COLUMNS}  # fmt: skip
"""They are the diphoton mass, or it is made of them."""


def refuse_leakage(columns: Iterable[str], *, force: bool) -> None:
    """Refuse columns that make the diphoton mass.

    Raises
    ------
    RefusedError
        Naming them.
    """
    leaking = sorted(FORBIDDEN.intersection(columns))
    if leaking and not force:
        raise RefusedError(
            f"a score of {listed(leaking)} would learn the diphoton mass and distort its spectrum; "
            "take it out of [optimise.axes], or force it"
        )
