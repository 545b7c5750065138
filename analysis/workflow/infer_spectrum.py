"""`xyy infer --spectrum`: from a CSV file and a few options to result files and figures.

The words of the command line become numbers here, and everything that cannot be one, or that leaves
nothing to search in, is refused with the option's name before anything is written. Thresholds are
those of the search file; its systematic errors of energy scale and resolution are those of its own
detector, and count only where the file was named with ``--search``.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.folder.folder import LEDGER, Folder
from analysis.settings.expression import parse_expression
from analysis.settings.search import FAMILIES, Limits, Search, Signal, Systematics, Window
from analysis.settings.search_file import MOST_FIT_BINS, MOST_MASSES
from analysis.statistics import spectrum_results
from analysis.statistics.resonance.shape import Effort
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.statistics.spectrum_search import BareSpectrum, tournament_of
from analysis.statistics.work import Work
from analysis.workflow.spectrum_file import read_spectrum
from tools.arrays import FloatArray
from tools.digests import digest_file
from tools.errors import InputError
from tools.json_file import write_json
from tools.names import nearest
from tools.shown import shown

SQRT_S_GeV = 13_000.0
"""of most published spectra; unless ``--sqrt-s`` says otherwise"""
MOST_SQRT_S_GeV = 1e9
_FINEST = 1e-3
"""of the narrowest bin: no resolution is finer"""
MOST_LIMITS = 51
"""masses with limits: each takes a second; of a finer grid every second, third ... has one"""
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_WORKSPACE = re.compile(r"mass_\d[\d.e+]*\.json")
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class SpectrumOptions:
    """The options as given, words still."""

    resolution: str
    masses: str
    sqrt_s: float | None = None
    families: str | None = None
    range_: str | None = None
    blind: str | None = None


def bare_spectrum(
    path: Path, options: SpectrumOptions, search: Search, *, systematics: bool
) -> BareSpectrum:
    """Read a spectrum and what is to be searched in it.

    Parameters
    ----------
    path : Path
        See `spectrum_file`.
    options : SpectrumOptions
    search : Search
        Thresholds.
    systematics : bool
        Whether its systematic errors of energy scale and resolution count.

    Raises
    ------
    InputError
        If a file or an option cannot be read, or nothing can be searched with it.
    """
    bins = _in_range(read_spectrum(path), options.range_, path)
    _refuse_too_many(path, len(bins.low_GeV))
    grid = _masses(options.masses, bins)
    width = parse_expression(options.resolution, name="--resolution").at
    _check_step(grid, width(grid.masses_GeV))
    _check_width(width(grid.masses_GeV), bins)
    families = _families(options.families, search)
    errors = Systematics(0.0, 0.0, 0.0, 0.0)
    if systematics:
        own = search.systematics
        errors = replace(errors, energy_scale=own.energy_scale, resolution=own.resolution)
    decided = replace(
        search,
        peak=replace(search.peak, families=families),
        signal=grid,
        limits=Limits(search.limits.confidence_level, _every(grid)),
        systematics=errors,
    )
    sqrt_s = SQRT_S_GeV if options.sqrt_s is None else options.sqrt_s
    if not 0 < sqrt_s <= MOST_SQRT_S_GeV:
        raise InputError(
            f"--sqrt-s: {sqrt_s:g} GeV is no collision energy; give a number above 0 and up to "
            f"{MOST_SQRT_S_GeV:g}"
        )
    blind = None if options.blind is None else _blind(options.blind, bins)
    return BareSpectrum(bins, plain_signal(width), decided, sqrt_s, blind)


def infer_spectrum(
    folder: Folder,
    spectrum: BareSpectrum,
    *,
    effort: Effort,
    limit_toys: int = 0,
    say: Callable[[str], None] = lambda _text: None,
    **origin: Any,
) -> None:
    """Infer from a bare spectrum; write all result files.

    Limits are saved as they come; the verdict is written last.

    Parameters
    ----------
    folder : Folder
    spectrum : BareSpectrum
    effort : Effort
    limit_toys : int
    say : callable
    **origin
        For ``provenance``.

    Raises
    ------
    InputError
        If nothing can be fitted, or the folder holds an analysis of events.
    """
    _refuse_events(folder)
    tournament_of(spectrum)  # refuses what cannot be fitted, before anything is written
    _remove_old(folder)
    work = Work(
        effort, limit_toys, say=say, on_limit=lambda limits: folder.save(limits, **origin)
    )  # fmt: skip
    found = spectrum_results.infer(spectrum, work)
    for point in found.points:  # one at a time: all take a gigabyte
        write_json(folder.workspaces / f"{point.name}.json", point.workspace("events"))
    for result in (found.background, found.scan, found.limits, found.verdict):
        folder.save(result, **origin)


def _refuse_events(folder: Folder) -> None:
    if (folder.path / LEDGER).exists():
        raise InputError(
            f"{folder.path} holds an analysis of events, whose results would be replaced; choose "
            "another --out"
        )


def _remove_old(folder: Folder) -> None:
    """Remove the results of an earlier inference."""
    for name in ("verdict.json", "limits.json", "scan.json", "background.json"):
        (folder.path / name).unlink(missing_ok=True)
    for old in folder.workspaces.glob("mass_*.json"):
        if _WORKSPACE.fullmatch(old.name):
            old.unlink()


def origin_of(path: Path, options: SpectrumOptions, effort: Effort) -> dict[str, Any]:
    """Return what the results are made from, for ``provenance``."""
    return {
        "file": str(path.resolve()),
        "file_digest": digest_file(path),
        "resolution": options.resolution,
        "masses": options.masses,
        "seed": effort.seed,
    }


def _numbers(text: str, option: str, names: tuple[str, ...]) -> list[float]:
    """Return the numbers of ``LO:HI`` or ``LO:HI:STEP``."""
    parts = [part.strip() for part in text.split(":")]
    values = [float(part) for part in parts if _NUMBER.fullmatch(part)]
    if not len(values) == len(parts) == len(names) or not all(map(math.isfinite, values)):
        raise InputError(f"{option}: {shown(text)} does not read {':'.join(names)}, in GeV")
    return values


def _interval(text: str, option: str) -> tuple[float, float]:
    low, high = _numbers(text, option, ("LO", "HI"))
    if not low < high:
        raise InputError(f"{option}: {low:g} is not below {high:g}; give LO:HI, in GeV")
    return low, high


def _in_range(bins: Bins, text: str | None, path: Path) -> Bins:
    """Return the bins inside ``--range``."""
    if text is None and bins.low_GeV[0] > 0:
        return bins
    if text is None:
        raise InputError(
            f"{path}: its first bin begins at 0 GeV, where no background has a value; give "
            f"--range {bins.high_GeV[0]:g}:{bins.high_GeV[-1]:g} or narrower"
        )
    low, high = _interval(text, "--range")
    low = max(low, _ROUNDING * 2)  # no background function has a value at 0
    inside = bins.some((bins.low_GeV >= low - _ROUNDING) & (bins.high_GeV <= high + _ROUNDING))
    if not len(inside.low_GeV):
        raise InputError(
            f"--range: no whole bin of {path} lies in {low:g} to {high:g} GeV; it has bins from "
            f"{bins.low_GeV[0]:g} to {bins.high_GeV[-1]:g} GeV"
        )
    return inside


def _refuse_too_many(path: Path, bins: int) -> None:
    if bins > MOST_FIT_BINS:
        raise InputError(
            f"{path} has {bins:,} bins, {MOST_FIT_BINS:,} at most are fitted: add "
            f"{-(-bins // MOST_FIT_BINS)} or more neighbours together (bins of a fifth of the "
            "resolution tell as much), or give a narrower --range"
        )


def _masses(text: str, bins: Bins) -> Signal:
    low, high, step = _numbers(text, "--masses", ("LO", "HI", "STEP"))
    if low > high or step <= 0:
        raise InputError(
            f"--masses: {shown(text)} holds no mass; LO must not be above HI, and STEP be positive"
        )
    first, last = float(bins.low_GeV[0]), float(bins.high_GeV[-1])
    if not first <= low <= high <= last:
        raise InputError(
            f"--masses: {low:g} to {high:g} GeV is not inside the spectrum, {first:g} to {last:g} "
            "GeV (in --range, from above 0)"
        )
    steps = (high - low) / step
    if steps > MOST_MASSES:
        raise InputError(
            f"--masses: {steps + 1:.3g} masses are too many; at most {MOST_MASSES + 1} are "
            "scanned, raise STEP"
        )
    if abs(steps - round(steps)) > _ROUNDING * max(steps, 1):
        raise InputError(
            f"--masses: HI = {high:g} is not a whole number of {step:g} GeV steps from {low:g}"
        )
    return Signal(low, high, step)


def _check_step(grid: Signal, width: Any) -> None:
    narrowest = int(np.argmin(width))
    if len(width) > 1 and grid.step_GeV > width[narrowest] * (1 + _ROUNDING):
        raise InputError(
            f"--masses: steps of {grid.step_GeV:g} GeV are wider than the resolution "
            f"({width[narrowest]:.3g} GeV at {grid.masses_GeV[narrowest]:g} GeV): a peak between "
            "two masses would be missed; lower STEP"
        )


def _check_width(width: FloatArray, bins: Bins) -> None:
    finest = _FINEST * float((bins.high_GeV - bins.low_GeV).min())
    if width.min() < finest:
        raise InputError(
            f"--resolution: {width.min():.3g} GeV is finer than a thousandth of any bin; sigma of "
            "the peak is asked for, in GeV"
        )


def _every(grid: Signal) -> Signal:
    """Return the masses that get a limit."""
    steps = len(grid.masses_GeV) - 1
    times = max(1, math.ceil(steps / (MOST_LIMITS - 1)))
    if times == 1:
        return grid
    step = grid.step_GeV * times
    return Signal(grid.low_GeV, grid.low_GeV + step * (steps // times), step)


def _families(text: str | None, search: Search) -> tuple[str, ...]:
    if text is None:
        return search.peak.families
    families = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    known = (*FAMILIES, *search.peak.own)
    unknown = [name for name in families if name not in known]
    if unknown:
        raise InputError(
            f"--families: there is no family {shown(unknown[0])}{nearest(unknown[0], known)}; "
            f"there are: {', '.join(known)}"
        )
    return families


def _blind(text: str, bins: Bins) -> Window:
    low, high = _interval(text, "--blind")
    if not np.any((bins.high_GeV > low + _ROUNDING) & (bins.low_GeV < high - _ROUNDING)):
        raise InputError(
            f"--blind: no bin lies in {low:g} to {high:g} GeV; the spectrum goes from "
            f"{bins.low_GeV[0]:g} to {bins.high_GeV[-1]:g} GeV"
        )
    return Window(low, high)
