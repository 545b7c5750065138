"""From the columns of a file, as its layout finds them, to those of a chunk.

==================  ============================================================================
a chunk has         which is
==================  ============================================================================
``photons.pt``      GeV; ``photons.eta``, and ``photons.phi`` in rad: a list per event, in the
                    file's order and precision (float64 where they are computed from others)
``photons.NAME``    what else the layout says of each photon; momenta in GeV
``run``, ``lumi``   uint32
``event``           uint64: half of all 64-bit numbers are no float64
``channel``,        as in the file; of a list of weights the first, which is the nominal one
``weight``
flags               bool
others              what the layout keeps and what the samples file declares, under its own name
==================  ============================================================================

Whole numbers and flags are exact, whatever the file stores them in, or refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from tools.errors import InputError
from tools.layouts import POLAR, Match
from tools.manifest import Stored
from tools.photons import photons_of
from tools.samples import Column
from tools.values import checked

PHOTONS = "photons"
"""the column of a chunk that holds them"""
Values = npt.NDArray[Any]
StandardEvents = dict[str, Any]
"""The column `PHOTONS`, an awkward array, and NumPy arrays of what is told once per event."""
_WHOLE: dict[str, type[np.unsignedinteger[Any]]] = {
    "run": np.uint32, "lumi": np.uint32, "event": np.uint64,
}  # fmt: skip
_LISTS = 2
"""dimensions of one list per event"""
_EXACT = 2.0**53
"""whole numbers below are floats exactly"""


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """Which columns of a file a chunk is made of."""

    match: Match
    attributes: tuple[str, ...]
    """columns of whatever else the layout says of each photon"""
    scalars: Mapping[str, str]
    """the source of each column that is told once per event"""
    flags: frozenset[str]
    """of these, those that are true or false"""
    declared: Mapping[str, Column]
    """of these, those that the samples file declares"""

    @property
    def read(self) -> list[str]:
        """The columns of the file that are read."""
        wanted = (*self.match.wanted, *self.attributes, *self.scalars.values())
        return list(dict.fromkeys(wanted))


def recipe(match: Match, columns: Mapping[str, str], declared: Mapping[str, Column]) -> Recipe:
    """Return what a chunk is made of.

    Parameters
    ----------
    match : Match
    columns : mapping of str to str
        All that the tree has.
    declared : mapping of str to Column
        Those of the samples file. What the tree does not have is not in the chunks.
    """
    more = (*match.kept, *match.flags, *(name for name in declared if name in columns))
    taken = {PHOTONS, f"n{PHOTONS}", *match.events, *match.wanted, *match.events.values()}
    scalars = dict(match.events) | {name: name for name in more if name not in taken}
    return Recipe(
        match,
        attributes=(*match.attributes.values(), *match.second_attributes.values()),
        scalars=scalars,
        flags=frozenset(match.flags),
        declared={name: column for name, column in declared.items() if name in scalars},
    )


def standard(
    made: Recipe, arrays: Mapping[str, ak.Array], where: str, first: int
) -> StandardEvents:
    """Return some events as a chunk holds them.

    Parameters
    ----------
    made : Recipe
    arrays : mapping of str to array
        The columns `Recipe.read`.
    where : str
        The file, for messages.
    first : int
        Entry of the first event, for messages.

    Raises
    ------
    InputError
        If a column holds something else than it should, or a value that cannot be stored.
    """
    of_photons = {name: arrays[name] for name in (*made.match.wanted, *made.attributes)}
    photons = photons_of(made.match, of_photons, where, first)
    events: StandardEvents = {PHOTONS: _as_stored(made, photons, arrays)}
    for name, source in made.scalars.items():
        place = _Place(where, source, first)
        values = _numbers(place, arrays[source], several=name == "weight")
        events[name] = _typed(made, name, values, place)
    return events


def _as_stored(made: Recipe, photons: ak.Array, arrays: Mapping[str, ak.Array]) -> ak.Array:
    """Return photons with fields of types that a chunk can have."""
    match = made.match
    names = [match.photons[key] for key in POLAR if key in match.photons]
    single = bool(names) and all(_precision(arrays[name]) <= np.float32 for name in names)
    kind = np.float32 if single else np.float64
    fields = {}
    for name in ak.fields(photons):
        values = photons[name]
        if name in POLAR:
            values = ak.values_astype(values, kind)
        elif _dtype(values) == np.float16:  # no ROOT file has it
            values = ak.values_astype(values, np.float32)
        fields[name] = values
    return ak.from_regular(ak.zip(fields), axis=1)  # a pair has no lists of its own


def _dtype(array: ak.Array) -> np.dtype[Any]:
    kind: np.dtype[Any] = ak.to_numpy(ak.flatten(array[:0], axis=None)).dtype
    return kind


def _precision(array: ak.Array) -> np.dtype[Any]:
    return np.result_type(_dtype(array), np.float16)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where values come from, for messages."""

    where: str
    source: str
    first: int

    def refusal(self, wrong: Values, values: Values, reason: str) -> InputError:
        """Return the error that names the first value that is wrong."""
        index = int(np.argmax(wrong))
        return InputError(
            f"{self.where}, entry {self.first + index} (from 0), column {self.source}: "
            f"{values[index].item()!r} {reason}"
        )


def _numbers(place: _Place, array: ak.Array, *, several: bool) -> Values:
    """Return one number per event: of lists the first, which may be one of several or alone."""
    odd = "string" in str(array.type) or ak.fields(array)
    if array.ndim == _LISTS and not odd:
        many = ak.to_numpy(ak.num(array))
        wrong = (many < 1) if several else (many != 1)
        if wrong.any():
            raise place.refusal(wrong, many, "numbers in a list, where one is wanted; correct it")
        array = ak.firsts(array)
    if array.ndim > 1 or odd:
        raise InputError(
            f"{place.where}, column {place.source} holds {array.type.content}, where one number "
            "per event is wanted; take it out of the layout"
        )
    missing = ak.to_numpy(ak.is_none(array))
    if missing.any():
        raise InputError(
            f"{place.where}, entry {place.first + int(np.argmax(missing))} (from 0), column "
            f"{place.source}: the value is missing (None); give it one, or remove the event"
        )
    return np.ascontiguousarray(ak.to_numpy(ak.drop_none(array)))


def _typed(made: Recipe, name: str, values: Values, place: _Place) -> Values:
    if name in made.declared:
        return checked(made.declared[name], values, place.where, place.first)
    if name in _WHOLE:
        return _whole(_WHOLE[name], values, place)
    if name in made.flags:
        if (wrong := (values != 0) & (values != 1)).any():
            raise place.refusal(wrong, values, "is no flag; take it out of the layout's `flags`")
        return values.astype(np.bool_)
    if values.dtype == np.float16 or (name == "weight" and values.dtype.kind in "iub"):
        return values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    if values.dtype.kind not in "iufb":
        raise InputError(
            f"{place.where}, column {place.source} holds no numbers ({values.dtype}); take it out "
            "of the layout"
        )
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _whole(kind: type[np.unsignedinteger[Any]], values: Values, place: _Place) -> Values:
    """Return numbers of runs or events, which are no fractions, in their type."""
    if values.dtype.kind == "f":
        exact = (np.abs(values) < _EXACT) & (np.trunc(values) == values)
        if not exact.all():
            raise place.refusal(
                ~exact,
                values,
                "is no whole number below 2^53; store it as an integer, in ROOT or Parquet",
            )
        values = values.astype(np.int64)
    outside = (values < 0) | (values > np.iinfo(kind).max)
    if values.dtype.kind not in "iu" or outside.any():
        raise place.refusal(outside, values, f"is no {np.dtype(kind).name}; correct it")
    return values.astype(kind)


def described(made: Recipe, events: StandardEvents) -> Iterator[Stored]:
    """Yield what the manifest says of each column of a chunk with these events."""
    match, photons = made.match, events[PHOTONS]
    units = {"pt": "GeV", "phi": "rad"} | dict.fromkeys(match.layout.momenta, "GeV")
    for name in ak.fields(photons):
        unit = units.get(name, "1" if name == "eta" else "")
        yield Stored(f"{PHOTONS}.{name}", _dtype(photons[name]).name, unit, _sources(match, name))
    for name, source in made.scalars.items():
        unit = made.declared[name].unit if name in made.declared else ""
        yield Stored(name, events[name].dtype.name, unit, source)


def _sources(match: Match, name: str) -> str:
    places = ((match.photons, match.attributes), (match.second, match.second_attributes))
    found = [part.get(name) or more.get(name) for part, more in places]
    return ", ".join(filter(None, found)) or ", ".join(match.photons.values())
