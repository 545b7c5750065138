"""What a folder holds is of one piece: what is gone, damaged or of something else is told."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.commands.options import OwnSettingsFiles
from analysis.folder.folder import HISTOGRAMS, LEDGER, RESULTS, Folder
from analysis.results.freeze import Unblinding
from analysis.workflow.stages import StageName, why_make
from tools.errors import InputError
from tools.json_file import write_sealed

Command = Callable[..., int]


@pytest.fixture
def blind(tiny_blind: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_blind, tmp_path / "blind")


@pytest.fixture(scope="module")
def run(tiny: Path, tiny_blind: Path, program: Command) -> Command:
    """Do `xyy run` on a folder with the tiny settings (or others), as these folders were made."""

    def run_on(folder: Path, *words: object, search: Path | None = None) -> int:
        files = ("--samples", tiny / "samples.toml", "--search", search or tiny / "search.toml")
        chunks = ("--chunks", tiny_blind.parent / "chunks")
        return program("run", *files, *chunks, "--out", folder, "--quiet", *words)

    return run_on


@pytest.fixture(scope="module")
def tiny_open(tiny_blind: Path, tiny_universe: int, run: Command) -> Path:
    """The same analysis, opened."""
    place = shutil.copytree(tiny_blind, tiny_blind.parent / "open")
    words = ("--unblind", "it is time", "--until", "infer")
    assert run(place, "--universe", tiny_universe, *words) == 0
    return place


@pytest.fixture
def opened(tiny_open: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_open, tmp_path / "open")


@pytest.fixture(scope="module")
def tiny_reported(tiny_blind: Path, program: Command) -> Path:
    """The blind analysis with figures and page."""
    place = shutil.copytree(tiny_blind, tiny_blind.parent / "reported")
    assert program("report", place, "--quiet") == 0
    return place


@pytest.fixture
def reported(tiny_reported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_reported, tmp_path / "reported")


@pytest.fixture(scope="module")
def other_window(tiny: Path) -> Path:
    """A search file with another window."""
    text = (tiny / "search.toml").read_text()
    path = tiny / "other_window.toml"
    path.write_text(text.replace('low = "400 GeV"', 'low = "450 GeV"'))
    return path


def read(folder: Path, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((folder / name).read_text())
    return document


# ---- products that are gone or damaged -----------------------------------------------------------

PRODUCTS = (
    *RESULTS, "claim.json", "workspaces/mass_750.json", "workspaces/counting.json",
    "histograms.zip", "cutflow.json", "ledger.json", "selection.json",
)  # fmt: skip
FIGURES = ("report.html", "figures/m_yy_after.pdf", "figures/m_yy_after.png")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


@pytest.mark.parametrize("spoil", [Path.unlink, cut_short])
def test_every_product_that_is_gone_or_damaged_is_made_again(
    tiny_universe: int, opened: Path, tiny_open: Path, run: Command, spoil: Callable[[Path], None]
) -> None:
    for name in PRODUCTS:
        spoil(opened / name)
    assert run(opened, "--universe", tiny_universe, "--until", "infer") == 0
    there, whole = Folder(opened), Folder(tiny_open)
    assert {n: there.digest(n) for n in PRODUCTS} == {n: whole.digest(n) for n in PRODUCTS}
    assert None not in {whole.digest(name) for name in PRODUCTS}


def test_a_page_and_figures_that_are_gone_or_damaged_are_told_and_made_again(
    reported: Path, tiny_reported: Path, program: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (reported / FIGURES[0]).unlink()
    (reported / FIGURES[1]).unlink()
    cut_short(reported / FIGURES[2])
    assert program("status", reported) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("report"))
    assert f"out of date: {', '.join(FIGURES)} missing or not as written" in row
    assert program("report", reported, "--quiet") == 0
    there, whole = Folder(reported), Folder(tiny_reported)
    assert [there.digest(n) for n in FIGURES] == [whole.digest(n) for n in FIGURES]


# ---- results of something else -------------------------------------------------------------------


def test_a_page_is_not_made_of_stale_results(
    blind: Path, program: Command, run: Command, other_window: Path, tiny_universe: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """`xyy run --until process` with other decisions leaves results of the former ones."""
    words = ("--universe", tiny_universe, "--until", "process")
    assert run(blind, *words, search=other_window) == 0
    for command in (("report",), ("export", "workspace")):
        assert program(*command, blind) == 2
        told = capsys.readouterr().err
        assert "verdict.json are out of date; type `xyy run --universe" in told
        assert f"--search {other_window}" in told


def test_force_leaves_nothing_of_the_former_analysis(
    opened: Path, reported: Path, run: Command, tiny_universe: int
) -> None:
    for name in ("report.html", "report.json"):
        shutil.copy(reported / name, opened)
    shutil.copytree(reported / "figures", opened / "figures")
    (opened / "notes.txt").write_text("mine")
    assert run(opened, "--universe", tiny_universe + 1, "--until", "process") == 2
    assert run(opened, "--universe", tiny_universe + 1, "--until", "process", "--force") == 0
    left = {path.name for path in opened.rglob("*") if path.is_file()}
    kept = {"run.json", "selection.json", "freeze.json", "histograms.zip", "cutflow.json",
            "ledger.json", "notes.txt"}  # fmt: skip
    assert {name for name in left if not name.endswith(".chunk")} >= kept
    assert not [n for n in left if n.startswith(("verdict", "scan", "limits", "counting", "claim"))]
    assert not [n for n in left if n.startswith(("report", "unblinding", "background", "mass_"))]
    assert not list(opened.rglob("*.pdf"))


def test_force_removes_nothing_outside_the_folder(
    opened: Path, run: Command, tiny_universe: int
) -> None:
    """A record can be anybody's: what it names elsewhere is no product."""
    outside = opened.parent / "thesis.tex"
    outside.write_text("three years")
    verdict = read(opened, "verdict.json")
    assert isinstance(verdict["provenance"], dict)
    verdict["provenance"]["products"] = {"../thesis.tex": "", str(outside): ""}
    write_sealed(opened / "verdict.json", verdict)
    assert run(opened, "--universe", tiny_universe + 1, "--until", "chunks", "--force") == 0
    assert outside.exists()


def test_histograms_without_their_ledger_or_of_others_are_refused(
    blind: Path, opened: Path, program: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(opened / "histograms.zip", blind)
    for stage in ("infer", "report", "optimise"):
        assert program(stage, blind) == 2
        assert "histograms.zip is missing or not as it was written" in capsys.readouterr().err


# ---- settings ------------------------------------------------------------------------------------


def test_a_folder_remembers_its_settings_files(
    reported: Path, program: Command, other_window: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without options its own are taken, of which `report` is up to date; others are refused."""
    assert program("report", reported, "--quiet") == 0
    before = (reported / "report.html").read_bytes()
    for command in (("report",), ("infer",), ("export", "root")):
        assert program(*command, reported, "--search", other_window) == 2
        told = capsys.readouterr().err
        assert "search.toml; " in told
        assert "decide otherwise (search.window.low_GeV)" in told
    assert (reported / "report.html").read_bytes() == before


def test_a_folder_remembers_its_method(
    blind: Path, program: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("optimise", blind, "--method", "score", "--quiet") == 0
    assert program("freeze", blind, "--quiet") == 0
    assert program("status", blind) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in told[1:3]] == ["up to date", "up to date"]
    assert program("infer", blind) == 2
    assert "filled with another selection" in capsys.readouterr().err


def test_a_damaged_memory_is_told_and_nothing_guessed(
    opened: Path, program: Command, run: Command, tiny: Path, tiny_universe: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (opened / "run.json").write_text("{")
    for stage in ("infer", "report", "status"):
        assert program(stage, opened) == 2
        assert "run.json is damaged, or of an earlier version" in capsys.readouterr().err
    files = ("--samples", tiny / "samples.toml", "--search", tiny / "search.toml")
    assert program("infer", opened, *files, "--quiet") == 0
    (opened / "run.json").write_text("{")
    assert run(opened, "--universe", tiny_universe + 1, "--until", "process") == 2
    assert "was unblinded with other events than these" in capsys.readouterr().err


def test_settings_that_were_edited_are_not_mixed_in(
    tiny: Path, blind: Path, program: Command, run: Command, tiny_universe: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    search = blind.parent / "search.toml"
    shutil.copy(tiny / "search.toml", search)
    assert run(blind, "--universe", tiny_universe, "--until", "infer", search=search) == 0
    text = search.read_text()
    search.write_text(text.replace('low = "400 GeV"', 'low = "450 GeV"'))
    for stage in ("infer", "report"):
        assert program(stage, blind) == 2
        assert "filled with another selection, window or mass axis" in capsys.readouterr().err
    search.write_text(text.replace("confidence_level = 0.95", "confidence_level = 0.9"))
    assert program("report", blind) == 2
    assert "are out of date; type `xyy run" in capsys.readouterr().err
    assert program("unblind", blind, "--reason", "now") == 2
    told = capsys.readouterr().err
    assert "than what is frozen there (search.limits.confidence_level)" in told
    assert not (blind / "unblinding.json").exists()


def test_other_cross_sections_make_the_cutflow_again(
    tiny: Path, blind: Path, run: Command, tiny_universe: int
) -> None:
    """The histograms are counts and stay; what is weighted does not."""
    samples, before = blind.parent / "samples.toml", sumw(blind)
    text = (tiny / "samples.toml").read_text()
    samples.write_text(text.replace('cross_section = "12865 pb"', 'cross_section = "6432.5 pb"'))
    words = ("--universe", tiny_universe, "--until", "process", "--samples", samples)
    assert run(blind, *words) == 0
    assert sumw(blind) == pytest.approx(before / 2, rel=1e-12)


def sumw(folder: Path) -> float:
    """Return the expected background before all cuts."""
    rows = json.loads((folder / "cutflow.json").read_text())["background"]
    return float(rows[0]["sumw"])


# ---- blind histograms ----------------------------------------------------------------------------


def test_no_verdict_comes_of_blind_histograms(
    blind: Path, opened: Path, program: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were taken for a window without events: a limit 20 sigma below the prediction."""
    assert program("unblind", blind, "--reason", "it is time") == 0
    told = capsys.readouterr().err
    line = told.splitlines()[-1].strip()
    assert line.startswith("xyy run --universe ")
    assert line.endswith(f"--out {blind} --unblind 'it is time'")
    for stage in ("infer", "report"):
        assert program(stage, blind) == 4
        assert f"its histograms are still blind; type `{line}`" in capsys.readouterr().err
    assert read(blind, "verdict.json")["decision"] is None
    assert not (blind / "claim.json").exists()
    assert program("process", blind, "--quiet") == 0
    assert program("infer", blind, "--quiet") == 0
    assert Folder(blind).digest("verdict.json") == Folder(opened).digest("verdict.json")


def test_open_histograms_of_a_folder_that_is_shut_again_are_refused(
    opened: Path, program: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    (opened / "unblinding.json").unlink()
    for stage in ("infer", "report"):
        assert program(stage, opened) == 4
        assert (
            "are blinded, and its histograms are of the unblinded window" in capsys.readouterr().err
        )


# ---- what each stage is made from ----------------------------------------------------------------


# Written out: were they taken from the table of stages, one that is missing there would be no case.
@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("infer", "run.json"), ("infer", "ledger.json"), ("infer", "histograms.zip"),
        *(("report", f"{name}.json") for name in (
            "run", "cutflow", "ledger", "selection", "score", "freeze", "unblinding",
            "background", "counting", "scan", "limits", "verdict",
        )), ("report", "histograms.zip"),
    ],
)  # fmt: skip
def test_a_stage_is_made_again_without_a_file_that_it_needs(
    reported: Path, name: StageName, needed: str
) -> None:
    project = OwnSettingsFiles().of(Folder(reported))
    assert why_make(name, project) is None
    path = reported / needed
    ledger = json.loads((reported / LEDGER).read_text(encoding="utf-8"))
    if needed == HISTOGRAMS:  # which stand for what the ledger says that they were made from
        ledger["provenance"]["keys"]["data"] = "of other events"
        write_sealed(reported / LEDGER, ledger)
    elif needed == LEDGER:  # without one, the histograms would miss it
        write_sealed(path, {**ledger, "complete": False})
    elif path.exists():
        path.unlink()
    else:  # of the data, which are blind: a record that is of another freeze
        other = Unblinding(
            reason="", freeze_digest="", sidebands_digest=None, changes=(), programs=()
        )
        Folder(reported).save(other, unblinded="")
    try:
        why = why_make(name, project)
    except InputError as refused:
        why = str(refused)
    assert why
