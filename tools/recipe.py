r"""How one event of the course's files is made: from a diphoton mass to all fourteen columns.

A mass is drawn first: Gaussian for a resonance, falling exponentially for the background. Then both
photons' pT (Landau) and phi (uniform) are drawn again and again until they can have this mass, that
is until :math:`m^2 / (2 p_{T1} p_{T2}) + \cos\Delta\phi \ge 1`; this expression is
:math:`\cosh\Delta\eta`, so that the course's formula gives back the mass exactly. Everything else
is drawn independently of it.

What stands behind the numbers: the signal's are measured on the course's public signal files (the
tests compare again: every column but `missing_energy`, which is only a fit). The background file is
not public: its mass and n_jets laws and its isolations are solved for, so that the significances
printed in the course come out; all else about it (photon pT, leptons) is an assumption.

Not reproduced: `missing_energy` of neighbouring events is correlated in the real files (rank
correlation 0.04 to 0.09 up to a distance of 4), and its tail depends on the mass at 500 GeV.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.landau import LOWEST, landau_quantiles, truncated_landau

Floats = npt.NDArray[np.float64]
Events = dict[str, npt.NDArray[np.generic]]
"""One array of equal length for each column; counts are int64, all else is float64."""

COLUMNS = (
    "photon1_pT", "photon2_pT", "photon1_phi", "photon2_phi", "photon1_eta", "photon2_eta", "dEta",
    "n_jets", "average_jet_pT", "lead_jets_dPhi", "n_leptons", "photon1_isolation",
    "photon2_isolation", "missing_energy",
)  # fmt: skip
"""What an event consists of, in the order of the course's header."""
COUNTS = ("n_jets", "n_leptons")

PT_MPV = (200.0, 250.0)
"""GeV, of the first and the second photon: they are not ordered"""
PT_ETA = 20.0
"""GeV"""
_BLOCK = 1 << 14
"""Events tried at once: the arrays for them stay in a core's cache, which saves a third."""
ISOLATIONS = ("photon1_isolation", "photon2_isolation")
_ISOLATION, _ISOLATION_OF_OUTLIERS = 0.10, 1.5
"""widths of the isolations"""
_MET_OF_OUTLIERS = 13.0
"""missing energy above which half of the events have both isolations far off"""


@dataclass(frozen=True, slots=True)
class Resonance:
    """Gaussian diphoton mass: a narrow particle as the detector shows it."""

    mass_GeV: float
    width_GeV: float = 30.0

    def draw(self, rng: np.random.Generator, events: int) -> Floats:
        """Return diphoton masses in GeV."""
        return rng.normal(self.mass_GeV, self.width_GeV, events)

    def below(self, mass_GeV: Floats) -> Floats:
        """Return the part of the events below each mass."""
        from scipy.special import ndtr

        return np.asarray(ndtr((mass_GeV - self.mass_GeV) / self.width_GeV))


@dataclass(frozen=True, slots=True)
class Continuum:
    """Exponentially falling diphoton mass, and a few events of a four times longer tail."""

    scale_GeV: float = 106.1
    """of the exponential: puts 3.7 % of the events into the course's window of 400 to 1100 GeV"""
    tail_fraction: float = 0.0015
    """fraction of events whose scale is four times longer"""
    offset_GeV: float = 50.0
    """the lowest mass (an assumption)"""

    def draw(self, rng: np.random.Generator, events: int) -> Floats:
        """Return diphoton masses in GeV."""
        mass = rng.exponential(self.scale_GeV, events)
        mass[rng.random(events) < self.tail_fraction] *= 4
        return mass + self.offset_GeV

    def above(self, mass_GeV: Floats) -> Floats:
        """Return the part of the events above each mass.

        >>> Continuum().above(np.array([50.0, 400.0, 1100.0])).round(5).tolist()
        [1.0, 0.03753, 0.00018]
        """
        far = np.maximum(mass_GeV - self.offset_GeV, 0.0) / self.scale_GeV
        tail = self.tail_fraction
        return np.asarray((1 - tail) * np.exp(-far) + tail * np.exp(-far / 4))

    def density(self, mass_GeV: Floats) -> Floats:
        """Return the events per GeV at masses above the lowest, in any unit."""
        far = (mass_GeV - self.offset_GeV) / self.scale_GeV
        tail = self.tail_fraction
        return np.asarray((1 - tail) * np.exp(-far) + tail / 4 * np.exp(-far / 4))


@dataclass(frozen=True, slots=True)
class MissingEnergy:
    """Half-normal core and half-t tail, in the course's own scale: a fit, not the true recipe."""

    core: float
    """fraction of events in the core"""
    core_width: float
    tail_width: float
    tail_nu: float
    """degrees of freedom of the tail's t: below 1.5 the largest of 10,000 events is around 50"""

    def draw(self, rng: np.random.Generator, events: int) -> Floats:
        """Return values >= 0."""
        value = self.core_width * rng.standard_normal(events)
        tail = np.flatnonzero(rng.random(events) >= self.core)
        value[tail] = self.tail_width * rng.standard_t(self.tail_nu, tail.size)
        return np.abs(value)

    def above(self, value: float) -> float:
        """Return the part of the events above a value."""
        from scipy.stats import norm, t

        core = 2 * norm.sf(value / self.core_width)
        tail = 2 * t.sf(value / self.tail_width, self.tail_nu)
        return float(self.core * core + (1 - self.core) * tail)


def missing_energy_at(mass_GeV: float) -> MissingEnergy:
    """Return the fit to the real files at 500, 750 and 1000 GeV, interpolated (and kept beyond)."""
    masses = (500.0, 750.0, 1000.0)
    return MissingEnergy(
        core=float(np.interp(mass_GeV, masses, (0.436, 0.414, 0.593))),
        core_width=float(np.interp(mass_GeV, masses, (0.1492, 0.1271, 0.1308))),
        tail_width=float(np.interp(mass_GeV, masses, (0.0678, 0.0677, 0.0485))),
        tail_nu=float(np.interp(mass_GeV, masses, (1.12, 1.41, 1.28))),
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that tells one kind of events from another."""

    spectrum: Resonance | Continuum
    missing_energy: MissingEnergy
    n_jets_mean: float
    n_leptons_mean: float
    isolation_means: tuple[float, float]
    """of the two photons; both spread by 0.10"""
    n_jets_shape: float | None = None
    """k of a negative binomial law (variance mean + mean^2 / k); None for Poisson"""

    @property
    def far_off(self) -> float:
        """Part of the events whose isolations are far off."""
        return self.missing_energy.above(_MET_OF_OUTLIERS) / 2

    def below(self, column: str, edges: Floats, *, far_off: bool = False) -> Floats:
        """Return the probabilities that jets, leptons or an isolation are below some edges.

        Parameters
        ----------
        column : str
            ``n_jets``, ``n_leptons``, ``photon1_isolation`` or ``photon2_isolation``.
        edges : ndarray
        far_off : bool
            Of the events whose isolations are far off, or of the others.
        """
        from scipy.stats import nbinom, norm, poisson

        last = np.ceil(edges) - 1  # the largest whole number below
        if column == "n_leptons":
            return np.asarray(poisson.cdf(last, self.n_leptons_mean))
        if column == "n_jets":
            size, mean = self.n_jets_shape, self.n_jets_mean
            if size is None:
                return np.asarray(poisson.cdf(last, mean))
            return np.asarray(nbinom.cdf(last, size, size / (size + mean)))
        centre = self.isolation_means[ISOLATIONS.index(column)]
        width = _ISOLATION_OF_OUTLIERS if far_off else _ISOLATION
        return np.asarray(norm.cdf((edges - centre) / width))


def signal_recipe(resonance: Resonance) -> Recipe:
    """Return how events of a resonance are made."""
    return Recipe(
        spectrum=resonance,
        missing_energy=missing_energy_at(resonance.mass_GeV),
        n_jets_mean=3.0,
        n_leptons_mean=3.0,
        isolation_means=(0.75, 0.75),
    )


def background_recipe(
    continuum: Continuum | None = None,
    *,
    n_jets_mean: float = 4.48,
    isolation_means: tuple[float, float] = (0.85, 0.85),
) -> Recipe:
    """Return how background events are made: as simulated, or as another universe may have them."""
    return Recipe(
        spectrum=continuum or Continuum(),
        missing_energy=missing_energy_at(750.0),
        n_jets_mean=n_jets_mean,
        n_jets_shape=8.5,
        n_leptons_mean=3.6,
        isolation_means=isolation_means,
    )


def make_events(recipe: Recipe, rng: np.random.Generator, events: int) -> Events:
    """Make events, all columns.

    Parameters
    ----------
    recipe : Recipe
        What kind of events.
    rng : numpy.random.Generator
        Where the randomness comes from.
    events : int
        How many.

    Returns
    -------
    dict of str to ndarray, each of shape (events,)
        The columns of `COLUMNS`, in that order.
    """
    columns: Events = {**photon_pair(rng, recipe.spectrum.draw(rng, events))}
    columns["n_jets"] = _counts(rng, recipe.n_jets_mean, recipe.n_jets_shape, events)
    columns["average_jet_pT"] = truncated_landau(rng, events, mpv=105.44, eta=20.24)
    columns["lead_jets_dPhi"] = truncated_landau(rng, events, mpv=0.295, eta=0.497)
    columns["n_leptons"] = _counts(rng, recipe.n_leptons_mean, None, events)
    missing = recipe.missing_energy.draw(rng, events)
    columns |= _isolations(rng, recipe.isolation_means, missing)
    columns["missing_energy"] = missing
    return columns


def photon_pair(rng: np.random.Generator, mass: Floats) -> dict[str, Floats]:
    """Make two photons of given diphoton masses.

    The course's loop draws dphi uniformly and keeps it if cosh(deta) >= 1 comes out. Here dphi is
    drawn only from the range that can pass with the lowest possible pT: the rest never passes, so
    that nothing changes but the number of vain trials.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the randomness comes from.
    mass : ndarray of float64, shape (n,)
        In GeV.

    Returns
    -------
    dict of str to ndarray, each of shape (n,)
        photon1_pT and photon2_pT in GeV, both phi in [0, 2 pi), both eta, and dEta >= 0.
    """
    pt1, pt2, dphi = _passing_loop(rng, mass)
    phi1 = 2 * np.pi * rng.random(mass.size)
    phi2 = phi1 - dphi
    phi2 += 2 * np.pi * (phi2 < 0)
    phi2 -= 2 * np.pi * (phi2 >= 2 * np.pi)
    # From the columns as they are written, so that their rounding does not change the mass.
    cosh = mass**2 / (2 * pt1 * pt2) + np.cos(phi1 - phi2)
    deta = np.arccosh(np.maximum(cosh, 1.0))
    eta2 = rng.standard_normal(mass.size)
    eta1 = eta2 + deta * (2 * rng.integers(2, size=mass.size) - 1)
    return {
        "photon1_pT": pt1, "photon2_pT": pt2, "photon1_phi": phi1, "photon2_phi": phi2,
        "photon1_eta": eta1, "photon2_eta": eta2, "dEta": deta,
    }  # fmt: skip


def _passing_loop(rng: np.random.Generator, mass: Floats) -> tuple[Floats, Floats, Floats]:
    """Return pT1, pT2 and dphi that can have these masses."""
    pt1, pt2, dphi = np.empty_like(mass), np.empty_like(mass), np.empty_like(mass)
    half_square = mass**2 / 2
    lowest = (PT_MPV[0] + LOWEST * PT_ETA) * (PT_MPV[1] + LOWEST * PT_ETA)
    reach = np.arccos(np.maximum(1 - half_square / lowest, -1.0))
    waiting = np.arange(mass.size)
    while waiting.size:
        uniform = rng.random((3, waiting.size))
        again = []
        for start in range(0, waiting.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            tried = waiting[block]
            one = landau_quantiles(uniform[0, block], mpv=PT_MPV[0], eta=PT_ETA)
            two = landau_quantiles(uniform[1, block], mpv=PT_MPV[1], eta=PT_ETA)
            angle = reach.take(tried) * (2 * uniform[2, block] - 1)
            passed = half_square.take(tried) / (one * two) + np.cos(angle) >= 1
            places = np.flatnonzero(passed)
            kept = tried.take(places)
            pt1[kept], pt2[kept], dphi[kept] = (x.take(places) for x in (one, two, angle))
            again.append(tried[~passed])
        waiting = np.concatenate(again)
    return pt1, pt2, dphi


def _counts(
    rng: np.random.Generator, mean: float, shape: float | None, events: int
) -> npt.NDArray[np.int64]:
    if shape is None:
        return rng.poisson(mean, events)
    return rng.negative_binomial(shape, shape / (shape + mean), events)


def _isolations(
    rng: np.random.Generator, means: tuple[float, float], missing: Floats
) -> dict[str, Floats]:
    """Return both isolations; where there is much missing energy, half of them are far off."""
    many = np.flatnonzero(missing > _MET_OF_OUTLIERS)
    off = many[rng.integers(2, size=many.size) == 1]
    isolations = {}
    for name, mean in zip(ISOLATIONS, means, strict=True):
        value = rng.normal(mean, _ISOLATION, missing.size)
        value[off] = rng.normal(mean, _ISOLATION_OF_OUTLIERS, off.size)
        isolations[name] = value
    return isolations
