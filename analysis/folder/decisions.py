"""What is decided: what the data are taken to be, window, selection, functions, thresholds.

All of it, with the hash of each decision, is frozen before the data are opened (`blinding`). So is
the program: the code that fills histograms, chooses a selection and does the statistics. Figures,
pages, commands and executors make no numbers, and may be improved at any time without a word on the
results.
"""

from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from analysis.folder.folder import Folder
from analysis.results.freeze import Program
from analysis.settings.search import Search
from processors.selection import Selection
from tools.code import behind, code_digest
from tools.digests import digest_document
from tools.errors import InputError
from tools.names import listed
from tools.samples import Catalogue

if TYPE_CHECKING:
    from processors.score import ScoreTable


PARTS = ("processors", "selection", "statistics")
"""of the program, each with a digest of its code"""


def decisions(
    catalogue: Catalogue, search: Search, selection: Selection, score: "ScoreTable | None" = None
) -> dict[str, Any]:
    """Return everything that is decided, in a form that JSON can hold.

    Paths are left out: the same decisions in another folder are the same decisions.
    """
    samples = asdict(catalogue)
    settings = asdict(search)
    samples.pop("path")
    if not catalogue.layouts:  # the decisions of whoever has none are those of before
        samples.pop("layouts")
    settings.pop("path", None)
    settings.pop("label")  # of the figures: it decides nothing
    for name in ("photons", "events"):
        if not settings[name]["require"] and search.photons.order == "pt":
            settings.pop(name)
    settings["optimise"].pop("method")  # it is what it led to that is decided: cuts or score
    return {
        "samples": samples,
        "search": settings,
        "selection": {name: asdict(cut) for name, cut in selection.cuts.items()},
        "score": None if score is None else score.digest,
    }


def refuse_other_settings(
    folder: Folder, own: tuple[Catalogue, Search], given: tuple[Catalogue, Search]
) -> None:
    """Refuse settings that decide otherwise than those that a folder is made with.

    Raises
    ------
    InputError
        Naming what they decide otherwise.
    """
    none = Selection({})
    names = changed(decisions(*own, none), decisions(*given, none))
    if names:
        raise InputError(
            f"{folder.path} was made with {own[0].path} and {own[1].path}; {given[0].path} and "
            f"{given[1].path} decide otherwise ({listed(names)}): leave --samples and "
            "--search out, or make everything anew with `xyy run`"
        )


def hashes(decided: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each decision: one for every table of the search file, and the rest."""
    tables = decided.get("search", {})
    rest = {name: value for name, value in decided.items() if name != "search"}
    return {name: digest_document({name: value}) for name, value in {**rest, **tables}.items()}


def changed(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the names of the entries that differ.

    >>> changed({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}})
    ['a.c']
    """
    names = []
    for key in sorted(set(before) | set(after)):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            names += changed(old, new, f"{prefix}{key}.")
        elif _plain(old) != _plain(new):
            names.append(f"{prefix}{key}")
    return names


def _plain(value: object) -> object:
    """Return `value` as JSON would give it back: tuples are lists there."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    # As numbers, not by their digests: 100 comes back from a file as 100.0.
    return value


def program_version() -> Program:
    """Return the version of the program, and the digest of each of `PARTS`."""
    # A change in a page or a command is none of these: it makes no number.
    return Program(
        version=metadata.version("xyy"),
        processors=code_digest("processors"),
        selection=code_digest(*behind("analysis.selection.methods")),
        statistics=code_digest(*behind("analysis.statistics.inference"), "tools.arrays"),
    )


def program_changes(before: Program, now: Program) -> list[str]:
    """Return the parts of the program that differ."""
    return [part for part in PARTS if getattr(before, part) != getattr(now, part)]
