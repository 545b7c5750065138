"""How events look to a physicist: ``events.photons`` with vector behaviour.

The files hold flat columns (``photon1_pT``, ...). `DiphotonEvents` puts the two photons of every
event together when somebody asks for them: ``events.photons`` has shape (n, 2), and its items are
Lorentz vectors without mass that also carry what else the files say of a photon. All is virtual: a
branch is read when somebody looks at it. The processor takes plain columns and pays nothing.

>>> columns = {"photon1_pT": [250.0], "photon1_eta": [0.0], "photon1_phi": [0.0],
...            "photon2_pT": [250.0], "photon2_eta": [0.0], "photon2_phi": [3.14159265],
...            "photon1_isolation": [0.7], "photon2_isolation": [0.8]}
>>> events = ak.zip(columns, with_name="DiphotonEvents", behavior=behavior)
>>> first, second = events.photons[:, 0], events.photons[:, 1]
>>> print((first + second).mass, first.isolation)
[500] [0.7]
"""

from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy.typing as npt
from coffea.nanoevents.methods import base, vector
from coffea.nanoevents.schemas.base import BaseSchema

behavior: dict[Any, Any] = {**base.behavior, **vector.behavior}


@ak.mixin_class(behavior)
class DiphotonEvents(base.NanoEvents):  # type: ignore[misc] # coffea is untyped
    """Events with two photons."""

    @property
    def photons(self) -> Any:
        """Both photons of every event, shape (n, 2), not ordered in pT."""
        pair = [self._photon(prefix)[:, None] for prefix in ("photon1_", "photon2_")]
        return ak.concatenate(pair, axis=1)

    def _photon(self, prefix: str) -> Any:
        columns = {
            name.removeprefix(prefix): self[name] for name in self.fields if name.startswith(prefix)
        }
        columns["pt"] = columns.pop("pT")
        columns["mass"] = ak.zeros_like(columns["pt"])
        return ak.zip(columns, with_name="PtEtaPhiMLorentzVector", behavior=behavior)


class DiphotonSchema(BaseSchema):  # type: ignore[misc] # coffea is untyped
    """The flat columns as they are, seen as `DiphotonEvents`."""

    def __init__(self, base_form: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(base_form, *args, **kwargs)
        self._form["parameters"]["__record__"] = "DiphotonEvents"

    @classmethod
    def events(cls, columns: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, Any]) -> Any:
        """Return arrays as `DiphotonEvents`, as NanoEvents does with a file.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
        metadata : mapping
            What ``events.metadata`` returns; must be fit for JSON.

        Examples
        --------
        >>> import numpy as np
        >>> events = DiphotonSchema.events({"n_jets": np.array([2, 3])}, {"dataset": "mine"})
        >>> events.metadata["dataset"], np.asarray(events.n_jets)
        ('mine', array([2, 3]))
        """
        record = ak.contents.RecordArray(
            [ak.contents.NumpyArray(values) for values in columns.values()],
            list(columns),
            parameters={"__record__": "DiphotonEvents", "metadata": dict(metadata)},
        )
        return ak.Array(record, behavior=behavior)

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Return the behaviours of the events and of the photons."""
        return behavior
