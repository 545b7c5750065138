"""The history of a folder, with its times: what was frozen, unblinded, why, and what was changed.

The page tells the same without times: pages of equal content are equal, whenever they were made.
"""

from collections.abc import Iterator

from analysis.folder import blinding
from analysis.folder.folder import Folder
from analysis.results.freeze import Freeze, FrozenWhen, KnownBefore, UnblindedWhen, Unblinding


def history(folder: Folder) -> list[tuple[str, str]]:
    """Return what happened, in order: for each event its time (or what stands for it) and words."""
    frozen = folder.load_if_there(Freeze)
    if frozen is None:
        there = (folder.path / Freeze.FILE).exists()
        return [("", f"{Freeze.FILE} is damaged" if there else "nothing is frozen yet")]
    since = folder.made_with(Freeze.FILE, FrozenWhen)
    words = f"frozen under {frozen.digest}, by xyy {frozen.program.version}"
    rows = [("" if since is None else since.frozen, words)]
    rows += [("", line) for line in _sidebands(frozen.sidebands)]
    opened = folder.load_if_there(Unblinding)
    if opened is None:
        return [*rows, ("", "not unblinded")]
    return [*rows, *_opened(folder, opened)]


def _opened(folder: Folder, opened: Unblinding) -> Iterator[tuple[str, str]]:
    """Yield what happened from the unblinding on."""
    since = folder.made_with(Unblinding.FILE, UnblindedWhen)
    first, times = ("", ()) if since is None else (since.unblinded, since.changed)
    yield first, f"unblinded: {opened.reason}"
    for change, when in zip(opened.changes, (*times, *[""] * len(opened.changes)), strict=False):
        yield when, f"changed: {change.reason} ({', '.join(change.changed)})"
    for used in opened.programs:
        yield "", f"results made by another program: xyy {used.version}"
    if not blinding.is_unblinded(folder):
        yield "", "blinded again: what is frozen now is not what the data were unblinded for"


def lines(folder: Folder) -> list[str]:
    """Return the history for a terminal."""
    return [f"{when:25s} {what}" for when, what in history(folder)]


def _sidebands(known: KnownBefore | None) -> list[str]:
    """Return what was known before the unblinding."""
    if known is None:
        return []
    fits = [
        f"{name}: p = {value:.2g}"
        for name, value in known.sideband_gof_pvalue.items()
        if value is not None
    ]
    found = [f"goodness of fit of the sidebands ({known.of}): {', '.join(fits)}"]
    limit = known.expected.counting_limit_pb["0"]
    if limit is not None:
        found.append(f"expected limit from the count: {limit:.2f} pb")
    return found if fits else found[1:]
