"""From results to JSON and back: one way for all of them.

============================  =========================================================
a result holds                its file holds
============================  =========================================================
a dataclass                   an object; its keys are the names of the attributes
an array, a tuple             a list, of lists if it has two dimensions
NaN, infinity                 null
None                          null, or no key (`ABSENT`)
``Key("limit_{unit}")``       ``limit_pb`` or ``limit_events``
``Key("{strength}")``         ``cross_section_pb`` or ``signal_events``
============================  =========================================================

A search with efficiencies and a luminosity measures strengths in pb, a binned spectrum has signal
events only. The same result has other keys then (`Key`); its attribute ``unit``, which
no file holds, says which they are.

What is read is refused by type, by cattrs: no text is taken for a number, no number for another
kind of number, no key that is unknown (but in a dataclass with ``OPEN = True``).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from tools.errors import InputError
from tools.shown import brief

Unit = Literal["pb", "events"]
Numbers = npt.NDArray[np.float64]
"""numbers of a table; NaN where there is none"""
_STRENGTHS: dict[Unit, str] = {"pb": "cross_section_pb", "events": "signal_events"}
_OF_PB = {"benchmark_pb", "cross_section_pb"}
"""keys by which a file with strengths in pb is known"""
_LABELS = {"changed_after_unblinding", "after_unblinding", "provenance"}
"""keys of any result file, which are no part of the result"""


@dataclass(frozen=True, slots=True)
class Key:
    """How an attribute stands in its file, where that is not its name and its value."""

    name: str | None = None
    """key in the file, which may depend on the unit of strengths"""
    absent: bool = False
    """whether None has no key, in place of null"""
    only: Unit | None = None
    """unit of strengths that results with this attribute have"""

    def override(self, unit: Unit) -> Any:
        """Return what cattrs has to know, for results with strengths in some unit."""
        return override(
            rename=self.name and self.name.format(unit=unit, strength=_STRENGTHS[unit]),
            omit=self.only not in {None, unit},
        )


ABSENT = Key(absent=True)


class InFile(Protocol):
    """A dataclass that is the whole content of a file."""

    FILE: ClassVar[str]
    """name of the file"""


Result = TypeVar("Result")
Content = TypeVar("Content", bound=InFile)


# ---- there and back ------------------------------------------------------------------------------


def to_json(result: Any) -> dict[str, Any]:
    """Return what the file of a result holds."""
    document: dict[str, Any] = _converter(getattr(result, "unit", "pb")).unstructure(result)
    return document


def from_json(
    kind: type[Result], document: Mapping[str, Any], path: Path, *, advice: str = "make it again"
) -> Result:
    """Return a result from what its file holds.

    Parameters
    ----------
    kind : type
        A dataclass of this package, or a mapping of names to them. If it has a ``format``, that
        of the file must be the same.
    document : mapping
    path : Path
        The file, for messages.
    advice : str
        What to do if it is refused.

    Raises
    ------
    InputError
        If the file is of another format, or something in it is missing, unknown, or not of its
        type; the message names file and key.
    """
    own = {each.name: each.default for each in fields(kind)} if is_dataclass(kind) else {}
    if "format" in own and document.get("format") != own["format"]:
        raise InputError(f"{path} is not of the format {own['format']!r}; {advice}")
    content = {key: value for key, value in document.items() if key in own or key not in _LABELS}
    # No file names its unit: a key of strengths in pb is in every file that has some in pb.
    unit: Unit = "pb" if "unit" not in own or _OF_PB & document.keys() else "events"
    try:
        return _converter(unit).structure(content, kind)
    except BaseValidationError as error:
        # The first problem is enough: a file with one was edited, or is of another version.
        what = transform_error(error, path="", format_exception=_words)[0]
        said = brief(what.removesuffix(" @ "), 200)  # nothing follows where it is the whole file
        raise InputError(f"{path}: {said}; {advice}") from None


def _words(error: BaseException, _kind: type | None) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


@cache
def _converter(unit: Unit) -> Converter:
    converter = Converter(forbid_extra_keys=True)
    # cattrs converts what it reads: int("3"), bool("no"), tuple("text"). Hooks of ours refuse, and
    # make Python's numbers of NumPy's, which JSON cannot hold, when they write.
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, _exactly)
        converter.register_unstructure_hook(kind, kind)
    converter.register_structure_hook(float, _number)
    converter.register_unstructure_hook(float, _null_or_number)
    converter.register_structure_hook_func(_of(Literal), _choice)
    converter.register_structure_hook_func(_of(np.ndarray), _array)
    converter.register_structure_hook_func(_of(tuple), partial(_tuple, converter))
    converter.register_unstructure_hook_func(_of(np.ndarray), _list)
    converter.register_unstructure_hook_factory(is_dataclass, partial(_writer, converter, unit))
    converter.register_structure_hook_factory(is_dataclass, partial(_reader, converter, unit))
    return converter


def _of(origin: object) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _writer(converter: Converter, unit: Unit, kind: type) -> Callable[[Any], dict[str, Any]]:
    keys = _keys(kind)
    overrides: dict[str, Any] = {name: key.override(unit) for name, key in keys.items()}
    write: Callable[[Any], dict[str, Any]] = make_dict_unstructure_fn(
        kind, converter, **overrides | {"unit": override(omit=True)}
    )
    # Not by cattrs' `omit_if_default`: its `!=` has no truth for an array.
    droppable = {overrides[name].rename or name for name, key in keys.items() if key.absent}

    def written(result: Any) -> dict[str, Any]:
        found = write(result).items()
        return {key: value for key, value in found if value is not None or key not in droppable}

    return written


def _reader(converter: Converter, unit: Unit, kind: type) -> Callable[[Any, Any], Any]:
    overrides: dict[str, Any] = {name: key.override(unit) for name, key in _keys(kind).items()}
    strict = not getattr(kind, "OPEN", False)
    read: Any = make_dict_structure_fn(
        kind, converter, _cattrs_forbid_extra_keys=strict, **overrides
    )
    if all(each.name != "unit" for each in fields(kind)):
        return lambda document, _: read(document, kind)
    return lambda document, _: read({**document, "unit": unit}, kind)


def _keys(kind: type) -> dict[str, Key]:
    hints = get_type_hints(kind, include_extras=True)
    declared = {name: getattr(hint, "__metadata__", (None,))[0] for name, hint in hints.items()}
    return {name: key for name, key in declared.items() if isinstance(key, Key)}


def _exactly(value: Any, kind: type) -> Any:
    if type(value) is not kind:  # `isinstance` takes True for an int
        raise TypeError(f"{brief(repr(value), 50)} is no {kind.__name__}")
    return value


def _number(value: Any, _kind: type) -> float:
    if value is None:  # JSON has neither NaN nor infinity (RFC 8259, section 6)
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{brief(repr(value), 50)} is no number")
    return float(value)


def _null_or_number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _choice(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise ValueError(f"{brief(repr(value), 50)} is none of {', '.join(get_args(kind))}")
    return value


def _array(values: Any, _kind: type) -> Numbers:
    _exactly(values, list)
    return np.array([_array(v, list) if isinstance(v, list) else _number(v, float) for v in values])


def _tuple(converter: Converter, values: Any, kind: Any) -> tuple[Any, ...]:
    _exactly(values, list)
    kinds = get_args(kind)
    if kinds[-1] is Ellipsis:  # tuple[float, ...]: any number of one kind
        kinds = kinds[:1] * len(values)
    if len(kinds) != len(values):
        raise TypeError(f"there are {len(values)} in place of {len(kinds)}")
    return tuple(converter.structure(*pair) for pair in zip(values, kinds, strict=True))


def _list(values: Any) -> list[Any]:
    return [_list(value) if np.ndim(value) else _null_or_number(value) for value in values]
