"""What toys of open spectra showed, with its uncertainty, and what was wanted: ``spectra.json``.

What was wanted is the acceptance of this project, set before these numbers were known, of all
smooth truths together. A row whose `low` and `high` are both None is shown, not judged.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from analysis.results.calibration import SpectraCalibration
from analysis.results.checks import Check
from analysis.settings.search import Decision
from analysis.validation.documents import origin
from analysis.validation.found import CLAIMS
from analysis.validation.open_spectra import MASSES_GeV, Named, OpenToys, SpectraResults
from analysis.validation.rates import Place, moments_of, unjudged
from tools.arrays import FloatArray

_COVERAGE = (0.62, 0.74)
_MEAN_PULL = {5.0: 0.2, 8.0: 0.1}
"""largest, by strength"""
_SMOOTH_EVIDENCE, _KINKED = 3 / 400, {"discovery": 1 / 40, "evidence or discovery": 2 / 40}
_KINKED_EVENTS = 5e4
_POWER, _IDEAL, _POWER_EVENTS = 0.9, 8.0, (5e3, 5e4)
_FEW_PARAMETERS, _FEW = 4, 0.9
_SMOOTH = "smooth truths"


def document(results: SpectraResults, *, workers: int) -> SpectraCalibration:
    """Return what ``spectra.json`` holds."""
    campaign = results.campaign
    return SpectraCalibration(
        size=campaign.size,
        seed=campaign.seed,
        workers=workers,
        choices=dict(_choices(results)),
        injected_events=_injected(results),
        checks=tuple(checks(results)),
        provenance=origin(),
    )


def _events(events: float) -> str:
    return f"{events:,.0f} events"


def _choices(results: SpectraResults) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the fractions of toys that chose each function, strengths together."""
    for truth, events in dict.fromkeys((truth, events) for truth, events, _ in results.cells):
        cells = [t for named, t in results.cells.items() if named[:2] == (truth, events)]
        names = OpenToys.joined(cells).function.tolist()
        counted = Counter(names).most_common(5)
        yield f"{truth}, {_events(events)}", {n: round(k / len(names), 4) for n, k in counted}


def _injected(results: SpectraResults) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (truth, events, sigma), cell in results.campaign.cells.items():
        own = found.setdefault(f"{truth}, {_events(events)}", {})
        each = zip(MASSES_GeV, cell.events, strict=True)
        own |= {f"{mass:g} GeV, {sigma:g} sigma": round(float(s), 1) for mass, s in each if sigma}
    return found


def checks(results: SpectraResults) -> Iterator[Check]:
    """Yield everything; first what is judged."""
    thresholds = results.campaign.search.decision
    yield from _wanted(results)
    for (truth, events, sigma), toys in results.cells.items():
        name = f"{truth}, {_events(events)}"
        if not sigma:
            yield from map(unjudged, _empty(Place("empty", name), toys, thresholds))
            continue
        name += f", {sigma:g} sigma"
        yield from map(unjudged, _power(Place("power", name), toys, thresholds))
        if sigma in _MEAN_PULL:
            yield from map(unjudged, _intervals(Place("intervals", name), toys, sigma))


def _wanted(results: SpectraResults) -> Iterator[Check]:
    """Yield the numbers that something was wanted of."""
    here = Place("wanted", f"{_SMOOTH}, no signal")
    yield from _claims(here, results.smooth(0.0), 0.0, _SMOOTH_EVIDENCE)
    named: Named = ("kinked", _KINKED_EVENTS, 0.0)
    here = Place("wanted", f"kinked, {_events(_KINKED_EVENTS)}, no signal")
    yield from _claims(here, results.cells[named], *_KINKED.values())
    for events in _POWER_EVENTS:
        toys = results.smooth(_IDEAL, events).verdicts
        here = Place("wanted power", f"{_SMOOTH}, {_events(events)}, {_IDEAL:g} sigma")
        yield here.rate("evidence or discovery", toys.claimed, _POWER)
    for sigma in _MEAN_PULL:
        here = Place("wanted intervals", f"{_SMOOTH}, {sigma:g} sigma")
        yield from _intervals(here, results.smooth(sigma), sigma)
    for (truth, events, _), toys in results.coarse.items():
        here = Place("parameters", f"{truth}, {_events(events)}")
        what = f"at most {_FEW_PARAMETERS} parameters"
        yield here.rate(what, toys.parameters <= _FEW_PARAMETERS, _FEW)
        yield here.number("mean number", float(toys.parameters.mean()))


def _claims(here: Place, toys: OpenToys, discovery: float, evidence: float) -> Iterator[Check]:
    own = toys.verdicts
    yield here.rate("discovery", own.decision == "discovery", None, discovery)
    yield here.rate("evidence or discovery", own.claimed, None, evidence)


def _alone(here: Place, own: OpenToys, thresholds: Decision) -> Iterator[Check]:
    """Yield what would be claimed without an allowance for a change of slope, or the like."""
    decision = own.by_z_alone(thresholds)
    yield here.rate("discovery by Z alone", decision == "discovery")
    yield here.rate("claimed by Z alone", np.isin(decision, CLAIMS))


def _empty(here: Place, toys: OpenToys, thresholds: Decision) -> Iterator[Check]:
    yield from _claims(here, toys, 0.0, 0.0)
    yield from _alone(here, toys.verdicts, thresholds)
    yield here.rate("P(local Z > 3 anywhere)", toys.local_z > thresholds.evidence_global_z)
    yield here.number("mean of the largest local Z", float(toys.local_z.mean()), n=len(toys.number))
    yield here.number("mean number of parameters", float(toys.parameters.mean()))


def _power(here: Place, toys: OpenToys, thresholds: Decision) -> Iterator[Check]:
    own = toys.verdicts
    yield from _claims(here, own, 0.0, 0.0)
    yield from _alone(here, own, thresholds)
    yield here.rate("poor fit", own.poor_fit)
    yield here.number("median local Z", float(np.median(toys.local_z)), n=len(toys.number))
    claimed = own.some(own.claimed)
    yield from _median(here, "local Z of claims", claimed.local_z)
    yield from _median(here, "global Z of claims", claimed.global_z)
    yield from _median(here, "systematic Z of claims", claimed.systematic_z)
    limited = own.some(np.isfinite(own.limit))
    yield here.rate("limit covers", limited.limit >= limited.events)


def _median(here: Place, what: str, values: FloatArray) -> Iterator[Check]:
    known = values[np.isfinite(values)]
    if len(known):
        yield here.number(what, float(np.median(known)), n=len(known))


def _intervals(here: Place, toys: OpenToys, sigma: float) -> Iterator[Check]:
    """Yield coverages and pulls of all toys, claimed or not."""
    for name, pulls in (("strength", toys.strength_pull), ("mass", toys.mass_pull)):
        yield here.rate(f"{name} covered", np.abs(pulls) <= 1, *_COVERAGE)
        pull, most = moments_of(pulls[np.isfinite(pulls)]), _MEAN_PULL[sigma]
        yield here.number(f"mean pull, {name}", pull.mean, pull.mean_error, -most, most, n=pull.n)
        yield here.number(f"width, {name}", pull.width, pull.width_error, n=pull.n)
