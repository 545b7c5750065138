"""`python -m analysis.validation`: all campaigns of toys, or only their page again."""

import argparse
import sys
from pathlib import Path

from analysis.results.checks import judged
from analysis.results.codec import to_json
from analysis.settings.search_file import read_search
from analysis.validation import plan
from analysis.validation.pages import page_of_toys
from analysis.validation.tasks import digest_of, workshop
from analysis.validation.toy_report import document, read_calibration
from tools.executors import Execution
from tools.json_file import write_json
from tools.pool import cores
from tools.samples import find_settings, read_catalogue

DOCS = Path("docs")
PLANS = {
    "one spectrum": (plan.one_spectrum, plan.ONE_SPECTRUM, "statistics.json"),
    "six categories": (plan.six_categories, plan.WITH_CATEGORIES, "statistics_categories.json"),
}
"""campaigns, their size, and their document in `DOCS`"""


def page_beside(document: Path) -> Path:
    """Return where a document's page is: beside it."""
    return document.with_name(f"{document.stem}_calibration.md")


def log(text: str) -> None:
    """Tell the user, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> None:
    """Run the campaigns of the command line."""
    parser = argparse.ArgumentParser(prog="python -m analysis.validation", description=__doc__)
    parser.add_argument("--categories", action="store_true", help="six, instead of one spectrum")
    parser.add_argument("--toys", type=int, help="at fixed masses; all else in proportion")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--executor", help="iterative, futures or dask", default="futures")
    parser.add_argument("--scheduler", help="of dask: an address, or its file")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--out", type=Path, help="instead of the document in docs")
    parser.add_argument("--kept", type=Path, default=Path("results/validation"),
                        help="the folder of finished tasks, which are not done again")  # fmt: skip
    parser.add_argument("--page", action="store_true", help="only write the page of --out again")
    options = parser.parse_args(arguments)
    name = "six categories" if options.categories else "one spectrum"
    campaigns_of, size, usual = PLANS[name]
    out = options.out or DOCS / usual
    if not options.page:
        catalogue = read_catalogue(find_settings("datasets/course.toml"))
        search = read_search(find_settings("analysis/search.toml"))
        size = plan.in_proportion(size, options.toys or size.local)
        campaigns = campaigns_of(catalogue, search, size, options.seed)
        execution = Execution(options.executor, options.workers, scheduler=options.scheduler)
        digest = digest_of("plan", catalogue, search, name, size, options.seed)
        with workshop(options.kept, digest, execution, log) as shop:
            results = plan.run_toys(campaigns, shop)
        write_json(out, to_json(document(results, workers=options.workers)))
    found, where = read_calibration(out), page_beside(out)
    where.write_text(page_of_toys(found), encoding="utf-8")
    number, missed = judged(found.checks)
    log(f"{number - missed} of {number} numbers are what was wanted: {where}")


if __name__ == "__main__":
    main()
