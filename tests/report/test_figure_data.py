"""The numbers beside a figure: those that its artists were drawn from, and nothing blind."""

import json
from dataclasses import replace
from typing import Any

import hist
import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.report.plots import columns, limits, measurement, scan, score, spectrum
from analysis.report.plots.columns import Marks, Process
from analysis.report.plots.style import Header
from analysis.results.scan import Maximum
from analysis.results.verdict import MassStrengthContour, NuisanceParameter
from analysis.selection.scores.performance import Importance
from analysis.statistics.counting.garwood import poisson_errors
from analysis.statistics.spectra.fitted import FittedSpectrum
from processors.histograms import Counts
from processors.selection import Interval
from tests.made_up import NO_FIT, a_scan, some_limits
from tools.figure_data import figure_data

HEADER = Header(14_000.0, 1298.1, ("Generated samples",))
WINDOW = Interval(400.0, 1100.0)
EDGES = np.linspace(0.0, 2000.0, 21)
PROCESSES = (
    Process("background", "background", "Background", weight=13.5),
    Process("signal_500", "signal", "Signal 500 GeV", weight=0.12),
)


def curve(figure: Figure, title: str, frame: int = 0) -> dict[str, Any]:
    """Return the one curve of a title, of what a JSON file holds."""
    frames = json.loads(json.dumps(figure_data(figure), allow_nan=False))["frames"]
    (found,) = (c for c in frames[frame]["curves"] if c["title"] == title)
    return dict(found)


def histogram(contents: list[float]) -> Counts:
    axis = hist.axis.Regular(len(contents), 0, 2000, name="m_yy")
    made = hist.Hist(axis, storage=hist.storage.Int64())
    made.view()[:] = contents
    return made


def fitted(*, blinded: bool = False) -> FittedSpectrum:
    counts = np.round(4000 * np.exp(-EDGES[:-1] / 250))
    return FittedSpectrum(
        edges_GeV=EDGES,
        counts=counts,
        variances=counts,
        background=1.1 * counts + 1,
        background_errors=0.1 * counts + 0.5,
        windows=(WINDOW,),
        blinded=blinded,
        function="exp 3",
        notes=("$p$ = 0.5",),
    )


def test_steps_and_points_are_contents_times_weight_with_titles_and_units() -> None:
    named = {"background": histogram([100, 25, 4, 0]), "signal_500": histogram([0, 9, 1, 0])}
    figure = columns.expected_yields(
        named, PROCESSES, HEADER, unit="GeV", data=histogram([1300, 4, 0, 1])
    )
    background = curve(figure, "Background")
    assert background["edges"] == [0, 500, 1000, 1500, 2000]
    assert background["values"] == [1350.0, 337.5, 54.0, 0.0]
    assert curve(figure, "Signal 500 GeV")["values"] == pytest.approx([0.0, 1.08, 0.12, 0.0])
    data = curve(figure, "Data")
    assert (data["kind"], data["x"], data["y"]) == ("points", [250, 750, 1750], [1300, 4, 1])
    down, up = poisson_errors(np.array([1300.0, 4.0, 1.0]))
    assert data["y_low"] == pytest.approx(data["y"] - down)
    assert data["y_high"] == pytest.approx(data["y"] + up)
    band = curve(figure, "Background stat. unc.")
    assert band["baseline"] == pytest.approx([1215.0, 270.0, 27.0, 0.0])
    (frame,) = figure_data(figure)["frames"]
    assert frame["x"] == {"title": r"$m_{\gamma\gamma}$ [GeV]", "scale": "linear"}
    assert frame["y"] == {"title": "Events / 500 GeV", "scale": "log"}
    assert "Generated samples" in frame["texts"]


def test_a_fit_has_its_curves_its_band_and_its_pulls() -> None:
    found = fitted()
    figure = spectrum.fit(found, HEADER)
    centres = (EDGES[1:] + EDGES[:-1]) / 2
    inside = WINDOW.contains(centres)
    line, prediction = (
        curve(figure, title) for title in ("Fit of the sidebands: exp 3", "Prediction")
    )
    assert line["x"] == centres.tolist()
    for found_line, there in ((line, ~inside), (prediction, inside)):
        expected = [b if t else None for b, t in zip(found.background, there, strict=True)]
        assert found_line["y"] == expected
    band = curve(figure, "Fit uncertainty")
    assert found.background_errors is not None
    assert band["x"] == centres.tolist()
    assert band["low"] == pytest.approx(found.background - found.background_errors)
    assert band["high"] == pytest.approx(found.background + found.background_errors)
    window = curve(figure, "Signal window")
    assert (window["axis"], window["low"], window["high"]) == ("x", 400.0, 1100.0)
    (bars,) = (c for c in figure_data(figure)["frames"][1]["curves"] if c["kind"] == "bars")
    assert bars["at"] == centres.tolist()
    assert bars["width"] == [100.0] * 20
    ends = np.add(bars["from"], bars["to"])  # one end is at zero
    assert ends == pytest.approx(found.pulls)


def test_nothing_of_a_blind_window_is_in_the_file() -> None:
    figure = spectrum.fit(fitted(blinded=True), HEADER)
    yields = columns.expected_yields(
        {"background": histogram([50] * 20)}, PROCESSES, HEADER, unit="GeV",
        data=histogram([7] * 20), marks=Marks(window=WINDOW, blind=True),
    )  # fmt: skip
    for points in (curve(figure, "Data"), curve(yields, "Data (sidebands)")):
        assert points["x"]
        assert not WINDOW.contains(np.array(points["x"])).any()
    (bars,) = (c for c in figure_data(figure)["frames"][1]["curves"] if c["kind"] == "bars")
    assert not WINDOW.contains(np.array(bars["at"])).any()


def test_a_scan_and_limits_are_those_of_the_results() -> None:
    mass = np.array([500.0, 600.0, 700.0])
    found = a_scan(
        mass,
        local_z=np.array([0.5, 2.0, np.nan]),
        cross_section_pb=np.array([0.1, 1.0, -0.2]),
        cross_section_error_pb=np.array([0.5, 0.4, 0.3]),
        maximum=Maximum(mass_GeV=600.0, local_z=2.0),
    )
    figure = scan.p0_scan(found, HEADER)
    line = curve(figure, "Observed")
    assert line["x"] == mass.tolist()
    assert line["y"][:2] == pytest.approx([0.308537539, 0.022750132])
    assert line["y"][2] is None, "what is not there is null"
    assert curve(figure, r"$\pm\mathrm{2}\sigma$", 1)["high"] == pytest.approx([1.1, 1.8, 0.4])
    expected = np.outer([0.5, 0.7, 1.0, 1.4, 1.9], [3.0, 2.0, 1.0])
    drawn_limits = limits.mass_limits(some_limits(mass, expected, benchmark=5.4), HEADER)
    band = curve(drawn_limits, r"Expected $\pm\mathrm{1}\sigma$")
    assert (band["low"], band["high"]) == (expected[1].tolist(), expected[3].tolist())
    assert curve(drawn_limits, "Expected")["y"] == expected[2].tolist()
    level = curve(drawn_limits, "Benchmark, 5.4 pb")
    assert (level["kind"], level["axis"], level["value"]) == ("level", "y", 5.4)


def test_rows_are_named_and_bars_lie() -> None:
    resolution = NuisanceParameter(
        name="resolution", pull=-0.1, pull_error=0.9, impact_up=0.2, impact_down=-0.3
    )
    figure = measurement.nuisances(replace(NO_FIT, nuisances=(resolution,)), HEADER)
    document = figure_data(figure)
    assert document["frames"][0]["y"]["names"] == {"resolution": 0}
    pull = curve(figure, "Pull")
    assert (pull["x"], pull["y"]) == ([-0.1], [0.0])
    assert (pull["x_low"], pull["x_high"]) == (pytest.approx([-1.0]), pytest.approx([0.8]))
    bar = curve(figure, r"$+\mathrm{1}\sigma$ impact", 1)
    assert (bar["axis"], bar["from"], bar["to"]) == ("x", [0.0], [0.2])
    rows = (Importance("n_jets", 0.1, 0.02, None),)
    (loss,) = figure_data(score.importance(rows, HEADER))["frames"]
    errors = next(c for c in loss["curves"] if c["kind"] == "points")
    assert (errors["x_low"], errors["x_high"]) == (pytest.approx([8.0]), pytest.approx([12.0]))


def test_contours_are_lines_of_one_level() -> None:
    mass, strength = np.linspace(590, 610, 21), np.linspace(3, 7, 21)
    deviance = ((mass[:, None] - 600) / 4) ** 2 + ((strength - 5) / 0.5) ** 2
    found = MassStrengthContour(mass_GeV=mass, strength=strength, delta_deviance=deviance)
    figure = measurement.contour(replace(NO_FIT, contour=found), HEADER)
    lines = [c for c in figure_data(figure)["frames"][0]["curves"] if c["kind"] == "contour"]
    assert [line["level"] for line in lines] == [level for level, *_ in measurement.CONTOURS]
    for line in lines:
        (part,) = line["parts"]
        x, y = (np.array(part[name]) for name in "xy")
        radius = ((x - 600) / 4) ** 2 + ((y - 5) / 0.5) ** 2
        assert radius == pytest.approx(line["level"], rel=0.05)  # lines between grid points


@pytest.mark.parametrize("contents", [[0], [7], [0, 0]])
def test_empty_and_single_bins_have_files(contents: list[float]) -> None:
    named = {"background": histogram(contents)}
    document = figure_data(
        columns.expected_yields(named, PROCESSES, HEADER, data=histogram(contents))
    )
    assert json.dumps(document, allow_nan=False)
    assert figure_data(Figure()) == {"frames": []}
