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
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.atomic import atomic, write_bytes
from tools.errors import InputError
from tools.json_file import read_json, write_json
from tools.names import listed
from tools.provenance import provenance

SEALED, SECRET, REVEALED = "sealed.json", "TEACHER_ONLY_secret.json", "revealed.json"
SEALED_FORMAT, OPEN_FORMAT = "xyy-sealed-1", "xyy-truth-1"
_MADE_BY = "xyy universe make"
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a group's data, as it was handed out."""

    name: str
    """relative to the game's folder"""
    bytes: int
    digest: str
    """XXH3-128 of its bytes, by which a converted file is known in manifests and claims"""
    sha256: str


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A group's universe with its truth; without a ``repr``, so that no log tells it."""

    universe: int
    """its number among the universes of the seed"""
    truth: Mapping[str, Any]
    nonce: str
    """32 hexadecimal digits"""


@dataclass(frozen=True, slots=True, repr=False)
class Game:
    """A game whose truth is what was sealed: checked when it was read."""

    folder: Path
    seal: str
    """SHA-256 of ``sealed.json``"""
    seed: str
    seed_nonce: str
    files: Mapping[str, tuple[DataFile, ...]]
    """of each group"""
    opened: Mapping[str, Opened]
    """of each group"""


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one text of a JSON document: keys sorted, no spaces, ASCII.

    >>> canonical({"b": 1.5, "a": "x"})
    b'{"a":"x","b":1.5}'
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def commitment(group: str, files: Iterable[DataFile], opened: Opened) -> str:
    """Return the SHA-256 that binds a group's truth to its data, and tells neither."""
    sealed = {
        "group": group,
        "universe": opened.universe,
        "files": [file.sha256 for file in files],
        "truth": opened.truth,
        "nonce": opened.nonce,
    }
    return hashlib.sha256(canonical(sealed)).hexdigest()


def seed_commitment(seed: str, nonce: str) -> str:
    """Return the SHA-256 of the seed."""
    return hashlib.sha256(canonical({"seed": seed, "nonce": nonce})).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            hasher.update(block)
    return hasher.hexdigest()


def write_sealed(
    folder: Path,
    seed: str,
    seed_nonce: str,
    files: Mapping[str, tuple[DataFile, ...]],
    events: Mapping[str, int],
    opened: Mapping[str, Opened],
    **about: str,
) -> Game:
    """Write the teacher's secret and ``sealed.json``.

    Parameters
    ----------
    folder : Path
        The game's.
    seed, seed_nonce : str
    files, events, opened : mapping
        Of each group: its data, their number of rows (which is public), its truth.
    **about : str
        What else is public.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    document = {
        "format": SEALED_FORMAT,
        **about,
        "seed_commitment": seed_commitment(seed, seed_nonce),
        "groups": {
            group: {
                "events": events[group],
                "files": [asdict(file) for file in files[group]],
                "commitment": commitment(group, files[group], opened[group]),
            }
            for group in files
        },
        "provenance": provenance(),
    }
    text = (json.dumps(document, indent=1) + "\n").encode("ascii")
    game = Game(folder, hashlib.sha256(text).hexdigest(), seed, seed_nonce, files, opened)
    # The secret first: a sealed game without it could never be revealed.
    warning = "Not to be handed out: this file holds the truth of every group's universe."
    write_private(folder / SECRET, {"warning": warning, **_open_document(game)})
    write_bytes(folder / SEALED, text)
    return game


def write_revealed(game: Game) -> None:
    """Write ``revealed.json``: truths, nonces and seed, for everybody to check."""
    write_json(game.folder / REVEALED, _open_document(game))


def _open_document(game: Game) -> dict[str, Any]:
    return {
        "format": OPEN_FORMAT,
        "seal": game.seal,
        "seed": {"seed": game.seed, "nonce": game.seed_nonce},
        "groups": {group: asdict(opened) for group, opened in game.opened.items()},
        "provenance": provenance(),
    }


def write_private(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file that nobody but its owner can read, at no moment.

    Raises
    ------
    XyyError
        If the disk is full or the folder cannot be written.
    """
    text = (json.dumps(document, indent=1, allow_nan=False) + "\n").encode("ascii")
    with atomic(path, mode=0o600) as temporary:
        temporary.write_bytes(text)


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
    sealed = read_json(folder / SEALED, made_by=_MADE_BY)
    if sealed.get("format") != SEALED_FORMAT:
        raise InputError(f"{folder / SEALED} is not a sealed game ({SEALED_FORMAT})")
    path = next((p for p in (folder / SECRET, folder / REVEALED) if p.is_file()), None)
    if path is None:
        raise InputError(
            f"{folder} holds neither {SECRET} nor {REVEALED}: the truth can be told only with one "
            "of them; ask who made the game"
        )
    truth = read_json(path, made_by=_MADE_BY)
    seal = sha256_of(folder / SEALED)
    try:
        _refuse_other_seal(folder, truth, seal, path)
        game = Game(
            folder=folder,
            seal=seal,
            seed=truth["seed"]["seed"],
            seed_nonce=truth["seed"]["nonce"],
            files={
                group: tuple(DataFile(**file) for file in entry["files"])
                for group, entry in sealed["groups"].items()
            },
            opened={group: Opened(**entry) for group, entry in truth["groups"].items()},
        )
        _refuse_other_truth(game, sealed, path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} or {folder / SEALED} is damaged ({type(error).__name__}: {error}); take the "
            "ones that `xyy universe make` wrote"
        ) from None
    return game


def _refuse_other_seal(folder: Path, truth: Mapping[str, Any], seal: str, path: Path) -> None:
    if truth.get("format") != OPEN_FORMAT:
        raise InputError(f"{path} does not hold the truth of a game ({OPEN_FORMAT})")
    if truth["seal"] != seal:
        raise InputError(
            f"{folder / SEALED} is not the one that belongs to {path.name}: its SHA-256 is "
            f"{seal[:16]}..., sealed was {truth['seal'][:16]}...; it was edited, or is of another "
            "game"
        )


def _refuse_other_truth(game: Game, sealed: Mapping[str, Any], path: Path) -> None:
    if set(game.opened) != set(game.files):
        other = listed(sorted(set(game.opened) ^ set(game.files)))
        raise InputError(f"{path}: groups were added or left out after sealing: {other}")
    for group, files in game.files.items():
        wanted = sealed["groups"][group]["commitment"]
        if commitment(group, files, game.opened[group]) != wanted:
            raise InputError(
                f"{path}: the truth of {group} is not the one that was sealed (its commitment "
                f"{wanted[:16]}... does not come out): it was edited"
            )
    if seed_commitment(game.seed, game.seed_nonce) != sealed["seed_commitment"]:
        raise InputError(f"{path}: the seed is not the one that was sealed: it was edited")


def refuse_other_data(game: Game) -> int:
    """Check the data files that are still in the game's folder; return how many there are.

    Raises
    ------
    InputError
        If one of them is not the file that was sealed.
    """
    there = 0
    for files in game.files.values():
        for file in files:
            path = game.folder / file.name
            if path.is_file():
                there += 1
                if sha256_of(path) != file.sha256:
                    raise InputError(f"{path} is not the file that was sealed: it was changed")
    return there
