r"""Diphoton kinematics: free functions of arrays, evaluated in float64.

Photons are massless, so everything follows from (pT, eta, phi) of the two:

.. math:: m^2 = 2 p_{T1} p_{T2} \, (\cosh\Delta\eta - \cos\Delta\phi)

Differences of angles are taken in float64 even where the columns are stored as float32: for
collimated pairs the bracket is a small difference of numbers near 1. The azimuth may come in
:math:`[0, 2\pi)` or :math:`(-\pi, \pi]`; cosines do not care, and `delta_phi` wraps.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def delta(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Return ``first - second`` in float64, whatever the stored type."""
    return np.subtract(first, second, dtype=np.float64)


def delta_phi(phi1: npt.ArrayLike, phi2: npt.ArrayLike) -> Floats:
    r"""Return the azimuthal separation in :math:`[-\pi, \pi]`.

    >>> delta_phi([6.2], [0.1]).round(3)
    array([-0.183])
    """
    return np.remainder(delta(phi1, phi2) + np.pi, 2 * np.pi) - np.pi


def mass(pt1: npt.ArrayLike, pt2: npt.ArrayLike, deta: Floats, dphi: Floats) -> Floats:
    """Return the invariant mass of two photons (task 2.1 of the course).

    Parameters
    ----------
    pt1, pt2 : array_like, shape (n,)
        Transverse momenta, GeV.
    deta, dphi : ndarray, shape (n,)
        Separation in pseudorapidity and azimuth (wrapped or not), rad.

    Returns
    -------
    ndarray, shape (n,)
        In GeV.

    Examples
    --------
    Back to back and central, each with 250 GeV:

    >>> mass([250.0], [250.0], np.array([0.0]), np.array([np.pi]))
    array([500.])
    """
    product: Floats = np.multiply(pt1, pt2, dtype=np.float64)
    squared: Floats = 2.0 * product * (np.cosh(deta) - np.cos(dphi))
    return np.sqrt(squared)


def pair_pt(pt1: npt.ArrayLike, pt2: npt.ArrayLike, dphi: Floats) -> Floats:
    """Return the transverse momentum of the pair, GeV.

    >>> pair_pt([30.0], [40.0], np.array([np.pi / 2]))
    array([50.])
    """
    first, second = np.asarray(pt1, np.float64), np.asarray(pt2, np.float64)
    squared = first**2 + second**2 + 2.0 * first * second * np.cos(dphi)
    return np.sqrt(np.maximum(squared, 0.0))


def delta_r(deta: Floats, dphi: Floats) -> Floats:
    """Return the angular distance of the photons; `dphi` wrapped.

    >>> delta_r(np.array([3.0]), np.array([-0.4])).round(3)
    array([3.027])
    """
    return np.hypot(deta, dphi)


def cos_theta_star(
    pt1: npt.ArrayLike, pt2: npt.ArrayLike, deta: Floats, m: Floats, pt_pair: Floats
) -> Floats:
    r"""Return :math:`|\cos\theta^*|` in the Collins-Soper frame.

    .. math::
        |\cos\theta^*| = \frac{|\sinh\Delta\eta|}{\sqrt{1 + (p_{T}^{yy}/m)^2}}
                         \frac{2 p_{T1} p_{T2}}{m^2}

    (ATLAS, arXiv:1407.4222, eq. 1). It is 0 where the mass is 0.

    >>> d = np.array([2.0]); m = mass([100.0], [100.0], d, np.array([np.pi]))
    >>> np.isclose(cos_theta_star([100.0], [100.0], d, m, np.array([0.0])), np.tanh(1.0))
    array([ True])
    """
    product = 2.0 * np.multiply(pt1, pt2, dtype=np.float64)
    denominator = m * np.hypot(m, pt_pair)
    cosine = np.zeros_like(denominator)
    np.divide(np.abs(np.sinh(deta)) * product, denominator, out=cosine, where=denominator > 0)
    return cosine
