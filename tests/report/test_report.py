"""The report: the figures of every state of a folder, and a page that is whole, true and safe."""

# ruff: noqa: RUF001 - Greek and typographic signs are meant

import base64
import cProfile
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from matplotlib.text import Text

from analysis import cli
from analysis.commands.console import Console
from analysis.folder.folder import Folder, Project
from analysis.folder.histogram_file import read_histograms, write_histograms
from analysis.report.catalogue import figure_specs
from analysis.report.distributions import mass_bin_GeV
from analysis.report.fits import resonance_fit, sideband_fit
from analysis.report.folder_results import FolderResults, read_results
from analysis.report.page.layout import Image
from analysis.report.page.render import render
from analysis.report.page.search import selected_functions
from analysis.report.page.wording import NOTHING, interval
from analysis.report.plots.style import encode
from analysis.report.summary import verdict_summary
from analysis.report.writing import report_folder
from analysis.results.background import BackgroundFits
from analysis.results.codec import Content
from analysis.results.counting import Counting
from analysis.results.limits import MassLimits
from analysis.results.scan import Scan
from analysis.results.verdict import Deficit, Verdict
from analysis.settings.search import Label, Search
from analysis.workflow import pipeline, stages
from tools.errors import InputError
from tools.executors import Execution
from tools.generate import DEFAULT_SEED
from tools.json_file import write_sealed
from tools.samples import Catalogue, read_catalogue
from tools.sources import Observed
from tools.universe import truth_of

ROOT = Path(__file__).parents[2]
KEPT = {
    "spectrum", "cutflow", "before/m_yy", "after/m_yy", "before/n_jets", "n_minus_1/n_jets",
}  # fmt: skip
"""histograms that the tests' folders keep: with all of them a report has 50 figures, not 12"""
MINE = {"mine.txt", "mine.pdf"}
ALWAYS = {
    "sideband_fit", "cls_scan", "n_jets_scan", "selection_comparison", "cutflow", "m_yy_before",
    "m_yy_after", "n_minus_1_n_jets", "shape_m_yy", "shape_n_jets", "yield_n_jets",
    "tournament", "spurious_signal", "p0_scan", "mass_limits", "expected_fit", "mass_by_category",
}  # fmt: skip
SEEN = {
    "resonance_fit", "contour", "profile_mass", "profile_strength", "nuisances", "stability",
}  # fmt: skip
"""of open data with an excess"""
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
"""a single point"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """A fifth of the course's luminosity, and small simulation."""
    text = (ROOT / "datasets" / "course.toml").read_text()
    text = text.replace('"1298.1 / pb"', '"259.62 / pb"')
    text = text.replace("= 100_000", "= 80_000").replace("= 10_000", "= 4_000")
    path = tmp_path_factory.mktemp("samples") / "small.toml"
    path.write_text(text)
    return read_catalogue(path)


Make = Callable[[str], Folder]


@pytest.fixture(scope="module")
def made(small: Catalogue, quick: Search, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return a function that makes, once, a folder in some state by the real pipeline."""
    place = tmp_path_factory.mktemp("place")
    folders: dict[str, Folder] = {}

    def universe(*, exists: bool) -> int:
        """Return the loudest universe above 600 GeV of the first forty, or the first without X."""
        truths = [truth_of(DEFAULT_SEED, number, small) for number in range(40)]
        if not exists:
            return next(number for number, truth in enumerate(truths) if not truth.exists)
        loudness = [
            (t.cross_section_pb or 0.0) * ((t.mass_GeV or 0.0) > 600) * t.exists for t in truths
        ]
        return int(np.argmax(loudness))

    def make(state: str) -> Folder:
        if state not in folders:
            observed = Observed(
                universe=None if state == "no data" else universe(exists=state != "limit")
            )
            request = pipeline.Request(
                out=place / state.replace(" ", "_"),
                chunks=place / "chunks",
                catalogue=small,
                search=quick,
                observed=observed,
                seed=DEFAULT_SEED,
                execution=Execution(),
                unblind="the test says so" if state in ("discovery", "limit") else None,
                until="infer",
            )
            folders[state] = pipeline.run(request, Console(quiet=True))
            histograms = read_histograms(folders[state].histograms)
            few = {
                sample: {name: h for name, h in named.items() if name in KEPT}
                for sample, named in histograms.items()
            }
            write_histograms(folders[state].histograms, few)
        return folders[state]

    return make


@pytest.fixture
def copy(made: Make, tmp_path: Path) -> Make:
    """Return a function that copies such a folder, to be changed."""

    def make(state: str) -> Folder:
        shutil.copytree(made(state).path, tmp_path / "copy", dirs_exist_ok=True)
        return Folder(tmp_path / "copy")

    return make


def edit(folder: Folder, name: str, **changes: Any) -> None:
    document = json.loads((folder.path / name).read_text())
    write_sealed(folder.path / name, {**document, **changes})


def rewrite(folder: Folder, kind: type[Content], **changes: Any) -> Content:
    """Write a result of a folder with other values."""
    changed = replace(folder.load(kind, made_by="infer"), **changes)  # type: ignore[type-var]
    folder.save(changed)
    return changed


def names(results: FolderResults) -> set[str]:
    return {drawing.name for drawing in figure_specs(results)}


class Page(HTMLParser):
    """What a browser makes of a page: its text, its tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\xa0", " ").split())


def page_of(folder: Folder, catalogue: Catalogue, quick: Search) -> Page:
    """Return the page of a folder with a point for every figure."""
    results = read_results(folder, catalogue, quick)
    images = [Image(d.name, d.section, d.caption, PNG) for d in figure_specs(results)]
    return Page(render(results, images))


# ---- files ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reported(
    made: Make, small: Catalogue, quick: Search, tmp_path_factory: pytest.TempPathFactory
) -> Folder:
    """A reported discovery, over what an earlier report left, and a person."""
    folder = Folder(tmp_path_factory.mktemp("reported") / "folder")
    shutil.copytree(made("discovery").path, folder.path)
    folder.figures.mkdir()
    for suffix in ("pdf", "png", "json"):
        (folder.figures / f"scan.{suffix}").write_text('{"frames": []}')
    for name in MINE:
        (folder.figures / name).write_text("%PDF")
    report_folder(Project(folder, small, quick))
    return folder


def test_every_figure_is_there_as_pdf_png_and_numbers_and_no_other(reported: Folder) -> None:
    wanted = {f"{name}.{s}" for name in ALWAYS | SEEN for s in ("pdf", "png", "json")}
    assert {path.name for path in reported.figures.iterdir()} == wanted | MINE
    for path in reported.figures.glob("*.pdf"):
        assert path.read_bytes().startswith(b"%PDF")


def test_the_numbers_of_figures_are_those_of_the_result_files(reported: Folder) -> None:
    def curve(figure: str, title: str) -> dict[str, Any]:
        document = json.loads((reported.figures / f"{figure}.json").read_text())
        curves = document["frames"][0]["curves"]
        return next(dict(found) for found in curves if found["title"] == title)

    limits = reported.load(MassLimits, made_by="infer")
    assert limits.observed is not None
    known = [None if np.isnan(each) else each for each in limits.observed.tolist()]
    assert curve("mass_limits", "Observed")["y"] == known
    band = curve("mass_limits", r"Expected $\pm\mathrm{1}\sigma$")
    for end, place in (("low", "-1"), ("high", "1")):
        there = [each for each in band[end] if each is not None]
        assert there == [each for each in limits.expected[place] if not np.isnan(each)]
    observed = curve("p0_scan", "Observed")
    assert observed["x"] == reported.load(Scan, made_by="infer").mass_GeV.tolist()
    background = reported.load(BackgroundFits, made_by="infer")
    counts = background.channels["all"].bins.observed_events
    assert curve("sideband_fit", "Data")["y"] == counts[counts > 0].tolist()


def test_the_page_holds_every_figure_and_asks_the_network_for_nothing(reported: Folder) -> None:
    html = (reported.path / "report.html").read_text()
    page = Page(html)
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    inside = {base64.b64decode(source.partition(",")[2]) for source in sources}
    assert inside == {path.read_bytes() for path in reported.figures.glob("*.png")}
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "form"}
    check_script(page, html)
    assert not re.search(
        r"""(?:https?:)?//[a-z]|@import|url\(""", re.sub(r"base64,[^\"]*", "", html)
    )
    assert len(html) < 5_000_000
    for tag, attributes in page.tags:
        if tag == "img":
            assert attributes["alt"]
        if tag == "a":
            assert f'id="{(attributes["href"] or "")[1:]}"' in html


def check_script(page: Page, html: str) -> None:
    """Check that the page's own script is the only one, and the only one that browsers run."""
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]
    script = html[html.rindex("<script>") + len("<script>") : html.rindex("</script>")]
    own = ROOT / "analysis" / "report" / "page" / "templates" / "report.js"
    assert script == own.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (
        attributes["content"] or ""
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}'" in policy


def test_equal_folders_have_equal_bytes(
    made: Make, reported: Folder, small: Catalogue, quick: Search, tmp_path: Path
) -> None:
    again = Folder(tmp_path / "again")
    shutil.copytree(made("discovery").path, again.path)
    report_folder(Project(again, small, quick), workers=2)  # one drew those of the other
    for path in [*again.figures.iterdir(), again.path / "report.html"]:
        assert path.read_bytes() == (reported.path / path.relative_to(again.path)).read_bytes()


def test_a_thousand_times_the_events_cost_no_more(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    """Figures and page are made of histograms: 1.35e9 events are as many bins as 1e6."""
    folder, scale = copy("discovery"), 1350
    calls = []
    for _ in range(2):
        results = read_results(folder, small, quick)
        of_events = [
            d for d in figure_specs(results) if re.match("m_yy_a|shape_n|yield|mass_by|cut", d.name)
        ]
        assert len(of_events) == 5
        profile = cProfile.Profile()
        with profile:
            images = [
                Image(d.name, d.section, d.caption, encode(d.draw(), "png")) for d in of_events
            ]
            render(results, images)
        calls.append(sum(entry.callcount for entry in profile.getstats()))
        multiply(folder, scale)
    few, many = calls
    assert many < 1.1 * few


def multiply(folder: Folder, scale: int) -> None:
    """Make a folder one of `scale` times as many events."""
    histograms = read_histograms(folder.histograms)
    for named in histograms.values():
        for histogram in named.values():
            histogram.view(flow=True)[...] *= scale
    write_histograms(folder.histograms, histograms)
    ledger = json.loads((folder.path / "ledger.json").read_text())
    for entry in ledger["samples"].values():
        for key in ("planned_events", "processed_events"):
            entry[key] *= scale
    write_sealed(folder.path / "ledger.json", ledger)


# ---- states --------------------------------------------------------------------------------------


def test_a_discovery_is_told_with_its_numbers(made: Make, small: Catalogue, quick: Search) -> None:
    folder = made("discovery")
    page = page_of(folder, small, quick)
    verdict = folder.load(Verdict, made_by="infer")
    assert verdict.counting is not None
    assert page.text.index("Discovery: a resonance at") < page.text.index("Samples and weights")
    assert f"at {interval(verdict.mass_GeV, 'GeV')}".replace("\xa0", " ") in page.text
    assert f"{verdict.local_z:.2f} σ" in page.text
    assert f"{verdict.counting.observed_events:,.0f}" in page.text
    assert "259.62 / pb x 12865 pb x 0.081 = 270,540.92 expected events" in page.text
    assert "The data were unblinded. Reason: the test says so" in page.text
    assert "Changes after unblinding" not in page.text, "there are none"
    assert names(read_results(folder, small, quick)) == ALWAYS | SEEN


def test_a_limit_is_told_with_its_reason(made: Make, small: Catalogue, quick: Search) -> None:
    folder = made("limit")
    page = page_of(folder, small, quick)
    observed = folder.load(MassLimits, made_by="infer").observed
    assert observed is not None
    above = f"{min(observed):.2g} to {max(observed):.2g}"
    assert f"cross-sections above {above} pb are excluded (95% CL)" in page.text
    assert "mass and cross-section are not quoted" in page.text
    limit = folder.load(Counting, made_by="infer").limit
    assert limit.observed_pb is not None
    assert limit.curve is not None
    assert limit.curve.observed_cls is not None
    level = np.interp(limit.observed_pb, limit.curve.cross_section_pb, limit.curve.observed_cls)
    assert level == pytest.approx(0.05, rel=0.1)
    median = limit.expected_pb["0"]
    assert median is not None
    level = np.interp(median, limit.curve.cross_section_pb, limit.curve.expected_cls["0"])
    assert level == pytest.approx(0.05, rel=0.1)


def test_blind_data_are_nowhere_in_the_window(made: Make, small: Catalogue, quick: Search) -> None:
    results = read_results(made("blind"), small, quick)
    assert names(results) == ALWAYS
    page = page_of(made("blind"), small, quick)
    assert "Blind: expected results" in page.text
    assert "The data are blind" in page.text
    assert "In the signal window" in page.text
    assert "blind" in page.text.split("In the signal window, 400 to 1100 GeV")[1]
    found = sideband_fit(results)
    assert found is not None
    centres = (found.edges_GeV[1:] + found.edges_GeV[:-1]) / 2
    inside = (centres > 400) & (centres < 1100)
    assert np.isnan(found.counts[inside]).all()
    assert np.isfinite(found.counts[~inside]).all()
    assert resonance_fit(results) is None
    assert results.counting is not None
    assert results.counting.limit.curve is not None
    assert results.counting.limit.curve.observed_cls is None


def test_columns_of_blind_data_are_not_compared_with_simulation_of_all_masses(
    made: Make, small: Catalogue, quick: Search
) -> None:
    for state, compared in (("blind", False), ("discovery", True)):
        results = read_results(made(state), small, quick)
        by_name = {drawing.name: drawing for drawing in figure_specs(results)}
        for name in ("yield_n_jets", "n_minus_1_n_jets"):
            (ax,) = by_name[name].draw().axes
            assert bool(ax.containers) is compared


def test_without_data_everything_is_expected(made: Make, small: Catalogue, quick: Search) -> None:
    results = read_results(made("no data"), small, quick)
    assert names(results) == ALWAYS
    page = page_of(made("no data"), small, quick)
    assert "No data: expected results" in page.text
    assert "There are no observed data" in page.text
    found = sideband_fit(results)
    assert found is not None
    assert found.simulated
    # Points and curve are the same simulation: they agree within its statistics (4 sigma).
    total, error = found.counts.sum(), np.sqrt(found.variances.sum())
    assert abs(total - found.background.sum()) < 4 * error
    assert encode(next(d for d in figure_specs(results) if d.name == "sideband_fit").draw(), "png")


def test_what_is_not_there_is_left_out(copy: Make, small: Catalogue, quick: Search) -> None:
    folder = copy("blind")
    gone = ("background.json", "counting.json", "scan.json", "limits.json", "verdict.json",
            "selection.json", "run.json", "freeze.json", "cutflow.json")  # fmt: skip
    for name in gone:
        (folder.path / name).unlink()
    write_histograms(
        folder.histograms,
        {s: {"spectrum": n["spectrum"]} for s, n in read_histograms(folder.histograms).items()},
    )
    assert names(read_results(folder, small, quick)) == set()
    page = page_of(folder, small, quick)
    for words in ("Not inferred yet", "There is no cutflow yet.", "No selection was chosen yet.",
                  "Nothing is frozen yet."):  # fmt: skip
        assert words in page.text


def test_evidence_and_warnings_are_told(copy: Make, small: Catalogue, quick: Search) -> None:
    folder = copy("discovery")
    rewrite(folder, Verdict, decision="evidence", warnings=("look at the sidebands",))
    page = page_of(folder, small, quick)
    assert "Evidence for a resonance at" in page.text
    assert "Warning: look at the sidebands." in page.text


def text_of(folder: Folder, catalogue: Catalogue, quick: Search) -> str:
    """Return the words of a folder's page, without figures."""
    html = render(read_results(folder, catalogue, quick), [])
    return Page(re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)).text


def test_options_that_the_page_advises_are_options_of_the_program(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("discovery")
    masses = folder.load(MassLimits, made_by="infer").mass_GeV
    rewrite(folder, MassLimits, low_counts=(True,) * len(masses))
    text = text_of(folder, small, quick)
    assert f"{masses[0]:g} GeV * " in text
    advised = re.findall(r"(?<!\S)--[a-z-]+", text)
    infer = typer.main.get_group(cli.app).commands["infer"]
    assert advised == ["--limit-toys"]
    assert set(advised) <= {option for each in infer.params for option in each.opts}


def test_every_column_of_the_tournament_has_numbers(
    made: Make, small: Catalogue, quick: Search
) -> None:
    results = read_results(made("discovery"), small, quick)
    assert results.background is not None
    (section,) = selected_functions(results)
    (table,) = section.tables
    peak = results.background.channels["all"].peak
    assert len(table.rows) == len(peak.candidates)
    assert [row[-1] for row in table.rows].count("chosen") == 1
    for title, *cells in zip(table.head, *table.rows, strict=True):
        assert set(cells) - {NOTHING, ""}, title


def test_the_function_under_a_peak_stands_below_its_false_signals(
    made: Make, small: Catalogue, quick: Search
) -> None:
    folder = made("discovery")
    peak = folder.load(BackgroundFits, made_by="infer").channels["all"].peak
    told = f"The function under a peak: {peak.family} of order {peak.order}."
    assert told in text_of(folder, small, quick)


def test_the_largest_deficit_is_that_of_the_fit(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("discovery")
    fit = folder.load(Verdict, made_by="infer").fit
    assert fit is not None
    rewrite(folder, Verdict, fit=replace(fit, deficit=Deficit(mass_GeV=545.0, signed_z=-1.4)))
    assert "Largest deficit, local −1.40 σ at 545 GeV" in text_of(folder, small, quick)
    rewrite(folder, Verdict, fit=replace(fit, deficit=None))
    assert "Largest deficit" not in text_of(folder, small, quick)


@pytest.mark.parametrize("state", ["discovery", "limit", "blind", "no data"])
def test_what_has_no_number_is_a_dash(
    made: Make, small: Catalogue, quick: Search, state: str
) -> None:
    assert not re.search(r"\b(None|nan|null)\b", text_of(made(state), small, quick))


def test_numbers_that_were_not_found_are_dashes(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("discovery")
    verdict = folder.load(Verdict, made_by="infer")
    assert verdict.fit is not None
    assert verdict.fit.mass_GeV is not None
    assert verdict.fit.nuisances is not None
    first, *others = verdict.fit.nuisances
    lost = replace(first, pull=np.nan, pull_error=np.nan, impact_up=np.nan)
    mass = replace(verdict.fit.mass_GeV, high=np.nan)
    fit = replace(verdict.fit, nuisances=(lost, *others), mass_GeV=mass)
    rewrite(folder, Verdict, mass_GeV=mass, fit=fit)
    limits = folder.load(MassLimits, made_by="infer")
    rewrite(folder, MassLimits, observed=np.full(len(limits.mass_GeV), np.nan))
    text = text_of(folder, small, quick)
    assert not re.search(r"\bnan\b", text)
    assert f"{first.name} – –" in text
    assert f"Discovery: a resonance at {mass.value:.4g} GeV" in text
    assert "Upper limits from the shape, over all masses" not in text
    assert f"mass {mass.value:.1f} +none -" in " ".join(verdict_summary(folder).split())


def test_a_folder_that_was_not_processed_is_refused(
    tmp_path: Path, small: Catalogue, quick: Search
) -> None:
    with pytest.raises(InputError, match=r"ledger\.json is not there; make it with `xyy process`"):
        report_folder(Project(Folder(tmp_path), small, quick))


def test_samples_of_another_catalogue_are_refused(
    made: Make, small: Catalogue, quick: Search
) -> None:
    other = replace(small, samples={"background": small.samples["background"]})
    with pytest.raises(InputError, match="declares no sample 'signal_500'"):
        read_results(made("no data"), other, quick)


# ---- reservations --------------------------------------------------------------------------------


def test_reservations_stand_on_every_figure_and_first_on_the_page(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("discovery")
    ledger = json.loads((folder.path / "ledger.json").read_text())
    ledger["samples"]["background"]["processed_events"] -= 1500
    ledger["samples"]["background"]["failed"] = [
        {"file": "part-1.root", "entry_start": 0, "entry_stop": 1500, "error": "truncated"}
    ]
    ledger["complete"] = False
    write_sealed(folder.path / "ledger.json", ledger)
    change = {"reason": "a wrong cut", "changed": ["selection.n_jets.max"], "digest": "abc"}
    edit(folder, "unblinding.json", changes=[change])
    results = read_results(folder, small, quick)
    assert results.caveats == (
        "Generated samples",
        "Incomplete: 1,500 events are missing",
        "Changed after unblinding: a wrong cut (selection.n_jets.max)",
    )
    for drawing in figure_specs(results):
        labels = [each for each in drawing.draw().findobj(Text) if each.get_gid() == "stamp"]
        assert "Changed after unblinding: a wrong cut" in labels[0].get_text()
    page = page_of(folder, small, quick)
    assert page.text.index("a wrong cut") < page.text.index("Discovery")
    assert "part-1.root 0 to 1,500 truncated" in page.text
    assert "selection.n_jets.max" in page.text


def test_some_generated_samples_are_told_apart(copy: Make, small: Catalogue, quick: Search) -> None:
    folder = copy("no data")
    for record in ("run.json", "ledger.json"):
        edit(folder, record, generated_samples=["background"])
    assert read_results(folder, small, quick).caveats == ("Partly generated samples",)
    edit(folder, "run.json", generated_samples=[])  # as of a folder that `xyy run` did not make
    assert read_results(folder, small, quick).caveats == ("Partly generated samples",)
    edit(folder, "ledger.json", generated_samples=[])
    assert read_results(folder, small, quick).caveats == ()


# ---- labels --------------------------------------------------------------------------------------


def test_the_label_is_the_search_files_and_decides_nothing(
    made: Make, small: Catalogue, quick: Search
) -> None:
    folder = made("discovery")
    other = replace(quick, label=Label("CMS", "for $5"))
    results = read_results(folder, small, other)
    by_name = {drawing.name: drawing for drawing in figure_specs(results)}
    for name in ("sideband_fit", "p0_scan", "mass_limits", "n_jets_scan"):
        texts = [text.get_text() for text in by_name[name].draw().findobj(Text)]
        assert any("CMS" in text for text in texts)
        assert not any("ATLAS" in text or "Internal" in text for text in texts)
        assert any(r"for \$5" in text for text in texts), "no formula"
    assert encode(by_name["p0_scan"].draw(), "png")
    works = [Project(folder, small, search) for search in (quick, other)]
    frozen = [stages.decided_in(work) for work in works]
    assert frozen[0] == frozen[1], "a changed label is no changed decision"
    inputs = {stages.inputs("report", work) for work in works}
    assert len(inputs) == 2, "the figures are drawn again"


# ---- safety --------------------------------------------------------------------------------------

EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script> $x^2$ &amp;"


def test_texts_appear_as_text(copy: Make, small: Catalogue, quick: Search) -> None:
    folder = copy("discovery")
    edit(folder, "run.json", data=EVIL)
    change = {"reason": EVIL, "changed": [EVIL], "digest": EVIL}
    edit(folder, "unblinding.json", reason=EVIL, changes=[change])
    failed = [{"file": EVIL, "entry_start": 0, "entry_stop": 1, "error": EVIL}]
    ledger = json.loads((folder.path / "ledger.json").read_text())
    ledger["samples"]["background"]["failed"] = failed
    ledger["provenance"]["host"] = EVIL
    write_sealed(folder.path / "ledger.json", ledger)
    rewrite(folder, Verdict, warnings=(EVIL,), reason=EVIL)
    results = read_results(folder, small, quick)
    html = render(results, [Image("figure", "cutflow", EVIL, PNG)])
    page = Page(html)
    assert page.text.count(EVIL) >= 10
    check_script(page, html)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == [EVIL]
    assert all("onerror" not in attributes for _, attributes in page.tags)
    drawing = next(iter(figure_specs(results)))
    assert encode(drawing.draw(), "pdf"), "no formula in the label"


def test_columns_may_be_called_anything(copy: Make, small: Catalogue, quick: Search) -> None:
    """A column's name becomes part of a file's name, of an axis and of a caption."""
    folder = copy("no data")
    odd = replace(
        small,
        columns=tuple(
            replace(c, name="../n $jets$") if c.name == "n_jets" else c for c in small.columns
        ),
    )
    few = {
        sample: {"before/../n $jets$": named["before/n_jets"]}
        for sample, named in read_histograms(folder.histograms).items()
    }
    results = replace(read_results(folder, odd, quick), histograms=few)
    (shape,) = (d for d in figure_specs(results) if d.name.startswith("shape"))
    assert shape.name == "shape_.._n__jets_"
    assert encode(shape.draw(), "png")


def test_nothing_on_the_page_depends_on_provenance(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("blind")
    pages = []
    for host in ("here", "there"):
        document = json.loads((folder.path / "counting.json").read_text())
        edit(folder, "counting.json", provenance={**document["provenance"], "host": host})
        pages.append(render(read_results(folder, small, quick), []))
    assert pages[0] == pages[1]


# ---- normalisation -------------------------------------------------------------------------------


def test_figures_with_data_are_normalised_to_the_data(
    made: Make, small: Catalogue, quick: Search
) -> None:
    tenth = replace(small, data_luminosity_invpb=small.luminosity_invpb / 10)
    with_data = read_results(made("blind"), tenth, quick)
    without = read_results(made("no data"), tenth, quick)
    assert with_data.luminosity_invpb == pytest.approx(25.962)
    assert without.luminosity_invpb == pytest.approx(259.62)
    weights = [r.processes(r.luminosity_invpb)[0].weight for r in (with_data, without)]
    assert weights[1] == pytest.approx(270_540.92 / 80_000, rel=1e-6)
    assert weights[0] == pytest.approx(weights[1] / 10)
    page = page_of(made("blind"), tenth, quick)
    assert "the data have 25.962/pb, and figures are normalised to that" in page.text


def test_signals_of_one_mass_are_told_apart_by_name(
    made: Make, small: Catalogue, quick: Search
) -> None:
    samples: Mapping[str, Any] = {
        name: replace(s, mass_GeV=500.0) if s.kind == "signal" else s
        for name, s in small.samples.items()
    }
    results = read_results(made("no data"), replace(small, samples=samples), quick)
    titles = [process.title for process in results.processes(1.0)]
    assert titles == ["Background", "signal_500", "signal_750", "signal_1000"]


@pytest.mark.parametrize(("low", "width"), [(400.0, 20.0), (410.0, 10.0)])
def test_bins_of_the_mass_end_where_the_window_does(
    made: Make, small: Catalogue, quick: Search, low: float, width: float
) -> None:
    moved = replace(quick, window=replace(quick.window, low_GeV=low))
    assert mass_bin_GeV(read_results(made("no data"), small, moved)) == width
