"""Scans of many spectra at once, for the statistics of what they find."""

from dataclasses import fields

import numpy as np

from analysis.statistics.resonance.peak import MassScan
from analysis.statistics.resonance.scan import Spectra


def scans(masses_GeV: np.ndarray, found: Spectra, counts: np.ndarray) -> MassScan:
    """Return the scans of many spectra at once; all arrays have shape (spectra, masses)."""
    rows, masses = len(counts), len(masses_GeV)
    start = found.peak.without_signal(counts)
    flat = found.peak.compare(
        np.repeat(counts, masses, axis=0), np.repeat(start, masses, axis=0),
        np.tile(masses_GeV, rows), np.tile(found.spurious(masses_GeV), (rows, 1)),
    )  # fmt: skip
    shaped = {each.name: getattr(flat, each.name).reshape(rows, masses) for each in fields(flat)}
    return MassScan(**shaped)
