"""The claim: what a group says of its universe, in one file that it hands in.

``claim.json`` is written beside ``verdict.json`` as soon as the data are open, and holds what can
be right or wrong: the decision, mass and cross-section with their intervals, the observed limits
against mass. ``complete`` and ``after_unblinding`` are the reservations about it. Of which data it
is stands with its provenance: name, size and digest of every file that was converted, so that a
claim on other data is recognised whatever the folder is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.folder import CLAIM, Folder
from analysis.results.codec import to_json
from analysis.results.limits import MassLimits
from analysis.results.values import Estimate
from analysis.results.verdict import Verdict
from tools.errors import InputError
from tools.json_file import read_json
from tools.manifest import Source, read_manifest
from tools.reading import SETTINGS_BYTES
from tools.shown import brief, shown

FORMAT = "xyy-claim-1"
DECISIONS = ("discovery", "evidence", "limit")
MOST_GeV, MOST_PB, MOST_LIMITS = 1e5, 1e6, 10_000
"""of a mass and of a cross-section that a claim may hold, and how many limits"""
MOST_MASS_ERROR_GeV = 500.0
"""the range of masses of the course's universes: who is not sure by so much has measured no mass"""
_MADE_BY = "xyy run --data FILE --unblind TEXT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a group claims."""

    path: Path
    """of the claim file"""
    decision: str
    """one of `DECISIONS`"""
    mass_GeV: Estimate | None
    cross_section_pb: Estimate | None
    limit_mass_GeV: tuple[float, ...]
    """where limits were set, rising"""
    limit_pb: tuple[float | None, ...]
    """observed upper limits there; None where there is none"""
    complete: bool
    """whether no event was lost on the way"""
    after_unblinding: str | None
    """why decisions were changed after unblinding, if they were"""
    digests: frozenset[str]
    """XXH3-128 of the data files"""

    @property
    def found(self) -> bool:
        """Whether it claims that there is an X."""
        return self.decision != "limit"


# ---- written by a run ----------------------------------------------------------------------------


def write_claim(
    folder: Folder, verdict: Verdict, limits: MassLimits, *, stamp: Mapping[str, Any], inputs: str
) -> None:
    """Write ``claim.json``; while the data are blind there is none.

    Parameters
    ----------
    folder : Folder
    verdict : Verdict
    limits : MassLimits
    stamp : mapping
        What stands on every result after a change.
    inputs : str
        Digest of what the results are made from.
    """
    if verdict.decision is None:
        (folder.path / CLAIM).unlink(missing_ok=True)
        return
    taken = (
        "decision", "local_z", "global_z", "mass_GeV", "cross_section_pb", "complete",
        "after_unblinding", "changed_after_unblinding",
    )  # fmt: skip
    said, bounds = {**to_json(verdict), **stamp}, to_json(limits)
    claim = {
        "format": FORMAT,
        **{key: said[key] for key in taken if key in said},
        "limits": {key: bounds[key] for key in ("confidence_level", "mass_GeV", "observed_pb")},
    }
    data = [{"name": s.name, "bytes": s.bytes, "digest": s.digest} for s in _data_files(folder)]
    folder.write(CLAIM, claim, inputs=inputs, data=data)


def _data_files(folder: Folder) -> tuple[Source, ...]:
    """Return the files that the observed events were converted from.

    There are none where a universe's data were generated in the run, or where the chunks are gone.
    """
    run = (folder.read_if_there("run.json") or {}).get("provenance", {})
    contents = run.get("content", {})
    for place in run.get("manifests", []):
        try:
            samples = read_manifest(Path(place)).samples
        except InputError:
            continue
        for name, chunks in samples.items():
            if chunks.kind == "data" and chunks.content == contents.get(name):
                return chunks.sources
    return ()


# ---- read for scores -----------------------------------------------------------------------------


def read_claim(path: Path) -> Claim:
    """Read a claim file, or that of a results folder.

    Raises
    ------
    InputError
        If it is missing, is no claim, or does not hold what a claim holds.
    """
    path = path / CLAIM if path.is_dir() else path
    document = read_json(path, made_by=_MADE_BY, most=SETTINGS_BYTES)
    if document.get("format") != FORMAT:
        raise InputError(
            f"{path} is not a claim ({FORMAT}); hand in the {CLAIM} that `{_MADE_BY}` wrote"
        )
    try:
        return _claim(path, document)
    except KeyError as error:
        raise _wrong(path, f"{error} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise _wrong(path, brief(str(error), 200)) from None


def _wrong(path: Path, what: str) -> InputError:
    return InputError(f"{path}: {what}; hand in the {CLAIM} that `{_MADE_BY}` wrote, unedited")


def _claim(path: Path, document: Mapping[str, Any]) -> Claim:
    limits, decision = document["limits"], document["decision"]
    if decision not in DECISIONS:
        raise ValueError(f"decision is {shown(decision)}, not one of {', '.join(DECISIONS)}")
    given = limits["mass_GeV"], limits["observed_pb"]
    if not all(isinstance(values, list) and len(values) <= MOST_LIMITS for values in given):
        raise TypeError(f"limits: mass_GeV and observed_pb are lists of at most {MOST_LIMITS:,}")
    masses = tuple(_number(mass, "limits, mass_GeV", MOST_GeV) for mass in given[0])
    observed = tuple(
        None if value is None else _number(value, "limits, observed_pb", MOST_PB)
        for value in given[1]
    )
    if len(masses) != len(observed) or list(masses) != sorted(set(masses)):
        raise ValueError("limits: the masses do not rise, or are not as many as the limits")
    if not isinstance(document["complete"], bool):
        raise TypeError("complete is neither true nor false")
    changed = document["after_unblinding"]
    if not (changed is None or isinstance(changed, str)):
        raise TypeError(f"after_unblinding is {shown(changed)}, neither null nor a text")
    mass = _interval(document, "mass_GeV", MOST_GeV)
    if (
        mass is not None
        and max(mass.high - mass.value, mass.value - mass.low) > MOST_MASS_ERROR_GeV
    ):
        raise ValueError(
            f"mass_GeV: {mass.value:g} GeV between {mass.low:g} and {mass.high:g} GeV is no "
            f"measurement; its uncertainties are at most {MOST_MASS_ERROR_GeV:g} GeV"
        )
    data = document["provenance"]["data"]
    return Claim(
        path=path,
        decision=decision,
        mass_GeV=mass,
        cross_section_pb=_interval(document, "cross_section_pb", MOST_PB),
        limit_mass_GeV=masses,
        limit_pb=observed,
        complete=document["complete"],
        after_unblinding=changed,
        digests=frozenset(str(file["digest"]) for file in data),
    )


def _interval(document: Mapping[str, Any], key: str, most: float) -> Estimate | None:
    found = document[key]
    if found is None:
        return None
    value, low, high = (_number(found[part], key, most) for part in ("value", "low", "high"))
    if not low <= value <= high:
        raise ValueError(f"{key}: {value:g} is not between {low:g} and {high:g}")
    return Estimate(value, low, high)


def _number(value: object, key: str, most: float) -> float:
    """Return a number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{key} holds {shown(value)}, which is no number")
    if not 0 < value <= most:
        raise ValueError(f"{key} holds {shown(value)}, not a number above 0 and up to {most:g}")
    return float(value)
