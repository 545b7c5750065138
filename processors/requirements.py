"""Requirements: which photons, and which events, are looked at at all.

They are expressions (`processors.expressions`) of the search file, each a step of the cutflow:

1. of ``[events]``, those that name nothing of photons, such as a trigger;
2. of ``[photons]``, one after the other: an event goes on as long as two photons are left, of which
   the two with the largest `order` are its pair;
3. of ``[events]``, all others: on the pair (``photon1_pT``, ``m_yy``), or on all that are left
   (``count(photons.pt > 25) >= 2``).

What is not required is filled nowhere but in the cutflow. In blinded data an event is counted at a
step unless the pair that it has there lies in the window.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from processors.expressions import Evaluation, Expression, Quantity, parse
from processors.expressions.expression import ENERGIES
from processors.expressions.grammar import names_in, read
from processors.histograms import KINEMATICS
from processors.kinematics import QUANTITIES, PhotonPair
from processors.pairs import Indices, leading_photons, of_photon
from processors.selection import Interval, Mask

Values = npt.NDArray[Any]
COMPUTED = {"m_yy": "GeV"} | {each.name: each.unit for each in KINEMATICS}
"""what is computed of a pair, with its unit"""
_PHOTONS = "photons."
_MOMENTUM = ("pt", "eta", "phi")


@dataclass(frozen=True, slots=True)
class Requirements:
    """What photons and events have to be."""

    photons: tuple[str, ...] = ()
    """expressions of a photon, true or false"""
    events: tuple[str, ...] = ()
    """expressions of an event, true or false"""
    order: str = "pt"
    """an expression of a photon, a number: the two of the largest are the pair"""

    def __bool__(self) -> bool:
        """Whether anything is required, or ordered otherwise than by pT."""
        return self != Requirements()

    @property
    def before(self) -> tuple[str, ...]:
        """Those of an event that need none of its photons."""
        return tuple(text for text in self.events if not any(map(_of_photons, _names(text))))

    @property
    def after(self) -> tuple[str, ...]:
        """Those of an event that need its pair, or all photons that are left."""
        return tuple(text for text in self.events if any(map(_of_photons, _names(text))))

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the cutflow's first steps.

        >>> Requirements(photons=("pt > 25",), events=("m_yy > 105", "trigP")).steps
        ('all events', 'trigP', 'two photons', 'two photons, pt > 25', 'm_yy > 105')
        """
        photons = (f"two photons, {text}" for text in self.photons)
        return ("all events", *self.before, "two photons", *photons, *self.after)

    @property
    def named(self) -> frozenset[str]:
        """The names of those of these steps at which something is required."""
        return frozenset(self.steps) - {"all events", "two photons"} if self else frozenset()

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is needed of each photon."""
        named = [name for text in (*self.photons, self.order) for name in _names(text)]
        of_lists = [name.removeprefix(_PHOTONS) for name in self._of_events if _PHOTONS in name]
        return tuple(dict.fromkeys((*_MOMENTUM, *named, *of_lists)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The flat columns that are needed."""
        photons = [f"photon{n}_{column_of(name)}" for name in self.attributes for n in (1, 2)]
        plain = [n for n in self._of_events if _PHOTONS not in n and n not in COMPUTED]
        return tuple(dict.fromkeys((*photons, *plain)))

    @property
    def _of_events(self) -> list[str]:
        return [name for text in self.events for name in _names(text)]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The events that are as required."""

    rows: npt.NDArray[np.intp]
    """their indices among all"""
    columns: Mapping[str, Values]
    """flat columns of them, as flat files have them"""
    flow: npt.NDArray[np.int64]
    """of each of `Requirements.steps` the events in the window and outside, shape (steps, 2)"""


def choose(
    events: Any, required: Requirements, names: Sequence[str], window: Interval | None
) -> Chosen:
    """Return the events that are as required.

    Parameters
    ----------
    events : array
        With lists of ``photons``, or with the flat columns of two, which stay the first and the
        second.
    required : Requirements
    names : sequence of str
        The flat columns that are wanted of the events.
    window : Interval or None
        Of masses, GeV; events without a pair are outside, and all are if it is not given.
    """
    return _Choice(events, required, names, window).made()


def quantities(columns: Mapping[str, Quantity]) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """Return what may be named in requirements of photons, and in those of events.

    Parameters
    ----------
    columns : mapping of str to Quantity
        The flat columns that events have, those of both photons among them.
    """
    photons = {}
    for name, quantity in columns.items():
        part = of_photon(name)
        if part is not None and part[0] == 0 and f"photon2_{column_of(part[1])}" in columns:
            photons[part[1]] = replace(quantity, per_photon=True)
    computed = {name: Quantity.number(unit) for name, unit in COMPUTED.items()}
    lists = {f"{_PHOTONS}{name}": quantity for name, quantity in photons.items()}
    return photons, {**columns, **lists, **computed}


def column_of(attribute: str) -> str:
    """Return how a flat column calls an attribute of a photon.

    >>> column_of("pt"), column_of("r9")
    ('pT', 'r9')
    """
    return "pT" if attribute == "pt" else attribute


def _names(text: str) -> Iterator[str]:
    return (each.name for each in names_in(read(text)) if each.name not in ENERGIES)


def _of_photons(name: str) -> bool:
    return _PHOTONS in name or name in COMPUTED or of_photon(name) is not None


class _Choice:
    """Requirements, step by step."""

    def __init__(
        self, events: Any, required: Requirements, names: Sequence[str], window: Interval | None
    ) -> None:
        self._events, self._required, self._window = events, required, window
        self._names = names
        self._after = dict.fromkeys(name for text in required.after for name in _names(text))
        self._counts, self._photons = _lists(events, self._attributes())
        self._ends = np.cumsum(self._counts)
        self._lists = Evaluation(self._photons, self._counts)
        order = self._lists.of(_parsed(required.order, self._photons, photon=True, number=True))
        self._order = np.asarray(order.values, np.float64)
        if order.undefined is not None:  # such a photon comes last
            self._order = np.where(order.undefined, -np.inf, self._order)
        self._flow: list[tuple[int, int]] = []

    def _attributes(self) -> tuple[str, ...]:
        """Return what is needed of each photon; flat columns of one are taken as they are."""
        flat = [part[1] for name in (*self._names, *self._after)
                if (part := of_photon(name)) and name not in self._events.fields]  # fmt: skip
        return tuple(dict.fromkeys((*self._required.attributes, *flat)))

    def made(self) -> Chosen:
        """Return what is left after all of them."""
        required = self._required
        good, kept = np.ones(len(self._counts), np.bool_), np.ones(len(self._order), np.bool_)
        in_window = self._in_window(kept)
        self._count(good, in_window)
        plain = {name: np.asarray(self._events[name]) for text in required.before
                 for name in _names(text)}  # fmt: skip
        evaluation = Evaluation(plain)
        for text in required.before:
            good &= evaluation.mask(_parsed(text, plain))
            self._count(good, in_window)
        good &= self._counts > 1
        self._count(good, in_window)
        for text in required.photons:
            kept &= self._lists.mask(_parsed(text, self._photons, photon=True))
            good &= self._left(kept) > 1
            in_window = self._in_window(kept)
            self._count(good, in_window)
        return self._with_pairs(good, kept & np.repeat(good, self._counts), in_window)

    def _with_pairs(self, good: Mask, kept: Mask, in_window: Mask) -> Chosen:
        """Return what is left of the events that have their final pair, and of their photons."""
        rows, counts = np.flatnonzero(good), self._left(kept)
        _, *both = self._pairs(kept, counts)
        flat = {name: self._column(name, rows, both) for name in (*self._names, *self._after)
                if _PHOTONS not in name and name not in COMPUTED}  # fmt: skip
        pair = self._pair(both)
        columns = flat | {name: getattr(pair, QUANTITIES[name]) for name in self._after
                          if name in COMPUTED}  # fmt: skip
        columns |= {name: self._photons[name.removeprefix(_PHOTONS)][kept] for name in self._after
                    if _PHOTONS in name}  # fmt: skip
        evaluation = Evaluation(columns, counts[rows])
        left = np.ones(len(rows), np.bool_)
        for text in self._required.after:
            left &= evaluation.mask(_parsed(text, columns))
            self._count(left, in_window[rows])
        wanted = {name: flat[name][left] for name in self._names}
        return Chosen(rows[left], wanted, np.array(self._flow, np.int64))

    def _left(self, kept: Mask) -> Indices:
        """Return how many photons each event has left."""
        # A sum of int32 takes a tenth of the time of one of int64, and no chunk has 2^31 photons.
        so_far = np.zeros(len(kept) + 1, np.int32)
        np.cumsum(kept, out=so_far[1:], dtype=np.int32)
        left: Indices = np.diff(so_far[self._ends], prepend=np.int32(0))
        return left

    def _pairs(self, kept: Mask, counts: Indices) -> tuple[Mask, Indices, Indices]:
        """Return which events have a pair of the photons that are left, and both of all pairs."""
        places = np.flatnonzero(kept)
        found = leading_photons(counts, self._order[places])
        first, second = places[found.first], places[found.second]
        if "photons" not in self._events.fields:
            first, second = np.minimum(first, second), np.maximum(first, second)
        return found.has_two, first, second

    def _pair(self, both: Sequence[Indices]) -> PhotonPair:
        return PhotonPair(*(self._photons[name][index] for name in _MOMENTUM for index in both))

    def _in_window(self, kept: Mask) -> Mask:
        """Return which events have their pair in the window."""
        inside = np.zeros(len(self._counts), np.bool_)
        if self._window is not None:
            has_two, *both = self._pairs(kept, self._left(kept))
            inside[has_two] = self._window.contains(self._pair(both).mass)
        return inside

    def _count(self, good: Mask, in_window: Mask) -> None:
        inside = 0 if self._window is None else int(np.count_nonzero(good & in_window))
        self._flow.append((inside, int(np.count_nonzero(good)) - inside))

    def _column(self, name: str, rows: Indices, both: Sequence[Indices]) -> Values:
        part = of_photon(name)
        if part is None or name in self._events.fields:
            return np.asarray(self._events[name])[rows]
        return self._photons[part[1]][both[part[0]]]


def _parsed(
    text: str, columns: Mapping[str, Values], *, photon: bool = False, number: bool = False
) -> Expression:
    """Return an expression that was checked, units and all, before the first event."""
    types = {
        name: Quantity(
            truth=values.dtype == np.bool_, unit=None, per_photon=photon or _PHOTONS in name
        )
        for name, values in columns.items()
    }
    return parse(text, types, wanted="number" if number else "truth", per_photon=photon)


def _lists(events: Any, attributes: Sequence[str]) -> tuple[npt.NDArray[Any], dict[str, Values]]:
    """Return how many photons each event has, and what all photons have, one after the other."""
    if "photons" in events.fields:
        photons = events["photons"]
        flat = ak.flatten(photons)
        counts = ak.to_numpy(ak.num(photons, axis=1))
        return counts, {name: ak.to_numpy(flat[name]) for name in attributes}
    values = {
        name: np.stack([np.asarray(events[f"photon{n}_{column_of(name)}"]) for n in (1, 2)], axis=1)
        for name in attributes
    }
    return np.full(len(events), 2), {name: both.ravel() for name, both in values.items()}
