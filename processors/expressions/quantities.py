"""What a part of an expression is: a number or a truth, of an event or each photon, in a unit.

A number that stands in an expression has the unit of what it is compared with or added to: with
``pt`` in GeV, ``pt > 25`` means 25 GeV. In a product it has none. ``GeV``, ``MeV`` and ``TeV`` are
names of numbers with a unit, for where that is too little: ``pt / (125*GeV)``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

_NO_UNIT = ("", "1", "rad")
"""An angle is a ratio of lengths: it has no unit that could be compared with another."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of powers of units.

    >>> print(Unit.of("GeV") * Unit.of("GeV") ** Fraction(1, 2), Unit.of("rad"))
    GeV^3/2 1
    """

    powers: tuple[tuple[str, Fraction], ...] = ()
    """the symbols in alphabetical order, each with its power, which is not 0"""

    @classmethod
    def of(cls, symbol: str) -> "Unit":
        """Return the unit that a column has; no unit for ``"1"`` and ``"rad"``."""
        return cls() if symbol in _NO_UNIT else cls(((symbol, Fraction(1)),))

    def __mul__(self, other: "Unit") -> "Unit":
        powers = dict(self.powers)
        for symbol, power in other.powers:
            powers[symbol] = powers.get(symbol, Fraction(0)) + power
        return Unit(tuple(sorted((s, p) for s, p in powers.items() if p)))

    def __truediv__(self, other: "Unit") -> "Unit":
        return self * other ** Fraction(-1)

    def __pow__(self, exponent: Fraction) -> "Unit":
        return Unit(tuple((s, p * exponent) for s, p in self.powers if p * exponent))

    def __str__(self) -> str:
        shown = (s if p == 1 else f"{s}^{p}" for s, p in self.powers)
        return " ".join(shown) or "1"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a column, or a part of an expression, is.

    >>> Quantity.number("GeV", per_photon=True)
    Quantity(truth=False, per_photon=True, unit=Unit(powers=(('GeV', Fraction(1, 1)),)), free=False)
    """

    truth: bool = False
    """whether it is true or false, and no number"""
    per_photon: bool = False
    """whether each photon has one, and not each event"""
    unit: Unit | None = Unit()
    """None: whatever it is compared with"""
    free: bool = False
    """whether numbers without a unit are factors in it, of which nobody knows what they mean"""

    @classmethod
    def number(cls, unit: str, *, per_photon: bool = False) -> "Quantity":
        """Return that of a column of numbers; of ``""`` nobody knows the unit."""
        return cls(per_photon=per_photon, unit=Unit.of(unit) if unit else None)

    @property
    def words(self) -> str:
        """What it is, for messages."""
        what = "true or false" if self.truth else "a number"
        unit = "" if self.truth or self.unit is None else f" ({self.unit})"
        return f"{what}{unit} {'of each photon' if self.per_photon else 'of an event'}"


def common_unit(parts: Iterable[Quantity]) -> Unit | None:
    """Return the unit in which some numbers can be compared, or None if any will do.

    Raises
    ------
    ValueError
        If there is none.

    >>> print(common_unit([Quantity.number("GeV"), Quantity(unit=None)]))
    GeV
    """

    def both(one: Unit | None, other: Unit | None) -> Unit | None:
        if one is None or other is None or one == other:
            return one if other is None else other
        raise ValueError(f"{one} and {other}")

    return reduce(both, (part.unit for part in parts))
