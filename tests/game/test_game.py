"""The game: nothing tells the truth too early, nothing changes it later, and claims are judged.

The number of universes of the blindness test is that of the variable XYY_BLIND_UNIVERSES (2).
"""

import hashlib
import io
import json
import os
import platform
import re
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from analysis import cli
from analysis.folder.folder import Folder
from analysis.game import making, scoreboard, sealing
from analysis.game.scoreboard import read_claim
from analysis.game.scoring import limit_at, score
from analysis.report.folder_results import read_results
from analysis.report.page.render import render
from analysis.results.codec import from_json
from analysis.results.game import (
    BackgroundTruth,
    Claim,
    ClaimedLimits,
    ClaimOrigin,
    DataFile,
    ResonanceTruth,
    RevealedGame,
    RevealedGroup,
    RevealedSeed,
    SealedGame,
    SealedGroup,
    UniverseTruth,
)
from analysis.results.values import Estimate
from analysis.settings.search_file import read_search
from tests.truths import continuum_of, resonance_of
from tools.convert import convert
from tools.errors import InputError
from tools.json_file import read_json, write_json
from tools.samples import Catalogue, read_catalogue
from tools.universe import Truth, generate_universe, truth_of

ROOT = Path(__file__).parents[2]
BLIND_UNIVERSES = int(os.environ.get("XYY_BLIND_UNIVERSES", "2"))
QUICK = ("--until", "infer", "--quiet", "--workers", 1)
LONG_SEED = 0x5DEECE66D_5DEECE66D_5DEECE66D
"""so long that it is not in a file by chance"""


def xyy(*words: object) -> int:
    """Run the program in this process; return its exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, quick_file: Path) -> Path:
    """A folder with settings for a tenth of the course's luminosity, cuts and small simulation."""
    place = tmp_path_factory.mktemp("game")
    search = quick_file.read_text()
    limits = 'masses = { low = "500 GeV", high = "1000 GeV", step = "250 GeV" }'
    assert search.count(limits) == 1
    near = 'masses = { low = "800 GeV", high = "900 GeV", step = "25 GeV" }'
    (place / "quick.toml").write_text(search.replace(limits, near))
    text = (ROOT / "datasets" / "course.toml").read_text()
    text = text.replace('"1298.1 / pb"', '"129.81 / pb"')
    text = text.replace("= 100_000", "= 40_000").replace("= 10_000", "= 3_000")
    (place / "small.toml").write_text(text)
    return place


@pytest.fixture(scope="module")
def small(place: Path) -> Catalogue:
    return read_catalogue(place / "small.toml")


@pytest.fixture(scope="module")
def tiny(small: Catalogue) -> Catalogue:
    """Thirteen thousand events."""
    return replace(small, data_luminosity_invpb=12.981)


class Silent:
    """A progress that shows nothing."""

    def __init__(self, _what: str) -> None:
        pass

    def __enter__(self) -> Callable[[int], None]:
        return lambda _events: None

    def __exit__(self, *_error: object) -> None:
        pass


def seed_with(catalogue: Catalogue, accept: Callable[[list[Truth]], bool], groups: int = 2) -> int:
    """Return the first long seed whose universes are as wanted."""
    for seed in range(LONG_SEED, LONG_SEED + 10_000):
        if accept([truth_of(seed, number, catalogue) for number in range(1, groups + 1)]):
            return seed
    raise AssertionError("no such seed")


@pytest.fixture(scope="module")
def base(place: Path) -> Path:
    """A folder with the simulation processed and a selection chosen, of no data yet."""
    settings = ("--samples", place / "small.toml", "--search", place / "quick.toml")
    folders = ("--out", place / "base", "--chunks", place / "chunks")
    words = ("--until", "optimise", "--quiet", "--workers", 1)
    assert xyy("run", *settings, *folders, *words) == 0
    (place / "base" / "run.json").unlink()
    return place / "base"


def run(place: Path, base: Path, out: Path, data: Path, *words: object) -> int:
    if not out.exists():
        shutil.copytree(base, out)
    settings = ("--samples", place / "small.toml", "--search", place / "quick.toml")
    folders = ("--out", out, "--chunks", place / "chunks")
    return xyy("run", *settings, *folders, "--data", data, *QUICK, *words)


@pytest.fixture(scope="module")
def game(place: Path, small: Catalogue) -> Path:
    """A game of two groups: the first without X, the second with one that nobody can miss."""

    def accept(truths: list[Truth]) -> bool:
        first, second = truths
        loud = second.exists and 810 < (second.mass_GeV or 0) < 890 and second.cross_section_pb > 4
        return loud and not first.exists

    words = ("--groups", 2, "--seed", seed_with(small, accept), "--samples", place / "small.toml")
    assert xyy("universe", "make", "--out", place / "play", *words, "--quiet") == 0
    return place / "play"


@pytest.fixture(scope="module")
def claims(place: Path, base: Path, game: Path) -> dict[str, Path]:
    """The results of both groups, opened."""
    results = {}
    for group in ("group_01", "group_02"):
        results[group] = place / "results" / f"small-{group}"
        words = ("--unblind", "dinner is near")
        assert run(place, base, results[group], game / f"{group}.csv", *words) == 0
    return results


@pytest.fixture
def played(game: Path, tmp_path: Path) -> Path:
    """A copy of the game without its data, to be edited."""
    ignored = shutil.ignore_patterns("group_*", "scores.json", "revealed.json")
    shutil.copytree(game, tmp_path / "game", ignore=ignored)
    return tmp_path / "game"


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


# ---- from make to dinner -------------------------------------------------------------------------


def test_from_make_to_dinner(
    game: Path, claims: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handed_in = [path / "claim.json" for path in claims.values()]
    assert xyy("universe", "score", game, *handed_in) == 0
    table = capsys.readouterr().out
    assert "2 of 2 claims are right" in table
    assert re.search(r"group_01\s+limit\s+no X\s+right", table)
    assert re.search(r"group_02\s+\w+, \d+\.\d \+\d.* GeV, .* pb\s+X: .* right ", table), table
    scores = json.loads((game / "scores.json").read_text())
    assert scores["verdicts"] == {"right": 2, "n": 2, "groups": 2}
    found = scores["groups"]["group_02"]["score"]
    # 4 standard deviations, of a fixed seed: no false alarm.
    assert abs(found["mass_pull"]) < 4
    assert abs(found["cross_section_pull"]) < 4
    assert found.get("covers") is None  # no limit at what is claimed
    assert stat.S_IMODE((game / "scores.json").stat().st_mode) == 0o600

    assert xyy("universe", "reveal", game) == 0
    out, err = capsys.readouterr()
    assert "unchanged since it was sealed: the truth of 2 groups, the seed, 2 data files" in err
    assert out.startswith("group_01  no X\ngroup_02  X: ")
    revealed = json.loads((game / "revealed.json").read_text())
    # Anybody checks what was revealed, without the secret ...
    for name in ("sealed.json", "revealed.json"):
        shutil.copy(game / name, tmp_path)
    assert xyy("universe", "reveal", tmp_path) == 0
    assert "0 data files" in capsys.readouterr().err
    # ... without this program ...
    sealed = json.loads((game / "sealed.json").read_text())
    for group, entry in revealed["groups"].items():
        files = [file["sha256"] for file in sealed["groups"][group]["files"]]
        document = {"group": group, "files": files, **entry}
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        assert digest == sealed["groups"][group]["commitment"]
    seal = hashlib.sha256((game / "sealed.json").read_bytes()).hexdigest()
    assert f"seal {seal}" in err
    # ... and makes the data again.
    number = revealed["groups"]["group_02"]["universe"]
    words = ("--universe", number, "--seed", revealed["seed"]["seed"], "--out", tmp_path)
    samples = ("--samples", game.parent / "small.toml", "--quiet")
    assert xyy("generate", *words, *samples) == 0
    again = (tmp_path / f"universe_{number}.csv").read_bytes()
    assert again == (game / "group_02.csv").read_bytes()


def test_a_claim_says_what_can_be_wrong(claims: dict[str, Path]) -> None:
    document = json.loads((claims["group_02"] / "claim.json").read_text())
    verdict = json.loads((claims["group_02"] / "verdict.json").read_text())
    for key in ("decision", "mass_GeV", "cross_section_pb", "complete", "after_unblinding"):
        assert document[key] == verdict[key]
    assert document["limits"]["mass_GeV"] == [800, 825, 850, 875, 900]
    assert [file["name"] for file in document["provenance"]["data"]] == ["group_02.csv"]
    claim = read_claim(claims["group_02"] / "claim.json")
    assert claim.found
    assert claim.limits.mass_GeV.tolist() == [800, 825, 850, 875, 900]


def test_a_group_without_a_claim(
    played: Path, claims: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert xyy("universe", "score", played, claims["group_01"], "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["groups"]["group_02"]["claim"] is None
    assert document["groups"]["group_02"]["reason"] == "no claim was handed in"
    assert document["verdicts"] == {"right": 1, "n": 1, "groups": 2}
    assert xyy("universe", "score", played, claims["group_01"]) == 0
    assert re.search(r"group_02\s+none handed in\s+X: ", capsys.readouterr().out)


# ---- nothing tells the truth too early -----------------------------------------------------------


def secrets_of(seed: int, truth: Truth) -> Iterator[bytes]:
    """Every number that would give a universe away, as text and as stored by a computer."""
    floats = [
        truth.mass_GeV, truth.cross_section_pb, resonance_of(truth).width_GeV,
        continuum_of(truth).scale_GeV, truth.background.n_jets_mean,
        *truth.background.isolation_means,
    ]  # fmt: skip
    yield from (repr(value)[:12].encode() for value in floats if value)
    yield from (struct.pack(order, value) for value in floats if value for order in ("<d", ">d"))
    yield from (str(seed).encode(), f"{seed:x}".encode())
    yield from (seed.to_bytes(16, "little"), seed.to_bytes(16, "big"))


def numbers_in(text: bytes, *places: Path) -> set[float]:
    """Every number of a text, but those of this machine's name and of the places of its files.

    Digits within a longer word are those of a digest, which may be any.
    """
    for name in (*map(str, places), platform.node()):
        text = text.replace(name.encode(), b"")
    return set(map(float, re.findall(rb"(?<![\w.])\d+(?:\.\d+)?(?!\w|\.\d)", text)))


def test_numbers_are_found_and_digests_are_none() -> None:
    text = b'{"n": 41, "at": "/tmp/x-7/a", "digest": "0c41d", "v": "1.42.3"} [4.5, 46.0] in 47.'
    assert numbers_in(text, Path("/tmp/x-7")) == {41, 4.5, 46, 47}  # noqa: S108


@pytest.mark.chance
@pytest.mark.parametrize("file_format", ["csv", "root"])
def test_what_is_public_holds_neither_truth_nor_seed(
    place: Path, small: Catalogue, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    file_format: str,
) -> None:  # fmt: skip
    """False alarm 1e-11: 14 times 8 bytes in 7 MB; all else is longer, or no part of a digest."""
    seed = seed_with(small, lambda truths: truths[0].exists, groups=1)
    out = tmp_path / "game"
    words = ("--groups", 1, "--seed", seed, "--format", file_format, "--out", out)
    assert xyy("universe", "make", *words, "--samples", place / "small.toml") == 0
    secret = out / sealing.SECRET
    nonce = json.loads(secret.read_text())["groups"]["group_01"]["nonce"]
    truth = truth_of(seed, 1, small)
    public = [path for path in out.rglob("*") if path.is_file() and path != secret]
    assert sorted(path.name for path in public) == [f"group_01.{file_format}", "sealed.json"]
    shown = "".join(capfd.readouterr()).encode()
    for content in (*(path.read_bytes() for path in public), shown):
        for told in (*secrets_of(seed, truth), nonce.encode(), bytes.fromhex(nonce)):
            assert told not in content
    (entry,) = json.loads((out / "sealed.json").read_text())["groups"].values()
    numbers = {entry["events"], *(file["bytes"] for file in entry["files"])}
    assert numbers.isdisjoint({truth.signal_events, truth.background_events})
    assert entry["events"] == truth.signal_events + truth.background_events  # that is public
    assert truth.background_events not in numbers_in(shown.replace(b",", b""), out)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert "Not to be handed out" in secret.read_text()


@pytest.mark.chance
def test_seed_and_nonces_come_from_the_operating_system(tiny: Catalogue, tmp_path: Path) -> None:
    games = [making.make(tiny, 2, _made(tmp_path / str(i)), progress=Silent) for i in range(2)]
    seeds = [int(game.truth.seed.seed) for game in games]
    assert all(seed >> 100 for seed in seeds)  # false alarm 2 x 2^-28
    nonces = [game.truth.seed.nonce for game in games]
    nonces += [opened.nonce for game in games for opened in game.truth.groups.values()]
    assert len(set(nonces)) == 6
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces)
    sha256 = {
        file.sha256
        for game in games
        for group in game.sealed.groups.values()
        for file in group.files
    }
    assert len(sha256) == 4
    for game in games:
        assert "object at" in repr(game)
        assert "object at" in repr(game.truth.groups["group_01"])
        assert "object at" in repr(game.truth)
        assert "object at" in repr(game.truth.seed)
        assert "object at" in repr(game.truth.groups["group_01"].truth)
        assert "object at" in repr(game.truth.groups["group_01"].truth.background)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_equal_truths_do_not_look_equal() -> None:
    """Without its nonce a commitment to "no X" would be the same for every empty universe."""
    files = (DataFile("a.csv", 1, "0", "0"),)
    one, other = opened_group(EMPTY), replace(opened_group(EMPTY), nonce="1" * 32)
    assert sealing.commitment("a", files, one) != sealing.commitment("a", files, other)
    assert sealing.commitment("a", files, one) != sealing.commitment("b", files, one)
    moved = (replace(files[0], sha256="1"),)
    assert sealing.commitment("a", files, one) != sealing.commitment("a", moved, one)


@pytest.mark.chance
def test_a_short_seed_is_warned_of_and_not_shown(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Short, and too long for its digits to be in one of six digests by chance: 1e-17."""
    seed = 98_765_432_109_876_543
    words = ("--groups", 1, "--samples", place / "small.toml", "--out", tmp_path / "game")
    assert xyy("universe", "make", *words, "--seed", seed) == 0
    out, err = capsys.readouterr()
    assert "a short seed can be found by trying" in err
    assert str(seed) not in out + err
    assert str(seed) not in (tmp_path / "game" / "sealed.json").read_text()


def test_data_in_many_files_are_recognised(
    tiny: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("tools.generate", "tools.universe"):
        monkeypatch.setattr(f"{module}.PART_EVENTS", 1000)
    out = _made(tmp_path / "game")
    game = making.make(tiny, 2, out, seed=5, file_format="root", progress=Silent)
    files = game.sealed.groups["group_02"].files
    assert len(files) == 4
    assert files[0].name == "group_02/group_02-00000.root"
    paths = [out / file.name for file in files]
    manifest = convert(tiny, [("data", path) for path in paths], tmp_path / "chunks")
    chunks = manifest.samples["data"]
    assert [source.digest for source in chunks.sources] == [file.digest for file in files]
    truth = truth_of(5, 2, tiny)
    assert chunks.entries == truth.signal_events + truth.background_events
    assert not list(out.rglob("manifest.json"))
    assert sealing.refuse_other_data(sealing.read_game(out)) == 8


# ---- nothing changes it later --------------------------------------------------------------------


def _truth(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda document: change(document["groups"]["group_02"])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("sealed.json", lambda d: d["groups"]["group_01"].update(events=1), "it was edited, or is"),
        ("sealed.json", lambda d: d["provenance"].update(host="x"), "its SHA-256 is .* sealed was"),
        (sealing.SECRET, _truth(lambda g: g["truth"].update(mass_GeV=777.0)), "truth of group_02"),
        (sealing.SECRET, _truth(lambda g: g["truth"].update(exists=False)), "it was edited"),
        (sealing.SECRET, _truth(lambda g: g.update(nonce="0" * 32)), "commitment .* does not come"),
        (sealing.SECRET, _truth(lambda g: g.update(universe=3)), "is not the one that was sealed"),
        (sealing.SECRET, lambda d: d["groups"].pop("group_01"), "left out after sealing: group_01"),
        (sealing.SECRET, lambda d: d["seed"].update(seed="5"), "the seed is not the one"),
        (sealing.SECRET, lambda d: d.pop("groups"), "'groups' is missing .*; take the one that"),
        (sealing.SECRET, _truth(lambda g: g.update(more=1)), "more .*; take the one that `xyy uni"),
        (sealing.SECRET, _truth(lambda g: g["truth"].update(exists=None)), "None is no bool"),
        (
            sealing.SECRET,
            lambda d: d.update(format="x"),
            "is not of the format 'xyy-truth-1'; take",
        ),
        ("sealed.json", lambda d: d.update(format="x"), "it was edited, or is"),
    ],
)
@pytest.mark.parametrize("command", ["score", "reveal"])
def test_edited_files_are_detected(
    played: Path, claims: dict[str, Path], capsys: pytest.CaptureFixture[str],
    name: str, change: Callable[[dict[str, Any]], object], message: str, command: str,
) -> None:  # fmt: skip
    edit(played / name, change)
    words = (claims["group_01"],) if command == "score" else ()
    assert xyy("universe", command, played, *words) == 2
    err = capsys.readouterr().err
    assert re.search(message, err)
    assert err.count("\n") == 1
    assert not (played / "scores.json").exists()
    assert not (played / "revealed.json").exists()


def test_a_sealed_file_that_was_edited_to_fit_another_truth_is_detected(
    played: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever changes the truth and its commitment has another sealed.json than the others."""
    edit(played / sealing.SECRET, _truth(lambda g: g["truth"].update(mass_GeV=777.0)))
    hidden, public = played / sealing.SECRET, played / sealing.SEALED
    secret = from_json(RevealedGame, json.loads(hidden.read_text()), hidden)
    sealed = from_json(SealedGame, json.loads(public.read_text()), public)
    files = sealed.groups["group_02"].files
    forged = sealing.commitment("group_02", files, secret.groups["group_02"])
    edit(played / "sealed.json", lambda d: d["groups"]["group_02"].update(commitment=forged))
    assert xyy("universe", "reveal", played) == 2
    assert "is not the one that belongs to TEACHER_ONLY_secret.json" in capsys.readouterr().err


def test_revealed_truth_that_was_edited_is_detected(
    played: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert xyy("universe", "reveal", played) == 0
    (played / sealing.SECRET).unlink()
    edit(played / "revealed.json", _truth(lambda g: g["truth"].update(cross_section_pb=9.0)))
    capsys.readouterr()
    assert xyy("universe", "reveal", played) == 2
    assert "revealed.json: the truth of group_02 is not" in capsys.readouterr().err


def test_other_data_than_were_sealed_are_detected(
    played: Path, game: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(game / "group_01.csv", played / "group_02.csv")
    assert xyy("universe", "reveal", played) == 2
    assert "group_02.csv is not the file that was sealed" in capsys.readouterr().err


# ---- what is refused -----------------------------------------------------------------------------


def test_a_game_that_is_not_there_is_refused(
    played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("score", tmp_path / "no", "claim.json"), ("reveal", tmp_path / "no")):
        assert xyy("universe", *words) == 2
        err = capsys.readouterr().err
        assert re.search(r"no/sealed.json is not there; make it with `xyy universe make`\n$", err)
    assert not (tmp_path / "no").exists()
    (played / sealing.SECRET).unlink()
    assert xyy("universe", "reveal", played) == 2
    message = "holds neither TEACHER_ONLY_secret.json nor revealed.json: the truth can be told"
    assert message in capsys.readouterr().err


def test_a_game_is_made_once_and_whole(
    place: Path, small: Catalogue, game: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (game / "sealed.json").read_bytes()
    words = ("--groups", 1, "--samples", place / "small.toml", "--out")
    assert xyy("universe", "make", *words, game) == 2
    assert "is not empty (it holds " in capsys.readouterr().err
    assert (game / "sealed.json").read_bytes() == before
    nothing = tmp_path / "nothing.toml"
    nothing.write_text((place / "small.toml").read_text().replace("129.81 / pb", "1e-9 / pb"))
    out = tmp_path / "game"
    assert xyy("universe", "make", "--groups", 2, "--samples", nothing, "--out", out) == 2
    assert "too little for a single event" in capsys.readouterr().err
    assert not out.exists()
    with pytest.raises(InputError, match="'hdf5' is not a format"):
        making.make(small, 1, _made(tmp_path / "other"), progress=Silent, file_format="hdf5")


def test_an_interrupt_leaves_nothing_and_a_killed_one_is_cleared(
    tiny: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = _made(tmp_path / "game")

    class Interrupted(Silent):
        def __init__(self, what: str) -> None:
            if what == "group_02":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        making.make(tiny, 2, out, progress=Interrupted)
    assert list(out.iterdir()) == []
    moved: list[Path] = []

    def move(path: Path, to: Path) -> None:
        path.replace(to)
        if path.parent.parent.name == ".making":
            moved.append(path)
        if len(moved) == 3:
            moved.append(path)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", move)
        making.make(tiny, 2, out, progress=Silent)
    assert len(moved) == 4
    assert list(out.iterdir()) == []
    (out / ".making").mkdir()
    (out / ".making" / "universe_1.csv").write_text("half")
    making.make(tiny, 1, out, progress=Silent)
    assert sorted(path.name for path in out.iterdir()) == [
        sealing.SECRET, "group_01.csv", "sealed.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="verdict"), "is not of the format 'xyy-claim-1'; hand in"),
        (lambda d: d.pop("limits"), "'limits' is missing .*; hand in the claim"),
        (lambda d: d.update(decision=None), "None is none of discovery, evidence, limit"),
        (lambda d: d.update(decision="both"), "'both' is none of discovery, evidence"),
        (lambda d: d.update(complete="yes"), "'yes' is no bool @ .complete; hand in"),
        (lambda d: d.update(mass_GeV={"value": 5, "low": 6, "high": 7}), "5 is not between 6 and"),
        (
            lambda d: d.update(mass_GeV={"value": "x", "low": 6, "high": 7}),
            "'x' is no number @ .mass",
        ),
        (lambda d: d.update(mass_GeV={"value": 6, "low": None, "high": 7}), "holds nan, not a num"),
        (lambda d: d["limits"].update(mass_GeV=[500.0]), "masses do not rise, or are not as many"),
        (lambda d: d["limits"].update(observed_pb="x y"), "'x y' is no list @ .limits.observed_pb"),
        (lambda d: d["limits"].update(observed_pb=[[1.0], [2.0]]), "are lists of at most 10,000"),
        (lambda d: d["limits"].update(observed_pb=["x", 1.0]), "'x' is no number @ .limits.obser"),
        (lambda d: d["limits"].update(observed_pb=[0.0, 1]), "observed_pb holds 0.0, not a numb"),
        (lambda d: d["limits"].update(observed_pb=[10**400, 1]), "int too large to convert to fl"),
        (lambda d: d["limits"].update(mass_GeV=[500.0] * 10_001), "are lists of at most 10,000"),
        (lambda d: d.update(mass_GeV={"value": 700, "low": -1e308, "high": 1e308}), "holds -1e.30"),
        (lambda d: d.update(mass_GeV={"value": 700, "low": 1, "high": 1e308}), "holds 1e.308, no"),
        (lambda d: d.update(mass_GeV={"value": 700, "low": 1, "high": 800}), "is no measurement; "),
        (lambda d: d.update(mass_GeV={"value": 700, "low": 600, "high": 1300}), "at most 500 GeV"),
        (
            lambda d: d.update(cross_section_pb={"value": 3, "low": 1, "high": 1e308}),
            r"cross_section_pb holds 1e.308, not a number above 0 and up to 1e.06",
        ),
        (lambda d: d.update(after_unblinding=5), "5 is no str @ .after_unblinding; hand in"),
        (lambda d: d.pop("provenance"), "'provenance' is missing"),
        (lambda d: d.update(more=1), "Claim: more; hand in the claim.json"),
        (lambda d: d["provenance"].update(data=[]), "does not say of which data it is"),
        (lambda d: d["provenance"]["data"][0].update(digest="0"), "on other data than those of"),
        (lambda d: d["provenance"].update(data=[5]), "provenance.data; hand in the claim.json"),
    ],
)
def test_wrong_claims_are_refused(
    played: Path, claims: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], object], message: str,
) -> None:  # fmt: skip
    path = tmp_path / "claim.json"
    shutil.copy(claims["group_02"] / "claim.json", path)
    edit(path, change)
    assert xyy("universe", "score", played, path) == 2
    err = capsys.readouterr().err
    assert re.search(message, err)
    assert err.count("\n") == 1
    assert not (played / "scores.json").exists()


def test_files_that_are_no_claims_are_refused(
    played: Path, claims: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.json").write_text("I saw it")
    for path, message in (
        (tmp_path / "no.json", "no.json is not there; make it with `xyy run --data FILE --unblind"),
        (tmp_path / "text.json", "text.json cannot be read as JSON"),
        (claims["group_01"] / "verdict.json", "verdict.json is not of the format 'xyy-claim-1'"),
        (tmp_path, "claim.json is not there"),
    ):
        assert xyy("universe", "score", played, path) == 2
        assert message in capsys.readouterr().err


def test_a_claim_for_another_groups_data_is_refused(
    played: Path, claims: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = claims["group_01"] / "claim.json"
    for word in (f"group_02={theirs}", shutil.copy(theirs, tmp_path / "group_02.json")):
        assert xyy("universe", "score", played, word) == 2
        message = "should be a claim of group_02, and is one on the data of group_01"
        assert message in capsys.readouterr().err
    assert xyy("universe", "score", played, theirs, shutil.copy(theirs, tmp_path / "mine")) == 2
    assert "are both claims on the data of group_01; give one" in capsys.readouterr().err
    assert xyy("universe", "score", played, f"group_07={theirs}") == 2
    assert "there is no group 'group_07'" in capsys.readouterr().err
    assert xyy("universe", "score", played, f"group_01={theirs}", "--quiet") == 0


# ---- the rule ------------------------------------------------------------------------------------

X = ResonanceTruth(exists=True, mass_GeV=610.0, cross_section_pb=3.0)
EMPTY = ResonanceTruth(exists=False, mass_GeV=None, cross_section_pb=0.0)
CLAIM = Claim(
    decision="discovery",
    local_z=6.0,
    global_z=5.0,
    mass_GeV=Estimate(612.0, 608.0, 615.0),
    cross_section_pb=Estimate(2.5, 2.1, 3.0),
    complete=True,
    after_unblinding=None,
    limits=ClaimedLimits(
        confidence_level=0.95,
        mass_GeV=np.array([600.0, 650.0, 700.0]),
        observed_pb=np.array([4.0, 2.0, np.nan]),
    ),
    provenance=ClaimOrigin(data=()),
)
LIMIT = replace(CLAIM, decision="limit", mass_GeV=None, cross_section_pb=None)


def with_limits(
    claim: Claim, masses: Sequence[float] | np.ndarray, limits: Sequence[float]
) -> Claim:
    changed = replace(claim.limits, mass_GeV=np.array(masses), observed_pb=np.array(limits))
    return replace(claim, limits=changed)


def opened_group(truth: ResonanceTruth) -> RevealedGroup:
    """Return what is revealed of a universe with some X."""
    background = BackgroundTruth(
        scale_GeV=106.1, tail_fraction=0.0015, n_jets_mean=4.48, isolation_means=(0.85, 0.85)
    )
    whole = UniverseTruth(
        exists=truth.exists,
        mass_GeV=truth.mass_GeV,
        cross_section_pb=truth.cross_section_pb,
        width_GeV=None,
        signal_events=0,
        background_events=9,
        background=background,
    )
    return RevealedGroup(universe=1, truth=whole, nonce="0" * 32)


def test_pulls_take_the_error_on_the_side_of_the_truth() -> None:
    scored = score(CLAIM, X)
    assert scored.right
    assert scored.mass_pull == pytest.approx((612 - 610) / 4)
    assert scored.cross_section_pull == pytest.approx((2.5 - 3.0) / 0.5)
    assert scored.limit_pb == pytest.approx(3.6)
    assert scored.covers is True


@pytest.mark.parametrize(
    ("claim", "truth", "right", "why"),
    [
        (CLAIM, X, True, "found, at the right mass"),
        (replace(CLAIM, decision="evidence"), X, True, "found, at the right mass"),
        (CLAIM, replace(X, mass_GeV=600.0), True, "found, at the right mass"),  # 3.0 errors of 4
        (CLAIM, replace(X, mass_GeV=599.0), False, "found at another mass: 3.2 uncertainties off"),
        (CLAIM, replace(X, mass_GeV=622.0), False, "found at another mass: 3.3 uncertainties off"),
        (CLAIM, EMPTY, False, "there is no X"),
        (replace(CLAIM, mass_GeV=None), X, False, "no mass is claimed"),
        (LIMIT, EMPTY, True, "there is no X, and none is claimed"),
        (LIMIT, X, True, "not found, and the limit covers it"),
        (
            LIMIT,
            replace(X, cross_section_pb=3.7),
            False,
            "missed: the limit excludes what is there",
        ),
        (LIMIT, replace(X, mass_GeV=690.0), False, "no limit at X's mass"),
        (LIMIT, replace(X, mass_GeV=590.0), False, "no limit at X's mass"),
    ],
)
def test_right_and_wrong(claim: Claim, truth: ResonanceTruth, *, right: bool, why: str) -> None:
    scored = score(claim, truth)
    assert (scored.right, scored.why) == (right, why)


def test_a_limit_between_masses_is_interpolated() -> None:
    limits = [limit_at(LIMIT, mass) for mass in (600.0, 625.0, 650.0, 651.0, 700.0, 701.0, 599.0)]
    assert limits == [4.0, pytest.approx(3.0), 2.0, None, None, None, None]
    assert limit_at(with_limits(LIMIT, (600.0, 651.0), (4.0, 2.0)), 625.0) is None


def test_a_limit_is_not_too_low_beside_an_x() -> None:
    """Limits as an X of 30 GeV at 612.5 raises them: between two of them as at them, to 1 %."""
    masses = np.arange(500.0, 701.0, 25.0)

    def raised(mass: float) -> float:
        return float(1.0 + 5.0 * np.exp(-((mass - 612.5) ** 2) / (4 * 30.0**2)))

    limits = [raised(float(mass)) for mass in masses]
    claim = with_limits(LIMIT, masses, limits)
    for mass in np.arange(526.0, 675.0):
        assert limit_at(claim, float(mass)) == pytest.approx(raised(float(mass)), rel=0.01)
    without = with_limits(LIMIT, masses, [*limits[:4], np.nan, *limits[5:]])
    assert limit_at(without, 562.5) == pytest.approx(np.mean(limits[2:4]))


def test_the_table_tells_what_is_wrong_and_every_reservation(tmp_path: Path) -> None:
    opened = {
        "group_01": opened_group(EMPTY),
        "group_02": opened_group(replace(X, mass_GeV=690.0)),
    }
    groups = dict.fromkeys(opened, SealedGroup(events=9, files=(), commitment="0"))
    sealed = SealedGame(samples="course", seed_commitment="0", groups=groups)
    truth = RevealedGame(seal="0", seed=RevealedSeed(seed="0", nonce="0"), groups=opened)
    game = sealing.Game(tmp_path, sealed, truth)
    lost = replace(CLAIM, complete=False, after_unblinding="a wrong cut", cross_section_pb=None)
    claims = {"group_01": lost, "group_02": LIMIT}
    table = scoreboard.table(scoreboard.scores(game, claims))
    assert "0 of 2 claims are right" in table
    assert re.search(r"group_01\s+discovery, 612\.0 \+3\.0 -4\.0 GeV\s+no X\s+WRONG", table)
    assert re.search(r"group_02\s+limit\s+X: 690\.0 GeV, 3\.00 pb\s+WRONG\s+-\s+none", table)
    for note in (
        "group_01: there is no X", "group_01: events were lost on the way",
        "group_01: changed after unblinding: a wrong cut", "group_02: no limit at X's mass",
    ):  # fmt: skip
        assert note in table.splitlines()


# ---- blindness -----------------------------------------------------------------------------------


def masses(events: pd.DataFrame) -> npt.NDArray[np.float64]:
    bracket = np.cosh(events.photon1_eta - events.photon2_eta) - np.cos(
        events.photon1_phi - events.photon2_phi
    )
    mass: npt.NDArray[np.float64] = np.sqrt(2 * events.photon1_pT * events.photon2_pT * bracket)
    return np.asarray(mass)


def outputs(folder: Path) -> dict[str, bytes]:
    """Return every output's bytes, provenance left out; of archives and checkpoints each member.

    A checkpoint is named after its chunk's bytes, which is provenance: they are taken in the order
    of what they hold.
    """
    files: dict[str, bytes] = {}
    kept = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == ".xyy.lock":
            continue
        if path.parent.name == "checkpoints":
            with zipfile.ZipFile(path) as archive:
                members = sorted(archive.namelist())
                kept.append([(m, archive.read(m)) for m in members if m != "about.json"])
        elif path.suffix == ".json":
            document = read_json(path, made_by="")
            document.pop("provenance", None)
            files[str(path.relative_to(folder))] = json.dumps(document).encode()
        else:
            files[str(path.relative_to(folder))] = path.read_bytes()
    for index, members_of in enumerate(sorted(kept)):
        files |= {f"checkpoint {index}: {name}": content for name, content in members_of}
    return files


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all that a determined look finds: files as they are, and members of archives."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    yield from ((name, archive.read(name)) for name in archive.namelist())


@pytest.mark.chance
@pytest.mark.parametrize("number", range(1, BLIND_UNIVERSES))
def test_while_blind_nothing_depends_on_what_is_inside_the_window(
    place: Path, base: Path, small: Catalogue, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], number: int,
) -> None:  # fmt: skip
    """False alarm 1e-11: 14 times 8 bytes in some MB, as for what is public."""
    compare_blind(place, base, small, tmp_path, capfd, number, until="infer")


def test_while_blind_nor_do_figures_and_page(
    place: Path, base: Path, small: Catalogue, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """False alarm as above: the bytes of figures are the same in every run."""
    compare_blind(place, base, small, tmp_path, capfd, 0, until="report")


def compare_blind(
    place: Path, base: Path, small: Catalogue, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], number: int, until: str,
) -> None:  # fmt: skip
    """Compare blind runs on a universe and on one with other events inside the window."""
    truth = truth_of(LONG_SEED, number, small)
    csv = generate_universe(small, number, tmp_path, seed=LONG_SEED)
    assert run(place, base, tmp_path / "blind", csv, "--until", until) == 0
    shown = "".join(capfd.readouterr()).encode()

    events = pd.read_csv(csv)
    mass = masses(events)
    inside = np.flatnonzero((mass > 401) & (mass < 1099))
    columns = [name for name in events.columns if name != "Unnamed: 0"]
    other = tmp_path / "other" / csv.name
    other.parent.mkdir()
    replaced = events.copy()
    replaced.loc[inside, columns] = events.loc[
        np.full(len(inside), inside[number]), columns
    ].to_numpy()
    replaced.loc[inside, ["n_jets", "photon1_isolation"]] = (0.0, 0.5)
    replaced.rename(columns={"Unnamed: 0": ""}).to_csv(other, index=False)
    assert run(place, base, tmp_path / "other_blind", other, "--until", until) == 0
    ours, theirs = (outputs(tmp_path / name) for name in ("blind", "other_blind"))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    made = [
        read_json(tmp_path / name / "verdict.json", made_by="")["provenance"]["inputs"]
        for name in ("blind", "other_blind")
    ]
    assert made[0] != made[1]  # the second was made of other data, not taken for the first

    assert not (tmp_path / "blind" / "claim.json").exists()
    counted = int(((mass >= 400) & (mass < 1100)).sum())
    for name, content in (*everything(tmp_path / "blind"), ("what is shown", shown)):
        for told in secrets_of(LONG_SEED, truth):
            assert told not in content, name
        if not name.endswith((".npy", ".png", ".pdf", ".zip", ".html")):
            assert counted not in numbers_in(content, place, tmp_path), name
        if name.startswith("data/") and name.endswith(".npy"):
            array = np.load(io.BytesIO(content))
            assert counted not in (array.sum(), *np.ravel(array)), name


def test_a_claim_goes_when_the_data_are_shut_again(
    place: Path, base: Path, game: Path, claims: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "group_01"
    shutil.copytree(claims["group_01"], folder)
    (folder / "unblinding.json").unlink()
    assert run(place, base, folder, game / "group_01.csv") == 0
    assert read_json(folder / "verdict.json", made_by="")["blinded"] is True
    assert not (folder / "claim.json").exists()


# ---- what is changed after unblinding ------------------------------------------------------------


def test_a_changed_cut_after_unblinding_stamps_everything(
    place: Path, base: Path, game: Path, claims: dict[str, Path], small: Catalogue, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """So do the figures, by the same words: test_report.py."""
    folder = tmp_path / "changed"
    shutil.copytree(claims["group_02"], folder)
    before = outputs(folder)
    selection = json.loads((folder / "selection.json").read_text())
    selection["cuts"]["n_jets"] = {"min": None, "max": 4}
    write_json(folder / "selection.json", selection)
    assert run(place, base, folder, game / "group_02.csv") == 4
    assert "decisions changed after unblinding: selection.n_jets.max" in capsys.readouterr().err
    results = [
        "selection.json", "ledger.json", "cutflow.json", "background.json", "counting.json",
        "scan.json", "limits.json", "verdict.json", "claim.json",
    ]  # fmt: skip
    after = outputs(folder)
    assert [name for name in before if before[name] != after.get(name)] == ["selection.json"]
    why = "one jet less"
    words = ("--after-unblinding", why)
    assert run(place, base, folder, game / "group_02.csv", *words) == 0
    for name in results:
        document = read_json(folder / name, made_by="")
        assert document["after_unblinding"] == why, name
        assert "selection.n_jets.max" in document["changed_after_unblinding"], name
    page = render(read_results(Folder(folder), small, read_search(place / "quick.toml")), [])
    assert f"Changed after unblinding: {why} (selection.n_jets.max" in page
    assert xyy("universe", "score", game, folder / "claim.json") == 0
    assert f"group_02: changed after unblinding: {why}" in capsys.readouterr().out
    assert xyy("status", folder) == 0
    out = capsys.readouterr().out
    assert out.count("up to date") == 5  # there is no report yet
    assert re.search(rf"T[\d:+]+ changed: {why} \(selection\.n_jets\.max", out)
