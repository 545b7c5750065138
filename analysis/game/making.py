"""Universes for groups: the data that a teacher hands out, and the truth that stays sealed.

The seed comes from the operating system's random numbers, 128 bits of them: nobody can try them
all. A seed that is given can be tried, if it is short: whoever guesses it makes the same universes
and knows their truth. Group i gets universe i of the seed.

Handed out are the data and ``sealed.json``. Data hold nothing but events (`tools.universe` says why
neither order nor files give anything away) and get one and the same time of writing; their number
of rows is public.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.game.sealing import Game, sha256_of, write_sealed
from analysis.results import game as results
from tools.digests import digest_file
from tools.errors import InputError
from tools.locks import LOCK_NAME
from tools.samples import Catalogue
from tools.universe import Truth, generate_universe, truth_of

SECRET_BITS = 128
SHORT_SEED = 1 << 64
"""below it, a seed can be tried out"""
_STAGING = ".making"

Progress = Callable[[str], AbstractContextManager[Callable[[int], None]]]
"""Called with the name of what is made; gives a context whose value takes the events so far."""


def make(
    catalogue: Catalogue,
    groups: int,
    out: Path,
    *,
    seed: int | None = None,
    file_format: str = "csv",
    progress: Progress,
) -> Game:
    """Make the data of a game and seal its truth.

    Parameters
    ----------
    catalogue : Catalogue
        The data description; its data luminosity says how many events there are.
    groups : int
        How many universes.
    out : Path
        The game's folder, which must be empty. The caller holds it (`tools.locks.one_writer`).
    seed : int, optional
        Zero or positive; 128 bits from the operating system unless given.
    file_format : {"csv", "root"}
        Of the data: a file for each group, or a folder of files where they are many.
    progress : callable
        See `Progress`.

    Raises
    ------
    InputError
        A folder that is not empty, and as `generate_universe`.
    XyyError
        If a file cannot be written; nothing is left behind.
    """
    _refuse_used(out)
    chosen = secrets.randbits(SECRET_BITS) if seed is None else seed
    files: dict[str, tuple[results.DataFile, ...]] = {}
    opened: dict[str, results.RevealedGroup] = {}
    # A game is whole or not there: it is made in here, and moved to where it is handed out at last.
    staging, game = out / _STAGING, out / _STAGING / "game"
    game.mkdir(parents=True)
    try:
        for number in range(1, groups + 1):
            group = f"group_{number:0{max(2, len(str(groups)))}d}"
            made = staging / f"universe_{number}"
            with progress(group) as report:
                generate_universe(
                    catalogue, number, made, seed=chosen, file_format=file_format, progress=report
                )
            files[group] = tuple(_taken(made, game, group))
            truth = sealed_truth(truth_of(chosen, number, catalogue))
            opened[group] = results.RevealedGroup(universe=number, truth=truth, nonce=_nonce())
        _same_time(game)
        seed_of = results.RevealedSeed(seed=str(chosen), nonce=_nonce())
        sealed = write_sealed(game, catalogue.name, seed_of, files, opened)
        _hand_out(game, out)
        return replace(sealed, folder=out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _hand_out(game: Path, out: Path) -> None:
    """Move all of a game, or none of it."""
    names = sorted(path.name for path in game.iterdir())  # `sealed.json` is the last
    try:
        for name in names:
            (game / name).rename(out / name)
    except BaseException:
        for name in names:
            if (out / name).exists():
                (out / name).rename(game / name)
        raise


def _nonce() -> str:
    return secrets.token_hex(SECRET_BITS // 8)


def sealed_truth(truth: Truth) -> results.UniverseTruth:
    """Return what is sealed of a truth, and revealed at the end."""
    spectrum: Any = truth.background.spectrum
    signal: Any = truth.signal.spectrum
    return results.UniverseTruth(
        exists=truth.exists,
        mass_GeV=truth.mass_GeV,
        cross_section_pb=truth.cross_section_pb,
        width_GeV=signal.width_GeV if truth.exists else None,
        signal_events=truth.signal_events,
        background_events=truth.background_events,
        background=results.BackgroundTruth(
            scale_GeV=spectrum.scale_GeV,
            tail_fraction=spectrum.tail_fraction,
            n_jets_mean=truth.background.n_jets_mean,
            isolation_means=truth.background.isolation_means,
        ),
    )


def _refuse_used(out: Path) -> None:
    # What a killed process left behind is nobody's.
    shutil.rmtree(out / _STAGING, ignore_errors=True)
    there = sorted(path.name for path in out.iterdir() if path.name != LOCK_NAME)
    if there:
        raise InputError(
            f"{out} is not empty (it holds {there[0]}): a game gets a folder of its own, and is "
            "never made twice; choose another --out"
        )


def _taken(made: Path, game: Path, group: str) -> Iterator[results.DataFile]:
    """Move the data of a universe to those of the game, under the name of a group, one by one."""
    data = sorted(path for path in made.rglob("*") if path.suffix in (".csv", ".root"))
    for index, source in enumerate(data):
        name = group if len(data) == 1 else f"{group}/{group}-{index:05d}"
        path = game / f"{name}{source.suffix}"
        path.parent.mkdir(exist_ok=True)
        source.replace(path)
        yield results.DataFile(
            f"{name}{source.suffix}", path.stat().st_size, digest_file(path), sha256_of(path)
        )


def _same_time(game: Path) -> None:
    """Give all data one time of writing: when each was done tells how long it took."""
    now = time.time()
    for path in game.rglob("group_*"):
        os.utime(path, (now, now))
