"""Histograms as ROOT's TH1D and TH2D, with flow bins, uncertainties, titles and labels.

=====================================  ===========================================================
in ``histograms.root``                 what
=====================================  ===========================================================
``about``                              energy, luminosity, and what is to be said of the results
``events/<sample>/<name>``             events as counted; sumw2 is the count
``expected/<sample>/<name>``           simulation weighted to the luminosity, with its sumw2
``.../spectrum``                       TH2D of category and mass; ``spectrum_<category>``: TH1D
``.../joint/<column>``                 TH2D of a cut variable and window or sideband
=====================================  ===========================================================

Names are those of ``histograms.zip`` (see `processors.histograms`). Its joint histogram has more
axes than ROOT's histograms: projections of it are here, all of it is there. Blind data have empty
bins in the window. ROOT files bear the time of their writing: equal content is not equal bytes.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from analysis.report.folder_results import FolderResults
from processors.histograms import REGIONS, Counts
from tools.arrays import FloatArray
from tools.root_clock import root_clock

FILE = "histograms.root"


def root_files(results: FolderResults) -> dict[str, bytes]:
    """Return the file with all histograms of a folder."""
    import uproot

    buffer = io.BytesIO()
    with root_clock(), uproot.recreate(buffer) as file:
        file["about"] = _ascii("\n".join(about(results)))
        for path, histogram in _root_histograms(results):
            file[path] = histogram
        buffer.flush()
        content = buffer.getvalue()
    return {FILE: content}


def about(results: FolderResults) -> list[str]:
    """Return what holds for all histograms, line by line."""
    lines = [
        "Histograms of a search for X -> yy, exported by xyy.",
        f"sqrt(s) = {results.catalogue.collision_energy_GeV:g} GeV",
        f"luminosity = {results.luminosity_invpb:.10g} / pb (of expected/...)",
    ]
    if results.blind:
        low, high = results.window.min, results.window.max
        lines.append(f"Data are blind from {low:g} to {high:g} GeV: nothing is filled there.")
    return [*lines, *results.caveats]


def _root_histograms(results: FolderResults) -> Iterator[tuple[str, Any]]:
    """Yield every histogram as uproot writes it, with its path in the file."""
    weights = {p.name: p.weight for p in results.shown_processes}
    for sample, named in results.histograms.items():
        is_data = results.data is not None and sample == results.data.name
        notes = ["sidebands only"] if is_data and results.blind else []
        title = "; ".join([sample, *notes, *results.caveats])
        for name, histogram in _all(named):
            yield f"events/{sample}/{name}", _converted(histogram, title)
            if sample in weights:
                yield f"expected/{sample}/{name}", _converted(histogram, title, weights[sample])


def _all(named: Any) -> Iterator[tuple[str, Counts]]:
    """Yield what has one or two axes, the spectrum of each category, and projections of joint."""
    for name, histogram in named.items():
        if name == "joint":
            for axis in histogram.axes.name[len(("half", "region")) :]:
                yield f"joint/{axis}", histogram.project(axis, "region")
            continue
        yield name, histogram
        if name == "spectrum":
            for category in histogram.axes["category"]:
                yield f"spectrum_{category}", histogram[{"category": category}]


def _converted(histogram: Counts, title: str, weight: float = 1.0) -> Any:
    """Return a histogram of one or two axes as uproot writes it, events weighted by `weight`.

    Its statistics are those of the bins, as after ``TH1::ResetStats``; entries are events.
    """
    # uproot converts hist's histograms itself, but gives weighted ones their sum of weights as
    # entries, and regions, which are integers, no labels.
    from uproot.writing.identify import to_TH1x, to_TH2x

    counts = _with_flow(histogram)
    contents, axes = counts * weight, list(histogram.axes)
    two = len(axes) > 1
    convert = to_TH2x if two else to_TH1x
    vertical = _axis("yaxis", axes[1]) if two else _axis("yaxis", None, _vertical(axes[0], weight))
    return convert(
        fName=None,  # the key's
        fTitle=_ascii(title),
        data=contents.T.ravel(),
        fEntries=float(counts.sum()),
        fSumw2=(contents * weight).T.ravel(),  # n w^2: the variance of n is n
        fXaxis=_axis("xaxis", axes[0]),
        fYaxis=vertical,
        **_statistics(contents, [axis.edges for axis in axes], weight),
    )


def _with_flow(histogram: Counts) -> FloatArray:
    """Return events with under- and overflow, also where an axis has none: ROOT's always have."""
    counts = np.asarray(histogram.values(flow=True), np.float64)
    flows = (axis.traits for axis in histogram.axes)
    return np.pad(counts, [(int(not f.underflow), int(not f.overflow)) for f in flows])


def _labels_of(axis: Any) -> tuple[str, ...]:
    """Return the labels of bins that are no intervals; none where they are."""
    import hist

    if isinstance(axis, hist.axis.StrCategory):
        return tuple(str(label) for label in axis)
    return REGIONS if axis.name == "region" else ()


def _vertical(axis: Any, weight: float) -> str:
    """Return the title of the vertical axis above an axis."""
    what = "Events" if weight == 1 else "Expected events"
    if _labels_of(axis):
        return what
    unit = (axis.label or axis.name).partition("[")[2].removesuffix("]")
    return f"{what} / {axis.edges[1] - axis.edges[0]:.3g} {unit}".strip()


def _statistics(
    contents: FloatArray, edges: Sequence[FloatArray], weight: float
) -> dict[str, float]:
    """Return ROOT's sums over the bins inside the range: of w, w^2, w x, w x^2, and so on."""
    inside = contents[(slice(1, -1),) * contents.ndim]
    x, *rest = ((ends[1:] + ends[:-1]) / 2 for ends in edges)
    of_x = inside.sum(axis=1) if rest else inside
    sums = {
        "fTsumw": inside.sum(),
        "fTsumw2": inside.sum() * weight,
        "fTsumwx": of_x @ x,
        "fTsumwx2": of_x @ x**2,
    }
    for y in rest:
        of_y = inside.sum(axis=0)
        sums |= {"fTsumwy": of_y @ y, "fTsumwy2": of_y @ y**2, "fTsumwxy": x @ inside @ y}
    return {name: float(value) for name, value in sums.items()}


def _axis(name: str, axis: Any, title: str = "") -> Any:
    """Return an axis as uproot writes it; without one, as of contents, it has a single bin."""
    import hist
    from uproot.writing.identify import to_TAxis, to_THashList, to_TObjString

    edges, bins, labels = np.array([0.0, 1.0]), None, () if axis is None else _labels_of(axis)
    if axis is not None:
        edges = np.asarray(axis.edges, ">f8")  # ROOT files are big-endian
        title = axis.label or axis.name
        # No array of edges: ROOT finds a bin of equal width without searching.
        bins = None if isinstance(axis, hist.axis.Regular) or labels else edges
    strings = [to_TObjString(_ascii(label)) for label in labels]
    for number, string in enumerate(strings, start=1):
        # The number of the bin, as TAxis::SetBinLabel keeps it; uproot has no other way.
        string._bases[0]._members["@fUniqueID"] = number  # noqa: SLF001
    return to_TAxis(
        fName=name,
        fTitle=_ascii(title),
        fNbins=len(edges) - 1,
        fXmin=float(edges[0]),
        fXmax=float(edges[-1]),
        fXbins=bins,
        fLabels=to_THashList(strings) if strings else None,
    )


def _ascii(text: str) -> str:
    """Return text as ROOT's strings can hold it: uproot counts characters where ROOT has bytes."""
    return text.encode("ascii", "backslashreplace").decode()
