"""Small files of photons in the layouts of the world, for tests: the same events in each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

EVENTS = 200
Columns = Mapping[str, Any]


def photons(events: int = EVENTS, seed: int = 1) -> dict[str, ak.Array]:
    """Return lists of none to three photons in an event, not in order of pT (GeV)."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, events)
    size = int(counts.sum())
    values = {
        "pt": 5.0 + rng.exponential(40.0, size),
        "eta": rng.normal(0.0, 1.0, size),
        "phi": rng.uniform(-3.0, 3.0, size),
    }
    return {name: ak.unflatten(each.astype("f4"), counts) for name, each in values.items()}


def expected(made: Mapping[str, ak.Array]) -> np.ndarray:
    """Return the masses of the two photons of largest pT, one event after the other."""
    found = []
    for pt, eta, phi in zip(
        *(ak.to_list(made[name]) for name in ("pt", "eta", "phi")), strict=True
    ):
        order = sorted(range(len(pt)), key=lambda i: -pt[i])[:2]
        if len(order) == 2:
            i, j = order
            angles = np.cosh(eta[i] - eta[j]) - np.cos(phi[i] - phi[j])
            found.append(np.sqrt(2 * pt[i] * pt[j] * angles))
    return np.array(found)


def weights(events: int = EVENTS) -> np.ndarray:
    """Return generator weights of both signs."""
    return np.random.default_rng(7).normal(1.0, 1.0, events).astype("f4")


def nanoaod(made: Mapping[str, ak.Array], *, simulated: bool = True) -> dict[str, Any]:
    """Return the columns of NanoAOD; event numbers above 2^63."""
    events = len(made["pt"])
    columns: dict[str, Any] = {f"Photon_{name}": each for name, each in made.items()}
    columns["run"] = np.full(events, 3, "u4")
    columns["luminosityBlock"] = np.arange(events, dtype="u4") // 50
    columns["event"] = np.arange(events, dtype="u8") + 2**63
    return columns | ({"genWeight": weights(events)} if simulated else {})


def edm4hep(made: Mapping[str, ak.Array]) -> dict[str, ak.Array]:
    """Return the columns of EDM4hep: all particles, another one before the photons, and indices."""
    pt, eta, phi = (ak.values_astype(made[name], "f8") for name in ("pt", "eta", "phi"))
    components = {
        "momentum.x": pt * np.cos(phi), "momentum.y": pt * np.sin(phi),
        "momentum.z": pt * np.sinh(eta), "energy": pt * np.cosh(eta),
    }  # fmt: skip
    other = ak.unflatten(np.full(len(pt), 1000.0), 1)
    index = ak.values_astype(ak.local_index(pt) + 1, "i4")
    return {
        **{
            f"ReconstructedParticles.{name}": ak.concatenate([other, each], axis=1)
            for name, each in components.items()
        },
        "Photon_objIdx.index": index,
    }


def write_tree(path: Path, tree: str, *pieces: Columns, **options: Any) -> Path:
    """Write columns as a TTree, each of the pieces by an `extend`."""
    with uproot.recreate(path, **options) as file:
        add_tree(file, tree, *pieces)
    return path


def add_tree(file: Any, tree: str, *pieces: Columns) -> None:
    """Write a TTree to an open file."""
    types = {
        name: each.type if isinstance(each, ak.Array) else each.dtype
        for name, each in pieces[0].items()
    }
    file.mktree(tree, types)
    for piece in pieces:
        file[tree].extend(piece)


def write_rntuple(path: Path, name: str, columns: Columns, **options: Any) -> Path:
    """Write columns as an RNTuple."""
    with uproot.recreate(path, **options) as file:
        file.mkrntuple(name, columns)
    return path


def write_parquet(path: Path, columns: Columns, **options: Any) -> Path:
    """Write columns as plain Parquet."""
    arrays = {
        name: ak.to_arrow(each, extensionarray=False) if isinstance(each, ak.Array) else each
        for name, each in columns.items()
    }
    pq.write_table(pa.table(arrays), path, **options)
    return path
