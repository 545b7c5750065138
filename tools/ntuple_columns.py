"""Made-up events in the columns of a layout of ``datasets/layouts``, with the types of its files.

The same events come out in each. Names, types and what flags mean are those of the layout's own
documentation: NanoAOD's for Run 2, and that of the ATLAS Open Data for education of 2025.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tools.photon_events import Float32s, PhotonBlock

if TYPE_CHECKING:
    import awkward as ak

NtupleColumns = Mapping[str, Any]
"""Arrays of numbers, and one of records for the photons: those of an event are a list."""
RUN_EVENTS, LUMI_EVENTS = 1_000_000, 1_000
"""events of a run of data, and of a luminosity block"""
_FIRST_RUN, _SIMULATED_RUN, _ATLAS_SIMULATED_RUN = 302_872, 1, 284_500
_HLT = "HLT_Diphoton30_22_R9Id_OR_IsoCaloId_AND_HE_R9Id_Mass90"
_HLT_PT_GeV, _HLT_MASS_GeV, _TRIG_PT_GeV = (30.0, 22.0), 90.0, (35.0, 25.0)
"""thresholds of the triggers of CMS and of ATLAS"""
_TRIGGERED = 0.97
"""part of the events behind a trigger's thresholds that it takes"""
_BARREL, _ENDCAP = 1.4442, 1.566
"""end of the barrel of CMS, and begin of its endcap, in eta"""
_MVA_BARREL = {"mvaID_WP80": 0.42, "mvaID_WP90": -0.02}
_MVA_ENDCAP = {"mvaID_WP80": 0.14, "mvaID_WP90": -0.26}
"""working points of CMS"""
_CUT_BASED = (0.3, 0.5, 0.7)
"""likeness from which on a photon is loose, medium, tight"""
_ELECTRONS = 0.02
"""part of the photons that are electrons"""
_IDS = {"isLooseID": 0.3, "isTightID": 0.6}
"""likeness"""
_CONES_GeV = {"isLooseIso": 5.0, "isTightIso": 2.45}
"""highest energy around a photon, and a part of its own; tight is ATLAS's FixedCutTight"""


class WeightSums(NamedTuple):
    """Of all events of a file."""

    events: int = 0
    weights: float = 0.0
    squares: float = 0.0

    def plus(self, weights: Float32s) -> "WeightSums":
        """Return the sums with those of more events."""
        exact = weights.astype(np.float64)
        total, squares = float(exact.sum()), float(exact @ exact)
        return WeightSums(self.events + weights.size, self.weights + total, self.squares + squares)


@dataclass(frozen=True, slots=True)
class NtupleBlock:
    """Events of a file."""

    photons: PhotonBlock
    first: int
    """the first one's place in the file"""
    numbers_from: int
    """event number of the file's first event"""
    weights: Float32s | None
    """generator weights; None of data"""
    sums: WeightSums
    """of the whole file; zeros of data"""
    cross_section_pb: float
    """0 of data"""
    channel: int
    """by which ATLAS knows a sample; 0 of data"""

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """The places of the events in the file."""
        return self.first + np.arange(self.photons.counts.size)

    def numbers(self) -> npt.NDArray[np.uint64]:
        """Return event numbers, all different: every second one is above 2^63."""
        high = (self.places % 2).astype(np.uint64) << np.uint64(63)
        return (self.numbers_from + self.places).astype(np.uint64) | high

    def runs(self, simulated: int) -> npt.NDArray[np.uint32]:
        """Return run numbers: one of simulation."""
        if self.weights is not None:
            return np.full(self.places.size, simulated, np.uint32)
        return (_FIRST_RUN + self.places // RUN_EVENTS).astype(np.uint32)

    def photon_lists(self, columns: Mapping[str, npt.NDArray[np.generic]]) -> "ak.Array":
        """Return a list for each event, of records with the columns of its photons."""
        import awkward as ak

        records = ak.zip({name: ak.from_numpy(each) for name, each in columns.items()})
        return ak.unflatten(records, self.photons.counts)

    def fired(self, rng: np.random.Generator, leading: float, second: float) -> Any:
        """Return whether a trigger with two thresholds (GeV) took each event."""
        found, chance = self.photons, rng.random(self.places.size, np.float32)
        above = (found.leading_pt > leading) & (found.second_pt > second)
        return above & (chance < _TRIGGERED)


def nanoaod(block: NtupleBlock, rng: np.random.Generator) -> NtupleColumns:
    """Return the columns of NanoAOD's tree ``Events``."""
    lumis = 1 + block.places % RUN_EVENTS // LUMI_EVENTS
    weights = {} if block.weights is None else {"genWeight": block.weights}
    return {
        "run": block.runs(_SIMULATED_RUN),
        "luminosityBlock": lumis.astype(np.uint32),
        "event": block.numbers(),
        **weights,
        _HLT: block.fired(rng, *_HLT_PT_GeV) & (block.photons.mass > _HLT_MASS_GeV),
        "Photon": block.photon_lists(_nanoaod_photons(block.photons, rng)),
    }


def _nanoaod_photons(found: PhotonBlock, rng: np.random.Generator) -> dict[str, Any]:
    mva, eta = 2 * found.likeness - 1, np.abs(found.eta)
    barrel, endcap = eta < _BARREL, eta > _ENDCAP
    electron = rng.random(mva.size, np.float32) < _ELECTRONS
    r9 = 1 - np.float32(0.08) * rng.standard_exponential(mva.size, np.float32)
    points = {
        name: mva > np.where(barrel, np.float32(inside), np.float32(_MVA_ENDCAP[name]))
        for name, inside in _MVA_BARREL.items()
    }
    return {
        "pt": found.pt, "eta": found.eta, "phi": found.phi,
        "r9": np.maximum(r9, np.float32(0.2)),
        "pfRelIso03_all": (found.tracks + np.maximum(found.cone, 0)) / found.pt,
        "mvaID": mva, **points,
        "cutBased": np.searchsorted(_CUT_BASED, found.likeness).astype(np.int32),
        "electronVeto": ~electron, "pixelSeed": electron,
        "isScEtaEB": barrel, "isScEtaEE": endcap,
    }  # fmt: skip


def nanoaod_runs(sums: WeightSums) -> NtupleColumns:
    """Return the columns of NanoAOD's tree ``Runs``, of simulation."""
    return {
        "run": np.array([_SIMULATED_RUN], np.uint32),
        "genEventCount": np.array([sums.events], np.int64),
        "genEventSumw": np.array([sums.weights]),
        "genEventSumw2": np.array([sums.squares]),
    }


def atlas(block: NtupleBlock, rng: np.random.Generator) -> NtupleColumns:
    """Return the columns of the tree ``analysis`` of the ATLAS Open Data of 2025."""
    events, data = block.places.size, block.weights is None
    ones = np.ones(events, np.float32)
    pileup = ones + np.float32(0.25) * rng.standard_normal(events, np.float32)
    photon = ones + np.float32(0.01) * rng.standard_normal(events, np.float32)

    def all_alike(value: float, kind: type[np.generic]) -> npt.NDArray[np.generic]:
        return np.full(events, value, kind)

    return {
        "num_events": all_alike(block.sums.events, np.float64),
        "sum_of_weights": all_alike(block.sums.weights, np.float64),
        "sum_of_weights_squared": all_alike(block.sums.squares, np.float64),
        "runNumber": block.runs(_ATLAS_SIMULATED_RUN),
        "eventNumber": block.numbers(),
        "channelNumber": all_alike(block.channel, np.uint32),
        "mcWeight": ones if block.weights is None else block.weights,
        "filteff": ones,
        "kfac": ones,
        "xsec": all_alike(block.cross_section_pb, np.float32),
        "ScaleFactor_PILEUP": ones if data else np.maximum(pileup, np.float32(0.1)),
        "ScaleFactor_PHOTON": ones if data else photon,
        "trigP": block.fired(rng, *_TRIG_PT_GeV),
        "photon": block.photon_lists(_atlas_photons(block.photons)),
    }


def _atlas_photons(found: PhotonBlock) -> dict[str, Any]:
    """Return the columns of photons; whatever is tight is loose, too."""
    tracks, cone = found.tracks < 0.05 * found.pt, found.cone - np.float32(0.022) * found.pt
    return {
        "pt": found.pt, "eta": found.eta, "phi": found.phi, "e": found.pt * np.cosh(found.eta),
        "ptcone20": found.tracks, "topoetcone40": found.cone,
        **{name: found.likeness > lowest for name, lowest in _IDS.items()},
        **{name: tracks & (cone < highest) for name, highest in _CONES_GeV.items()},
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class NtupleFormat:
    """How the files of a layout are written."""

    tree: str
    counter: str
    """name of the column with the number of photons"""
    columns: Callable[[NtupleBlock, np.random.Generator], NtupleColumns]
    runs: Callable[[WeightSums], NtupleColumns] | None = None
    """columns of a tree ``Runs``, of simulation"""


NTUPLE_FORMATS: Mapping[str, NtupleFormat] = {
    "nanoaod": NtupleFormat("Events", "nPhoton", nanoaod, nanoaod_runs),
    "atlas-open-data-2025": NtupleFormat("analysis", "photon_n", atlas),
}
"""by the names of the layouts"""
