"""Small photon ntuples in the layouts of the world, for whoever has no files: all made up.

Three samples: Higgs bosons of 125 GeV that decay to two photons, pairs of photons without a
resonance, and data, which are both in the ratio of their cross-sections. Weights have both signs,
photons are in no order, some events have none, some three, and event numbers go beyond 2^63: what
is true of real files, and breaks programs. The trees' titles say that the events are generated.

Events are made and written in blocks, each a pure function of (seed, sample, block, its number of
events), in memory for a block. The sums of weights, which some layouts repeat in every event, are
known before: weights have random numbers of their own, and are drawn twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from tools.atomic import atomic
from tools.errors import InputError
from tools.event_files import Progress, refuse_files
from tools.generate import Stream, stream
from tools.marks import GENERATED
from tools.names import listed, nearest
from tools.ntuple_columns import (
    NTUPLE_FORMATS,
    NtupleBlock,
    NtupleColumns,
    NtupleFormat,
    WeightSums,
)
from tools.photon_events import Float32s, PairSource, make_photons
from tools.recipe import Continuum, Resonance
from tools.root_clock import root_clock

BLOCK_EVENTS = 100_000
"""made and written at once; other blocks, other events"""
HIGGS = PairSource(Resonance(125.0, 1.7), pt_GeV=35.0, isotropic=True, fake=0.02)
CONTINUUM = PairSource(
    Continuum(scale_GeV=45.0, tail_fraction=0.02, offset_GeV=60.0),
    pt_GeV=25.0, isotropic=False, fake=0.25,
)  # fmt: skip
_NUMBERS_FROM = (1 << 62, (1 << 63) - (1 << 41))
"""range of the event number of a file's first event"""


@dataclass(frozen=True, slots=True)
class NtupleSample:
    """A file, as it is in every layout."""

    name: str
    about: str
    source: PairSource
    events: int
    """unless another number is asked for"""
    cross_section_pb: float = 0.0
    """of simulation"""
    channel: int = 0
    among: tuple[PairSource, float] | None = None
    """what some of the events are, and which part"""
    negative: float = 0.0
    """part of the events with a negative weight"""
    equal_weights: bool = True
    """but for the sign"""

    @property
    def simulated(self) -> bool:
        """Whether it is no data."""
        return self.cross_section_pb > 0

    def random(self, seed: int, use: Stream, block: int = 0) -> np.random.Generator:
        """Return the random numbers of a block."""
        return stream(seed, use, xxhash.xxh32_intdigest(self.name.encode()), block)

    def weights(self, seed: int, block: int, events: int) -> Float32s | None:
        """Return the generator weights of a block, none of which is 1; None of data."""
        if not self.simulated:
            return None
        rng = self.random(seed, Stream.NTUPLE_WEIGHTS, block)
        size = np.full(events, 28.3, np.float32)
        if not self.equal_weights:
            size = np.float32(10) + np.float32(20) * rng.standard_exponential(events, np.float32)
        return np.where(rng.random(events, np.float32) < self.negative, -size, size)


_HIGGS_PB, _CONTINUUM_PB = 0.1101, 25.0
NTUPLES: Mapping[str, NtupleSample] = {
    sample.name: sample
    for sample in (
        NtupleSample(
            "ggH125", "simulation of H -> yy at 125 GeV", HIGGS, 10_000, _HIGGS_PB,
            channel=343_981, negative=0.1,
        ),
        NtupleSample(
            "yy", "simulation of yy without a resonance", CONTINUUM, 20_000, _CONTINUUM_PB,
            channel=364_352, negative=0.15, equal_weights=False,
        ),
        NtupleSample(
            "data", "yy with some H -> yy, as data", CONTINUUM, 20_000,
            among=(HIGGS, _HIGGS_PB / (_HIGGS_PB + _CONTINUUM_PB)),
        ),
    )
}  # fmt: skip
"""by their names"""


def ntuples_named(names: Sequence[str]) -> list[NtupleSample]:
    """Return samples by their names, each once; all of them for no names.

    Raises
    ------
    InputError
        If there is none of a name.
    """
    for name in names:
        if name not in NTUPLES:
            raise InputError(
                f"{listed([name])!r} is not an ntuple that can be generated"
                f"{nearest(name, NTUPLES)}; name some of {listed(NTUPLES)}"
            )
    return [NTUPLES[name] for name in dict.fromkeys(names or NTUPLES)]


def normalisation(sample: NtupleSample, events: int) -> str:
    """Return what so many events of a sample are, with cross-section or luminosity.

    >>> normalisation(NTUPLES["data"], 20_000)
    'yy with some H -> yy, as data of 796.5 / pb'
    """
    if sample.simulated:
        return f"{sample.about}, {sample.cross_section_pb:g} pb"
    return f"{sample.about} of {events / (_HIGGS_PB + _CONTINUUM_PB):.4g} / pb"


def write_ntuple(
    path: Path,
    sample: NtupleSample,
    layout: str,
    *,
    seed: int,
    events: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Make a sample and write it as one ROOT file, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    sample : NtupleSample
        One of `NTUPLES`.
    layout : str
        One of `NTUPLE_FORMATS`; the events are the same in each.
    seed : int
        Zero or positive.
    events : int, optional
        How many; the sample's own number by default.
    progress : callable, optional
        Called after each block with the number of events made so far.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If a file is there that is not generated, there are to be no events, or the seed is
        negative.
    XyyError
        If it cannot be written.
    """
    import uproot

    form, events = NTUPLE_FORMATS[layout], sample.events if events is None else events
    if events < 1:
        raise InputError(f"{sample.name}: cannot generate {events} events; ask for one or more")
    refuse_files([path], force=True)
    sums = _sums(sample, seed, events)
    with (
        atomic(path) as temporary,
        root_clock(),
        uproot.recreate(temporary, compression=uproot.LZ4(1)) as file,
    ):
        tree, done = None, 0
        for block, size in _blocks(events):
            columns = _columns(sample, form, seed, block, size, sums)
            if tree is None:
                tree = _new_tree(file, form.tree, columns, form.counter)
            tree.extend(columns)
            done += size
            if progress is not None:
                progress(done)
        if form.runs is not None and sample.simulated:
            runs = form.runs(sums)
            _new_tree(file, "Runs", runs).extend(runs)
    return path


def _blocks(events: int) -> Iterator[tuple[int, int]]:
    """Yield number and size of each block."""
    for block, first in enumerate(range(0, events, BLOCK_EVENTS)):
        yield block, min(BLOCK_EVENTS, events - first)


def _sums(sample: NtupleSample, seed: int, events: int) -> WeightSums:
    """Return the sums of all weights of a file, zeros of data."""
    sums = WeightSums()
    for block, size in _blocks(events):
        weights = sample.weights(seed, block, size)
        if weights is None:
            break
        sums = sums.plus(weights)
    return sums


def _columns(
    sample: NtupleSample, form: NtupleFormat, seed: int, block: int, size: int, sums: WeightSums
) -> NtupleColumns:
    """Make the events of a block."""
    rng = sample.random(seed, Stream.NTUPLE_EVENTS, block)
    numbers = sample.random(seed, Stream.NTUPLE_NUMBERS)
    made = NtupleBlock(
        make_photons(rng, size, sample.source, sample.among),
        first=block * BLOCK_EVENTS,
        numbers_from=int(numbers.integers(*_NUMBERS_FROM)),
        weights=sample.weights(seed, block, size),
        sums=sums,
        cross_section_pb=sample.cross_section_pb,
        channel=sample.channel,
    )
    return form.columns(made, rng)


def _new_tree(file: Any, name: str, columns: NtupleColumns, counter: str = "") -> Any:
    """Return an empty tree for columns, marked as generated."""
    types = {
        name: each.dtype if isinstance(each, np.ndarray) else each.type
        for name, each in columns.items()
    }
    return file.mktree(name, types, title=GENERATED, counter_name=lambda _lists: counter)
