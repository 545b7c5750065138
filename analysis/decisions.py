"""Blindness by construction: decisions are frozen before the data are opened.

``freeze.json`` holds every decision - what the data are taken to be, window, selection, background
functions, thresholds - and their digest; and, once the blind inference has run, what it decided on
the sidebands (the function under a peak) and what is to be expected. ``unblinding.json`` names the
digest that it opened the data for, when and why. Data inside the window are filled only while the
two agree.

Before unblinding a changed decision makes a new freeze. Afterwards it is refused, unless a reason
is given: then the reason stands on every figure and result from there on, and the original freeze
stays as it was.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from analysis.folder import Folder
from analysis.search import Search
from processors.selection import Selection
from tools.errors import InputError, RefusedError
from tools.samples import Catalogue
from tools.storage import digest_document

FREEZE, UNBLINDING = "freeze.json", "unblinding.json"
SIDEBANDS = "sidebands"
"""key of what was known of the sidebands before the data were opened"""


def decisions(catalogue: Catalogue, search: Search, selection: Selection) -> dict[str, Any]:
    """Return everything that is decided, in a form that JSON can hold.

    Paths are left out: the same decisions in another folder are the same decisions.
    """
    samples = asdict(catalogue)
    settings = asdict(search)
    samples.pop("path")
    settings.pop("path", None)
    return {
        "samples": samples,
        "search": settings,
        "selection": {name: asdict(cut) for name, cut in selection.cuts.items()},
    }


def freeze(folder: Folder, decided: Mapping[str, Any]) -> None:
    """Write ``freeze.json``, unless the folder holds the same decisions already.

    Raises
    ------
    RefusedError
        If the data are open and the decisions are not those that they were opened for.
    """
    if is_unblinded(folder):
        guard(folder, decided)
        return
    digest = digest_document(decided)
    frozen = folder.read_if_there(FREEZE)
    if frozen is None or frozen.get("digest") != digest:
        folder.write(FREEZE, {"digest": digest, "decisions": decided})


def keep_sidebands(folder: Folder, kept: Mapping[str, Any]) -> None:
    """Keep in ``freeze.json`` what was decided on the sidebands, and what they let expect.

    Parameters
    ----------
    folder : Folder
    kept : mapping
        ``peak``: for each channel family, order and range of the function under a peak;
        whatever else was known before the data were opened.

    Raises
    ------
    RefusedError
        If the data are open, and what is decided now is not what they were opened for.
    """
    frozen = folder.read_if_there(FREEZE)
    if frozen is None:
        return
    before = frozen.get(SIDEBANDS)
    if not is_unblinded(folder) or before is None:
        record = {key: value for key, value in frozen.items() if key != "provenance"}
        folder.write(FREEZE, {**record, SIDEBANDS: kept})
    elif _plain(before["peak"]) != _plain(kept["peak"]) and after_unblinding(folder) is None:
        names = ", ".join(changed(before["peak"], kept["peak"]))
        raise RefusedError(
            f"the background under a peak that the sidebands decide on ({names}) is not the one "
            f"that the data of {folder.path} were opened for: the sidebands or the program "
            "changed; change them back, or give --after-unblinding TEXT, which stamps every figure "
            "and result"
        )


def unblind(folder: Folder, reason: str) -> None:
    """Open the data of `folder` for the decisions frozen there.

    Raises
    ------
    InputError
        If nothing is frozen or the reason is empty.
    """
    frozen = folder.read_if_there(FREEZE)
    if frozen is None:
        raise InputError(
            f"{folder.path} holds no {FREEZE}; "
            f"fix the decisions first with `xyy freeze {folder.path}`"
        )
    if not reason.strip():
        raise InputError("unblinding needs a reason in words; it stays on record")
    if not is_unblinded(folder):
        folder.write(
            UNBLINDING, {"reason": reason, "freeze_digest": frozen["digest"], "changes": []}
        )


def is_unblinded(folder: Folder) -> bool:
    """Return whether the data of `folder` are open: unblinded for the freeze that is there."""
    frozen, opened = folder.read_if_there(FREEZE), folder.read_if_there(UNBLINDING)
    if frozen is None or opened is None:
        return False
    intact = frozen.get("digest") == digest_document(frozen.get("decisions", {}))
    return intact and opened.get("freeze_digest") == frozen.get("digest")


def after_unblinding(folder: Folder) -> str | None:
    """Return what stands on every result because a decision was changed after unblinding."""
    opened = folder.read_if_there(UNBLINDING) if is_unblinded(folder) else None
    changes = (opened or {}).get("changes", [])
    return "; ".join(change["reason"] for change in changes) or None


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
        If the data are open, the decisions changed, and no reason is given.
    """
    if not is_unblinded(folder):
        return
    frozen = folder.read(FREEZE, made_by="freeze")
    opened = folder.read(UNBLINDING, made_by="unblind")
    allowed = [frozen["digest"], *(change["digest"] for change in opened["changes"])]
    digest = digest_document(decided)
    if digest == allowed[-1]:
        return
    if reason is None or not reason.strip():
        raise RefusedError(_changed_message(frozen, decided))
    change = {"reason": reason, "changed": changed(frozen["decisions"], decided), "digest": digest}
    record = {key: value for key, value in opened.items() if key != "provenance"}
    record["changes"] = [*opened["changes"], change]
    folder.write(UNBLINDING, record)


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
    return value


def _changed_message(frozen: Mapping[str, Any], decided: Mapping[str, Any]) -> str:
    names = changed(frozen.get("decisions", {}), decided)
    return (
        f"decisions changed after unblinding: {', '.join(names[:5])}; change them back, "
        "or give --after-unblinding TEXT, which stamps every figure and result"
    )
