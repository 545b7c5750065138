"""A truth that cannot be changed later and cannot be guessed before: commitments.

For every group the teacher draws a nonce of 128 random bits and publishes the SHA-256 of the truth,
the data's SHA-256 and the nonce together. Nobody can find the truth by trying: all masses in steps
of 1 MeV would be 5e8 hashes without the nonce, with it they are 1e47. Nobody can change the
truth afterwards: another one with the same hash is not to be found. With the nonce revealed anybody
recomputes the hash, with this program or without:

    sha256(json.dumps({"files", "group", "nonce", "truth", "universe"},
                      sort_keys=True, separators=(",", ":")))

The seed has a commitment of its own; with it, and the same version of this program, the data can be
made again. ``sealed.json`` is public. Its own SHA-256 is the *seal*: whoever wrote it down before
the game knows after it that nothing at all was exchanged.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.results.codec import InFile, from_json, to_json
from analysis.results.game import (
    DataFile,
    RevealedGame,
    RevealedGroup,
    RevealedSeed,
    SealedGame,
    SealedGroup,
)
from tools.atomic import atomic, write_bytes
from tools.errors import InputError
from tools.json_file import json_bytes, read_json
from tools.names import listed
from tools.provenance import provenance

SEALED, SECRET, REVEALED = SealedGame.FILE, "TEACHER_ONLY_secret.json", RevealedGame.FILE
_MADE_BY = "xyy universe make"
_ADVICE = f"take the one that `{_MADE_BY}` wrote"
_WARNING = "Not to be handed out: this file holds the truth of every group's universe."


@dataclass(frozen=True, slots=True, repr=False)
class Game:
    """A game whose truth is what was sealed: checked when it was read."""

    folder: Path
    sealed: SealedGame
    truth: RevealedGame


def _sha256(document: Mapping[str, object]) -> str:
    """Return the SHA-256 of the one text of a JSON document: keys sorted, no spaces, ASCII."""
    return hashlib.sha256(json_bytes(document, compact=True, sort_keys=True)).hexdigest()


def commitment(group: str, files: Iterable[DataFile], opened: RevealedGroup) -> str:
    """Return the SHA-256 that binds a group's truth to its data, and tells neither."""
    return _sha256({"group": group, "files": [file.sha256 for file in files], **to_json(opened)})


def seed_commitment(seed: RevealedSeed) -> str:
    """Return the SHA-256 of the seed."""
    return _sha256(to_json(seed))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_sealed(
    folder: Path,
    samples: str,
    seed: RevealedSeed,
    files: Mapping[str, tuple[DataFile, ...]],
    opened: dict[str, RevealedGroup],
) -> Game:
    """Write the teacher's secret and ``sealed.json``.

    Parameters
    ----------
    folder : Path
        The game's.
    samples : str
        Name of the samples file.
    seed : RevealedSeed
    files, opened : mapping
        Of each group: its data, its truth.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    groups = {
        name: SealedGroup(
            # No secret: anybody can count the rows of the data.
            events=group.truth.signal_events + group.truth.background_events,
            files=files[name],
            commitment=commitment(name, files[name], group),
        )
        for name, group in opened.items()
    }
    sealed = SealedGame(samples=samples, seed_commitment=seed_commitment(seed), groups=groups)
    text = _text(sealed)
    truth = RevealedGame(seal=hashlib.sha256(text).hexdigest(), seed=seed, groups=opened)
    # The secret first: a sealed game without it could never be revealed.
    write_private(folder / SECRET, replace(truth, warning=_WARNING))
    write_bytes(folder / SEALED, text)
    return Game(folder, sealed, truth)


def write_revealed(game: Game) -> None:
    """Write ``revealed.json``: truths, nonces and seed, for everybody to check."""
    write_bytes(game.folder / REVEALED, _text(replace(game.truth, warning=None)))


def write_private(path: Path, result: InFile) -> None:
    """Write a result file that nobody but its owner can read, at no moment.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    with atomic(path, mode=0o600) as temporary:
        temporary.write_bytes(_text(result))


def _text(result: InFile) -> bytes:
    return json_bytes({**to_json(result), "provenance": provenance()}) + b"\n"


def read_game(folder: Path) -> Game:
    """Read a game with its truth, and prove that this truth is the one that was sealed.

    The truth is the teacher's secret; where that is not at hand, what was revealed.

    Raises
    ------
    InputError
        If there is no game in `folder`, neither secret nor revealed truth, or if either of the
        files was edited: a sealed file that is not the one of this truth, a truth that is not the
        sealed one.
    """
    document = read_json(folder / SEALED, made_by=_MADE_BY)
    path = next((p for p in (folder / SECRET, folder / REVEALED) if p.is_file()), None)
    if path is None:
        raise InputError(
            f"{folder} holds neither {SECRET} nor {REVEALED}: the truth can be told only with one "
            "of them; ask who made the game"
        )
    truth = from_json(RevealedGame, read_json(path, made_by=_MADE_BY), path, advice=_ADVICE)
    # The seal first: of an edited file is told that it was edited, not what is wrong in it.
    _refuse_other_seal(folder, truth, path)
    sealed = from_json(SealedGame, document, folder / SEALED, advice=_ADVICE)
    game = Game(folder, sealed, truth)
    _refuse_other_truth(game, path)
    return game


def _refuse_other_seal(folder: Path, truth: RevealedGame, path: Path) -> None:
    seal = sha256_of(folder / SEALED)
    if truth.seal != seal:
        raise InputError(
            f"{folder / SEALED} is not the one that belongs to {path.name}: its SHA-256 is "
            f"{seal[:16]}..., sealed was {truth.seal[:16]}...; it was edited, or is of another "
            "game"
        )


def _refuse_other_truth(game: Game, path: Path) -> None:
    groups, opened = game.sealed.groups, game.truth.groups
    if set(opened) != set(groups):
        other = listed(sorted(set(opened) ^ set(groups)))
        raise InputError(f"{path}: groups were added or left out after sealing: {other}")
    for name, group in groups.items():
        if commitment(name, group.files, opened[name]) != group.commitment:
            raise InputError(
                f"{path}: the truth of {name} is not the one that was sealed (its commitment "
                f"{group.commitment[:16]}... does not come out): it was edited"
            )
    if seed_commitment(game.truth.seed) != game.sealed.seed_commitment:
        raise InputError(f"{path}: the seed is not the one that was sealed: it was edited")


def refuse_other_data(game: Game) -> int:
    """Check the data files that are still in the game's folder; return how many there are.

    Raises
    ------
    InputError
        If one of them is not the file that was sealed.
    """
    every = [file for group in game.sealed.groups.values() for file in group.files]
    there = [file for file in every if (game.folder / file.name).is_file()]
    for file in there:
        if sha256_of(path := game.folder / file.name) != file.sha256:
            raise InputError(f"{path} is not the file that was sealed: it was changed")
    return len(there)
