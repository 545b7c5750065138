"""The shape search as documents: ``scan.json``, ``limits.json``, and parts of the others.

A search with efficiencies and a luminosity measures a cross-section in pb; a bare spectrum
(``xyy infer --spectrum``) has signal events only. `Unit` is the difference: names of the keys, and
the factor from events to pb.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.statistics.band import MassLimit
from analysis.statistics.cls import BANDS
from analysis.statistics.compatibility import Compatibility
from analysis.statistics.doubts import of_limits
from analysis.statistics.entries import Entry
from analysis.statistics.look_elsewhere import Global
from analysis.statistics.measurement import Measurement
from analysis.statistics.numbers import Document, interval_of, number, numbers
from analysis.statistics.resonance import MassScan
from analysis.statistics.shape import Observed, ShapeSearch, Stability
from analysis.statistics.spectra import FloatArray
from analysis.statistics.tournament import Decisions

_SIGMAS = (1, 2, 3)
"""global significances whose local ones are told"""


@dataclass(frozen=True, slots=True)
class Unit:
    """In what the strength of a signal is told."""

    suffix: str
    """``"pb"`` or ``"events"``"""
    per_event: Callable[[FloatArray], FloatArray]
    """strength of one fitted event, by mass"""
    relative_error: float = 0.0
    """of the normalisation"""
    benchmark: float | None = None
    """strength that the simulated signals stand for"""

    @property
    def strength(self) -> str:
        """Key of a strength."""
        return "cross_section_pb" if self.suffix == "pb" else "signal_events"

    @property
    def error(self) -> str:
        """Key of its error."""
        return "cross_section_error_pb" if self.suffix == "pb" else "signal_error_events"


def scan_document(
    shape: ShapeSearch, masses: FloatArray, unit: Unit, reason: str | None
) -> Document:
    """Return the scan over mass; what is observed is null while blind."""
    observed = shape.observed
    found: Document = {"mass_GeV": numbers(masses)}
    if observed is None:
        keys = ("local_z", "signed_z", "local_p", unit.strength, unit.error)
        found |= dict.fromkeys((*keys, "signal_events", "signal_error_events", "envelope_z"))
    else:
        found |= _scan(observed.scan, unit) | {"envelope_z": numbers(observed.envelope_z)}
    return found | {
        "expected_local_z": None if unit.benchmark is None else numbers(shape.expected_z),
        f"benchmark_{unit.suffix}": unit.benchmark,
        "maximum": None if observed is None else _maximum(observed),
        "global": None if observed is None else _global(observed.whole),
        "reason": reason,
    }


def _scan(scan: MassScan, unit: Unit) -> Document:
    from scipy.special import ndtr

    z, events, error = scan.z[0], scan.signal_events[0], scan.signal_error_events[0]
    factor = unit.per_event(scan.mass_GeV)
    return {
        "local_z": numbers(np.maximum(z, 0.0)),
        "signed_z": numbers(z),
        "local_p": numbers(ndtr(-np.maximum(z, 0.0))),
        unit.strength: numbers(events * factor),
        unit.error: numbers(factor * np.hypot(error, events * unit.relative_error)),
        "signal_events": numbers(events),
        "signal_error_events": numbers(error),
    }


def _maximum(observed: Observed) -> Document | None:
    if observed.local_z == 0:
        return None
    mass = observed.scan.mass_GeV[observed.best]
    return {"mass_GeV": number(mass), "local_z": number(observed.local_z)}


def _global(whole: Global) -> Document:
    crossings, toys = whole.upcrossings, whole.toys
    counted = None
    if toys is not None:
        low, high = toys.interval()
        counted = {
            "n": toys.toys,
            "exceeding": toys.exceeding,
            "p": toys.p,
            "p_low": low,
            "p_high": high,
        }
    return {
        "p": number(whole.p),
        "z": number(whole.z),
        "method": whole.method,
        "upcrossings": {
            "level_z": crossings.level_z,
            "mean": crossings.mean,
            "error": crossings.error,
            "toys": crossings.toys,
        },
        "gross_vitells_p": number(whole.gross_vitells_p),
        "toys": counted,
        "local_z_of_global": {str(z): number(crossings.local_z(z)) for z in _SIGMAS},
    }


def limits_document(
    limits: Sequence[MassLimit], unit: Unit, confidence_level: float, reason: str | None
) -> Document:
    """Return the limits at all masses."""
    masses = np.array([limit.mass_GeV for limit in limits])
    observed = [limit.observed for limit in limits]
    expected = {
        str(band): [number(limit.expected[index]) for limit in limits]
        for index, band in enumerate(BANDS)
    }
    blind = all(limit is None for limit in observed) and reason is not None
    return {
        "confidence_level": confidence_level,
        "mass_GeV": numbers(masses),
        f"observed_{unit.suffix}": None if blind else [number(limit) for limit in observed],
        f"expected_{unit.suffix}": expected,
        "low_counts": [limit.low_counts for limit in limits],
        "background_events_under_peak": [number(limit.counts_under_peak) for limit in limits],
        "methods": [limit.method for limit in limits],
        "method": "toys" if any(limit.method == "toys" for limit in limits) else "asymptotic",
        f"benchmark_{unit.suffix}": unit.benchmark,
        "excluded_GeV": {
            "observed": None if blind else _excluded(masses, observed, unit.benchmark),
            "expected": _excluded(masses, expected["0"], unit.benchmark),
        },
        "warnings": [
            *(f"{x.mass_GeV:g} GeV: {note}" for x in limits for note in x.warnings),
            *of_limits(limits),
        ],
        "reason": reason,
    }


def _excluded(
    masses: FloatArray, limits: Sequence[float | None], benchmark: float | None
) -> list[list[float]] | None:
    """Return the ranges of mass where a limit lies below the benchmark, ends interpolated."""
    if benchmark is None:
        return None
    margin = np.array([np.nan if x is None else np.log(benchmark / x) for x in limits])
    ranges: list[list[float]] = []
    for index, mass in enumerate(masses):
        before = max(index - 1, 0)
        pair = slice(before, index + 1)
        inside, was = margin[index] > 0, index > 0 and margin[before] > 0
        if inside and not was:
            start = _zero(masses[pair], margin[pair], float(mass))
            ranges.append([start, float(mass)])
        elif inside:
            ranges[-1][1] = float(mass)
        elif was:
            ranges[-1][1] = _zero(masses[pair], margin[pair], float(masses[before]))
    return ranges


def _zero(masses: FloatArray, margin: FloatArray, otherwise: float) -> float:
    """Return where the margin between two neighbouring masses is zero; `otherwise` if unknown."""
    if len(masses) == 1 or not np.all(np.isfinite(margin)):
        return otherwise
    return float(masses[0] - margin[0] * (masses[1] - masses[0]) / (margin[1] - margin[0]))


def peak_document(decided: Decisions) -> Document:
    """Return how one channel's function under a peak was decided."""
    option = decided.chosen
    return {
        "range": option.range,
        "fit_range_GeV": [option.low_GeV, option.high_GeV],
        "family": option.function.family,
        "order": option.function.order,
        "passes": bool(decided.passes[0]),
        "truths": list(decided.truths),
        "spurious": {
            "mass_GeV": numbers(decided.masses_GeV),
            "events": numbers(decided.spurious[0]),
            "error_events": numbers(decided.error[0]),
        },
        "candidates": [_entry(entry, decided) for entry in decided.entries],
    }


def _entry(entry: Entry, decided: Decisions) -> Document:
    option, names = entry.option, decided.all_truths
    relative = np.abs(entry.spurious[:, 0] / entry.error[:, 0])
    there = np.isfinite(relative).any()
    truth, mass = np.unravel_index(np.nanargmax(relative), relative.shape) if there else (0, 0)
    return {
        "range": option.range,
        "fit_range_GeV": [option.low_GeV, option.high_GeV],
        "family": option.function.family,
        "order": option.function.order,
        "parameters": len(option.function.parameters),
        "gof_pvalue": number(float(entry.gof_pvalue[0])),
        "worst_errors": number(float(relative[truth, mass])),
        "worst_truth": names[int(truth)] if there else None,
        "worst_mass_GeV": number(float(decided.masses_GeV[mass])) if there else None,
        "passes": bool(entry.passes[0]),
        "chosen": option == decided.chosen,
    }


def fit_document(
    observed: Observed, channels: Mapping[str, Document], unit: Unit, cross_section: Any
) -> Document:
    """Return the best fit, below the threshold of a claim too: for figures, not for quoting.

    Parameters
    ----------
    observed : Observed
    channels : mapping
        Contents per bin of each channel.
    unit : Unit
    cross_section : Interval or None
        The strength with all its errors; None for a bare spectrum.
    """
    worst = int(np.argmin(observed.scan.z[0]))
    deficit = {
        "mass_GeV": number(observed.scan.mass_GeV[worst]),
        "signed_z": number(observed.scan.z[0, worst]),
    }
    found: Document = {
        "stability": [_stability(item, observed, unit) for item in observed.stability],
        "deficit": deficit if observed.scan.z[0, worst] < 0 else None,
    }
    measured = observed.measurement
    if measured is None:
        return found
    factor = float(unit.per_event(np.array([measured.mass.interval.value]))[0])
    return found | {
        "mass_GeV": interval_of(measured.mass.interval),
        "signal_events": interval_of(measured.signal.interval),
        unit.strength: interval_of(cross_section or measured.signal.interval),
        "width_GeV": number(measured.width_GeV),
        "local_z_at_mass": number(measured.local_z),
        "goodness_of_fit": {
            "background_only": number(measured.gof_background_only),
            "with_signal": number(measured.gof_with_signal),
        },
        **_curves(measured, factor, unit),
        "nuisances": [
            {
                "name": nuisance.name,
                "pull": number(nuisance.pull),
                "pull_error": number(nuisance.pull_error),
                f"impact_up_{unit.suffix}": number(nuisance.impact_up_events * factor),
                f"impact_down_{unit.suffix}": number(nuisance.impact_down_events * factor),
            }
            for nuisance in measured.nuisances
        ],
        "channels": channels,
        **_by_channel(observed.compatibility, factor, unit),
        "warnings": list(measured.warnings),
    }


def _by_channel(found: Compatibility | None, factor: float, unit: Unit) -> Document:
    """Return the strength that each category sees on its own."""
    if found is None:
        return {}
    return {
        "by_channel": {
            name: {
                "local_z": number(strength.local_z),
                unit.strength: interval_of(strength.events.scaled(factor)),
            }
            for name, strength in found.channels.items()
        },
        "compatibility": {
            "chi2": number(found.chi2),
            "degrees_of_freedom": found.degrees_of_freedom,
            "pvalue": number(found.pvalue),
        },
    }


def _curves(measured: Measurement, factor: float, unit: Unit) -> Document:
    contour = measured.contour
    return {
        "profile": {
            unit.strength: numbers(measured.signal.values * factor),
            "delta_deviance": numbers(measured.signal.rises),
        },
        "mass_profile": {
            "mass_GeV": numbers(measured.mass.values),
            "delta_deviance": numbers(measured.mass.rises),
        },
        "contour": {
            "mass_GeV": numbers(contour.mass_GeV),
            unit.strength: numbers(contour.signal_events * factor),
            "delta_deviance": [numbers(row) for row in contour.rises],
        },
    }


def _stability(item: Stability, observed: Observed, unit: Unit) -> Document:
    factor = float(unit.per_event(observed.scan.mass_GeV[[observed.best]])[0])
    low, high = (item.signal_events + side * item.signal_error_events for side in (-1, 1))
    return {
        "what": item.what,
        "local_z": number(item.local_z),
        unit.strength: {
            "value": number(item.signal_events * factor),
            "low": number(low * factor),
            "high": number(high * factor),
        },
        "used": item.used,
    }
