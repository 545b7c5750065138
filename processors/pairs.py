"""The pair of an event: its two photons of largest transverse momentum."""

import awkward as ak
import numpy as np
import numpy.typing as npt

from processors.kinematics import PhotonPair


def leading_pair(photons: ak.Array) -> tuple[npt.NDArray[np.bool_], PhotonPair]:
    """Return which events have two photons, and the pairs of those that have.

    Parameters
    ----------
    photons : array
        One list per event, in any order, of records ``pt`` (GeV), ``eta``, ``phi`` (rad).

    Examples
    --------
    >>> event = {"pt": [30.0, 250.0, 250.0], "eta": [1.0, 0.0, 0.0], "phi": [0.0, 0.0, np.pi]}
    >>> one = ak.zip({name: ak.Array([values, values[:1]]) for name, values in event.items()})
    >>> has_two, pair = leading_pair(one)
    >>> has_two, pair.mass
    (array([ True, False]), array([500.]))
    """
    has_two = ak.to_numpy(ak.num(photons.pt) > 1)
    some = photons[has_two]
    two = some[ak.argsort(some.pt, axis=1, ascending=False)[:, :2]]
    return has_two, PhotonPair(
        *(ak.to_numpy(two[name][:, i]) for name in ("pt", "eta", "phi") for i in (0, 1))
    )
