"""Code that travels with the work: workers elsewhere need coffea, but not this checkout.

cloudpickle sends what it finds in an importable module by reference, and the worker imports it
there: from nowhere, from another version, or from a user's own ``tools/`` folder. Our packages go
by value instead, and the processor's as well. For that, what runs on workers imports what is ours
at the top of its module: what a function imports when it is called is not sent, nor is what only
the body of a class inside a function names.
"""

import dataclasses
import sys
from collections import ChainMap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from io import BytesIO
from typing import Any, ClassVar

_OURS = __name__.partition(".")[0]
_INSTALLED = frozenset({"coffea", "builtins", "__main__"})
"""What workers have (see `versions`), or cloudpickle sends by value anyway."""


@contextmanager
def _by_value(*classes: type[Any]) -> Iterator[None]:
    """Pickle this package and those of `classes` by value while the block runs."""
    from cloudpickle import register_pickle_by_value, unregister_pickle_by_value
    from cloudpickle.cloudpickle import list_registry_pickle_by_value

    names = {_OURS, *(each.__module__.partition(".")[0] for each in classes)} - _INSTALLED
    names -= set(list_registry_pickle_by_value())
    modules = [sys.modules[name] for name in sorted(names) if name in sys.modules]
    for module in modules:
        register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            unregister_pickle_by_value(module)


def packed(thing: object, *classes: type[Any]) -> bytes:
    """Return a pickle of `thing` with our code in it, and that of the packages of `classes`."""
    from cloudpickle import Pickler

    class _Pickler(Pickler):  # type: ignore[misc] # cloudpickle is untyped
        # Until Python 3.12 a cached property holds a lock, which cannot be pickled.
        dispatch_table: ClassVar = ChainMap(
            {cached_property: _reduced, type(dataclasses.MISSING): lambda _missing: "MISSING"},
            Pickler.dispatch_table,
        )

    stream = BytesIO()
    with _by_value(*classes):
        _Pickler(stream).dump(thing)
    return stream.getvalue()


def _reduced(prop: cached_property[Any]) -> tuple[Any, ...]:
    return cached_property, (prop.func,), {"attrname": prop.attrname}
