"""User-defined background functions, from the search file: names and terms, and no code.

    [functions.mine]
    terms = ["m/500", "log(m/500)"]

is the family :math:`N e^{a_1 t_1(m) + a_2 t_2(m)}`, of which order 1 has the first term only. With
its name among the `families` of ``[fit]`` or ``[peak]`` it competes with the others by the same
rules. Anything whose logarithm is linear in its parameters can be written so; what cannot, needs
start values and has several minima, and is not offered.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.settings.mass_expression import MassExpression, mass_expression
from analysis.settings.search import FAMILIES, Fit, PeakFit
from tools.errors import InputError
from tools.settings_table import Table
from tools.shown import shown

MAX_TERMS = 9
_POINTS = 200
_INDEPENDENT = 1e-8
"""smallest over largest singular value of terms that are independent"""


def read_user_functions(table: Table) -> dict[str, tuple[str, ...]]:
    """Read the table ``[functions]``: a table with the list `terms` for each name.

    Raises
    ------
    InputError
        If a name is taken or no name, or terms are missing or too many.
    """
    found = {}
    for name in table.content:
        entry = table.table(name, ("terms",))
        if name in FAMILIES or not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise InputError(
                f"{entry.where}: {shown(name)} cannot be the name of a user-defined function; take "
                f"small letters, digits and '-', and none of {', '.join(FAMILIES)}"
            )
        terms = entry.texts("terms")
        if len(terms) > MAX_TERMS:
            raise InputError(
                f"{entry.where}, terms: {len(terms)} are too many; {MAX_TERMS} at most"
            )
        found[name] = terms
    return found


def parse_terms(family: str, terms: Sequence[str]) -> tuple[MassExpression, ...]:
    """Parse terms, expressions in m (GeV) with ``log``, ``sqrt`` and ``exp``.

    Raises
    ------
    InputError
        If a term cannot be read.
    """
    where = f"[functions.{family}], terms"
    return tuple(mass_expression(term, name=where, functions=True) for term in terms)


def check_user_functions(
    where: str, own: Mapping[str, tuple[str, ...]], fit: Fit, peak: PeakFit
) -> None:
    """Refuse user-defined functions that nobody tries, or that cannot be fitted.

    Raises
    ------
    InputError
        If no list of families names one, a term cannot be read or is not finite somewhere in the
        range of the fit, or the terms are not independent there.
    """
    mass = np.linspace(fit.low_GeV, fit.high_GeV, _POINTS)
    for name, terms in own.items():
        try:
            values = [term.at(mass, positive=False) for term in parse_terms(name, terms)]
        except InputError as error:
            raise InputError(f"{where}, {error}") from None
        if name not in (*fit.families, *peak.families):
            raise InputError(
                f"{where}, [functions.{name}]: it is not used; add {name!r} to `families` of "
                "[fit], of [peak], or both"
            )
        # The fit solves normal equations, whose singular values are the squares of these: below
        # 1e-8 they are lost in float64. Each term has length 1 first: its unit says nothing.
        basis = np.stack([np.ones_like(mass), *values], axis=-1)
        sizes = np.linalg.svd(basis / np.linalg.norm(basis, axis=0), compute_uv=False)
        if not sizes[-1] > _INDEPENDENT * sizes[0]:
            raise InputError(
                f"{where}, [functions.{name}], terms: one is a sum of the others (or a constant, "
                "which ln_N is already); leave it out"
            )
