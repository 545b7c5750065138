"""`python -m analysis.validation`: all campaigns of toys, or only their page again."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.results.calibration import (
    ResonancesCalibration,
    SearchCalibration,
    SpectraCalibration,
    ToyNumbers,
)
from analysis.results.checks import judged
from analysis.results.codec import to_json
from analysis.settings.search import Search
from analysis.settings.search_file import read_search
from analysis.validation import (
    one_by_one,
    open_spectra,
    plan,
    resonances_report,
    spectra_report,
    toy_report,
)
from analysis.validation.documents import read_calibration
from analysis.validation.pages import page_of_resonances, page_of_spectra, page_of_toys
from analysis.validation.tasks import digest_of, workshop
from analysis.validation.two_resonances import POINT_TOYS, PairPlan
from tools.checkout import find_settings
from tools.executors import Execution
from tools.json_file import write_json
from tools.pool import cores
from tools.samples import Catalogue, read_catalogue

DOCS = Path("docs")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a page of toys is made with; size, campaigns and results are each plan's own."""

    size: Any
    usual_toys: int
    """of the size, that `--toys` stands in for"""
    in_proportion: Callable[[Any, int], Any]
    campaigns: Callable[[Catalogue, Search, Any, int], Any]
    run: Callable[..., Any]
    document: Callable[..., Any]
    kind: type[Any]
    """of the document"""
    page: Callable[[Any], str]
    module: str
    """that its tasks depend on, with all behind it"""
    file: str
    """in `DOCS`"""


def _of_toys(campaigns: Callable[..., Any], size: ToyNumbers, file: str) -> Plan:
    return Plan(
        size, size.local, plan.in_proportion, campaigns, plan.run_toys, toy_report.document,
        SearchCalibration, page_of_toys, "plan", file,
    )  # fmt: skip


PLANS = {
    "one spectrum": _of_toys(plan.one_spectrum, plan.ONE_SPECTRUM, "statistics.json"),
    "six categories": _of_toys(
        plan.six_categories, plan.WITH_CATEGORIES, "statistics_categories.json"
    ),
    "open spectra": Plan(
        open_spectra.SIZE, open_spectra.SIZE.measured, open_spectra.in_proportion,
        open_spectra.open_spectra, open_spectra.run_spectra, spectra_report.document,
        SpectraCalibration, page_of_spectra, "open_spectra", "spectra.json",
    ),
    "several resonances": Plan(
        POINT_TOYS, POINT_TOYS, lambda _usual, toys: toys, PairPlan.of,
        one_by_one.run_resonances, resonances_report.resonances_document,
        ResonancesCalibration, page_of_resonances, "one_by_one", "resonances.json",
    ),
}  # fmt: skip
ONE_SPECTRUM = "one spectrum"
"""without an option"""
OPTIONS = {
    "--categories": ("six categories", "six, instead of one spectrum"),
    "--spectra": ("open spectra", "open ones, as of --spectrum"),
    "--resonances": ("several resonances", "one beside another"),
}
"""the other plans, by the options that choose them"""


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
    which = parser.add_mutually_exclusive_group()
    for option, (chosen, text) in OPTIONS.items():
        which.add_argument(option, dest="plan", action="store_const", const=chosen, help=text)
    parser.set_defaults(plan=ONE_SPECTRUM)
    parser.add_argument("--toys", type=int, help="at fixed masses; all else in proportion "
                        "(--spectra: of a smooth truth with a signal; --resonances: at each "
                        "point)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--executor", help="iterative, futures or dask", default="futures")
    parser.add_argument("--scheduler", help="of dask: an address, or its file")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--out", type=Path, help="instead of the document in docs")
    parser.add_argument("--kept", type=Path, default=Path("results/validation"),
                        help="the folder of finished tasks, which are not done again")  # fmt: skip
    parser.add_argument("--page", action="store_true", help="only write the page of --out again")
    options = parser.parse_args(arguments)
    own = PLANS[options.plan]
    out = options.out or DOCS / own.file
    if not options.page:
        catalogue = read_catalogue(find_settings("datasets/course.toml"))
        search = read_search(find_settings("analysis/search.toml"))
        size = own.in_proportion(own.size, options.toys or own.usual_toys)
        campaigns = own.campaigns(catalogue, search, size, options.seed)
        execution = Execution(options.executor, options.workers, scheduler=options.scheduler)
        digest = digest_of(own.module, catalogue, search, options.plan, size, options.seed)
        with workshop(options.kept, digest, execution, log) as shop:
            results = own.run(campaigns, shop)
        write_json(out, to_json(own.document(results, workers=options.workers)))
    found, where = read_calibration(own.kind, out), page_beside(out)
    where.write_text(own.page(found), encoding="utf-8")
    number, missed = judged(found.checks)
    log(f"{number - missed} of {number} numbers are what was wanted: {where}")


if __name__ == "__main__":
    main()
