"""The pages of the README and of `docs`, as a reader follows them: word by word, in one shell.

A page becomes a script, block by block:

- ``sh``: as it stands;
- ``python``: typed into Python; the blocks between two of ``sh`` are one session, and a line
  ``print(...)  # text`` has to print that text;
- ``toml FILE``: the entries to change in FILE; ``json FILE``: a file to write.

`xyy` and `python` are those of the environment of this interpreter, as after its activation.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"

(DEMO,) = re.findall(
    r"^\t\$\(VENV\)/bin/(xyy run .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE
)
OF_A_CLONE = {"CONTRIBUTING.md"}
"""Pages whose commands are for the clone itself; what they say is what `.ci/run` does."""
DONE_OTHERWISE = {
    "source .venv/bin/activate": ":",  # it lies in the clone; the environment is active already
    "make demo": DEMO,  # what it does in the clone, after the set-up
    "make test": ":",  # it would start this test
    "make notebook": ":",  # a server; tests/test_course_notebook.py runs the notebook
}
"""Lines of a page, and what is done in their place."""
NOT_DONE = {
    "mkdir rehearsal && cd rehearsal": "half an hour; tests/game plays it, with less data",
}
"""Blocks of commands, by their first line, and why they are not run."""
FEWER = {
    "--universes 1000 --empty 2000 --with-x 2000 ": "--universes 10 --empty 10 --with-x 10 ",
}
"""Words of commands that take half an hour, and what is typed in their place."""
LONG = {"README.md", "calibration.md", "export.md", "game.md", "own-background.md",
        "own-selection.md", "scaling.md", "statistics.md"}  # fmt: skip
"""Pages that take more than some seconds: `make test-services` follows them."""
SECONDS = 1800.0
"""for a page, at most"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    about: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*) ?(.*?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(*found) for found in fenced]


def in_order() -> list[Path]:
    """Return the README and the pages with something to do, in the order of their tables."""
    links = (
        folder / link
        for folder, table in ((ROOT, README), (DOCS, DOCS / "README.md"))
        for link in re.findall(r"\]\(((?:docs/)?[\w-]+\.md)\)", table.read_text(encoding="utf-8"))
    )
    pages = (page for page in dict.fromkeys((README, *links)) if page.name not in OF_A_CLONE)
    return [page for page in pages if script(page, Path())]


def follow(page: Path, folder: Path, given: Mapping[str, str] | None = None) -> str:
    """Do in a folder what a page says; return what was printed.

    Parameters
    ----------
    page, folder : Path
    given : mapping of str to str
        What the reader does before a command, without being told how: lay files of theirs there.

    Raises
    ------
    AssertionError
        If a command fails, or Python prints something else than the page says.
    """
    answers = folder.with_name(f"{folder.name}-printed") / page.stem
    answers.mkdir(parents=True)
    typed = answers / "typed.sh"
    typed.write_text(script(page, answers, given), encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-exo", "pipefail", typed], cwd=folder, env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{page.name}:\n{done.stdout[-5000:]}"
    for index, code in enumerate(sessions(page)):
        told = re.findall(r"^ *print\(.*\)  # (.+)$", code, re.MULTILINE)
        printed = (answers / str(index)).read_text().splitlines()
        assert not told or printed == told, page.name
    return done.stdout


def sessions(page: Path) -> list[str]:
    """Return what is typed into Python, a session each."""
    return [text for language, _, text in steps(page) if language == "python"]


def steps(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield what there is to do, the blocks of a session of Python together."""
    session: list[str] = []
    for block in blocks(page):
        if block.language == "python":
            session.append(block.text)
        elif block.language == "sh" or (block.language in ("toml", "json") and block.about):
            if session and block.language == "sh":
                yield "python", "", "\n".join(session)
                session = []
            yield block.language, block.about, block.text
    if session:
        yield "python", "", "\n".join(session)


def script(page: Path, answers: Path, given: Mapping[str, str] | None = None) -> str:
    """Return a page as a script; what Python prints goes to numbered files in `answers`."""
    written, number = "", 0
    for language, about, text in steps(page):
        if language == "sh":
            written += commands(text, given or {})
            continue
        if language == "python":
            command, number = f"python - > '{answers / str(number)}'", number + 1
        elif language == "toml":
            command = f"python '{__file__}' {about}"
        else:
            command = f"cat > {about}"
        written += f"{command} <<'END OF BLOCK'\n{text}\nEND OF BLOCK\n"
    return written


def commands(text: str, given: Mapping[str, str]) -> str:
    """Return a block of commands as it is run, behind what the reader does before it."""
    if text.partition("\n")[0] in NOT_DONE:
        return ""
    for words, fewer in FEWER.items():
        text = text.replace(words, fewer)
    before = [do for typed, do in given.items() if typed in text]
    lines = [DONE_OTHERWISE.get(line.split("#")[0].strip(), line) for line in text.splitlines()]
    return "\n".join([*before, *lines, ""])


def change_settings(path: Path, changes: str) -> None:
    """Set the entries of a TOML file to those of a block; a table that is not there is added."""
    text = path.read_text(encoding="utf-8")
    for change in re.split(r"^(?=\[)", changes, flags=re.MULTILINE):
        header, *lines = change.strip().splitlines() or [""]
        if header and not header.startswith("["):
            header, lines = "", [header, *lines]
        tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
        place = [
            i for i, t in enumerate(tables) if t.split("]")[0] + "]" == header.split("]")[0] + "]"
        ]
        if header and not place:
            text += f"\n{change.strip()}\n"
            continue
        index = place[0] if header else 0
        for line in filter(None, lines):
            key = re.escape(line.split("=")[0].strip())
            tables[index], count = re.subn(
                rf"^{key} *=.*$", lambda _, new=line: new, tables[index], flags=re.MULTILINE
            )
            if not count:
                tables[index] = tables[index].rstrip("\n") + f"\n{line}\n\n"
        text = "".join(tables)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    change_settings(Path(sys.argv[1]), sys.stdin.read())
