"""Generated events stay known as such wherever they go, and nothing of others is replaced."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.csv
import pyarrow.parquet
import pytest
import uproot
from matplotlib.figure import Figure

from analysis import cli
from analysis.export.writing import write_files
from analysis.folder.folder import PROCESSED, PRODUCTS, SEARCHED, Folder
from analysis.folder.origin import RUN
from analysis.game import making
from analysis.game.sealing import SEALED
from analysis.report.figure_spec import FigureSpec, remove_others
from analysis.report.folder_results import read_results
from analysis.report.summary import verdict_summary
from analysis.settings.search import Search
from tools.chunks import TREE
from tools.convert import convert
from tools.errors import InputError
from tools.executors.checkpoints import clear
from tools.generate import generate_sample
from tools.locks import one_writer
from tools.manifest import Manifest, read_manifest
from tools.marks import CONVERTED, GENERATED
from tools.samples import Catalogue, read_catalogue
from tools.universe import generate_universe

FOREIGN = b"mine, and not to be replaced\n"


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def real(path: Path) -> Path:
    """Turn a generated CSV file into one that looks like the course's real ones."""
    mark = GENERATED.encode()
    content = path.read_bytes()
    assert content.startswith(mark + b",photon1_pT,")
    path.write_bytes(content.removeprefix(mark))
    return path


@pytest.fixture(scope="module")
def made(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small samples and data, generated as CSV and as chunks."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("background", "signal_500"):
        for file_format in ("csv", "root"):
            generate_sample(catalogue, name, folder, events=50, file_format=file_format)
    return folder


# ---- the mark ------------------------------------------------------------------------------------


def with_pandas(source: Path, folder: Path) -> Path:
    pd.read_csv(source).to_csv(folder / "pandas.csv")
    return folder / "pandas.csv"


def with_pandas_and_its_index(source: Path, folder: Path) -> Path:
    pd.read_csv(source, index_col=0).query("n_jets < 6").to_csv(folder / "few.csv")
    return folder / "few.csv"


def as_parquet(source: Path, folder: Path) -> Path:
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(source), folder / "foo.parquet")
    return folder / "foo.parquet"


def joined(source: Path, folder: Path) -> Path:
    lines = source.read_bytes().splitlines(keepends=True)
    (folder / "joined.csv").write_bytes(b"".join([*lines, *lines[1:]]))
    return folder / "joined.csv"


def copied(source: Path, folder: Path) -> Path:
    return Path(shutil.copy(source, folder / "foo.csv"))


@pytest.mark.parametrize(
    "carry", [copied, joined, with_pandas, with_pandas_and_its_index, as_parquet]
)
def test_a_generated_csv_file_is_known_wherever_it_is_carried(
    carry: object, made: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    assert callable(carry)
    path = carry(made / "signal_500.csv", tmp_path)
    chunks = convert(catalogue, [("signal_500", path)], tmp_path / "out").samples["signal_500"]
    assert chunks.generated
    assert chunks.sources[0].name == path.name
    assert read_manifest(tmp_path / "out").generated == ["signal_500"]


def test_chunks_are_known_too_and_so_are_those_made_of_them(
    made: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = Path(shutil.copy(made / "background" / "part-00000.root", tmp_path / "mine.root"))
    for turn in ("one", "two"):
        manifest = convert(catalogue, [("background", path)], tmp_path / turn)
        assert manifest.generated == ["background"]
        path = tmp_path / turn / "background" / "part-00000.root"
        with uproot.open(path) as file:
            assert file[TREE].title == GENERATED
            assert file[TREE].keys() == [column.name for column in catalogue.columns]


def test_real_files_are_not_taken_for_generated_ones(
    made: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = real(copied(made / "signal_500.csv", tmp_path))
    manifest = convert(catalogue, [("signal_500", path)], tmp_path / "out")
    assert manifest.generated == []
    with uproot.open(tmp_path / "out" / "signal_500" / "part-00000.root") as file:
        assert file[TREE].title == CONVERTED
    again = [("signal_500", tmp_path / "out" / "signal_500" / "part-00000.root")]
    assert convert(catalogue, again, tmp_path / "again").generated == []


def test_the_courses_real_files_are_real(
    course_data: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    assert convert(catalogue, [(None, course_data / "signal_500.csv")], tmp_path).generated == []


def test_data_of_a_universe_are_no_simulation(catalogue: Catalogue, tmp_path: Path) -> None:
    path = generate_universe(catalogue, 3, tmp_path, seed=11)
    manifest = convert(catalogue, [("data", path)], tmp_path / "out")
    assert manifest.samples["data"].generated
    assert manifest.generated == []


def test_real_and_generated_events_are_not_mixed(
    made: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = real(copied(made / "signal_500.csv", tmp_path))
    inputs = [("signal_500", path), ("signal_500", made / "signal_500.csv")]
    for pair in (inputs, inputs[::-1]):
        with pytest.raises(
            InputError,
            match=r"made0/signal_500.csv and .*foo.csv, both of signal_500: only the first was gen",
        ):
            convert(catalogue, pair, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_of_generated_files_says_so(
    place: Path, capsys: pytest.CaptureFixture[str], catalogue: Catalogue, quick: Search
) -> None:
    """One real file among them; a second run finds the same analysis, and the page's label."""
    words: list[str | Path] = ["--samples", place / "few.toml", "--quiet"]
    assert xyy("generate", "--out", "datasets", *words) == 0
    real(place / "datasets" / "signal_750.csv")
    names = ["background", "signal_500", "signal_1000"]
    for _ in range(2):
        assert xyy("run", *words, "--out", "out", "--until", "optimise") == 0
        run = json.loads((place / "out" / "run.json").read_text())
        assert run["generated_samples"] == names
    # Without `run`, the ledger knows.
    (place / "out" / "run.json").unlink()
    assert json.loads((place / "out" / "ledger.json").read_text())["generated_samples"] == names
    results = read_results(Folder(place / "out"), catalogue, quick)
    assert results.generated == tuple(names)
    assert results.caveats == ("Partly generated samples",)
    words += ["--search", "quick.toml", "--until", "infer"]
    assert xyy("run", *words, "--out", "out") == 0
    told = verdict_summary(Folder(place / "out"))
    assert f"these samples were generated, not read from files: {', '.join(names)}" in told
    assert "replaced" not in capsys.readouterr().err


@pytest.fixture
def place(tmp_path: Path, quick_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with settings for small samples."""
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[2]
    text = (root / "datasets" / "course.toml").read_text()
    text = text.replace("= 100_000", "= 20_000").replace("= 10_000", "= 2_000")
    (tmp_path / "few.toml").write_text(text)
    shutil.copy(quick_file, tmp_path / "quick.toml")
    return tmp_path


# ---- generate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--force",)])
def test_a_real_file_is_never_replaced(
    words: tuple[str, ...], tmp_path: Path, catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    """As docs/own-selection.md once had it, where the README has put the course's files."""
    for name in ("signal_500", "signal_1000"):
        real(generate_sample(catalogue, name, tmp_path, events=20))
    (tmp_path / "signal_750.csv").write_bytes(FOREIGN)
    before = contents(tmp_path)
    assert xyy("generate", "--events", 50, "--out", tmp_path, *words) == 2
    err = capsys.readouterr().err
    for name in ("signal_500", "signal_750", "signal_1000"):
        assert f"{tmp_path / name}.csv" in err
    assert "not written by `xyy generate`, and never replaced; choose another --out" in err
    assert contents(tmp_path) == before  # nothing was made
    assert xyy("generate", "background", "--events", 50, "--out", tmp_path, "-q") == 0
    with pytest.raises(InputError, match=r"signal_500.csv: not written by `xyy generate`"):
        generate_sample(catalogue, "signal_500", tmp_path, events=20)


def test_its_own_file_is_replaced_with_force_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("generate", "signal_600", "signal_700", "--out", tmp_path, "--quiet")
    for form, file in (("csv", "signal_600.csv"), ("root", "signal_600/part-00000.root")):
        assert xyy(*words, "--format", form, "--events", 20) == 0
        before = contents(tmp_path)
        assert xyy(*words, "--format", form, "--events", 30) == 2
        err = capsys.readouterr().err
        assert f"{tmp_path / file}, " in err
        assert "there already, and generated; give --force to replace it, or choose another" in err
        assert contents(tmp_path) == before
        assert xyy(*words, "--format", form, "--events", 30, "--force") == 0
        assert contents(tmp_path)[file] != before[file]


def test_chunks_of_real_events_are_not_replaced_by_generated_ones(
    made: Path, catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = real(copied(made / "signal_500.csv", tmp_path)), tmp_path / "out"
    convert(catalogue, [("signal_500", path)], out)
    before = contents(out)
    words = ("--events", 20, "--format", "root", "--out", out, "--force")
    assert xyy("generate", "signal_600", "signal_500", *words) == 2
    assert "out/signal_500/part-00000.root: not written by `xyy gen" in capsys.readouterr().err
    assert contents(out) == before
    with pytest.raises(InputError, match="never replaced"):
        generate_sample(catalogue, "signal_500", out, events=20, file_format="root")


def test_data_are_not_replaced_by_a_universe(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, many = (place / "few.toml").read_text(), 'data_luminosity = "1298.1'
    assert text.count(many) == 1
    (place / "few.toml").write_text(text.replace(many, 'data_luminosity = "1.2981'))
    words = ("generate", "--universe", 3, "--samples", "few.toml", "--out", "out", "--quiet")
    assert xyy(*words) == 0
    assert xyy(*words) == 2
    assert "--force" in capsys.readouterr().err
    assert xyy(*words, "--force") == 0
    real(place / "out" / "universe_3.csv")
    assert xyy(*words, "--force") == 2
    assert "never replaced" in capsys.readouterr().err
    assert xyy(*words, "--format", "root") == 0
    assert xyy(*words, "--format", "root") == 2


# ---- convert -------------------------------------------------------------------------------------


def test_part_files_of_others_are_not_replaced_by_chunks(
    made: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    """With `--out .`, in a folder of ntuples that are called like our chunks."""
    theirs = tmp_path / "signal_500" / "part-00000.root"
    theirs.parent.mkdir()
    with uproot.recreate(theirs) as file:
        file.mktree("events", {"pt": "float32"})
    before = theirs.read_bytes()
    with pytest.raises(InputError, match=r"signal_500 holds part-00000.root, which is no chunk of"):
        convert(catalogue, [(None, made / "signal_500.csv")], tmp_path)
    assert theirs.read_bytes() == before


def test_files_are_not_replaced_by_their_own_chunks(
    made: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    shutil.copytree(made, tmp_path / "out")
    source = tmp_path / "out" / "background" / "part-00000.root"
    before = contents(tmp_path)
    with pytest.raises(
        InputError, match=r"part-00000.root would be replaced by the chunks of back"
    ):
        convert(catalogue, [("background", source)], tmp_path / "out")
    assert contents(tmp_path) == before


def test_chunks_that_a_killed_process_left_are_replaced(
    made: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    shutil.copytree(made / "signal_500", tmp_path / "signal_500")
    convert(catalogue, [(None, made / "signal_500.csv")], tmp_path)
    generate_sample(catalogue, "signal_500", tmp_path, events=20, file_format="root")
    assert read_manifest(tmp_path).samples["signal_500"].entries == 20


# ---- every other command that writes -------------------------------------------------------------


@pytest.fixture(scope="module")
def spectrum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spectrum") / "spectrum.csv"
    rows = [
        f"{low},{low + 10},{round(9000 * 0.9 ** (low / 10 - 10))}" for low in range(100, 400, 10)
    ]
    path.write_text("\n".join(["low,high,events", *rows, ""]))
    return path


def command(name: str, out: Path, chunks: Manifest, spectrum: Path) -> tuple[object, ...]:
    """Return the words of a command that writes into a folder, short ones."""
    return {
        "process": ("process", chunks.folder, "--out", out),
        "run": ("run", "--until", "optimise", "--out", out, "--chunks", out.parent / "chunks"),
        "infer": (
            "infer", "--spectrum", spectrum, "--resolution", 10, "--masses", "200:300:10",
            "--families", "exp", "--toys", 0, "--workers", 1, "--out", out,
        ),
        "closure": ("closure", "--empty", 1, "--workers", 1, "--out", out),
        "new-analysis": ("new-analysis", out),
        "universe": ("universe", "make", "--groups", 1, "--out", out),
    }[name]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("process", (*PROCESSED, RUN)),
        ("run", PRODUCTS),
        ("infer", SEARCHED),
        ("closure", ("closure.json", "closure.md", "closure")),
        ("new-analysis", ("samples.toml", "search.toml")),
        ("universe", ("group_01.csv", SEALED, "anything.txt")),
    ],
)
def test_files_of_others_are_not_replaced(
    name: str, files: tuple[str, ...], tmp_path: Path, chunks: Manifest, spectrum: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Each file that a command writes, alone in its folder; refused before anything is made."""
    for file in files:
        out = tmp_path / file.replace(".", "_")
        path = out / file if "." in file else out / file / "mine.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(b'{"mine": 1}' if file.endswith(".json") else FOREIGN)
        before = contents(tmp_path)
        assert xyy(*command(name, out, chunks, spectrum)) == 2, file
        assert file in capsys.readouterr().err
        assert contents(tmp_path) == before, file


@pytest.mark.parametrize(("name", "known"), [("process", (*PROCESSED, RUN)), ("infer", SEARCHED)])
def test_a_command_names_all_that_it_writes(
    name: str, known: tuple[str, ...], tmp_path: Path, chunks: Manifest, spectrum: Path
) -> None:
    """And it works again in its own folder, beside files of others with other names."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.json").write_text('{"mine": 1}')
    assert xyy(*command(name, out, chunks, spectrum), "--quiet") == 0
    there = {path.name for path in out.iterdir()} - {"checkpoints"}  # named by their digests
    assert there == {*known, "notes.json"}
    assert xyy(*command(name, out, chunks, spectrum), "--quiet") == 0
    assert (out / "notes.json").read_text() == '{"mine": 1}'


def test_a_selection_by_hand_is_not_replaced(
    tmp_path: Path, chunks: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert xyy("process", chunks.folder, "--out", tmp_path, "--quiet") == 0
    by_hand = '{"cuts": {"n_jets": {"max": 6}}}'
    (tmp_path / "selection.json").write_text(by_hand)
    assert xyy("optimise", tmp_path) == 2
    assert (
        "selection.json is there, was not written by xyy, and would be" in capsys.readouterr().err
    )
    assert (tmp_path / "selection.json").read_text() == by_hand


def test_a_spectrum_does_not_replace_an_analysis_of_events(
    tmp_path: Path, chunks: Manifest, spectrum: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert xyy("process", chunks.folder, "--out", tmp_path, "--quiet") == 0
    assert xyy(*command("infer", tmp_path, chunks, spectrum)) == 2
    assert "holds an analysis of events" in capsys.readouterr().err


def test_bench_replaces_its_own_result_file_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("notes.json", '{"a": 1}'), ("notes.txt", "a"), ("list.json", "[1]")):
        (tmp_path / name).write_text(content)
        assert xyy("bench", "--quick", "--out", tmp_path / name) == 2
        assert f"{name} is there, was not written by xyy" in capsys.readouterr().err
        assert (tmp_path / name).read_text() == content


# ---- what is removed -----------------------------------------------------------------------------


def test_a_figure_of_ones_own_stays(tmp_path: Path) -> None:
    """Among the program's, which go when they are not drawn any more."""

    def draw() -> Figure:
        figure = Figure()
        figure.subplots().plot([1, 2])
        return figure

    mine = ("my_plot.pdf", "my_plot.png", "numbers.json", "list.json", "other.json", "notes.txt")
    for name in mine:
        (tmp_path / name).write_text("[1]" if name == "list.json" else '{"frames": [1]}')
    for name in ("old", "new"):
        FigureSpec(name, "", "", draw).write(tmp_path)
    remove_others(tmp_path, {"new"})
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {*mine, "new.pdf", "new.png", "new.json"}


def test_only_checkpoints_are_removed_from_their_folder(tmp_path: Path) -> None:
    for name in (f"process-{'0a' * 16}.zip", "process-mine.zip", "model.pt"):
        (tmp_path / name).touch()
    clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "process-mine.zip"]


def test_a_game_that_fails_removes_what_it_made(place: Path) -> None:
    """And not what somebody has put beside it meanwhile."""
    few = read_catalogue(place / "few.toml")
    tiny = replace(few, data_luminosity_invpb=1.2981)

    @contextmanager
    def progress(group: str) -> Iterator[Callable[[int], None]]:
        yield lambda _events: None
        if group == "group_02":
            (place / "game" / "notes.txt").write_bytes(FOREIGN)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), one_writer(place / "game"):
        making.make(tiny, 3, place / "game", progress=progress)
    assert contents(place / "game") == {"notes.txt": FOREIGN}


def test_an_exports_folder_is_replaced_if_it_holds_nothing_else(tmp_path: Path) -> None:
    files = {"old.yaml": b"1", "index.yaml": b"data_file: old.yaml\n"}
    write_files(tmp_path, files)
    write_files(tmp_path, {"new.yaml": b"2", "index.yaml": b"data_file: new.yaml\n"})
    assert sorted(contents(tmp_path)) == ["index.yaml", "new.yaml"]
    (tmp_path / "notes.md").write_bytes(FOREIGN)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"notes.md is of no export, and would be removed; move"):
        write_files(tmp_path, files)
    assert contents(tmp_path) == before


def test_the_page_of_a_campaign_replaces_no_notes(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "docs" / "calibration.json", tmp_path)
    page = tmp_path / "calibration.md"
    assert xyy("closure", "--page", tmp_path / "calibration.json", "--quiet") == 0
    assert xyy("closure", "--page", tmp_path / "calibration.json", "--quiet") == 0
    page.write_bytes(FOREIGN)
    assert xyy("closure", "--page", tmp_path / "calibration.json", "--quiet") == 2
    assert page.read_bytes() == FOREIGN
