"""From ``verdict.json`` and ``background.json`` to the figures that a referee asks for.

Measurement, nuisance parameters, stability, and the tournament of background functions. As for
the scan, what is not there is None or empty; what is wrong is refused.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.plots.category_strengths import CategoryStrengths
from analysis.plots.inputs import interval_text
from analysis.plots.measurement import Contour, Interval, Profile
from analysis.plots.nuisances import Nuisance
from analysis.plots.scan import MASS_TITLE
from analysis.plots.search_inputs import Document, masses, number, numbers, wrong
from analysis.plots.stability import Variation
from analysis.plots.strength import Strength, strength_of
from analysis.plots.tournament import Entrant, SpuriousSignal

VERDICT, BACKGROUND = "verdict.json", "background.json"


def fit_of(verdict: Document | None) -> Document:
    """Return the fit of a resonance, empty if there is none."""
    return (verdict or {}).get("fit") or {}


def kind_of(fit: Document) -> Strength:
    """Return in what a fit measures the strength."""
    return strength_of(fit, "cross_section_pb", "signal_events")


def interval(document: Document | None) -> Interval | None:
    """Return a measured value, or None."""
    value = number(VERDICT, document or {}, "value")
    if document is None or value is None:
        return None
    return Interval(value, *(number(VERDICT, document, key) for key in ("low", "high")))


def contour(verdict: Document | None, benchmark: float | None = None) -> Contour | None:
    """Return the deviance of mass and strength, or None if there is none.

    Parameters
    ----------
    verdict : mapping or None
        The content of ``verdict.json``.
    benchmark : float, optional
        Strength that is marked.

    Raises
    ------
    InputError
        If its rows do not fit its axes.
    """
    fit = fit_of(verdict)
    kind, found = kind_of(fit), fit.get("contour") or {}
    mass = masses(VERDICT, found)
    strength = masses(VERDICT, found, kind.measured)
    rows = found.get("delta_deviance")
    if mass is None or strength is None or not rows or min(len(mass), len(strength)) < 2:  # noqa: PLR2004
        return None
    if len(rows) != len(mass):
        raise wrong(VERDICT, "contour", f"must have {len(mass)} rows, and has {len(rows)}")
    lines = [numbers(VERDICT, {"contour": row}, "contour", len(strength)) for row in rows]
    empty = np.full(len(strength), np.nan)
    deviance = np.array([empty if line is None else line for line in lines])
    if not np.isfinite(deviance).any():
        return None
    best = [interval(fit.get(key)) for key in ("mass_GeV", kind.measured)]
    return Contour(
        mass_GeV=mass,
        strength=strength,
        deviance=deviance,
        best=None if best[0] is None or best[1] is None else (best[0].value, best[1].value),
        benchmark=benchmark,
        kind=kind,
    )


def profiles(verdict: Document | None, benchmark: float | None = None) -> dict[str, Profile]:
    """Return the profile deviances that there are, by ``mass`` and ``strength``.

    Parameters and refusals are those of `contour`.
    """
    fit = fit_of(verdict)
    kind = kind_of(fit)
    rows = (
        ("strength", "profile", kind.measured, kind.title, kind.symbol, kind.unit, benchmark),
        ("mass", "mass_profile", "mass_GeV", MASS_TITLE, "$m_X$", "GeV", None),
    )
    found = {}
    for name, key, of, title, symbol, unit, mark in rows:
        document = fit.get(key) or {}
        value = masses(VERDICT, document, of)
        deviance = None
        if value is not None:
            deviance = numbers(VERDICT, document, "delta_deviance", len(value))
        if value is None or deviance is None or len(value) < 2:  # noqa: PLR2004
            continue
        best, note = interval(fit.get(of)), ""
        if best is not None and best.low is not None and best.high is not None:
            note = f"{symbol} = {interval_text(fit[of])} {unit or 'events'}"
        found[name] = Profile(value, deviance, title, note, best, mark)
    return found


def nuisances(verdict: Document | None) -> tuple[Nuisance, ...]:
    """Return the nuisance parameters of the fit, as they are sorted there."""
    fit = fit_of(verdict)
    suffix = kind_of(fit).suffix
    keys = ("pull", "pull_error", f"impact_up_{suffix}", f"impact_down_{suffix}")
    return tuple(
        Nuisance(str(row.get("name")), *(_or_nan(row, key) for key in keys))
        for row in fit.get("nuisances") or ()
    )


def _or_nan(row: Document, key: str) -> float:
    value = number(VERDICT, row, key)
    return float("nan") if value is None else value


def variations(verdict: Document | None) -> tuple[Variation, ...]:
    """Return the results of other choices."""
    fit = fit_of(verdict)
    key = kind_of(fit).measured
    return tuple(
        Variation(
            str(row.get("what")),
            number(VERDICT, row, "local_z"),
            interval(row.get(key)),
            used=row.get("used") is True,
        )
        for row in fit.get("stability") or ()
    )


def entrants(peak: Document | None) -> tuple[Entrant, ...]:
    """Return the candidates of a channel's tournament.

    Parameters
    ----------
    peak : mapping or None
        What ``background.json`` has under ``peak`` of a channel.

    Raises
    ------
    InputError
        If a candidate has no order or number of parameters.
    """
    return tuple(_entrant(row) for row in (peak or {}).get("candidates") or ())


def _entrant(row: Document) -> Entrant:
    order, parameters = (number(BACKGROUND, row, key) for key in ("order", "parameters"))
    if order is None or parameters is None:
        raise wrong(BACKGROUND, "candidates", "must each have an order and a number of parameters")
    worst = number(BACKGROUND, row, "worst_errors")
    return Entrant(
        range=str(row.get("range", "")),
        family=str(row.get("family")),
        order=int(order),
        parameters=int(parameters),
        worst_errors=None if worst is None else abs(worst),
        passes=row.get("passes") is True,
        chosen=row.get("chosen") is True,
    )


def spurious(peak: Document | None) -> SpuriousSignal | None:
    """Return the spurious signal of the chosen function against mass, or None."""
    found = (peak or {}).get("spurious") or {}
    mass = masses(BACKGROUND, found)
    if peak is None or mass is None:
        return None
    events, errors = (
        numbers(BACKGROUND, found, key, len(mass)) for key in ("events", "error_events")
    )
    if events is None or errors is None:
        return None
    return SpuriousSignal(mass, events, errors, function_name(peak))


def function_name(peak: Mapping[str, Any]) -> str:
    """Return family and order of a background function.

    >>> function_name({"family": "exp", "order": 2})
    'exp 2'
    """
    return f"{peak.get('family', 'function')} {peak.get('order', '')}".strip()


def peaks(background: Document | None) -> dict[str, Document]:
    """Return what was decided on the function under a peak, by category."""
    channels = (background or {}).get("channels") or {}
    found = {name: channel.get("peak") for name, channel in channels.items()}
    return {name: peak for name, peak in found.items() if isinstance(peak, Mapping)}


def category_strengths(verdict: Document | None) -> CategoryStrengths | None:
    """Return the strength that each category sees, or None if they were not compared."""
    fit = fit_of(verdict)
    kind, together = kind_of(fit), fit.get("compatibility") or {}
    measured = {
        name: interval(row.get(kind.measured))
        for name, row in (fit.get("by_channel") or {}).items()
    }
    strengths = {name: found for name, found in measured.items() if found is not None}
    if not strengths:
        return None
    return CategoryStrengths(
        strengths=strengths,
        combined=interval(fit.get(kind.measured)),
        chi2=number(VERDICT, together, "chi2"),
        degrees_of_freedom=number(VERDICT, together, "degrees_of_freedom"),
        pvalue=number(VERDICT, together, "pvalue"),
        kind=kind,
    )
