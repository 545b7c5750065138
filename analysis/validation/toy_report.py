"""What the campaigns' document holds of their results."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.results.calibration import (
    CategoryParts,
    MachineOrigin,
    SearchCalibration,
)
from analysis.results.checks import Check
from analysis.results.codec import Numbers, from_json
from analysis.statistics.spectra.bins import between
from analysis.validation.background_toys import BackgroundToys
from analysis.validation.fixed_model import Setting
from analysis.validation.rates import rounded
from analysis.validation.toy_campaigns import ToyResults
from analysis.validation.toy_checks import checks
from tools.json_file import read_json
from tools.machine import machine
from tools.provenance import provenance

_DIGITS = 5


def document(results: ToyResults, *, workers: int) -> SearchCalibration:
    """Return what ``statistics.json`` holds."""
    campaigns = results.campaigns
    return SearchCalibration(
        size=campaigns.size,
        seed=campaigns.seed,
        workers=workers,
        windows=campaigns.windows,
        window_events={name: _in_window(s) for name, s in campaigns.background.items()},
        parts=_parts(next(iter(campaigns.background.values()))) if campaigns.several else None,
        choices={
            place: parts
            for name, toys in {**results.background, **results.outside}.items()
            for place, parts in _choices(name, toys)
        },
        injected_events={
            name: {f"{p.mass_GeV:g} GeV, {p.sigma:g} sigma": round(p.events, 3) for p in own.points}
            for name, own in campaigns.injection.items()
        },
        checks=tuple(_rounded(check) for check in checks(results)),
        provenance=MachineOrigin(**provenance(machine=machine())),
    )


def read_calibration(path: Path) -> SearchCalibration:
    """Read ``statistics.json``, or that of categories.

    Raises
    ------
    InputError
        If it is missing, or holds something else.
    """
    made_by = "make calibration"
    found = read_json(path, made_by=made_by)
    return from_json(SearchCalibration, found, path, advice=f"make it again with `{made_by}`")


def _in_window(setting: Setting) -> float:
    tournament, window = setting.tournament, setting.search.window
    inside = between(tournament.low_GeV, tournament.high_GeV, window.low_GeV, window.high_GeV)
    return round(float(sum(expected[inside].sum() for expected in setting.expected)), 1)


def _parts(setting: Setting) -> CategoryParts:
    """Return what part of the selected background, and of all signal events, categories have."""
    events = np.array([expected.sum() for expected in setting.expected])
    signal = [each.values[0] for each in setting.signal.efficiency]
    return CategoryParts(
        background=_five_decimals(events / events.sum()), signal=_five_decimals(signal)
    )


def _five_decimals(parts: Iterable[float]) -> Numbers:
    return np.array([round(float(part), 5) for part in parts])


def _choices(name: str, toys: BackgroundToys) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each channel with the fractions of toys that chose functions, most frequent first."""
    in_order = toys.functions[np.argsort(toys.number, kind="stable")]
    channels = in_order.shape[1]
    for channel, chosen in enumerate(in_order.T):
        place = name if channels == 1 else f"{name}: category {channel + 1}"
        counted = Counter(map(str, chosen)).most_common()
        yield place, {function: round(k / len(chosen), 4) for function, k in counted}


def _rounded(check: Check) -> Check:
    """Return a check with five digits."""
    error = None if check.error is None else rounded(check.error, _DIGITS)
    return replace(check, observed=rounded(check.observed, _DIGITS), error=error)
