"""Figures and words on score and categories: drawn and written is what events and files hold."""

# ruff: noqa: RUF001 - Greek and typographic signs are meant

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Text

from analysis.report import fits
from analysis.report.catalogue import figure_specs
from analysis.report.folder_results import FolderResults
from analysis.report.page import inference, selection_section
from analysis.report.page.layout import Section
from analysis.report.plots import measurement, score, selection, spectrum
from analysis.report.plots.style import Header, encode
from analysis.report.summary import objections, selection_table
from analysis.results.background import BackgroundFits, ChannelBackground, SpuriousSignals
from analysis.results.selection import ChosenSelection, ScoreRecord, Sculpting
from analysis.results.verdict import (
    ChannelCompatibility,
    ChannelStrength,
    ResonanceBins,
)
from analysis.selection.methods import select
from analysis.selection.scores import performance
from analysis.selection.scores.score_file import table_of_document
from analysis.selection.scores.training import Simulated
from analysis.settings.search import Search
from analysis.statistics.spectra.fitted import in_common, summed, weighted, weights_of
from processors.histograms import Binning, Counts, counts, fill, joint
from processors.histograms import spectrum as spectrum_histogram
from processors.score import ScoreTable, category_index
from processors.selection import Interval
from tests.made_up import (
    NO_FIT,
    a_candidate,
    a_channel,
    a_ledger,
    a_peak,
    a_sideband_fit,
    a_verdict,
    around,
)
from tools.errors import InputError
from tools.samples import Axis, Catalogue

HEADER = Header(14_000.0, 1298.1)
MASS = Binning("m_yy", 300, 0.0, 3000.0, "GeV")
AXES = {"n_jets": Axis(8, 0.0, 8.0), "n_leptons": Axis(6, 0.0, 6.0),
        "photon1_isolation": Axis(20, 0.5, 1.1)}  # fmt: skip
EVENTS = {"background": 40_000, "signal_500": 5_000, "signal_750": 5_000, "signal_1000": 5_000,
          "data": 30_000}  # fmt: skip
Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class World:
    """Made-up events with two columns that tell signal from background and one that does not."""

    search: Search
    chosen: ChosenSelection
    table: ScoreTable
    columns: Mapping[str, Columns]
    mass: Mapping[str, np.ndarray]
    histograms: Mapping[str, Mapping[str, Counts]]

    def category(self, name: str) -> np.ndarray:
        """Return the category of every event of a sample, -1 for none."""
        half = np.arange(len(self.mass[name])) % 2
        return category_index(self.table, self.columns[name], half, simulated=name != "data")

    def in_window(self, name: str) -> np.ndarray:
        return (self.mass[name] >= 400) & (self.mass[name] < 1100)


def record_of(world: World) -> ScoreRecord:
    assert world.chosen.score is not None
    return world.chosen.score


def events(name: str, rng: np.random.Generator) -> tuple[Columns, np.ndarray]:
    n, signal = EVENTS[name], name.startswith("signal")
    columns = {
        "n_jets": rng.poisson(2.0 if signal else 3.5, n),
        "n_leptons": rng.poisson(1.0, n),
        "photon1_isolation": rng.normal(0.72 if signal else 0.85, 0.08, n),
    }
    if signal:
        return columns, rng.normal(float(name.removeprefix("signal_")), 25.0, n)
    return columns, 100 + rng.exponential(130.0, n)


@pytest.fixture(scope="module")
def world(search: Search) -> World:
    """A selection of categories, chosen by the program itself."""
    rng = np.random.default_rng(20261)
    made = {name: events(name, rng) for name in EVENTS}
    binnings = [Binning(name, a.bins, a.low, a.high) for name, a in AXES.items()]
    histograms: dict[str, dict[str, Counts]] = {}
    for name, (columns, mass) in made.items():
        region = np.where((mass >= 400) & (mass < 1100), 0, 1)
        histograms[name] = {"joint": joint(binnings), "before/m_yy": counts(MASS.axis())}
        half = np.arange(len(mass)) % 2
        fill(histograms[name]["joint"], half, region, *(columns[a] for a in AXES))
        fill(histograms[name]["before/m_yy"], mass)
    small = replace(
        search,
        spectrum=replace(search.spectrum, bin_GeV=10.0),
        optimise=replace(search.optimise, axes=AXES, course_cuts={}),
        score=replace(search.score, sideband_events=50.0, background_events=50.0,
                      least_categories=3, most_categories=3),
    )  # fmt: skip
    joints = {name: named["joint"] for name, named in histograms.items() if name != "data"}
    weights = {name: 1.0 if name == "background" else 0.02 for name in joints}
    chosen = select(Simulated(joints, weights, "background"), small)
    assert chosen.score is not None
    expected = {
        m: {s: 2.0 + i for s in weights if s != "background"}
        for i, m in enumerate(("cuts", "score", "categories"))
    }
    selected = replace(chosen.selection, expected_fit_z=expected, complete=True)
    found = World(
        small, selected, table_of_document(chosen.score),
        {name: columns for name, (columns, _) in made.items()},
        {name: mass for name, (_, mass) in made.items()}, histograms,
    )  # fmt: skip
    for name, mass in found.mass.items():
        categories = found.category(name)
        histograms[name]["spectrum"] = spectrum_histogram(MASS, found.table.names)
        kept = categories >= 0
        words = np.array(found.table.names)[categories[kept]]
        fill(histograms[name]["spectrum"], words, mass[kept])
    return found


def fit_channel(share: float, *, signal: float | None) -> tuple[ChannelBackground, ResonanceBins]:
    """Return the background of a channel, and its part of the fit of a resonance."""
    edges = np.arange(100.0, 2000.1, 10.0)
    centres = edges[:-1] + 5
    expected = share * 3e4 * np.exp(-(centres - 100) / 130) + 0.01
    peak = np.exp(-0.5 * ((centres - 700) / 25) ** 2)
    peak *= (signal or 0.0) / peak.sum()
    observed = np.round(expected + peak)
    hidden = (centres > 400) & (centres < 1100) & (signal is None)
    spurious = SpuriousSignals(
        mass_GeV=np.array([500.0, 700.0]),
        events=np.array([-3.0 * share, 1.0]),
        error_events=np.array([20.0 * share, 9.0]),
    )
    candidate = a_candidate(
        "exp", 2, gof_pvalue=np.nan, worst_errors=0.1, worst_truth="bent", chosen=True
    )
    chosen = a_sideband_fit("exp", 3)
    background = a_channel(
        edges,
        np.where(hidden, np.nan, observed),
        expected,
        a_peak("exp", 2, spurious, candidate),
        chosen=chosen,
        candidates=(chosen, a_sideband_fit("dijet", 2, accepted=False, reason="misses")),
        predicted_events=float(expected[30:100].sum()),
        predicted_error_events=12.0,
    )
    part = slice(30, 100) if share > 0.2 else slice(0, 190)
    fit = ResonanceBins(
        edges_GeV=edges[part.start : part.stop + 1],
        observed_events=observed[part],
        signal_events=peak[part],
        background_events=expected[part],
    )
    return background, fit


SHARES = {"score_1": (0.6, 20.0), "score_2": (0.3, 40.0), "score_3": (0.1, 60.0)}
"""share of the background, and signal events"""


@pytest.fixture
def folder(world: World, catalogue: Catalogue) -> Callable[..., FolderResults]:
    """Return a function that gives the results of a folder with categories."""

    def make(*, blind: bool = False, data: bool = True) -> FolderResults:
        shown = {name: dict(named) for name, named in world.histograms.items()}
        if blind:
            shown["data"]["joint"] = sidebands_only(shown["data"]["joint"])
        if not data:
            del shown["data"]
        ledger = a_ledger(**{name: len(world.mass[name]) for name in shown})
        both = {n: fit_channel(b, signal=None if blind else s) for n, (b, s) in SHARES.items()}
        channels = {name: pair[0] for name, pair in both.items()}
        strength = around(1.5, 0.2, 0.3)
        fit = replace(
            NO_FIT,
            channels={name: pair[1] for name, pair in both.items()},
            cross_section_pb=strength,
            local_z_at_mass=7.0,
            by_channel={
                name: ChannelStrength(local_z=2.0 + i, strength=around(1.0 + i, 0.5, 0.75))
                for i, name in enumerate(SHARES)
            },
            compatibility=ChannelCompatibility(chi2=2.5, degrees_of_freedom=2, pvalue=0.287),
        )
        verdict = a_verdict(local_z=7.1, cross_section_pb=strength, fit=fit)
        return FolderResults(
            catalogue=catalogue, search=world.search, histograms=shown,
            ledger=ledger, cutflow={}, cuts=world.chosen.cuts,
            unblinded=not blind, after_unblinding=None, run=None, selection=world.chosen,
            background=BackgroundFits(channels=channels, of="data", complete=True),
            counting=None, scan=None, limits=None, freeze=None, unblinding=None,
            verdict=verdict if data and not blind else None, score=world.table,
        )  # fmt: skip

    return make


def sidebands_only(histogram: Counts) -> Counts:
    closed = histogram.copy()
    closed.view(flow=True)[:, 0] = 0
    return closed


@pytest.fixture
def scored(folder: Callable[..., FolderResults]) -> performance.Scored:
    found = folder().scored
    assert found is not None
    return found


def line(ax: Axes, title: str) -> np.ndarray:
    """Return the points of the line of some title, shape (n, 2)."""
    (found,) = [x for x in ax.lines if str(x.get_label()).startswith(title)]
    return np.asarray(found.get_xydata(), np.float64)


def with_gid(ax: Axes, gid: str) -> list[Any]:
    return [artist for artist in ax.findobj() if artist.get_gid() == gid]


def steps(ax: Axes) -> dict[str, np.ndarray]:
    patches = [p for p in ax.patches if isinstance(p, StepPatch)]
    return {str(p.get_label()): np.asarray(p.get_data()[0]) for p in patches}


def points(ax: Axes) -> np.ndarray:
    (found,) = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    return np.asarray(found.lines[0].get_xydata(), np.float64)


# ---- the score -----------------------------------------------------------------------------------


def test_efficiencies_are_those_of_counted_events(
    world: World, folder: Callable[..., FolderResults], scored: performance.Scored
) -> None:
    results = folder()
    found = performance.roc(scored)
    figure = score.roc(found, results.processes(1298.1), HEADER)
    (ax,) = figure.axes
    drawn = line(ax, "Categories: $s$ = ")
    for place, (efficiency, rejection) in enumerate(drawn):
        signal = world.category("signal_500")[world.in_window("signal_500")]
        background = world.category("background")
        assert efficiency == pytest.approx(np.mean(signal >= place))
        assert rejection == pytest.approx(1 / np.mean(background >= place))
    cuts = world.chosen.best_cuts
    passing = {
        name: np.all(
            [world.columns[name][c] < (cut.max or np.inf) for c, cut in cuts.items()], axis=0
        )
        for name in ("signal_500", "background")
    }
    ((efficiency, rejection),) = line(ax, "Best cuts: $s$ = ")
    inside = world.in_window("signal_500")
    assert efficiency == pytest.approx(np.mean(passing["signal_500"][inside]))
    assert rejection == pytest.approx(1 / np.mean(passing["background"]))
    curve = line(ax, "Signal 500 GeV")
    assert (np.diff(curve[:, 0]) <= 0).all()
    assert (np.diff(1 / curve[:, 1]) <= 0).all()
    assert ax.get_yscale() == "log"


def test_the_best_cut_touches_its_line_and_no_cut_reaches_the_bound(
    world: World, folder: Callable[..., FolderResults], scored: performance.Scored
) -> None:
    results = folder()
    found = performance.roc(scored)
    (ax,) = score.roc(found, results.processes(1298.1), HEADER).axes
    merits = {k: v or np.nan for k, v in world.chosen.significance.items()}
    ((efficiency, rejection),) = line(ax, "One cut: $s$ = ")
    assert efficiency * np.sqrt(rejection) == pytest.approx(merits["score_cut"] / merits["none"])
    for x, y in line(ax, "Bound: $s$ = "):
        assert x * np.sqrt(y) == pytest.approx(merits["bound"] / merits["none"])
    s = [x * np.sqrt(y) * merits["none"] for x, y in line(ax, "Signal 500 GeV")]
    assert max(s) < merits["categories"] < 1.02 * merits["bound"]


def test_the_scores_distributions_have_unit_area_and_the_categories_edges(
    world: World, folder: Callable[..., FolderResults], scored: performance.Scored
) -> None:
    results = folder()
    found = performance.score_shapes(scored)
    upper, lower = score.score_shapes(found, results.processes(1298.1), HEADER).axes
    drawn = steps(upper)
    assert set(drawn) == {"Background (sidebands)", "Signal 500 GeV", "Signal 750 GeV",
                          "Signal 1000 GeV"}  # fmt: skip
    assert [shape.sum() for shape in drawn.values()] == pytest.approx([1.0] * 4)
    assert points(upper)[:, 1].sum() == pytest.approx(1.0)
    edges = [float(x.get_xdata()[0]) for x in with_gid(upper, "edge")]
    assert edges == [edge for edge in world.table.edges if np.isfinite(edge)]
    # The highest category of signal, in bins: its part lies above the last edge, within one bin.
    above = drawn["Signal 500 GeV"][found.edges[:-1] >= edges[-1]].sum()
    wide = drawn["Signal 500 GeV"][found.edges[1:] > edges[-1]].sum()
    own = world.category("signal_500")[world.in_window("signal_500")]
    assert above <= np.mean(own == len(edges) - 1) + 1e-9 <= wide + 2e-9
    # Data and simulation have one law: most ratios (of 50, each within 2 errors: 95 %) are near 1.
    ratios = [c.lines[0] for c in lower.containers if isinstance(c, ErrorbarContainer)]
    ratio = np.concatenate([each.get_ydata() for each in ratios])
    assert abs(np.median(ratio) - 1) < 0.05


def test_blind_data_are_of_the_sidebands(folder: Callable[..., FolderResults]) -> None:
    shapes = []
    for blind in (True, False):
        found = folder(blind=blind).scored
        assert found is not None
        data = performance.score_shapes(found).data
        assert data is not None
        shapes.append(data)
    assert shapes[0].tolist() == shapes[1].tolist()
    assert shapes[0].sum() > 0
    named = {d.name: d for d in figure_specs(folder(blind=True))}
    (ax,) = named["n_minus_1_n_jets"].draw().axes
    assert not ax.containers, "the data of the window are not drawn"


def test_without_data_the_distributions_are_simulation(
    folder: Callable[..., FolderResults],
) -> None:
    results = folder(data=False)
    found = results.scored
    assert found is not None
    figure = score.score_shapes(performance.score_shapes(found), results.processes(1298.1), HEADER)
    assert len(figure.axes) == 1
    assert any("Simulation" in str(text.get_text()) for text in figure.findobj(Text))
    encode(figure, "png")


def test_a_column_without_information_is_worth_nothing(
    scored: performance.Scored,
) -> None:
    rows = performance.importance(scored)
    assert [row.column for row in rows] == ["photon1_isolation", "n_jets", "n_leptons"]
    # Pinned seed; another one would fail at 5 errors once in a million.
    assert abs(rows[-1].loss) < 5 * rows[-1].error + 0.005
    assert rows[0].loss > 0.2
    factors = scored.chosen.score.bound_factors if scored.chosen.score else {}
    (ax,) = score.importance(rows, HEADER).axes
    (bound,) = with_gid(ax, "bound")
    assert bound.get_xdata() == pytest.approx([100 * (1 - 1 / factors[r.column]) for r in rows])
    bars = [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)]
    assert bars == pytest.approx([100 * r.loss for r in rows])
    assert next(t.get_text() for t in ax.get_yticklabels()) == "Isolation of photon 1"


def test_columns_after_the_cut_on_all_the_others(world: World, scored: performance.Scored) -> None:
    found = performance.n_minus_1(scored)
    assert set(found) == set(AXES)
    for column, cut in scored.without.items():
        table = replace(world.table, folds=cut.folds, edges=(cut.cut,))
        for name in ("background", "data"):
            half = np.arange(len(world.mass[name])) % 2
            passing = category_index(table, world.columns[name], half, simulated=name != "data")
            inside = (passing == 0) & (world.columns[name][column] < AXES[column].high)
            inside &= world.columns[name][column] >= AXES[column].low
            # A cell on the edge of the cut may fall to either side in the sum of two tables.
            wanted = float(inside.sum())
            assert found[column][name].values().sum() == pytest.approx(wanted, rel=0.02)


# ---- the mass ------------------------------------------------------------------------------------


def test_the_mass_of_a_category_and_of_the_rest_are_all_events(
    world: World, folder: Callable[..., FolderResults]
) -> None:
    found = folder().sculpted
    assert tuple(found) == world.table.names
    mass = world.mass["background"]
    shown = (mass >= 100) & (mass < 2000)
    for place, one in enumerate(found.values()):
        own = shown & (world.category("background") == place)
        assert one.kept.sum() == own.sum()
        assert one.rest.sum() == (shown & ~own).sum()
        assert not one.found.flagged
    figure = {d.name: d for d in figure_specs(folder())}["mass_by_category"].draw()
    encode(figure, "png")
    written = [str(t.get_text()) for t in figure.findobj(Text)]
    for place, one in enumerate(found.values()):
        assert f"Category {place + 1}" in written
        assert f"$p$ = {one.found.pvalue:.2g}" in written
    assert "Flagged" not in written


def test_a_bent_spectrum_is_flagged_on_its_frame(folder: Callable[..., FolderResults]) -> None:
    results = folder()
    flat = results.histograms["background"]
    bent = flat["spectrum"].copy()
    extra = np.full(70, 3)
    bent.view()[-1, 40:110] += extra
    everything = flat["before/m_yy"].copy()
    everything.view()[40:110] += extra
    bent_too = {**flat, "spectrum": bent, "before/m_yy": everything}
    results = replace(results, histograms={**results.histograms, "background": bent_too})
    found = results.sculpted
    assert [one.found.flagged for one in found.values()][-1]
    figure = {d.name: d for d in figure_specs(results)}["mass_by_category"].draw()
    assert "Flagged" in [str(t.get_text()) for t in figure.findobj(Text)]


# ---- fits ----------------------------------------------------------------------------------------


def test_the_sum_of_the_sidebands_is_that_of_all_categories(
    folder: Callable[..., FolderResults],
) -> None:
    each = fits.sideband_fits(folder())
    total = fits.sideband_fit(folder())
    assert total is not None
    assert total.counts == pytest.approx(sum(fit.counts for fit in each.values()))
    assert total.background == pytest.approx(sum(fit.background for fit in each.values()))
    assert total.function == "exp 3"
    assert [fit.notes[0] for fit in each.values()] == ["exp 3"] * 3
    inside = each["score_1"].counts[30:100].sum()
    assert f"Obs.: {inside:,.0f}" in each["score_1"].notes


def test_weights_keep_the_signal_and_follow_signal_over_background(
    folder: Callable[..., FolderResults],
) -> None:
    each = fits.resonance_fits(folder())
    weights = weights_of(each)
    signals = np.array([fit.signal.sum() for fit in each.values() if fit.signal is not None])
    assert weights @ signals == pytest.approx(signals.sum())
    assert (np.diff(weights) > 0).all(), "the best category weighs most"
    # 90 % of the signal: 1.64 widths of 25 GeV on either side of 700 GeV, in nine whole bins.
    low, high = (np.searchsorted(each["score_3"].edges_GeV, x) for x in (660.0, 750.0))
    fit = each["score_3"]
    assert fit.signal is not None
    ratio = fit.signal[low:high].sum() / fit.background[low:high].sum()
    fit = each["score_2"]
    assert fit.signal is not None
    low, high = (np.searchsorted(fit.edges_GeV, x) for x in (660.0, 750.0))
    other = fit.signal[low:high].sum() / fit.background[low:high].sum()
    expected = np.log1p(ratio) / np.log1p(other)
    assert weights[2] / weights[1] == pytest.approx(expected, rel=0.02)
    total = fits.resonance_fit(folder())
    assert total is not None
    assert total.weighted
    assert (total.edges_GeV[0], total.edges_GeV[-1]) == (400.0, 1100.0), "the range of all"
    parts = in_common(each).values()
    fitted = np.array([p.background + p.signal for p in parts if p.signal is not None])
    scale = (weights**2 @ fitted) / (weights @ fitted)  # of the fit, whatever was observed
    assert total.variances == pytest.approx(total.counts * scale)
    figure = spectrum.fit(total, HEADER)
    upper, _ = figure.axes
    assert upper.get_ylabel() == "Weighted events / 10 GeV"
    drawn = points(upper)
    there = total.counts > 0
    assert drawn[:, 1] == pytest.approx(total.counts[there])
    (container,) = [c for c in upper.containers if isinstance(c, ErrorbarContainer)]
    (bars,) = container.lines[2]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert np.ptp(ends, axis=1) / 2 == pytest.approx(np.sqrt(total.variances[there]))


def test_without_a_signal_the_sum_is_plain(folder: Callable[..., FolderResults]) -> None:
    each = {
        name: replace(fit, signal=0 * fit.background)
        for name, fit in fits.resonance_fits(folder()).items()
    }
    total = weighted(each)
    assert not total.weighted
    parts = in_common(each).values()
    assert total.counts == pytest.approx(sum(p.counts for p in parts))
    assert total.signal is not None
    assert not total.signal.any()


def test_bins_that_do_not_fit_together_are_refused(folder: Callable[..., FolderResults]) -> None:
    each = fits.resonance_fits(folder())
    odd = replace(each["score_3"], edges_GeV=each["score_3"].edges_GeV + 3.0)
    with pytest.raises(InputError, match="bins that do not fit together"):
        summed({**each, "score_3": odd})


def test_every_category_has_its_frame_with_its_own_contents(
    folder: Callable[..., FolderResults],
) -> None:
    named = {d.name: d for d in figure_specs(folder())}
    for name, wanted in (
        ("sideband_fit_categories", fits.sideband_fits(folder())),
        ("resonance_fit_categories", in_common(fits.resonance_fits(folder()))),
    ):
        figure = named[name].draw()
        frames = [ax for ax in figure.axes if with_gid(ax, "category")]
        assert [with_gid(ax, "category")[0].get_text() for ax in frames] == [
            "Category 1", "Category 2", "Category 3",
        ]  # fmt: skip
        for ax, fit in zip(frames, wanted.values(), strict=True):
            assert points(ax)[:, 1] == pytest.approx(fit.counts[fit.counts > 0])


def test_blind_frames_have_no_point_in_the_window(folder: Callable[..., FolderResults]) -> None:
    results = folder(blind=True)
    named = {d.name: d for d in figure_specs(results)}
    assert not {name for name in named if name.startswith(("resonance", "category_strengths"))}
    figure = named["sideband_fit_categories"].draw()
    for ax in [ax for ax in figure.axes if with_gid(ax, "category")]:
        assert not Interval(400, 1100).contains(points(ax)[:, 0]).any()
        (shade,) = with_gid(ax, "window")
        assert shade.get_hatch() == "//"
        assert not any("Obs." in t.get_text() for t in with_gid(ax, "note"))


def test_without_data_every_category_has_its_own_simulation(
    world: World, folder: Callable[..., FolderResults]
) -> None:
    results = folder(data=False)
    assert results.background is not None
    for channel in results.background.channels.values():
        channel.bins.observed_events[:] = np.nan
    each = fits.sideband_fits(results)
    mass = world.mass["background"]
    (weight,) = {p.weight for p in results.processes(1298.1) if p.kind == "background"}
    for place, fit in enumerate(each.values()):
        own = (world.category("background") == place) & (mass >= 100) & (mass < 2000)
        assert fit.simulated
        assert fit.counts.sum() == pytest.approx(own.sum() * weight)
    figure = {d.name: d for d in figure_specs(results)}["sideband_fit_categories"].draw()
    assert any("Simulation" in str(t.get_text()) for t in figure.findobj(Text))


def test_the_strengths_of_the_categories_stand_beside_the_combined_one(
    folder: Callable[..., FolderResults],
) -> None:
    verdict = folder().verdict
    assert verdict is not None
    fit = verdict.fit
    assert fit is not None
    (ax,) = measurement.category_strengths(fit, HEADER).axes
    assert points(ax).tolist() == [[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]]
    (band,) = with_gid(ax, "combined")
    x = band.get_paths()[0].vertices[:, 0]
    assert (x.min(), x.max()) == (1.3, 1.8)
    assert any("2.5 / 2, $p$ = 0.29" in t.get_text() for t in ax.texts)
    assert [t.get_text() for t in ax.get_yticklabels()] == [f"Category {i}" for i in (1, 2, 3)]
    bare = replace(fit, cross_section_pb=None, compatibility=None)
    encode(measurement.category_strengths(bare, HEADER), "png")
    lost = ChannelStrength(local_z=np.nan, strength=around(np.nan, np.nan))
    for none in (None, {}, {"score_1": lost}):
        assert not measurement.strengths_of(replace(fit, by_channel=none))


# ---- which figures -------------------------------------------------------------------------------

CATEGORIES = {"sideband_fit", "sideband_fit_categories", "spurious_signal", "tournament_score_1",
              "tournament_score_2", "tournament_score_3", "score_roc", "score_shapes",
              "score_columns", "mass_by_category", "selection_comparison", "expected_fit",
              "n_minus_1_n_jets", "n_minus_1_n_leptons",
              "n_minus_1_photon1_isolation"}  # fmt: skip
OPEN = {"resonance_fit", "resonance_fit_categories", "category_strengths"}


def test_the_figures_of_categories(folder: Callable[..., FolderResults]) -> None:
    def names(results: FolderResults) -> set[str]:
        own = {d.name for d in figure_specs(results)}
        return {n for n in own if not n.startswith(("shape", "yield", "m_yy", "n_jets_scan"))}

    assert names(folder()) == CATEGORIES | OPEN
    assert names(folder(blind=True)) == CATEGORIES
    assert names(replace(folder(), verdict=None)) == CATEGORIES
    no_score = names(replace(folder(), score=None))
    assert not {n for n in no_score if n.startswith(("score", "n_minus_1"))}
    assert "mass_by_category" in no_score
    assert not names(replace(folder(), histograms={}, selection=None, background=None,
                             verdict=None))  # fmt: skip


def test_nothing_is_clipped(folder: Callable[..., FolderResults]) -> None:
    seen = {"tournament_score_2", "tournament_score_3", "n_minus_1_n_leptons"}  # as the first ones
    for drawing in figure_specs(folder()):
        if drawing.name not in (CATEGORIES | OPEN) - seen:
            continue
        figure = drawing.draw()
        is_inside(figure, drawing.name)
        assert legends_are_free(figure), drawing.name


@pytest.mark.parametrize("categories", [1, 2, 4, 8])
def test_any_number_of_categories_has_room(
    folder: Callable[..., FolderResults], categories: int
) -> None:
    one = folder().sculpted["score_1"]
    names = [f"score_{place + 1}" for place in range(categories)] if categories > 1 else ["all"]
    figure = score.mass_by_category(dict.fromkeys(names, one), HEADER)
    is_inside(figure, f"{categories} categories")
    assert legends_are_free(figure)
    assert len(figure.axes) == 1 + 2 * categories


def is_inside(figure: Figure, name: str) -> None:
    encode(figure, "png")
    width, height = figure.get_size_inches() * figure.dpi
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box is not None
        assert box.x0 >= -1, name
        assert box.y0 >= -1, name
        assert box.x1 <= width + 1, name
        assert box.y1 <= height + 1, name


def legends_are_free(figure: Figure) -> bool:
    """Whether no label of the experiment lies under a legend."""
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is None:
            continue
        below = legend.get_window_extent()
        for text in (t for t in ax.texts if t.get_text() and not t.get_gid()):
            if below.overlaps(text.get_window_extent()):
                return False
    return True


def test_the_expected_fit_is_that_of_every_method(
    world: World, folder: Callable[..., FolderResults]
) -> None:
    figure = selection.expected_fit(world.chosen, folder().processes(1298.1), HEADER)
    (ax,) = figure.axes
    drawn = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    assert len(drawn) == 3
    for container in drawn:
        assert np.asarray(container.lines[0].get_xdata()).tolist() == [2.0, 3.0, 4.0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["best cuts", "one score cut",
                                                           "categories"]  # fmt: skip
    assert "sigma" in ax.get_xlabel()


# ---- words ---------------------------------------------------------------------------------------


def words(section: Section) -> str:
    cells = [c for t in section.tables for row in (t.head, *t.rows, t.notes) for c in row]
    return " | ".join([section.title, *section.sentences, *cells]).replace("\xa0", " ")


def test_the_page_tells_method_categories_and_guards(
    world: World, folder: Callable[..., FolderResults]
) -> None:
    said = words(selection_section.selection(folder()))
    assert "3 categories of a score (likelihood ratio)" in said
    assert "the one that is worth most" in said
    for place, row in enumerate(record_of(world).categories):
        assert f"Category {place + 1} | " in said
        assert f"{row.sideband_data_events:,.0f}" in said
    assert "exp 2" in said
    assert "(0.15 σ) at 500 GeV" in said
    assert "fit, signal_500" in said
    guards = words(selection_section.score(folder()))
    for found in (record_of(world).overtraining, record_of(world).optimism):
        assert f"worth {found.there:.4g} there" in guards
    assert "has p = " in guards
    for name, factor in record_of(world).bound_factors.items():
        assert f"{name} | x {factor:.4g}" in guards


def test_the_page_has_one_section_of_each_kind(folder: Callable[..., FolderResults]) -> None:
    sections = list(inference.sections(folder()))
    anchors = [section.anchor for section in sections]
    assert len(anchors) == len(set(anchors)), "or figures stand on the page twice"
    said = {section.anchor: words(section) for section in sections}
    assert "in each of the 3 categories" in said["sidebands"]
    assert "Category 2 | dijet 2 | misses" in said["sidebands"]
    assert "Category 3: exp 2, fitted from 400 to 1,100 GeV" in said["tournament"]
    assert "Category 1 | exp 2 | window | 3 | – | 0.1 | bent | 1 of 1" in said["tournament"]
    assert "Category 2 | 3.00 σ | 2.00 +0.75 −0.50 pb" in said["fit"]
    assert "χ² / d.o.f. = 2.5 / 2, p = 0.29" in said["fit"]


def test_what_speaks_against_a_method_is_told_once(
    world: World, folder: Callable[..., FolderResults]
) -> None:
    flag = "the score depends on the mass (p = 1e-09)"
    chosen = replace(
        world.chosen,
        method="cuts",
        cuts=world.chosen.best_cuts,
        flags={"cuts": (), "score": (flag,), "categories": (flag,)},
        sculpting={"n_jets": Sculpting(900.0, 100.0, 1e-9, 1e-9, flagged=True)},
    )
    assert objections(chosen) == [
        f"against one score cut and categories of a score: {flag}",
        "the cut on n_jets distorts the mass spectrum by +900 +- 100 events",
    ]
    results = replace(folder(), selection=chosen, score=None)
    said = words(selection_section.selection(results))
    assert flag in said
    assert "The best rectangular cuts: n_jets < " in said
    assert "the one that is worth most" in said
    assert "not in use" in words(selection_section.score(results))
    text = selection_table(chosen)
    assert text.count(flag) == 1
    assert text.endswith("in use: best cuts")
    asked = replace(chosen, flags={"cuts": (), "score": (), "categories": ()})
    assert "This method was asked for" in words(
        selection_section.selection(replace(results, selection=asked))
    )


def test_the_terminal_has_the_categories_and_the_expected_fit(world: World) -> None:
    text = selection_table(world.chosen)
    assert "expected significance of the fit" in text
    assert "3 categories of a score (likelihood ratio):" in text
    for row in record_of(world).categories:
        assert f"{row.sideband_data_events:,.0f}" in text
    bound = world.chosen.significance["bound"]
    assert f"{bound:.2f} +- " in text
    assert text.endswith("in use: categories of a score")
