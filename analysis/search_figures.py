"""The figures of the shape search: tournament, p0 scan, limits against mass, measurement.

Each is there if the folder's documents hold what it shows: folders of earlier versions and blind
ones lack some of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from analysis.drawing import Drawing
from analysis.plots import (
    brazil,
    category_fits,
    category_strengths,
    fit_inputs,
    measurement,
    nuisances,
    scan,
    search_inputs,
    stability,
    tournament,
)
from analysis.plots.names import category_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.figure import Figure

    from analysis.folder_results import FolderResults
    from analysis.plots.style import Header


@dataclass(frozen=True, slots=True)
class Shown:
    """The documents that figures are of; those that are missing are None."""

    background: dict[str, Any] | None
    scan: dict[str, Any] | None
    limits: dict[str, Any] | None
    verdict: dict[str, Any] | None
    most_errors: float
    """spurious signal that a function may have, in errors of the signal"""
    from_data: bool = True


def drawings(results: FolderResults) -> Iterator[Drawing]:
    """Yield every figure of the shape search that the folder has the inputs of."""
    shown = Shown(
        background=results.background,
        scan=results.scan,
        limits=results.limits,
        verdict=results.verdict,
        most_errors=results.search.peak.spurious_signal,
        from_data=results.data is not None,
    )
    return drawings_of(shown, results.header(results.catalogue.data_luminosity_invpb))


def drawings_of(shown: Shown, header: Header) -> Iterator[Drawing]:
    """Yield every figure of the shape search that these documents have the inputs of."""
    parts = (_tournament, _scan, _limits, _measurement, _referee)
    return chain.from_iterable(part(shown, header) for part in parts)


def _tournament(shown: Shown, header: Header) -> Iterator[Drawing]:
    peaks, most = fit_inputs.peaks(shown.background), shown.most_errors
    spurious = {name: fit_inputs.spurious(peak) for name, peak in peaks.items()}
    there = {name: found for name, found in spurious.items() if found is not None}
    if there:
        yield Drawing(
            "spurious_signal",
            "tournament",
            "The largest false signal of the chosen function at each mass, and what is allowed.",
            lambda: _spurious(there, header, most),
        )
    for name, peak in peaks.items():
        if entrants := fit_inputs.entrants(peak):
            category = category_title(name) if len(peaks) > 1 else ""
            yield Drawing(
                f"tournament_{name}" if category else "tournament",
                "tournament",
                "What every candidate takes for a resonance in smooth spectra, in errors of the "
                "signal, against its number of free parameters. Open markers fail."
                + (f" {category}." if category else ""),
                partial(
                    tournament.tournament, entrants, header, most_errors=most, category=category
                ),
            )


def _spurious(
    found: Mapping[str, tournament.SpuriousSignal], header: Header, most: float
) -> Figure:
    if len(found) > 1:
        return category_fits.spurious_signals(found, header, most_errors=most)
    (one,) = found.values()
    return tournament.spurious_signal(one, header, most_errors=most)


def _scan(shown: Shown, header: Header) -> Iterator[Drawing]:
    found = search_inputs.p0_scan(shown.scan, from_data=shown.from_data)
    if found is None:
        return
    caption = "The probability that background alone fakes at least what is seen, at each mass."
    if found.local_z is None:
        caption = "The significance that the benchmark signal is expected to have, at each mass."
    if found.strength is not None:
        caption += " Below: the best-fit strength of a signal; deficits are negative."
    yield Drawing("p0_scan", "scan", caption, lambda: scan.p0_scan(found, header))


def _limits(shown: Shown, header: Header) -> Iterator[Drawing]:
    found = search_inputs.mass_limits(shown.limits, from_data=shown.from_data)
    if found is None:
        return
    caption = (
        f"Upper limits at {found.confidence_level:.0%} confidence level against mass, with the "
        "bands that hold 68 % and 95 % of experiments without a signal."
    )
    if found.low_counts is not None and found.low_counts.any():
        caption += " Hatched: fewer than 20 background events under the peak."
    yield Drawing("mass_limits", "mass_limits", caption, lambda: brazil.mass_limits(found, header))


def _measurement(shown: Shown, header: Header) -> Iterator[Drawing]:
    benchmark = search_inputs.benchmark(shown.scan)
    found = fit_inputs.contour(shown.verdict, benchmark)
    if found is not None:
        yield Drawing(
            "contour",
            "fit",
            "The regions of mass and signal strength that hold 68 % and 95 %.",
            lambda: measurement.contour(found, header),
        )
    for name, profile in fit_inputs.profiles(shown.verdict, benchmark).items():
        yield Drawing(
            f"profile_{name}",
            "fit",
            f"The profile likelihood of the {name}; dotted: one and two standard deviations.",
            partial(measurement.profile, profile, header),
        )
    if (strengths := fit_inputs.category_strengths(shown.verdict)) is not None:
        yield Drawing(
            "category_strengths",
            "fit",
            "The strength of the signal in each category alone, at the fitted mass, and in all "
            "together.",
            lambda: category_strengths.category_strengths(strengths, header),
        )


def _referee(shown: Shown, header: Header) -> Iterator[Drawing]:
    kind = fit_inputs.kind_of(fit_inputs.fit_of(shown.verdict))
    if parameters := fit_inputs.nuisances(shown.verdict):
        yield Drawing(
            "nuisances",
            "nuisances",
            "Pulls of the nuisance parameters, and how far each moves the fitted strength.",
            lambda: nuisances.nuisances(parameters, header, kind=kind),
        )
    if variations := fit_inputs.variations(shown.verdict):
        yield Drawing(
            "stability",
            "stability",
            "The result with other ranges, orders and binnings; they share their events.",
            lambda: stability.stability(variations, header, kind=kind),
        )
