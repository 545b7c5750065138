"""The figures of `xyy infer --spectrum`: the spectrum with its fit, and the shape search's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.report.drawing import Drawing, remove_others
from analysis.report.plots import spectrum as plots
from analysis.report.plots.inputs import resonance_notes
from analysis.report.plots.names import function_name
from analysis.report.plots.style import Header, plain
from analysis.report.search_figures import Shown, drawings_of
from analysis.results.background import SpectrumBackground, SpectrumBins, SpectrumChannel
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import ResonanceBins, Verdict
from processors.selection import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.folder.folder import Folder
    from analysis.report.plots.style import Array
    from analysis.statistics.spectrum_search import BareSpectrum

_SAME_EDGE = 1e-6


def draw(folder: Folder, spectrum: BareSpectrum, title: str, sqrt_s_GeV: float | None) -> None:
    """Draw all figures of a folder, and remove those of an earlier run.

    Parameters
    ----------
    folder : Folder
        With the result files of `spectrum`.
    spectrum : BareSpectrum
    title : str
        What the spectrum is called on them.
    sqrt_s_GeV : float, optional
        Collision energy, where the user gave one.
    """
    header = Header(sqrt_s_GeV, None, status=plain(title), experiment="")
    background = folder.load(SpectrumBackground, made_by="infer")
    scan, limits = folder.load(Scan, made_by="infer"), folder.load(MassLimits, made_by="infer")
    verdict = folder.load(Verdict, made_by="infer")
    shown = Shown(background, scan, limits, verdict, spectrum.search.peak.spurious_signal)
    (channel,) = background.channels.values()
    drawings = (*_fits(channel, verdict, spectrum, header), *drawings_of(shown, header))
    for drawing in drawings:
        drawing.write(folder.figures)
    remove_others(folder.figures, {drawing.name for drawing in drawings})


def _fits(
    channel: SpectrumChannel, verdict: Verdict, spectrum: BareSpectrum, header: Header
) -> Iterator[Drawing]:
    yield Drawing(
        "background_fit",
        "sidebands",
        "The spectrum, and the function fitted to the bins that decide about it.",
        lambda: plots.sideband_fit(_background(channel, spectrum), header),
    )
    if verdict.fit is not None and verdict.fit.channels:
        (fitted,) = verdict.fit.channels.values()
        found = _resonance(fitted, function_name(channel.peak), resonance_notes(verdict))
        yield Drawing(
            "resonance_fit",
            "fit",
            "The fit of background and resonance together; pulls are against their sum.",
            lambda: plots.resonance_fit(found, header),
        )


def _background(channel: SpectrumChannel, spectrum: BareSpectrum) -> plots.FittedSpectrum:
    bins, pvalue, masked = channel.bins, channel.chosen.gof_pvalue, channel.not_read_GeV
    edges, (counts, expected) = _filled(bins, bins.observed_events, bins.expected_events)
    return plots.FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=expected,
        window=None if masked is None else Interval(*masked),
        blinded=spectrum.blind is not None,
        function=function_name(channel.chosen),
        notes=() if pvalue is None else (f"Goodness of fit: $p$ = {pvalue:.2g}",),
        mass="m",
    )


def _resonance(bins: ResonanceBins, function: str, notes: tuple[str, ...]) -> plots.FittedSpectrum:
    edges, (counts, background, signal) = _filled(
        bins, bins.observed_events, bins.background_events, bins.signal_events
    )
    return plots.FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=background,
        signal=signal,
        window=Interval(float(edges[0]), float(edges[-1])),
        blinded=False,
        function=function,
        notes=notes,
        mass="m",
    )


def _filled(bins: SpectrumBins | ResonanceBins, *contents: Array) -> tuple[Array, list[Array]]:
    """Return edges and contents of adjacent bins: what lies in a gap is not known."""
    low, high = (np.array(ends, np.float64) for ends in (bins.low_GeV, bins.high_GeV))
    gaps = np.flatnonzero(low[1:] > high[:-1] + _SAME_EDGE)
    edges = np.append(np.insert(low, gaps + 1, high[gaps]), high[-1])
    return edges, [np.insert(values, gaps + 1, np.nan) for values in contents]
