"""Universes as their spectra: what is expected in each bin of each channel, and what is drawn.

The selected spectrum of a universe is Poisson about its own background - its own exponential, tail
and normalisation, and what the selection keeps of its own columns - plus its signal, if there is
one, of its own width. This is what `tools.universe` makes of events, without the events: the laws
are the same functions of the same recipe, so that a universe has one truth whichever way its data
are made.

A *campaign* says which universes. Of three kinds: `universes` are those of the course (or all with
an X of given masses and cross-sections), `empty` ones have no X, and those `with_x` all have one,
for numbers that need many.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.settings.search import Search
from analysis.statistics.spectra.signal_model import Interpolated, SignalModel
from analysis.statistics.spectra.streams import universe_stream
from analysis.validation.efficiencies import Channels
from analysis.validation.fixed_model import Setting
from tools.arrays import FloatArray
from tools.errors import InputError
from tools.recipe import Continuum, Resonance, signal_recipe
from tools.samples import Catalogue
from tools.universe import Given, Truth, truth_of

Kind = Literal["universes", "empty", "with_x"]
KINDS: tuple[Kind, ...] = ("universes", "empty", "with_x")
MAX_UNIVERSES = 1_000_000
"""of a kind; the next kind is numbered from here: no two share a background"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many universes of each kind."""

    universes: int
    empty: int = 0
    with_x: int = 0

    def __post_init__(self) -> None:
        for kind in KINDS:
            if not 0 <= (number := getattr(self, kind)) <= MAX_UNIVERSES:
                option = kind.replace("_", "-")
                raise InputError(f"--{option}: 0 to {MAX_UNIVERSES:,}, not {number:,}")
        if not self.universes + self.empty + self.with_x:
            raise InputError("no universe at all: give --universes N, --empty N or --with-x N")


@dataclass(frozen=True, slots=True)
class Campaign:
    """Which universes."""

    seed: int
    masses_GeV: tuple[float, ...] = ()
    """of X, in turn; empty: drawn"""
    cross_sections_pb: tuple[float, ...] = ()
    """all masses with the first, then all with the second, and again; empty: drawn"""

    def truth(self, kind: Kind, number: int, catalogue: Catalogue) -> Truth:
        """Return the truth of a universe: a pure function of seed, kind and number."""
        masses, strengths = self.masses_GeV, self.cross_sections_pb
        # All masses with one cross-section, then with the next: few universes have all masses.
        rank = number // max(1, len(masses))
        given = Given(
            exists=True if kind == "with_x" or masses or strengths else None,
            mass_GeV=masses[number % len(masses)] if masses else None,
            cross_section_pb=strengths[rank % len(strengths)] if strengths else None,
        )
        if kind == "empty":
            given = Given(exists=False)
        # Numbers of their own: an empty universe has a background that no universe with X has.
        first = MAX_UNIVERSES * KINDS.index(kind)
        return truth_of(self.seed, first + number, catalogue, given=given)

    def rng(self, kind: Kind, number: int) -> np.random.Generator:
        """Return the randomness of a universe's spectrum."""
        return universe_stream(self.seed, KINDS.index(kind), number)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Universe:
    """A universe and its selected spectrum; without a ``repr``, as its truth."""

    kind: Kind
    number: int
    truth: Truth
    expected: tuple[FloatArray, ...]
    """events in the bins of each channel, without fluctuations"""
    counts: tuple[FloatArray, ...] = ()
    """observed events; nothing before it is observed"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Analysis(Setting):
    """What the analysis knows: its settings, and what the simulation says of a resonance."""

    channel_names: tuple[str, ...]
    luminosity_invpb: float
    """of the data"""
    filter_efficiency: Interpolated

    def events_per_pb(self, mass_GeV: FloatArray) -> FloatArray:
        """Return selected events of all channels per pb of cross-section."""
        efficiency, _ = self.signal.total_efficiency(mass_GeV)
        return np.asarray(self.luminosity_invpb * self.filter_efficiency.at(mass_GeV) * efficiency)


def analysis_of(catalogue: Catalogue, search: Search, channels: Channels) -> Analysis:
    """Return what an analysis with much simulation of this selection knows.

    Efficiencies are those of the recipe at the simulated masses, with a width of 30 GeV; the
    statistical uncertainties of a finite simulation are not in it.

    Raises
    ------
    InputError
        If there is no signal sample with mass and filter efficiency.
    """
    simulated = sorted(
        (sample.mass_GeV, sample.filter_efficiency)
        for sample in catalogue.simulation
        if sample.mass_GeV is not None and sample.filter_efficiency is not None
    )
    if not simulated:
        raise InputError(f"{catalogue.path}: closure needs a signal sample with its mass")
    masses = np.array([mass for mass, _ in simulated])
    laws = [Resonance(mass) for mass in masses]
    kept = np.array([channels.efficiencies(signal_recipe(law)) for law in laws])
    width = np.array([law.width_GeV for law in laws])
    signal = SignalModel(
        offset=_exact(masses, np.zeros(len(masses))),
        width=_exact(masses, width),
        efficiency=tuple(_exact(masses, column) for column in kept.T),
    )
    return Analysis(
        search=search,
        signal=signal,
        channel_names=channels.names,
        sqrt_s_GeV=catalogue.collision_energy_GeV,
        luminosity_invpb=catalogue.data_luminosity_invpb,
        filter_efficiency=_exact(masses, np.array([efficiency for _, efficiency in simulated])),
    )


def _exact(masses: FloatArray, values: FloatArray) -> Interpolated:
    return Interpolated(masses, values, np.zeros(len(masses)))


@dataclass(frozen=True, slots=True, eq=False)
class Universes:
    """The universes of a campaign, and the analysis that looks at them."""

    campaign: Campaign
    catalogue: Catalogue
    channels: Channels
    analysis: Analysis

    @classmethod
    def of(
        cls, campaign: Campaign, catalogue: Catalogue, search: Search, channels: Channels
    ) -> "Universes":
        """Return the universes of a campaign, behind a selection."""
        return cls(campaign, catalogue, channels, analysis_of(catalogue, search, channels))

    def expected(self, kind: Kind, number: int) -> Universe:
        """Return one universe without fluctuations."""
        truth = self.campaign.truth(kind, number, self.catalogue)
        bins = self.analysis.model_selection
        low, high = bins.low_GeV, bins.high_GeV
        law, peak = truth.background.spectrum, truth.signal.spectrum
        if not isinstance(law, Continuum) or not isinstance(peak, Resonance):
            raise TypeError("a universe has a continuum and a resonance")
        # Integrals of the generator's own laws, not of a fit to them: no bias can come from here.
        shape, bump = law.above(low) - law.above(high), peak.below(high) - peak.below(low)
        kept = self.channels.efficiencies(truth.background) * truth.expected_background_events
        events = self.channels.efficiencies(truth.signal) * truth.expected_signal_events
        channels = (n * shape + s * bump for n, s in zip(kept, events, strict=True))
        return Universe(kind, number, truth, tuple(channels))

    def observed(self, kind: Kind, number: int) -> Universe:
        """Return one universe with the spectrum that is drawn from it."""
        expected, rng = self.expected(kind, number), self.campaign.rng(kind, number)
        counts = tuple(rng.poisson(channel).astype(np.float64) for channel in expected.expected)
        return replace(expected, counts=counts)
