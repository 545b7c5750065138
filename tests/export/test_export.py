"""Exports: what HEPData's validator, pyhf and uproot make of them, and what never leaves blind."""

import io
import json
import resource
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest
import uproot
import yaml
from hepdata_validator.full_submission_validator import FullSubmissionValidator

from analysis import cli
from analysis.commands.console import Console
from analysis.export.formats import FORMATS
from analysis.export.hepdata import hepdata_files
from analysis.export.hepdata_format import Errors, HepDataTable, Variable, measured, submission
from analysis.export.pyhf_format import workspace_files
from analysis.export.root_format import about, root_files
from analysis.export.source import inferred, read_processed
from analysis.export.writing import Files, write_files
from analysis.folder.folder import Folder, Project
from analysis.folder.histogram_file import read_histograms
from analysis.report.folder_results import FolderResults
from analysis.results.counting import Counting
from analysis.results.limits import MassLimits
from analysis.results.verdict import Verdict
from analysis.settings.search import Search
from analysis.settings.search_file import read_search
from analysis.statistics.limits.band import MassPoint, mass_limit
from analysis.statistics.limits.template_fit import strength_scale
from analysis.statistics.limits.workspaces import ChannelTemplates, workspace
from analysis.statistics.limits_results import limits_result
from analysis.statistics.verdict import Terms
from analysis.workflow import pipeline
from processors.histograms import Counts
from tools.errors import InputError, RefusedError, XyyError
from tools.executors import Execution
from tools.generate import DEFAULT_SEED
from tools.json_file import write_json, write_sealed
from tools.samples import Catalogue, read_catalogue
from tools.sources import Observed
from tools.universe import truth_of

ROOT = Path(__file__).parents[2]
Make = Callable[[str], Folder]
Document = dict[str, Any]


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twentieth of the course's luminosity, and small simulation."""
    text = (ROOT / "datasets" / "course.toml").read_text()
    text = text.replace('"1298.1 / pb"', '"64.905 / pb"')
    text = text.replace("= 100_000", "= 30_000").replace("= 10_000", "= 3_000")
    path = tmp_path_factory.mktemp("samples") / "small.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def small(small_file: Path) -> Catalogue:
    return read_catalogue(small_file)


@pytest.fixture(scope="module")
def quick(quickest_file: Path) -> Search:
    """Decisions that are made even more quickly."""
    return read_search(quickest_file)


@pytest.fixture(scope="module")
def made(small: Catalogue, quick: Search, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return a function that gives a folder, "blind" or "open": the same analysis, then opened."""
    place = tmp_path_factory.mktemp("place")
    truths = [truth_of(DEFAULT_SEED, number, small) for number in range(60)]
    loud = [(t.cross_section_pb or 0.0) * ((t.mass_GeV or 0.0) > 600) for t in truths]
    request = pipeline.Request(
        out=place / "blind",
        chunks=place / "chunks",
        catalogue=small,
        search=quick,
        observed=Observed(universe=int(np.argmax(loud))),
        seed=DEFAULT_SEED,
        execution=Execution(),
        until="infer",
    )
    console = Console(quiet=True)
    folders = {"blind": pipeline.run(request, console)}
    shutil.copytree(place / "blind", place / "open")
    opened = replace(request, out=place / "open", unblind="the test says so")
    folders["open"] = pipeline.run(opened, console)
    return folders.__getitem__


@pytest.fixture
def copy(made: Make, tmp_path: Path) -> Make:
    """Return a function that copies such a folder, to be changed."""

    def make(state: str) -> Folder:
        shutil.copytree(made(state).path, tmp_path / "copy")
        return Folder(tmp_path / "copy")

    return make


def edit(folder: Folder, name: str, **changes: Any) -> None:
    document = json.loads((folder.path / name).read_text())
    write = write_sealed if "provenance" in document else write_json
    write(folder.path / name, {**document, **changes})


@pytest.fixture(scope="module")
def exported(
    made: Make, small: Catalogue, quick: Search, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """Return a function that gives a format's files of a folder, written once."""
    place = tmp_path_factory.mktemp("exported")
    done: dict[tuple[str, str], Path] = {}

    def export(name: str, state: str) -> Path:
        if (name, state) not in done:
            told: list[str] = []
            files = FORMATS[name](Project(made(state), small, quick))
            assert not told
            done[name, state] = place / state / name
            write_files(done[name, state], files)
        return done[name, state]

    return export


def results_of(folder: Folder, small: Catalogue, quick: Search) -> FolderResults:
    return read_processed(Project(folder, small, quick))


# ---- HEPData -------------------------------------------------------------------------------------


def valid(folder: Path) -> FullSubmissionValidator:
    """Validate with the official validator; return it."""
    validator = FullSubmissionValidator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it does not close what it opens
        is_valid = validator.validate(directory=str(folder))
    assert is_valid, [m.message for of in validator.get_messages().values() for m in of]
    return validator


def table(folder: Path, name: str) -> dict[str, list[Document]]:
    """Return a table as {name of a variable: its entries}."""
    content = yaml.safe_load((folder / f"{name}.yaml").read_text())
    variables = content["independent_variables"] + content["dependent_variables"]
    return {variable["header"]["name"]: variable["values"] for variable in variables}


def values(entries: list[Document]) -> list[Any]:
    return [entry["value"] for entry in entries]


MASS, CROSS_SECTION = r"$m_{\gamma\gamma}$", r"$\sigma(pp \to X \to \gamma\gamma)$"


@pytest.mark.parametrize("state", ["blind", "open"])
def test_the_submission_is_valid(exported: Callable[[str, str], Path], state: str) -> None:
    folder = exported("hepdata", state)
    files = {path.name for path in folder.iterdir()}
    wanted = {"submission", "selected_spectrum", "local_significance", "limits", "cutflow"}
    wanted |= {"counting"} | ({"resonance", "resonance_fit"} if state == "open" else set())
    assert files == {f"{name}.yaml" for name in wanted}
    assert len(valid(folder).submission_docs) == len(wanted)


def test_the_tables_hold_the_numbers_of_the_result_files(
    made: Make, exported: Callable[[str, str], Path]
) -> None:
    results, folder = made("open"), exported("hepdata", "open")
    limits, scan = results.read("limits.json", made_by=""), results.read("scan.json", made_by="")
    shown = table(folder, "limits")
    six = pytest.approx
    there = [row for row, reason in enumerate(limits["reasons"]) if reason is None]
    observed, expected_0 = limits["observed_pb"], limits["expected_pb"]["0"]
    for title, known in (("Observed limit", observed), ("Expected limit", expected_0)):
        found = values(shown[title])
        assert [found[row] for row in there] == six([known[row] for row in there], rel=5e-6)
    for row, entry in enumerate(shown["Expected limit"]):
        if row not in there:
            assert entry == {"value": "-"}
            continue
        for error, n in zip(entry["errors"], ("1", "2"), strict=True):
            assert error["label"] == f"{n} sigma"
            ends = [entry["value"] + error["asymerror"][side] for side in ("minus", "plus")]
            expected = [limits["expected_pb"][band][row] for band in (f"-{n}", n)]
            assert ends == six(expected, rel=2e-5)
    shown = table(folder, "local_significance")
    assert values(shown["Local p-value"]) == six(scan["local_p"], rel=5e-6)
    assert values(shown["Local significance"]) == six(scan["local_z"], rel=5e-6)
    assert values(shown[CROSS_SECTION]) == six(scan["cross_section_pb"], rel=5e-6)
    errors = [entry["errors"][0]["symerror"] for entry in shown[CROSS_SECTION]]
    assert errors == six(scan["cross_section_error_pb"], rel=5e-6)
    verdict, shown = results.read("verdict.json", made_by=""), table(folder, "resonance")
    for key, name in (("mass_GeV", r"$m_X$"), ("cross_section_pb", CROSS_SECTION)):
        (entry,), found = shown[name], verdict[key]
        error = entry["errors"][0]["asymerror"]
        assert entry["value"] == six(found["value"], rel=5e-6)
        assert error["minus"] == six(found["low"] - found["value"], rel=1e-5)
        assert error["minus"] < 0 < error["plus"]
        assert error["plus"] == six(found["high"] - found["value"], rel=1e-5)
    counting, shown = results.read("counting.json", made_by=""), table(folder, "counting")
    assert shown[MASS] == [{"low": 400.0, "high": 1100.0}]
    assert values(shown["Data"]) == [counting["observed_events"]]
    assert values(shown["Predicted background"]) == six([counting["predicted_events"]], rel=5e-6)


def test_spectrum_and_cutflow_hold_every_event(
    made: Make, exported: Callable[[str, str], Path]
) -> None:
    results, folder = made("open"), exported("hepdata", "open")
    bins = results.read("background.json", made_by="")["channels"]["all"]["bins"]
    shown = table(folder, "selected_spectrum")
    assert values(shown["Data"]) == bins["observed_events"]  # counts keep all their digits
    assert [entry["low"] for entry in shown[MASS]] == bins["edges_GeV"][:-1]
    assert values(shown["Background"]) == pytest.approx(bins["expected_events"], rel=5e-6)
    four = next(entry for entry in shown["Data"] if entry["value"] == 4)  # Garwood's interval
    assert four["errors"][0]["asymerror"] == pytest.approx(
        {"minus": -1.9143, "plus": 3.1628}, rel=1e-4
    )
    flow, shown = results.read("cutflow.json", made_by=""), table(folder, "cutflow")
    assert values(shown["Cut"]) == [row["cut"] for row in flow["data"]]
    assert values(shown["Data"]) == [row["events"] for row in flow["data"]]
    assert values(shown["signal_500"]) == pytest.approx(
        [r["sumw"] for r in flow["signal_500"]], rel=5e-6
    )
    fit = table(folder, "resonance_fit")
    assert sum(values(fit["Signal"])) > 5
    assert set(fit) == {MASS, "Data", "Background", "Signal"}


def test_units_energy_and_luminosity_stand_with_every_column(
    exported: Callable[[str, str], Path],
) -> None:
    content = yaml.safe_load((exported("hepdata", "open") / "limits.yaml").read_text())
    assert content["independent_variables"][0]["header"]["units"] == "GeV"
    for column in content["dependent_variables"]:
        assert column["header"]["units"] == "pb"
        said = {q["name"]: (q["value"], q.get("units")) for q in column["qualifiers"]}
        assert said["SQRT(S)"] == (14000.0, "GeV")
        assert said["Luminosity"] == (64.905, "pb$^{-1}$")
        assert said["Confidence level"] == (0.95, None)
        assert said["Status"] == ("Generated samples", None)
    first, *entries = yaml.safe_load_all(
        (exported("hepdata", "open") / "submission.yaml").read_text()
    )
    assert "Generated samples." in first["comment"]
    keywords = {k["name"]: k["values"] for k in entries[0]["keywords"]}
    assert keywords["cmenergies"] == [14000.0]
    assert keywords["reactions"] == ["P P --> X --> GAMMA GAMMA"]


def test_a_blind_submission_holds_expected_results_only(
    exported: Callable[[str, str], Path],
) -> None:
    folder = exported("hepdata", "blind")
    first = next(yaml.safe_load_all((folder / "submission.yaml").read_text()))
    assert "blind from 400 to 1100 GeV" in first["comment"]
    spectrum = table(folder, "selected_spectrum")
    inside = [400 <= entry["low"] < 1100 for entry in spectrum[MASS]]
    missing = [value == "-" for value in values(spectrum["Data"])]
    assert missing == inside
    assert sum(inside) == 70
    assert "-" not in values(spectrum["Background"])
    assert set(table(folder, "limits")) == {r"$m_X$", "Expected limit"}
    assert set(table(folder, "counting")) == {MASS, "Predicted background", "Expected limit"}
    scan = set(table(folder, "local_significance"))
    assert scan == {r"$m_X$", "Expected local significance of the benchmark signal (5.4 pb)"}
    assert "Data (sidebands only)" in table(folder, "cutflow")


def test_categories_have_tables_of_their_own_and_their_sum(
    made: Make, small: Catalogue, quick: Search, tmp_path: Path
) -> None:
    results = results_of(made("open"), small, quick)
    found = inferred(Project(made("open"), small, quick), results)
    channel, fit = found.background.channels["all"], found.verdict.fit
    assert fit is not None
    assert fit.channels is not None
    two = {"score_1": channel, "score_2": channel}
    fits = replace(fit, channels=dict.fromkeys(two, fit.channels["all"]))
    results = replace(
        results,
        background=replace(found.background, channels=two),
        verdict=replace(found.verdict, fit=fits),
    )
    write_files(tmp_path / "two", hepdata_files(results, found))
    valid(tmp_path / "two")
    whole, part = (table(tmp_path / "two", f"selected_spectrum{n}") for n in ("", "_score_2"))
    assert values(whole["Data"]) == [2 * events for events in values(part["Data"])]
    assert (tmp_path / "two" / "resonance_fit_score_1.yaml").is_file()
    assert not (tmp_path / "two" / "resonance_fit.yaml").exists()


def test_without_data_the_simulated_background_is_shown(
    made: Make, small: Catalogue, quick: Search
) -> None:
    results = results_of(made("blind"), small, quick)
    found = inferred(Project(made("blind"), small, quick), results)
    samples = {n: e for n, e in results.ledger.samples.items() if n != "data"}
    channel = found.background.channels["all"]
    nothing = np.full_like(channel.bins.observed_events, np.nan)
    channel = replace(channel, bins=replace(channel.bins, observed_events=nothing))
    results = replace(
        results,
        ledger=replace(results.ledger, samples=samples),
        background=replace(found.background, channels={"all": channel}),
        cutflow={},
    )
    files = hepdata_files(results, found)
    assert b"There are no data" in files["submission.yaml"]
    assert "cutflow.yaml" not in files
    spectrum = yaml.safe_load(files["selected_spectrum.yaml"])
    first = spectrum["dependent_variables"][0]
    assert first["header"]["name"] == "Simulated background"
    assert first["values"][0]["errors"][0]["label"] == "simulation statistics"


def test_reservations_go_with_every_export(
    made: Make, small: Catalogue, quick: Search, tmp_path: Path
) -> None:
    why = "the referee <b>asked</b> for $x^2$: {é}"
    results = results_of(made("open"), small, quick)
    data = replace(results.ledger.samples["data"], processed_events=0, planned_events=12)
    results = replace(
        results,
        after_unblinding=why,
        ledger=replace(
            results.ledger, complete=False, samples={**results.ledger.samples, "data": data}
        ),
    )
    found = inferred(Project(made("open"), small, quick), results)
    files = hepdata_files(results, found)
    write_files(tmp_path / "labelled", files)
    valid(tmp_path / "labelled")
    labels = ["Incomplete: 12 events are missing", f"Changed after unblinding: {why}"]
    head, *entries = yaml.safe_load_all(files["submission.yaml"])
    for stamp in labels:
        assert stamp in head["comment"]
        assert all(stamp in entry["description"] for entry in entries)
        assert stamp.encode("ascii", "backslashreplace").decode() in _of_root(results)
    space = _workspace(made("open"), found.limits, labels)
    assert space["measurements"][0]["name"] == "; ".join(["mu = 1 is 10.0 pb", *labels])


def _of_root(results: FolderResults) -> str:
    """Return what a ROOT file says of itself, read back; and see that every title says it, too."""
    few = {"signal_500": {"cutflow": results.histograms["signal_500"]["cutflow"]}}
    (content,) = root_files(replace(results, histograms=few)).values()
    with uproot.open(io.BytesIO(content)) as file:
        said = str(file["about"])
        for key in file.keys(filter_classname="TH2D", cycle=False):
            assert file[key].title == "; ".join(["signal_500", *said.splitlines()[3:]])
    return said


def _workspace(folder: Folder, limits: MassLimits, labels: list[str]) -> Document:
    name = f"mass_{limits.mass_GeV[0]:g}.json"
    found: Document = json.loads(workspace_files(folder, limits, None, labels)[name])
    return found


def test_errors_have_their_sign_and_zeros_are_left_out() -> None:
    entries = measured([1.0, 2.0, None], Errors([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], "stat"))
    assert entries[0] == {"value": 1}
    assert entries[1] == {"value": 2, "errors": [{"symerror": 0.5, "label": "stat"}]}
    assert entries[2] == {"value": "-"}
    (entry,) = measured([1.5], Errors([0.0], [0.25]))
    assert entry["errors"] == [{"asymerror": {"minus": 0.0, "plus": 0.25}}]


def test_a_column_without_numbers_is_left_out_and_so_is_its_table() -> None:
    rows = Variable("m", measured([1.0, 2.0]), "GeV")
    columns = (Variable("x", measured([None, None])), Variable("y", measured(None)))
    empty = HepDataTable("Empty", "", rows, columns, ())
    files = submission([empty], "nothing", {})
    assert list(files) == ["submission.yaml"]


# ---- pyhf ----------------------------------------------------------------------------------------


def index_of(folder: Path) -> Document:
    found: Document = json.loads((folder / "workspaces.json").read_text())
    return found


@pytest.mark.parametrize("state", ["blind", "open"])
def test_every_mass_of_the_limits_has_a_workspace_of_pyhf(
    made: Make, exported: Callable[[str, str], Path], state: str
) -> None:
    folder, limits = exported("workspace", state), made(state).read("limits.json", made_by="")
    index = index_of(folder)
    there = [row for row, reason in enumerate(limits["reasons"]) if reason is None]
    masses = [limits["mass_GeV"][row] for row in there]
    assert [entry["mass_GeV"] for entry in index["workspaces"]] == masses
    for row, entry in enumerate([*index["workspaces"], index["counting"]]):
        document = json.loads((folder / entry["file"]).read_text())
        space = pyhf.Workspace(document, validate=state == "open")  # the blind ones are alike
        (name,) = space.measurement_names
        assert name.startswith(f"mu = 1 is {entry['strength_pb']!r} pb")
        assert ("nominal background" in name) == (state == "blind")
        if entry is not index["counting"]:
            assert entry["expected_pb"]["0"] == limits["expected_pb"]["0"][there[row]]
            assert (entry["observed_pb"] is None) == (state == "blind")
    wanted = {entry["file"] for entry in (*index["workspaces"], index["counting"])}
    assert {path.name for path in folder.iterdir()} == wanted | {"workspaces.json"}
    assert index["complete"] is True
    assert index["provenance"]["inputs"] == made(state).made_from("limits.json")


@pytest.mark.parametrize("kind", ["observed", "expected"])
def test_pyhf_alone_finds_the_saved_limits_again_to_1e_6(
    exported: Callable[[str, str], Path], kind: str
) -> None:
    """There its CLs is 5 %: by 2e-6, as it falls at least twice as fast as the strength grows."""
    folder = exported("workspace", "open")
    before = pyhf.get_backend()
    # Of pyhf's own minimisers, told to look closely: as they come they are good to 1e-6 or so.
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-14))
    try:
        for entry in index_of(folder)["workspaces"]:
            document = json.loads((folder / entry["file"]).read_text())
            space = pyhf.Workspace(document, validate=False)
            model = space.model(validate=False)
            data, limit = space.data(model), entry["observed_pb"]
            if kind == "expected":
                start = model.config.suggested_init()
                start[model.config.poi_index] = 0.0
                data, limit = model.expected_data(start), entry["expected_pb"]["0"]
            strength = limit / entry["strength_pb"]
            found = pyhf.infer.hypotest(strength, data, model, test_stat="qtilde")
            assert float(found) == pytest.approx(0.05, rel=2e-6), entry["mass_GeV"]
    finally:
        pyhf.set_backend(*before)


def workspaces_of(folder: Folder) -> Files:
    """Return the files of the workspaces in a folder, whatever they were made from."""
    limits, counting = folder.load(MassLimits, made_by=""), folder.load(Counting, made_by="")
    return workspace_files(folder, limits, counting)


def test_a_missing_workspace_and_one_of_other_limits_are_told(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("open")
    path, other = (folder.workspaces / f"mass_{mass}.json" for mass in (500, 750))
    shutil.copy(other, path)
    with pytest.raises(InputError, match=r"mass_500\.json does not belong to limits\.json"):
        workspaces_of(folder)
    with pytest.raises(InputError, match=r"mass_500\.json is missing or not as it was written"):
        FORMATS["workspace"](Project(folder, small, quick))
    edit(folder, "workspaces/mass_500.json", measurements=[{"name": "mine", "config": {}}])
    with pytest.raises(InputError, match=r"mass_500\.json does not belong"):
        workspaces_of(folder)
    path.unlink()
    with pytest.raises(InputError, match=r"mass_500\.json is not there; make it with `xyy infer"):
        workspaces_of(folder)
    with pytest.raises(InputError, match=r"mass_500\.json is missing or not as it was written"):
        FORMATS["workspace"](Project(folder, small, quick))


def test_a_workspace_that_does_not_tell_its_strength_is_refused(copy: Make) -> None:
    folder = copy("open")
    edit(folder, "workspaces/mass_500.json", measurements=[{"name": "mine", "config": {}}])
    with pytest.raises(InputError, match="does not say what mu = 1 stands for"):
        workspaces_of(folder)


NOTHING = Verdict(
    decision="limit",
    complete=True,
    blinded=False,
    after_unblinding=None,
    local_z=0.0,
    global_z=None,
    global_p=None,
    global_z_reason="no toys",
    mass_GeV=None,
    reason="no excess",
    counting=None,
    fit=None,
    warnings=(),
    unit="events",
)


def test_a_bare_spectrum_gives_workspaces_in_events_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    background = 1e4 * np.exp(-np.arange(10.0) / 3)
    signal = np.array([0, 0, 0, 0.2, 0.6, 0.2, 0, 0, 0, 0])
    modes = np.array([0.1 * background])
    channels = (ChannelTemplates("spectrum", background, modes, signal, observed=background),)
    limits = [mass_limit(MassPoint(500.0, channels))]
    folder = Folder(tmp_path)
    folder.save(limits_result(limits, 0.95, Terms("events", np.ones_like, reason=None)))
    space = workspace(channels, scale=strength_scale(channels), unit="events")
    write_json(folder.workspaces / "mass_500.json", space)
    assert xyy("export", "workspace", tmp_path) == 2
    assert "verdict.json is not there" in capsys.readouterr().err
    folder.save(NOTHING)
    assert xyy("export", "workspace", tmp_path, "--quiet") == 0
    index = index_of(tmp_path / "export" / "workspace")
    (entry,) = index["workspaces"]
    assert entry["observed_events"] == limits[0].observed
    assert entry["strength_events"] == strength_scale(channels)
    assert index["counting"] is None
    assert xyy("export", "root", tmp_path) == 2
    assert "results of a binned spectrum" in capsys.readouterr().err


# ---- ROOT ----------------------------------------------------------------------------------------


def flowing(histogram: Counts) -> np.ndarray[Any, Any]:
    """Return contents with under- and overflow on every axis, zeros where it has none."""
    counts = np.asarray(histogram.values(flow=True), np.float64)
    missing = [(int(not a.traits.underflow), int(not a.traits.overflow)) for a in histogram.axes]
    return np.pad(counts, missing)


def test_uproot_reads_every_histogram_back_equal(
    made: Make, exported: Callable[[str, str], Path], small: Catalogue, quick: Search
) -> None:
    folder, path = made("open"), exported("root", "open") / "histograms.root"
    weights = {p.name: p.weight for p in results_of(folder, small, quick).processes(64.905)}
    seen = 0
    with uproot.open(path) as file:
        for sample, named in read_histograms(folder.histograms).items():
            for name, histogram in named.items():
                if name == "joint":
                    continue
                read, counts = file[f"events/{sample}/{name}"], flowing(histogram)
                assert read.classname == f"TH{counts.ndim}D"
                np.testing.assert_array_equal(read.values(flow=True), counts)
                np.testing.assert_array_equal(read.variances(flow=True), counts)
                assert read.member("fEntries") == counts.sum()
                for number, axis in enumerate(histogram.axes):
                    found = read.axis(number)
                    assert found.member("fTitle") == (axis.label or axis.name)
                    np.testing.assert_allclose(found.edges(), axis.edges, rtol=1e-12, atol=1e-12)
                if sample in weights:
                    weighted, weight = file[f"expected/{sample}/{name}"], weights[sample]
                    np.testing.assert_array_equal(weighted.values(flow=True), counts * weight)
                    np.testing.assert_allclose(
                        weighted.variances(flow=True), counts * weight**2, rtol=1e-15
                    )
                seen += 1
        assert seen == 5 * len(named) - 5
        assert "expected/data" not in file


def test_the_joint_histogram_is_there_by_its_projections(
    made: Make, exported: Callable[[str, str], Path]
) -> None:
    joint = read_histograms(made("open").histograms, only="joint")["background"]["joint"]
    with uproot.open(exported("root", "open") / "histograms.root") as file:
        for column in ("n_jets", "n_leptons", "photon1_isolation", "photon2_isolation"):
            read = file[f"events/background/joint/{column}"]
            projected = flowing(joint.project(column, "region"))
            np.testing.assert_array_equal(read.values(flow=True), projected)
            assert read.axis(1).labels() == ["window", "sideband"]
        spectrum = file["events/background/spectrum"]
        assert spectrum.axis(0).labels() == ["all"]
        alone = file["events/background/spectrum_all"]
        np.testing.assert_array_equal(alone.values(flow=True), spectrum.values(flow=True)[1])


def test_roots_own_statistics_are_those_of_the_bins(
    made: Make, exported: Callable[[str, str], Path]
) -> None:
    before = read_histograms(made("open").histograms, only="before/m_yy")["signal_500"]
    counts, edges = before["before/m_yy"].to_numpy()
    centres = (edges[1:] + edges[:-1]) / 2
    with uproot.open(exported("root", "open") / "histograms.root") as file:
        read = file["expected/signal_500/before/m_yy"]
        mean = read.member("fTsumwx") / read.member("fTsumw")
        assert mean == pytest.approx(np.average(centres, weights=counts))
        assert read.member("fXaxis").member("fTitle") == "m_yy [GeV]"
        assert read.member("fYaxis").member("fTitle") == "Expected events / 1 GeV"
        two = file["expected/signal_500/spectrum"]
        total = two.values().sum()
        assert two.member("fTsumw") == pytest.approx(total)
        assert two.member("fTsumwxy") == pytest.approx(0.5 * two.member("fTsumwy"))
        assert file["events/data/cutflow"].axis(0).labels()[0] == "all events"


def test_blind_data_have_empty_bins_in_the_window(
    exported: Callable[[str, str], Path], made: Make, small: Catalogue, quick: Search
) -> None:
    with uproot.open(exported("root", "blind") / "histograms.root") as file:
        assert "blind from 400 to 1100 GeV" in str(file["about"])
        for name in ("before/m_yy", "after/m_yy", "spectrum_all"):
            counts, edges = file[f"events/data/{name}"].to_numpy()
            inside = (edges[:-1] >= 400) & (edges[1:] <= 1100)
            assert counts[inside].sum() == 0 < counts[~inside].sum()
        assert file["events/data/joint/n_jets"].values()[:, 0].sum() == 0
        assert file["events/data/spectrum"].title == "data; sidebands only; Generated samples"
    assert "blind" not in " ".join(about(results_of(made("open"), small, quick)))


# ---- what is refused -----------------------------------------------------------------------------


def export(folder: Folder, name: str, small_file: Path, quickest_file: Path, *words: object) -> int:
    settings = ("--samples", small_file, "--search", quickest_file)
    return xyy("export", name, folder.path, *settings, *words)


def test_a_histogram_of_the_window_does_not_leave_a_blind_folder(
    copy: Make,
    made: Make,
    small_file: Path,
    quickest_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = copy("blind")
    shutil.copy(made("open").histograms, folder.histograms)
    for name in FORMATS:
        assert export(folder, name, small_file, quickest_file) == 4
        assert "the data are blind, and spectrum holds something" in capsys.readouterr().err
    assert not (folder.path / "export").exists()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("counting.json", "observed_events"),
        ("scan.json", "local_z"),
        ("limits.json", "observed_pb"),
        ("background.json", "channels"),
        ("verdict.json", "blinded"),
        ("cutflow.json", "data"),
    ],
)
def test_an_observed_result_does_not_leave_a_blind_folder(
    copy: Make, made: Make, small: Catalogue, quick: Search, name: str, key: str
) -> None:
    folder = copy("blind")
    edit(folder, name, **{key: made("open").read(name, made_by="")[key]})
    for export in ("hepdata", "workspace"):
        with pytest.raises(RefusedError, match=rf"the data are blind, and {name} holds something"):
            FORMATS[export](Project(folder, small, quick))


def test_a_workspace_with_observed_events_does_not_leave_a_blind_folder(copy: Make) -> None:
    folder = copy("blind")
    for name in ("mass_750", "counting"):
        path = folder.workspaces / f"{name}.json"
        document, text = json.loads(path.read_text()), path.read_text()
        document["observations"][0]["data"][0] += 1.0
        path.write_text(json.dumps(document))
        with pytest.raises(RefusedError, match=rf"{name}\.json holds observed events"):
            workspaces_of(folder)
        path.write_text(text)


def test_results_that_are_still_blind_after_unblinding_are_refused(
    copy: Make, made: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("blind")
    for name in ("freeze.json", "unblinding.json"):
        shutil.copy(made("open").path / name, folder.path / name)
    for export in FORMATS.values():
        with pytest.raises(RefusedError, match="are unblinded, and its histograms are still blind"):
            export(Project(folder, small, quick))


@pytest.mark.parametrize("name", ["counting.json", "scan.json", "limits.json", "background.json"])
def test_results_that_do_not_belong_together_are_refused(
    copy: Make, small: Catalogue, quick: Search, name: str
) -> None:
    folder = copy("open")
    edit(folder, name, complete=False)
    told = rf"{name} is missing or not as it was written; type `xyy infer {folder.path}`"
    with pytest.raises(InputError, match=told):
        FORMATS["hepdata"](Project(folder, small, quick))
    edit(folder, name, provenance={"inputs": "of yesterday"})
    with pytest.raises(InputError, match=rf"{name} is out of date; type"):
        FORMATS["workspace"](Project(folder, small, quick))
    (folder.path / name).unlink()
    with pytest.raises(InputError, match=rf"{name} is not there; make it with `xyy infer`"):
        FORMATS["hepdata"](Project(folder, small, quick))


def test_results_that_would_be_made_otherwise_now_are_not_exported(
    copy: Make, small: Catalogue, quick: Search
) -> None:
    folder = copy("open")
    run = json.loads((folder.path / "run.json").read_text())
    edit(folder, "run.json", data=f"{run['data']} again")
    with pytest.raises(InputError, match=r"are out of date; type `xyy infer .*`xyy status` says"):
        FORMATS["workspace"](Project(folder, small, quick))


def test_settings_of_another_analysis_are_told_with_the_right_ones(
    copy: Make, quickest_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = ROOT / "datasets" / "course.toml"
    for name in FORMATS:
        assert export(copy_once(copy, name), name, course, quickest_file) == 2
        told = capsys.readouterr().err
        assert "small.toml and" in told
        assert "decide otherwise (samples.data_luminosity_invpb" in told
        assert "leave --samples and --search out" in told


def copy_once(copy: Make, name: str) -> Folder:
    folder = copy("open")
    moved = folder.path.with_name(name)
    folder.path.rename(moved)
    return Folder(moved)


def test_a_folder_that_was_not_processed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for name in FORMATS:
        assert xyy("export", name, tmp_path / "empty") == 2
        assert "ledger.json is not there; make it with `xyy process`" in capsys.readouterr().err
    assert xyy("export", "hepdata", tmp_path / "nowhere") == 2
    assert list((tmp_path / "empty").iterdir()) == []


def test_places_of_others_are_not_written_to_and_our_own_is_replaced(
    copy: Make,
    small_file: Path,
    quickest_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, mine = copy("open"), tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("three years")
    assert export(folder, "workspace", small_file, quickest_file, "--out", mine) == 2
    assert f"--out {mine} is not empty (thesis.tex" in capsys.readouterr().err
    out = mine / "thesis.tex"
    assert export(folder, "workspace", small_file, quickest_file, "--out", out) == 2
    assert "is a file; name a folder" in capsys.readouterr().err
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]
    new = tmp_path / "new"
    assert export(folder, "workspace", small_file, quickest_file, "--out", new) == 0
    assert f"{new / 'workspaces.json'} and 3 files beside it" in capsys.readouterr().err
    own = folder.path / "export" / "workspace"
    own.mkdir(parents=True)
    (own / "mass_1.json").write_text("of an earlier version")
    (own / "workspaces.json").write_text('{"workspaces": [{"file": "mass_1.json"}]}')
    assert export(folder, "workspace", small_file, quickest_file, "--quiet") == 0
    assert {path.name for path in own.iterdir()} == {path.name for path in new.iterdir()}
    assert capsys.readouterr().err == ""


def test_a_folder_in_an_export_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "root" / "mine").mkdir(parents=True)
    (tmp_path / "root" / "b").touch()
    with pytest.raises(InputError, match="mine is of no export, and would be removed; move it"):
        write_files(tmp_path / "root", {"b": b""})
    assert {path.name for path in (tmp_path / "root").iterdir()} == {"b", "mine"}


def test_of_an_export_that_cannot_be_written_nothing_stays(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(XyyError, match=r"cannot write .*second: File too large"):
            write_files(tmp_path / "a" / "b", {"first": b"1", "second": b"2" * 2000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_equal_results_are_equal_bytes(
    made: Make, exported: Callable[[str, str], Path], small: Catalogue, quick: Search
) -> None:
    again = FORMATS["hepdata"](Project(made("open"), small, quick))
    there = exported("hepdata", "open")
    assert {name: (there / name).read_bytes() for name in again} == dict(again)
