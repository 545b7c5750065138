"""The figures of the shape search: tournament, p0 scan, limits against mass, measurement.

Each is there if the folder's results hold what it shows: blind ones lack some of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from analysis.report.drawing import Drawing
from analysis.report.plots import (
    brazil,
    category_fits,
    category_strengths,
    measurement,
    nuisances,
    scan,
    stability,
    tournament,
)
from analysis.report.plots.names import category_title
from analysis.report.plots.strength import kind_of
from analysis.report.plots.tables import known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.figure import Figure

    from analysis.report.folder_results import FolderResults
    from analysis.report.plots.style import Header
    from analysis.results.background import BackgroundFits, PeakBackground, SpectrumBackground
    from analysis.results.limits import MassLimits
    from analysis.results.scan import Scan
    from analysis.results.verdict import ResonanceFit, Verdict


@dataclass(frozen=True, slots=True)
class Shown:
    """The results that figures are of; those that are missing are None."""

    background: BackgroundFits | SpectrumBackground | None
    scan: Scan | None
    limits: MassLimits | None
    verdict: Verdict | None
    most_errors: float
    """spurious signal that a function may have, in errors of the signal"""
    from_data: bool = True

    @property
    def peaks(self) -> dict[str, PeakBackground]:
        """The function under a peak, by category."""
        channels = {} if self.background is None else self.background.channels
        return {name: channel.peak for name, channel in channels.items()}

    @property
    def fit(self) -> ResonanceFit | None:
        """The fit of a resonance."""
        return None if self.verdict is None else self.verdict.fit


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
    """Yield every figure of the shape search that these results have the inputs of."""
    parts = (_tournament, _scan, _limits, _measurement, _referee)
    return chain.from_iterable(part(shown, header) for part in parts)


def _tournament(shown: Shown, header: Header) -> Iterator[Drawing]:
    peaks, most = shown.peaks, shown.most_errors
    there = {name: peak for name, peak in peaks.items() if known(peak.spurious.events) is not None}
    if there:
        yield Drawing(
            "spurious_signal",
            "tournament",
            "The largest false signal of the chosen function at each mass, and what is allowed.",
            lambda: _spurious(there, header, most),
        )
    for name, peak in peaks.items():
        if peak.candidates:
            category = category_title(name) if len(peaks) > 1 else ""
            yield Drawing(
                f"tournament_{name}" if category else "tournament",
                "tournament",
                "What every candidate takes for a resonance in smooth spectra, in errors of the "
                "signal, against its number of free parameters. Open markers fail."
                + (f" {category}." if category else ""),
                partial(
                    tournament.tournament,
                    peak.candidates,
                    header,
                    most_errors=most,
                    category=category,
                ),
            )


def _spurious(peaks: Mapping[str, PeakBackground], header: Header, most: float) -> Figure:
    if len(peaks) > 1:
        return category_fits.spurious_signals(peaks, header, most_errors=most)
    (one,) = peaks.values()
    return tournament.spurious_signal(one, header, most_errors=most)


def _scan(shown: Shown, header: Header) -> Iterator[Drawing]:
    found = shown.scan
    if found is None:
        return
    observed, expected = known(found.local_z), known(found.expected_local_z)
    if observed is None and expected is None:
        return
    caption = "The probability that background alone fakes at least what is seen, at each mass."
    if observed is None:
        caption = "The significance that the benchmark signal is expected to have, at each mass."
    if known(found.strength) is not None:
        caption += " Below: the best-fit strength of a signal; deficits are negative."
    draw = partial(scan.p0_scan, found, header, from_data=shown.from_data)
    yield Drawing("p0_scan", "scan", caption, draw)


def _limits(shown: Shown, header: Header) -> Iterator[Drawing]:
    found = shown.limits
    if found is None or known(found.expected["0"]) is None:
        return
    caption = (
        f"Upper limits at {found.confidence_level:.0%} confidence level against mass, with the "
        "bands that hold 68 % and 95 % of experiments without a signal."
    )
    if any(found.low_counts):
        caption += " Hatched: fewer than 20 background events under the peak."
    draw = partial(brazil.mass_limits, found, header, from_data=shown.from_data)
    yield Drawing("mass_limits", "mass_limits", caption, draw)


def _measurement(shown: Shown, header: Header) -> Iterator[Drawing]:
    fit, benchmark = shown.fit, None if shown.scan is None else shown.scan.benchmark
    if fit is None:
        return
    found = fit.contour
    grid = () if found is None else found.delta_deviance.shape
    if found is not None and min(grid) > 1 and known(found.delta_deviance) is not None:
        yield Drawing(
            "contour",
            "fit",
            "The regions of mass and signal strength that hold 68 % and 95 %.",
            partial(measurement.contour, found, fit, header, benchmark=benchmark),
        )
    for name, one in measurement.profiles(fit).items():
        marked = benchmark if name == "strength" else None
        yield Drawing(
            f"profile_{name}",
            "fit",
            f"The profile likelihood of the {name}; dotted: one and two standard deviations.",
            partial(measurement.profile, one, header, benchmark=marked),
        )
    if category_strengths.strengths_of(fit):
        yield Drawing(
            "category_strengths",
            "fit",
            "The strength of the signal in each category alone, at the fitted mass, and in all "
            "together.",
            lambda: category_strengths.category_strengths(fit, header),
        )


def _referee(shown: Shown, header: Header) -> Iterator[Drawing]:
    fit = shown.fit
    if fit is None:
        return
    kind = kind_of(fit)
    if parameters := fit.nuisances:
        yield Drawing(
            "nuisances",
            "nuisances",
            "Pulls of the nuisance parameters, and how far each moves the fitted strength.",
            lambda: nuisances.nuisances(parameters, header, kind=kind),
        )
    if variations := fit.stability:
        yield Drawing(
            "stability",
            "stability",
            "The result with other ranges, orders and binnings; they share their events.",
            lambda: stability.stability(variations, header, kind=kind),
        )
