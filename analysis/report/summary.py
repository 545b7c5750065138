"""What a terminal shows at the end: tables that can be pasted into a chat or a logbook."""

import math
from collections.abc import Iterable, Sequence

from analysis.folder.folder import Folder, generated_samples
from analysis.results.background import SpectrumBackground
from analysis.results.counting import Counting, CountingLimit
from analysis.results.freeze import Freeze
from analysis.results.ledger import Identity, Ledger
from analysis.results.limits import MassLimits, Ranges
from analysis.results.scan import Scan
from analysis.results.selection import ChosenSelection, ScoreRecord
from analysis.results.verdict import Verdict
from tools.names import span

TITLES = {
    "none": "window only",
    "n_jets<5": "n_jets < 5",
    "best_n_jets": "best n_jets cut",
    "course_cuts": "the course's four cuts",
    "best_cuts": "best cuts",
    "score_cut": "one score cut",
    "categories": "categories",
    "bound": "bound",
    "final": "chosen selection",
}
METHODS = {"cuts": "best cuts", "score": "one score cut", "categories": "categories of a score"}


def selection_table(chosen: ChosenSelection) -> str:
    """Return the course's table of figures of merit, one row a kind of selection."""
    signals = list(chosen.by_signal)
    lines = [_row("", signals)]
    for key, title in TITLES.items():
        cells = [_cell(chosen, name, key) for name in signals]
        if any(cells):
            lines.append(_row(title, cells))
    if chosen.expected_fit_z:
        lines.append("expected significance of the fit, backgrounds free:")
        for method, z in chosen.expected_fit_z.items():
            cells = [f"{z[name]:.2f}" if name in z else "" for name in signals]
            lines.append(_row(f"  {METHODS[method]}", cells))
    text = ", ".join(f"{name} < {cut.max:g}" for name, cut in chosen.best_cuts.items())
    lines.append(f"best cuts, chosen for {chosen.reference_signal}: {text or 'no cut'}")
    optimism = chosen.optimism
    lines.append(
        f"  chosen on one half of the simulation: {_value(optimism.chosen_on_half)} there, "
        f"{_value(optimism.checked_on_other_half)} +- {_value(optimism.error)} on the other"
    )
    lines += [] if chosen.score is None else _score_lines(chosen.score)
    lines += [f"  note: {text}" for text in objections(chosen)]
    lines.append(f"in use: {METHODS[chosen.method]}")
    return "\n".join(lines)


def objections(chosen: ChosenSelection) -> list[str]:
    """Return what the guards of a selection object to: the same of two methods once."""
    against: dict[str, list[str]] = {}
    for method, flags in chosen.flags.items():
        for flag in flags:
            against.setdefault(flag, []).append(METHODS[method])
    text = [f"against {' and '.join(methods)}: {flag}" for flag, methods in against.items()]
    text += [
        f"the cut on {name} distorts the mass spectrum by {distortion.size_events:+,.0f} +- "
        f"{distortion.error_events:,.0f} events"
        for name, distortion in chosen.sculpting.items()
        if distortion.flagged
    ]
    return text


def _row(title: str, cells: Iterable[str]) -> str:
    return f"{title:24s}" + "".join(f"{cell:>18s}" for cell in cells)


def _score_lines(score: ScoreRecord) -> list[str]:
    """Return the categories of a score and its guards."""
    kind, rows = score.kind.replace("_", " "), score.categories
    head = "".join(f"{word:>14s}" for word in ("score from", "S", "B", "s", "sidebands"))
    lines = [f"{len(rows)} categories of a score ({kind}):", f"  {head}"]
    for row in rows:
        edge = "any" if row.edge is None else f"{row.edge:g}"
        cells = (row.signal_events, row.background_events, row.s)
        text = "".join(f"{f'{cell:,.4g}':>14s}" for cell in cells)
        lines.append(f"  {edge:>14s}{text}{row.sideband_data_events:>14,.0f}")
    for found, words in (
        (score.overtraining, "on the half that trained it"),
        (score.optimism, "where its edges were chosen"),
    ):
        elsewhere = f"{found.elsewhere:.2f} +- {found.error:.2f} on the other half"
        lines.append(f"  {words}: {found.there:.2f}, {elsewhere}")
    return lines


def _cell(chosen: ChosenSelection, signal: str, key: str) -> str:
    value, error = chosen.by_signal[signal][key], chosen.by_signal_errors[signal][key]
    return "" if value is None else f"{value:.2f} +- {error:.2f}"


def _value(number: float | None, digits: int = 2) -> str:
    return "none" if number is None or math.isnan(number) else f"{number:.{digits}f}"


def verdict_summary(folder: Folder) -> str:
    """Return the verdict of a folder in a few lines, with every caveat about it."""
    verdict = folder.load(Verdict, made_by="infer")
    counting = folder.load(Counting, made_by="infer")
    lines = [_headline(verdict), *_fit_lines(verdict), *_toys_line(folder.load_if_there(Scan))]
    lines += _mass_limit_lines(folder.load_if_there(MassLimits))
    lines += [_counting_line(counting), _limit_line(counting.limit)]
    lines += [f"  note: {text}" for text in _caveats(folder, verdict)]
    lines += [*_about(folder), f"  all of it: {folder.path}"]
    return "\n".join(lines)


def _toys_line(scan: Scan | None) -> list[str]:
    found = None if scan is None else scan.global_
    if found is None or found.toys is None:
        return []
    toys, formula = found.toys, f"the formula, {found.gross_vitells_p:.2g},"
    who = f"{formula} decides" if found.method != "toys" else f"they exclude {formula} and decide"
    told = f"p in [{toys.p_low:.2g}, {toys.p_high:.2g}] (68 %)"
    return [f"  anywhere: {toys.exceeding:,} of {toys.n:,} toys: {told}; {who}"]


def _about(folder: Folder) -> list[str]:
    """Return of which data this is the verdict: the lines are read where nobody knows."""
    run, frozen = folder.load_if_there(Identity), folder.load_if_there(Freeze)
    if run is None or frozen is None:
        return []
    energy, luminosity = frozen.energy_and_luminosity
    where = f"{energy / 1000:g} TeV, {luminosity:.10g} /pb"
    return [f"  X -> yy, data: {run.data or 'none'}, samples: {run.samples} ({where})"]


def _headline(verdict: Verdict) -> str:
    if verdict.decision is None:
        return f"NO VERDICT YET: {verdict.reason}"
    titles = {
        "discovery": "DISCOVERY: there is a resonance",
        "evidence": "EVIDENCE: there may be a resonance",
        "limit": "LIMIT: no significant resonance",
    }
    return titles[verdict.decision]


def _fit_lines(verdict: Verdict) -> list[str]:
    if verdict.local_z is None:
        signals = {} if verdict.expected is None else verdict.expected.signals
        return [
            f"  expected for {s.mass_GeV:g} GeV at {s.cross_section_pb:g} pb: "
            f"{s.fit_local_z:.1f} sigma in the fit, {s.counting_z:.1f} in the count"
            for s in signals.values()
        ]
    everywhere = _value(verdict.global_z)
    if verdict.global_z is None and verdict.global_z_reason is not None:
        everywhere = verdict.global_z_reason
    lines = [f"  local significance {verdict.local_z:.2f} sigma; global: {everywhere}"]
    if verdict.local_z_range is not None and verdict.envelope_z is not None:
        low, high = verdict.local_z_range
        lines.append(
            f"  with all families of functions {low:.2f} to {high:.2f}, profiled "
            f"{verdict.envelope_z:.2f} sigma"
        )
    if verdict.systematic_z is not None:
        lines.append(f"  after an allowance for a change of slope {verdict.systematic_z:.2f} sigma")
    for what, found, digits, unit in (
        ("mass", verdict.mass_GeV, 1 if verdict.unit == "pb" else 2, "GeV"),
        ("cross-section", verdict.cross_section_pb, 2, "pb"),
        ("signal", verdict.signal_events, 1, "events"),
    ):
        if found is not None:
            distances = found.high - found.value, found.value - found.low
            up, down = (_value(distance, digits) for distance in distances)
            lines.append(f"  {what:13s} {found.value:.{digits}f} +{up} -{down} {unit}")
    lines += [
        f"  and at {other.mass_GeV.value:.1f} GeV: {other.local_z:.2f} sigma, global "
        f"{other.global_z:.2f} ({other.decision})"
        for other in (verdict.resonances or ())[1:]
    ]
    return lines


def _deviance_lines(verdict: Verdict) -> list[str]:
    """Return deviance over degrees of freedom without and with a resonance, if it was fitted."""
    found = None if verdict.fit is None else verdict.fit.goodness_of_fit
    without, with_x = (
        (None, None)
        if found is None
        else (found.background_only_deviance, found.with_signal_deviance)
    )
    if without is None or with_x is None:
        return []
    texts = (f"{each.deviance:.1f} / {each.degrees_of_freedom}" for each in (without, with_x))
    return [f"  {'deviance':13s} {next(texts)} without a resonance, {next(texts)} with it"]


def _mass_limit_lines(limits: MassLimits | None) -> list[str]:
    """Return what the limits against mass exclude, if there are any."""
    if limits is None or limits.benchmark is None:
        return []
    ranges = limits.excluded_GeV
    parts = [
        f"{words} {_ranges(found)}"
        for words, found in (("excluded", ranges.observed), ("expected", ranges.expected))
        if found is not None
    ]
    what = f"{limits.benchmark:g} pb at {100 * limits.confidence_level:g} % CL"
    if limits.given:
        what += f", given X({', '.join(f'{each.mass_GeV:.1f}' for each in limits.given)})"
    return [f"  {what}, from the shape: {'; '.join(parts)}"]


def _ranges(ranges: Ranges) -> str:
    return " and ".join(f"{span(low, high)} GeV" for low, high in ranges) or "nowhere"


def _counting_line(counting: Counting) -> str:
    (low, high), of = counting.window_GeV, counted_of(counting.channels)
    events, error = counting.predicted_events, counting.predicted_error_events
    count, predicted = f"  count in [{low:g}, {high:g}) GeV{of}", f"{events:,.0f} +- {error:,.0f}"
    if counting.observed_events is None:
        return f"{count}: {predicted} predicted"
    z = f"z = {_value(counting.z)} (the course's Z: {_value(counting.z_course)})"
    return f"{count}: {counting.observed_events:,.0f} observed, {predicted} predicted: {z}"


def counted_of(channels: Sequence[str]) -> str:
    """Return of which categories a count is, as the end of a phrase; nothing if there are none.

    >>> counted_of(("score_5", "score_6")), counted_of(("all",))
    (', categories 5, 6', '')
    """
    numbers = [name.removeprefix("score_") for name in channels if name.startswith("score_")]
    if not numbers:
        return ""
    return f", categor{'ies' if len(numbers) > 1 else 'y'} {', '.join(numbers)}"


def _limit_line(limit: CountingLimit) -> str:
    middle, low, high = (_value(limit.expected_pb[band]) for band in ("0", "-1", "1"))
    text = f"{middle} pb expected ({low} to {high})"
    if limit.observed_pb is not None:
        text = f"{limit.observed_pb:.2f} pb, {text}"
    level = 100 * limit.confidence_level
    return f"  cross-section from the count, {level:g} % CLs upper limit: {text}"


def _caveats(folder: Folder, verdict: Verdict) -> list[str]:
    ledger = folder.load_if_there(Ledger)
    generated = generated_samples(folder.load_if_there(Identity), ledger)
    notes = list(verdict.warnings)
    if ledger is not None and ledger.unweighted_samples:
        names = ", ".join(ledger.unweighted_samples)
        notes.append(f"every event counts alike: the weights of {names} are not used")
    if generated:
        notes.append(f"these samples were generated, not read from files: {', '.join(generated)}")
    if not verdict.complete:
        notes.append("events were lost on the way: see ledger.json")
    if verdict.after_unblinding:
        notes.append(f"decisions changed after unblinding: {verdict.after_unblinding}")
    return notes


def spectrum_summary(folder: Folder) -> str:
    """Return the verdict on a binned spectrum in a few lines."""
    verdict = folder.load(Verdict, made_by="infer")
    background = folder.load(SpectrumBackground, made_by="infer")
    limits = folder.load(MassLimits, made_by="infer")
    lines = [_headline(verdict), *_fit_lines(verdict)]
    peak = next(iter(background.channels.values())).peak
    low, high = peak.fit_range_GeV
    lines.append(f"  background    {peak.family} {peak.order}, {low:g} to {high:g} GeV")
    lines += _deviance_lines(verdict)
    for what, found in (("limits", limits.observed), ("expected", limits.expected["0"])):
        there = [] if found is None else [limit for limit in found if not math.isnan(limit)]
        if there:
            lines.append(f"  {what:13s} {min(there):.3g} to {max(there):.3g} events")
    lines += [f"  note: {text}" for text in verdict.warnings]
    lines.append(f"  all of it: {folder.path}")
    return "\n".join(lines)
