"""Histograms as ROOT's TH1D and TH2D, with flow bins, errors, titles and labels.

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
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.report.folder_results import FolderResults
from processors.histograms import REGIONS, Counts
from tools.arrays import FloatArray
from tools.root_clock import root_clock

FILE = "histograms.root"


@dataclass(frozen=True, slots=True, eq=False)
class RootAxis:
    """An axis of a ROOT histogram, with underflow and overflow."""

    edges: FloatArray
    title: str
    regular: bool = True
    """whether all bins are equally wide"""
    labels: tuple[str, ...] = ()
    """of the bins; none where they are intervals"""


@dataclass(frozen=True, slots=True, eq=False)
class RootHistogram:
    """Contents of a ROOT histogram of one or two axes."""

    title: str
    axes: tuple[RootAxis, ...]
    counts: FloatArray
    """events with under- and overflow, shape (bins + 2, ...)"""
    weight: float = 1.0
    """of an event"""

    @property
    def contents(self) -> FloatArray:
        """Contents with under- and overflow, by x and y."""
        return self.counts * self.weight


def root_files(results: FolderResults) -> dict[str, bytes]:
    """Return the file with all histograms of a folder."""
    import uproot

    buffer = io.BytesIO()
    with root_clock(), uproot.recreate(buffer) as file:
        file["about"] = _ascii("\n".join(about(results)))
        for path, histogram in root_histograms(results):
            file[path] = writable(histogram)
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
    return [*lines, *results.stamps]


def root_histograms(results: FolderResults) -> Iterator[tuple[str, RootHistogram]]:
    """Yield every histogram with its path in the file."""
    weights = {p.name: p.weight for p in results.processes(results.luminosity_invpb)}
    for sample, named in results.histograms.items():
        is_data = results.data is not None and sample == results.data.name
        notes = ["sidebands only"] if is_data and results.blind else []
        title = "; ".join([sample, *notes, *results.stamps])
        for name, histogram in _all(named):
            counted = _converted(histogram, title)
            yield f"events/{sample}/{name}", counted
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


def _converted(histogram: Counts, title: str, weight: float = 1.0) -> RootHistogram:
    axes = tuple(_axis(axis) for axis in histogram.axes)
    counts = np.asarray(histogram.values(flow=True), np.float64)
    for number, axis in enumerate(histogram.axes):
        missing = [(0, 0)] * counts.ndim
        missing[number] = (int(not axis.traits.underflow), int(not axis.traits.overflow))
        counts = np.pad(counts, missing)
    return RootHistogram(title, axes, counts, weight)


def _axis(axis: Any) -> RootAxis:
    import hist

    labels: tuple[str, ...] = ()
    if isinstance(axis, hist.axis.StrCategory):
        labels = tuple(str(label) for label in axis)
    elif axis.name == "region":
        labels = REGIONS
    regular = isinstance(axis, hist.axis.Regular) or bool(labels)
    return RootAxis(np.asarray(axis.edges, np.float64), axis.label or axis.name, regular, labels)


def writable(histogram: RootHistogram) -> Any:
    """Return a histogram as uproot writes it.

    Its statistics are those of the bins, as after ``TH1::ResetStats``; entries are events.
    """
    from uproot.writing.identify import to_TH1x, to_TH2x

    contents = histogram.contents
    x, *rest = histogram.axes
    y = rest[0] if rest else RootAxis(np.array([0.0, 1.0]), _vertical(histogram))
    convert = to_TH2x if rest else to_TH1x
    return convert(
        fName=None,  # the key's
        fTitle=_ascii(histogram.title),
        data=contents.T.ravel(),
        fEntries=float(histogram.counts.sum()),
        fSumw2=(contents * histogram.weight).T.ravel(),
        fXaxis=_written(x, "xaxis"),
        fYaxis=_written(y, "yaxis"),
        **_statistics(histogram),
    )


def _vertical(histogram: RootHistogram) -> str:
    axis = histogram.axes[0]
    what = "Events" if histogram.weight == 1 else "Expected events"
    if axis.labels:
        return what
    unit = axis.title.partition("[")[2].removesuffix("]")
    return f"{what} / {axis.edges[1] - axis.edges[0]:.3g} {unit}".strip()


def _statistics(histogram: RootHistogram) -> dict[str, float]:
    """Return ROOT's sums over the bins inside the range: of w, w^2, w x, w x^2, and so on."""
    inside = histogram.contents[(slice(1, -1),) * histogram.counts.ndim]
    x, *rest = ((axis.edges[1:] + axis.edges[:-1]) / 2 for axis in histogram.axes)
    of_x = inside.sum(axis=1) if rest else inside
    sums = {
        "fTsumw": inside.sum(),
        "fTsumw2": inside.sum() * histogram.weight,
        "fTsumwx": of_x @ x,
        "fTsumwx2": of_x @ x**2,
    }
    for y in rest:
        of_y = inside.sum(axis=0)
        sums |= {"fTsumwy": of_y @ y, "fTsumwy2": of_y @ y**2, "fTsumwxy": x @ inside @ y}
    return {name: float(value) for name, value in sums.items()}


def _written(axis: RootAxis, name: str) -> Any:
    from uproot.writing.identify import to_TAxis

    return to_TAxis(
        fName=name,
        fTitle=_ascii(axis.title),
        fNbins=len(axis.edges) - 1,
        fXmin=float(axis.edges[0]),
        fXmax=float(axis.edges[-1]),
        fXbins=None if axis.regular else axis.edges.astype(">f8"),
        fLabels=_labels(axis.labels) if axis.labels else None,
    )


def _labels(labels: tuple[str, ...]) -> Any:
    from uproot.writing.identify import to_THashList, to_TObjString

    strings = [to_TObjString(_ascii(label)) for label in labels]
    for number, string in enumerate(strings, start=1):
        # The number of the bin, as TAxis::SetBinLabel keeps it; uproot has no other way.
        string._bases[0]._members["@fUniqueID"] = number  # noqa: SLF001
    return to_THashList(strings)


def _ascii(text: str) -> str:
    """Return text as ROOT's strings can hold it: uproot counts characters where ROOT has bytes."""
    return text.encode("ascii", "backslashreplace").decode()
