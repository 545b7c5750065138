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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.folder import Folder
from analysis.statistics.workspaces import ChannelTemplates, counts_under_peak
from tools.errors import InputError, RefusedError
from tools.json_file import read_json
from tools.provenance import provenance

Document = dict[str, Any]
INDEX = "workspaces.json"
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
    folder: Folder, limits: Document, counting: Document | None, status: Status
) -> dict[str, bytes]:
    """Return a workspace for every mass of the limits, one for the count, and the index.

    Parameters
    ----------
    folder : Folder
        Its workspaces are read.
    limits, counting : dict
        Of ``limits.json`` and ``counting.json``; a bare spectrum has no count.
    status : Status

    Raises
    ------
    InputError
        If a workspace is missing or does not belong to the limits.
    RefusedError
        If a workspace holds observed events and must not.
    """
    documents, entries = {}, []
    unit = "pb" if "observed_pb" in limits else "events"
    for row, mass in enumerate(limits["mass_GeV"]):
        name = f"mass_{mass:g}"
        document = _read(folder, name, status)
        _refuse_other_limits(folder, name, document, limits["background_events_under_peak"][row])
        scale = _scale(folder, name, document)
        told = {"file": f"{name}.json", "mass_GeV": mass, f"strength_{unit}": scale}
        entries.append(told | _of_mass(limits, row, unit))
        documents[name] = _named(document, f"mu = 1 is {scale!r} {unit}", status)
    of_count = None
    if counting is not None:
        scale = counting["limit"]["workspace_scale_pb"]
        document = _read(folder, COUNTING, status)
        documents[COUNTING] = _named(document, f"mu = 1 is {scale!r} pb", status)
        limit = {key: counting["limit"][key] for key in ("observed_pb", "expected_pb")}
        of_count = {"file": f"{COUNTING}.json", "strength_pb": scale, **limit}
    index = _index(limits, entries, of_count, status)
    files = {f"{name}.json": _compact(document) for name, document in documents.items()}
    return files | {INDEX: (json.dumps(index, indent=1, allow_nan=False) + "\n").encode()}


def _index(
    limits: Document, entries: Sequence[Document], counting: Document | None, status: Status
) -> Document:
    return {
        "format": "pyhf workspaces (HistFactory JSON, schema 1.0.0)",
        "parameter_of_interest": "mu",
        "confidence_level": limits["confidence_level"],
        "test_statistic": "qtilde, asymptotic",
        "observations": "data" if status.observed else "the nominal background: no observed events",
        "expected_limits_from": "Asimov set of the initial parameters with mu = 0",
        "reservations": list(status.stamps),
        "complete": limits["complete"],
        "workspaces": list(entries),
        "counting": counting,
        "provenance": provenance(inputs=limits["provenance"].get("inputs")),
    }


def _read(folder: Folder, name: str, status: Status) -> Document:
    path = folder.workspaces / f"{name}.json"
    document = read_json(path, made_by=f"xyy infer {folder.path}")
    if not status.observed and not observes_background(document):
        raise RefusedError(
            f"the data are blind, and {path} holds observed events; nothing is exported; make it "
            "again with `xyy infer`"
        )
    return document


def observes_background(document: Mapping[str, Any]) -> bool:
    """Return whether a workspace's observation is its nominal background."""
    observed = {each["name"]: each["data"] for each in document["observations"]}
    for channel in document["channels"]:
        parts = [s["data"] for s in channel["samples"] if s["name"] != "signal"]
        if not np.array_equal(np.sum(parts, axis=0), observed[channel["name"]]):
            return False
    return True


def _refuse_other_limits(folder: Folder, name: str, document: Document, expected: float) -> None:
    """Refuse a workspace of an earlier inference: limits tell the background under their peak."""
    found = counts_under_peak(_categories(document))
    if not abs(found - expected) <= _SAME * abs(expected):
        raise InputError(
            f"{folder.workspaces / name}.json does not belong to limits.json ({found:.6g} "
            f"background events under the peak, not {expected:.6g}); make both again with "
            "`xyy infer`"
        )


def _categories(document: Document) -> list[ChannelTemplates]:
    """Return background and signal of each category; bins are channels of their own."""
    found: dict[str, list[tuple[float, float]]] = {}
    for channel in document["channels"]:
        events = {sample["name"]: sample["data"][0] for sample in channel["samples"]}
        category, _, _ = channel["name"].rpartition("_")
        found.setdefault(category, []).append((events["background"], events["signal"]))
    arrays = ((name, np.array(rows).T) for name, rows in found.items())
    return [
        ChannelTemplates(name, background, np.empty((0, len(background))), signal)
        for name, (background, signal) in arrays
    ]


def _scale(folder: Folder, name: str, document: Document) -> float:
    """Return the strength of mu = 1; it is a power of ten, so the measurement's name is exact."""
    match = _SCALE.fullmatch(document["measurements"][0]["name"])
    if match is None:
        raise InputError(
            f"{folder.workspaces / name}.json does not say what mu = 1 stands for; make it again "
            "with `xyy infer`"
        )
    return float(match[1])


def _of_mass(limits: Document, row: int, unit: str) -> Document:
    observed = limits[f"observed_{unit}"]
    return {
        f"observed_{unit}": None if observed is None else observed[row],
        f"expected_{unit}": {band: rows[row] for band, rows in limits[f"expected_{unit}"].items()},
        "method": limits["methods"][row],
        "low_counts": limits["low_counts"][row],
    }


def _named(document: Document, strength: str, status: Status) -> Document:
    """Return a workspace whose measurement tells its strength, and what is to be said of it."""
    (measurement,) = document["measurements"]
    blind = () if status.observed else ("the observation is the nominal background",)
    name = "; ".join([strength, *blind, *status.stamps])
    return {**document, "measurements": [{**measurement, "name": name}]}


def _compact(document: Document) -> bytes:
    return (json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n").encode()
