r"""The same job as others do it: by hand, and with tools for tables.

By hand is as one would write it for oneself: uproot, NumPy, boost-histogram. It is what the
processor is measured against, and a check of it: nothing here comes from `processors`. The mass is
the textbook's,

.. math:: m^2 = 2 p_{T1} p_{T2} \, (\cosh\Delta\eta - \cos\Delta\phi)

in float64. No checksum is compared, no loss is accounted for, there are no workers.

Tools for tables do the light job alone: Polars and DuckDB on Parquet, pandas on the course's CSV.
Each counts the selected events in bins of the mass, in the way that its users would. Those that are
not installed are not compared (`missing`); they come with the extra ``bench``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boost_histogram as bh
import numpy as np
import numpy.typing as npt

Columns = Mapping[str, npt.NDArray[Any]]
Masks = Mapping[str, npt.NDArray[np.bool_]]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Histogram = bh.Histogram[bh.storage.Int64]
LIBRARIES = ("polars", "duckdb", "pandas")
PHOTONS = tuple(f"photon{i}_{name}" for name in ("pT", "eta", "phi") for i in (1, 2))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be selected and filled."""

    columns: tuple[str, ...]
    """what has to be read for all histograms"""
    quantities: Mapping[str, bh.axis.Regular]
    """columns, kinematics and ``m_yy``, with their axes"""
    joint: Mapping[str, bh.axis.Regular]
    """axes of the joint histogram"""
    cuts: Mapping[str, float]
    """column to the value that it must be below"""
    window_GeV: tuple[float, float]
    """of the mass, upper edge excluded"""

    @property
    def mass(self) -> bh.axis.Regular:
        """The axis of the spectrum."""
        return self.quantities["m_yy"]


# ---- by hand -------------------------------------------------------------------------------------


def full_loop(paths: Sequence[str], wanted: Wanted) -> dict[str, Counts]:
    """Return the contents of all histograms, under- and overflow included, by their names."""
    booked, flow, first = _booked(wanted), np.zeros((len(wanted.cuts) + 1, 2), np.int64), 0
    low, high = wanted.window_GeV
    for path in paths:
        events = read_columns(path, wanted.columns)
        values = {**events, **kinematics(events)}
        masks = {name: values[name] < cut for name, cut in wanted.cuts.items()}
        inside = (values["m_yy"] >= low) & (values["m_yy"] < high)
        _fill_each(booked, wanted, values, masks)
        half = np.arange(first, first + len(inside)) % 2
        booked["joint"].fill(half, np.where(inside, 0, 1), *(values[name] for name in wanted.joint))
        flow += _steps(masks, inside)
        first += len(inside)
    contents: dict[str, Counts] = {name: h.view(flow=True) for name, h in booked.items()}
    return {**contents, "cutflow": flow}


def light_loop(paths: Sequence[str], wanted: Wanted) -> Counts:
    """Return the spectrum of the selected events."""
    spectrum = bh.Histogram(wanted.mass, storage=bh.storage.Int64())
    for path in paths:
        events = read_columns(path, (*PHOTONS, *wanted.cuts))
        selected = np.logical_and.reduce([events[name] < cut for name, cut in wanted.cuts.items()])
        # One event in sixteen passes the course's cuts: only their mass is computed.
        spectrum.fill(invariant_mass({name: events[name][selected] for name in PHOTONS}))
    counts: Counts = spectrum.view()
    return counts


def invariant_mass(events: Columns) -> Floats:
    """Return the mass of the photon pair, GeV."""
    pt1, pt2, eta1, eta2, phi1, phi2 = (events[name].astype(np.float64) for name in PHOTONS)
    mass: Floats = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
    return mass


def kinematics(events: Columns) -> dict[str, Floats]:
    """Return what belongs to the pair: mass, transverse momentum, angles."""
    pt1, pt2, eta1, eta2, phi1, phi2 = (events[name].astype(np.float64) for name in PHOTONS)
    delta_eta = eta1 - eta2
    delta_phi = phi1 - phi2
    delta_phi -= 2 * np.pi * np.round(delta_phi / (2 * np.pi))
    cosine, product = np.cos(delta_phi), 2 * pt1 * pt2
    mass2 = product * (np.cosh(delta_eta) - cosine)
    pt_yy2 = np.maximum(pt1**2 + pt2**2 + product * cosine, 0)
    return {
        "m_yy": np.sqrt(mass2),
        "pT_yy": np.sqrt(pt_yy2),
        "delta_eta": delta_eta,
        "delta_phi": delta_phi,
        "delta_R": np.sqrt(delta_eta**2 + delta_phi**2),
        # In the Collins-Soper frame: ATLAS, arXiv:1407.4222, eq. 1.
        "cos_theta_star": np.abs(np.sinh(delta_eta)) * product / np.sqrt(mass2 * (mass2 + pt_yy2)),
    }


def read_columns(path: str, columns: Sequence[str]) -> Columns:
    """Return some columns of a chunk file."""
    import uproot

    with uproot.open(path) as file:
        events: Columns = file["Events"].arrays(columns, library="np")
    return events


def _booked(wanted: Wanted) -> dict[str, Histogram]:
    """Return all histograms, empty."""
    axes: dict[str, tuple[bh.axis.Axis, ...]] = {"spectrum": (wanted.mass,)}
    for name, axis in wanted.quantities.items():
        axes |= {f"before/{name}": (axis,), f"after/{name}": (axis,)}
        if name in wanted.cuts:
            axes[f"n_minus_1/{name}"] = (axis,)
    half, region = (bh.axis.Integer(0, 2, underflow=False, overflow=False) for _ in range(2))
    axes["joint"] = (half, region, *wanted.joint.values())
    return {name: bh.Histogram(*of, storage=bh.storage.Int64()) for name, of in axes.items()}


def _fill_each(
    booked: Mapping[str, Histogram], wanted: Wanted, values: Columns, masks: Masks
) -> None:
    """Fill every quantity before and after the cuts, and a cut's own after all the others."""
    selected = np.logical_and.reduce(list(masks.values()))
    for name in wanted.quantities:
        booked[f"before/{name}"].fill(values[name])
        booked[f"after/{name}"].fill(values[name][selected])
        if name in masks:
            others = [mask for other, mask in masks.items() if other != name]
            booked[f"n_minus_1/{name}"].fill(values[name][np.logical_and.reduce(others)])
    booked["spectrum"].fill(values["m_yy"][selected])


def _steps(masks: Masks, inside: npt.NDArray[np.bool_]) -> Counts:
    """Return how many events are left after each cut, inside the window and outside."""
    left, rows = np.ones(len(inside), np.bool_), []
    for mask in (left, *masks.values()):
        left = left & mask
        rows.append((np.count_nonzero(left & inside), np.count_nonzero(left & ~inside)))
    return np.array(rows, np.int64)


# ---- with tools for tables -----------------------------------------------------------------------


def missing() -> dict[str, str]:
    """Return which libraries are not here, and what to do."""
    return {
        library: f"{library} is not installed: pip install -e '.[bench]'"
        for library in LIBRARIES
        if find_spec(library) is None
    }


def polars_spectrum(path: Path, wanted: Wanted) -> Counts:
    """Return the spectrum of the selected events, by Polars."""
    import polars as pl

    def column(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Float64)

    def delta(name: str) -> pl.Expr:
        return column(f"photon1_{name}") - column(f"photon2_{name}")

    pts = column("photon1_pT") * column("photon2_pT")
    mass = (2 * pts * (delta("eta").cosh() - delta("phi").cos())).sqrt()
    # Rounded down: a cast alone rounds towards zero, and events below the range would be in bin 0.
    number = ((mass - wanted.mass.edges[0]) / wanted.mass.widths[0]).floor().cast(pl.Int32)
    counted = (
        pl.scan_parquet(path)
        .filter(*(pl.col(name) < cut for name, cut in wanted.cuts.items()))
        .group_by(number.alias("bin"))
        .len()
        .collect()
    )
    return _spectrum(counted["bin"].to_numpy(), counted["len"].to_numpy(), wanted)


def duckdb_spectrum(path: Path, wanted: Wanted) -> Counts:
    """Return the spectrum of the selected events, by DuckDB."""
    import duckdb

    cuts = " AND ".join(f"{name} < {cut}" for name, cut in wanted.cuts.items())
    query = f"""
        SELECT CAST(floor((mass - {wanted.mass.edges[0]}) / {wanted.mass.widths[0]}) AS INTEGER)
               AS bin, count(*) AS events
        FROM (SELECT sqrt(2 * photon1_pT::DOUBLE * photon2_pT::DOUBLE
                          * (cosh(photon1_eta::DOUBLE - photon2_eta::DOUBLE)
                             - cos(photon1_phi::DOUBLE - photon2_phi::DOUBLE))) AS mass
              FROM read_parquet(?) WHERE {cuts})
        GROUP BY bin
    """  # noqa: S608 - columns and cuts are those of our own settings
    with duckdb.connect(config={"threads": 1}) as connection:
        counted = connection.execute(query, [str(path)]).fetchnumpy()
    return _spectrum(np.asarray(counted["bin"]), np.asarray(counted["events"]), wanted)


def pandas_spectrum(path: Path, wanted: Wanted) -> Counts:
    """Return the spectrum of the selected events, by pandas, as in the course."""
    import pandas as pd

    events = pd.read_csv(path)
    angles = np.cosh(events.photon1_eta - events.photon2_eta) - np.cos(
        events.photon1_phi - events.photon2_phi
    )
    events["m_yy"] = np.sqrt(2 * events.photon1_pT * events.photon2_pT * angles)
    for name, cut in wanted.cuts.items():
        events = events[events[name] < cut]
    return np.histogram(events["m_yy"], wanted.mass.edges)[0]


def _spectrum(bins: Counts, events: Counts, wanted: Wanted) -> Counts:
    """Return the contents of all bins, given those that are not empty."""
    inside = (bins >= 0) & (bins < wanted.mass.size)
    spectrum = np.zeros(wanted.mass.size, np.int64)
    spectrum[bins[inside]] = events[inside]
    return spectrum
