"""How events look to a physicist: ``events.photons`` with vector behaviour.

Chunks hold lists of photons (``photons.pt``, ...) or flat columns (``photon1_pT``, ...). In both
``events.photons`` has a list of photons for each event: Lorentz vectors without mass that also
carry what else the files say of a photon. Flat columns are put together when somebody asks for
them; the processor takes them as they are and pays nothing.

>>> columns = {"photon1_pT": [250.0], "photon1_eta": [0.0], "photon1_phi": [0.0],
...            "photon2_pT": [250.0], "photon2_eta": [0.0], "photon2_phi": [3.14159265],
...            "photon1_isolation": [0.7], "photon2_isolation": [0.8]}
>>> events = ak.zip(columns, with_name="DiphotonEvents", behavior=behavior)
>>> first, second = events.photons[:, 0], events.photons[:, 1]
>>> print((first + second).mass, first.isolation)
[500] [0.7]
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents.methods import base, vector
from coffea.nanoevents.schemas.base import BaseSchema, zip_forms
from coffea.nanoevents.transforms import full_like_from_content_form

from processors.pairs import of_photon

_PHOTONS = "photons"
_MOMENTUM = ("pt", "eta", "phi")
_VECTOR = "PtEtaPhiMLorentzVector"
behavior: dict[Any, Any] = {**base.behavior, **vector.behavior}


@ak.mixin_class(behavior)
class DiphotonEvents(base.NanoEvents):  # type: ignore[misc] # coffea is untyped
    """Events with photons."""

    @property
    def photons(self) -> Any:
        """A list of photons for every event, not ordered in pT; of flat events both."""
        if _PHOTONS in self.fields:
            return self[_PHOTONS]
        pair = [self._photon(prefix)[:, None] for prefix in ("photon1_", "photon2_")]
        # Lists of two, not rows of a matrix: a mask would take photons out of their events.
        return ak.from_regular(ak.concatenate(pair, axis=1), axis=1)

    def _photon(self, prefix: str) -> Any:
        columns = {
            name.removeprefix(prefix): self[name] for name in self.fields if name.startswith(prefix)
        }
        columns["pt"] = columns.pop("pT")
        columns["mass"] = ak.zeros_like(columns["pt"])
        return ak.zip(columns, with_name=_VECTOR, behavior=behavior)


class DiphotonSchema(BaseSchema):  # type: ignore[misc] # coffea is untyped
    """Flat columns as they are and photons as vectors, seen as `DiphotonEvents`."""

    def __init__(self, base_form: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(base_form, *args, **kwargs)
        self._form["parameters"]["__record__"] = "DiphotonEvents"
        columns = _with_vectors(dict(zip(base_form["fields"], base_form["contents"], strict=True)))
        self._form.update(fields=list(columns), contents=list(columns.values()))

    @classmethod
    def branches(cls, columns: Sequence[str], there: Collection[str]) -> list[str]:
        """Return what is read of a chunk with lists of photons.

        Parameters
        ----------
        columns : sequence of str
            That a processor takes: flat ones (``photon1_pT``) stand for the photons of the pair.
        there : collection of str
            Branches of the chunk.

        Examples
        --------
        >>> DiphotonSchema.branches(["photon1_pT", "photon2_pT", "run"], ["photons.pt", "run"])
        ['photons.pt', 'photons.eta', 'photons.phi', 'run']
        """
        found = [f"{_PHOTONS}.{name}" for name in _MOMENTUM]  # a photon is a vector
        for name in columns:
            part = of_photon(name)
            found.append(name if part is None or name in there else f"{_PHOTONS}.{part[1]}")
        return list(dict.fromkeys(found))

    @classmethod
    def events(cls, columns: Mapping[str, Any], metadata: Mapping[str, Any]) -> Any:
        """Return arrays as `DiphotonEvents`, as NanoEvents does with a file.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,), or array
            Those called ``photons.NAME`` have lists, all of the same lengths.
        metadata : mapping
            What ``events.metadata`` returns; must be fit for JSON.

        Examples
        --------
        >>> import numpy as np
        >>> events = DiphotonSchema.events({"n_jets": np.array([2, 3])}, {"dataset": "mine"})
        >>> events.metadata["dataset"], np.asarray(events.n_jets)
        ('mine', array([2, 3]))
        """
        lists = {name: each for name, each in columns.items() if name.startswith(f"{_PHOTONS}.")}
        contents = {
            name: ak.contents.NumpyArray(each)
            for name, each in columns.items()
            if name not in lists
        }
        if lists:
            contents[_PHOTONS] = _vectors(lists)
        record = ak.contents.RecordArray(
            list(contents.values()),
            list(contents),
            parameters={"__record__": "DiphotonEvents", "metadata": dict(metadata)},
        )
        return ak.Array(record, behavior=behavior)

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Return the behaviours of the events and of the photons."""
        return behavior


def _with_vectors(forms: Mapping[str, Any]) -> dict[str, Any]:
    """Return forms of columns, those of ``photons.NAME`` put together; all are read when used."""
    prefix = f"{_PHOTONS}."
    lists = {
        name.removeprefix(prefix): form for name, form in forms.items() if name.startswith(prefix)
    }
    others = {name: form for name, form in forms.items() if not name.startswith(prefix)}
    if not lists:
        return others
    lists["mass"] = full_like_from_content_form(lists["pt"], 0.0)
    return {**others, _PHOTONS: zip_forms(lists, _PHOTONS, record_name=_VECTOR)}


def _vectors(columns: Mapping[str, ak.Array]) -> Any:
    """Return lists of Lorentz vectors, put together without a copy."""
    lists = {
        name.partition(".")[2]: each.layout.to_ListOffsetArray64(True)
        for name, each in columns.items()
    }
    first = next(iter(lists.values()))
    fields = {name: each.content for name, each in lists.items()}
    fields["mass"] = ak.contents.NumpyArray(np.zeros(len(first.content), np.float32))
    vectors = ak.contents.RecordArray(
        list(fields.values()), list(fields), parameters={"__record__": _VECTOR}
    )
    return ak.contents.ListOffsetArray(first.offsets, vectors)
