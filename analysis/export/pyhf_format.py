"""The likelihood of every mass as a pyhf workspace, with an index of what each is and gives.

The workspaces are those of `xyy infer`. Their index, ``workspaces.json``, has for each the strength
that ``mu = 1`` stands for and the saved limits, which pyhf finds again from the file alone: the
observed one from the data in it, the expected ones from the Asimov set of its nominal background
(all parameters at their initial values, ``mu = 0``), which an excess does not bend.

The measurement's name tells the strength too, and whatever has to be said of the results: a
workspace may travel without its index. While data are blind the observation is the background, and
that is checked again for every bin.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.folder.folder import Folder
from analysis.results.codec import to_json
from analysis.results.counting import Counting
from analysis.results.exported import CountingWorkspace, MassWorkspace, WorkspaceIndex
from analysis.results.limits import MassLimits
from analysis.statistics.limits.workspaces import ChannelTemplates, counts_under_peak
from tools.errors import InputError, RefusedError
from tools.json_file import read_json
from tools.provenance import provenance

Workspace = dict[str, Any]
"""as pyhf defines it"""
COUNTING = "counting"
_SCALE = re.compile(r"mu = 1 is (\S+) (?:pb|events)")
_SAME = 1e-9
"""relative difference of the background under a peak; files hold all digits"""


@dataclass(frozen=True, slots=True)
class Status:
    """What is to be said of all workspaces."""

    observed: bool
    """whether they hold observed events"""
    stamps: tuple[str, ...] = ()
    """reservations about the results"""


def workspace_files(
    folder: Folder, limits: MassLimits, counting: Counting | None, status: Status
) -> dict[str, bytes]:
    """Return a workspace for every mass of the limits, one for the count, and the index.

    Parameters
    ----------
    folder : Folder
        Its workspaces are read.
    limits : MassLimits
    counting : Counting, optional
        A bare spectrum has none.
    status : Status

    Raises
    ------
    InputError
        If a workspace is missing or does not belong to the limits.
    RefusedError
        If a workspace holds observed events and must not.
    """
    files, entries, of_count = {}, [], None
    for row, mass in enumerate(limits.mass_GeV):
        name = f"mass_{mass:g}"
        space = _read(folder, name, status)
        _refuse_other_limits(folder, name, space, limits.background_events_under_peak[row])
        scale = _scale(folder, name, space)
        entries.append(_of_mass(limits, row, f"{name}.json", scale))
        files[f"{name}.json"] = _named(space, f"mu = 1 is {scale!r} {limits.unit}", status)
    if counting is not None:
        of_count = _of_count(counting, f"{COUNTING}.json")
        space = _read(folder, COUNTING, status)
        strength = f"mu = 1 is {of_count.strength_pb!r} pb"
        files[of_count.file] = _named(space, strength, status)
    index = to_json(_index(limits, tuple(entries), of_count, status))
    index["provenance"] = provenance(inputs=folder.made_from(limits.FILE))
    text = json.dumps(index, indent=1, allow_nan=False) + "\n"
    return files | {WorkspaceIndex.FILE: text.encode()}


def _index(
    limits: MassLimits,
    entries: tuple[MassWorkspace, ...],
    counting: CountingWorkspace | None,
    status: Status,
) -> WorkspaceIndex:
    return WorkspaceIndex(
        confidence_level=limits.confidence_level,
        observations=("data" if status.observed else "the nominal background: no observed events"),
        reservations=status.stamps,
        complete=limits.complete,
        workspaces=entries,
        counting=counting,
        unit=limits.unit,
    )


def _read(folder: Folder, name: str, status: Status) -> Workspace:
    path = folder.workspaces / f"{name}.json"
    space = read_json(path, made_by=f"xyy infer {folder.path}")
    if not status.observed and not observes_background(space):
        raise RefusedError(
            f"the data are blind, and {path} holds observed events; nothing is exported; make it "
            "again with `xyy infer`"
        )
    return space


def observes_background(space: Workspace) -> bool:
    """Return whether a workspace's observation is its nominal background."""
    observed = {each["name"]: each["data"] for each in space["observations"]}
    for channel in space["channels"]:
        parts = [s["data"] for s in channel["samples"] if s["name"] != "signal"]
        if not np.array_equal(np.sum(parts, axis=0), observed[channel["name"]]):
            return False
    return True


def _refuse_other_limits(folder: Folder, name: str, space: Workspace, expected: float) -> None:
    """Refuse a workspace of an earlier inference: limits tell the background under their peak."""
    found = counts_under_peak(_categories(space))
    if not abs(found - expected) <= _SAME * abs(expected):
        raise InputError(
            f"{folder.workspaces / name}.json does not belong to limits.json ({found:.6g} "
            f"background events under the peak, not {expected:.6g}); make both again with "
            "`xyy infer`"
        )


def _categories(space: Workspace) -> list[ChannelTemplates]:
    """Return background and signal of each category; bins are channels of their own."""
    found: dict[str, list[tuple[float, float]]] = {}
    for channel in space["channels"]:
        events = {sample["name"]: sample["data"][0] for sample in channel["samples"]}
        category, _, _ = channel["name"].rpartition("_")
        found.setdefault(category, []).append((events["background"], events["signal"]))
    arrays = ((name, np.array(rows).T) for name, rows in found.items())
    return [
        ChannelTemplates(name, background, np.empty((0, len(background))), signal)
        for name, (background, signal) in arrays
    ]


def _scale(folder: Folder, name: str, space: Workspace) -> float:
    """Return the strength of mu = 1; it is a power of ten, so the measurement's name is exact."""
    match = _SCALE.fullmatch(space["measurements"][0]["name"])
    if match is None:
        raise InputError(
            f"{folder.workspaces / name}.json does not say what mu = 1 stands for; make it again "
            "with `xyy infer`"
        )
    return float(match[1])


def _of_mass(limits: MassLimits, row: int, file: str, scale: float) -> MassWorkspace:
    return MassWorkspace(
        file=file,
        mass_GeV=limits.mass_GeV[row],
        strength=scale,
        observed=None if limits.observed is None else limits.observed[row],
        expected={band: values[row] for band, values in limits.expected.items()},
        method=limits.methods[row],
        low_counts=limits.low_counts[row],
    )


def _of_count(counting: Counting, file: str) -> CountingWorkspace:
    return CountingWorkspace(
        file=file,
        strength_pb=counting.limit.workspace_scale_pb,
        observed_pb=counting.limit.observed_pb,
        expected_pb=counting.limit.expected_pb,
    )


def _named(space: Workspace, strength: str, status: Status) -> bytes:
    """Return a workspace whose measurement tells its strength, and what is to be said of it."""
    (measurement,) = space["measurements"]
    blind = () if status.observed else ("the observation is the nominal background",)
    name = "; ".join([strength, *blind, *status.stamps])
    named = {**space, "measurements": [{**measurement, "name": name}]}
    return (json.dumps(named, separators=(",", ":"), allow_nan=False) + "\n").encode()
