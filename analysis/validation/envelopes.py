"""The envelope of background functions in many universes, at a mass of each."""

from collections.abc import Sequence

import numpy as np

from analysis.statistics.background.model_selection import select_all
from analysis.statistics.resonance.cross_checks import Reader, UnblindedData, envelope
from analysis.statistics.spectra.bins import Bins, between
from analysis.validation.universes import Analysis
from tools.arrays import FloatArray


def envelope_z(
    analysis: Analysis, counts: Sequence[FloatArray], mass_GeV: FloatArray
) -> FloatArray:
    """Return the significances with the functions profiled.

    Parameters
    ----------
    analysis : Analysis
    counts : sequence of ndarray, shape (T, B)
        Observed events of each channel.
    mass_GeV : ndarray, shape (T,)
    """
    rules, search = analysis.model_selection, analysis.search
    # Judged together: the candidates behind one that passes take most of the time.
    decisions = select_all([rules] * len(counts), counts, all_entries=True)
    found = []
    for row, mass in enumerate(mass_GeV):
        readers = {
            name: _reader(rules.low_GeV, rules.high_GeV, own[row])
            for name, own in zip(analysis.channel_names, counts, strict=True)
        }
        of_row = [decided.of(row) for decided in decisions]
        unblinded = UnblindedData(readers, rules, of_row, search, any_width=False)
        used = unblinded.spectra().scan(np.array([mass]))
        found.append(envelope(unblinded, used).envelope[0])
    return np.array(found)


def _reader(low_GeV: FloatArray, high_GeV: FloatArray, counts: FloatArray) -> Reader:
    bins = Bins(low_GeV, high_GeV, counts, counts)
    return lambda low, high, _width: bins.some(between(low_GeV, high_GeV, low, high))
