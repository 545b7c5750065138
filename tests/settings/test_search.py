"""The search file: what is read, and what is refused with which words."""

from pathlib import Path

import pytest

from analysis import cli
from analysis.folder.decisions import changed as changed_entries
from analysis.folder.decisions import decisions
from analysis.settings.search import Label, Search
from analysis.settings.search_file import read_search
from processors.selection import Selection
from tools.errors import InputError
from tools.samples import Axis, Catalogue

SEARCH = Path(__file__).parents[2] / "analysis" / "search.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = SEARCH.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in search.toml"
    path = tmp_path / "search.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_courses_decisions(search: Search) -> None:
    assert (search.window.low_GeV, search.window.high_GeV) == (400, 1100)
    assert (search.spectrum.low_GeV, search.spectrum.bin_GeV) == (0, 1)
    assert (search.systematics.resolution, search.systematics.energy_scale) == (0.06, 0)
    assert (search.peak.spurious_signal, search.peak.global_toys) == (0.2, 1000)
    assert search.peak.families[0] == "exp"
    masses = search.signal.masses_GeV
    assert (masses[0], masses[-1], len(masses)) == (500, 1000, 51)
    assert search.fit.lows_GeV[0] == search.fit.low_GeV
    assert search.fit.lows_GeV[-1] == search.fit.low_highest_GeV
    assert search.optimise.axes["n_jets"] == Axis(12, 0, 12)
    assert search.optimise.course_cuts["photon1_isolation"] == 0.8
    assert search.limits.confidence_level == 0.95
    limits = search.limits.masses.masses_GeV
    assert (limits[0], limits[-1], len(limits)) == (500, 1000, 21)
    decision = search.decision
    assert (decision.discovery_local_z, decision.discovery_global_z) == (5, 3)
    assert decision.evidence_global_z == 3
    assert search.label == Label("ATLAS", "Internal")
    assert search.path == SEARCH


def test_search_files_without_a_label_have_the_courses(tmp_path: Path, search: Search) -> None:
    text = SEARCH.read_text(encoding="utf-8")
    path = tmp_path / "search.toml"
    path.write_text(text[: text.index("[label]")], encoding="utf-8")
    assert read_search(path).label == search.label
    assert read_search(changed(tmp_path, '"Internal"', '""')).label == Label("ATLAS", "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('low = "400 GeV"', "low = 400", r"\[window\], low: 400 is not a energy"),
        ('low = "400 GeV"', 'low = "400 pb"', r"\[window\], low: 'pb' is not a unit of energy"),
        ('low = "400 GeV"', 'low = "1200 GeV"', r"\[window\]: `low` \(1200\) must be below"),
        ('low = "400 GeV"', 'low = "405 GeV"', r"\[window\], low: 405 is not a whole number"),
        ('low = "400 GeV"', 'low = "520 GeV"', r"\[window\] must hold the masses of \[signal\]"),
        ("[window]", "[windows]", r"unknown entry `windows` \(is it 'window'\?\); known: window"),
        ("[limits]", "[later]\n[limits]", r"unknown entry `later`; known: window, spectrum"),
        ("[limits]\n", "[limits]\nlevel = 1\n", r"\[limits\]: unknown entry `level`"),
        ('"Internal"', "1", r"\[label\], status: write a text of one line, at m"),
        (
            '"ATLAS"',
            f'"{17 * "x"}"',
            r"experiment: write a text of one line, at most 16 characters",
        ),
        ('status = "Internal"', "", r"\[label\]: `status` is missing"),
        ("gof_pvalue = 0.01", "gof_pvalue = 2", r"gof_pvalue: write a number from 0 to 1, not 2"),
        ("gof_pvalue = 0.01", "gof_pvalue = true", r"gof_pvalue: write a number .* not True"),
        ("gof_pvalue = 0.01", "", r"\[fit\]: `gof_pvalue` is missing"),
        ('"atlas-diphoton"]', '"spline"]', r"families: 'spline' is none of exp, power"),
        ('"atlas-diphoton"]', '"exp"]', r"families: list one or more of .* each once"),
        ("min_parameters = 4", "min_parameters = 4.5", r"min_parameters: write a whole number"),
        ("min_parameters = 4", "min_parameters = 9", r"`min_parameters` must not be above"),
        ('low_step = "50 GeV"', 'low_step = "40 GeV"', r"low_highest: 250 is not a whole number"),
        ('low_highest = "250 GeV"', 'low_highest = "50 GeV"', r"`low` must not be above"),
        ('low_highest = "250 GeV"', 'low_highest = "400 GeV"', r"sides of \[window\]"),
        ('high = "2000 GeV"', 'high = "2005 GeV"', r"\[fit\], high: 2005 is not a whole number"),
        ('high = "3000 GeV"', 'high = "1500 GeV"', r"the spectrum must hold \[fit\]"),
        ('bin = "1 GeV"', 'bin = "7 GeV"', r"\[spectrum\], bin: 3000 is not a whole number"),
        ('step = "10 GeV"', 'step = "30 GeV"', r"step: 1000 is not a whole number of 30 GeV steps"),
        ('step = "10 GeV"', 'step = "0 GeV"', r"\[signal.masses\], step: .* not"),
        (
            'step = "25 GeV"',
            'step = "30 GeV"',
            r"\[limits.masses\], step: 1000 is not a whole",
        ),
        ("spurious_signal = 0.2", "spurious_signal = -1", r"\[peak\], spurious_signal: .* not -1"),
        (
            "max_parameters = 7\nspurious_signal",
            "max_parameters = 3\nspurious_signal",
            r"\[peak\]: `max_parameters` must not be below `min_parameters` of \[fit\]",
        ),
        ("global_toys = 1000", "global_toys = 0.5", r"global_toys: write a whole number"),
        ("resolution = 0.06", "resolution = 6", r"\[systematics\], resolution: .* 0 to 0.5, not 6"),
        ("energy_scale = 0.0", "", r"\[systematics\]: `energy_scale` is missing"),
        ("[systematics]", "[systematic]", r"`systematic` \(is it 'systematics'\?\)"),
        ("masses = {", "masses = 3 # {", r"\[signal.masses\]: must be a table, not 3"),
        ('figure_of_merit = "s"', 'figure_of_merit = "t"', r"'t' is none of s, asimov"),
        ("n_jets = { bins = 12", "n_jets = { bins = 0", r"bins: write a number from 1"),
        ("low = 0, high = 12", "low = 12, high = 12", r"\[optimise.axes.n_jets\]: `low` \(12\)"),
        (
            "low = 0, high = 12",
            "low = 0, high = inf",
            r"n_jets\], high: write a number from .*, not",
        ),
        ("spurious_signal = 0.2", "spurious_signal = inf", r"a number from 0 to 1000, not inf"),
        ("n_jets = 6", "n_jets = nan", r"\[optimise.course_cuts\], n_jets: write a number from -1"),
        ("n_jets = 6", "n_jets = 1e308", r"\[optimise.course_cuts\], n_jets: .* not 1e.308"),
        ("gof_pvalue = 0.01", "gof_pvalu = 1", r"\[fit\]: .*`gof_pvalu` \(is it 'gof_pvalue'\?\)"),
        ('method = "best"', 'method = "scores"', r"\[optimise\], method: .* \(is it 'score'\?\)"),
        ('"signal_500"', "500", r"\[optimise\], reference_signal: write a text, not 500"),
        ('step = "10 GeV"', 'step = "0.1 GeV"', r"\[signal.masses\], step: it makes 5,000 steps"),
        ('bin = "1 GeV"', 'bin = "0.01 GeV"', r"\[spectrum\], bin: it makes 300,000 steps"),
        ('bin = "1 GeV"', 'bin = "0 GeV"', r"\[spectrum\], bin: a energy must be positive"),
        ('bin = "1 GeV"', 'bin = "1e308 GeV"', r"\[spectrum\], bin: '1e308 GeV' is no energy"),
        ('bin = "1 GeV"', 'bin = "900 TeV"', r"bin: 3000 is not a whole number of 900000 GeV"),
        ('low = "100 GeV"', 'low = "0 GeV"', r"\[fit\], low: a energy must be positive"),
        (
            'low_step = "50 GeV"',
            'low_step = "1 GeV"',
            r"\[fit\], low_step: it makes 150 steps, 100",
        ),
        (
            'bin = "10 GeV"',
            'bin = "0.3125 GeV"',
            r"\[fit\], bin: it makes 6,080 steps, 5,000 at mo",
        ),
        (
            "discovery_local_z = 5.0",
            "discovery_local_z = 1e308",
            r"local_z: .* to 1000, not 1e.308",
        ),
        ("sideband_events = 500 ", "sideband_events = 1e18 ", r"sideband_events: .* to 1e.15, not"),
        ("evidence_global_z = 3.0", "evidence_global_z = 6", r"must not be above `discovery_gl"),
    ],
)
def test_senseless_decisions_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(InputError, match=message) as error:
        read_search(path)
    assert str(path) in str(error.value)


REQUIREMENTS = """
[photons]
require = ["pt > 25", "not 1.37 <= abs(eta) < 1.52"]
order = "mva"
take = 2
[events]
require = ["photon1_pT / m_yy > 0.35"]
"""


def with_tables(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "search.toml"
    path.write_text(f"{SEARCH.read_text(encoding='utf-8')}\n{text}", encoding="utf-8")
    return path


def test_requirements_are_read_and_decide(tmp_path: Path, search: Search) -> None:
    required = read_search(with_tables(tmp_path, REQUIREMENTS)).required
    assert required.photons == ("pt > 25", "not 1.37 <= abs(eta) < 1.52")
    assert (required.events, required.order) == (("photon1_pT / m_yy > 0.35",), "mva")
    assert not search.required


def test_whoever_requires_nothing_decides_as_before(
    tmp_path: Path, catalogue: Catalogue, search: Search
) -> None:
    none = Selection({})
    plain = decisions(catalogue, search, none)
    assert {"photons", "events"}.isdisjoint(plain["search"])
    some = decisions(catalogue, read_search(with_tables(tmp_path, REQUIREMENTS)), none)
    assert changed_entries(plain, some) == ["search.events", "search.photons"]
    ordered = read_search(with_tables(tmp_path, '[photons]\norder = "mva"'))
    assert "photons" in decisions(catalogue, ordered, none)["search"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[photons]\nrequire = ['pt >']",
            r"\[photons\], require 1: 'pt >', character 1: it ca",
        ),
        ("[events]\nrequire = ['a < 1', 'a & b']", r"\[events\], require 2: .*write `and` for &"),
        (
            "[events]\nrequire = ['a', 'b', 'a']",
            r"require 3: 'a' stands there twice; leave",
        ),
        (
            "[events]\nrequire = ['__import__(\"os\")']",
            r"character 12: '\"' is not allowed",
        ),
        ("[events]\nrequire = 'a'", r"\[events\], require: write a list of texts, not 'a'"),
        ("[events]\norder = 'pt'", r"\[events\]: unknown entry `order`; known: require"),
        ("[photons]\norder = 'pt +'", r"\[photons\], order: 'pt \+'"),
        ("[photons]\ntake = 3", r"\[photons\], take"),
    ],
)
def test_what_is_no_requirement_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_search(with_tables(tmp_path, text))


def test_closure_refuses_requirements_that_it_could_not_follow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_tables(tmp_path, REQUIREMENTS)
    with pytest.raises(SystemExit) as end:
        cli.main(["closure", "--quick", "--search", str(path), "--out", str(tmp_path / "out")])
    assert end.value.code == 2
    assert "leave [photons] and [events] out" in " ".join(capsys.readouterr().err.split())
