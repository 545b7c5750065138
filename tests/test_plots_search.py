"""The shape search's figures and sections: what is drawn and written is what documents hold."""

# ruff: noqa: RUF001 - Greek and typographic signs are meant

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.stats import norm

from analysis.figures import drawings
from analysis.folder_results import FolderResults
from analysis.page import inference
from analysis.page import search as search_page
from analysis.page import tournament as tournament_page
from analysis.page.layout import Section
from analysis.page.render import render
from analysis.page.verdict import verdict
from analysis.plots import (
    brazil,
    fit_inputs,
    inputs,
    measurement,
    nuisances,
    scan,
    search_inputs,
    stability,
    tournament,
)
from analysis.plots.spectrum import FittedSpectrum, resonance_fit
from analysis.plots.strength import EVENTS
from analysis.plots.style import Header, encode
from analysis.search import Search
from processors.selection import Interval
from tools.errors import InputError
from tools.samples import Catalogue

HEADER = Header(14_000.0, 1298.1, ("Generated samples", "Changed after unblinding: " + 99 * "x"))
Document = dict[str, Any]
MASSES = np.arange(500.0, 1000.1, 5.0)
LIMIT_MASSES = np.arange(500.0, 1000.1, 10.0)
STATES = {"discovery": (748.0, 1.1), "evidence": (612.0, 0.85), "limit": (905.0, 0.12)}
"""mass and cross-section in pb of the largest excess"""
WIDTH_GEV = 32.0


def error_pb(mass: np.ndarray) -> np.ndarray:
    """Return the error of the cross-section at some masses."""
    return np.asarray(0.28 * np.exp(-(mass - 500) / 290))


def scan_document(state: str, *, benchmark: float | None = 5.4) -> Document:
    """Return a ``scan.json``."""
    error = error_pb(MASSES)
    expected = (benchmark or 5.4) / error * 0.95
    document: Document = {
        "mass_GeV": MASSES.tolist(),
        "benchmark_pb": benchmark,
        "expected_local_z": None if benchmark is None else expected.tolist(),
        "reason": None,
    }
    observed = ("local_z", "signed_z", "local_p", "cross_section_pb", "cross_section_error_pb",
                "signal_events", "signal_error_events", "envelope_z")  # fmt: skip
    if state == "blind":
        nothing = {**dict.fromkeys(observed), "maximum": None, "global": None}
        return {**document, **nothing, "reason": "the data are blind"}
    mass, sigma = STATES[state]
    peak = sigma * np.exp(-0.25 * ((MASSES - mass) / WIDTH_GEV) ** 2)
    noise = 0.9 * np.sin(MASSES / 23.0) + 0.6 * np.sin(MASSES / 9.1 + 1)
    found = peak + error * noise
    signed = found / error
    z = np.maximum(signed, 0.0)
    best = int(np.argmax(z))
    return {
        **document,
        "local_z": z.tolist(),
        "signed_z": signed.tolist(),
        "cross_section_pb": found.tolist(),
        "cross_section_error_pb": error.tolist(),
        "signal_events": (900 * found).tolist(),
        "signal_error_events": (900 * error).tolist(),
        "envelope_z": (0.96 * z).tolist(),
        "maximum": {"mass_GeV": float(MASSES[best]), "local_z": float(z[best])},
        "global": {
            "p": 0.003,
            "z": max(0.2, float(z[best]) - 0.9),
            "method": "gross-vitells",
            "upcrossings": {"level_z": 0.5, "mean": 3.1, "error": 0.1, "toys": 400},
            "gross_vitells_p": 0.003,
            "toys": None,
            "local_z_of_global": {"1": 2.28, "2": 3.07, "3": 3.83},
        },
    }


def limits_document(state: str, *, benchmark: float | None = 5.4) -> Document:
    """Return a ``limits.json``."""
    median = 2.0 * error_pb(LIMIT_MASSES)
    bands = {"-2": 0.53, "-1": 0.72, "0": 1.0, "1": 1.4, "2": 1.9}
    observed = None
    if state != "blind":
        mass, sigma = STATES[state]
        shape = np.exp(-0.25 * ((LIMIT_MASSES - mass) / WIDTH_GEV) ** 2)
        observed = (median * (1 + 0.2 * np.sin(LIMIT_MASSES / 20)) + sigma * shape).tolist()
    whole = [[500.0, 1000.0]]
    none = benchmark is None
    return {
        "confidence_level": 0.95,
        "mass_GeV": LIMIT_MASSES.tolist(),
        "observed_pb": observed,
        "expected_pb": {band: (median * factor).tolist() for band, factor in bands.items()},
        "low_counts": (LIMIT_MASSES > 845).tolist(),
        "benchmark_pb": benchmark,
        "excluded_GeV": {
            "observed": None if state == "blind" else [] if none else whole,
            "expected": [] if none else whole,
        },
        "method": "asymptotic",
        "reason": "the data are blind" if state == "blind" else None,
    }


def fit_document(state: str) -> Document:
    """Return what ``verdict.json`` has under ``fit``, in addition to the best fit."""
    mass, sigma = STATES[state]
    error, mass_error = float(error_pb(np.array(mass))), 5.5
    x = np.linspace(max(0.0, sigma - 4 * error), sigma + 4 * error, 41)
    m = np.linspace(mass - 20, mass + 20, 33)
    pulls = (x - sigma) / error
    tilted = ((m - mass) / mass_error)[:, None]
    return {
        "mass_GeV": {"value": mass, "low": mass - mass_error, "high": mass + 6.1},
        "cross_section_pb": {"value": sigma, "low": sigma - error, "high": sigma + 1.1 * error},
        "signal_events": {"value": 600.0, "low": 500.0, "high": 710.0},
        "width_GeV": 30.4,
        "goodness_of_fit": {"background_only": 0.0004, "with_signal": 0.43},
        "profile": {"cross_section_pb": x.tolist(), "delta_deviance": (pulls**2).tolist()},
        "mass_profile": {
            "mass_GeV": m.tolist(),
            "delta_deviance": (((m - mass) / mass_error) ** 2).tolist(),
        },
        "contour": {
            "mass_GeV": m.tolist(),
            "cross_section_pb": x.tolist(),
            "delta_deviance": (tilted**2 + pulls**2 - 0.3 * tilted * pulls).tolist(),
        },
        "nuisances": [
            {"name": name, "pull": pull, "pull_error": left,
             "impact_up_pb": up, "impact_down_pb": down}
            for name, pull, left, up, down in (
                ("resolution", 0.31, 0.86, 0.052, -0.047),
                ("spurious_signal_all", -0.05, 0.98, -0.021, 0.021),
                ("luminosity", 0.0, 1.0, -0.011, 0.012),
                ("signal_efficiency", 0.0, 1.0, -0.006, 0.0065),
                ("energy_scale", -0.4, 0.71, 0.001, -0.002),
            )
        ],
        "stability": [
            {"what": what, "local_z": z, "used": used,
             "cross_section_pb": None if value is None
             else {"value": value, "low": value - error, "high": value + error}}
            for what, z, value, used in (
                ("as decided: window, exp 2", sigma / error, sigma, True),
                ("range full", 1.05 * sigma / error, 1.02 * sigma, False),
                ("order +1", 0.95 * sigma / error, 0.96 * sigma, False),
                ("order -1", 1.11 * sigma / error, 1.07 * sigma, False),
                ("bins 5 GeV", 0.99 * sigma / error, 0.99 * sigma, False),
                ("bins 20 GeV", None, None, False),
            )
        ],
    }  # fmt: skip


def peak_document() -> Document:
    """Return what ``background.json`` has under ``peak`` of a channel."""
    families = {"exp": 1, "power": 1, "atlas-diphoton": 1, "dijet": 2, "cms-diphoton": 2,
                "bernstein": 1}  # fmt: skip
    candidates = []
    for place, (family, first) in enumerate(families.items()):
        for order in range(first, first + 4):
            for where, scale in (("window", 1.0), ("full", 6.0)):
                worst = scale * 4.0 * 10 ** (-0.55 * order) * (1 + 0.35 * place)
                good = None if where == "full" and order == first else 0.3
                chosen = (where, family, order) == ("window", "exp", 3)
                candidates.append(
                    {
                        "range": where, "family": family, "order": order,
                        "parameters": order + 1, "gof_pvalue": good, "worst_errors": worst,
                        "worst_truth": "two slopes", "worst_mass_GeV": 560.0,
                        "expected_limit_events": 42.0 + order, "chosen": chosen,
                        "passes": worst <= 0.2 and good is not None,
                    }
                )  # fmt: skip
    sigma_events = 900 * error_pb(LIMIT_MASSES)
    return {
        "range": "window",
        "fit_range_GeV": [400.0, 1100.0],
        "family": "exp",
        "order": 3,
        "spurious": {
            "mass_GeV": LIMIT_MASSES.tolist(),
            "events": (0.12 * sigma_events * np.cos(LIMIT_MASSES / 90)).tolist(),
            "error_events": sigma_events.tolist(),
        },
        "candidates": candidates,
    }


def counting_document(state: str) -> Document:
    """Return what ``verdict.json`` has under ``counting``."""
    open_ = state != "blind"
    return {
        "observed_events": 3210 if open_ else None,
        "predicted_events": 3170.0,
        "predicted_error_events": 95.0,
        "z": 0.4 if open_ else None,
        "z_course": 0.7 if open_ else None,
        "limit": {
            "confidence_level": 0.95,
            "observed_pb": 1.9 if open_ else None,
            "expected_pb": {"-2": 1.0, "-1": 1.4, "0": 1.8, "1": 2.5, "2": 3.4},
        },
    }


def verdict_document(state: str) -> Document:
    """Return a ``verdict.json``."""
    found = scan_document(state)
    fit = None if state == "blind" else fit_document(state)
    quoted = fit is not None and state != "limit"
    return {
        "decision": None if state == "blind" else state,
        "reason": "the data are blind" if state == "blind" else None,
        "local_z": (found["maximum"] or {}).get("local_z"),
        "global_z": (found["global"] or {}).get("z"),
        "mass_GeV": fit["mass_GeV"] if fit is not None and quoted else None,
        "cross_section_pb": fit["cross_section_pb"] if fit is not None and quoted else None,
        "counting": counting_document(state),
        "fit": fit,
        "deficit": {"mass_GeV": 545.0, "signed_z": -1.4},
    }


def background_document() -> Document:
    """Return a ``background.json`` with what the figures of the fits read."""
    edges = np.arange(100.0, 2000.1, 10.0)
    expected = 4e4 * np.exp(-(edges[:-1] + 5) / 120)
    chosen = {"family": "exp", "order": 4, "gof_pvalue": 0.4, "parameters": []}
    return {
        "channels": {
            "all": {
                "fit_range_GeV": [100.0, 2000.0],
                "chosen": chosen,
                "predicted_events": 3170.0,
                "predicted_error_events": 95.0,
                "bins": {
                    "edges_GeV": edges.tolist(),
                    "observed_events": np.round(expected).tolist(),
                    "expected_events": expected.tolist(),
                },
                "peak": peak_document(),
            }
        }
    }


@pytest.fixture
def folder(catalogue: Catalogue, search: Search) -> Callable[[str], FolderResults]:
    """Return a function that gives the results of a folder in some state, made up."""

    def make(state: str) -> FolderResults:
        samples = [name for name, sample in catalogue.samples.items() if sample.kind != "data"]
        data = [name for name, sample in catalogue.samples.items() if sample.kind == "data"]
        entry = {"planned_events": 10, "processed_events": 10, "failed": []}
        ledger = {
            "samples": dict.fromkeys([*samples, *data], entry),
            "complete": True,
            "provenance": {},
        }
        nothing = dict.fromkeys(("run", "selection", "counting", "freeze", "unblinding"))
        return FolderResults(
            catalogue=catalogue,
            search=search,
            histograms={},
            ledger=ledger,
            cutflow={},
            unblinded=state != "blind",
            after_unblinding=None,
            background=background_document(),
            scan=scan_document(state),
            limits=limits_document(state),
            verdict=verdict_document(state),
            **nothing,  # type: ignore[arg-type]
        )

    return make


def texts(figure: Figure) -> list[str]:
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


def the_scan(state: str, **changes: Any) -> scan.Scan:
    found = search_inputs.p0_scan({**scan_document(state), **changes})
    assert found is not None
    return found


def the_limits(state: str, **changes: Any) -> brazil.MassLimits:
    found = search_inputs.mass_limits({**limits_document(state), **changes})
    assert found is not None
    return found


def every_figure(state: str) -> dict[str, Figure]:
    """Return all figures of a state."""
    peak, fits = peak_document(), {"fit": None if state == "blind" else fit_document(state)}
    figures = {
        "p0_scan": scan.p0_scan(the_scan(state), HEADER),
        "mass_limits": brazil.mass_limits(the_limits(state), HEADER),
    }
    if state != "blind":
        found, spurious = fit_inputs.contour(fits, 5.4), fit_inputs.spurious(peak)
        assert found is not None
        assert spurious is not None
        figures["contour"] = measurement.contour(found, HEADER)
        for name, profile in fit_inputs.profiles(fits, 1.2).items():
            figures[name] = measurement.profile(profile, HEADER)
        figures["nuisances"] = nuisances.nuisances(fit_inputs.nuisances(fits), HEADER)
        figures["stability"] = stability.stability(fit_inputs.variations(fits), HEADER)
        figures["tournament"] = tournament.tournament(
            fit_inputs.entrants(peak), HEADER, most_errors=0.2
        )
        figures["spurious"] = tournament.spurious_signal(spurious, HEADER, most_errors=0.2)
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
    document = scan_document("evidence")
    figure = scan.p0_scan(the_scan("evidence"), HEADER)
    ax, lower, right = figure.axes
    drawn = line(ax, "Observed")
    assert drawn[:, 0].tolist() == document["mass_GeV"]
    assert drawn[:, 1] == pytest.approx(norm.sf(document["local_z"]))
    assert ax.get_yscale() == right.get_yscale() == "log"
    assert ax.get_ylim() == right.get_ylim()
    assert right.get_yticks() == pytest.approx(norm.sf([1, 2, 3, 4, 5]))
    assert [t.get_text() for t in right.get_yticklabels()] == [rf"{k}$\sigma$" for k in range(1, 6)]
    lines = [float(x.get_ydata()[0]) for x in with_gid(ax, "local")]
    assert lines == pytest.approx(norm.sf([1, 2, 3, 4, 5]))
    across = [float(x.get_ydata()[0]) for x in ax.lines if x.get_gid() == "global"]
    assert across == pytest.approx(norm.sf([2.28, 3.07, 3.83]))
    (mark,) = with_gid(ax, "maximum")
    best = document["maximum"]
    assert mark.get_xydata()[0] == pytest.approx([best["mass_GeV"], norm.sf(best["local_z"])])
    z, wide = best["local_z"], document["global"]["z"]
    assert rf"630 GeV: {z:.1f}$\sigma$ (global {wide:.1f}$\sigma$)" in legend_of(ax)
    assert ax.get_ylabel() == "Local $p_0$"
    assert lower.get_xlabel() == "$m_X$ [GeV]"
    assert lower.get_ylabel() == r"Best-fit $\sigma$ [pb]"


def test_the_panel_below_has_the_signed_strength_with_its_bands() -> None:
    document = scan_document("limit")
    lower = scan.p0_scan(the_scan("limit"), HEADER).axes[1]
    best = line(lower, "Best fit")
    assert best[:, 1].tolist() == document["cross_section_pb"]
    assert best[:, 1].min() < 0, "a deficit is there to be seen"
    two, one = lower.collections
    at = document["mass_GeV"].index(545.0)
    value, error = (document[f"cross_section{k}_pb"][at] for k in ("", "_error"))
    for found, size in ((two, 2), (one, 1)):
        y = [v[1] for v in found.get_paths()[0].vertices if v[0] == 545.0]
        assert [min(y), max(y)] == pytest.approx([value - size * error, value + size * error])
    assert legend_of(lower) == [r"$\pm\mathrm{2}\sigma$", r"$\pm\mathrm{1}\sigma$", "Best fit"]


def test_a_benchmark_far_above_the_data_does_not_press_them_flat() -> None:
    """Expected significances of 18 to 103 leave the frame; the legend tells them."""
    found = the_scan("limit")
    assert found.expected_z is not None
    ax = scan.p0_scan(found, HEADER).axes[0]
    assert np.isnan(line(ax, "Expected")[:, 1]).all()
    assert r"Expected, 5.4 pb: 18 to 103$\sigma$" in legend_of(ax)
    assert ax.get_ylim()[0] > 1e-8
    near = the_scan("limit", benchmark_pb=0.2, expected_local_z=[4.0] * len(MASSES))
    near_ax = scan.p0_scan(near, HEADER).axes[0]
    assert line(near_ax, "Expected, 0.2 pb")[:, 1] == pytest.approx(norm.sf(4.0))


def test_from_eight_sigma_on_the_axis_is_linear_and_nothing_underflows() -> None:
    loud = the_scan("discovery", local_z=[45.0] * len(MASSES), envelope_z=None)
    ax, _, right = scan.p0_scan(loud, HEADER).axes
    assert ax.get_yscale() == "linear"
    assert ax.get_ylabel() == r"Local significance [$\sigma$]"
    assert line(ax, "Observed")[:, 1].tolist() == [45.0] * len(MASSES)
    labels = [t.get_text() for t in right.get_yticklabels()]
    assert labels[-1] == r"$\mathdefault{10^{-400}}$"
    assert -norm.logsf(right.get_yticks()[-1]) / np.log(10) == pytest.approx(400, rel=1e-4)
    below = the_scan("evidence")
    assert below.top < scan.MOST_ON_P_AXIS < loud.top


def test_a_blind_scan_has_the_expectation_only() -> None:
    found = the_scan("blind")
    figure = scan.p0_scan(found, HEADER)
    ax = figure.axes[0]
    assert legend_of(ax) == ["Expected, 5.4 pb"]
    assert line(ax, "Expected")[:, 1].tolist() == scan_document("blind")["expected_local_z"]
    assert not with_gid(ax, "maximum")
    assert len(figure.axes) == 2, "no panel of observed strengths; the second axis"


def test_single_masses_and_zero_significances_are_drawn() -> None:
    one = {k: v[:1] if isinstance(v, list) else v for k, v in scan_document("evidence").items()}
    for document in (one, {**scan_document("limit"), "local_z": [0.0] * len(MASSES)}):
        found = search_inputs.p0_scan(document)
        assert found is not None
        figure = scan.p0_scan(found, HEADER)
        encode(figure, "png")
        assert legend_of(figure.axes[0])
    marker = scan.p0_scan(search_inputs.p0_scan(one), HEADER).axes[0].lines[1]  # type: ignore[arg-type]
    assert marker.get_marker() == "o", "a line of one point would not be seen"


# ---- limits --------------------------------------------------------------------------------------


def test_limits_are_those_of_the_document_with_bands_units_and_benchmark() -> None:
    document = limits_document("limit")
    (ax,) = brazil.mass_limits(the_limits("limit"), HEADER).axes
    expected = document["expected_pb"]
    drawn = {str(x.get_label()): np.asarray(x.get_xydata()) for x in ax.lines}
    assert drawn["Expected"].tolist() == [
        list(p) for p in zip(LIMIT_MASSES, expected["0"], strict=True)
    ]
    assert drawn["Observed"][:, 1].tolist() == document["observed_pb"]
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
    (ax,) = brazil.mass_limits(the_limits("limit", low_counts=few), HEADER).axes
    hatched = with_gid(ax, "few")
    assert all(patch.get_hatch() for patch in hatched)
    ranges = [
        (p.get_paths()[0].vertices[:, 0].min(), p.get_paths()[0].vertices[:, 0].max())
        for p in hatched
    ]
    assert ranges == [(595.0, 615.0), (995.0, 1000.0)]
    assert legend_of(ax).count("Few background events") == 1
    (none,) = brazil.mass_limits(the_limits("limit", low_counts=[False] * 51), HEADER).axes
    assert not with_gid(none, "few")


def test_blind_limits_are_expected_ones() -> None:
    (ax,) = brazil.mass_limits(the_limits("blind"), HEADER).axes
    assert "Observed" not in legend_of(ax)
    (note,) = with_gid(ax, "note")
    assert note.get_text() == "Expected to be excluded: 500 to 1000 GeV"


def test_limits_in_events_with_holes_and_of_one_mass_are_drawn() -> None:
    document = limits_document("limit", benchmark=None)
    events = {
        "mass_GeV": document["mass_GeV"],
        "expected_events": {k: [None, *v[1:]] for k, v in document["expected_pb"].items()},
        "observed_events": [None, *document["observed_pb"][1:]],
        "method": "toys",
    }
    found = search_inputs.mass_limits(events)
    assert found is not None
    (ax,) = brazil.mass_limits(found, HEADER).axes
    assert ax.get_ylabel() == "95% CL limit on signal events"
    assert any("toys" in text for text in legend_of(ax))
    assert not with_gid(ax, "note")
    one = {
        "mass_GeV": [600.0],
        "expected_pb": {k: v[:1] for k, v in document["expected_pb"].items()},
        "low_counts": [True],
        "benchmark_pb": 5.4,
        "excluded_GeV": {"observed": None, "expected": []},
    }
    found = search_inputs.mass_limits(one)
    assert found is not None
    figure = brazil.mass_limits(found, HEADER)
    encode(figure, "png")
    assert "Expected to be excluded: no mass" in texts(figure)
    assert line(figure.axes[0], "Expected")[:, 1] == pytest.approx(one["expected_pb"]["0"][0])  # type: ignore[index]


# ---- measurement ---------------------------------------------------------------------------------


def test_contours_are_at_the_deviances_of_two_parameters() -> None:
    found = fit_inputs.contour({"fit": fit_document("evidence")}, benchmark=0.9)
    assert found is not None
    (ax,) = measurement.contour(found, HEADER).axes
    sets = [c for c in ax.collections if isinstance(c, mpl.contour.ContourSet)]
    assert [float(c.levels[0]) for c in sets] == [2.30, 5.99]
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
    far = measurement.contour(replace(found, benchmark=50.0), HEADER)
    assert not with_gid(far.axes[0], "benchmark")
    flat = replace(found, deviance=np.ones_like(found.deviance), best=None)
    assert legend_of(measurement.contour(flat, HEADER).axes[0]) == ["Benchmark, 0.9 pb"]


def test_profiles_have_lines_at_one_and_four_and_the_interval() -> None:
    document = fit_document("evidence")
    found = fit_inputs.profiles({"fit": document}, benchmark=1.2)
    assert set(found) == {"strength", "mass"}
    (ax,) = measurement.profile(found["strength"], HEADER).axes
    drawn = line(ax, "Profile")
    given = np.array(
        [document["profile"]["cross_section_pb"], document["profile"]["delta_deviance"]]
    )
    assert pytest.approx(given[:, given[1] <= 9.0]) == drawn.T
    assert [float(x.get_ydata()[0]) for x in with_gid(ax, "level")] == [1.0, 4.0]
    (shade,) = with_gid(ax, "interval")
    assert shade.get_x() == document["cross_section_pb"]["low"]
    assert shade.get_x() + shade.get_width() == pytest.approx(document["cross_section_pb"]["high"])
    assert any(text.startswith(r"$\sigma$ = 0.85") for text in texts(ax.figure))  # type: ignore[arg-type]
    (mass,) = measurement.profile(found["mass"], HEADER).axes
    assert mass.get_xlabel() == "$m_X$ [GeV]"
    assert any("612.0" in text and "GeV" in text for text in texts(mass.figure))  # type: ignore[arg-type]


# ---- what a referee asks -------------------------------------------------------------------------


def test_pulls_and_impacts_are_drawn_in_the_order_of_the_document() -> None:
    found = fit_inputs.nuisances({"fit": fit_document("evidence")})
    figure = nuisances.nuisances(found, HEADER)
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
    many = nuisances.nuisances(found * 5, HEADER, kind=EVENTS)
    assert len(many.axes[0].get_yticklabels()) == nuisances.MOST
    assert many.get_size_inches()[1] > figure.get_size_inches()[1]


def test_other_choices_are_drawn_beside_the_one_that_was_used() -> None:
    document = fit_document("evidence")
    figure = stability.stability(fit_inputs.variations({"fit": document}), HEADER)
    left, right = figure.axes
    z = [float(x.get_xdata()[0]) for gid in ("used", "point") for x in with_gid(left, gid)]
    assert z == [row["local_z"] for row in document["stability"][:-1]]
    drawn = [c for c in right.containers if isinstance(c, ErrorbarContainer)]
    values = [float(np.asarray(c.lines[0].get_xdata())[0]) for c in drawn]
    assert values == [row["cross_section_pb"]["value"] for row in document["stability"][:-1]]
    assert len(with_gid(left, "nothing")) == len(with_gid(right, "nothing")) == 1
    assert legend_of(right) == ["Used", "Varied"]
    assert [t.get_text() for t in left.get_yticklabels()][1:] == [
        "range full", "order +1", "order -1", "bins 5 GeV", "bins 20 GeV",
    ]  # fmt: skip


def test_the_tournament_shows_every_candidate_and_marks_the_chosen() -> None:
    peak = peak_document()
    figure = tournament.tournament(fit_inputs.entrants(peak), HEADER, most_errors=0.2)
    window, full = figure.axes
    for ax, name in ((window, "window"), (full, "full")):
        rows = [c for c in peak["candidates"] if c["range"] == name]
        for row in rows:
            (mark,) = with_gid(ax, f"{row['family']} {row['order']}")
            ((x, y),) = mark.get_xydata()
            assert round(x) == row["parameters"]
            assert y == pytest.approx(row["worst_errors"])
            assert (mark.get_markerfacecolor() == "white") is not row["passes"]
        (most,) = with_gid(ax, "most")
        assert set(most.get_ydata()) == {0.2}
    (ring,) = with_gid(window, "chosen")
    assert ring.get_xydata()[0, 1] == pytest.approx(
        next(c["worst_errors"] for c in peak["candidates"] if c["chosen"])
    )
    assert not with_gid(full, "chosen")
    assert [t.get_text() for ax in figure.axes for t in with_gid(ax, "range")] == [
        "Window", "Full range",
    ]  # fmt: skip
    assert {"exp", "bernstein", "Open: fails", "Chosen", "Most allowed"} <= set(legend_of(full))


def test_candidates_without_a_number_and_of_one_range_are_no_obstacle() -> None:
    rows = [{"family": "exp", "order": 1, "parameters": 2, "worst_errors": None},
            {"range": "window", "family": "exp", "order": 2, "parameters": 3, "worst_errors": -1e-9,
             "passes": True}]  # fmt: skip
    for some in (rows[:1], rows[1:], rows):
        figure = tournament.tournament(
            fit_inputs.entrants({"candidates": some}), HEADER, most_errors=0.2
        )
        encode(figure, "png")
        assert len(figure.axes) == len(some)


def test_the_spurious_signal_has_the_band_of_what_is_allowed() -> None:
    peak = peak_document()
    found = fit_inputs.spurious(peak)
    assert found is not None
    (ax,) = tournament.spurious_signal(found, HEADER, most_errors=0.2).axes
    assert line(ax, "Largest, exp 3")[:, 1].tolist() == peak["spurious"]["events"]
    allowed = 0.2 * peak["spurious"]["error_events"][20]
    assert band(ax, "allowed", 700.0) == pytest.approx((-allowed, allowed))
    assert ax.get_ylabel() == r"$S_\mathrm{sp}$ [events]"
    one = replace(found, mass_GeV=found.mass_GeV[:1], events=np.zeros(1), error_events=np.zeros(1))
    encode(tournament.spurious_signal(one, HEADER, most_errors=0.2), "png")


# ---- readers -------------------------------------------------------------------------------------


def test_what_is_not_there_is_none() -> None:
    for nothing in (None, {}, {"mass_GeV": []}, {"mass_GeV": None}):
        assert search_inputs.p0_scan(nothing) is None
        assert search_inputs.mass_limits(nothing) is None
        assert fit_inputs.contour(nothing) is None
        assert fit_inputs.profiles(nothing) == {}
        assert fit_inputs.nuisances(nothing) == ()
        assert fit_inputs.variations(nothing) == ()
        assert fit_inputs.entrants(nothing) == ()
        assert fit_inputs.spurious(nothing) is None
        assert fit_inputs.peaks(nothing) == {}
        assert fit_inputs.category_strengths(nothing) is None
    masses = {"mass_GeV": [500.0, 600.0]}
    assert search_inputs.p0_scan({**masses, "local_z": [None, None]}) is None
    assert search_inputs.mass_limits(masses) is None
    nulls = {band: [None, None] for band in search_inputs.BANDS}
    assert search_inputs.mass_limits({**masses, "expected_pb": nulls}) is None
    assert fit_inputs.spurious({"spurious": {**masses, "events": None}}) is None
    empty = {"mass_GeV": [1, 2], "cross_section_pb": [1, 2], "delta_deviance": [[None] * 2] * 2}
    assert fit_inputs.contour({"fit": {"cross_section_pb": None, "contour": empty}}) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"local_z": [1.0]}, r"scan\.json: `local_z` must hold 101 numbers, and holds 1"),
        ({"local_z": "no"}, r"`local_z` must hold 101 numbers, and holds 2"),
        ({"local_z": 3.0}, r"`local_z` must hold 101 numbers, and holds no"),
        ({"local_z": ["a"] * 101}, r"`local_z` must hold numbers or null"),
        ({"mass_GeV": [3.0, 2.0]}, r"`mass_GeV` must be rising numbers"),
        ({"benchmark_pb": "5.4 pb"}, r"`benchmark_pb` must be a number, not '5\.4 pb'"),
        ({"maximum": {"mass_GeV": True}}, r"must be a number, not True; make it again with `xyy"),
    ],
)
def test_a_wrong_scan_is_refused(changes: Document, message: str) -> None:
    with pytest.raises(InputError, match=message):
        search_inputs.p0_scan({**scan_document("limit"), **changes})


def test_wrong_limits_and_fits_are_refused() -> None:
    document = limits_document("limit")
    bands = {band: values for band, values in document["expected_pb"].items() if band != "2"}
    with pytest.raises(InputError, match=r"limits\.json: `expected_pb` has no band 2"):
        search_inputs.mass_limits({**document, "expected_pb": bands})
    with pytest.raises(InputError, match=r"`excluded_GeV` must hold pairs of masses"):
        search_inputs.mass_limits({**document, "excluded_GeV": {"observed": [500.0]}})
    fit = fit_document("limit")
    del fit["contour"]["delta_deviance"][0]
    with pytest.raises(InputError, match=r"verdict\.json: `contour` must have 33 rows, and has 32"):
        fit_inputs.contour({"fit": fit})
    with pytest.raises(InputError, match=r"background\.json: `candidates` must each have an order"):
        fit_inputs.entrants({"candidates": [{"family": "exp"}]})


def test_a_spectrum_of_events_is_measured_in_events() -> None:
    fit = fit_document("evidence")
    del fit["cross_section_pb"]
    for key in ("profile", "contour"):
        fit[key]["signal_events"] = fit[key].pop("cross_section_pb")
    found = fit_inputs.contour({"fit": fit})
    assert found is not None
    assert found.kind is EVENTS
    assert measurement.contour(found, HEADER).axes[0].get_ylabel() == "Signal events"
    assert fit_inputs.profiles({"fit": fit})["strength"].note.endswith("events")
    document = scan_document("evidence")
    for key in ("cross_section_pb", "cross_section_error_pb", "benchmark_pb"):
        del document[key]
    a_scan = search_inputs.p0_scan(document)
    assert a_scan is not None
    assert scan.p0_scan(a_scan, HEADER).axes[1].get_ylabel() == "Best-fit $N_X$"


# ---- the spectrum under a peak -------------------------------------------------------------------


def test_the_fit_of_a_resonance_is_shown_in_its_own_range(
    folder: Callable[[str], FolderResults],
) -> None:
    results = folder("evidence")
    verdict_ = copy.deepcopy(results.verdict)
    assert verdict_ is not None
    edges = np.arange(400.0, 1100.1, 10.0)
    channel = {
        "edges_GeV": edges.tolist(),
        "background_events": [30.0] * 70,
        "signal_events": [1.0] * 70,
    }
    verdict_["fit"]["channels"] = {"all": channel}
    found = inputs.resonance_fit(replace(results, verdict=verdict_, unblinded=True))
    assert found is not None
    assert found.edges_GeV.tolist() == edges.tolist()
    given = background_document()["channels"]["all"]["bins"]["observed_events"]
    assert found.counts.tolist() == given[30:100]
    assert found.function == "exp 3"
    ax = resonance_fit(found, HEADER).axes[0]
    assert ax.get_xlim() == (400.0, 1100.0)
    assert "Signal window" not in legend_of(ax), "it is all that is shown"
    own = {**channel, "observed_events": [7.0] * 70}
    verdict_["fit"]["channels"] = {"all": own}
    found = inputs.resonance_fit(replace(results, verdict=verdict_))
    assert found is not None
    assert set(found.counts) == {7.0}
    verdict_["fit"]["channels"] = {"all": {**channel, "edges_GeV": (edges + 3).tolist()}}
    with pytest.raises(InputError, match=r"bins of `fit` are not those of background\.json"):
        inputs.resonance_fit(replace(results, verdict=verdict_))


def test_a_peak_on_the_right_stays_below_the_notes() -> None:
    edges = np.arange(400.0, 1100.1, 10.0)
    centres = (edges[1:] + edges[:-1]) / 2
    counts = np.round(60 * np.exp(-(centres - 400) / 120))
    peak = counts + np.where(np.abs(centres - 950) < 30, 200.0, 0.0)
    notes = ("Local significance: 9", "a mass", "a cross-section")
    for contents in (counts, peak):
        case = FittedSpectrum(
            edges, contents, contents, np.maximum(contents, 0.1), Interval(400, 1100),
            blinded=False, function="exp 3", signal=np.zeros_like(counts), notes=notes,
        )  # fmt: skip
        figure = resonance_fit(case, HEADER)
        encode(figure, "png")
        ax = figure.axes[0]
        bottom = min(t.get_window_extent().y0 for t in with_gid(ax, "note"))
        right = contents[centres > 800].max()
        top = ax.transData.transform((950.0, right + np.sqrt(right)))[1]
        assert top < bottom


# ---- hooks and page ------------------------------------------------------------------------------


def names(results: FolderResults) -> set[str]:
    return {drawing.name for drawing in drawings(results)}


ALL = {"tournament", "spurious_signal", "p0_scan", "mass_limits", "contour", "profile_strength",
       "profile_mass", "nuisances", "stability"}  # fmt: skip


def test_a_folder_gets_the_figures_that_it_has_the_documents_of(
    folder: Callable[[str], FolderResults],
) -> None:
    results = folder("discovery")
    assert names(results) >= ALL
    drawn = {d.name: d for d in drawings(results) if d.name in ALL}
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
    older = replace(results, scan=None, limits=None, background=None, verdict=None)
    assert not names(older) & ALL


def words(section: Section) -> str:
    cells = [c for t in section.tables for row in (t.head, *t.rows, t.notes) for c in row]
    return " | ".join([section.title, *section.sentences, *cells]).replace("\xa0", " ")


def test_the_page_tells_the_search(folder: Callable[[str], FolderResults]) -> None:
    results = folder("evidence")
    said = {s.anchor: words(s) for s in inference.sections(replace(results, background=None))}
    said |= {s.anchor: words(s) for s in tournament_page.tournament(results)}
    assert "Decided before the data were opened" in said["tournament"]
    assert "exp 3, fitted from 400 to 1,100 GeV (the window only)" in said["tournament"]
    assert "at most 0.2 errors" in said["tournament"]
    assert said["tournament"].count("| chosen") == 1
    best = scan_document("evidence")["maximum"]
    assert f"{best['local_z']:.2f} σ at 630 GeV" in said["scan"]
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
    toys = {"n": 2000, "exceeding": 4, "p": 0.002, "p_low": 0.001, "p_high": 0.0031}
    assert results.scan is not None
    results.scan["global"]["toys"] = toys
    (again,) = search_page.scan(results)
    assert "0.002 (0.001 to 0.0031; 4 of 2,000)" in words(again)


def test_the_verdict_of_no_discovery_rests_on_the_limits_of_the_shape(
    folder: Callable[[str], FolderResults],
) -> None:
    results = folder("limit")
    said = verdict(results)
    observed = limits_document("limit")["observed_pb"]
    low, high = (f"{f(observed):.2g}" for f in (min, max))
    assert said.headline == (
        f"No discovery: cross-sections above {low} to {high} pb are excluded (95% CL)"
    )
    assert said.figure == "mass_limits"
    assert "At 5.4 pb, excluded: 500 to 1,000 GeV." in said.sentences
    rows = dict(said.numbers.rows)
    assert rows["Upper limits from the shape, over all masses"] == f"{low} to {high} pb"
    older = verdict(replace(results, limits=None))
    assert older.headline == "No discovery: cross-sections above 1.9 pb are excluded (95% CL)"
    assert older.figure == "cls_scan"
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
