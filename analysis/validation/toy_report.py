"""The campaigns' document, and the page that is made of it and of nothing else."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.bench.measure import machine
from analysis.results.calibration import (
    CalibrationOrigin,
    CategoryParts,
    Machine,
    SearchCalibration,
)
from analysis.results.checks import Check
from analysis.results.codec import Numbers, from_json
from analysis.validation.background_toys import Empty
from analysis.validation.fixed_model import Setting
from analysis.validation.toy_campaigns import Results
from analysis.validation.toy_checks import checks
from tools.json_file import read_json
from tools.provenance import provenance

_TITLES = {
    "local": "No resonance: local significance at a fixed mass",
    "global": "No resonance: global significance",
    "formula": "The formula of Gross and Vitells",
    "injection": "A resonance",
    "outside": "Truths that no candidate contains",
    "optimum": "Close to the optimum",
    "gain": "What categories gain",
    "speed": "Speed",
}
_TEXTS = {
    "local": """
Each toy chooses its own background function on its own sidebands. Nominal are 0.0228 and 0.00135.
""",
    "global": """
The formula of Gross and Vitells at the largest local significance, with the upcrossings of toys of
the function that the toy chose.
""",
    "formula": """
Against toys of the frozen model: the function that the tournament chooses on the truth.
""",
    "injection": """
Strengths in expected errors of S. Pulls are sign(S - S0) sqrt(D(S0) - D(S)), those of the quoted
intervals; the mean of (S - S0)/error stands beside them, as that error shrinks with a downward
fluctuation. A toy's resonance has a width of 30 GeV x U(0.9, 1.1), as in the universes, whose
6 % the fit has as a nuisance parameter; of "width 30 GeV" it has the simulated one, so that the
intervals must cover a little more than they say (told, not judged). All points share a toy's
sidebands, which choose the function; their windows are independent.
""",
    "outside": """
No resonance. The price: expected error of S, mean over the toys and the masses, over that of a fit
of the window that knows nothing of spurious signals or of an error of the width.
""",
    "optimum": """
An exponential of 120 GeV without fluctuations; expected significance of 5.4 pb and median limit,
over those of the ideal fit of the window with a polynomial of order 1, 2 or 3. Judged is the
function that the tournament chooses in the window, by the polynomial with as many parameters; where
it prefers the full range, what it gains stands beneath.
""",
    "gain": """
Median expected limit on the cross-section with the best rectangular cuts over that with categories,
without fluctuations; with the same function in the window for all, or with what the tournament
chooses for each, spurious signals included. Expected significances beside.
""",
    "speed": "\nWall-clock seconds, on a machine that did other things, too.\n",
}


_OF_CATEGORIES = """Six categories of the likelihood ratio, fitted together: common mass and
cross-section, each category with its own tournament on its own sidebands, its own background and
spurious signal. Their parts of the background are {background}, of a signal {signal}. The formula
of Gross and Vitells takes the upcrossings of the combination of functions that the tournament
chooses on the truth, as nearly every toy has a combination of its own; those of some of these stand
beside it. To the sidebands of each toy without a resonance {windows} windows are drawn (no
tournament reads them): so many spectra has a toy, and errors are those of the spread between
toys. With a resonance the toys of one point are few: they are told, and judged are all masses at
each strength, and all strengths at each mass."""


def document(results: Results, *, workers: int) -> SearchCalibration:
    """Return what ``statistics.json`` holds."""
    campaigns = results.campaigns
    return SearchCalibration(
        size=campaigns.size,
        seed=campaigns.seed,
        workers=workers,
        windows=campaigns.windows,
        window_events={name: _in_window(s) for name, s in campaigns.empty.items()},
        parts=_parts(next(iter(campaigns.empty.values()))),
        choices={
            place: parts
            for _, name, toys in results.empties()
            for place, parts in _choices(name, toys)
        },
        injected_events={
            name: {f"{p.mass_GeV:g} GeV, {p.sigma:g} sigma": round(p.events, 3) for p in wanted}
            for name, (_, wanted, _) in campaigns.injection.items()
        },
        checks=tuple(_rounded(check) for check in checks(results)),
        provenance=CalibrationOrigin(**provenance(machine=Machine(**machine()))),
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
    inside = tournament.low_GeV > window.low_GeV - 1e-6
    inside &= tournament.high_GeV < window.high_GeV + 1e-6
    return round(float(sum(expected[inside].sum() for expected in setting.expected)), 1)


def _parts(setting: Setting) -> CategoryParts | None:
    """Return what part of the selected background, and of all signal events, categories have."""
    if len(setting.expected) == 1:
        return None
    events = np.array([expected.sum() for expected in setting.expected])
    signal = [each.values[0] for each in setting.signal.efficiency]
    return CategoryParts(
        background=_five_decimals(events / events.sum()), signal=_five_decimals(signal)
    )


def _five_decimals(parts: Iterable[float]) -> Numbers:
    return np.array([round(float(part), 5) for part in parts])


def _choices(name: str, toys: Empty) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each channel with the fractions of toys that chose functions, most frequent first."""
    channels = len(toys.held[0].channels)
    for channel in range(channels):
        chosen = Counter(toys.held[i].channels[channel].name for i in toys.choice)
        place = name if channels == 1 else f"{name}: category {channel + 1}"
        yield place, {n: round(k / len(toys.choice), 4) for n, k in chosen.most_common()}


def _rounded(check: Check) -> Check:
    """Return a check with five digits."""
    error = None if check.error is None else float(f"{check.error:.5g}")
    return replace(check, observed=float(f"{check.observed:.5g}"), error=error)


def page(told: SearchCalibration) -> str:
    """Return the page, in Markdown."""
    return "\n".join(_lines(told)) + "\n"


def _lines(told: SearchCalibration) -> Iterator[str]:
    judged, missed = told.judged
    made, size, parts = told.provenance, told.size, told.parts
    file, option = (
        ("statistics_categories.json", " --categories") if parts else ("statistics.json", "")
    )
    yield f"# Calibration of the shape search{' with categories' if parts else ''}"
    yield ""
    yield (
        f"Made of [{file}]({file}) by `python -m analysis.validation{option} --page`; "
        "the file is made by `make calibration`."
    )
    yield (
        f"{size.local:,} toys of each truth without a resonance ({size.scans:,} of them "
        f"scanned), {size.injected:,} at each point with one; seed {told.seed}, "
        f"{told.workers} workers, {made.machine.cpu}, {made.written[:10]}."
    )
    if parts:
        text = _OF_CATEGORIES.format(
            background=_listed(parts.background), signal=_listed(parts.signal),
            windows=told.windows,
        )  # fmt: skip
        yield from ("", *text.split("\n"))
    yield ""
    yield (
        f"**{judged - missed} of {judged} numbers are what was wanted.** The others are marked "
        "with ✗. Errors are those of the number of toys."
    )
    for section, title in _TITLES.items():
        rows = [check for check in told.checks if check.section == section]
        if not rows:
            continue
        yield from ("", f"## {title}", _TEXTS[section])
        yield from _table(rows)
    yield from ("", "## What the toys chose", "")
    for name, chosen in told.choices.items():
        some = ", ".join(f"{held} {part:.0%}" for held, part in list(chosen.items())[:5])
        yield f"- {name}: {some}"


def _listed(parts: Numbers) -> str:
    return " / ".join(f"{part:.2g}" for part in parts)


def _table(rows: Sequence[Check]) -> Iterator[str]:
    """Yield a table: settings down, numbers across; what is wanted stands in a number's head."""
    columns = list(dict.fromkeys(row.what for row in rows))
    by_place = {(row.setting, row.what): row for row in rows}
    heads = {what: {row.wanted for row in rows if row.what == what} - {""} for what in columns}
    titles = [f"{c} ({'; '.join(sorted(heads[c]))})" if heads[c] else c for c in columns]
    yield f"| | {' | '.join(titles)} |"
    yield f"|---|{'---|' * len(columns)}"
    for setting in dict.fromkeys(row.setting for row in rows):
        cells = (_cell(by_place.get((setting, what))) for what in columns)
        yield f"| {setting} | {' | '.join(cells)} |"


def _cell(row: Check | None) -> str:
    if row is None or not np.isfinite(row.observed):
        return ""
    known = row.error is not None and np.isfinite(row.error)
    error = f" ± {row.error:.2g}" if known else ""
    return f"{row.observed:.3g}{error}{' ✗' if row.meets is False else ''}"
