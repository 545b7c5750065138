"""What a measurement says: the keys of the contract, and a table for people."""

from collections.abc import Iterator, Mapping
from importlib import metadata

from analysis.bench import competitors
from analysis.bench.competitors import LIBRARIES
from analysis.results.speed import ExecutorSpeed, SpeedMeasurement, SpeedOrigin
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


def result(
    rates: Mapping[str, float], engines: dict[str, ExecutorSpeed], *, events: int, rounds: int
) -> SpeedMeasurement:
    """Return what the result file holds: ratios of rates, and what they are made from.

    Parameters
    ----------
    rates : mapping of str to float
        Events per second on one core: ``full``, ``score``, ``light`` (all ours), ``full_loop``,
        ``light_loop``, and those of `competitors.LIBRARIES` that are installed.
    engines : dict of str to ExecutorSpeed
    events : int
        On one core.
    rounds : int
        Whose median counts.
    """
    ratios = {key: _ratio(rates.get(a), rates.get(b)) for key, (a, b) in RATIOS.items()}
    one = engines["iterative"]
    for name in ("futures", "dask"):
        ratios[f"{name}_speedup"] = _ratio(engines[name].rate_events_per_s, one.rate_events_per_s)
    missing = competitors.missing()
    why = {key: missing[theirs] for key, (_, theirs) in RATIOS.items() if theirs in missing}
    small = f"{one.events:,} events are too few to tell the rate from the start-up"
    why |= {key: small for key, ratio in ratios.items() if ratio is None and key not in RATIOS}
    versions = {name: metadata.version(name) for name in LIBRARIES if name not in missing}
    return SpeedMeasurement(
        **ratios,
        peak_MiB=max(engine.peak_MiB for engine in engines.values()),
        median_of=rounds,
        notes=why,
        events=events,
        rates_events_per_s={name: round(rate) for name, rate in rates.items()},
        engines=engines,
        provenance=SpeedOrigin(**provenance(machine=machine(), competitors=versions)),
    )


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    """Return our rate over that of a competitor, or None if one is not known."""
    return None if ours is None or theirs is None else round(ours / theirs, 3)


def lines(found: SpeedMeasurement) -> Iterator[str]:
    """Yield what a user reads."""
    rates = found.rates_events_per_s
    missing = {name: found.notes[key] for key, (_, name) in RATIOS.items() if key in found.notes}
    yield f"{'':46s}{'million/s':>10s}{'xyy is':>10s}"
    for title, names in _PARTS.items():
        yield title
        for name in names:
            if name in missing:
                yield f"  {_TITLES[name]:44s}{missing[name]}"
            else:
                gain = None if name == names[0] else rates[names[0]] / rates[name]
                yield f"  {_TITLES[name]:44s}{_columns(rates[name], gain)}"
    yield from _engine_lines(found)
    yield f"peak memory of a process: {found.peak_MiB:,.0f} MiB, all histograms"
    where = found.provenance.machine
    yield f"medians of {found.median_of}, of {found.events:,} events on one core"
    yield f"{where.cpu}, {where.cores} cores, {where.memory_GiB} GiB"


def _columns(rate: float, gain: float | None) -> str:
    times = "" if gain is None else f"{gain:9.2f}x"
    return f"{rate / 1e6:10.2f}{times:>10s}"


def _engine_lines(found: SpeedMeasurement) -> Iterator[str]:
    one = found.engines["iterative"]
    gains = {"futures": found.futures_speedup, "dask": found.dask_speedup}
    yield f"all histograms, {one.events:,} events, start-up apart"
    for name, engine in found.engines.items():
        who = "one core" if engine is one else f"{name}, {engine.workers} workers"
        if engine.rate_events_per_s is None or engine.startup_s is None:
            yield f"  {who:44s}too few events to tell the rate from the start-up"
            continue
        start = "" if engine is one else f"   start-up {engine.startup_s:.1f} s"
        yield f"  {who:44s}{_columns(engine.rate_events_per_s, gains.get(name))}{start}"
