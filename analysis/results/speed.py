"""What ``xyy bench`` measured: ratios of rates, ours over theirs."""

from dataclasses import dataclass

from analysis.results.calibration import MachineOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedOrigin(MachineOrigin):
    """When, where and beside whom it was measured."""

    competitors: dict[str, str]
    """versions of the libraries that do the same"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSpeed:
    """The full job with one executor."""

    workers: int
    events: int
    rate_events_per_s: int | None
    """without start-up; None if the jobs were too small to tell the one from the other"""
    startup_s: float | None
    peak_MiB: float
    """the highest of any process"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedMeasurement:
    """All that was measured; `notes` says why a ratio is None."""

    full_vs_loop: float | None
    score_vs_cuts: float | None
    light_vs_loop: float | None
    light_vs_polars: float | None
    light_vs_duckdb: float | None
    light_vs_pandas_csv: float | None
    futures_speedup: float | None
    dask_speedup: float | None
    peak_MiB: float
    """the highest of any process"""
    median_of: int
    """number of rounds"""
    notes: dict[str, str]
    events: int
    """number of events on one core"""
    rates_events_per_s: dict[str, int]
    engines: dict[str, ExecutorSpeed]
    provenance: SpeedOrigin
