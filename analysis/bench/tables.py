"""The light job with tools for tables: Polars and DuckDB on Parquet, pandas on the course's CSV.

Each counts the selected events in bins of the mass, in the way that its users would. Libraries
that are not installed are not compared (`missing`); they come with the extra ``bench``.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from analysis.bench.loops import Counts, Wanted

LIBRARIES = ("polars", "duckdb", "pandas")


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
