"""The lowest minimum of every fit of a scan, found from its neighbours' minima.

A likelihood of categories with flexible functions has several minima. The fits of two neighbouring
masses may end in different ones, and so may those with and without a signal; then z jumps by
several units from mass to mass though nothing is there. But a minimum at one mass is nearly one at
the next, and the background that is best beside a signal may be the best without it. So each
minimum is tried as a start at both neighbouring masses and in the other hypothesis, and what gets
lower by it is tried again, until nothing does.

Most need not be tried: within one standard deviation of a minimum the deviance is a parabola, that
has no other. A start that is nearer to what was found than that leads to the same.
"""

import numpy as np
import numpy.typing as npt

from analysis.statistics.minimiser.scoring import Minima, Rows
from analysis.statistics.resonance.peak import ALL_BUT_MASS, Peak
from tools.arrays import FloatArray

Flags = npt.NDArray[np.bool_]
_Tried = tuple[Minima, Flags]
_LOWER = 1e-3
"""fall of a deviance that tells another minimum: a thousandth of one standard deviation squared"""
_PARABOLA = 1.0
"""standard deviations about a minimum within which there is no other"""
_DAMPING = 1e-11


def lowest(
    peak: Peak, counts: FloatArray, spurious: FloatArray, best: Minima, null: Minima
) -> tuple[Minima, Minima]:
    """Return the lowest minima of a spectrum with and without a signal at each mass of a scan.

    Parameters
    ----------
    peak : Peak
    counts : ndarray, shape (M, B)
        The same for each mass.
    spurious : ndarray, shape (M, C)
        Spurious signals at these masses, events.
    best, null : Minima
        Fits of M rows, in the order of their masses.
    """

    def tried(
        own: Minima, moved: Flags, other: Minima, other_moved: Flags, *, null: bool
    ) -> _Tried:
        free = peak.no_signal if null else ALL_BUT_MASS
        rows, start = _starts(own, moved, other, other_moved, peak.indices(free))
        if not len(rows):
            return own, np.zeros_like(moved)
        return _lower(own, rows, peak.fit(counts[rows], start, spurious=spurious[rows], free=free))

    moved, null_moved = np.ones((2, len(counts)), dtype=bool)
    while moved.any() or null_moved.any():
        (best, moved), (null, null_moved) = (
            tried(best, moved, null, null_moved, null=False),
            tried(null, null_moved, best, moved, null=True),
        )
    return best, null


def _starts(
    own: Minima, moved: Flags, other: Minima, other_moved: Flags, free: list[int]
) -> tuple[Rows, FloatArray]:
    """Return the masses to fit again, by their positions, and where to start."""
    up, down = np.flatnonzero(moved[:-1]), np.flatnonzero(moved[1:]) + 1
    same = np.flatnonzero(other_moved)
    rows = np.concatenate([up + 1, down - 1, same])
    start = own.values[rows]
    values = np.concatenate([own.values[up], own.values[down], other.values[same]])
    start[:, free] = values[:, free]
    far = _far(own.some(rows), start, free)
    return rows[far], start[far]


def _far(found: Minima, start: FloatArray, free: list[int]) -> Flags:
    """Tell which starts are so far from what was found that they may lead elsewhere."""
    errors = np.sqrt(np.einsum("rpp->rp", found.covariance)[:, free])
    correlation = found.covariance[:, free][:, :, free] / (errors[:, :, None] * errors[:, None, :])
    apart = (start - found.values)[:, free] / errors
    # Damped as the fits' information is: two parameters may be one.
    solved = np.linalg.solve(correlation + _DAMPING * np.eye(len(free)), apart[..., None])[..., 0]
    near = np.einsum("rp,rp->r", apart, solved) <= _PARABOLA**2
    return np.asarray(~near | ~found.converged)


def _lower(own: Minima, rows: Rows, again: Minima) -> tuple[Minima, Flags]:
    """Return for each mass the lowest of its minima, and whether that is a new one."""
    pick, order = np.zeros(len(own.deviance), dtype=np.intp), np.argsort(-again.deviance)
    # The lowest of each mass comes last, and stays.
    pick[rows[order]] = order
    least = np.full(len(pick), np.inf)
    np.minimum.at(least, rows, again.deviance)
    new = least < own.deviance - _LOWER
    which = np.where(new, len(pick) + pick, np.arange(len(pick)))
    return Minima.joined([own, again]).some(which), new
