"""`xyy infer --spectrum`: from a CSV file and a few options to result files and figures.

The words of the command line become numbers here, and everything that cannot be one, or that leaves
nothing to search in, is refused with the option's name before anything is written. Thresholds are
those of the search file; its systematic uncertainties of energy scale and resolution are those of
its own detector, and count only where the file was named with ``--search``.
"""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.folder.folder import LEDGER, Folder
from analysis.settings import search as tables
from analysis.settings.mass_expression import mass_expression
from analysis.settings.search import Search, Signal, Window
from analysis.statistics import spectrum_search
from analysis.statistics.background.families import Function, functions, parameter_numbers
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Bins
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.statistics.spectrum_search import BinnedSpectrum
from analysis.workflow.spectrum_file import read_spectrum
from tools.arrays import FloatArray
from tools.digests import digest_file
from tools.errors import InputError
from tools.json_file import write_json
from tools.names import nearest
from tools.shown import shown

SQRT_S_GeV = 13_000.0
"""of most published spectra; unless ``--sqrt-s`` says otherwise"""
MAX_SQRT_S_GeV = 1e9
_FINEST = 1e-3
"""of the narrowest bin: no resolution is finer"""
MAX_LIMITS = 51
"""masses with limits: each takes a second; of a finer grid every second, third ... has one"""
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ORDER = re.compile(r"\d{1,3}", re.ASCII)
_WORKSPACE = re.compile(r"mass_\d[\d.e+]*\.json")
_SCAN_STEP = 1 / 3
"""of the resolution, at most, between two masses of the scan"""
_ROUNDING = 1e-6


def read_range(path: Path, text: str | None) -> Bins:
    """Read the bins of a spectrum file that lie inside ``--range``.

    Raises
    ------
    InputError
        If the file cannot be read, or there are no such bins, or too many to be fitted.
    """
    bins = read_spectrum(path)
    if text is not None:
        low, high = _interval(text, "--range")
        low = max(low, _ROUNDING * 2)  # no background function has a value at 0
        inside = (bins.low_GeV >= low - _ROUNDING) & (bins.high_GeV <= high + _ROUNDING)
        if not inside.any():
            raise InputError(
                f"--range: no whole bin of {path} lies in {low:g} to {high:g} GeV; it has bins "
                f"from {bins.low_GeV[0]:g} to {bins.high_GeV[-1]:g} GeV"
            )
        bins = bins.some(inside)
    elif bins.low_GeV[0] <= 0:
        raise InputError(
            f"{path}: its first bin begins at 0 GeV, where no background has a value; give "
            f"--range {bins.high_GeV[0]:g}:{bins.high_GeV[-1]:g} or narrower"
        )
    if (number := len(bins.low_GeV)) > tables.MAX_FIT_BINS:
        raise InputError(
            f"{path} has {number:,} bins, {tables.MAX_FIT_BINS:,} at most are fitted: add "
            f"{-(-number // tables.MAX_FIT_BINS)} or more neighbours together (bins of a fifth of "
            "the resolution tell as much), or give a narrower --range"
        )
    return bins


def binned_spectrum(
    bins: Bins,
    search: Search,
    *,
    resolution: str,
    masses: str,
    sqrt_s: float | None = None,
    families: str | None = None,
    order: str | None = None,
    blind: str | None = None,
) -> BinnedSpectrum:
    """Return a spectrum and what is to be searched in it.

    Parameters
    ----------
    bins : Bins
        From `read_range`.
    search : Search
        Thresholds, and systematic uncertainties of energy scale and resolution.
    resolution, masses, sqrt_s, families, order, blind
        The options of these names, words still.

    Raises
    ------
    InputError
        If an option cannot be read, or nothing can be searched with it.
    """
    grid = _masses(masses, bins)
    width = mass_expression(resolution, name="--resolution").at
    narrowest = _check_width(grid, width(grid.masses_GeV), bins)
    energy = SQRT_S_GeV if sqrt_s is None else sqrt_s
    if not 0 < energy <= MAX_SQRT_S_GeV:
        raise InputError(
            f"--sqrt-s: {energy:g} GeV is no collision energy; give a number above 0 and up to "
            f"{MAX_SQRT_S_GeV:g}"
        )
    named = None if order is None else _named(order, search, energy)
    tried = _families(families, search) if named is None else (named.family,)
    decided = replace(
        search,
        peak=replace(search.peak, families=tried),
        signal=_fine(grid, narrowest),
        limits=tables.Limits(search.limits.confidence_level, _every(grid)),
        systematics=replace(search.systematics, luminosity=0.0, efficiency=0.0),
    )
    window = None if blind is None else _blind(blind, bins)
    return BinnedSpectrum(bins, plain_signal(width), decided, energy, window, named)


def of_any_detector(search: Search) -> Search:
    """Return the same without systematic uncertainties, which are those of one detector."""
    return replace(search, systematics=tables.Systematics(0.0, 0.0, 0.0, 0.0))


def infer_spectrum(folder: Folder, spectrum: BinnedSpectrum, work: Work, **origin: Any) -> None:
    """Infer from a binned spectrum; write all result files.

    Limits are saved as they come; the verdict is written last.

    Parameters
    ----------
    folder : Folder
    spectrum : BinnedSpectrum
    work : Work
    **origin
        For ``provenance``.

    Raises
    ------
    InputError
        If nothing can be fitted, or the folder holds an analysis of events.
    """
    if (folder.path / LEDGER).exists():
        raise InputError(
            f"{folder.path} holds an analysis of events, whose results would be replaced; choose "
            "another --out"
        )
    # Refuses what cannot be fitted, before anything is written.
    spectrum_search.model_selection_of(spectrum)
    _remove_old(folder)
    saving = replace(work, on_limit=lambda limits: folder.save(limits, **origin))
    found = spectrum_search.infer(spectrum, saving)
    for point in found.points:  # one at a time: all take a gigabyte
        if point.reason is None:
            write_json(folder.workspaces / f"{point.name}.json", point.workspace("events"))
    for result in (found.background, found.scan, found.limits, found.verdict):
        folder.save(result, **origin)


def _remove_old(folder: Folder) -> None:
    """Remove the results of an earlier inference but its limits, which are the first to be new."""
    from analysis.report.figure_spec import remove_others

    # The verdict first: whoever is killed from here on leaves none beside results of something
    # else. The limits stay until the first new one is saved: without any result the folder would
    # not be known as this program's, and could not be written to again. Of workspaces and figures
    # only those that this command names: other files are the user's.
    for name in ("verdict.json", "scan.json", "background.json"):
        (folder.path / name).unlink(missing_ok=True)
    for old in folder.workspaces.glob("mass_*.json"):
        if _WORKSPACE.fullmatch(old.name):
            old.unlink()
    remove_others(folder.figures, ())


def origin_of(path: Path, work: Work, **options: Any) -> dict[str, Any]:
    """Return what the results are made from, for ``provenance``: the options that were given."""
    file = {"file": str(path.resolve()), "file_digest": digest_file(path)}
    return {**file, **options, "seed": work.seed}


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
    if steps > tables.MAX_MASSES:
        raise InputError(
            f"--masses: {steps + 1:.3g} masses are too many; at most {tables.MAX_MASSES + 1} are "
            "scanned, raise STEP"
        )
    if abs(steps - round(steps)) > _ROUNDING * max(steps, 1):
        raise InputError(
            f"--masses: HI = {high:g} is not a whole number of {step:g} GeV steps from {low:g}"
        )
    return Signal(low, high, step)


def _check_width(grid: Signal, width: FloatArray, bins: Bins) -> float:
    """Refuse steps wider than the resolution, and one that no bin can show; return the smallest."""
    narrowest = int(np.argmin(width))
    if len(width) > 1 and grid.step_GeV > width[narrowest] * (1 + _ROUNDING):
        raise InputError(
            f"--masses: steps of {grid.step_GeV:g} GeV are wider than the resolution "
            f"({width[narrowest]:.6g} GeV at {grid.masses_GeV[narrowest]:g} GeV): a peak between "
            "two masses would be missed; lower STEP"
        )
    if width.min() < _FINEST * float((bins.high_GeV - bins.low_GeV).min()):
        raise InputError(
            f"--resolution: {width.min():.3g} GeV is finer than a thousandth of any bin; sigma of "
            "the peak is asked for, in GeV"
        )
    return float(width[narrowest])


def _fine(grid: Signal, resolution_GeV: float) -> Signal:
    """Return the masses of the scan: those asked for, and as many between as the decision needs.

    In the middle of a step of one resolution an Asimov peak has lost 10 % of its significance,
    of a third of one 1 % (test_resonance.py).
    """
    times = math.ceil(grid.step_GeV / (_SCAN_STEP * resolution_GeV) * (1 - _ROUNDING))
    return replace(grid, step_GeV=grid.step_GeV / max(times, 1))


def _every(grid: Signal) -> Signal:
    """Return the masses that get a limit."""
    steps = len(grid.masses_GeV) - 1
    times = max(1, math.ceil(steps / (MAX_LIMITS - 1)))
    if times == 1:
        return grid
    step = grid.step_GeV * times
    return Signal(grid.low_GeV, grid.low_GeV + step * (steps // times), step)


def _families(text: str | None, search: Search) -> tuple[str, ...]:
    if text is None:
        return search.peak.families
    families = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for family in families:
        _refuse_unknown(family, "--families", search)
    return families


def _refuse_unknown(family: str, option: str, search: Search) -> None:
    known = (*tables.FAMILIES, *search.peak.own)
    if family not in known:
        raise InputError(
            f"{option}: there is no family {shown(family)}{nearest(family, known)}; "
            f"there are: {', '.join(known)}"
        )


def _named(text: str, search: Search, sqrt_s_GeV: float) -> Function:
    """Return the function of ``FAMILY:N``."""
    family, _, number = text.rpartition(":")
    if not (family and _ORDER.fullmatch(number)):
        raise InputError(f"--order: {shown(text)} does not read FAMILY:N, such as exp:2")
    _refuse_unknown(family, "--order", search)
    own, parameters = search.peak.own, int(number) + 1  # N are beside the normalisation
    fewest, most = parameter_numbers(family, own)
    if not fewest <= parameters <= most:
        raise InputError(
            f"--order: {family} has {fewest - 1} to {most - 1} parameters beside its "
            f"normalisation, not {shown(number)}"
        )
    (function,) = functions(
        (family,), min_parameters=parameters, max_parameters=parameters, sqrt_s_GeV=sqrt_s_GeV,
        own=own,
    )  # fmt: skip
    return function


def _blind(text: str, bins: Bins) -> Window:
    low, high = _interval(text, "--blind")
    if not np.any((bins.high_GeV > low + _ROUNDING) & (bins.low_GeV < high - _ROUNDING)):
        raise InputError(
            f"--blind: no bin lies in {low:g} to {high:g} GeV; the spectrum goes from "
            f"{bins.low_GeV[0]:g} to {bins.high_GeV[-1]:g} GeV"
        )
    return Window(low, high)
