"""Settings that do not fit each other are refused by name, before the first chunk is opened."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis import cli
from analysis.settings.search import Search
from analysis.settings.settings_check import check_together
from tools.errors import InputError
from tools.manifest import Manifest
from tools.names import nearest
from tools.samples import read_catalogue

ROOT = Path(__file__).parents[2]
SAMPLES, SEARCH, SELECTION = "samples.toml", "search.toml", "selection.json"
N_JETS = "n_jets = { bins = 12, low = 0, high = 12 }"
ISOLATION = "photon1_isolation = { bins = 40"
BACKGROUND = """[samples.more]
kind = "background"
cross_section = "1 pb"
filter_efficiency = 0.1
events = 10
files = []

"""
COLUMN = '[columns.%s]\nunit = "1"\ntype = "int8"\nmeaning = ""\n'
COLUMN += "axis = { bins = 2, low = 0, high = 1 }\n\n"

MANY = '[columns.a%d]\nunit = "1"\ntype = "int8"\nmeaning = ""\n'
MANY += "axis = { bins = 10_000, low = 0, high = 1 }\n\n"

Change = tuple[str, str, str]
"""file, and what to write there in place of what"""


@pytest.fixture
def place(chunks: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both settings files, and with a manifest whose chunks are not there."""
    shutil.copy(ROOT / "datasets" / "course.toml", tmp_path / SAMPLES)
    shutil.copy(ROOT / "analysis" / "search.toml", tmp_path / SEARCH)
    (tmp_path / SELECTION).write_text('{"cuts": {"n_jets": {"max": 6}}}', encoding="utf-8")
    shutil.copy(chunks.folder / "manifest.json", tmp_path / "manifest.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def xyy(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str]]:
    """Return what runs a command with both settings files, and returns exit code and message."""

    def run(*words: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as end:
            cli.main([*words, "--samples", SAMPLES, "--search", SEARCH])
        return end.value.code, capsys.readouterr().err.strip()

    return run


PROCESS = ("process", "manifest.json", "--out", "out", "--selection", SELECTION)


def change(place: Path, file: str, old: str, new: str) -> None:
    text = (place / file).read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    (place / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_right_settings_come_to_the_chunks(
    place: Path, xyy: Callable[..., tuple[object, str]]
) -> None:
    """Which are not there: whatever is refused below is refused before they are opened."""
    code, message = xyy(*PROCESS)
    assert code == 1
    assert "events were lost in 4 chunks" in message
    assert (place / "out" / "ledger.json").exists()


WRONG: dict[str, tuple[Change, str]] = {
    "axis of no column": (
        (SEARCH, N_JETS, "n_jest = { bins = 12, low = 0, high = 12 }"),
        (
            r"search.toml, \[optimise.axes\], n_jest: samples.toml declares no column 'n_jest' "
            r"\(is it 'n_jets'\?\); it declares: photon1_pT, "
        ),
    ),
    "axis of what is computed": (
        (SEARCH, N_JETS, f"{N_JETS}\nm_yy = {{ bins = 2, low = 0, high = 9 }}"),
        r"\[optimise.axes\], m_yy: .* no column 'm_yy' \(it is computed, and cuts are on columns",
    ),
    "axis where no events are": (
        (SEARCH, "low = 0, high = 12", "low = 100, high = 112"),
        r"\[optimise.axes\], n_jets: 100 to 112 is outside the column's own axis, 0 to 25",
    ),
    "axes beyond the memory": (
        (SEARCH, ISOLATION, "photon1_isolation = { bins = 4_000"),
        (
            r"search.toml, \[optimise.axes\]: their joint histogram has 28,238,112 cells of n_jets,"
            r" .*at most 2,000,000 are filled: use fewer columns or wider bins"
        ),
    ),
    "columns beyond the memory": (
        (SAMPLES, "[columns.n_jets]", "".join(MANY % n for n in range(100)) + "[columns.n_jets]"),
        r"samples.toml, \[columns\]: their axes have 1,001,\d+ bins together, 1,000,000 at most",
    ),
    "course's cut on no axis": (
        (SEARCH, "n_leptons = 7", "n_lepton = 7"),
        (
            r"search.toml, \[optimise.course_cuts\], n_lepton: it is not in \[optimise.axes\] "
            r"\(is it 'n_leptons'\?\)"
        ),
    ),
    "course's cut off the edges": (
        (SEARCH, "n_jets = 6", "n_jets = 5.5"),
        r"\[optimise.course_cuts\], n_jets: 5.5 is not at an edge of .*; the nearest is 6",
    ),
    "course's cut beyond the edges": (
        (SEARCH, "n_jets = 6", "n_jets = 60"),
        r"\[optimise.course_cuts\], n_jets: 60 is not at an edge of .*; the nearest is 12",
    ),
    "reference that is not declared": (
        (SEARCH, '"signal_500"', '"signal_50"'),
        (
            r"search.toml, \[optimise\], reference_signal: samples.toml declares no signal "
            r"'signal_50' \(is it 'signal_500'\?\); it declares: signal_500, "
        ),
    ),
    "reference that is no signal": (
        (SEARCH, '"signal_500"', '"background"'),
        r"\[optimise\], reference_signal: samples.toml declares no signal 'background'",
    ),
    "limits where nothing is searched": (
        (
            SEARCH,
            '[limits]\nconfidence_level = 0.95\nmasses = { low = "500',
            '[limits]\nconfidence_level = 0.95\nmasses = { low = "450',
        ),
        (
            r"search.toml, \[limits.masses\], low: 450 GeV is not among the masses of \[signal\], "
            r"500 to 1000 GeV; change either"
        ),
    ),
    "misspelt table": (
        (SEARCH, "[limits]", "[limit]"),
        r"search.toml: unknown entry `limit` \(is it 'limits'\?\); known: window, ",
    ),
    "two backgrounds": (
        (SAMPLES, "[samples.data]", f"{BACKGROUND}[samples.data]"),
        (
            r'samples.toml, \[samples\]: 2 samples have kind = "background" \(background, more\), '
            r"and the selection is chosen against one; declare one"
        ),
    ),
    "two data samples": (
        (SAMPLES, "[samples.data]", '[samples.b]\nkind = "data"\nfiles = []\n\n[samples.data]'),
        r'samples.toml, \[samples\]: 2 samples have kind = "data" \(b, data\)',
    ),
    "two signals of a mass": (
        (SAMPLES, 'mass = "750 GeV"', 'mass = "500 GeV"'),
        r"samples.toml, \[samples.signal_750\], mass: 500 GeV is that of signal_500, too",
    ),
    "signal beside the window": (
        (SAMPLES, 'mass = "1000 GeV"', 'mass = "1500 GeV"'),
        r"samples.toml, \[samples.signal_1000\], mass: 1500 GeV is outside \[window\] of search.to",
    ),
    "photon that is not declared": (
        (SAMPLES, "[columns.photon2_eta]", "[columns.photon2_Eta]"),
        (
            r"samples.toml: \[columns.photon2_eta\] is missing, and the diphoton mass is made of "
            r"it \(is it 'photon2_Eta'\?\)"
        ),
    ),
    "photon in another unit": (
        (SAMPLES, 'unit = "GeV"', 'unit = "MeV"'),
        r"samples.toml, \[columns.photon1_pT\], unit: .* made of it in GeV, not in 'MeV'",
    ),
    "column with the name of what is computed": (
        (SAMPLES, "[columns.n_jets]", f"{COLUMN % 'delta_R'}[columns.n_jets]"),
        r"samples.toml, \[columns.delta_R\]: the name is taken by what is computed",
    ),
    "energy below the fit": (
        (SAMPLES, '"14 TeV"', '"1.4 TeV"'),
        r"search.toml, \[fit\], high: 2000 GeV is not below the `collision_energy` of samples.toml",
    ),
    "sample of another kind": (
        (SAMPLES, 'kind = "signal"\nmass = "750 GeV"', 'kind = "data"\n# mass = "750 GeV"'),
        r"samples.toml, \[samples.signal_750\]: unknown entry `cross_section`; known: kind, files",
    ),
    "sample that is not declared": (
        (SAMPLES, "[samples.signal_750]", "[samples.signal750]"),
        r"samples.toml declares no sample 'signal_750' \(is it 'signal750'\?\); it declares: ",
    ),
    "column that the chunks do not have": (
        (SEARCH, N_JETS, f"{N_JETS}\nmine = {{ bins = 2, low = 0, high = 1 }}"),
        r"search.toml, \[optimise.axes\], mine: samples.toml declares no column 'mine'",
    ),
    "cut on no column": (
        (SELECTION, "n_jets", "n_jest"),
        (
            r"selection.json, \[cuts\], n_jest: samples.toml declares no column 'n_jest' "
            r"\(is it 'n_jets'\?\)"
        ),
    ),
    "cut that keeps nothing": (
        (SELECTION, '"max"', '"min": 7, "max"'),
        r"selection.json, \[cuts.n_jets\]: a cut from 7 to 6 keeps nothing; `cuts` must read",
    ),
    "cut at no number": (
        (SELECTION, "6", "NaN"),
        r"selection.json cannot be read as JSON \(no number of JSON: NaN\); make it again",
    ),
    "cut in another direction": (
        (SELECTION, "max", "mx"),
        r"selection.json, \[cuts.n_jets\]: unknown entry `mx` \(is it 'max'\?\); known: min, max",
    ),
    "selection by no method": (
        (SELECTION, "{", '{"method": "cutz", '),
        r"selection.json, method: 'cutz' is none of best, cuts, score, categories \(is it 'cuts'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings_are_refused_before_the_first_chunk(
    place: Path, xyy: Callable[..., tuple[object, str]], case: str
) -> None:
    changed, message = WRONG[case]
    change(place, *changed)
    code, told = xyy(*PROCESS)
    assert re.search(message, told), told
    assert code == 2
    left = {path.name for path in (place / "out").rglob("*")} if (place / "out").exists() else set()
    assert left.isdisjoint({"ledger.json", "histograms.zip", "checkpoints"})


def test_a_declared_column_that_the_chunks_do_not_have(
    place: Path, xyy: Callable[..., tuple[object, str]]
) -> None:
    change(place, SAMPLES, "[columns.n_jets]", f"{COLUMN % 'mine'}[columns.n_jets]")
    change(place, SELECTION, "n_jets", "mine")
    code, told = xyy(*PROCESS)
    assert re.search(r"manifest.json: the chunks have no column 'mine'; convert their files", told)
    assert code == 2
    assert not (place / "out" / "ledger.json").exists()


def test_chunks_of_another_kind_are_refused(
    place: Path, xyy: Callable[..., tuple[object, str]]
) -> None:
    change(place, "manifest.json", '"kind": "signal"', '"kind": "data"')
    code, told = xyy(*PROCESS)
    assert re.search(
        r"manifest.json: signal_\d+ was converted as data, and is declared as signal in "
        r"samples.toml, \[samples.signal_\d+\], kind; convert it again",
        told,
    )
    assert code == 2


def test_cuts_by_hand_in_a_folder_are_checked_when_they_are_frozen(
    place: Path, xyy: Callable[..., tuple[object, str]]
) -> None:
    change(place, SELECTION, "n_jets", "n_jest")
    code, told = xyy("freeze", ".")
    assert "selection.json, [cuts], n_jest: samples.toml declares no column 'n_jest'" in told
    assert code == 2
    assert not (place / "freeze.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("process", "manifest.json", "--out", "out"),
        ("plan", "manifest.json"),
        ("optimise", "."),
        ("freeze", "."),
        ("infer", "."),
        ("report", "."),
        ("run", "--out", "out", "--chunks", "chunks"),
        ("bench", "--quick"),
        ("closure", "--quick", "--out", "out"),
        ("export", "root", "."),
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_reads_both_files_checks_them(
    place: Path, xyy: Callable[..., tuple[object, str]], words: tuple[str, ...]
) -> None:
    change(place, SEARCH, '"signal_500"', '"signal_50"')
    before = sorted(place.rglob("*"))
    code, told = xyy(*words)
    assert "search.toml, [optimise], reference_signal: samples.toml declares no signal" in told
    assert code == 2
    assert [path for path in sorted(place.rglob("*")) if path.name != ".lock"] == before


def test_what_a_run_needs_is_missed_before_anything_is_generated(
    place: Path, xyy: Callable[..., tuple[object, str]]
) -> None:
    run = ("run", "--out", "out", "--chunks", "chunks")
    change(place, SEARCH, N_JETS, f"{N_JETS}\nphoton1_pT = {{ bins = 3, low = 0, high = 900 }}")
    change(place, SEARCH, ISOLATION, "photon1_isolation = { bins = 12")
    change(place, SEARCH, "photon1_isolation = 0.8", "")
    code, told = xyy(*run)
    assert code == 4
    assert "a score of photon1_pT would learn the diphoton mass" in told
    assert not (place / "chunks").exists()


def test_data_without_a_sample_are_refused_before_anything_is_generated(
    place: Path, xyy: Callable[..., tuple[object, str]]
) -> None:
    text = (place / SAMPLES).read_text(encoding="utf-8")
    start, end = text.index("[samples.data]"), text.index("# ---- columns")
    (place / SAMPLES).write_text(text[:start] + text[end:], encoding="utf-8")
    code, told = xyy("run", "--universe", "1", "--out", "out", "--chunks", "chunks")
    assert code == 2
    assert 'samples.toml: no sample has kind = "data"; declare one' in told
    assert not (place / "chunks").exists()


def test_names_given_as_options_have_their_nearest_too(
    place: Path, xyy: Callable[..., tuple[object, str]]
) -> None:
    assert place == Path.cwd()
    code, told = xyy(*PROCESS, "--only", "backgroud")
    assert code == 2
    assert "has no sample 'backgroud' (is it 'background'?); it holds: background" in told
    code, told = xyy("infer", ".", "--only", "limit")
    assert code == 2
    assert "--only: there is no 'limit' (is it 'limits'?); there are: " in told


def test_the_shipped_settings_fit_each_other(search: Search) -> None:
    for name in ("course.toml", "hllhc.toml"):
        check_together(read_catalogue(ROOT / "datasets" / name), search)


def test_nearest_names() -> None:
    assert nearest("signal_50", ["signal_500", "signal_750"]) == " (is it 'signal_500'?)"
    assert nearest(7, []) == ""
    with pytest.raises(InputError, match="no sample 'signl_500' "):
        read_catalogue(ROOT / "datasets" / "course.toml").sample("signl_500")


def test_masses_far_from_any_simulated_signal_are_refused(search: Search) -> None:
    catalogue = read_catalogue(ROOT / "datasets" / "course.toml")
    kept = {n: s for n, s in catalogue.samples.items() if n not in ("signal_500", "signal_750")}
    search = replace(search, optimise=replace(search.optimise, reference_signal="signal_1000"))
    check_together(replace(catalogue, samples=kept), search)
    kept["signal_1000"] = replace(kept["signal_1000"], mass_GeV=1050.0)
    said = r"\[signal\], low: 500 GeV is farther than 50% from 1050 GeV, .* \(signal_1000\)"
    with pytest.raises(InputError, match=said):
        check_together(replace(catalogue, samples=kept), search)
