"""The figures of `xyy infer --spectrum`: the spectrum with its fit, and the shape search's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.drawing import Drawing, remove_others
from analysis.plots import spectrum as plots
from analysis.plots.fit_inputs import function_name
from analysis.plots.inputs import resonance_notes
from analysis.plots.style import Header, plain
from analysis.search_figures import Shown, drawings_of
from processors.selection import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.folder import Folder
    from analysis.plots.style import Array
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
    names = ("background.json", "scan.json", "limits.json", "verdict.json")
    background, scan, limits, verdict = (folder.read(name, made_by="infer") for name in names)
    shown = Shown(background, scan, limits, verdict, spectrum.search.peak.spurious_signal)
    drawings = (*_fits(shown, spectrum, header), *drawings_of(shown, header))
    for drawing in drawings:
        drawing.write(folder.figures)
    remove_others(folder.figures, {drawing.name for drawing in drawings})


def _fits(shown: Shown, spectrum: BareSpectrum, header: Header) -> Iterator[Drawing]:
    channel = next(iter((shown.background or {})["channels"].values()))
    fit = (shown.verdict or {}).get("fit") or {}
    yield Drawing(
        "background_fit",
        "sidebands",
        "The spectrum, and the function fitted to the bins that decide about it.",
        lambda: plots.sideband_fit(_background(channel, spectrum), header),
    )
    if fit.get("channels"):
        fitted = next(iter(fit["channels"].values()))
        notes = resonance_notes(shown.verdict or {})
        yield Drawing(
            "resonance_fit",
            "fit",
            "The fit of background and resonance together; pulls are against their sum.",
            lambda: plots.resonance_fit(_resonance(fitted, channel, notes), header),
        )


def _background(channel: dict[str, Any], spectrum: BareSpectrum) -> plots.FittedSpectrum:
    bins, pvalue = channel["bins"], channel["chosen"]["gof_pvalue"]
    edges, (counts, expected) = _filled(bins, "observed_events", "expected_events")
    masked = channel["not_read_GeV"]
    return plots.FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=expected,
        window=None if masked is None else Interval(*masked),
        blinded=spectrum.blind is not None,
        function=function_name(channel["chosen"]),
        notes=() if pvalue is None else (f"Goodness of fit: $p$ = {pvalue:.2g}",),
        mass="m",
    )


def _resonance(
    fitted: dict[str, Any], channel: dict[str, Any], notes: tuple[str, ...]
) -> plots.FittedSpectrum:
    keys = ("observed_events", "background_events", "signal_events")
    edges, (counts, background, signal) = _filled(fitted, *keys)
    return plots.FittedSpectrum(
        edges_GeV=edges,
        counts=counts,
        variances=counts,
        background=background,
        signal=signal,
        window=Interval(float(edges[0]), float(edges[-1])),
        blinded=False,
        function=function_name(channel["peak"]),
        notes=notes,
        mass="m",
    )


def _filled(bins: dict[str, Any], *keys: str) -> tuple[Array, list[Array]]:
    """Return edges and contents of adjacent bins: what lies in a gap is not known."""
    low, high = (np.array(bins[key]) for key in ("low_GeV", "high_GeV"))
    gaps = np.flatnonzero(low[1:] > high[:-1] + _SAME_EDGE)
    edges = np.append(np.insert(low, gaps + 1, high[gaps]), high[-1])
    contents = []
    for key in keys:
        values = np.array([np.nan if x is None else x for x in bins[key]], dtype=float)
        contents.append(np.insert(values, gaps + 1, np.nan))
    return edges, contents
