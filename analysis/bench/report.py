"""What a measurement says: the keys of the contract, and a table for people."""

from collections.abc import Iterator
from importlib import metadata

from analysis.bench.compare import Measured
from analysis.bench.tables import LIBRARIES
from analysis.results.speed import EngineSpeed, SpeedMeasurement, SpeedOrigin
from tools.machine import machine
from tools.provenance import provenance

RATIOS = {
    "full_vs_loop": ("full", "full_loop"),
    "score_vs_cuts": ("score", "full"),
    "light_vs_loop": ("light", "light_loop"),
    "light_vs_polars": ("light", "polars"),
    "light_vs_duckdb": ("light", "duckdb"),
    "light_vs_pandas_csv": ("light", "pandas"),
}
_TITLES = {
    "full": "xyy",
    "full_loop": "uproot, NumPy, boost-histogram by hand",
    "score": "xyy, six categories of a score instead of cuts",
    "light": "xyy",
    "light_loop": "uproot, NumPy, boost-histogram by hand",
    "polars": "Polars, Parquet (ZSTD)",
    "duckdb": "DuckDB, Parquet (ZSTD)",
    "pandas": "pandas, CSV",
}
_PARTS = {"all histograms, one core": ("full", "full_loop", "score"),
          "selection and spectrum, one core": ("light", "light_loop", *LIBRARIES)}  # fmt: skip


def result(measured: Measured) -> SpeedMeasurement:
    """Return what the result file holds: ratios of rates, and what they are made from."""
    return SpeedMeasurement(
        **{key: ratio(measured, *names) for key, names in RATIOS.items()},
        futures_speedup=speedup(measured, "futures"),
        dask_speedup=speedup(measured, "dask"),
        peak_MiB=round(max(rated.peak_MiB for rated in measured.engines.values()), 1),
        median_of=measured.rounds,
        notes=notes(measured),
        events=measured.events,
        rates_events_per_s={name: round(rate) for name, rate in measured.rates.items()},
        engines={name: _engine(measured, name) for name in measured.engines},
        provenance=SpeedOrigin(**provenance(machine=machine(), competitors=_versions())),
    )


def _engine(measured: Measured, name: str) -> EngineSpeed:
    rated = measured.engines[name]
    rate, startup_s = rated.events_per_s, rated.startup_s
    return EngineSpeed(
        workers=1 if name == "iterative" else measured.workers,
        events=measured.job_events,
        rate_events_per_s=None if rate is None else round(rate),
        startup_s=None if startup_s is None else round(startup_s, 2),
        peak_MiB=round(rated.peak_MiB, 1),
    )


def ratio(measured: Measured, ours: str, theirs: str) -> float | None:
    """Return our rate over that of a competitor, or None without one."""
    if theirs not in measured.rates:
        return None
    return round(measured.rates[ours] / measured.rates[theirs], 3)


def speedup(measured: Measured, engine: str) -> float | None:
    """Return an engine's rate over that of one core, or None if it is not known."""
    ours, one = measured.engines[engine].events_per_s, measured.engines["iterative"].events_per_s
    return None if ours is None or one is None else round(ours / one, 3)


def notes(measured: Measured) -> dict[str, str]:
    """Return why a key is null."""
    said = {
        key: measured.missing[theirs]
        for key, (_, theirs) in RATIOS.items()
        if theirs in measured.missing
    }
    small = f"{measured.job_events:,} events are too few to tell the rate from the start-up"
    said |= {f"{e}_speedup": small for e in ("futures", "dask") if speedup(measured, e) is None}
    return said


def lines(measured: Measured) -> Iterator[str]:
    """Yield what a user reads."""
    yield f"{'':46s}{'million/s':>10s}{'xyy is':>10s}"
    for title, names in _PARTS.items():
        yield title
        for name in names:
            if name in measured.missing:
                yield f"  {_TITLES[name]:44s}{measured.missing[name]}"
                continue
            times = "" if name == names[0] else f"{ratio(measured, names[0], name):9.2f}x"
            yield f"  {_TITLES[name]:44s}{measured.rates[name] / 1e6:10.2f}{times:>10s}"
    yield from _engine_lines(measured)
    peak = max(rated.peak_MiB for rated in measured.engines.values())
    yield f"peak memory of a process: {peak:,.0f} MiB, all histograms"
    where = machine()
    yield f"medians of {measured.rounds}, of {measured.events:,} events on one core"
    yield f"{where.cpu}, {where.cores} cores, {where.memory_GiB} GiB"


def _engine_lines(measured: Measured) -> Iterator[str]:
    yield f"all histograms, {measured.job_events:,} events, start-up apart"
    for name, rated in measured.engines.items():
        who = "one core" if name == "iterative" else f"{name}, {measured.workers} workers"
        if rated.events_per_s is None or rated.startup_s is None:
            yield f"  {who:44s}too few events to tell the rate from the start-up"
            continue
        gain = speedup(measured, name)
        times = "" if name == "iterative" or gain is None else f"{gain:9.2f}x"
        start = "" if name == "iterative" else f"   start-up {rated.startup_s:.1f} s"
        yield f"  {who:44s}{rated.events_per_s / 1e6:10.2f}{times:>10s}{start}"


def _versions() -> dict[str, str]:
    installed = {}
    for library in LIBRARIES:
        try:
            installed[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return installed
