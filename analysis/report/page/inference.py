"""Sections on what was inferred: sidebands, count, fit of a resonance, limit.

Every number is that of a result file; a number that is not there is a dash, with the reason.
"""

# ruff: noqa: RUF001 - Greek is meant

import math
from collections.abc import Iterator, Mapping

from analysis.report.fits import all_together
from analysis.report.folder_results import FolderResults
from analysis.report.page import search
from analysis.report.page.layout import Section, Table, table
from analysis.report.page.wording import count, in_pb, interval, number, sentence, sigma, with_error
from analysis.report.plots.names import category_title, function_name
from analysis.report.summary import counted_of
from analysis.results.background import BackgroundFits, ChannelBackground
from analysis.results.counting import Counting, CountingLimit
from analysis.results.verdict import ResonanceFit, Verdict


def sections(results: FolderResults) -> Iterator[Section]:
    """Yield the sections of everything that was inferred."""
    counting, verdict = results.counting, results.verdict
    if results.background is not None:
        yield _sidebands(results.background)
    yield from search.selected_functions(results)
    if counting is not None:
        yield _counting(counting)
    yield from search.scan(results)
    if verdict is not None and verdict.fit is not None:
        yield _fit(verdict, verdict.fit)
    yield from search.referee(results)
    yield from search.mass_limits(results)
    if counting is not None:
        yield _limit(counting.limit)


def _sidebands(background: BackgroundFits) -> Section:
    """Tell the fit of the sidebands, of every category if there are several."""
    channels = background.channels
    several = len(channels) > 1
    said = _together(background) if several else _alone(background)
    warned = [
        f"{category_title(name)}: {text}" if several else text
        for name, channel in channels.items()
        for text in (sentence(f"warning: {warned}") for warned in channel.warnings)
    ]
    tables = _category_tables(channels) if several else _tables(next(iter(channels.values())))
    return Section("sidebands", "Background from the sidebands", (said, *warned), tables)


def _alone(background: BackgroundFits) -> str:
    (channel,) = background.channels.values()
    chosen, errors = channel.chosen, channel.predicted_errors_events
    low, high = channel.fit_range_GeV
    predicted = with_error(channel.predicted_events, channel.predicted_error_events)
    return (
        f"Fitted to the {background.of} from {number(low)} to {number(high)} GeV, the "
        f"window left out: {chosen.family} of order {chosen.order} predicts {predicted} "
        f"events in the window, a correction of {chosen.correction_events:+.3g} included for what "
        f"it misses on average. Parts of the uncertainty: fit {number(errors.fit, 3)}, spread "
        f"{number(errors.spread, 3)}, closure {number(errors.closure, 3)}."
    )


def _together(background: BackgroundFits) -> str:
    return (
        f"Fitted to the {background.of} outside the window, in each of the "
        f"{len(background.channels)} categories on its own. Together they predict "
        f"{with_error(*all_together(background))} events in the window."
    )


def _tables(channel: ChannelBackground) -> tuple[Table, ...]:
    candidates = [
        {
            "Function": function_name(c),
            "p (goodness of fit)": number(c.gof_pvalue, 2),
            "predicted, with fit uncertainty": with_error(c.uncorrected_events, c.fit_error_events),
            "closure bias": number(c.closure_bias_events, 3),
            "result": "accepted" if c.accepted else c.reason or "rejected",
        }
        for c in channel.candidates
    ]
    parameters = [
        {"Parameter": p.name, "value": with_error(p.value, p.error)}
        for p in channel.chosen.parameters
    ]
    spurious = [
        {
            "Test spectrum": spectrum,
            "largest spurious signal, events": with_error(s.events, s.error_events),
            "at": f"{s.mass_GeV:g} GeV",
        }
        for spectrum, s in channel.spurious_signal_events.items()
    ]
    what = "What the fit takes for a resonance where there is none"
    peak = f"The function under a peak: {channel.peak.family} of order {channel.peak.order}."
    return (
        table(candidates, "Functions tried"),
        table(parameters, "The chosen function"),
        table(spurious, what, peak),
    )


def _category_tables(channels: Mapping[str, ChannelBackground]) -> tuple[Table, ...]:
    """Return the fits of all categories in a table, and why functions were rejected."""
    chosen = [
        {
            "Category": category_title(name),
            "function": function_name(c.chosen),
            "range, GeV": " to ".join(number(end) for end in c.fit_range_GeV),
            "p (goodness of fit)": number(c.chosen.gof_pvalue, 2),
            "predicted": with_error(c.predicted_events, c.predicted_error_events),
        }
        for name, c in channels.items()
    ]
    rejected = [
        {
            "Category": category_title(name),
            "function": function_name(c),
            "why": c.reason or "rejected",
        }
        for name, channel in channels.items()
        for c in channel.candidates
        if not c.accepted
    ]
    return table(chosen, "The chosen functions"), table(rejected, "Functions rejected", prose=True)


def _counting(counting: Counting) -> Section:
    low, high = counting.window_GeV
    sentences = (
        f"Window: {low:g} to {high:g} GeV{counted_of(counting.channels)}.",
        sentence(counting.reason),
        _why_different(counting.predicted_events, counting.predicted_error_events),
    )
    tables = (_normalisation(counting), _closure_tests(counting), _signals(counting))
    return Section("counting", "Count in the signal window", sentences, tables)


def _why_different(predicted: float, error: float) -> str:
    """Return why the count sees so much less than the fit of the shape."""
    if not predicted or math.isnan(error):
        return ""
    # What an excess has to stand out of: Poisson fluctuations and the prediction's uncertainty.
    total = math.hypot(math.sqrt(predicted), error)
    return (
        f"The count adds up the whole window, where {count(predicted)} background events are "
        f"expected and known to {number(error, 3)} from the sidebands alone: an excess is seen "
        f"against {number(total, 3)} events, wherever it lies. The fit of the shape sets a peak "
        "against the few events under it, measures the background from both sides of it in the "
        "same spectrum, and says where it is. Both use the same data: they are not to be combined."
    )


def _normalisation(counting: Counting) -> Table:
    found = counting.normalisation
    expected = with_error(found.expected_sideband_events, found.expected_sideband_error_events)
    rows = (
        ("Data", count(found.data_sideband_events)),
        ("Simulation", expected),
        ("Ratio", number(found.ratio, 4)),
    )
    return Table(rows, "Events in the sidebands", (sentence(found.reason),))


def _closure_tests(counting: Counting) -> Table:
    rows = [
        {
            "Simulation": _tested(name),
            "counted": count(r.observed_events),
            "predicted": with_error(r.predicted_events, r.predicted_error_events),
            "z": sigma(r.z),
            "z of as many data": sigma(r.expected_data_z),
        }
        for name, r in counting.rehearsal.items()
    ]
    note = "z is by the statistics of the simulation, which has fewer events than the data."
    return table(rows, "Closure test on simulation", note)


def _tested(name: str) -> str:
    """Return what was tested.

    >>> _tested("background_only"), _tested("with_signal_500")
    ('background only', 'with a signal of 500 GeV')
    """
    mass = name.removeprefix("with_signal_")
    return name.replace("_", " ") if mass == name else f"with a signal of {mass} GeV"


def _signals(counting: Counting) -> Table:
    rows = [
        {
            "Signal": name,
            "mass": f"{s.mass_GeV:g} GeV",
            "cross-section": f"{s.cross_section_pb:g} pb",
            "events": number(s.signal_events),
            "z in the count": sigma(s.counting_z),
            "local z in the fit": sigma(s.fit_local_z),
        }
        for name, s in counting.expected.signals.items()
    ]
    of = f"On the background predicted from the {counting.expected.of}."
    return table(rows, "What the simulated signals would give", of)


def _fit(verdict: Verdict, fit: ResonanceFit) -> Section:
    rows = (
        ("Local significance", sigma(verdict.local_z)),
        ("Mass", interval(fit.mass_GeV, "GeV")),
        ("Width of the peak", "" if fit.width_GeV is None else f"{fit.width_GeV:.1f} GeV"),
        ("Signal events", interval(fit.signal_events)),
        ("Cross-section", interval(fit.cross_section_pb, "pb")),
        *search.goodness(fit),
    )
    what = "Background and a peak of free mass, fitted together to the spectrum."
    quoted = verdict.mass_GeV is not None
    note = "" if quoted else "The best fit is shown for completeness: it is not a measurement."
    return Section(
        "fit", "Fit of a resonance", (what, note), (Table(rows), *search.compatibility(fit))
    )


def _limit(limit: CountingLimit) -> Section:
    bands = limit.expected_pb
    rows = (
        ("Observed", in_pb(limit.observed_pb)),
        ("Expected", in_pb(bands["0"])),
        ("Expected, 68 %", f"{number(bands['-1'], 3)} to {in_pb(bands['1'])}"),
        ("Expected, 95 %", f"{number(bands['-2'], 3)} to {in_pb(bands['2'])}"),
    )
    what = (
        "CLs upper limit on the cross-section of X → γγ from the count, at "
        f"{limit.confidence_level:.0%} confidence level. The efficiency is that of "
        f"{limit.efficiency_of}."
    )
    title = "Limit on the cross-section from the count"
    return Section("limit", title, (what,), [Table(rows, notes=[sentence(limit.reason)])])
