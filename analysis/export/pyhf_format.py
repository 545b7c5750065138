"""The likelihood of every mass as a pyhf workspace, with an index of what each is and gives.

The workspaces are those of `xyy infer`. Their index, ``workspaces.json``, has for each the strength
that ``mu = 1`` stands for and the saved limits, which pyhf finds again from the file alone: the
observed one from the data in it, the expected ones from the Asimov set of its nominal background
(all parameters at their initial values, ``mu = 0``), which an excess does not change.

The measurement's name tells the strength too, and whatever has to be said of the results: a
workspace may travel without its index. While data are blind the observation is the background, and
that is checked again for every bin.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from analysis.folder.folder import Folder
from analysis.results.codec import to_json
from analysis.results.counting import Counting
from analysis.results.exported import CountingWorkspace, MassWorkspace, WorkspaceIndex
from analysis.results.limits import MassLimits
from analysis.statistics.limits.workspaces import ChannelTemplates, counts_under_peak
from tools.errors import InputError, RefusedError
from tools.json_file import json_bytes, read_json
from tools.provenance import provenance

if TYPE_CHECKING:
    from pyhf.typing import Workspace

_SCALE = re.compile(r"mu = 1 is (\S+) (?:pb|events)")
_SAME = 1e-9
"""relative difference of the background under a peak; files hold all digits"""


def workspace_files(
    folder: Folder, limits: MassLimits, counting: Counting | None, caveats: Sequence[str] = ()
) -> dict[str, bytes]:
    """Return a workspace for every mass with limits, one for the count, and the index.

    Parameters
    ----------
    folder : Folder
        Its workspaces are read.
    limits : MassLimits
    counting : Counting, optional
        A binned spectrum has none.
    caveats : sequence of str
        Caveats about the results, of which each workspace tells.

    Raises
    ------
    InputError
        If a workspace is missing or does not belong to the limits.
    RefusedError
        If a workspace holds observed events and there are no observed limits.
    """
    files, masses, of_count = {}, [], None
    blind = limits.observed is None
    said = [*(["the observation is the nominal background"] if blind else []), *caveats]
    for row, mass in enumerate(limits.mass_GeV):
        if limits.reasons[row] is not None:
            continue
        path = folder.workspaces / f"mass_{mass:g}.json"
        space = _read(folder, path, blind=blind)
        _refuse_other_limits(path, space, limits.background_events_under_peak[row])
        scale = _scale(path, space)
        files[path.name] = _named(space, f"mu = 1 is {scale!r} {limits.unit}", *said)
        masses.append(_of_mass(limits, row, path.name, scale))
    if counting is not None:
        path, limit = folder.workspaces / "counting.json", counting.limit
        space, scale = _read(folder, path, blind=blind), limit.workspace_scale_pb
        files[path.name] = _named(space, f"mu = 1 is {scale!r} pb", *said)
        of_count = CountingWorkspace(
            file=path.name,
            strength_pb=scale,
            observed_pb=limit.observed_pb,
            expected_pb=limit.expected_pb,
        )
    index = WorkspaceIndex(
        confidence_level=limits.confidence_level,
        observations="the nominal background: no observed events" if blind else "data",
        reservations=tuple(caveats),
        complete=limits.complete,
        workspaces=tuple(masses),
        counting=of_count,
        unit=limits.unit,
    )
    origin = provenance(inputs=folder.made_from(limits.FILE))
    text = json_bytes({**to_json(index), "provenance": origin})
    return files | {WorkspaceIndex.FILE: text + b"\n"}


def _read(folder: Folder, path: Path, *, blind: bool) -> "Workspace":
    space = cast("Workspace", read_json(path, made_by=f"xyy infer {folder.path}"))
    if blind and not observes_background(space):
        raise RefusedError(
            f"the data are blind, and {path} holds observed events; nothing is exported; make it "
            "again with `xyy infer`"
        )
    return space


def observes_background(space: "Workspace") -> bool:
    """Return whether a workspace's observation is its nominal background."""
    observed = {each["name"]: each["data"] for each in space["observations"]}
    for channel in space["channels"]:
        parts = [s["data"] for s in channel["samples"] if s["name"] != "signal"]
        # Exactly, with no tolerance: `xyy infer` writes the sum of these very numbers, and the
        # counts of data differ from it by far more than rounding in some bin.
        if not np.array_equal(np.sum(parts, axis=0), observed[channel["name"]]):
            return False
    return True


def _refuse_other_limits(path: Path, space: "Workspace", expected: float) -> None:
    """Refuse a workspace of an earlier inference: limits tell the background under their peak."""
    found = counts_under_peak(_categories(space))
    if not abs(found - expected) <= _SAME * abs(expected):
        raise InputError(
            f"{path} does not belong to limits.json ({found:.6g} background events under the peak, "
            f"not {expected:.6g}); make both again with `xyy infer`"
        )


def _categories(space: "Workspace") -> list[ChannelTemplates]:
    """Return background and signal of each category; bins are channels of their own."""
    found: dict[str, list[tuple[float, float]]] = {}
    for channel in space["channels"]:
        events = {sample["name"]: sample["data"][0] for sample in channel["samples"]}
        category, _, _ = channel["name"].rpartition("_")
        signal = events.pop("signal")
        found.setdefault(category, []).append((sum(events.values()), signal))
    arrays = ((name, np.array(rows).T) for name, rows in found.items())
    return [
        ChannelTemplates(name, background, np.empty((0, len(background))), signal)
        for name, (background, signal) in arrays
    ]


def _scale(path: Path, space: "Workspace") -> float:
    """Return the strength of mu = 1; it is a power of ten, so the measurement's name is exact."""
    match = _SCALE.fullmatch(space["measurements"][0]["name"])
    if match is None:
        raise InputError(
            f"{path} does not say what mu = 1 stands for; make it again with `xyy infer`"
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


def _named(space: "Workspace", *said: str) -> bytes:
    """Return a workspace whose measurement tells its strength, and what is to be said of it."""
    (measurement,) = space["measurements"]
    named = {**space, "measurements": [{**measurement, "name": "; ".join(said)}]}
    return json_bytes(named, compact=True) + b"\n"
