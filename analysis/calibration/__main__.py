"""`python -m analysis.calibration`: run all campaigns, or only write their page again."""

import argparse
import sys
from pathlib import Path

from analysis.calibration.campaigns import run
from analysis.calibration.report import document, page, summary
from analysis.calibration.size import Size
from analysis.search import read_search
from tools.pool import cores
from tools.samples import find_settings, read_catalogue
from tools.storage import read_json, write_json

PAGE = "statistics_calibration.md"
"""beside the document"""


def say(text: str) -> None:
    """Tell the user, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> None:
    """Run the campaigns of the command line."""
    parser = argparse.ArgumentParser(prog="python -m analysis.calibration", description=__doc__)
    parser.add_argument("--toys", type=int, default=Size().local, help="all else in proportion")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--out", type=Path, default=Path("docs/statistics.json"))
    parser.add_argument("--page", action="store_true", help="only write the page of --out again")
    options = parser.parse_args(arguments)
    if not options.page:
        catalogue = read_catalogue(find_settings("datasets/course.toml"))
        search = read_search(find_settings("analysis/search.toml"))
        results = run(
            catalogue, search, Size.of(options.toys), seed=options.seed, workers=options.workers,
            say=say,
        )  # fmt: skip
        write_json(options.out, document(results, workers=options.workers))
    told = read_json(options.out, made_by="make calibration")
    (options.out.parent / PAGE).write_text(page(told), encoding="utf-8")
    judged, missed = summary(told)
    where = options.out.parent / PAGE
    say(f"{judged - missed} of {judged} numbers are what was wanted: {where}")


if __name__ == "__main__":
    main()
