"""`xyy new-analysis`: the two settings files to start one's own search.

They are the course's own files with other introductions: every entry with its comment, and all of
them valid, so that one begins with a search that runs and changes it line by line. Made from these
files, and not from copies of them, they cannot fall behind when an entry is added.

Files of samples get names of their own (``my_background.csv``): the course's may lie in
``./datasets``, where files are looked for first.
"""

import re
import shlex
from pathlib import Path

from tools.atomic import write_bytes
from tools.checkout import find_settings
from tools.errors import InputError, XyyError
from tools.locks import one_writer

SAMPLES, SEARCH = "samples.toml", "search.toml"

_SAMPLES_INTRODUCTION = """\
# What your data are: samples, cross-sections, luminosity and columns. Change what is yours:
#
# 1. Energy and luminosity. Every luminosity, cross-section and energy carries its unit ("139 / fb",
#    "2.5 fb", "14 TeV"); `data_luminosity` is that of the observed data.
# 2. [samples]: one background, a signal for every mass that was simulated, and the data.
# 3. [columns]: those of your files, each declared or listed under `ignore`. The photons' pT, eta
#    and phi make the diphoton mass and must be there; columns that are cut on stand in the search
#    file too, under [optimise.axes].

"""
_SAMPLES_NOTE = """\
# files: patterns, looked for in ./datasets and then beside this file.  events: what is generated
# where there are no files, for samples called background and signal_<mass>.  A weight is luminosity
# x cross_section x filter_efficiency / rows.
"""
_SEARCH_INTRODUCTION = """\
# What you decide: window, selection, background functions, mass range, confidence level.
# Frozen before the data are looked at; later a change is refused (or labels every result).
#
# What must fit together: [fit] leaves sidebands on both sides of [window], which holds the masses
# of [signal]; their ends lie on edges of the bins; `reference_signal` is a sample of the samples
# file, and [optimise.axes] and [optimise.course_cuts] are columns of it.

"""


def new_analysis(folder: Path) -> list[str]:
    """Write the two settings files of a new search; return what to do next, line by line.

    Parameters
    ----------
    folder : Path
        Made if need be.

    Raises
    ------
    InputError
        If one of the files is there already, or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder, new or not")
    for name in (SAMPLES, SEARCH):
        if (folder / name).exists():
            raise InputError(
                f"{folder / name} is there already and is not overwritten; name another folder, or "
                "remove it first"
            )
    texts = {SAMPLES: samples_text(), SEARCH: search_text()}
    # Both texts are made before the first file is written: none is left alone behind a defect.
    with one_writer(folder):
        for name, text in texts.items():
            write_bytes(folder / name, text.encode())
    return next_steps(folder)


def samples_text() -> str:
    """Return the samples file of a new search."""
    text = _course("datasets/course.toml")
    text = _changed(text, r"\A.*?(?=^collision_energy)", _SAMPLES_INTRODUCTION)
    text = _changed(text, r"^# files: patterns.*?(?=^\n)", _SAMPLES_NOTE)
    # Universes are called as they are.
    renamed = re.compile(r'"(?!universe)([^", ]+)"')
    return re.sub(
        r"^files = .*$", lambda line: renamed.sub(r'"my_\1"', line[0]), text, flags=re.MULTILINE
    )


def search_text() -> str:
    """Return the search file of a new search."""
    text = _course("analysis/search.toml")
    text = _changed(text, r"\A.*?(?=^\[window\])", _SEARCH_INTRODUCTION)
    return _changed(text, r'# task 3\.4 "by hand", for comparison', "# by hand, for comparison")


def next_steps(folder: Path) -> list[str]:
    """Return what to do with the settings files of a folder, line by line."""

    def quoted(name: str) -> str:
        return shlex.quote(str(folder / name))

    run = f"  xyy run --samples {quoted(SAMPLES)} --search {quoted(SEARCH)}"
    return [
        f"{folder / SAMPLES}: what your data are; {folder / SEARCH}: what you decide.",
        "Change them and put your files beside them. Expected results, from simulation alone:",
        f"{run} --out {quoted('expected')}",
        "With data, blind inside the window (--universe 1 in place of --data: to practise):",
        f"{run} --data {quoted('my_data.csv')} --out {quoted('results')}",
        'When all is decided, the same with: --unblind "why now"',
    ]


def _course(name: str) -> str:
    return find_settings(name).read_text(encoding="utf-8")


def _changed(text: str, pattern: str, new: str) -> str:
    """Replace what occurs once.

    Raises
    ------
    XyyError
        If it does not: the course's file is no longer what this was written for.
    """
    found, number = re.subn(pattern, lambda _match: new, text, flags=re.MULTILINE | re.DOTALL)
    if number != 1:
        raise XyyError(f"the course's settings hold {pattern!r} {number} times; a defect of xyy")
    return found
