"""Can the workers run what is sent to them? The same Python, and the packages that the work needs.

Code is sent as Python's bytecode and histograms as pickles: both hold between equal versions. Only
the first two numbers of a version count. It is asked for without running any code of ours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tools.errors import XyyError

if TYPE_CHECKING:
    from distributed import Client

PACKAGES = (
    "awkward",
    "boost-histogram",
    "cloudpickle",
    "coffea",
    "hist",
    "numpy",
    "uproot",
    "vector",
    "xxhash",
)
"""What the processor's code imports on a worker; other code has a list of its own."""
_DASK = ("dask", "distributed")


def check(client: "Client", packages: Sequence[str] = PACKAGES) -> None:
    """Make sure that scheduler and workers can do the work.

    Parameters
    ----------
    client : distributed.Client
    packages : sequence of str
        What the code imports on a worker.

    Raises
    ------
    XyyError
        If they could not: the message names the first of them and all its differences.
    """
    found: Any = client.get_versions(packages=packages)
    here = found["client"]["packages"]
    places = {"the scheduler": found["scheduler"]}
    places |= {f"the worker {address}": answer for address, answer in found["workers"].items()}
    wrong = {}
    for place, answer in places.items():
        names = ("python", *_DASK, *(packages if place != "the scheduler" else ()))
        differences = list(differing(names, answer["packages"], here))
        if differences:
            wrong[place] = differences
    if wrong:
        place, differences = next(iter(wrong.items()))
        others = "" if len(wrong) == 1 else f" (and {len(wrong) - 1} more like it)"
        raise XyyError(
            f"{place}{others} cannot run this: {', '.join(differences)}; give it the same "
            "environment as here"
        )


def differing(
    names: Iterable[str], there: Mapping[str, str | None], here: Mapping[str, str | None]
) -> Iterator[str]:
    """Yield what is different, in words.

    >>> list(differing(["python", "coffea"], {"python": "3.12.1"}, {"python": "3.11.7"}))
    ['python 3.12.1 (here 3.11.7)', 'coffea is missing']
    """
    for name in names:
        version, ours = there.get(name), str(here.get(name))
        if version is None:
            yield f"{name} is missing"
        elif _series(version) != _series(ours):
            yield f"{name} {_shown(version)} (here {_shown(ours)})"


def _series(version: str) -> list[str]:
    return version.split(".")[:2]


def _shown(version: str) -> str:
    return ".".join(version.split(".")[:3])  # Python's has five parts
