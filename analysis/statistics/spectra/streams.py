"""Every stream of random numbers that toys and universes are generated from, named once.

What is generated is a pure function of a seed and of the key of its stream. To numpy a key with a
zero at its end is the key without it, so that toy 5 of a seed has the key (5, 0), too; a key of
another stream that has the same seed must be none of these. Two streams may look alike: toys of a
universe have a seed of its own, not the campaign's, and 1000 masses in GeV are more than there are
toys.

====================  =====================  =====================================================
stream                key behind the seed    what is generated
====================  =====================  =====================================================
`toy_stream`          number                 the spectra of a toy of the whole procedure
`signal_toy_stream`   number, 1              the windows of that toy, with a resonance
`window_toy_stream`   number, 2              more windows to its sidebands, without one
`fixed_toy_stream`    number, 3              a toy of a fixed background model
`pair_toy_stream`     number, 5              the windows of that toy, with several resonances
`upcrossings_stream`  0x6C6565               the toys whose upcrossings are counted
`limit_toy_stream`    1000 mass, which       the toys of a limit at a mass
`universe_stream`     1 + kind, number       the spectra of a universe
`simulated_stream`    which, sample, 4       events that categories are chosen and counted with
====================  =====================  =====================================================

Events of samples and universes have streams of their own (`tools.generate.Stream`).
"""

import hashlib

import numpy as np

from tools.arrays import FloatArray


def spectrum_seed(counts: FloatArray) -> int:
    """Return the seed of the toys that a spectrum is judged by.

    It follows from the spectrum: nobody can choose the toys that decide about it.

    >>> spectrum_seed(np.array([1.0, 2.0])) == spectrum_seed(np.array([1, 2]))
    True
    """
    content = np.ascontiguousarray(counts, dtype="<f8").tobytes()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


def toy_stream(seed: int, number: int) -> np.random.Generator:
    """Return the randomness of a toy of the whole procedure."""
    return np.random.default_rng([seed, number])


def signal_toy_stream(seed: int, number: int) -> np.random.Generator:
    """Return the randomness of a toy's windows with a resonance."""
    return np.random.default_rng([seed, number, 1])


def window_toy_stream(seed: int, number: int) -> np.random.Generator:
    """Return the randomness of more windows to a toy's sidebands."""
    return np.random.default_rng([seed, number, 2])


def fixed_toy_stream(seed: int, number: int) -> np.random.Generator:
    """Return the randomness of a toy of a fixed background model."""
    return np.random.default_rng([seed, number, 3])


def pair_toy_stream(seed: int, number: int) -> np.random.Generator:
    """Return the randomness of a toy's windows with several resonances."""
    return np.random.default_rng([seed, number, 5])


def upcrossings_stream(seed: int) -> np.random.Generator:
    """Return the randomness of the toys whose upcrossings are counted."""
    return np.random.default_rng([seed, 0x6C6565])


def limit_toy_stream(seed: int, mass_GeV: float, which: int) -> np.random.Generator:
    """Return the randomness of toys of a limit at a mass."""
    return np.random.default_rng([seed, round(1000 * mass_GeV), which])


def universe_stream(seed: int, kind: int, number: int) -> np.random.Generator:
    """Return the randomness of a universe's spectra."""
    return np.random.default_rng([seed, 1 + kind, number])


def simulated_stream(seed: int, which: int, sample: int) -> np.random.Generator:
    """Return the randomness of one sample of events for categories."""
    return np.random.default_rng([seed, which, sample, 4])
