"""The shape search's figures and sections: what is drawn and written is what results hold."""

# ruff: noqa: RUF001 - Greek and typographic signs are meant

import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from scipy.stats import norm

from analysis.report import fits
from analysis.report.catalogue import figure_specs
from analysis.report.folder_results import FolderResults
from analysis.report.page import inference
from analysis.report.page import search as search_page
from analysis.report.page.layout import Section
from analysis.report.page.render import render, verdict
from analysis.report.plots import background_selection, limits, measurement, scan, spectrum
from analysis.report.plots.style import Header, encode
from analysis.results.background import BackgroundFits, PeakBackground, SpuriousSignals
from analysis.results.limits import ExcludedRanges, MassLimits
from analysis.results.scan import GlobalToys, Maximum, Scan
from analysis.results.values import Estimate
from analysis.results.verdict import (
    Deficit,
    GoodnessOfFit,
    MassProfile,
    MassStrengthContour,
    NuisanceParameter,
    ResonanceBins,
    ResonanceFit,
    StabilityCheck,
    StrengthProfile,
    Verdict,
    WindowCount,
)
from analysis.settings.search import Search
from analysis.statistics.spectra.fitted import FittedSpectrum
from processors.selection import Interval
from tests.made_up import (
    BANDS,
    a_candidate,
    a_channel,
    a_counting_limit,
    a_global,
    a_ledger,
    a_peak,
    a_scan,
    a_verdict,
    around,
    some_limits,
)
from tools.samples import Catalogue

HEADER = Header(14_000.0, 1298.1, ("Generated samples", "Changed after unblinding: " + 99 * "x"))
MASSES = np.arange(500.0, 1000.1, 5.0)
LIMIT_MASSES = np.arange(500.0, 1000.1, 10.0)
STATES = {"discovery": (748.0, 1.1), "evidence": (612.0, 0.85), "limit": (905.0, 0.12)}
"""mass and cross-section in pb of the largest excess"""
WIDTH_GEV = 32.0
EDGES = np.arange(100.0, 2000.1, 10.0)
EXPECTED = 4e4 * np.exp(-(EDGES[:-1] + 5) / 120)
NO_RESULT = Estimate(np.nan, np.nan, np.nan)


def error_pb(mass: np.ndarray) -> np.ndarray:
    """Return the error of the cross-section at some masses."""
    return np.asarray(0.28 * np.exp(-(mass - 500) / 290))


def the_scan(state: str, **changes: Any) -> Scan:
    error = error_pb(MASSES)
    blind = a_scan(
        MASSES, benchmark=5.4, expected_local_z=5.4 / error * 0.95, reason="the data are blind"
    )
    if state == "blind":
        return replace(blind, **changes)
    mass, sigma = STATES[state]
    peak = sigma * np.exp(-0.25 * ((MASSES - mass) / WIDTH_GEV) ** 2)
    noise = 0.9 * np.sin(MASSES / 23.0) + 0.6 * np.sin(MASSES / 9.1 + 1)
    found = peak + error * noise
    signed = found / error
    z = np.maximum(signed, 0.0)
    best = int(np.argmax(z))
    observed = replace(
        blind,
        local_z=z,
        signed_z=signed,
        cross_section_pb=found,
        cross_section_error_pb=error,
        signal_events=900 * found,
        signal_error_events=900 * error,
        envelope_z=0.96 * z,
        maximum=Maximum(mass_GeV=MASSES[best], local_z=z[best]),
        global_=a_global(max(0.2, float(z[best]) - 0.9), {"1": 2.28, "2": 3.07, "3": 3.83}),
        reason=None,
    )
    return replace(observed, **changes)


def the_limits(state: str, **changes: Any) -> MassLimits:
    median, blind, whole = 2.0 * error_pb(LIMIT_MASSES), state == "blind", ((500.0, 1000.0),)
    observed = None
    if not blind:
        mass, sigma = STATES[state]
        shape = np.exp(-0.25 * ((LIMIT_MASSES - mass) / WIDTH_GEV) ** 2)
        observed = median * (1 + 0.2 * np.sin(LIMIT_MASSES / 20)) + sigma * shape
    found = some_limits(
        LIMIT_MASSES,
        np.outer([0.53, 0.72, 1.0, 1.4, 1.9], median),
        observed=observed,
        low_counts=tuple(bool(few) for few in LIMIT_MASSES > 845),
        benchmark=5.4,
        excluded_GeV=ExcludedRanges(observed=None if blind else whole, expected=whole),
        reason="the data are blind" if blind else None,
    )
    return replace(found, **changes)


def the_fit(state: str) -> ResonanceFit:
    """Return the best fit of a state that is not blind."""
    mass, sigma = STATES[state]
    error, mass_error = float(error_pb(np.array(mass))), 5.5
    x = np.linspace(max(0.0, sigma - 4 * error), sigma + 4 * error, 41)
    m = np.linspace(mass - 20, mass + 20, 33)
    pulls = (x - sigma) / error
    tilted = ((m - mass) / mass_error)[:, None]
    return ResonanceFit(
        stability=tuple(
            StabilityCheck(what=what, local_z=z, strength=strength, used=used)
            for what, z, strength, used in (
                ("as decided: window, exp 2", sigma / error, around(sigma, error), True),
                ("range full", 1.05 * sigma / error, around(1.02 * sigma, error), False),
                ("order +1", 0.95 * sigma / error, around(0.96 * sigma, error), False),
                ("order -1", 1.11 * sigma / error, around(1.07 * sigma, error), False),
                ("bins 5 GeV", 0.99 * sigma / error, around(0.99 * sigma, error), False),
                ("bins 20 GeV", np.nan, NO_RESULT, False),
            )
        ),
        deficit=Deficit(mass_GeV=545.0, signed_z=-1.4),
        mass_GeV=around(mass, mass_error, 6.1),
        signal_events=around(600.0, 100.0, 110.0),
        cross_section_pb=around(sigma, error, 1.1 * error),
        width_GeV=30.4,
        local_z_at_mass=sigma / error,
        goodness_of_fit=GoodnessOfFit(background_only=0.0004, with_signal=0.43),
        profile=StrengthProfile(strength=x, delta_deviance=pulls**2),
        mass_profile=MassProfile(mass_GeV=m, delta_deviance=((m - mass) / mass_error) ** 2),
        contour=MassStrengthContour(
            mass_GeV=m, strength=x, delta_deviance=tilted**2 + pulls**2 - 0.3 * tilted * pulls
        ),
        nuisances=tuple(
            NuisanceParameter(name=name, pull=pull, pull_error=left, impact_up=up, impact_down=down)
            for name, pull, left, up, down in (
                ("resolution", 0.31, 0.86, 0.052, -0.047),
                ("spurious_signal_all", -0.05, 0.98, -0.021, 0.021),
                ("luminosity", 0.0, 1.0, -0.011, 0.012),
                ("signal_efficiency", 0.0, 1.0, -0.006, 0.0065),
                ("energy_scale", -0.4, 0.71, 0.001, -0.002),
            )
        ),
        unit="pb",
    )


def the_peak() -> PeakBackground:
    families = {"exp": 1, "power": 1, "atlas-diphoton": 1, "dijet": 2, "cms-diphoton": 2,
                "bernstein": 1}  # fmt: skip
    candidates = []
    for place, (family, first) in enumerate(families.items()):
        for order in range(first, first + 4):
            for where, scale in (("window", 1.0), ("full", 6.0)):
                worst = scale * 4.0 * 10 ** (-0.55 * order) * (1 + 0.35 * place)
                bad = where == "full" and order == first
                candidates.append(
                    a_candidate(
                        family, order, range=where, gof_pvalue=np.nan if bad else 0.3,
                        worst_errors=worst, passes=worst <= 0.2 and not bad,
                        chosen=(where, family, order) == ("window", "exp", 3),
                    )
                )  # fmt: skip
    sigma_events = 900 * error_pb(LIMIT_MASSES)
    spurious = SpuriousSignals(
        mass_GeV=LIMIT_MASSES,
        events=0.12 * sigma_events * np.cos(LIMIT_MASSES / 90),
        error_events=sigma_events,
    )
    return a_peak("exp", 3, spurious, *candidates)


def the_verdict(state: str) -> Verdict:
    blind, found = state == "blind", the_scan(state)
    count = WindowCount(
        observed_events=None if blind else 3210.0,
        predicted_events=3170.0,
        predicted_error_events=95.0,
        z=None if blind else 0.4,
        z_course=None if blind else 0.7,
        limit=a_counting_limit(1.8, None if blind else 1.9),
    )
    fit = None if blind else the_fit(state)
    quoted = fit is not None and state != "limit"
    return a_verdict(
        decision=None if blind else state,
        blinded=blind,
        reason="the data are blind" if blind else None,
        local_z=None if found.maximum is None else found.maximum.local_z,
        global_z=None if found.global_ is None else found.global_.z,
        mass_GeV=fit.mass_GeV if fit is not None and quoted else None,
        cross_section_pb=fit.cross_section_pb if fit is not None and quoted else None,
        counting=count,
        fit=fit,
    )


def the_background() -> BackgroundFits:
    channel = a_channel(EDGES, np.round(EXPECTED), EXPECTED, the_peak())
    return BackgroundFits(channels={"all": channel}, of="data", complete=True)


@pytest.fixture
def folder(catalogue: Catalogue, search: Search) -> Callable[[str], FolderResults]:
    """Return a function that gives the results of a folder in some state, made up."""

    def make(state: str) -> FolderResults:
        samples = [name for name, sample in catalogue.samples.items() if sample.kind != "data"]
        data = [name for name, sample in catalogue.samples.items() if sample.kind == "data"]
        return FolderResults(
            catalogue=catalogue,
            search=search,
            histograms={},
            ledger=a_ledger(**dict.fromkeys([*samples, *data], 10)),
            cuts={},
            cutflow={},
            unblinded=state != "blind",
            after_unblinding=None,
            background=the_background(),
            scan=the_scan(state),
            limits=the_limits(state),
            verdict=the_verdict(state),
            run=None,
            selection=None,
            counting=None,
            freeze=None,
            unblinding=None,
        )

    return make


def texts(figure: Figure | SubFigure) -> list[str]:
    return [str(text.get_text()) for text in figure.findobj(Text)]


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def with_gid(ax: Axes, gid: str) -> list[Any]:
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def line(ax: Axes, title: str) -> np.ndarray:
    """Return the points of the line of some title, shape (n, 2)."""
    labels = [str(x.get_label()) for x in ax.lines]
    exact = [label for label in labels if label == title]
    (wanted,) = exact or [label for label in labels if label.startswith(title)]
    found = ax.lines[labels.index(wanted)]
    return np.asarray(found.get_xydata(), np.float64)


def band(ax: Axes, gid: str, mass: float) -> tuple[float, float]:
    """Return the lower and upper end of a band at one of its masses."""
    (found,) = with_gid(ax, gid)
    y = [v[1] for path in found.get_paths() for v in path.vertices if abs(v[0] - mass) < 1e-9]
    return min(y), max(y)


def every_figure(state: str) -> dict[str, Figure]:
    """Return all figures of a state."""
    figures = {
        "p0_scan": scan.p0_scan(the_scan(state), HEADER),
        "mass_limits": limits.mass_limits(the_limits(state), HEADER),
    }
    if state != "blind":
        peak, fit = the_peak(), the_fit(state)
        figures["contour"] = measurement.contour(fit, HEADER, benchmark=5.4)
        for name, one in measurement.profiles(fit, benchmark=1.2).items():
            figures[name] = measurement.profile(one, HEADER)
        figures["nuisances"] = measurement.nuisances(fit, HEADER)
        figures["stability"] = measurement.stability(fit, HEADER)
        figures["tournament"] = background_selection.tested_functions(
            peak, "", HEADER, max_errors=0.2
        )
        figures["spurious"] = background_selection.spurious_signals(
            {"all": peak}, HEADER, max_errors=0.2
        )
    return figures


# ---- all figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["discovery", "limit", "blind"])
def test_all_texts_lie_inside_the_figure_and_apart_from_each_other(state: str) -> None:
    for name, figure in every_figure(state).items():
        encode(figure, "png")
        width, height = figure.get_size_inches() * figure.dpi
        for ax in figure.axes:
            box = ax.get_tightbbox()
            assert box is not None
            assert box.x0 >= 0, name
            assert box.y0 >= 0, name
            assert box.x1 <= width + 1, name
            assert box.y1 <= height + 1, name
            legend = ax.get_legend()
            if legend is None:
                continue
            assert legend.get_texts(), f"{name}: an empty legend"
            below = legend.get_window_extent()
            for text in (t for t in ax.texts if t.get_text() and not t.get_gid()):
                other = text.get_window_extent()
                if other.y1 > below.y0 and ax.get_ylabel():
                    assert other.x1 < below.x0, f"{name}: {text.get_text()} under the legend"


def test_who_where_and_how_much_stand_on_every_figure() -> None:
    for name, figure in every_figure("evidence").items():
        written = texts(figure)
        assert "ATLAS" in " ".join(written), name
        assert any("14" in text and "TeV" in text and "1298.1" in text for text in written), name
        assert sum(text.startswith("Generated samples; Changed") for text in written) == 1, name


# ---- p0 scan -------------------------------------------------------------------------------------


def test_the_scan_draws_p_values_with_sigma_lines_and_the_maximum() -> None:
    found = the_scan("evidence")
    assert found.local_z is not None
    assert found.maximum is not None
    assert found.global_ is not None
    figure = scan.p0_scan(found, HEADER)
    ax, lower, right = figure.axes
    drawn = line(ax, "Observed")
    assert drawn[:, 0].tolist() == MASSES.tolist()
    assert drawn[:, 1] == pytest.approx(norm.sf(found.local_z))
    assert ax.get_yscale() == right.get_yscale() == "log"
    assert ax.get_ylim() == right.get_ylim()
    assert right.get_yticks() == pytest.approx(norm.sf([1, 2, 3, 4, 5]))
    assert [t.get_text() for t in right.get_yticklabels()] == [rf"{k}$\sigma$" for k in range(1, 6)]
    lines = [float(x.get_ydata()[0]) for x in with_gid(ax, "local")]
    assert lines == pytest.approx(norm.sf([1, 2, 3, 4, 5]))
    across = [np.asarray(x.get_ydata())[0] for x in ax.lines if x.get_gid() == "global"]
    assert across == pytest.approx(norm.sf([2.28, 3.07, 3.83]))
    (mark,) = with_gid(ax, "maximum")
    z, wide = found.maximum.local_z, found.global_.z
    assert mark.get_xydata()[0] == pytest.approx([found.maximum.mass_GeV, norm.sf(z)])
    assert rf"630 GeV: {z:.1f}$\sigma$ (global {wide:.1f}$\sigma$)" in legend_of(ax)
    assert ax.get_ylabel() == "Local $p_0$"
    assert lower.get_xlabel() == "$m_X$ [GeV]"
    assert lower.get_ylabel() == r"Best-fit $\sigma$ [pb]"


def test_the_panel_below_has_the_signed_strength_with_its_bands() -> None:
    scanned = the_scan("limit")
    assert scanned.cross_section_pb is not None
    assert scanned.cross_section_error_pb is not None
    lower = scan.p0_scan(scanned, HEADER).axes[1]
    best = line(lower, "Best fit")
    assert best[:, 1].tolist() == scanned.cross_section_pb.tolist()
    assert best[:, 1].min() < 0, "a deficit is there to be seen"
    two, one = lower.collections
    at = int(np.searchsorted(MASSES, 545.0))
    value, error = scanned.cross_section_pb[at], scanned.cross_section_error_pb[at]
    for found, size in ((two, 2), (one, 1)):
        vertices = np.asarray(found.get_paths()[0].vertices)
        y = vertices[vertices[:, 0] == 545.0, 1]
        assert [y.min(), y.max()] == pytest.approx([value - size * error, value + size * error])
    assert legend_of(lower) == [r"$\pm\mathrm{2}\sigma$", r"$\pm\mathrm{1}\sigma$", "Best fit"]


def test_a_benchmark_far_above_the_data_does_not_press_them_flat() -> None:
    """Expected significances of 18 to 103 leave the frame; the legend tells them."""
    ax = scan.p0_scan(the_scan("limit"), HEADER).axes[0]
    assert np.isnan(line(ax, "Expected")[:, 1]).all()
    assert r"Expected, 5.4 pb: 18 to 103$\sigma$" in legend_of(ax)
    assert ax.get_ylim()[0] > 1e-8
    near = the_scan("limit", benchmark=0.2, expected_local_z=np.full(len(MASSES), 4.0))
    near_ax = scan.p0_scan(near, HEADER).axes[0]
    assert line(near_ax, "Expected, 0.2 pb")[:, 1] == pytest.approx(norm.sf(4.0))


def test_from_eight_sigma_on_the_axis_is_linear_and_nothing_underflows() -> None:
    loud = the_scan("discovery", local_z=np.full(len(MASSES), 45.0), envelope_z=None)
    ax, _, right = scan.p0_scan(loud, HEADER).axes
    assert ax.get_yscale() == "linear"
    assert ax.get_ylabel() == r"Local significance [$\sigma$]"
    assert line(ax, "Observed")[:, 1].tolist() == [45.0] * len(MASSES)
    labels = [t.get_text() for t in right.get_yticklabels()]
    assert labels[-1] == r"$\mathdefault{10^{-400}}$"
    assert -norm.logsf(right.get_yticks()[-1]) / np.log(10) == pytest.approx(400, rel=1e-4)
    assert scan.top_of(the_scan("evidence")) < scan.MAX_ON_P_AXIS < scan.top_of(loud)


def test_fits_that_did_not_converge_are_marked() -> None:
    found = the_scan("evidence")
    assert found.local_z is not None
    converged = (*(True,) * (len(MASSES) - 2), False, False)
    (ax, *_) = scan.p0_scan(replace(found, converged=converged), HEADER).axes
    marks = line(ax, "Fit not converged")
    assert marks[:, 0].tolist() == MASSES[-2:].tolist()
    assert marks[:, 1] == pytest.approx(norm.sf(found.local_z[-2:]))
    (ax, *_) = scan.p0_scan(replace(found, converged=(True,) * len(MASSES)), HEADER).axes
    assert "Fit not converged" not in ax.get_legend_handles_labels()[1]


def test_a_blind_scan_has_the_expectation_only() -> None:
    found = the_scan("blind")
    assert found.expected_local_z is not None
    figure = scan.p0_scan(found, HEADER)
    ax = figure.axes[0]
    assert legend_of(ax) == ["Expected, 5.4 pb"]
    assert line(ax, "Expected")[:, 1].tolist() == found.expected_local_z.tolist()
    assert not with_gid(ax, "maximum")
    assert len(figure.axes) == 2, "no panel of observed strengths; the second axis"


def test_single_masses_and_zero_significances_are_drawn() -> None:
    whole = the_scan("evidence")
    found = {each.name: getattr(whole, each.name) for each in fields(whole)}
    first: dict[str, Any] = {k: v[:1] for k, v in found.items() if isinstance(v, np.ndarray)}
    one = replace(whole, **first)
    for some in (one, the_scan("limit", local_z=np.zeros(len(MASSES)))):
        figure = scan.p0_scan(some, HEADER)
        encode(figure, "png")
        assert legend_of(figure.axes[0])
    marker = scan.p0_scan(one, HEADER).axes[0].lines[1]
    assert marker.get_marker() == "o", "a line of one point would not be seen"


# ---- limits --------------------------------------------------------------------------------------


def test_limits_are_those_of_the_result_with_bands_units_and_benchmark() -> None:
    found = the_limits("limit")
    assert found.observed is not None
    (ax,) = limits.mass_limits(found, HEADER).axes
    expected = found.expected
    drawn = {str(x.get_label()): np.asarray(x.get_xydata()) for x in ax.lines}
    assert drawn["Expected"].tolist() == [
        list(p) for p in zip(LIMIT_MASSES, expected["0"], strict=True)
    ]
    assert drawn["Observed"][:, 1].tolist() == found.observed.tolist()
    for width in (1, 2):
        ends = band(ax, f"band {width}", 700.0)
        assert ends == pytest.approx(tuple(expected[f"{s}{width}"][20] for s in ("-", "")))
    (benchmark,) = with_gid(ax, "benchmark")
    assert set(benchmark.get_ydata()) == {5.4}
    assert "Benchmark, 5.4 pb" in legend_of(ax)
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "$m_X$ [GeV]"
    assert ax.get_ylabel() == r"95% CL limit on $\sigma(pp \to X \to \gamma\gamma)$ [pb]"
    notes = [t.get_text() for t in with_gid(ax, "note")]
    assert sorted(notes) == [
        "Excluded at 5.4 pb: 500 to 1000 GeV", "Expected to be excluded: 500 to 1000 GeV",
    ]  # fmt: skip


def test_masses_with_few_events_are_hatched_up_to_halfway_to_the_next() -> None:
    few = [False] * len(LIMIT_MASSES)
    few[10] = few[11] = few[-1] = True
    (ax,) = limits.mass_limits(the_limits("limit", low_counts=tuple(few)), HEADER).axes
    hatched = with_gid(ax, "few")
    assert all(patch.get_hatch() for patch in hatched)
    ranges = [
        (p.get_paths()[0].vertices[:, 0].min(), p.get_paths()[0].vertices[:, 0].max())
        for p in hatched
    ]
    assert ranges == [(595.0, 615.0), (995.0, 1000.0)]
    assert legend_of(ax).count("Few background events") == 1
    (none,) = limits.mass_limits(the_limits("limit", low_counts=(False,) * 51), HEADER).axes
    assert not with_gid(none, "few")


def test_blind_limits_are_expected_ones() -> None:
    (ax,) = limits.mass_limits(the_limits("blind"), HEADER).axes
    assert "Observed" not in legend_of(ax)
    (note,) = with_gid(ax, "note")
    assert note.get_text() == "Expected to be excluded: 500 to 1000 GeV"


def test_limits_in_events_with_holes_and_of_one_mass_are_drawn() -> None:
    whole, nothing = the_limits("limit"), ExcludedRanges(observed=None, expected=None)
    assert whole.observed is not None
    hole = np.where(LIMIT_MASSES[0] == LIMIT_MASSES, np.nan, 1.0)
    events = replace(
        whole,
        expected={band: hole * values for band, values in whole.expected.items()},
        observed=hole * whole.observed,
        benchmark=None,
        excluded_GeV=nothing,
        method="toys",
        unit="events",
    )
    (ax,) = limits.mass_limits(events, HEADER).axes
    assert ax.get_ylabel() == "95% CL limit on signal events"
    assert any("toys" in text for text in legend_of(ax))
    assert not with_gid(ax, "note")
    median = whole.expected["0"][0]
    one = some_limits(
        np.array([600.0]),
        np.outer([0.53, 0.72, 1.0, 1.4, 1.9], [median]),
        low_counts=(True,),
        benchmark=5.4,
        excluded_GeV=ExcludedRanges(observed=None, expected=()),
    )
    figure = limits.mass_limits(one, HEADER)
    encode(figure, "png")
    assert "Expected to be excluded: no mass" in texts(figure)
    assert line(figure.axes[0], "Expected")[:, 1] == pytest.approx(median)


# ---- measurement ---------------------------------------------------------------------------------


def test_contours_are_at_the_deviances_of_two_parameters() -> None:
    fit = the_fit("evidence")
    found = fit.contour
    assert found is not None
    (ax,) = measurement.contour(fit, HEADER, benchmark=0.9).axes
    sets = [c for c in ax.collections if isinstance(c, mpl.contour.ContourSet)]
    assert [next(iter(c.levels)) for c in sets] == [2.30, 5.99]
    # At the best mass the 68 % region ends where the parabola is 2.30.
    error = float(error_pb(np.array(612.0)))
    vertices = np.concatenate([p.vertices for p in sets[0].get_paths()])
    near = vertices[np.abs(vertices[:, 0] - 612.0) < 0.7]
    assert near[:, 1].max() == pytest.approx(0.85 + np.sqrt(2.30) * error, abs=0.02)
    (best,) = with_gid(ax, "best")
    assert best.get_xydata().tolist() == [[612.0, 0.85]]
    assert legend_of(ax) == ["68 %", "95 %", "Best fit", "Benchmark, 0.9 pb"]
    assert ax.get_xlabel() == "$m_X$ [GeV]"
    assert ax.get_ylabel().endswith("[pb]")
    far = measurement.contour(fit, HEADER, benchmark=50.0)
    assert not with_gid(far.axes[0], "benchmark")
    flat = replace(found, delta_deviance=np.ones_like(found.delta_deviance))
    none = measurement.contour(replace(fit, contour=flat, mass_GeV=None), HEADER, benchmark=0.9)
    assert legend_of(none.axes[0]) == ["Benchmark, 0.9 pb"]


def test_profiles_have_lines_at_one_and_four_and_the_interval() -> None:
    fit = the_fit("evidence")
    assert fit.profile is not None
    assert fit.cross_section_pb is not None
    found = measurement.profiles(fit, benchmark=1.2)
    assert set(found) == {"strength", "mass"}
    (ax,) = measurement.profile(found["strength"], HEADER).axes
    drawn = line(ax, "Profile")
    given = np.array([fit.profile.strength, fit.profile.delta_deviance])
    assert pytest.approx(given[:, given[1] <= 9.0]) == drawn.T
    assert [float(x.get_ydata()[0]) for x in with_gid(ax, "level")] == [1.0, 4.0]
    (shade,) = with_gid(ax, "interval")
    assert shade.get_x() == fit.cross_section_pb.low
    assert shade.get_x() + shade.get_width() == pytest.approx(fit.cross_section_pb.high)
    assert any(text.startswith(r"$\sigma$ = 0.85") for text in texts(ax.figure))
    (mass,) = measurement.profile(found["mass"], HEADER).axes
    assert mass.get_xlabel() == "$m_X$ [GeV]"
    assert any("612.0" in text and "GeV" in text for text in texts(mass.figure))


# ---- what a referee asks -------------------------------------------------------------------------


def test_pulls_and_impacts_are_drawn_in_the_order_of_the_result() -> None:
    fit = the_fit("evidence")
    found = fit.nuisances
    assert found is not None
    figure = measurement.nuisances(fit, HEADER)
    ax, above = figure.axes
    (points,) = (c for c in ax.containers if isinstance(c, ErrorbarContainer))
    assert np.asarray(points.lines[0].get_xydata())[:, 0].tolist() == [n.pull for n in found]
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == ["resolution", "spurious signal all", "luminosity", "signal efficiency",
                     "energy scale"]  # fmt: skip
    up, down = ([bar.get_width() for bar in c] for c in above.containers)
    assert up == pytest.approx([n.impact_up for n in found])
    assert down == pytest.approx([n.impact_down for n in found])
    assert above.get_xlabel() == r"$\Delta$$\sigma$ [pb]"
    many = measurement.nuisances(replace(fit, nuisances=found * 5, unit="events"), HEADER)
    assert many.axes[1].get_xlabel() == "$\\Delta$$N_X$"
    assert len(many.axes[0].get_yticklabels()) == measurement.MAX_ROWS
    assert many.get_size_inches()[1] > figure.get_size_inches()[1]


def test_other_choices_are_drawn_beside_the_one_that_was_used() -> None:
    fit = the_fit("evidence")
    found = fit.stability
    figure = measurement.stability(fit, HEADER)
    left, right = figure.axes
    z = [float(x.get_xdata()[0]) for gid in ("used", "point") for x in with_gid(left, gid)]
    assert z == [row.local_z for row in found[:-1]]
    drawn = [c for c in right.containers if isinstance(c, ErrorbarContainer)]
    values = [float(np.asarray(c.lines[0].get_xdata())[0]) for c in drawn]
    assert values == [row.strength.value for row in found[:-1]]
    assert len(with_gid(left, "nothing")) == len(with_gid(right, "nothing")) == 1
    assert legend_of(right) == ["Used", "Varied"]
    assert [t.get_text() for t in left.get_yticklabels()][1:] == [
        "range full", "order +1", "order -1", "bins 5 GeV", "bins 20 GeV",
    ]  # fmt: skip


def test_the_tournament_shows_every_candidate_and_marks_the_chosen() -> None:
    peak = the_peak()
    figure = background_selection.tested_functions(peak, "", HEADER, max_errors=0.2)
    window, full = figure.axes
    for ax, name in ((window, "window"), (full, "full")):
        for row in (c for c in peak.candidates if c.range == name):
            (mark,) = with_gid(ax, f"{row.family} {row.order}")
            ((x, y),) = mark.get_xydata()
            assert round(x) == row.parameters
            assert y == pytest.approx(row.worst_errors)
            assert (mark.get_markerfacecolor() == "white") is not row.passes
        (most,) = with_gid(ax, "most")
        assert set(most.get_ydata()) == {0.2}
    (ring,) = with_gid(window, "chosen")
    assert ring.get_xydata()[0, 1] == pytest.approx(
        next(c.worst_errors for c in peak.candidates if c.chosen)
    )
    assert not with_gid(full, "chosen")
    assert [t.get_text() for ax in figure.axes for t in with_gid(ax, "range")] == [
        "Window", "Full range",
    ]  # fmt: skip
    assert {"exp", "bernstein", "Open: fails", "Chosen", "Most allowed"} <= set(legend_of(full))


def test_candidates_without_a_number_and_of_one_range_are_no_obstacle() -> None:
    failed = a_candidate("exp", 1, range="full", worst_errors=np.nan, passes=False)
    tiny = a_candidate("exp", 2, worst_errors=1e-9)
    for some in ((failed,), (tiny,), (failed, tiny)):
        figure = background_selection.tested_functions(
            replace(the_peak(), candidates=some), "", HEADER, max_errors=0.2
        )
        encode(figure, "png")
        assert len(figure.axes) == len(some)


def test_the_spurious_signal_has_the_band_of_what_is_allowed() -> None:
    peak = the_peak()
    (ax,) = background_selection.spurious_signals({"all": peak}, HEADER, max_errors=0.2).axes
    assert line(ax, "Largest, exp 3")[:, 1].tolist() == peak.spurious.events.tolist()
    allowed = 0.2 * peak.spurious.error_events[20]
    assert band(ax, "allowed", 700.0) == pytest.approx((-allowed, allowed))
    assert ax.get_ylabel() == r"$S_\mathrm{sp}$ [events]"
    one = SpuriousSignals(mass_GeV=np.array([500.0]), events=np.zeros(1), error_events=np.zeros(1))
    single = replace(peak, spurious=one)
    encode(background_selection.spurious_signals({"all": single}, HEADER, max_errors=0.2), "png")


def test_a_spectrum_of_events_is_measured_in_events() -> None:
    fit = replace(the_fit("evidence"), unit="events", cross_section_pb=None)
    assert fit.contour is not None
    (ax,) = measurement.contour(fit, HEADER).axes
    assert ax.get_ylabel() == "Signal events"
    (ax,) = measurement.profile(measurement.profiles(fit)["strength"], HEADER).axes
    (note,) = with_gid(ax, "note")
    assert note.get_text().startswith("$N_X$ = 600")
    assert note.get_text().endswith("events")
    events = the_scan("evidence", unit="events", cross_section_pb=None, cross_section_error_pb=None)
    assert scan.p0_scan(events, HEADER).axes[1].get_ylabel() == "Best-fit $N_X$"


# ---- the spectrum under a peak -------------------------------------------------------------------


def test_the_fit_of_a_resonance_is_shown_in_its_own_range(
    folder: Callable[[str], FolderResults],
) -> None:
    results, edges = folder("evidence"), np.arange(400.0, 1100.1, 10.0)
    assert results.verdict is not None
    assert results.verdict.fit is not None
    bins = ResonanceBins(
        edges_GeV=edges,
        observed_events=np.full(70, 7.0),
        background_events=np.full(70, 30.0),
        signal_events=np.ones(70),
    )
    fit = replace(results.verdict.fit, channels={"all": bins})
    found = fits.resonance_fit(replace(results, verdict=replace(results.verdict, fit=fit)))
    assert found is not None
    assert found.edges_GeV.tolist() == edges.tolist()
    assert set(found.counts) == {7.0}
    assert found.function == "exp 3"
    ax = spectrum.fit(found, HEADER).axes[0]
    assert ax.get_xlim() == (400.0, 1100.0)
    assert "Signal window" not in legend_of(ax), "it is all that is shown"


def test_a_peak_on_the_right_stays_below_the_notes() -> None:
    edges = np.arange(400.0, 1100.1, 10.0)
    centres = (edges[1:] + edges[:-1]) / 2
    counts = np.round(60 * np.exp(-(centres - 400) / 120))
    peak = counts + np.where(np.abs(centres - 950) < 30, 200.0, 0.0)
    notes = ("Local significance: 9", "a mass", "a cross-section")
    for contents in (counts, peak):
        case = FittedSpectrum(
            edges, contents, contents, np.maximum(contents, 0.1), (Interval(400, 1100),),
            blinded=False, function="exp 3", signal=np.zeros_like(counts), notes=notes,
        )  # fmt: skip
        figure = spectrum.fit(case, HEADER)
        encode(figure, "png")
        ax = figure.axes[0]
        bottom = min(t.get_window_extent().y0 for t in with_gid(ax, "note"))
        right = contents[centres > 800].max()
        top = ax.transData.transform((950.0, right + np.sqrt(right)))[1]
        assert top < bottom


# ---- hooks and page ------------------------------------------------------------------------------


def names(results: FolderResults) -> set[str]:
    return {drawing.name for drawing in figure_specs(results)}


ALL = {"tournament", "spurious_signal", "p0_scan", "mass_limits", "contour", "profile_strength",
       "profile_mass", "nuisances", "stability"}  # fmt: skip


def test_a_folder_gets_the_figures_that_it_has_the_results_of(
    folder: Callable[[str], FolderResults],
) -> None:
    results = folder("discovery")
    assert names(results) >= ALL
    drawn = {d.name: d for d in figure_specs(results) if d.name in ALL}
    for name, drawing in drawn.items():
        figure = drawing.draw()
        assert isinstance(figure, Figure), name
        assert drawing.caption.endswith("."), name
    titles = {
        name: drawn[f"profile_{name}"].draw().axes[0].get_xlabel() for name in ("mass", "strength")
    }
    assert titles["mass"] != titles["strength"], "each draws its own"
    blind = {"tournament", "spurious_signal", "p0_scan", "mass_limits"}
    assert names(folder("blind")) & ALL == blind
    none = replace(results, scan=None, limits=None, background=None, verdict=None)
    assert not names(none) & ALL


def test_tables_without_a_number_have_no_figure(folder: Callable[[str], FolderResults]) -> None:
    results = folder("discovery")
    fit = the_fit("discovery")
    assert results.background is not None
    assert fit.contour is not None
    empty, peak = np.full(len(LIMIT_MASSES), np.nan), the_peak()
    channel = a_channel(
        EDGES, EXPECTED, EXPECTED, replace(peak, spurious=replace(peak.spurious, events=empty))
    )
    unknown = MassStrengthContour(
        mass_GeV=fit.contour.mass_GeV,
        strength=fit.contour.strength,
        delta_deviance=np.full_like(fit.contour.delta_deviance, np.nan),
    )
    nothing = replace(
        results,
        background=replace(results.background, channels={"all": channel}),
        scan=a_scan(MASSES, local_z=np.full(len(MASSES), np.nan)),
        limits=the_limits("blind", expected=dict.fromkeys(BANDS, empty)),
        verdict=a_verdict(fit=replace(fit, contour=unknown)),
    )
    gone = {"spurious_signal", "p0_scan", "mass_limits", "contour"}
    assert names(nothing) & ALL == ALL - gone


def words(section: Section) -> str:
    cells = [c for t in section.tables for row in (t.head, *t.rows, t.notes) for c in row]
    return " | ".join([section.title, *section.sentences, *cells]).replace("\xa0", " ")


def test_the_page_tells_the_search(folder: Callable[[str], FolderResults]) -> None:
    results = folder("evidence")
    said = {s.anchor: words(s) for s in inference.sections(replace(results, background=None))}
    said |= {s.anchor: words(s) for s in search_page.selected_functions(results)}
    assert "Decided before the data were unblinded" in said["tournament"]
    assert "exp 3, fitted from 400 to 1,100 GeV (the window only)" in said["tournament"]
    assert "at most 0.2 uncertainties" in said["tournament"]
    assert said["tournament"].count("| chosen") == 1
    best = the_scan("evidence").maximum
    assert best is not None
    assert f"{best.local_z:.2f} σ at 630 GeV" in said["scan"]
    assert "Global p-value | 0.003" in said["scan"]
    assert "3.10 ± 0.10 of 0.50 σ, 400 toys" in said["scan"]
    assert "Global p-value, toys" not in said["scan"], "there are none"
    assert "Largest deficit, local | −1.40 σ at 545 GeV" in said["scan"]
    assert "background only | 0.0004" in said["fit"]
    assert "with the resonance | 0.43" in said["fit"]
    assert "At 5.4 pb, excluded: 500 to 1,000 GeV." in said["mass_limits"]
    assert "11 of 51 masses; all are in limits.json" in said["mass_limits"]
    assert "850 GeV *" in said["mass_limits"]
    assert "resolution | 0.31 ± 0.86 | 0.052 | −0.047" in said["nuisances"]
    assert "bins 20 GeV | – | –" in said["stability"]
    toys = GlobalToys(n=2000, exceeding=4, p=0.002, p_low=0.001, p_high=0.0031)
    whole = replace(a_global(2.1, {"3": 3.83}), toys=toys)
    (again,) = search_page.scan(replace(results, scan=the_scan("evidence", global_=whole)))
    assert "0.002 (0.001 to 0.0031; 4 of 2,000)" in words(again)


def test_the_verdict_of_no_discovery_rests_on_the_limits_of_the_shape(
    folder: Callable[[str], FolderResults],
) -> None:
    results = folder("limit")
    said = verdict(results)
    observed = the_limits("limit").observed
    assert observed is not None
    low, high = (f"{f(observed):.2g}" for f in (min, max))
    assert said.headline == (
        f"No discovery: cross-sections above {low} to {high} pb are excluded (95% CL)"
    )
    assert said.figure == "mass_limits"
    assert "At 5.4 pb, excluded: 500 to 1,000 GeV." in said.sentences
    rows = {name: cells for name, *cells in said.numbers.rows}
    assert rows["Upper limits from the shape, over all masses"] == [f"{low} to {high} pb"]
    unknown = verdict(replace(results, limits=None))
    assert unknown.headline == "No discovery"
    assert verdict(folder("discovery")).figure == "resonance_fit"
    assert verdict(folder("blind")).figure == "sideband_fit"


@pytest.mark.parametrize("state", ["discovery", "evidence", "limit", "blind"])
def test_the_page_is_made_of_every_state(
    folder: Callable[[str], FolderResults], state: str
) -> None:
    html = render(folder(state), [])
    assert "Limits against mass" in html
    assert "Scan over mass" in html
    assert ("Other choices" in html) is (state != "blind")
    assert not re.search(r"\bNone\b|\bnan\b", html)
