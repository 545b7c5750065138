"""The pair of an event: its two photons of largest transverse momentum.

They are found by going through the photons of all events at once, first those that stand first in
their events, then the second ones and so on: few events have more than a few. Where every event has
two photons, that takes a tenth of the time of sorting each list, and half of it where two are the
mean. A compiled loop takes half of this once more, but compiling takes the time of 50 million
events in every process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from processors.kinematics import PhotonPair

Indices = npt.NDArray[np.intp]
_PREFIXES = ("photon1_", "photon2_")


@dataclass(frozen=True, slots=True, eq=False)
class LeadingPhotons:
    """Which photons are the pairs of some events."""

    has_two: npt.NDArray[np.bool_]
    """of each event, whether it has a pair"""
    first: Indices
    """of each pair, where the photon of largest pT is among those of all events"""
    second: Indices
    """the same of the other one"""


def leading_photons(counts: npt.NDArray[Any], pt: npt.NDArray[Any]) -> LeadingPhotons:
    """Return which photons are the pairs.

    Parameters
    ----------
    counts : ndarray of int, shape (events,)
        How many photons each event has.
    pt : ndarray, shape (photons,)
        Transverse momenta of the photons of all events, in their order. Of two that are equal the
        first counts as the larger one.

    Examples
    --------
    >>> found = leading_photons(np.array([3, 1, 2]), np.array([5.0, 9.0, 7.0, 8.0, 3.0, 4.0]))
    >>> found.has_two, found.first, found.second
    (array([ True, False,  True]), array([1, 5]), array([2, 4]))
    """
    has_two = counts > 1
    start, many = (np.cumsum(counts) - counts)[has_two], counts[has_two]
    swap = pt[start + 1] > pt[start]
    first, second = start + swap, start + ~swap
    place = 2
    some = np.flatnonzero(many > place)
    while some.size:
        here = start[some] + place
        larger = pt[here] > pt[second[some]]
        better, new = some[larger], here[larger]
        leads = pt[new] > pt[first[better]]
        second[better] = np.where(leads, first[better], new)
        first[better[leads]] = new[leads]
        place += 1
        some = some[many[some] > place]
    return LeadingPhotons(has_two, first, second)


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
    flat = ak.flatten(photons)
    values = {name: ak.to_numpy(flat[name]) for name in ("pt", "eta", "phi")}
    found = leading_photons(ak.to_numpy(ak.num(photons.pt)), values["pt"])
    both = (found.first, found.second)
    return found.has_two, PhotonPair(*(each[index] for each in values.values() for index in both))


def of_photon(column: str) -> tuple[int, str] | None:
    """Return of which photon of the pair a flat column is, and which field of it; None if of none.

    >>> of_photon("photon2_pT"), of_photon("photon1_r9"), of_photon("n_jets")
    ((1, 'pt'), (0, 'r9'), None)
    """
    for number, prefix in enumerate(_PREFIXES):
        if column.startswith(prefix):
            field = column.removeprefix(prefix)
            return number, "pt" if field == "pT" else field
    return None


def pair_columns(
    events: Any, names: Sequence[str]
) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[Any]]]:
    """Return flat columns of the events with a pair, as flat files have them.

    Parameters
    ----------
    events : array
        With lists of ``photons``, and columns of one number per event.
    names : sequence of str
        Such as ``photon1_pT``, the leading photon's, or the name of a column.

    Returns
    -------
    ndarray of bool, shape (events,)
        Which events have a pair.
    dict of str to ndarray, shape (pairs,)
    """
    photons = events["photons"]
    flat = ak.flatten(photons)
    found = leading_photons(ak.to_numpy(ak.num(photons, axis=1)), ak.to_numpy(flat["pt"]))
    columns = {}
    for name in names:
        part = of_photon(name)
        if part is None or name in events.fields:
            columns[name] = np.asarray(events[name])[found.has_two]
        else:
            columns[name] = ak.to_numpy(flat[part[1]])[(found.first, found.second)[part[0]]]
    return found.has_two, columns
