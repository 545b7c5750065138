"""The history of a folder, with its times: what was frozen when, opened when and why, and changed.

The page tells the same without times: pages of equal content are equal, whenever they were made.
"""

from collections.abc import Mapping
from typing import Any

from analysis import decisions
from analysis.folder import Folder


def history(folder: Folder) -> list[tuple[str, str]]:
    """Return what happened, in order: for each event its time (or what stands for it) and words."""
    frozen = folder.read_if_there(decisions.FREEZE)
    if frozen is None:
        there = (folder.path / decisions.FREEZE).exists()
        return [("", f"{decisions.FREEZE} is damaged" if there else "nothing is frozen yet")]
    rows = [(_time(frozen, "frozen"), f"frozen under {frozen.get('digest')}{_program(frozen)}")]
    rows += [("", line) for line in _sidebands(frozen.get(decisions.SIDEBANDS))]
    opened = folder.read_if_there(decisions.UNBLINDING)
    if opened is None:
        return [*rows, ("", "not opened")]
    rows.append((_time(opened, "unblinded"), f"opened: {opened.get('reason')}"))
    times = opened.get("provenance", {}).get("changed", [])
    for number, change in enumerate(opened.get("changes", [])):
        names = ", ".join(change.get("changed", []))
        when = times[number] if number < len(times) else ""
        rows.append((when, f"changed: {change.get('reason')} ({names})"))
    for used in opened.get("programs", []):
        rows.append(("", f"results made by another program: xyy {used.get('version')}"))
    if not decisions.is_unblinded(folder):
        rows.append(("", "shut again: what is frozen now is not what the data were opened for"))
    return rows


def lines(folder: Folder) -> list[str]:
    """Return the history for a terminal."""
    return [f"{when:25s} {what}" for when, what in history(folder)]


def _time(document: Mapping[str, Any], name: str) -> str:
    origin = document.get("provenance", {})
    return str(origin.get(name) or origin.get("written") or "")


def _program(frozen: Mapping[str, Any]) -> str:
    version = frozen.get("program", {}).get("version")
    return "" if version is None else f", by xyy {version}"


def _sidebands(kept: Mapping[str, Any] | None) -> list[str]:
    """Return what was known before the data were opened."""
    if kept is None:
        return []
    fits = [
        f"{name}: p = {value:.2g}"
        for name, value in (kept.get("sideband_gof_pvalue") or {}).items()
        if value is not None
    ]
    told = [f"goodness of fit of the sidebands ({kept.get('of')}): {', '.join(fits)}"]
    limit = (kept.get("expected", {}).get("counting_limit_pb") or {}).get("0")
    if limit is not None:
        told.append(f"expected limit from the count: {limit:.2f} pb")
    return told if fits else told[1:]
