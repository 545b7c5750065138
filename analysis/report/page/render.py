"""From sections to one self-contained HTML file, the verdict first: no network, figures inside.

The template escapes everything that it is given; a sample called ``<script>`` is a text. The page's
own script (tables sort, figures enlarge) is the only one that browsers run: the page's security
policy names its digest, and forbids every request.
"""

# ruff: noqa: RUF001 - Greek is meant

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from importlib.resources import files

from analysis.report.folder_results import FolderResults
from analysis.report.page import history, inference, samples, search, selection_section
from analysis.report.page.layout import Image, Lead, Section, Table, known
from analysis.report.page.wording import count, in_pb, interval, number, sentence, sigma, with_error
from analysis.report.summary import counted_of
from analysis.results.limits import MassLimits
from analysis.results.verdict import Verdict

_FIGURES = {
    "discovery": "resonance_fit",
    "evidence": "resonance_fit",
    "limit": "mass_limits",
    None: "sideband_fit",
}
"""name of the figure that shows a decision"""


def render(results: FolderResults, images: Sequence[Image]) -> str:
    """Return the page.

    Parameters
    ----------
    results : FolderResults
    images : sequence of Image
        The figures; each goes to the end of the section of its anchor.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # An attribute that is not there is an error, not an empty place on the page.
    environment = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    script = files(__package__).joinpath("templates", "report.js").read_text(encoding="utf-8")
    said = verdict(results)
    return environment.get_template("report.html").render(
        title=_title(results),
        subtitle=_subtitle(results),
        caveats=results.caveats,
        verdict=said,
        lead=next((image for image in images if image.name == said.figure), None),
        sections=_sections(results, {image.section for image in images}),
        images=images,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _title(results: FolderResults) -> str:
    observed = None if results.run is None else results.run.data
    what = observed or ("data" if results.data else "expected results")
    return f"Search for X → γγ: {what}"


def _subtitle(results: FolderResults) -> str:
    energy = results.catalogue.collision_energy_GeV / 1000
    state = "no data" if results.data is None else "blind" if results.blind else "unblinded"
    return (
        f"Samples {results.catalogue.name}, √s = {energy:g} TeV, "
        f"{results.luminosity_invpb:.10g}/pb, {state}"
    )


def _sections(results: FolderResults, with_images: set[str]) -> list[Section]:
    sections = [
        samples.samples(results),
        samples.cutflow(results),
        selection_section.selection(results),
        selection_section.score(results),
        Section("spectrum", "Diphoton mass"),
        Section("n_minus_1", "Each cut's column after all the others"),
        *inference.sections(results),
        samples.ledger(results),
        history.history(results),
        Section("shapes", "All columns: shapes before the selection"),
        Section("yields", "All columns: yields before the selection"),
    ]
    # Figures of cuts and columns stand in sections without words, which go where there are none.
    return [s for s in sections if s.tables or s.sentences or s.anchor in with_images]


# ---- what stands first ---------------------------------------------------------------------------


def verdict(results: FolderResults) -> Lead:
    """Tell the verdict and the numbers that it rests on."""
    found = results.verdict
    if found is None:
        what = "There are no results here; `xyy infer` makes them."
        return Lead("Not inferred yet", (what,), Table(()))
    excluded = search.exclusions(results.limits)
    return Lead(
        _headline(found, results),
        (_because(found), *excluded, *(sentence(f"warning: {each}") for each in found.warnings)),
        _key_numbers(found, results),
        _FIGURES[found.decision],
    )


def _ends(limits: MassLimits | None) -> tuple[str, str] | None:
    """Return the smallest and the largest observed limit of all masses, if there are any."""
    observed = () if limits is None or limits.observed is None else limits.observed
    there = [value for value in observed if not math.isnan(value)]
    return (number(min(there), 2), number(max(there), 2)) if there else None


def _headline(found: Verdict, results: FolderResults) -> str:
    limits, ends = results.limits, _ends(results.limits)
    if found.decision is None:
        return f"{'No data' if results.data is None else 'Blind'}: expected results"
    if found.decision != "limit":
        what = "Discovery: a" if found.decision == "discovery" else "Evidence for a"
        more = len(found.resonances or ()) - 1
        others = f", and {more} more" if more > 0 else ""
        return f"{what} resonance at {interval(found.mass_GeV, 'GeV')}{others}"
    if limits is None or ends is None:
        return "No discovery"
    above, level = " to ".join(dict.fromkeys(ends)), limits.confidence_level
    return f"No discovery: cross-sections above {above} pb are excluded ({level:.0%} CL)"


def _because(found: Verdict) -> str:
    if found.decision is None or found.local_z is None:
        return sentence(found.reason)
    parts = [f"The best-fitting resonance has a local significance of {sigma(found.local_z)}"]
    if found.cross_section_pb is not None:
        parts.append(f"and a cross-section of {interval(found.cross_section_pb, 'pb')}")
    return " ".join(parts) + "." + (f" {sentence(found.reason)}" if found.reason else "")


def _key_numbers(found: Verdict, results: FolderResults) -> Table:
    rows = [
        ("Local significance", sigma(found.local_z)),
        *_with_other_backgrounds(found),
        ("Global significance", sigma(found.global_z)),
        ("Mass", interval(found.mass_GeV, "GeV")),
        ("Cross-section", interval(found.cross_section_pb, "pb")),
        *_count(found, results),
    ]
    if (ends := _ends(results.limits)) is not None:
        rows.append(("Upper limits from the shape, over all masses", f"{' to '.join(ends)} pb"))
    if found.decision is None:
        rows = [*known(rows), *_expected_significances(found)]
    why = found.global_z_reason
    notes = (f"Global significance: {why}.",) if why and why != found.reason else ()
    return Table(rows, notes=notes)


def _with_other_backgrounds(found: Verdict) -> Iterator[tuple[str, str]]:
    """Yield the local significances that a claim has to hold for, too."""
    if found.envelope_z is not None:
        yield "The same, functions profiled", sigma(found.envelope_z)
        yield "The same, all families of functions", search.spread(found.local_z_range)
    if found.systematic_z is not None:
        yield "The same, if the slope of the background may change", sigma(found.systematic_z)


def _count(found: Verdict, results: FolderResults) -> tuple[tuple[str, str], ...]:
    counting = found.counting
    if counting is None:
        return ()
    of = counted_of(() if results.counting is None else results.counting.channels)
    predicted = with_error(counting.predicted_events, counting.predicted_error_events)
    limit = counting.limit
    title = f"Upper limit on the cross-section (count, {limit.confidence_level:.0%} CL)"
    middle, *ends = (limit.expected_pb[band] for band in ("0", "-1", "1"))
    low, high = (number(end, 3) for end in ends)
    return (
        (f"Events observed in the window{of}", count(counting.observed_events)),
        (f"Events predicted from the sidebands{of}", predicted),
        ("Significance of the count", sigma(counting.z)),
        ("Significance of the count, the course's Z", sigma(counting.z_course)),
        (title, in_pb(limit.observed_pb)),
        ("Expected limit, with its 68 % range", f"{in_pb(middle)} ({low} to {high})"),
    )


def _expected_significances(found: Verdict) -> list[tuple[str, str]]:
    signals = {} if found.expected is None else found.expected.signals
    what = "Expected local significance, {0.mass_GeV:g} GeV with {0.cross_section_pb:g} pb"
    return [(what.format(signal), sigma(signal.fit_local_z)) for signal in signals.values()]
