"""Blindness by construction: decisions are frozen before the data are unblinded.

``freeze.json`` holds every decision (`decisions`) with the hash of each and of all, and the
program; and, once the blind inference has run, what it decided on the sidebands (the function under
a peak), how well that fits them and what is to be expected. ``unblinding.json`` names the digest
that it opened the data for, when and why. Data inside the window are filled only while the two
agree.

Before unblinding a changed decision makes a new freeze. Afterwards it is refused, unless a reason
is given: then the reason, and what was changed, stand on every figure and result from there on
(`history`), and the original freeze stays as it was. A program whose numbers may be others is not
refused, as a correction must be possible, but recorded in the same way. Data that were unblinded
once stay so: a second unblinding for other decisions says so, in this folder (even where its record
was damaged) and in any other (`openings`).

Times stand under ``provenance``: when the decisions were frozen, the data opened, and each change.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from analysis.folder import openings
from analysis.folder.decisions import changed, hashes, program_changes, program_version
from analysis.folder.folder import FREEZE, UNBLINDING, Folder
from analysis.results import freeze as records
from analysis.results.codec import to_json
from analysis.results.values import FunctionInRange
from tools.digests import digest_document
from tools.errors import InputError, RefusedError
from tools.names import listed

SIDEBANDS = "sidebands"
"""key of what was known of the sidebands before the data were opened"""


def freeze(folder: Folder, decided: Mapping[str, Any]) -> None:
    """Write ``freeze.json``, unless the folder holds the same decisions already.

    Raises
    ------
    RefusedError
        If the data are unblinded and the decisions are not those that they were unblinded for.
    """
    # Data unblinded for these decisions keep their freeze: another one would blind them again.
    if is_unblinded(folder):
        guard(folder, decided)
        return
    digest, program = digest_document(decided), program_version()
    frozen, known = folder.load_if_there(records.Freeze), None
    if frozen is not None and _intact(frozen) and frozen.digest == digest:
        if frozen.program == program:
            return
        known = frozen.sidebands  # is known still, if only the program is another
    now = records.Freeze(
        digest=digest, hashes=hashes(decided), program=program, decisions=dict(decided),
        sidebands=known,
    )  # fmt: skip
    folder.save(now, frozen=_now())


def keep_sidebands(folder: Folder, known: records.KnownBefore) -> None:
    """Keep in ``freeze.json`` what was decided on the sidebands, and what they let expect.

    Parameters
    ----------
    folder : Folder
    known : KnownBefore

    Raises
    ------
    RefusedError
        If the data are unblinded, and what is decided now is not what they were unblinded for.
    """
    frozen = folder.load_if_there(records.Freeze)
    if frozen is None:
        return
    if not is_unblinded(folder) or frozen.sidebands is None:
        # No decision was made anew: the time of the freeze stays.
        since = folder.made_with(FREEZE, records.FrozenWhen)
        when = _now() if since is None else since.frozen
        folder.save(replace(frozen, sidebands=known), frozen=when)
        return
    _keep_peak(folder, frozen, frozen.sidebands.peak, known.peak)


def _keep_peak(
    folder: Folder,
    frozen: records.Freeze,
    first: Mapping[str, FunctionInRange],
    now: dict[str, FunctionInRange],
) -> None:
    """Put on record what function the sidebands of open data decide on, if it is another one."""
    opened = folder.load(records.Unblinding, made_by="unblind")
    last = opened.changes[-1] if opened.changes else None
    if last is not None and last.peak is None:
        # The first inference with this change: it is part of what changed.
        names = (*last.changed, *_peak_names(first, now))
        seen = replace(last, changed=names, peak=now)
        _write_opened(folder, replace(opened, changes=(*opened.changes[:-1], seen)))
        return
    names = _peak_names(first if last is None or last.peak is None else last.peak, now)
    if names and opened.offered is None:
        raise RefusedError(
            f"the background under a peak that the sidebands decide on ({listed(names)}) is not "
            f"the one that the data of {folder.path} were unblinded for: the sidebands or the "
            "program changed; change them back, or give --after-unblinding TEXT, which labels "
            "every figure and result"
        )
    if names and opened.offered is not None:
        digest = _allowed(frozen, opened)
        change = records.Change(reason=opened.offered, changed=names, digest=digest, peak=now)
        _add_change(folder, opened, change)


def _peak_names(
    before: Mapping[str, FunctionInRange], after: Mapping[str, FunctionInRange]
) -> tuple[str, ...]:
    one, other = ({name: asdict(peak) for name, peak in each.items()} for each in (before, after))
    return tuple(f"{SIDEBANDS}.peak.{name}" for name in changed(one, other))


def unblind(folder: Folder, reason: str) -> list[str]:
    """Open the data of `folder` for the decisions frozen there.

    Returns
    -------
    list of str
        Notes for the user.

    Raises
    ------
    InputError
        If nothing is frozen or the reason is empty.
    """
    frozen = folder.load_if_there(records.Freeze)
    if frozen is None or not _intact(frozen):
        wrong = "holds no" if frozen is None else "holds an edited"
        raise InputError(
            f"{folder.path} {wrong} {FREEZE}; "
            f"fix the decisions first with `xyy freeze {folder.path}`"
        )
    if not reason.strip():
        raise InputError("unblinding needs a reason in words; it stays on record")
    if is_unblinded(folder):
        return []
    earlier = folder.load_if_there(records.Unblinding)
    again = tuple(
        records.Change(
            reason=f"{words}; unblinded again: {reason}", changed=names, digest=frozen.digest
        )
        for words, names in _opened_before(folder, frozen, earlier)
    )
    opened = records.Unblinding(
        reason=reason,
        freeze_digest=frozen.digest,
        sidebands_digest=_digest_of(frozen.sidebands),
        changes=(*(() if earlier is None else earlier.changes), *again),
        programs=(),
    )
    # Beside the data first: a run that is killed in between leaves an opening on record that nobody
    # made use of, and never one that is not on record. Chunks that cannot be written to are no
    # reason to refuse: that there is no record is said.
    unkept = openings.remember(folder, frozen.hashes, reason)
    _write_opened(folder, opened, *(_now() for _ in again))
    return [*(change.reason for change in again), *([] if unkept is None else [unkept])]


def refuse_stale_freeze(folder: Folder, decided: Mapping[str, Any]) -> None:
    """Refuse to open data for decisions that are no longer those of the folder.

    Raises
    ------
    InputError
        Naming what has changed since the freeze.
    """
    frozen = folder.load_if_there(records.Freeze)
    names = [] if frozen is None else changed(frozen.decisions, decided)
    if names and not is_unblinded(folder):
        raise InputError(
            f"{folder.path} decides otherwise than what is frozen there ({listed(names)}); "
            f"freeze again with `xyy freeze {folder.path}`"
        )


def _opened_before(
    folder: Folder, frozen: records.Freeze, earlier: records.Unblinding | None
) -> list[tuple[str, tuple[str, ...]]]:
    """Return how the data were opened before, and what has changed since: nothing if it has not.

    What was seen was seen, for whatever decisions, here and elsewhere.
    """
    if earlier is not None:
        return [(f"the data had been unblinded before ({earlier.reason})", ("the frozen record",))]
    if (folder.path / UNBLINDING).exists():
        words = f"the data had been unblinded before ({UNBLINDING} was damaged)"
        return [(words, ("the record of the unblinding",))]
    first = openings.first_opening(folder)
    names = [] if first is None else first.differs(frozen.hashes)
    if first is None or not names:
        return []
    words = f"the data had been unblinded before with other decisions ({first.reason})"
    return [(words, tuple(names))]


def is_unblinded(folder: Folder) -> bool:
    """Return whether the data of `folder` are open: unblinded for the freeze that is there."""
    # Nothing but both records, intact and of each other, unblinds the data; in any doubt they are
    # blind.
    frozen, opened = folder.load_if_there(records.Freeze), folder.load_if_there(records.Unblinding)
    if frozen is None or opened is None:
        return False
    known = opened.sidebands_digest
    if known is not None and known != _digest_of(frozen.sidebands):
        return False
    return _intact(frozen) and opened.freeze_digest == frozen.digest


def _digest_of(known: records.KnownBefore | None) -> str | None:
    return None if known is None else digest_document(to_json(known))


def _intact(frozen: records.Freeze) -> bool:
    """Return whether a frozen record is the one of its digest: whoever edits it makes it void."""
    return frozen.digest == digest_document(frozen.decisions)


def guard(folder: Folder, decided: Mapping[str, Any], *, reason: str | None = None) -> None:
    """Let changed decisions pass only while blind, or with a reason that is put on record.

    Parameters
    ----------
    folder : Folder
    decided : mapping
        The decisions as they stand now.
    reason : str, optional
        Why they were changed after unblinding.

    Raises
    ------
    RefusedError
        If the data are unblinded, the decisions changed, and no reason is given.
    """
    if not is_unblinded(folder):
        return
    frozen = folder.load(records.Freeze, made_by="freeze")
    opened = folder.load(records.Unblinding, made_by="unblind")
    digest = digest_document(decided)
    given = (reason or "").strip() or None
    if digest != _allowed(frozen, opened):
        names = changed(frozen.decisions, decided)
        if given is None:
            raise RefusedError(
                f"decisions changed after unblinding: {listed(names)}; change them back, "
                "or give --after-unblinding TEXT, which labels every figure and result"
            )
        _add_change(
            folder, opened, records.Change(reason=given, changed=tuple(names), digest=digest)
        )
    elif opened.offered != given:
        # Nothing changed as yet; the sidebands may decide on something else (`keep_sidebands`).
        _write_opened(folder, replace(opened, offered=given))
    _note_program(folder, frozen.program)


def in_force(folder: Folder) -> str | None:
    """Return the digest of the decisions that hold: the frozen ones, or the last on record."""
    frozen = folder.load_if_there(records.Freeze)
    if frozen is None or not is_unblinded(folder):
        return None if frozen is None else frozen.digest
    return _allowed(frozen, folder.load(records.Unblinding, made_by="unblind"))


def _allowed(frozen: records.Freeze, opened: records.Unblinding) -> str:
    """Return the digest of the decisions that the data are open for: the last ones on record."""
    return opened.changes[-1].digest if opened.changes else frozen.digest


def _add_change(folder: Folder, opened: records.Unblinding, change: records.Change) -> None:
    _write_opened(folder, replace(opened, changes=(*opened.changes, change)), _now())


def _note_program(folder: Folder, frozen: records.Program) -> None:
    """Put on record that results are made by another program than before, if they are."""
    opened, now = folder.load(records.Unblinding, made_by="unblind"), program_version()
    before = opened.programs[-1] if opened.programs else frozen
    if program_changes(before, now):
        _write_opened(folder, replace(opened, programs=(*opened.programs, now)))


def _write_opened(folder: Folder, opened: records.Unblinding, *changed: str) -> None:
    """Write ``unblinding.json`` again; when the data were opened stays as it was."""
    since = folder.made_with(UNBLINDING, records.UnblindedWhen)
    first, times = (_now(), ()) if since is None else (since.unblinded, since.changed)
    folder.save(opened, unblinded=first, changed=[*times, *changed])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
