"""Figures: what is drawn is what was given, named, with units; and nothing that is blind."""

import io
import math
import struct
from dataclasses import replace
from typing import Any, Literal

import hist
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from analysis.report.plots import columns, limits, selection, spectrum, style
from analysis.report.plots.columns import Marks, Process
from analysis.report.plots.style import Header, encode
from analysis.results.counting import ClsCurve, CountingLimit
from analysis.results.selection import ChosenSelection, ScanPoint
from analysis.statistics.counting.garwood import poisson_errors
from analysis.statistics.spectra.fitted import FittedSpectrum
from processors.histograms import Binning, Counts, counts
from processors.selection import Interval
from tests.made_up import BANDS, a_counting_limit, a_row, a_selection

KINDS: tuple[Literal["pdf", "png"], ...] = ("pdf", "png")
HEADER = Header(14_000.0, 1298.1)
WINDOW = Interval(400, 1100)
PROCESSES = (
    Process("background", "background", "Background", weight=13.5),
    Process("signal_500", "signal", "Signal 500 GeV", weight=0.12, assumed="5.4 pb"),
)
LONG = Process("other", "signal", "Signal of 1000 GeV, 5.4 pb")


def histogram(contents: list[int], *, low: float = 0.0, high: float, unit: str = "GeV") -> Counts:
    """Return a histogram of m_yy (or of n_jets, without a unit) with given contents."""
    name = "n_jets" if unit == "1" else "m_yy"
    filled = counts(Binning(name, len(contents), low, high, unit).axis())
    filled.view()[:] = contents
    return filled


def only_axes(figure: Figure) -> Axes:
    (ax,) = figure.axes
    return ax


def steps(figure: Figure) -> dict[str, np.ndarray]:
    """Return the contents of every step histogram with a title."""
    patches = [p for p in only_axes(figure).patches if isinstance(p, StepPatch)]
    return {str(p.get_label()): np.asarray(p.get_data()[0]) for p in patches}


def points(ax: Axes) -> np.ndarray:
    """Return the points with errors of a frame, shape (n, 2)."""
    found = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    return np.concatenate([np.asarray(c.lines[0].get_xydata()) for c in found])


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def texts(figure: Figure) -> list[str]:
    return [str(text.get_text()) for text in figure.findobj(Text)]


def with_gid(ax: Axes, gid: str) -> list[mpl.artist.Artist]:
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


# ---- columns -------------------------------------------------------------------------------------


def test_shapes_have_unit_area_names_and_units() -> None:
    named = {
        "background": histogram([60, 30, 10, 0], high=40),
        "signal_500": histogram([0, 1, 2, 1], high=40),
    }
    figure = columns.unit_area(named, PROCESSES, HEADER, unit="GeV")
    drawn = steps(figure)
    assert drawn["Background"].tolist() == [0.6, 0.3, 0.1, 0.0]
    assert drawn["Signal 500 GeV"].tolist() == [0.0, 0.25, 0.5, 0.25]
    ax = only_axes(figure)
    assert ax.get_xlabel() == r"$m_{\gamma\gamma}$ [GeV]"
    assert ax.get_ylabel() == "Fraction of events / 10 GeV"
    assert ax.get_xlim() == (0.0, 40.0)
    assert legend_of(ax) == ["Background", "Signal 500 GeV"]
    assert any("Simulation" in text for text in texts(figure))
    assert not any("pb" in text for text in texts(figure)), "no luminosity normalises a shape"


def test_a_shape_that_falls_over_the_range_is_on_a_logarithmic_scale() -> None:
    falling = {"background": histogram([10_000] + [10] * 19, high=200)}
    flat = {"background": histogram([10] * 20, high=200)}
    assert only_axes(columns.unit_area(falling, PROCESSES, HEADER)).get_yscale() == "log"
    assert only_axes(columns.unit_area(flat, PROCESSES, HEADER)).get_yscale() == "linear"


def test_yields_are_counts_times_weight_with_the_statistical_error() -> None:
    named = {
        "background": histogram([100, 25, 4], high=30),
        "signal_500": histogram([1, 9, 0], high=30),
    }
    figure = columns.expected_yields(named, PROCESSES, HEADER, unit="GeV")
    drawn = steps(figure)
    assert drawn["Background"].tolist() == [1350.0, 337.5, 54.0]
    assert drawn["Signal 500 GeV, 5.4 pb"] == pytest.approx([0.12, 1.08, 0.0])
    (band,) = with_gid(only_axes(figure), "errors")
    assert isinstance(band, StepPatch)
    up, _, down = band.get_data()
    assert up == pytest.approx([1485.0, 405.0, 81.0])
    assert down == pytest.approx([1215.0, 270.0, 27.0])
    assert band.get_hatch()
    assert only_axes(figure).get_ylabel() == "Expected events / 10 GeV"
    assert any("1298.1 $\\mathrm{pb^{-1}}$" in text for text in texts(figure))


def test_data_are_points_with_poisson_errors() -> None:
    simulated = {"background": histogram([100, 25, 4], high=30)}
    data = histogram([1300, 4, 0], high=30)
    figure = columns.expected_yields(simulated, PROCESSES, HEADER, data=data, unit="GeV")
    ax = only_axes(figure)
    assert points(ax).tolist() == [[5.0, 1300.0], [15.0, 4.0]], "empty bins have no place"
    assert legend_of(ax)[0] == "Data"
    assert ax.get_ylabel() == "Events / 10 GeV"
    assert not any("Simulation" in text for text in texts(figure))


@pytest.mark.parametrize(("count", "down", "up"), [(0, 0.0, 1.841), (1, 0.827, 2.300)])
def test_poisson_errors_are_garwoods(count: float, down: float, up: float) -> None:
    """Values of the PDG's review of statistics, table 40.3, for 68.27 %."""
    found = poisson_errors(np.array([count]))
    assert [float(e[0]) for e in found] == pytest.approx([down, up], abs=1e-3)


def test_blind_data_are_not_drawn_in_the_window_even_if_they_are_given() -> None:
    simulated = {"background": histogram([50] * 20, high=2000)}
    data = histogram([7] * 20, high=2000)
    blind = columns.expected_yields(
        simulated, PROCESSES, HEADER, unit="GeV", data=data, marks=Marks(window=WINDOW, blind=True)
    )
    ax = only_axes(blind)
    x = points(ax)[:, 0]
    assert len(x) == 13
    assert not WINDOW.contains(x).any()
    (shade,) = with_gid(ax, "window")
    assert isinstance(shade, mpl.patches.Rectangle)
    assert (shade.get_x(), shade.get_width()) == (400.0, 700.0)
    assert shade.get_hatch() == "//"
    assert {"Blinded window", "Data (sidebands)"} <= set(legend_of(ax))
    opened = columns.expected_yields(
        simulated, PROCESSES, HEADER, unit="GeV", data=data, marks=Marks(window=WINDOW, blind=False)
    )
    assert len(points(only_axes(opened))) == 20
    assert {"Signal window", "Data"} <= set(legend_of(only_axes(opened)))


def test_a_cut_is_marked_where_it_is() -> None:
    named = {"background": histogram([5, 4, 3, 2, 1, 1], high=6, unit="1")}
    cut = Marks(cut=Interval(min=1, max=4))
    ax = only_axes(columns.expected_yields(named, PROCESSES, HEADER, marks=cut))
    lines = [line for line in ax.lines if line.get_gid() == "cut"]
    assert [np.asarray(line.get_xdata())[0] for line in lines] == [1, 4]
    tips = [text.xy[0] for text in ax.texts if isinstance(text, mpl.text.Annotation)]
    assert tips[0] > 1
    assert tips[1] < 4


def test_counts_are_numbered_below_the_middle_of_their_bins() -> None:
    named = {"background": histogram([5, 4, 3], high=3, unit="1")}
    ax = only_axes(columns.unit_area(named, PROCESSES, HEADER))
    assert ax.get_xlabel() == "Number of jets"
    assert ax.get_ylabel() == "Fraction of events"
    assert list(ax.get_xticks()) == [0.5, 1.5, 2.5]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2"]


def assert_inside(figure: Figure) -> None:
    """Check that the titles of all axes are inside the figure."""
    width, height = figure.get_size_inches() * figure.dpi
    for ax in figure.axes:
        for title in (ax.xaxis.label, ax.yaxis.label):
            with style.atlas_style():  # with its fonts
                box = title.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= width
            assert 0 <= box.y0 <= box.y1 <= height


def test_a_legend_stays_clear_of_a_long_label() -> None:
    named = {name: histogram([5, 4, 3], high=30) for name in ("background", "other")}
    header = Header(14_000.0, 1298.1, status="Work in Progress")
    ax = only_axes(columns.unit_area(named, (*PROCESSES, LONG), header, unit="GeV"))
    legend = ax.get_legend()
    assert legend is not None
    labels = [text for text in ax.texts if text.get_text()]
    with style.atlas_style():  # with its fonts
        box = legend.get_window_extent()
        assert not any(box.overlaps(text.get_window_extent()) for text in labels)
    assert all(float(text.get_fontsize()) >= 9 for text in legend.get_texts())


def test_fits_of_a_single_bin_are_dashes_and_what_is_not_there_is_in_no_legend() -> None:
    one = fitted(blinded=False, signal=True)
    arrays = ("counts", "variances", "background", "background_errors", "signal")
    one = replace(
        one, edges_GeV=one.edges_GeV[:2], **{key: getattr(one, key)[:1] for key in arrays}
    )
    for figure in (spectrum.fit(replace(one, signal=None), HEADER), spectrum.fit(one, HEADER)):
        encode(figure, "png")
        assert_inside(figure)
        lines = figure.axes[0].lines
        assert all(line.get_marker() in ("_", "o") for line in lines)
        assert "Prediction" not in legend_of(figure.axes[0])


@pytest.mark.parametrize("contents", [[0, 0, 0], [0], [7]])
def test_empty_and_single_bins_are_drawn_without_an_empty_legend(contents: list[int]) -> None:
    named = {"background": histogram(contents, high=30)}
    for figure in (
        columns.unit_area(named, PROCESSES, HEADER, unit="GeV"),
        columns.expected_yields(named, PROCESSES, HEADER, unit="GeV", data=named["background"]),
    ):
        encode(figure, "png")
        legend = only_axes(figure).get_legend()
        assert legend is None or legend.get_texts()
        assert_inside(figure)
    nothing = columns.unit_area({}, PROCESSES, HEADER)
    assert only_axes(nothing).get_legend() is None


# ---- labels --------------------------------------------------------------------------------------


def test_nothing_that_is_drawn_lies_below_the_legend_or_the_labels() -> None:
    """A flat spectrum with every kind of entry is the worst case."""
    named = {p.name: histogram([1000] * 20, high=2000) for p in PROCESSES}
    figure = columns.expected_yields(
        named, PROCESSES, HEADER, unit="GeV", data=named["background"], marks=Marks(window=WINDOW)
    )
    ax = only_axes(figure)
    encode(figure, "png")
    legend = ax.get_legend()
    assert legend is not None
    top = ax.transData.transform((0.0, 13_500 + 13.5 * math.sqrt(1000)))[1]
    boxes = [legend.get_window_extent(), *(t.get_window_extent() for t in ax.texts)]
    assert min(box.y0 for box in boxes) > top


def test_all_labels_lie_inside_the_figure() -> None:
    labels = ("Generated samples", "Changed after unblinding: " + "a long story " * 20)
    named = {"background": histogram([1000, 10], high=2000)}
    header = Header(14_000.0, 1298.1, labels)
    figure = columns.expected_yields(named, PROCESSES, header, unit="GeV")
    encode(figure, "png")
    width, height = figure.get_size_inches() * figure.dpi
    ax = only_axes(figure)
    with style.atlas_style():
        named_axes = [ax.xaxis.label, ax.yaxis.label, *ax.texts]
        boxes = [text.get_window_extent() for text in named_axes]
        frame = ax.get_tightbbox()
    assert frame is not None
    boxes.append(frame)
    assert len(boxes) == 7, "two titles, four labels, the frame with the labels of its ticks"
    for box in boxes:
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y0 >= 0
        assert box.y1 <= height


def test_a_users_text_is_no_formula() -> None:
    header = Header(14_000.0, 1.0, ("costs $x^2$ and $", "Grüße", "\u4f60\u597d\x07"))
    processes = (Process("background", "background", style.plain("$b$")),)
    figure = columns.unit_area({"background": histogram([1], high=1)}, processes, header)
    (stamp,) = with_gid(only_axes(figure), "stamp")
    assert isinstance(stamp, Text)
    assert stamp.get_text() == r"costs \$x^2\$ and \$; Grüße; ???"
    assert not is_math_text(stamp.get_text())
    assert legend_of(only_axes(figure)) == [r"\$b\$"]
    assert encode(figure, "pdf").startswith(b"%PDF")


def test_a_long_stamp_is_cut() -> None:
    header = Header(14_000.0, 1.0, ("x" * 500,))
    figure = columns.unit_area({"background": histogram([1], high=1)}, PROCESSES, header)
    (stamp,) = with_gid(only_axes(figure), "stamp")
    assert isinstance(stamp, Text)
    assert stamp.get_text().endswith("...")
    assert len(stamp.get_text()) < 120


def test_luminosities_are_written_without_rounding() -> None:
    assert style.luminosity_text(1_298_100.0) == r"1298.1 $\mathrm{fb^{-1}}$"


# ---- files ---------------------------------------------------------------------------------------


def figure_to_encode() -> Figure:
    named = {
        "background": histogram([100, 25, 4], high=30),
        "signal_500": histogram([1, 9, 0], high=30),
    }
    return columns.expected_yields(named, PROCESSES, HEADER, unit="GeV")


def test_equal_figures_are_equal_bytes_without_dates_or_versions() -> None:
    first, second = (
        {kind: encode(figure, kind) for kind in KINDS}
        for figure in (figure_to_encode(), figure_to_encode())
    )
    assert first == second
    for word in (b"CreationDate", b"Producer", b"atplotlib"):
        assert word not in first["pdf"]
        assert word not in first["png"]
    assert chunk_names(first["png"]) == {"IHDR", "PLTE", "IDAT", "IEND"}


def chunk_names(png: bytes) -> set[str]:
    names, place = set(), 8
    while place < len(png):
        (size,) = struct.unpack(">I", png[place : place + 4])
        names.add(png[place + 4 : place + 8].decode())
        place += 12 + size
    return names


def test_the_png_differs_from_the_full_one_by_less_than_an_eye_sees() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure = figure_to_encode()
    reduced = np.asarray(Image.open(io.BytesIO(encode(figure, "png"))).convert("RGB"), np.int64)
    with style.atlas_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        full = np.asarray(canvas.buffer_rgba(), np.int64)[..., :3]  # type: ignore[no-untyped-call]
    assert reduced.shape == (900, 1200, 3)
    assert np.abs(reduced - full).max() <= 8


def test_nothing_global_is_touched() -> None:
    import logging

    before = dict(mpl.rcParams)
    level = logging.getLogger("fontTools").level
    encode(figure_to_encode(), "png")
    assert dict(mpl.rcParams) == before
    assert logging.getLogger("fontTools").level == level
    assert plt.get_fignums() == []


# ---- fits ----------------------------------------------------------------------------------------


def fitted(*, blinded: bool, simulated: bool = False, signal: bool = False) -> FittedSpectrum:
    edges = np.linspace(100.0, 2000.0, 20)
    centres = (edges[1:] + edges[:-1]) / 2
    background = 2e4 * np.exp(-centres / 150)
    contents = np.round(background)
    return FittedSpectrum(
        edges_GeV=edges,
        counts=contents,
        variances=13.5 * contents if simulated else contents,
        background=background,
        background_errors=0.1 * background,
        signal=np.where(np.abs(centres - 650) < 60, 120.0, 0.0) if signal else None,
        windows=(WINDOW,),
        blinded=blinded,
        function="exp 3",
        notes=("Window, predicted: 5",),
        simulated=simulated,
    )


def test_several_masks_are_all_shaded_and_named_once() -> None:
    masks = (Interval(500, 700), Interval(900, 1100))
    case = replace(fitted(blinded=False), windows=masks, window_name="Masked excess")
    upper, _ = spectrum.fit(case, HEADER).axes
    shades = [patch for patch in upper.patches if patch.get_gid() == "window"]
    assert [patch.get_extents().x0 for patch in shades] == sorted(
        upper.transData.transform([(500, 1), (900, 1)])[:, 0]
    )
    legend = upper.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()].count("Masked excess") == 1


def test_a_blind_sideband_fit_shows_the_prediction_and_no_data_in_the_window() -> None:
    figure = spectrum.fit(fitted(blinded=True), HEADER)
    upper, lower = figure.axes
    x = points(upper)[:, 0]
    assert len(x)
    assert not WINDOW.contains(x).any()
    bars = np.array([bar.get_x() + bar.get_width() / 2 for bar in lower.containers[0]])
    assert not WINDOW.contains(bars).any()
    fit, prediction = (np.asarray(line.get_ydata()) for line in upper.lines[:2])
    assert np.isnan(fit).sum() == 7
    assert prediction[~np.isnan(prediction)] == pytest.approx(fitted(blinded=True).background[3:10])
    for ax in figure.axes:
        (shade,) = with_gid(ax, "window")
        assert isinstance(shade, mpl.patches.Rectangle)
        assert shade.get_hatch()
    assert "Blinded window" in legend_of(upper)
    assert "Window, predicted: 5" in texts(figure)
    assert upper.get_ylabel() == "Events / 100 GeV"
    assert lower.get_xlabel() == r"$m_{\gamma\gamma}$ [GeV]"
    assert upper.get_xlim() == lower.get_xlim() == (100.0, 2000.0)


def test_blind_contents_change_no_byte_of_a_fit() -> None:
    plain = fitted(blinded=True)
    other = fitted(blinded=True)
    other.counts[3:10] = 1e4
    assert encode(spectrum.fit(plain, HEADER), "pdf") == encode(spectrum.fit(other, HEADER), "pdf")
    other.counts[0] += 100
    assert encode(spectrum.fit(plain, HEADER), "pdf") != encode(spectrum.fit(other, HEADER), "pdf")


def test_open_data_are_drawn_everywhere() -> None:
    upper, _ = spectrum.fit(fitted(blinded=False), HEADER).axes
    drawn = points(upper)
    given = fitted(blinded=False).counts
    assert drawn[:, 1].tolist() == given[given > 0].tolist()
    assert "Signal window" in legend_of(upper)


def test_pulls_are_signed_roots_of_the_deviance() -> None:
    edges = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    contents = np.array([10_100.0, 9_900.0, 1.0, 0.0])
    case = FittedSpectrum(
        edges, contents, contents, np.array([1e4, 1e4, 0.01, 2.0]), (Interval(10, 20),), False, "f"
    )
    # Of many events it is the distance in standard deviations; one event on 0.01 is 2.69, not 9.9.
    assert case.pulls == pytest.approx([0.998, -1.002, 2.688, -2.0], abs=2e-3)


def test_pulls_of_weighted_bins_know_the_weight() -> None:
    """A sum of weights of 13.5 with the variance of 13.5 times as much: scaled by its root."""
    contents = np.array([13.5e4, 13.5e4])
    expected = np.array([13.5e4 + 13.5 * 100, 13.5e4])
    case = FittedSpectrum(
        np.array([0.0, 1.0, 2.0]),
        contents,
        13.5 * contents,
        expected,
        (Interval(10, 20),),
        False,
        "f",
    )
    assert case.pulls == pytest.approx([-0.995, 0.0], abs=2e-3)


def test_a_resonance_fit_draws_the_sum_and_pulls_against_it() -> None:
    case = fitted(blinded=False, signal=True)
    assert case.signal is not None
    figure = spectrum.fit(case, HEADER)
    upper, lower = figure.axes
    both, alone = (np.asarray(line.get_ydata()) for line in upper.lines[:2])
    assert both == pytest.approx(case.background + case.signal)
    assert alone == pytest.approx(case.background)
    heights = np.array([bar.get_height() for bar in lower.containers[0]])
    assert heights == pytest.approx(case.pulls)
    assert heights[5] < -3, "there is no peak in these contents"


def test_without_data_the_points_are_called_simulated() -> None:
    figure = spectrum.fit(fitted(blinded=False, simulated=True), HEADER)
    assert "Simulated background" in legend_of(figure.axes[0])
    assert any("Simulation" in text for text in texts(figure))


# ---- limits --------------------------------------------------------------------------------------


def scan(*, blind: bool) -> CountingLimit:
    x = np.linspace(0.1, 4.0, 40)
    widths = zip(BANDS, (0.5, 0.7, 1.0, 1.3, 1.6), strict=True)
    curve = ClsCurve(
        cross_section_pb=x,
        observed_cls=None if blind else np.exp(-x / 0.8),
        expected_cls={band: np.exp(-x / tau) for band, tau in widths},
    )
    observed = None if blind else -0.8 * math.log(0.05)
    return replace(a_counting_limit(-math.log(0.05), observed), curve=curve)


def test_the_cls_scan_crosses_one_minus_cl_at_the_limits() -> None:
    ax = only_axes(limits.cls_scan(scan(blind=False), HEADER))
    lines = {str(line.get_label()): line for line in ax.lines}
    observed = lines["Observed: 2.4 pb"]
    assert np.interp(-0.8 * math.log(0.05), *np.asarray(observed.get_xydata()).T) == pytest.approx(
        0.05, rel=0.01
    )
    assert np.asarray(observed.get_xydata())[0].tolist() == [0.0, 1.0]
    assert np.asarray(lines["95% CL"].get_ydata()).tolist() == [pytest.approx(0.05)] * 2
    segments = [np.asarray(each.get_xydata()) for each in ax.lines]
    drops = [points[0, 0] for points in segments if len(points) == 2]
    assert drops[:2] == pytest.approx([-0.8 * math.log(0.05), -math.log(0.05)])
    assert ax.get_xlabel().endswith("[pb]")
    assert ax.get_yscale() == "log"
    assert len(ax.collections) == 2, "two bands"


def test_a_blind_scan_has_no_observed_curve() -> None:
    ax = only_axes(limits.cls_scan(scan(blind=True), HEADER))
    assert not [entry for entry in legend_of(ax) if "Observed" in entry]


# ---- selection -----------------------------------------------------------------------------------


def chosen() -> ChosenSelection:
    values = {"none": 5.3, "n_jets<5": 5.8, "best_n_jets": 5.9, "final": 9.2, "bound": None}
    errors = {"none": 0.07, "n_jets<5": 0.08, "best_n_jets": 0.08, "final": 0.3, "bound": None}
    scan = ((4, 5.4), (5, 5.8), (6, 5.9), (7, 5.7))
    return a_selection(
        significance=values,
        errors=errors,
        by_signal={"signal_500": values},
        by_signal_errors={"signal_500": errors},
        n_jets_scan=tuple(ScanPoint(cut=float(cut), s=s, error=0.1) for cut, s in scan),
    )


def test_the_scan_marks_the_best_cut_and_the_courses_values() -> None:
    ax = only_axes(selection.n_jets_scan(chosen(), HEADER, course=True))
    assert points(ax).tolist() == [[4.0, 5.4], [5.0, 5.8], [6.0, 5.9], [7.0, 5.7]]
    lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in ax.lines}
    assert lines["Best: 5.90 $\\pm$ 0.10"].tolist() == [[6.0, 5.9]]
    (course,) = (xy for title, xy in lines.items() if title.startswith("Course: "))
    assert course.tolist() == [[5.0, 5.78], [6.0, 5.83]]
    other = only_axes(selection.n_jets_scan(chosen(), HEADER, course=False))
    assert not [entry for entry in legend_of(other) if "Course" in entry]


def test_the_comparison_has_a_row_for_every_kind_that_there_is() -> None:
    ax = only_axes(selection.comparison(chosen(), PROCESSES, HEADER))
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "window only",
        "n_jets < 5",
        "best n_jets cut",
        "chosen selection",
    ]
    assert points(ax).tolist() == [[5.3, 0.0], [5.8, 1.0], [5.9, 2.0], [9.2, 3.0]]
    assert legend_of(ax) == ["Signal 500 GeV"]


def test_the_cutflow_shows_fractions_with_binomial_errors() -> None:
    half = (a_row("all events", 100), a_row("n_jets < 5", 50))
    empty = (a_row("all events", 0), a_row("n_jets < 5", 0))
    flows = selection.cutflow({"background": half, "signal_500": empty}, PROCESSES, HEADER)
    ax = only_axes(flows)
    assert points(ax)[:, 1].tolist() == [1.0, 0.5]
    (container,) = (c for c in ax.containers if isinstance(c, ErrorbarContainer))
    bars = container.lines[2][0]
    assert [seg[1][1] - seg[0][1] for seg in bars.get_segments()] == pytest.approx([0.0, 0.1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["all\nevents", "n_jets\n< 5"]


def test_mass_axes_of_hist_keep_their_contents_when_rebinned() -> None:
    """A slice up to the last edge of the axis is the whole axis."""
    fine: Any = histogram(list(range(30)), high=3000)
    assert fine[hist.loc(0) : hist.loc(3000) : hist.rebin(3)].values().sum() == sum(range(30))
