"""The documents that campaigns of toys leave in ``docs``: how they are read and what they share."""

from dataclasses import replace
from pathlib import Path

from analysis.results.calibration import MachineOrigin
from analysis.results.checks import Check
from analysis.results.codec import Result, from_json
from analysis.validation.rates import rounded
from tools.json_file import read_json
from tools.machine import machine
from tools.provenance import provenance

_MADE_BY = "make calibration"
_DIGITS = 5
"""of what is written"""


def read_calibration(kind: type[Result], path: Path) -> Result:
    """Read the document of a campaign.

    Raises
    ------
    InputError
        If it is missing, or holds something else.
    """
    found = read_json(path, made_by=_MADE_BY)
    return from_json(kind, found, path, advice=f"make it again with `{_MADE_BY}`")


def origin() -> MachineOrigin:
    """Return when, by which program and on which machine a document is made."""
    return MachineOrigin(**provenance(machine=machine()))


def rounded_check(check: Check) -> Check:
    """Return a check with five digits."""
    # `meets` stays: it was decided on all digits.
    error = None if check.error is None else rounded(check.error, _DIGITS)
    return replace(check, observed=rounded(check.observed, _DIGITS), error=error)
