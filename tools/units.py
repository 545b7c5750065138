"""Quantities with units, read from text: ``"1298.1 / pb"``, ``"5.4 pb"``, ``"14 TeV"``.

A number without a unit is refused. The course's notebook multiplies an integrated luminosity in
1/fb by a cross-section in pb and loses a factor 1000; a program that carries units cannot.

Conversion factors come from `hepunits`. Pint would parse as well, at 1.1 s of import time, more
than the second in which a wrong input has to be refused.
"""

import math
import re

from hepunits import units

from tools.errors import InputError
from tools.shown import shown

_AREA = {
    "mb": units.millibarn,
    "ub": units.microbarn,
    "nb": units.nanobarn,
    "pb": units.picobarn,
    "fb": units.femtobarn,
    "ab": units.attobarn,
}
_ENERGY = {"MeV": units.MeV, "GeV": units.GeV, "TeV": units.TeV}
_QUANTITY = re.compile(r"\s*([0-9.+-]+(?:[eE][+-]?[0-9]+)?)\s*(/?)\s*([A-Za-z]+)\s*")
_RANGES = {"energy": (1e-9, 1e9), "cross-section": (1e-15, 1e15), "luminosity": (1e-15, 1e15)}
"""GeV, pb and 1/pb: what any collider or process may have, and arithmetic can bear"""


def cross_section_pb(text: object, where: str) -> float:
    """Return a cross-section in pb.

    >>> cross_section_pb("5.4 pb", "here"), cross_section_pb("12 fb", "here")
    (5.4, 0.012)

    Raises
    ------
    InputError
        If the unit is missing, unknown or not one of a cross-section, or the number not positive
        or beyond what there is.
    """
    return _quantity(text, where, kind="cross-section", example="5.4 pb", table=_AREA, base="pb")


def luminosity_invpb(text: object, where: str) -> float:
    """Return an integrated luminosity in 1/pb.

    >>> luminosity_invpb("1298.1 / pb", "here"), luminosity_invpb("140 /fb", "here")
    (1298.1, 140000.0)

    Raises
    ------
    InputError
        As `cross_section_pb`.
    """
    return _quantity(
        text, where, kind="luminosity", example="1298.1 / pb", table=_AREA, base="pb", inverse=True
    )


def energy_GeV(text: object, where: str) -> float:
    """Return an energy or a mass in GeV.

    >>> energy_GeV("14 TeV", "here"), energy_GeV("400 GeV", "here")
    (14000.0, 400.0)

    Raises
    ------
    InputError
        As `cross_section_pb`.
    """
    return _quantity(text, where, kind="energy", example="500 GeV", table=_ENERGY, base="GeV")


def _quantity(
    text: object,
    where: str,
    *,
    kind: str,
    example: str,
    table: dict[str, float],
    base: str,
    inverse: bool = False,
) -> float:
    advice = f'write it with its unit, like "{example}" (units: {", ".join(table)})'
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"{where}: {shown(text)} is not a {kind}; {advice}")
    number, slash, unit = match.groups()
    if unit not in table or bool(slash) != inverse:
        raise InputError(f"{where}: {shown(slash + unit)} is not a unit of {kind}; {advice}")
    try:
        value = float(number)
    except ValueError:
        raise InputError(f"{where}: {shown(number)} is not a number; {advice}") from None
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{where}: a {kind} must be positive and finite, not {shown(text)}")
    # Rounded to 15 digits: 140/fb is 140000/pb, not 139999.99999999997/pb.
    factor = table[base] / table[unit] if inverse else table[unit] / table[base]
    quantity = float(f"{value * factor:.15g}")
    low, high = _RANGES[kind]
    if not low <= quantity <= high:
        per = f"1/{base}" if inverse else base
        raise InputError(
            f"{where}: {shown(text)} is no {kind} that there is; write one from {low:g} to "
            f"{high:g} {per}"
        )
    return quantity
