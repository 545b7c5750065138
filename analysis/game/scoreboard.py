"""All claims of a game: whose is whose, and the table for the dinner.

A claim belongs to the group whose data it was made from, whatever it is called. Where it is called
after a group (``GROUP=FILE``, or a file or folder with a group's name in it), that must be the same
one: somebody else's claim in one's own folder is a mistake that is told, not scored.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.game.claims import read_claim
from analysis.game.scoring import MASS_ERRORS, score
from analysis.game.sealing import Game
from analysis.results.game import (
    Claim,
    ClaimScore,
    GameScores,
    GroupScore,
    ResonanceTruth,
    RightClaims,
    ScoredClaim,
)
from analysis.results.values import Estimate
from tools.errors import InputError
from tools.names import listed

SCORES = GameScores.FILE
RULE = (
    "right is: who claims an X where there is one, with the mass within "
    f"{MASS_ERRORS:g} uncertainties; who sets a limit where there is none, or one that covers the X"
)
_NOTHING = "-"


def assign(game: Game, words: Sequence[str]) -> dict[str, Claim]:
    """Read claims and give each to the group whose data it is of.

    Parameters
    ----------
    game : Game
    words : sequence of str
        Claim files, or folders with one; each may have the group that it should be of before it:
        ``group_03=results/theirs/claim.json``.

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
    found: dict[str, tuple[Path, Claim]] = {}
    for word in words:
        named, path = _split(game, word)
        path = path / Claim.FILE if path.is_dir() else path
        claim = read_claim(path)
        group = _group_of(game, path, claim)
        named = named or _group_in(game, path)
        if named is not None and named != group:
            raise InputError(
                f"{path} should be a claim of {named}, and is one on the data of {group}; "
                f"let {named} analyse its own data, or hand it in under the right name"
            )
        if group in found:
            raise InputError(
                f"{path} and {found[group][0]} are both claims on the data of {group}; "
                "give one of them"
            )
        found[group] = path, claim
    return {group: found[group][1] for group in game.groups if group in found}


def _split(game: Game, word: str) -> tuple[str | None, Path]:
    group, equals, path = word.partition("=")
    if not equals or Path(word).exists():
        return None, Path(word)
    if group not in game.groups:
        known = listed(game.groups)
        raise InputError(f"{word}: there is no group {group!r} in {game.folder}; there are {known}")
    return group, Path(path)


def _group_of(game: Game, path: Path, claim: Claim) -> str:
    for name, group in game.groups.items():
        if claim.digests == {file.digest for file in group.files}:
            return name
    if not claim.digests:
        raise InputError(
            f"{path} does not say of which data it is: they were not read from files, or "
            "their chunks are gone; run the analysis again with `xyy run --data FILE`"
        )
    raise InputError(
        f"{path} is a claim on other data than those of any group in {game.folder} "
        f"({listed(game.groups)}); it must be made from the file as it was handed out"
    )


def _group_in(game: Game, path: Path) -> str | None:
    """Return the group that a file, or else its folder, is called after."""
    for part in (path.stem, path.resolve().parent.name):
        for group in game.groups:
            # As a whole word: group_1 is not in the name group_10.
            if re.search(rf"(?<![A-Za-z0-9]){re.escape(group)}(?![A-Za-z0-9])", part):
                return group
    return None


def scores(game: Game, claims: Mapping[str, Claim]) -> GameScores:
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
    return GameScores(
        rule=RULE,
        groups=groups,
        verdicts=RightClaims(right=right, n=len(claims), groups=len(game.groups)),
        seal=game.truth.seal,
    )


def _scored(claim: Claim | None, truth: ResonanceTruth) -> GroupScore:
    if claim is None:
        return GroupScore(claim=None, truth=truth, score=None, reason="no claim was handed in")
    in_short = ScoredClaim(
        decision=claim.decision,
        mass_GeV=claim.mass_GeV,
        cross_section_pb=claim.cross_section_pb,
        complete=claim.complete,
        after_unblinding=claim.after_unblinding,
    )
    return GroupScore(claim=in_short, truth=truth, score=score(claim, truth), reason=None)


# ---- the table -----------------------------------------------------------------------------------


def table(scored: GameScores) -> str:
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


def truth_text(truth: ResonanceTruth) -> str:
    """Return a truth in words.

    >>> truth_text(ResonanceTruth(exists=True, mass_GeV=612.34, cross_section_pb=3.141))
    'X: 612.3 GeV, 3.14 pb'
    >>> truth_text(ResonanceTruth(exists=False, mass_GeV=None, cross_section_pb=0.0))
    'no X'
    """
    if truth.mass_GeV is None:
        return "no X"
    return f"X: {truth.mass_GeV:.1f} GeV, {truth.cross_section_pb:.2f} pb"


def _row(claim: ScoredClaim, truth: ResonanceTruth, scored: ClaimScore) -> tuple[str, ...]:
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


def _notes(claim: ScoredClaim, scored: ClaimScore) -> list[str]:
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
