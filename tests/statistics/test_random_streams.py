"""No two streams of a seed are the same one."""

from itertools import product

import numpy as np

from analysis.statistics.spectra import streams


def test_no_two_streams_of_a_seed_are_the_same() -> None:
    """All but universes, whose seeds are those of no toys, and limits, whose masses are large."""
    few = range(20)
    made = [
        *(streams.toy_stream(7, n) for n in few),
        *(streams.signal_toy_stream(7, n) for n in few),
        *(streams.window_toy_stream(7, n) for n in few),
        *(streams.fixed_toy_stream(7, n) for n in few),
        *(streams.pair_toy_stream(7, n) for n in few),
        *(
            streams.limit_toy_stream(7, 500.0 + 10 * n, which)
            for n, which in product(few, range(3))
        ),
        *(
            streams.simulated_stream(7, which, sample)
            for which, sample in product(range(2), range(4))
        ),
        streams.upcrossings_stream(7),
    ]
    first = [int(np.asarray(rng.integers(2**63))) for rng in made]
    assert len(set(first)) == len(first)
