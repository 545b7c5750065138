"""`python -m analysis.validation`: run all campaigns, or only write their page again."""

import argparse
import sys
from pathlib import Path

from analysis.results.codec import to_json
from analysis.settings.search_file import read_search
from analysis.validation.plan import one_spectrum, six_categories
from analysis.validation.size import ONE_SPECTRUM, WITH_CATEGORIES, in_proportion
from analysis.validation.toy_campaigns import run
from analysis.validation.toy_report import document, page, read_calibration
from tools.json_file import write_json
from tools.pool import cores
from tools.samples import find_settings, read_catalogue

DOCUMENT, OF_CATEGORIES = Path("docs/statistics.json"), Path("docs/statistics_categories.json")


def page_of(document: Path) -> Path:
    """Return where a document's page is: beside it."""
    return document.with_name(f"{document.stem}_calibration.md")


def say(text: str) -> None:
    """Tell the user, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> None:
    """Run the campaigns of the command line."""
    parser = argparse.ArgumentParser(prog="python -m analysis.validation", description=__doc__)
    parser.add_argument("--categories", action="store_true", help="six, instead of one spectrum")
    parser.add_argument("--toys", type=int, help="at fixed masses; all else in proportion")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--out", type=Path, help="instead of the document in docs")
    parser.add_argument("--page", action="store_true", help="only write the page of --out again")
    options = parser.parse_args(arguments)
    out = options.out or (OF_CATEGORIES if options.categories else DOCUMENT)
    if not options.page:
        catalogue = read_catalogue(find_settings("datasets/course.toml"))
        search = read_search(find_settings("analysis/search.toml"))
        plan, size = (
            (six_categories, WITH_CATEGORIES)
            if options.categories
            else (one_spectrum, ONE_SPECTRUM)
        )
        size = in_proportion(size, options.toys or size.local)
        campaigns = plan(catalogue, search, size, options.seed)
        results = run(campaigns, workers=options.workers, say=say)
        write_json(out, to_json(document(results, workers=options.workers)))
    told, where = read_calibration(out), page_of(out)
    where.write_text(page(told), encoding="utf-8")
    judged, missed = told.judged
    say(f"{judged - missed} of {judged} numbers are what was wanted: {where}")


if __name__ == "__main__":
    main()
