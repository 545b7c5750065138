"""One file, from its first bytes to its masses: what is done in a process of its own.

A damaged file may end the process that reads it. Then nothing is lost but what was found of this
file; everything that is merely wrong is a `Problem` beside what was found until then.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analysis.inspection.found import (
    UNREADABLE,
    Inspection,
    MassFound,
    MassHistogram,
    Problem,
    TreeFound,
)
from tools import temporary
from tools.content import content_kind
from tools.digests import digest_file
from tools.errors import InputError, XyyError
from tools.identity import KNOWN_BY, identities
from tools.layouts import Layout, Match, recognise
from tools.names import listed
from tools.ntuples import Ntuple, Tree, open_ntuple
from tools.reading import open_regular
from tools.remote import download, is_address

if TYPE_CHECKING:
    import awkward as ak

    from processors.survey import Survey
    from tools.photon_values import WrongValues

_FEW_ZEROS = 0.01
"""fraction of events of a simulation whose weight may be 0"""
_BLIND = (
    "no generator weight tells that it is simulation, so that it may be data: masses are shown "
    "outside the window only; --unblinded TEXT shows them all, and is recorded"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for."""

    layouts: Mapping[str, Layout]
    """those that a file may have"""
    window_GeV: tuple[float, float]
    """where data stay blind"""
    unblinded: bool
    identify: bool
    """whether events are to be compared with those of other files"""


@dataclass(frozen=True, slots=True)
class OneFile:
    """A file to look at."""

    file: str
    question: Question
    digested: bool = False
    """whether its digest is asked for"""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What came of it."""

    found: Inspection
    events: npt.NDArray[np.uint64]
    """a number for each event by which it is known; 0 where it has none, and empty if not asked"""


def look(one: OneFile) -> Look:
    """Look at one file, which may be on another machine; what is wrong is part of the result."""
    if not is_address(one.file):
        return _look(one)
    with temporary.folder("xyy-inspect-") as folder:
        here = folder / "file"
        try:
            download(one.file, here)
        except XyyError as error:
            return _lost(one, Problem.of(error, one.file))
        except OSError as error:
            defect = f"it cannot be kept while it is looked at ({error.strerror or error})"
            return _lost(one, Problem(defect, one.file, "make room in the folder of TMPDIR"))
        seen = _look(replace(one, file=str(here)))
        return replace(seen, found=seen.found.of_file(one.file))


def _lost(one: OneFile, problem: Problem) -> Look:
    found = Inspection(file=one.file, format=UNREADABLE)
    return Look(found.with_problem(problem), np.empty(0, np.uint64))


def _look(one: OneFile) -> Look:
    seen = Look(Inspection(file=one.file, format=UNREADABLE), np.empty(0, np.uint64))
    try:
        for seen in _stages(Path(one.file), one):  # noqa: B007 - the last one counts
            pass
    except XyyError as error:
        return replace(seen, found=seen.found.with_problem(Problem.of(error, one.file)))
    except OSError as error:
        defect = f"it cannot be read ({error.strerror or error})"
        problem = Problem(defect, one.file, "see to its disk or network, or get the file again")
        return replace(seen, found=seen.found.with_problem(problem))
    except Exception as error:  # noqa: BLE001 - the other files are to be looked at all the same
        defect = f"it makes xyy fail ({type(error).__name__}: {error})"
        problem = Problem(defect, one.file, "tell its developers, with the file if you can")
        return replace(seen, found=seen.found.with_problem(problem))
    return seen


def _stages(path: Path, one: OneFile) -> Iterator[Look]:
    """Yield what is known after each step."""
    none = np.empty(0, np.uint64)
    with open_regular(path) as stream:
        found = Inspection(file=one.file, format=content_kind(stream.read(1 << 16)).name)
    before = _state(path)
    found = replace(found, digest=digest_file(path) if one.digested else None)
    yield Look(found, none)
    with open_ntuple(path) as ntuple:
        trees = {tree.name: tree for tree in ntuple.trees}
        found = _with_trees(found, trees)
        yield Look(found, none)
        columns = {name: tree.columns for name, tree in trees.items()}
        match = recognise(one.question.layouts, columns)
        tree = trees[match.tree]
        found = _with_layout(found, match, tree)
        yield Look(found, none)
        simulated = _is_simulated(ntuple, tree, match)
        blind = None if simulated or one.question.unblinded else one.question.window_GeV
        pieces = _pieces(ntuple, tree, match, one, simulated=simulated)
        surveys, wrong, events = zip(*pieces, strict=True)
    if _state(path) != before:
        raise InputError(f"{path} changed while it was read; run it again")
    found = _with_survey(found, reduce(add, surveys), blind, simulated=simulated)
    found = _with_problems(found, match, reduce(add, wrong))
    found = _with_masses(found, reduce(add, surveys))
    yield Look(found, np.concatenate(events))


def _state(path: Path) -> tuple[int, int, int]:
    """Return what tells that a file was replaced or written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _with_trees(found: Inspection, trees: Mapping[str, Tree]) -> Inspection:
    told = tuple(TreeFound(t.name, t.entries, len(t.columns)) for t in trees.values())
    only = next(iter(trees.values()))
    if len(trees) > 1:
        return replace(found, format=only.format, trees=told)
    return replace(
        found, format=only.format, trees=told, entries=only.entries, columns=only.columns,
        tree=only.name or None,
    )  # fmt: skip


def _with_layout(found: Inspection, match: Match, tree: Tree) -> Inspection:
    others = [each.name for each in found.trees if each.name != tree.name]
    notes = ["its events were generated by xyy"] if tree.generated else []
    if others:
        notes.append(f"{tree.name} is the tree that is read, beside {listed(others)}")
    if tree.passed_over:
        notes.append(
            f"{tree.name} is the newest state of the tree, and the one that is read; "
            f"{listed(tree.passed_over)} holds other events"
        )
    return replace(
        found, format=tree.format, tree=tree.name or None, entries=tree.entries,
        layout=match.layout.name, about=match.layout.about, momentum_unit=match.layout.momentum,
        columns=tree.columns, taken={name: tree.columns[name] for name in match.wanted},
    ).with_note(*notes)  # fmt: skip


def _is_simulated(ntuple: Ntuple, tree: Tree, match: Match) -> bool:
    """Return whether events have weights that only a generator gives.

    Data have none, or one that says nothing: 0, 1 or -1, NaN, or the same negative number for all.
    All events are asked, as files of data and simulation may have been put together; a few zeros
    are found in simulation, too, and stay blind by themselves.
    """
    if "weight" not in match.events:
        return False
    name, lowest, highest, events, zeros = match.events["weight"], np.inf, -np.inf, 0, 0
    for arrays in ntuple.lists(tree, [name]):
        weights = _smallest(arrays[name])
        if not np.isfinite(weights).all() or np.any(np.abs(weights) == 1):
            return False
        events, zeros = events + len(weights), zeros + int(np.sum(weights == 0))
        lowest = min(lowest, weights.min(initial=np.inf))
        highest = max(highest, weights.max(initial=-np.inf))
    return bool(zeros <= _FEW_ZEROS * events and (highest > 0 or lowest < highest))


def _smallest(weights: "ak.Array") -> npt.NDArray[np.float64]:
    """Return a weight of each event: of several that of the smallest size, and NaN of none."""
    import awkward as ak

    if weights.ndim > 1:
        size = ak.argmin(np.abs(weights), axis=1, keepdims=True)
        weights = ak.firsts(weights[size])
    flat: npt.NDArray[np.float64] = ak.to_numpy(ak.fill_none(weights, np.nan)).astype(np.float64)
    return flat


def _pieces(
    ntuple: Ntuple,
    tree: Tree,
    match: Match,
    one: OneFile,
    *,
    simulated: bool,
) -> "Iterator[tuple[Survey, WrongValues, npt.NDArray[np.uint64]]]":
    """Yield surveys, impossible values and identities of the events, in order."""
    from processors.survey import nothing, survey
    from tools.photon_values import WrongValues, wrong_values
    from tools.photons import photons_of

    numbers = _numbers(tree, match) if one.question.identify else []
    window = None if one.question.unblinded else one.question.window_GeV
    weight = [match.events["weight"]] if simulated else []
    yield nothing(), WrongValues(), np.empty(0, np.uint64)
    first = 0
    for arrays in ntuple.lists(tree, [*match.wanted, *numbers, *weight]):
        wanted = {name: arrays[name] for name in match.wanted}
        photons = photons_of(match, wanted, one.file, first)
        told = [arrays[name] for name in numbers]
        same = identities(told, photons.pt if simulated else None)
        data = _smallest(arrays[weight[0]]) == 0 if simulated else np.ones(len(photons), bool)
        seen = survey(photons, blind_GeV=window, may_be_data=data)
        yield seen, wrong_values(photons, first), same
        first += len(photons)


def _numbers(tree: Tree, match: Match) -> list[str]:
    """Return the columns by which an event is known; none if they do not tell it from others."""
    there = {key: match.events[key] for key in KNOWN_BY if key in match.events}
    no_number = re.compile("bool|string|text|binary|struct", re.IGNORECASE)
    told = not any(no_number.search(tree.columns[name]) for name in there.values())
    return [*there.values()] if told and {"run", "event"} <= there.keys() else []


def _with_survey(
    found: Inspection,
    seen: "Survey",
    blind: tuple[float, float] | None,
    *,
    simulated: bool,
) -> Inspection:
    found = replace(
        found, entries=seen.events, photons=seen.photons, events_with_two_photons=seen.with_two,
        median_pt_GeV=seen.median_pt_GeV, simulated=simulated, blind_GeV=blind,
    )  # fmt: skip
    if seen.with_two:
        return found
    told = "no event has two photons" if seen.events else "it holds no events"
    return replace(found.with_note(told), m_yy_reason=told)


def _with_problems(found: Inspection, match: Match, wrong: "WrongValues") -> Inspection:
    from tools.photon_values import other_unit

    unit = other_unit(match, found.median_pt_GeV)
    told = [*wrong.told(match), *([unit] if unit else [])]
    return found.with_problem(
        *(Problem(what, f"{found.file}, {where}", do) for what, where, do in told)
    )


def _with_masses(found: Inspection, seen: "Survey") -> Inspection:
    from processors.survey import MASS_EDGES_GeV

    if not seen.with_two:
        return found
    if found.problems:
        # With a wrong unit the window would be elsewhere.
        return replace(found, m_yy_reason="there are problems to be solved before")
    if not seen.mass.n and found.blind_GeV is None:
        return replace(found, m_yy_reason="no pair has a finite mass")
    filled = np.flatnonzero(seen.masses)
    if filled.size:
        part = slice(int(filled[0]), int(filled[-1]) + 1)
        edges = MASS_EDGES_GeV[part.start : part.stop + 1]
        spectrum = MassHistogram(tuple(edges.tolist()), tuple(seen.masses[part].tolist()))
        found = replace(found, spectrum=spectrum)
    if found.blind_GeV is not None:
        return replace(found, m_yy_reason=_BLIND)
    mass = seen.mass
    return replace(found, m_yy_GeV=MassFound(mass.mean, mass.std, mass.min, mass.max))
