"""The observed data of parallel universes: in some there is an X, in others not.

Universe K of a seed has a truth: whether X exists, its mass and cross-section, and how nature's
background differs from the simulated one. It is a pure function of (seed, K) and the samples file.
All of it is an assumption of this program, except that the mass lies between 500 and 1000 GeV:

==================  ============================================  ==============================
X exists            in 60 % of the universes
mass                uniform, 500 to 1000 GeV
cross-section       uniform, 0.5 to 6 pb                          (the course simulates 5.4 pb)
width               30 GeV, uniform within 10 %
background events   as expected, uniform within 2 %               then Poisson, as the signal's
mass scale          106.1 GeV, uniform within 5 %
tail fraction       0.15 %, uniform within 50 %
mean n_jets         4.48, uniform within 3 %
mean isolations     0.85, each uniform within 0.005
==================  ============================================  ==============================

The number of events follows from the luminosity of the *data*. The signal's rows lie at random
places, all equally likely, so that nothing in the order of a file gives them away. Neither seed nor
truth is written to any file, and neither shows in the ``repr`` of what is defined here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from tools.chunks import PART_EVENTS
from tools.errors import InputError
from tools.event_files import (
    Progress,
    check_columns,
    check_format,
    write_chunks,
    write_csv,
)
from tools.generate import Stream, chunk_sizes, stream
from tools.manifest import SampleChunks
from tools.recipe import (
    Continuum,
    Events,
    Recipe,
    Resonance,
    background_recipe,
    make_events,
    signal_recipe,
)
from tools.samples import Catalogue

_T = TypeVar("_T")
_EXISTS = 0.6
MASSES_GeV, CROSS_SECTIONS_PB = (500.0, 1000.0), (0.5, 6.0)
"""ends of what is drawn"""


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """What is settled beforehand of a truth, for tests of the analysis; None is drawn."""

    exists: bool | None = None
    mass_GeV: float | None = None
    cross_section_pb: float | None = None


_NOTHING = Given()


@dataclass(frozen=True, slots=True, repr=False)
class Truth:
    """What is so in one universe; without a ``repr``, so that no log or traceback tells it."""

    exists: bool
    """whether there is an X"""
    mass_GeV: float | None
    """of X; None if there is no X"""
    cross_section_pb: float
    """sigma(pp -> X -> yy) before the filter; 0 if there is no X"""
    signal_events: int
    """events of X in the data"""
    background_events: int
    """all other events in the data"""
    expected_signal_events: float
    """mean of the Poisson law that `signal_events` were drawn from"""
    expected_background_events: float
    """mean of that of `background_events`"""
    signal: Recipe
    """how the events of X are made"""
    background: Recipe
    """how the other events are made"""


def truth_of(seed: int, number: int, catalogue: Catalogue, *, given: Given = _NOTHING) -> Truth:
    """Return the truth of a universe. For the generator, for scores, and for tests.

    Parameters
    ----------
    seed : int
        Zero or positive.
    number : int
        K, which universe of this seed: zero or positive.
    catalogue : Catalogue
        Gives the luminosity of the data, and what is expected in it.
    given : Given
        What is not drawn; all else is what it is without.

    Returns
    -------
    Truth
        Equal at every call.

    Raises
    ------
    InputError
        Negative seed or number, or a samples file without signal or background.
    """
    if number < 0:
        raise InputError(f"universes are numbered from 0; there is no universe {number}")
    rng = stream(seed, Stream.TRUTH, number)
    exists = _either(given.exists, bool(rng.random() < _EXISTS))
    mass = _either(given.mass_GeV, rng.uniform(*MASSES_GeV))
    cross_section = exists * _either(given.cross_section_pb, rng.uniform(*CROSS_SECTIONS_PB))
    efficiency = _filter_efficiency(catalogue, mass)
    expected_signal = catalogue.data_luminosity_invpb * cross_section * efficiency
    expected_background = _expected_background(catalogue) * _near(rng, 1.0, 0.02)
    return Truth(
        exists=exists,
        mass_GeV=mass if exists else None,
        cross_section_pb=cross_section,
        signal=signal_recipe(Resonance(mass, width_GeV=_near(rng, 30.0, 3.0))),
        background=background_recipe(
            Continuum(
                scale_GeV=106.1 * _near(rng, 1.0, 0.05),
                tail_fraction=0.0015 * _near(rng, 1.0, 0.5),
            ),
            n_jets_mean=4.48 * _near(rng, 1.0, 0.03),
            isolation_means=(_near(rng, 0.85, 0.005), _near(rng, 0.85, 0.005)),
        ),
        signal_events=int(rng.poisson(expected_signal)),
        background_events=int(rng.poisson(expected_background)),
        expected_signal_events=expected_signal,
        expected_background_events=expected_background,
    )


def _either(given: _T | None, drawn: _T) -> _T:
    """Return what is given, or else what was drawn all the same: what follows stays as it is."""
    return drawn if given is None else given


def _near(rng: np.random.Generator, centre: float, half_width: float) -> float:
    return float(rng.uniform(centre - half_width, centre + half_width))


def _filter_efficiency(catalogue: Catalogue, mass: float) -> float:
    """Return the signals' filter efficiency, interpolated between the simulated masses."""
    points = sorted(
        (sample.mass_GeV or 0.0, sample.filter_efficiency or 0.0)
        for sample in catalogue.simulation
        if sample.kind == "signal"
    )
    if not points:
        raise InputError(f"{catalogue.path}: a universe needs the filter efficiency of a signal")
    masses, efficiencies = zip(*points, strict=True)
    return float(np.interp(mass, masses, efficiencies))


def _expected_background(catalogue: Catalogue) -> float:
    expected = [
        sample.expected_events(catalogue.data_luminosity_invpb)
        for sample in catalogue.simulation
        if sample.kind == "background"
    ]
    if not expected:
        raise InputError(f"{catalogue.path}: a universe needs a background")
    return sum(expected)


@dataclass(frozen=True, slots=True, repr=False)
class UniversePlan:
    """The data of one universe, chunk by chunk (a `tools.event_files.Plan`)."""

    truth: Truth
    seed: int
    number: int
    sizes: tuple[int, ...]
    """number of events of each chunk"""
    signals: tuple[int, ...]
    """how many of them are of X"""

    def chunk(self, index: int) -> Events:
        """Make the events of one chunk; equal at every call and in every process."""
        rng = stream(self.seed, Stream.UNIVERSE, self.number, index)
        size, signals = self.sizes[index], self.signals[index]
        events = make_events(self.truth.background, rng, size)
        places = rng.choice(size, signals, replace=False)
        for name, values in make_events(self.truth.signal, rng, signals).items():
            events[name][places] = values
        return events


def plan_universe(catalogue: Catalogue, number: int, *, seed: int) -> UniversePlan:
    """Plan what the data of a universe consist of, without making them yet.

    Parameters
    ----------
    catalogue, number, seed
        As for `truth_of`.

    Returns
    -------
    UniversePlan
        Can be sent to workers. It knows the truth: it belongs in no file.

    Raises
    ------
    InputError
        As `truth_of`; columns that cannot be filled; a luminosity that gives no event.
    """
    check_columns(catalogue)
    truth = truth_of(seed, number, catalogue)
    total = truth.signal_events + truth.background_events
    if not total:
        raise InputError(
            f"{catalogue.path}, data_luminosity: {catalogue.data_luminosity_invpb:g} / pb is too "
            f"little for a single event in universe {number}; raise it"
        )
    sizes = chunk_sizes(total)
    rng = stream(seed, Stream.PLACEMENT, number)
    # Not `rng.hypergeometric`, which takes no more than 1e9 events.
    places = rng.choice(total, truth.signal_events, replace=False, shuffle=False)
    signals = np.bincount(places // PART_EVENTS, minlength=len(sizes))
    return UniversePlan(
        truth=truth, seed=seed, number=number, sizes=sizes, signals=tuple(signals.tolist())
    )


def generate_universe(
    catalogue: Catalogue,
    number: int,
    out: Path,
    *,
    seed: int,
    file_format: str = "csv",
    progress: Progress | None = None,
    workers: int | None = None,
) -> Path:
    """Make the observed data of a universe and write them.

    Parameters
    ----------
    catalogue, number, seed
        As for `truth_of`.
    out : Path
        The folder: it gets ``universe_<K>.csv``; or, with ``<data>`` the name of the samples file's
        observed sample, ``<data>/part-*.root`` and an entry in ``manifest.json``. The caller
        holds it (`tools.locks.one_writer`).
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
        As `plan_universe`, `write_csv` and `write_chunks`; unknown format; a samples file without
        observed data.
    XyyError
        If a file cannot be written.
    """
    check_format(file_format)
    plan = plan_universe(catalogue, number, seed=seed)
    if file_format == "csv":
        path = out / f"universe_{number}.csv"
        write_csv(path, catalogue.columns, plan, progress)
        return path
    name = catalogue.observed().name
    # Its content will be that of the events; that of the settings would give the seed away.
    about = SampleChunks(kind="data", parts=(), generated=True)
    return write_chunks(out, name, catalogue.columns, plan, about, progress, workers=workers)
