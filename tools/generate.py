"""The course's simulated samples, of any size and for any mass, made on the spot.

Chunk i of a sample is a pure function of (seed, sample, i, its number of events): any worker makes
the same one, in any order. The number of events of a full chunk is therefore a constant of the
format (`tools.chunks.PART_EVENTS`), and the partial last chunk is not the beginning of a full one.

The default seed is chosen, and not at random: with it the default samples give the significances
that the course prints. With backgrounds of 100,000 events they scatter by about 0.05 (cuts on
n_jets) and 0.2 (all four cuts), so that other seeds may miss them: 2043, the year of the course
itself, gives 5.90 for n_jets < 5 where the course has 5.78. The next one reproduces them all.
"""

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
import xxhash

from tools.chunks import PART_EVENTS
from tools.digests import digest_text
from tools.errors import InputError
from tools.event_files import (
    Progress,
    check_columns,
    check_format,
    write_chunks,
    write_csv,
)
from tools.manifest import SampleChunks
from tools.names import listed
from tools.recipe import Events, Recipe, Resonance, background_recipe, make_events, signal_recipe
from tools.samples import Catalogue, Column, Sample

DEFAULT_SEED = 2044
"""The seed nearest to 2043 whose default samples reproduce the course's numbers."""
GENERATOR = "xyy-generator-1"
"""Changes with every change of the recipe or of the order of its random numbers."""
LOWEST_MASS_GEV = 150.0
"""Five widths of the resonance above zero."""
_SIGNAL_NAME = re.compile(r"signal_(\d+(?:\.\d+)?)")


class Stream(IntEnum):
    """What random numbers are for: streams of different use never coincide."""

    SAMPLE = 0
    TRUTH = 1
    PLACEMENT = 2
    UNIVERSE = 3
    NTUPLE_EVENTS = 4
    NTUPLE_WEIGHTS = 5
    NTUPLE_NUMBERS = 6


def stream(seed: int, use: Stream, *key: int) -> np.random.Generator:
    """Return the random numbers of one use and key; independent of all others of this seed.

    Raises
    ------
    InputError
        If the seed is negative.
    """
    if seed < 0:
        raise InputError(f"the seed must be zero or positive, not {seed}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(use), *key)))


def chunk_sizes(events: int) -> tuple[int, ...]:
    """Return the numbers of events of the chunks: full ones, then the rest.

    >>> chunk_sizes(1_200_000)
    (500000, 500000, 200000)
    """
    full, rest = divmod(events, PART_EVENTS)
    return (PART_EVENTS,) * full + ((rest,) if rest else ())


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """A simulated sample, chunk by chunk (a `tools.event_files.Plan`)."""

    sample: Sample
    """with its metadata"""
    recipe: Recipe
    seed: int
    sizes: tuple[int, ...]
    """number of events of each chunk"""

    def chunk(self, index: int) -> Events:
        """Make the events of one chunk; equal at every call and in every process."""
        key = xxhash.xxh32_intdigest(self.sample.name.encode())
        rng = stream(self.seed, Stream.SAMPLE, key, index)
        return make_events(self.recipe, rng, self.sizes[index])

    def content(self, columns: tuple[Column, ...]) -> str:
        """Return a digest of what determines the chunks of these columns, for the manifest."""
        settings = (self.sample.name, self.recipe, self.seed, self.sizes, columns)
        return digest_text(GENERATOR, np.__version__, *(repr(setting) for setting in settings))


def sample_named(catalogue: Catalogue, name: str) -> Sample:
    """Return a simulated sample: a declared one, or ``signal_<mass>`` at any other mass.

    A signal that is not declared takes everything but name, files and mass from the declared signal
    nearest in mass.

    Raises
    ------
    InputError
        If there is no such sample; the message lists the known names.
    """
    declared = catalogue.samples.get(name)
    if declared is not None and declared.kind != "data":
        return declared
    match = _SIGNAL_NAME.fullmatch(name)
    signals = [sample for sample in catalogue.simulation if sample.mass_GeV is not None]
    if match is None or not signals:
        known = [sample.name for sample in catalogue.simulation]
        known += ["signal_<mass in GeV>"] if signals else []
        raise InputError(
            f"{name!r} is not a sample that can be generated from {catalogue.path}; known: "
            f"{listed(known)} (observed data are those of a universe)"
        )
    mass = float(match[1])
    nearest = min(signals, key=lambda signal: abs((signal.mass_GeV or 0.0) - mass))
    return replace(nearest, name=name, files=(f"{name}.csv",), mass_GeV=mass)


def plan_sample(
    catalogue: Catalogue, name: str, *, seed: int, events: int | None = None
) -> SamplePlan:
    """Plan what a simulated sample consists of, without making it yet.

    Parameters
    ----------
    catalogue : Catalogue
        The data description.
    name : str
        A declared signal or background, or ``signal_<mass>``.
    seed : int
        Zero or positive.
    events : int, optional
        How many; the declared number by default.

    Returns
    -------
    SamplePlan
        Can be sent to workers.

    Raises
    ------
    InputError
        Unknown name, impossible mass, no events, negative seed, or columns that cannot be filled.
    """
    check_columns(catalogue)
    sample = sample_named(catalogue, name)
    events = events if events is not None else (sample.events or 0)
    if events < 1:
        raise InputError(f"{name}: cannot generate {events} events; ask for one or more")
    stream(seed, Stream.SAMPLE)
    return SamplePlan(
        sample=sample, recipe=_recipe(catalogue, sample), seed=seed, sizes=chunk_sizes(events)
    )


def _recipe(catalogue: Catalogue, sample: Sample) -> Recipe:
    if sample.mass_GeV is None:
        return background_recipe()
    highest = catalogue.collision_energy_GeV
    if not LOWEST_MASS_GEV <= sample.mass_GeV <= highest:
        raise InputError(
            f"{sample.name}: a mass of {sample.mass_GeV:g} GeV cannot be generated; "
            f"choose one between {LOWEST_MASS_GEV:g} and {highest:g} GeV"
        )
    return signal_recipe(Resonance(sample.mass_GeV))


def generate_sample(
    catalogue: Catalogue,
    name: str,
    out: Path,
    *,
    seed: int = DEFAULT_SEED,
    events: int | None = None,
    file_format: str = "csv",
    progress: Progress | None = None,
    workers: int | None = None,
) -> Path:
    """Make a simulated sample and write it.

    Parameters
    ----------
    catalogue, name, seed, events
        As for `plan_sample`.
    out : Path
        The folder: it gets ``<name>.csv``, or ``<name>/part-*.root`` and an entry in
        ``manifest.json``. The caller holds it (`tools.locks.one_writer`).
    file_format : {"csv", "root"}
        What to write.
    progress : callable, optional
        Called after each chunk with the number of events made so far.
    workers : int, optional
        Processes that make and write the ROOT chunks of a large sample; all cores unless given.
        (CSV is written in this process.)

    Returns
    -------
    Path
        The CSV file, or the manifest.

    Raises
    ------
    InputError
        As `plan_sample`, `write_csv` and `write_chunks`; unknown format.
    XyyError
        If a file cannot be written.
    """
    check_format(file_format)
    plan = plan_sample(catalogue, name, seed=seed, events=events)
    if file_format == "csv":
        path = out / f"{name}.csv"
        write_csv(path, catalogue.columns, plan, progress)
        return path
    about = SampleChunks(
        kind=plan.sample.kind,
        parts=(),
        content=plan.content(catalogue.columns),
        generated=True,
        mass_GeV=plan.sample.mass_GeV,
        cross_section_pb=plan.sample.cross_section_pb,
        filter_efficiency=plan.sample.filter_efficiency,
    )
    return write_chunks(out, name, catalogue.columns, plan, about, progress, workers=workers)
