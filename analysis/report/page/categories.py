"""The categories of a score: what each keeps, what fits it, and whether it bends the mass."""

from collections.abc import Sequence

from analysis.report.folder_results import FolderResults
from analysis.report.page.layout import Table
from analysis.report.page.wording import NOTHING, count, number, with_error
from analysis.report.plots.names import category_title, function_name
from analysis.results.background import ChannelBackground
from analysis.results.selection import ScoreCategory


def categories(results: FolderResults) -> Table | None:
    """Return the table of the categories in use, or None if there are none."""
    chosen = results.selection
    if chosen is None or chosen.score is None or results.score is None:
        return None
    if chosen.method != "categories":
        return None
    rows = chosen.score.categories
    fitted = {} if results.background is None else results.background.channels
    body = tuple(
        (category_title(name), *_kept(rows, place), *_fitted(fitted.get(name)))
        for place, name in enumerate(results.score.names)
    )
    head = ("Category", "score", "S", "B", "s", "data in the sidebands", "simulated B",
            "bends the mass, events", "under a peak", "spurious signal")  # fmt: skip
    signal, window = chosen.reference_signal, results.window
    note = (
        f"S of {signal} and B: expected in {window.min:g} to {window.max:g} GeV; s = S/√B. Data in "
        "the sidebands: expected. Simulated B: events that the fraction of B is taken from. Bends "
        "the mass: expected data events in the window beyond those that the sidebands and all "
        "other background let expect. Spurious signal: the largest, in events and in errors of the "
        "signal at that mass."
    )
    return Table(head, body, title="Categories", notes=(note,))


def _kept(rows: Sequence[ScoreCategory], place: int) -> tuple[str, ...]:
    """Return what one of the categories keeps."""
    row, bent = rows[place], rows[place].sculpting
    return (
        _range(rows, place),
        number(row.signal_events, 3),
        number(row.background_events, 4),
        number(row.s, 3),
        count(row.sideband_data_events),
        count(row.simulated_background_events),
        with_error(bent.size_events, bent.error_events) + (", flagged" if bent.flagged else ""),
    )


def _range(rows: Sequence[ScoreCategory], place: int) -> str:
    """Return between which edges a category lies."""
    low = rows[place].edge
    high = rows[place + 1].edge if place + 1 < len(rows) else None
    if low is None:
        return "all" if high is None else f"below {number(high, 3)}"
    return f"above {number(low, 3)}" if high is None else f"{number(low, 3)} to {number(high, 3)}"


def _fitted(channel: ChannelBackground | None) -> tuple[str, str]:
    """Return the function under a peak, and its largest spurious signal."""
    if channel is None:
        return NOTHING, NOTHING
    found = channel.peak.spurious
    at = int(abs(found.events).argmax())
    relative = abs(found.events[at]) / found.error_events[at] if found.error_events[at] else None
    size = f"{number(found.events[at], 2)} ({number(relative, 2)} σ)"  # noqa: RUF001 - Greek
    return function_name(channel.peak), f"{size} at {number(found.mass_GeV[at])} GeV"
