"""From sections to one self-contained HTML file: no network, figures inside.

The template escapes everything that it is given; a sample called ``<script>`` is a text. The page's
own script (tables sort, figures enlarge) is the only one that browsers run: the page's security
policy names its digest, and forbids every request.
"""

# ruff: noqa: RUF001 - Greek is meant

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from analysis.report.folder_results import FolderResults
from analysis.report.page import history, inference, samples, selection_section, verdict
from analysis.report.page.layout import Image, Section


def render(results: FolderResults, images: Sequence[Image]) -> str:
    """Return the page.

    Parameters
    ----------
    results : FolderResults
    images : sequence of Image
        The figures; each goes to the end of the section of its anchor.
    """
    from jinja2 import Environment, StrictUndefined

    # An attribute that is not there is an error, not an empty place on the page.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates = files("analysis.report.page").joinpath("templates")
    source = templates.joinpath("report.html").read_text(encoding="utf-8")
    script = templates.joinpath("report.js").read_text(encoding="utf-8")
    template = environment.from_string(source)
    said = verdict.verdict(results)
    shown: dict[str, list[Image]] = {}
    for image in images:
        shown.setdefault(image.section, []).append(image)
    return template.render(
        title=_title(results),
        subtitle=_subtitle(results),
        stamps=results.stamps,
        verdict=said,
        lead=next((image for image in images if image.name == said.figure), None),
        sections=_sections(results, set(shown)),
        images=shown,
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
