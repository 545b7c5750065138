"""The course's formula of the diphoton mass, written apart from the program's own."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tools.recipe import Floats


def mass_by_formula(events: Mapping[str, npt.NDArray[np.generic]]) -> Floats:
    """Return the mass by the notebook's formula, task 2.1, in GeV."""
    pt1, pt2, eta1, eta2, phi1, phi2 = (
        events[f"photon{number}_{name}"].astype(np.float64)
        for name in ("pT", "eta", "phi")
        for number in (1, 2)
    )
    mass: Floats = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
    return mass
