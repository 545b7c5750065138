r"""From the columns of a layout to photons: pt, eta and phi in standard units, a list per event.

Momenta come in GeV and angles in rad, in float64. Of Cartesian components

.. math:: p_T = \sqrt{p_x^2 + p_y^2}, \quad \sinh\eta = p_z / p_T, \quad \tan\phi = p_y / p_x

and nothing else: photons are massless, and an energy beside them is not used.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from tools.errors import InputError
from tools.layouts import CARTESIAN, POLAR, VECTORS, ColumnOf, Layout, Match

_FACTORS = {"GeV": 1.0, "MeV": 1e-3}
_TURNS = {"rad": 1.0, "deg": np.pi / 180}
_CARTESIAN_FIELDS = (
    ("px", "py", "pz"),
    ("fX", "fY", "fZ"),
    ("fP.fX", "fP.fY", "fP.fZ"),
    ("fCoordinates.fX", "fCoordinates.fY", "fCoordinates.fZ"),
)
_POLAR_FIELDS = (
    ("pt", "eta", "phi"),
    ("fCoordinates.fPt", "fCoordinates.fEta", "fCoordinates.fPhi"),
)
"""names that Lorentz vectors of ROOT and of others have for their components"""
_LISTS = 2
"""dimensions of one list per event"""


def photons_of(found: Match, arrays: Mapping[str, ak.Array], where: str, first: int) -> ak.Array:
    """Return the photons of some events.

    Parameters
    ----------
    found : Match
        The layout, and where its columns are.
    arrays : mapping of str to array
        The columns `found.wanted`, and those of attributes.
    where : str
        The file, for messages.
    first : int
        Entry of the first event, for messages.

    Returns
    -------
    array
        One list per event, of records ``pt`` (GeV), ``eta``, ``phi`` (rad), and those attributes
        whose columns are among `arrays`.

    Raises
    ------
    InputError
        If a column holds something else than the layout says, a value is missing, or an index
        points behind its list.
    """
    arrays = {name: _complete(where, name, array, first) for name, array in arrays.items()}
    for name, array in arrays.items():
        _refuse_other_shape(where, found, name, array)
    _refuse_uneven(found, arrays, where, first)
    if found.second:
        parts = (found.photons, found.attributes), (found.second, found.second_attributes)
        pair = [_standard(found, part, more, arrays, where) for part, more in parts]
        return ak.concatenate([each[:, np.newaxis] for each in pair], axis=1)
    photons = _standard(found, found.photons, found.attributes, arrays, where)
    if "index" in found.photons:
        return _picked(photons, arrays[found.photons["index"]], where, first)
    return photons


def _standard(
    found: Match,
    columns: ColumnOf,
    attributes: ColumnOf,
    arrays: Mapping[str, ak.Array],
    where: str,
) -> ak.Array:
    """Return pt, eta and phi and the attributes, in standard units."""
    # For who looks at the values. (No decorator: it holds what does not travel to a worker.)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        momentum = _momentum(found, columns, arrays, where)
    factor = _FACTORS[found.layout.momentum]
    more = {
        name: factor * arrays[column]
        if name in found.layout.momenta and factor != 1
        else arrays[column]
        for name, column in attributes.items()
        if column in arrays
    }
    return ak.zip({**momentum, **more})


def _momentum(
    found: Match, columns: ColumnOf, arrays: Mapping[str, ak.Array], where: str
) -> dict[str, ak.Array]:
    if VECTORS[0] in columns:
        return _of_vectors(found.layout, arrays[columns[VECTORS[0]]], where)
    if CARTESIAN[0] in columns:
        return _of_cartesian(found.layout, [arrays[columns[name]] for name in CARTESIAN])
    return _of_polar(found.layout, [arrays[columns[name]] for name in POLAR])


def _of_polar(layout: Layout, columns: list[ak.Array]) -> dict[str, ak.Array]:
    pt, eta, phi = (ak.values_astype(each, np.float64) for each in columns)
    pt, phi = _FACTORS[layout.momentum] * pt, _TURNS[layout.angle] * phi
    return {"pt": pt, "eta": eta, "phi": phi}


def _of_cartesian(layout: Layout, columns: list[ak.Array]) -> dict[str, ak.Array]:
    factor = _FACTORS[layout.momentum]
    px, py, pz = (factor * ak.values_astype(each, np.float64) for each in columns)
    pt = np.hypot(px, py)
    return {"pt": pt, "eta": np.arcsinh(pz / pt), "phi": np.arctan2(py, px)}


def _of_vectors(layout: Layout, vectors: ak.Array, where: str) -> dict[str, ak.Array]:
    for make, kinds in ((_of_cartesian, _CARTESIAN_FIELDS), (_of_polar, _POLAR_FIELDS)):
        for names in kinds:
            parts = [_part(vectors, name) for name in names]
            if all(part is not None for part in parts):
                return make(layout, parts)
    raise InputError(
        f"{where}: its Lorentz vectors are of no known kind ({vectors.type.content}); name another "
        "layout with --layout"
    )


def _part(vectors: ak.Array, name: str) -> Any:
    """Return a component, or None if the vectors have none of the name."""

    def inner(array: Any, field: str) -> Any:
        return array[field] if array is not None and field in ak.fields(array) else None

    return reduce(inner, name.split("."), vectors)


def _picked(particles: ak.Array, index: ak.Array, where: str, first: int) -> ak.Array:
    """Return the particles that an index list points to."""
    wrong = ak.any((index < 0) | (index >= ak.num(particles)), axis=1)
    if ak.any(wrong):
        entry = first + int(np.argmax(ak.to_numpy(wrong)))
        raise InputError(
            f"{where}, entry {entry} (from 0): an index points to no particle of the event; "
            "get the file again"
        )
    return particles[index]


def _complete(where: str, name: str, array: ak.Array, first: int) -> ak.Array:
    """Return a column that may have missing values (and has none) as one that may not."""
    if "?" not in str(array.type) and "option" not in str(array.type):
        return array
    missing = _missing(array)
    if missing.any():
        entry = first + int(np.argmax(missing))
        raise InputError(
            f"{where}, entry {entry} (from 0), column {name}: the value is missing (None); give it "
            "one, or remove the event"
        )
    return ak.transform(_without_options, array)


def _missing(array: ak.Array) -> npt.NDArray[np.bool_]:
    """Return the events without a value, or with a photon without one."""
    if names := ak.fields(array):
        return reduce(np.logical_or, (_missing(array[name]) for name in names))
    missing = ak.is_none(array)
    if array.ndim > 1:
        missing = missing | ak.fill_none(ak.any(ak.is_none(array, axis=1), axis=1), True)
    return np.asarray(missing)


def _without_options(layout: Any, **_: Any) -> Any:
    """Return an array of which nothing is missing; `ak.drop_none` fails for Arrow's short lists."""
    if layout.is_option:
        return ak.transform(_without_options, layout.project(), highlevel=False)
    return None


def _refuse_uneven(found: Match, arrays: Mapping[str, ak.Array], where: str, first: int) -> None:
    """Refuse columns of the same particles that have other numbers of them in an event."""
    if found.second:
        return
    (name, one), *others = (
        (column, arrays[column])
        for key, column in (*found.photons.items(), *found.attributes.items())
        if column in arrays and key != "index"
    )
    for other, array in others:
        uneven = ak.to_numpy(ak.num(one) != ak.num(array))
        if uneven.any():
            entry = first + int(np.argmax(uneven))
            raise InputError(
                f"{where}, entry {entry} (from 0): {name} and {other} have different numbers of "
                "photons; get the file again"
            )


def _refuse_other_shape(where: str, found: Match, name: str, array: ak.Array) -> None:
    dimensions, wanted = (1, "one number") if found.second else (_LISTS, "one list of numbers")
    if array.ndim != dimensions or "string" in str(array.type):
        raise InputError(
            f"{where}, column {name} holds {array.type.content}, where the layout "
            f"{found.layout.name} has {wanted} per event; name another layout with --layout"
        )
