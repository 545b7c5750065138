"""A file of any layout to chunks with lists of photons: what a worker does."""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from tools.chunks import CLUSTER_EVENTS, PART_EVENTS, write_jagged
from tools.digests import digest_file
from tools.duplicates import IDENTITIES
from tools.errors import InputError
from tools.file_conversion import (
    Converted,
    FileTask,
    Report,
    Result,
    blocks_of,
    flat_chunks,
    flat_table,
    guarded,
    without_blocks,
)
from tools.folders import make_folder
from tools.identity import KNOWN_BY, identities
from tools.layouts import CHUNK, Match, recognise
from tools.manifest import Part, Source, Stored
from tools.ntuples import Ntuple, Tree, open_ntuple
from tools.photon_values import WrongValues, other_unit, wrong_values
from tools.standard import PHOTONS, Recipe, StandardEvents, described, recipe, standard
from tools.system_errors import writing
from tools.tables import open_table

_NO_WEIGHTS = (0.0, 1.0, -1.0)
"""what data have for weights, where they have some"""


def convert_file(task: FileTask, report: Report = lambda _events: None) -> Result:
    """Convert a file of any kind, as `tools.file_conversion.guarded`."""
    return guarded(task, _converted, report)


def _converted(task: FileTask, report: Report) -> Converted:
    table = flat_table(task)
    return _jagged(task, report) if table is None else flat_chunks(task, table, report)


def _jagged(task: FileTask, report: Report) -> Converted:
    path = Path(task.file)
    digest, size = digest_file(path), path.stat().st_size
    with open_ntuple(path) as ntuple:
        trees = {tree.name: tree for tree in ntuple.trees}
        found = _found(task, trees)
        tree = trees[found.tree]
        declared = {column.name: column for column in task.catalogue.columns}
        made = recipe(found, tree.columns, declared)
        stream = _Stream(task, ntuple, tree, made, report)
        parts = list(_parts(task.folder, stream, generated=tree.generated))
        stream.refuse_impossible()
        weights = _sum_of_weights(ntuple, trees, stream)
    return Converted(
        source=Source(path.name, size, digest), sum_of_weights=weights,
        layout=found.layout.name, tree=tree.name, entries=stream.read,
        generated=tree.generated, stored=stream.stored, flags=tuple(sorted(made.flags)),
        parts=tuple(parts), blocks=stream.blocks(), notes=tuple(_notes(tree, stream)),
    )  # fmt: skip


def _found(task: FileTask, trees: Mapping[str, Tree]) -> Match:
    """Return the layout; of a file with declared columns the better message is that on tables."""
    names = {column.name for column in task.catalogue.columns}
    try:
        found = recognise(task.layouts, {name: tree.columns for name, tree in trees.items()})
    except InputError:
        if any(names.intersection(tree.columns) for tree in trees.values()):
            open_table(Path(task.file))
        raise
    if found.layout.name == CHUNK:
        raise InputError(f"{task.file} is a chunk of xyy; name the file that it was made from")
    return found


def _notes(tree: Tree, stream: "_Stream") -> Iterator[str]:
    """Yield what was chosen, where there was a choice, and what looks odd."""
    if tree.passed_over:
        yield f"{tree.name} is read, the newest state of the tree, and not {tree.passed_over[0]}"
    if stream.weighted and stream.task.sample.kind == "data":
        column = stream.made.match.events["weight"]
        yield f"it is converted as data, and has weights as simulation has (column {column})"


class _Stream:
    """The events of a file as a chunk has them, cluster by cluster, and what is known of them."""

    def __init__(
        self, task: FileTask, ntuple: Ntuple, tree: Tree, made: Recipe, report: Report
    ) -> None:
        self.task, self.ntuple, self.tree, self.made = task, ntuple, tree, made
        self.read, self._report = 0, report
        self.stored: tuple[Stored, ...] = ()
        self.weighted = False
        self._wrong = WrongValues()
        self._median_GeV: float | None = None
        self._blocks: set[int] = set()
        place = made.match.layout.sum_of_weights
        self._sum = place[1] if place and not place[0] else None
        self._sums: set[float] = set()

    def clusters(self) -> Iterator[StandardEvents]:
        """Yield the events."""
        for arrays in self.ntuple.lists(self.tree, self.made.read, CLUSTER_EVENTS):
            events = standard(self.made, arrays, self.task.file, self.read)
            self._check(events)
            self.read += len(events[PHOTONS])
            self._report(self.read)
            good = self._good(events)
            self._look(good)
            self._identify(good)
            if len(good[PHOTONS]):
                yield good

    def _good(self, events: StandardEvents) -> StandardEvents:
        """Return the events of good luminosity blocks."""
        if self.task.good is None:
            return events
        if not {"run", "lumi"} <= events.keys():
            raise without_blocks(self.task)
        mask = self.task.good.mask(events["run"], events["lumi"])
        return {name: values[mask] for name, values in events.items()}

    def _check(self, events: StandardEvents) -> None:
        photons = events[PHOTONS]
        self._wrong = self._wrong + wrong_values(photons, self.read)
        if self._median_GeV is None and ak.count(photons.pt):
            # Of the first cluster with photons: a unit is that of the whole file.
            self._median_GeV = float(np.median(ak.to_numpy(ak.flatten(photons.pt))))
        if "weight" in events and self.task.sample.kind != "data":  # data may have a mark there
            self._refuse_no_weights(~np.isfinite(events["weight"]))

    def _refuse_no_weights(self, wrong: npt.NDArray[np.bool_]) -> None:
        if wrong.any():
            entry, column = self.read + int(np.argmax(wrong)), self.made.match.events["weight"]
            raise InputError(
                f"{self.task.file}, entry {entry} (from 0), column {column}: the weight is NaN or "
                "infinite; correct it, or remove the event"
            )

    def _look(self, events: StandardEvents) -> None:
        if self._sum in events:
            self._sums |= set(np.unique(events[self._sum]).tolist())
        if "weight" in events:
            told = events["weight"][np.isfinite(events["weight"])]
            self.weighted |= not np.isin(told, _NO_WEIGHTS).all()
        if "run" in events:
            self._blocks |= set(np.unique(blocks_of(events)).tolist())
        self.stored = self.stored or tuple(described(self.made, events))

    def _identify(self, events: StandardEvents) -> None:
        """Write what the events are known by: they may be many, and are needed at the end only."""
        if "run" not in events or "event" not in events:
            return
        numbers = [ak.from_numpy(events[name]) for name in KNOWN_BY if name in events]
        pt = None if self.task.sample.kind == "data" else events[PHOTONS].pt
        path = self.task.folder / IDENTITIES
        with writing(path):
            make_folder(path.parent)
            with path.open("ab") as file:
                identities(numbers, pt).tofile(file)

    def blocks(self) -> tuple[int, ...]:
        """Return the runs and luminosity blocks."""
        return tuple(sorted(self._blocks))

    def repeated_sum(self) -> float | None:
        """Return the sum of weights that each event repeats; None where they do not agree.

        Of files that were put together nobody knows it.
        """
        if len(self._sums) != 1:
            return None
        (only,) = self._sums
        return float(only) if np.isfinite(only) and only != 0 else None

    def refuse_impossible(self) -> None:
        """Refuse a file with values that no photon has, or in another unit."""
        told = [*self._wrong.told(self.made.match)]
        if not told and (unit := other_unit(self.made.match, self._median_GeV)):
            told = [unit]
        for what, where, do in told:
            raise InputError(f"{self.task.file}, {where}: {what}; {do}")


def _parts(folder: Path, stream: _Stream, *, generated: bool) -> Iterator[Part]:
    """Write the events."""
    clusters = _joined(stream.clusters())
    for number, cluster in enumerate(clusters):
        branches = {name: _type(values) for name, values in cluster.items()}
        some = chain([cluster], islice(clusters, PART_EVENTS // CLUSTER_EVENTS - 1))
        name = f"part-{number:05d}.root"
        yield write_jagged(folder, name, branches, some, generated=generated)


def _joined(pieces: Iterator[StandardEvents]) -> Iterator[StandardEvents]:
    """Yield the same events in clusters: those of text come in small pieces."""
    waiting: list[StandardEvents] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(len(each[PHOTONS]) for each in waiting) >= CLUSTER_EVENTS:
            yield _concatenated(waiting)
            waiting = []
    if waiting:
        yield _concatenated(waiting)


def _concatenated(pieces: list[StandardEvents]) -> StandardEvents:
    first, *others = pieces
    if not others:
        return first
    return {
        name: ak.concatenate([each[name] for each in pieces])
        if name == PHOTONS
        else np.concatenate([each[name] for each in pieces])
        for name in first
    }


def _type(values: Any) -> Any:
    return values.dtype if isinstance(values, np.ndarray) else values.type.content


def _sum_of_weights(ntuple: Ntuple, trees: Mapping[str, Tree], stream: _Stream) -> float | None:
    """Return the sum of weights of all generated events, as far as the file tells it."""
    place = stream.made.match.layout.sum_of_weights
    if place is None or not place[0]:
        return stream.repeated_sum()
    tree, column = trees.get(place[0]), place[1]
    if tree is None or column not in tree.columns:
        return None
    found = [ak.flatten(each[column], axis=None) for each in ntuple.lists(tree, [column])]
    total = float(sum(ak.sum(each) for each in found))
    return total if np.isfinite(total) else None
