"""The samples file and the search file, checked against each other before the first event."""

from analysis.search import Search
from tools.samples import Catalogue


def check_together(catalogue: Catalogue, search: Search) -> None:
    """Refuse a search that names what the samples file does not declare.

    Raises
    ------
    InputError
        The message names file, table and key, and the nearest right name.
    """
    catalogue.sample(search.optimise.reference_signal)
