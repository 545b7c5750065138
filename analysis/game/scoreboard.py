"""The claims that groups hand in: read, whose is whose, and the table for the dinner.

A claim (`workflow.infer_folder`) that was edited is refused. It belongs to the group whose data it
was made from, whatever it is called. Where it is called after a group (``GROUP=FILE``, or a file or
folder with a group's name in it), that must be the same one: somebody else's claim in one's own
folder is a mistake that is told, not scored.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.game.scoring import MASS_ERRORS, score
from analysis.game.sealing import Game
from analysis.results import game as results
from analysis.results.codec import Numbers, from_json
from analysis.results.values import Estimate
from tools.errors import InputError
from tools.json_file import read_json
from tools.names import listed
from tools.reading import SETTINGS_BYTES

SCORES = results.GameScores.FILE
MAX_GeV, MAX_PB, MAX_LIMITS = 1e5, 1e6, 10_000
"""of a mass and of a cross-section that a claim may hold, and how many limits"""
MAX_MASS_ERROR_GeV = 500.0
"""the range of masses of the course's universes: who is not sure by so much has measured no mass"""
_MADE_BY = "xyy run --data FILE --unblind TEXT"
_ADVICE = f"hand in the {results.Claim.FILE} that `{_MADE_BY}` wrote, unedited"
RULE = (
    "right is: who claims an X where there is one, with the mass within "
    f"{MASS_ERRORS:g} uncertainties; who sets a limit where there is none, or one that covers the X"
)
_NOTHING = "-"


def assign(game: Game, files: Iterable[tuple[str | None, Path]]) -> dict[str, results.Claim]:
    """Read claims and give each to the group whose data it is of.

    Parameters
    ----------
    game : Game
    files : iterable of (str, Path)
        Claim files, or folders with one; each with the group that it should be of, or None.

    Returns
    -------
    dict of str to Claim
        In the game's order; groups without a claim are missing.

    Raises
    ------
    InputError
        If a claim is no claim, is of other data than the game's or than its name says, or if there
        are two for one group.
    """
    found: dict[str, tuple[Path, results.Claim]] = {}
    for named, place in files:
        if named is not None and named not in game.sealed.groups:
            raise InputError(
                f"{named}={place}: there is no group {named!r} in {game.folder}; there are "
                f"{listed(game.sealed.groups)}"
            )
        path = place / results.Claim.FILE if place.is_dir() else place
        claim = read_claim(path)
        group = _group_of(game, path, claim)
        called = named or _group_in(game, path)
        if called is not None and called != group:
            raise InputError(
                f"{path} should be a claim of {called}, and is one on the data of {group}; "
                f"let {called} analyse its own data, or hand it in under the right name"
            )
        if group in found:
            raise InputError(
                f"{path} and {found[group][0]} are both claims on the data of {group}; "
                "give one of them"
            )
        found[group] = path, claim
    return {group: found[group][1] for group in game.sealed.groups if group in found}


def _group_of(game: Game, path: Path, claim: results.Claim) -> str:
    for name, group in game.sealed.groups.items():
        if claim.digests == {file.digest for file in group.files}:
            return name
    if not claim.digests:
        raise InputError(
            f"{path} does not say of which data it is: they were not read from files, or "
            "their chunks are gone; run the analysis again with `xyy run --data FILE`"
        )
    raise InputError(
        f"{path} is a claim on other data than those of any group in {game.folder} "
        f"({listed(game.sealed.groups)}); it must be made from the file as it was handed out"
    )


def _group_in(game: Game, path: Path) -> str | None:
    """Return the group that a file, or else its folder, is called after."""
    for part in (path.stem, path.resolve().parent.name):
        for group in game.sealed.groups:
            # As a whole word: group_1 is not in the name group_10.
            if re.search(rf"(?<![A-Za-z0-9]){re.escape(group)}(?![A-Za-z0-9])", part):
                return group
    return None


def scores(game: Game, claims: Mapping[str, results.Claim]) -> results.GameScores:
    """Return the content of ``scores.json``.

    Parameters
    ----------
    game : Game
    claims : mapping of str to Claim
        Of `assign`.
    """
    groups = {
        group: _scored(claims.get(group), opened.truth.resonance)
        for group, opened in game.truth.groups.items()
    }
    right = sum(each.score is not None and each.score.right for each in groups.values())
    return results.GameScores(
        rule=RULE,
        groups=groups,
        verdicts=results.RightClaims(right=right, n=len(claims), groups=len(game.sealed.groups)),
        seal=game.truth.seal,
    )


def _scored(claim: results.Claim | None, truth: results.ResonanceTruth) -> results.GroupScore:
    if claim is None:
        return results.GroupScore(
            claim=None, truth=truth, score=None, reason="no claim was handed in"
        )
    in_short = results.ScoredClaim(
        decision=claim.decision,
        mass_GeV=claim.mass_GeV,
        cross_section_pb=claim.cross_section_pb,
        complete=claim.complete,
        after_unblinding=claim.after_unblinding,
    )
    return results.GroupScore(claim=in_short, truth=truth, score=score(claim, truth), reason=None)


# ---- a claim ------------------------------------------------------------------------------------


def read_claim(path: Path) -> results.Claim:
    """Read a claim file.

    Raises
    ------
    InputError
        If it is missing, is no claim, or does not hold what a claim holds.
    """
    document = read_json(path, made_by=_MADE_BY, most=SETTINGS_BYTES)
    claim = from_json(results.Claim, document, path, advice=_ADVICE)
    try:
        _check_limits(claim.limits)
        _check_interval(claim.mass_GeV, "mass_GeV", MAX_GeV, MAX_MASS_ERROR_GeV)
        _check_interval(claim.cross_section_pb, "cross_section_pb", MAX_PB)
    except ValueError as error:
        raise InputError(f"{path}: {error}; {_ADVICE}") from None
    return claim


def _check_limits(limits: results.ClaimedLimits) -> None:
    masses, observed = limits.mass_GeV, limits.observed_pb
    if not all(values.ndim == 1 and len(values) <= MAX_LIMITS for values in (masses, observed)):
        raise ValueError(f"limits: mass_GeV and observed_pb are lists of at most {MAX_LIMITS:,}")
    _check_range(masses, "limits, mass_GeV", MAX_GeV)
    _check_range(observed[~np.isnan(observed)], "limits, observed_pb", MAX_PB)
    if len(masses) != len(observed) or not np.all(np.diff(masses) > 0):
        raise ValueError("limits: the masses do not rise, or are not as many as the limits")


def _check_interval(
    found: Estimate | None, key: str, maximum: float, max_error: float = np.inf
) -> None:
    if found is None:
        return
    _check_range(np.array([found.value, found.low, found.high]), key, maximum)
    if not found.low <= found.value <= found.high:
        raise ValueError(f"{key}: {found.value:g} is not between {found.low:g} and {found.high:g}")
    if max(found.high - found.value, found.value - found.low) > max_error:
        raise ValueError(
            f"{key}: {found.value:g} GeV between {found.low:g} and {found.high:g} GeV is no "
            f"measurement; its uncertainties are at most {max_error:g} GeV"
        )


def _check_range(values: Numbers, key: str, maximum: float) -> None:
    """Refuse numbers that are not above zero, or are none."""
    # Not `values <= 0`: NaN would pass.
    wrong = values[~((values > 0) & (values <= maximum))]
    if len(wrong):
        raise ValueError(f"{key} holds {wrong[0]!s}, not a number above 0 and up to {maximum:g}")


# ---- the table -----------------------------------------------------------------------------------


def table(scored: results.GameScores) -> str:
    """Return what is shown at dinner: every group's claim, the truth, and the score."""
    rows: list[tuple[str, ...]] = [("group", "claim", "truth", "", "pulls: mass, xs", "limit at X")]
    notes = []
    for group, each in scored.groups.items():
        if each.claim is None or each.score is None:
            blank = (_NOTHING, _NOTHING, _NOTHING)
            rows.append((group, "none handed in", truth_text(each.truth), *blank))
            continue
        rows.append((group, *_row(each.claim, each.truth, each.score)))
        notes += [f"{group}: {note}" for note in _notes(each.claim, each.score)]
    verdicts = scored.verdicts
    lines = [*_aligned(rows), "", f"{verdicts.right} of {verdicts.n} claims are right; {RULE}"]
    return "\n".join([*lines, *notes])


def truths(game: Game) -> str:
    """Return the truth of every group."""
    rows = [(group, truth_text(opened.truth)) for group, opened in game.truth.groups.items()]
    return "\n".join(_aligned(rows))


def truth_text(truth: results.ResonanceTruth) -> str:
    """Return a truth in words.

    >>> truth_text(results.ResonanceTruth(exists=True, mass_GeV=612.34, cross_section_pb=3.141))
    'X: 612.3 GeV, 3.14 pb'
    >>> truth_text(results.ResonanceTruth(exists=False, mass_GeV=None, cross_section_pb=0.0))
    'no X'
    """
    if truth.mass_GeV is None:
        return "no X"
    return f"X: {truth.mass_GeV:.1f} GeV, {truth.cross_section_pb:.2f} pb"


def _row(
    claim: results.ScoredClaim, truth: results.ResonanceTruth, scored: results.ClaimScore
) -> tuple[str, ...]:
    claimed, found = str(claim.decision), claim.decision != "limit"
    if found and claim.mass_GeV is not None:
        claimed += f", {_interval(claim.mass_GeV, 1)} GeV"
        if claim.cross_section_pb is not None:
            claimed += f", {_interval(claim.cross_section_pb, 2)} pb"
    pulls = _NOTHING
    if found and scored.mass_pull is not None:
        strength = scored.cross_section_pull
        pulls = f"{scored.mass_pull:+.1f}, {_NOTHING if strength is None else f'{strength:+.1f}'}"
    limit = _NOTHING
    if scored.covers is not None:
        verb = "covers" if scored.covers else "does not cover"
        limit = "none" if scored.limit_pb is None else f"{scored.limit_pb:.2f} pb {verb}"
    return claimed, truth_text(truth), "right" if scored.right else "WRONG", pulls, limit


def _interval(interval: Estimate, digits: int) -> str:
    up, down = interval.high - interval.value, interval.value - interval.low
    return f"{interval.value:.{digits}f} +{up:.{digits}f} -{down:.{digits}f}"


def _notes(claim: results.ScoredClaim, scored: results.ClaimScore) -> list[str]:
    notes = [] if scored.right else [scored.why]
    if not claim.complete:
        notes.append("events were lost on the way")
    if claim.after_unblinding is not None:
        notes.append(f"changed after unblinding: {claim.after_unblinding}")
    return notes


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
