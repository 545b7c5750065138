"""Several files: each looked at in a process of its own, then compared with each other."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.folder.openings import record
from analysis.inspection.found import UNREADABLE, Inspection, Problem
from analysis.inspection.look import Look, OneFile, Question, look
from analysis.inspection.words import next_command
from analysis.results.freeze import Opening
from tools.errors import InputError
from tools.identity import equal_files, shared
from tools.manifest import MANIFEST_NAME
from tools.pool import one_by_one
from tools.remote import is_address
from tools.samples import Catalogue

_DIED = (
    "the process that read it was ended by it, or by the system for want of memory",
    "get it again, and see that there is enough memory",
)


def inspect_files(
    files: Sequence[str], question: Question, catalogue: Catalogue
) -> list[Inspection]:
    """Look at files; nothing that they may be ends the program.

    Parameters
    ----------
    files : sequence of str
    question : Question
    catalogue : Catalogue
        Which sample a file is of, for the command to type next.
    """
    sizes = [_size(file) for file in files]
    asked = [
        # Files of other sizes are no twins: their content need not be read for that.
        OneFile(
            file,
            question,
            digested=question.unblinded or is_address(file) or (size > 0 and sizes.count(size) > 1),
        )
        for file, size in zip(files, sizes, strict=True)
    ]
    looks = [_ended(one.file) if seen is None else seen for one, seen in one_by_one(look, asked)]
    found = _compared(looks)
    return [replace(each, next=next_command(each, catalogue)) for each in found]


def _size(file: str) -> int:
    """Return the size of a file; 0 of what is none."""
    try:
        return Path(file).stat().st_size
    except (OSError, ValueError):
        return 0


def _ended(file: str) -> Look:
    what, remedy = _DIED
    dead = Inspection(file=file, format=UNREADABLE).with_problem(Problem(what, file, remedy))
    return Look(dead, np.empty(0, np.uint64))


def _compared(looks: Sequence[Look]) -> list[Inspection]:
    """Add what is wrong with files beside each other: it is told of the later one."""
    found = [each.found for each in looks]
    names = [each.file for each in found]
    equal = equal_files([each.digest for each in found])
    for twin, first in equal.items():
        problem = Problem(
            f"it has the same content as {names[first]}, and every event would count twice",
            names[twin], "name one of them",
        )  # fmt: skip
        found[twin] = found[twin].with_problem(problem)
    # What is equal to another file shares all that the other one shares.
    known = [each.events[:0] if n in equal else each.events for n, each in enumerate(looks)]
    for same in shared(known):
        problem = Problem(
            f"events that are in {names[same.first]}, too (entry {same.entry_first} there): "
            f"{same.events:,}",
            f"{names[same.second]}, first in entry {same.entry_second} (from 0)",
            "use one of the files, or remove these events from one",
        )
        found[same.second] = found[same.second].with_problem(problem)
    return found


def record_opening(found: Sequence[Inspection], chunks: Path, reason: str) -> None:
    """Put on record that data were looked at, where a run finds it that opens them later.

    The record lies among the chunks, as that of `xyy unblind`: by the digest of the file, with no
    decisions, as none were frozen. Whatever is decided later is decided after it.

    Parameters
    ----------
    found : sequence of Inspection
        With their masses.
    chunks : Path
        The folder of the chunks.
    reason : str

    Raises
    ------
    InputError
        If the reason is empty, or a file is a chunk of this program.
    XyyError
        If it cannot be written: then the masses are not to be shown.
    """
    if not reason.strip():
        raise InputError("--unblinded needs a reason in words; it stays on record")
    for each in found:
        if each.digest and each.blind_GeV is None and each.simulated is False and each.photons:
            _refuse_chunk(Path(each.file))
            place = chunks / f"inspected-{each.digest[:16]}"
            record(place, Opening((each.digest,), {}, f"xyy inspect: {reason}"), place)


def _refuse_chunk(path: Path) -> None:
    """Refuse a chunk of data: what folders know them by is the file that it was made of."""
    if (path.resolve().parent.parent / MANIFEST_NAME).is_file():
        raise InputError(
            f"{path} is a chunk of data that xyy converted; name the file it was made of, or open "
            "it with `xyy unblind`"
        )
