"""What happened in a folder: its history, and what every result says after a change.

The history has times: what was frozen, unblinded, why, and what was changed. The page tells the
same without times: pages of equal content are equal, whenever they were made.

After unblinding figures and the page take their label when they are drawn. Result files carry two
keys more: ``after_unblinding``, the reason, and ``changed_after_unblinding``, the names of what was
changed. Results that such a change does not make out of date (a selection, a ledger) are given them
too.
"""

from collections.abc import Iterator

from analysis.folder.blinding import is_unblinded
from analysis.folder.decisions import program_changes
from analysis.folder.folder import CUTFLOW, FREE, LEDGER, SELECTION, Folder
from analysis.results import freeze as records
from analysis.results.codec import to_json
from tools.json_file import write_sealed
from tools.names import listed

LABELLED = (SELECTION, CUTFLOW, LEDGER)
"""results that are not made again with every change"""
_MAX_NAMES = 3


def label(folder: Folder) -> records.ChangeLabel | None:
    """Return what every result holds because something was changed after unblinding, if it was."""
    if not is_unblinded(folder):
        return None
    opened = folder.load(records.Unblinding, made_by="unblind")
    reasons = [change.reason for change in opened.changes]
    names = [name for change in opened.changes for name in change.changed]
    if opened.programs:  # the program that made the results may not be the one that was frozen
        frozen = folder.load(records.Freeze, made_by="freeze").program
        if parts := program_changes(frozen, opened.programs[-1]):
            reasons.append(f"the program changed ({', '.join(parts)})")
            names += [f"program.{part}" for part in parts]
    if not reasons:
        return None
    return records.ChangeLabel(
        after_unblinding="; ".join(dict.fromkeys(reasons)),
        changed_after_unblinding=tuple(dict.fromkeys(names)),
    )


def after_unblinding(folder: Folder) -> str | None:
    """Return why something was changed after unblinding; None if nothing was."""
    found = label(folder)
    return None if found is None else found.after_unblinding


def label_products(folder: Folder) -> None:
    """Put the label on results that a change does not make out of date."""
    changed = label(folder)
    if changed is None:
        return
    wanted = to_json(changed)
    for name in LABELLED:
        document = folder.read_if_there(name)
        written = {**(document or {}), **wanted}
        if document is not None and written != document:
            write_sealed(folder.path / name, written, free=FREE.get(name, ()))


def label_text(changed: records.ChangeLabel) -> str:
    """Return the label of a figure: the reason, and what was changed.

    >>> names = ("a", "b", "c", "d", "e")
    >>> label_text(records.ChangeLabel(after_unblinding="a bug", changed_after_unblinding=names))
    'a bug (a, b, c and 2 more)'
    >>> label_text(records.ChangeLabel(after_unblinding="a bug", changed_after_unblinding=()))
    'a bug'
    """
    names = listed(changed.changed_after_unblinding, _MAX_NAMES)
    return changed.after_unblinding + (f" ({names})" if names else "")


def history(folder: Folder) -> list[tuple[str, str]]:
    """Return what happened, in order: for each event its time (or what stands for it) and words."""
    frozen = folder.load_if_there(records.Freeze)
    if frozen is None:
        there = (folder.path / records.Freeze.FILE).exists()
        return [("", f"{records.Freeze.FILE} is damaged" if there else "nothing is frozen yet")]
    since = folder.made_with(records.Freeze.FILE, records.FrozenWhen)
    words = f"frozen under {frozen.digest}, by xyy {frozen.program.version}"
    rows = [("" if since is None else since.frozen, words)]
    rows += [("", line) for line in _sidebands(frozen.sidebands)]
    opened = folder.load_if_there(records.Unblinding)
    if opened is None:
        return [*rows, ("", "not unblinded")]
    return [*rows, *_opened(folder, opened)]


def _opened(folder: Folder, opened: records.Unblinding) -> Iterator[tuple[str, str]]:
    """Yield what happened from the unblinding on."""
    since = folder.made_with(records.Unblinding.FILE, records.UnblindedWhen)
    first, times = ("", ()) if since is None else (since.unblinded, since.changed)
    yield first, f"unblinded: {opened.reason}"
    for change, when in zip(opened.changes, (*times, *[""] * len(opened.changes)), strict=False):
        yield when, f"changed: {change.reason} ({', '.join(change.changed)})"
    for used in opened.programs:
        yield "", f"results made by another program: xyy {used.version}"
    if not is_unblinded(folder):
        yield "", "blinded again: what is frozen now is not what the data were unblinded for"


def lines(folder: Folder) -> list[str]:
    """Return the history for a terminal."""
    return [f"{when:25s} {what}" for when, what in history(folder)]


def _sidebands(known: records.KnownBefore | None) -> list[str]:
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
