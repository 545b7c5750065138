"""From ``scan.json`` and ``limits.json`` to what their figures show.

Folders of other versions, or blind ones, lack some of this: what is not there is None, and its
figure is not drawn. What is there and cannot be true (a list of another length than the masses, a
word for a number) is refused: a figure of the wrong numbers is worse than none.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.plots.brazil import MassLimits, Ranges
from analysis.plots.scan import Scan
from analysis.plots.strength import Strength, strength_of
from analysis.plots.style import Array
from tools.errors import InputError

BANDS = ("-2", "-1", "0", "1", "2")
SCAN, LIMITS = "scan.json", "limits.json"
Document = Mapping[str, Any]


def p0_scan(document: Document | None, *, from_data: bool = True) -> Scan | None:
    """Return the p0 scan, or None if there is none.

    Parameters
    ----------
    document : mapping or None
        The content of ``scan.json``.
    from_data : bool
        Whether there are data at all.

    Raises
    ------
    InputError
        If its lists do not fit its masses.
    """
    mass = masses(SCAN, document)
    if document is None or mass is None:
        return None
    kind = strength_of(document, "cross_section_pb", "signal_events")
    prefix = "cross_section" if kind.suffix == "pb" else "signal"
    n = len(mass)
    found = document.get("global") or {}
    scan = Scan(
        mass_GeV=mass,
        local_z=numbers(SCAN, document, "local_z", n),
        expected_z=numbers(SCAN, document, "expected_local_z", n),
        envelope_z=numbers(SCAN, document, "envelope_z", n),
        strength=numbers(SCAN, document, f"{prefix}_{kind.suffix}", n),
        strength_error=numbers(SCAN, document, f"{prefix}_error_{kind.suffix}", n),
        benchmark=benchmark(document),
        maximum=_maximum(document),
        global_z=number(SCAN, found, "z"),
        global_lines=_global_lines(found),
        kind=kind,
        from_data=from_data,
    )
    return None if scan.local_z is None and scan.expected_z is None else scan


def benchmark(document: Document | None) -> float | None:
    """Return the benchmark strength of a scan, or None."""
    found = document or {}
    kind = strength_of(found, "cross_section_pb", "signal_events")
    return positive(SCAN, found, f"benchmark_{kind.suffix}")


def _maximum(document: Document) -> tuple[float, float] | None:
    found = document.get("maximum") or {}
    mass, z = (number(SCAN, found, key) for key in ("mass_GeV", "local_z"))
    return None if mass is None or z is None else (mass, z)


def _global_lines(found: Document) -> dict[int, float]:
    lines = found.get("local_z_of_global") or {}
    pairs = {level: number(SCAN, lines, str(level)) for level in (1, 2, 3)}
    return {level: z for level, z in pairs.items() if z is not None}


def mass_limits(document: Document | None, *, from_data: bool = True) -> MassLimits | None:
    """Return the limits against mass, or None if there are none: of ``limits.json``, as `p0_scan`.

    Raises
    ------
    InputError
        If its lists do not fit its masses, or a band is missing.
    """
    mass = masses(LIMITS, document)
    if document is None or mass is None:
        return None
    kind, n = strength_of(document, "expected_pb", "expected_events"), len(mass)
    expected = _bands(document, kind, n)
    if expected is None:
        return None
    few = numbers(LIMITS, document, "low_counts", n)
    excluded = document.get("excluded_GeV") or {}
    return MassLimits(
        mass_GeV=mass,
        expected=expected,
        observed=numbers(LIMITS, document, f"observed_{kind.suffix}", n),
        low_counts=None if few is None else np.nan_to_num(few) > 0,
        benchmark=positive(LIMITS, document, f"benchmark_{kind.suffix}"),
        excluded=_ranges(excluded.get("observed")),
        excluded_expected=_ranges(excluded.get("expected")),
        confidence_level=number(LIMITS, document, "confidence_level") or 0.95,
        method="toys" if document.get("method") == "toys" else "asymptotic",
        kind=kind,
        from_data=from_data,
    )


def _bands(document: Document, kind: Strength, n: int) -> Array | None:
    key = f"expected_{kind.suffix}"
    bands = document.get(key)
    if bands is None:
        return None
    missing = [band for band in BANDS if band not in bands]
    if missing:
        raise wrong(LIMITS, key, f"has no band {', '.join(missing)}")
    found = [numbers(LIMITS, bands, band, n) for band in BANDS]
    there = [np.full(n, np.nan) if band is None else band for band in found]
    return None if found[2] is None else np.array(there)


def _ranges(found: Any) -> Ranges | None:
    if found is None:
        return None
    try:
        return tuple((float(low), float(high)) for low, high in found)
    except (TypeError, ValueError):
        raise wrong(LIMITS, "excluded_GeV", "must hold pairs of masses") from None


# ---- numbers of documents ------------------------------------------------------------------------


def masses(file: str, document: Document | None, key: str = "mass_GeV") -> Array | None:
    """Return the masses of a document, rising; None if there is no document or none in it.

    Raises
    ------
    InputError
        If they are not numbers, or do not rise.
    """
    found = (document or {}).get(key)
    if not found:
        return None
    mass = numbers(file, {key: found}, key, len(found))
    if mass is None or not np.isfinite(mass).all() or (np.diff(mass) <= 0).any():
        raise wrong(file, key, "must be rising numbers")
    return mass


def numbers(file: str, document: Document, key: str, n: int) -> Array | None:
    """Return a list of a document, null as NaN; None if it is not there or holds no number.

    Raises
    ------
    InputError
        If it is no list of `n` numbers.
    """
    found = document.get(key)
    if found is None:
        return None
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != n:
        size = len(found) if isinstance(found, Sequence) else "no"
        raise wrong(file, key, f"must hold {n} numbers, and holds {size}")
    try:
        values = np.array([np.nan if value is None else float(value) for value in found])
    except (TypeError, ValueError):
        raise wrong(file, key, "must hold numbers or null") from None
    return values if np.isfinite(values).any() else None


def number(file: str, document: Document, key: str) -> float | None:
    """Return a number of a document, None if it is null or not there.

    Raises
    ------
    InputError
        If it is something else.
    """
    found = document.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise wrong(file, key, f"must be a number, not {found!r}")
    return float(found)


def positive(file: str, document: Document, key: str) -> float | None:
    """Return a number of a document that logarithmic axes can show; else None."""
    found = number(file, document, key)
    return found if found is not None and found > 0 else None


def wrong(file: str, key: str, what: str) -> InputError:
    """Return the refusal of a document, with what to do about it."""
    return InputError(f"{file}: `{key}` {what}; make it again with `xyy infer`")
