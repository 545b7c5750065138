r"""Photons of events that were made up: a pair of known mass, of which some are lost or no photons.

In the rest frame of the pair its photons are back to back. With the pair's transverse momentum
:math:`p_T` along x, and in units of :math:`m/2`, the photons of the directions :math:`\pm(x, y, z)`
have in the laboratory the transverse components

.. math:: \pm x \sqrt{1 + (p_T/m)^2} + p_T/m \quad\text{and}\quad \pm y,

and the pair's rapidity is added to what their pseudorapidity is then. Nothing is drawn in vain.

The numbers are chosen to look like a detector at 13 TeV and are measured nowhere. Photons are in
float32, as they are stored: masses come back to some 1e-6.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.recipe import Continuum, Resonance

Float32s = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

LOWEST_PT_GeV, HIGHEST_ETA = 15.0, 2.5
"""of photons that are found"""
_FOUND = 0.95
"""part of the photons there that are found"""
_EXTRA, _EXTRA_FAKE = 0.1, 0.7
"""part of the events with a third object, and of these objects that are no photons"""
_EXTRA_PT_GeV = 15.0
"""how fast the spectrum of these falls"""
_RAPIDITY = 1.1
"""width of the pair's"""
_FORWARD = 1.5
"""largest half difference of the rapidities of a pair from scattering"""
_SIGNS = np.array([1, -1], np.float32)
"""of the two directions"""


class Pairs(NamedTuple):
    """Diphotons as they decay."""

    mass: Float32s
    """shape (events,), in GeV"""
    pt: Float32s
    """shape (events,), in GeV"""
    cosine: Float32s
    """shape (events,), of the angle between a photon and the beam in the rest frame"""
    fake: Flags
    """shape (events, 2), whether it is a jet that looks like a photon"""


@dataclass(frozen=True, slots=True)
class PairSource:
    """What makes pairs."""

    spectrum: Resonance | Continuum
    pt_GeV: float
    """mean transverse momentum of a pair"""
    isotropic: bool
    """as the decay of a scalar; else forward, as scattering is"""
    fake: float
    """part of the photons that are none"""

    def draw(self, rng: np.random.Generator, events: int) -> Pairs:
        """Make some pairs."""
        angle = _uniform(rng, 1.0 if self.isotropic else _FORWARD, events)
        return Pairs(
            mass=self.spectrum.draw(rng, events).astype(np.float32),
            pt=np.float32(self.pt_GeV) * rng.standard_exponential(events, np.float32),
            cosine=angle if self.isotropic else np.tanh(angle),
            fake=rng.random((events, 2), np.float32) < self.fake,
        )


@dataclass(frozen=True, slots=True)
class PhotonBlock:
    """Some events, and the photons found in them: one event's after the other's, in no order."""

    counts: npt.NDArray[np.int64]
    """shape (events,), of photons"""
    mass: Float32s
    """shape (events,), GeV: what the pair had, found or not"""
    leading_pt: Float32s
    """shape (events,), GeV; 0 without photons"""
    second_pt: Float32s
    """shape (events,), GeV; 0 with fewer than two photons"""
    pt: Float32s
    """shape (photons,), GeV; so are all that follow"""
    eta: Float32s
    phi: Float32s
    """rad"""
    likeness: Float32s
    """from 0 to 1: how much it looks like a photon, by its shower"""
    tracks: Float32s
    """GeV, of the tracks around it"""
    cone: Float32s
    """GeV, of the energy around it, of which that of pile-up was taken away"""


def make_photons(
    rng: np.random.Generator,
    events: int,
    source: PairSource,
    among: tuple[PairSource, float] | None = None,
) -> PhotonBlock:
    """Make some events.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the randomness comes from.
    events : int
        How many.
    source : PairSource
        What they are.
    among : (PairSource, float), optional
        What some of them are, and which part.
    """
    pairs = source.draw(rng, events)
    if among is not None:
        places = np.flatnonzero(rng.random(events) < among[1])
        for array, other in zip(pairs, among[0].draw(rng, places.size), strict=True):
            array[places] = other
    pt, eta, phi, fake = _with_third(rng, _decayed(rng, pairs), pairs.fake)
    found = (pt > LOWEST_PT_GeV) & (np.abs(eta) < HIGHEST_ETA)
    found &= rng.random(pt.shape, np.float32) < _FOUND
    leading, second = _two_largest(pt * found)
    place = np.flatnonzero(found)
    likeness, tracks, cone = _surroundings(rng, fake.ravel()[place])
    return PhotonBlock(
        found.sum(axis=1), pairs.mass, leading, second,
        pt.ravel()[place], eta.ravel()[place], phi.ravel()[place], likeness, tracks, cone,
    )  # fmt: skip


def _uniform(rng: np.random.Generator, size: float, shape: int | tuple[int, int]) -> Float32s:
    """Return numbers between -size and size."""
    return np.float32(size) * (2 * rng.random(shape, np.float32) - 1)


def _decayed(rng: np.random.Generator, pairs: Pairs) -> tuple[Float32s, Float32s, Float32s]:
    """Return pt, eta and phi of both photons, each of shape (events, 2)."""
    events, boost = pairs.mass.size, pairs.pt / pairs.mass
    sine, azimuth = np.sqrt(1 - pairs.cosine**2), _uniform(rng, np.pi, events)
    x = _both(sine * np.cos(azimuth) * np.sqrt(1 + boost**2)) + boost[:, None]
    y, z = _both(sine * np.sin(azimuth)), _both(pairs.cosine)
    transverse = np.maximum(np.sqrt(x**2 + y**2), np.float32(1e-6))  # it is divided by
    rapidity = np.float32(_RAPIDITY) * rng.standard_normal(events, np.float32)
    phi = np.arctan2(y, x) + _uniform(rng, np.pi, events)[:, None]
    return (
        transverse * (pairs.mass / np.float32(2))[:, None],
        np.arcsinh(z / transverse) + rapidity[:, None],
        phi - np.float32(2 * np.pi) * np.rint(phi / np.float32(2 * np.pi)),
    )


def _both(values: Float32s) -> Float32s:
    """Return a component of both photons from that of the first."""
    return _SIGNS * values[:, None]


def _with_third(
    rng: np.random.Generator, pair: tuple[Float32s, Float32s, Float32s], fake: Flags
) -> tuple[Float32s, Float32s, Float32s, Flags]:
    """Put a third photon between the two; where there is none its pT is 0.

    Between them, so that who takes the first two of a list for the leading two is found out.
    """
    events = len(fake)
    extra = np.flatnonzero(rng.random(events, np.float32) < _EXTRA)
    pt, eta, phi = (np.zeros((events, 3), np.float32) for _ in range(3))
    fakes = np.zeros((events, 3), bool)
    for whole, of_pair in zip((pt, eta, phi, fakes), (*pair, fake), strict=True):
        whole[:, ::2] = of_pair
    falling = rng.standard_exponential(extra.size, np.float32)
    pt[extra, 1] = LOWEST_PT_GeV + _EXTRA_PT_GeV * falling
    eta[extra, 1] = _uniform(rng, HIGHEST_ETA, extra.size)
    phi[extra, 1] = _uniform(rng, np.pi, extra.size)
    fakes[extra, 1] = rng.random(extra.size, np.float32) < _EXTRA_FAKE
    return pt, eta, phi, fakes


def _two_largest(pt: Float32s) -> tuple[Float32s, Float32s]:
    """Return the largest and the second of three, of shape (events, 3)."""
    one, two, three = pt.T
    low, high = np.minimum(one, two), np.maximum(one, two)
    return np.maximum(high, three), np.maximum(low, np.minimum(high, three))


def _surroundings(rng: np.random.Generator, fake: Flags) -> tuple[Float32s, Float32s, Float32s]:
    """Return likeness, tracks and cone of photons: those of fakes are worse."""
    power, energy = (
        np.where(fake, np.float32(bad), np.float32(good)) for bad, good in ((1.5, 0.25), (5.0, 1.0))
    )
    likeness = rng.random(fake.size, np.float32) ** power
    tracks = energy * rng.standard_exponential(fake.size, np.float32)
    spread = rng.standard_normal(fake.size, np.float32)
    return likeness, tracks, np.float32(0.6) * energy + np.float32(1.6) * spread
