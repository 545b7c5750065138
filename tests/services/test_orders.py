"""Every order of three commands on a blind folder: no verdict but none, or the right one.

The folder is copied at each branch: 5 + 25 + 125 steps.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from analysis.folder.folder import Folder

Command = Callable[..., int]
STEPS = ("process", "infer", "report", "unblind", "run")
DEPTH = 3
REFUSED = 4


@dataclass(frozen=True)
class Analysis:
    """How to do each step."""

    program: Command
    run: tuple[object, ...]
    """words of the `xyy run` that made the folder, without it"""

    def do(self, step: str, folder: Path) -> int:
        """Do one step; return its exit code."""
        if step == "run":
            return self.program("run", *self.run, "--out", folder, "--until", "infer", "--quiet")
        reason = ("--reason", "it is time") if step == "unblind" else ()
        return self.program(step, folder, *reason, "--quiet")


@pytest.fixture(scope="module")
def analysis(tiny: Path, tiny_universe: int, tiny_blind: Path, program: Command) -> Analysis:
    files = ("--samples", tiny / "samples.toml", "--search", tiny / "search.toml")
    chunks = ("--chunks", tiny_blind.parent / "chunks")
    return Analysis(program, ("--universe", tiny_universe, *files, *chunks))


@pytest.fixture(scope="module")
def right(analysis: Analysis, tiny_blind: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the right verdict: of `xyy run --unblind`, at once."""
    folder = tmp_path_factory.mktemp("right") / "blind"
    shutil.copytree(tiny_blind, folder)
    words = ("--unblind", "it is time", "--until", "infer", "--quiet")
    assert analysis.program("run", *analysis.run, "--out", folder, *words) == 0
    digest = Folder(folder).digest("verdict.json")
    assert digest is not None
    return digest


def verdict_of(folder: Path) -> str | None:
    """Return the digest of the verdict, or None where there is none or it is of the blind data."""
    path = folder / "verdict.json"
    if not path.exists() or json.loads(path.read_text())["decision"] is None:
        return None
    return Folder(folder).digest("verdict.json")


def walk(
    analysis: Analysis, folder: Path, done: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], int, str | None]]:
    """Yield each order of steps with the exit code of the last one and the verdict after it."""
    for step in STEPS if len(done) < DEPTH else ():
        branch = shutil.copytree(folder, folder.parent / "_".join((*done, step)))
        code = analysis.do(step, branch)
        yield (*done, step), code, verdict_of(branch)
        yield from walk(analysis, branch, (*done, step))
        shutil.rmtree(branch)


def test_no_order_of_commands_reaches_a_wrong_verdict(
    analysis: Analysis, right: str, tiny_blind: Path, tmp_path: Path
) -> None:
    blind = shutil.copytree(tiny_blind, tmp_path / "blind")
    assert analysis.do("report", blind) == 0
    seen = list(walk(analysis, blind, ()))
    assert len(seen) == len(STEPS) + len(STEPS) ** 2 + len(STEPS) ** 3
    for order, code, verdict in seen:
        opened = "unblind" in order
        processed = opened and {"process", "run"} & set(order[order.index("unblind") :])
        assert verdict in ((None, right) if processed else (None,)), order
        refused = opened and not processed and order[-1] in ("infer", "report")
        assert code == (REFUSED if refused else code), order
        assert code in (0, 2, REFUSED), order
    reached = [order for order, _, verdict in seen if verdict == right]
    assert ("unblind", "process", "infer") in reached
    assert ("unblind", "run") in reached
    assert not [order for order, code, _ in seen if code == REFUSED and "unblind" not in order]
