"""Claims that groups hand in (`workflow.infer_folder`): read, and refused if they were edited."""

from pathlib import Path

import numpy as np

from analysis.results.codec import Numbers, from_json
from analysis.results.game import Claim, ClaimedLimits
from analysis.results.values import Estimate
from tools.errors import InputError
from tools.json_file import read_json
from tools.reading import SETTINGS_BYTES

MAX_GeV, MAX_PB, MAX_LIMITS = 1e5, 1e6, 10_000
"""of a mass and of a cross-section that a claim may hold, and how many limits"""
MAX_MASS_ERROR_GeV = 500.0
"""the range of masses of the course's universes: who is not sure by so much has measured no mass"""
_MADE_BY = "xyy run --data FILE --unblind TEXT"
_ADVICE = f"hand in the {Claim.FILE} that `{_MADE_BY}` wrote, unedited"


def read_claim(path: Path) -> Claim:
    """Read a claim file.

    Raises
    ------
    InputError
        If it is missing, is no claim, or does not hold what a claim holds.
    """
    document = read_json(path, made_by=_MADE_BY, most=SETTINGS_BYTES)
    claim = from_json(Claim, document, path, advice=_ADVICE)
    try:
        _check_limits(claim.limits)
        _check_interval(claim.mass_GeV, "mass_GeV", MAX_GeV, MAX_MASS_ERROR_GeV)
        _check_interval(claim.cross_section_pb, "cross_section_pb", MAX_PB)
    except ValueError as error:
        raise InputError(f"{path}: {error}; {_ADVICE}") from None
    return claim


def _check_limits(limits: ClaimedLimits) -> None:
    masses, observed = limits.mass_GeV, limits.observed_pb
    if not all(values.ndim == 1 and len(values) <= MAX_LIMITS for values in (masses, observed)):
        raise ValueError(f"limits: mass_GeV and observed_pb are lists of at most {MAX_LIMITS:,}")
    _check_range(masses, "limits, mass_GeV", MAX_GeV)
    _check_range(observed[~np.isnan(observed)], "limits, observed_pb", MAX_PB)
    if len(masses) != len(observed) or not np.all(np.diff(masses) > 0):
        raise ValueError("limits: the masses do not rise, or are not as many as the limits")


def _check_interval(
    found: Estimate | None, key: str, maximum: float, max_error: float = np.inf
) -> None:
    if found is None:
        return
    _check_range(np.array([found.value, found.low, found.high]), key, maximum)
    if not found.low <= found.value <= found.high:
        raise ValueError(f"{key}: {found.value:g} is not between {found.low:g} and {found.high:g}")
    if max(found.high - found.value, found.value - found.low) > max_error:
        raise ValueError(
            f"{key}: {found.value:g} GeV between {found.low:g} and {found.high:g} GeV is no "
            f"measurement; its uncertainties are at most {max_error:g} GeV"
        )


def _check_range(values: Numbers, key: str, maximum: float) -> None:
    """Refuse numbers that are not above zero, or are none."""
    # Not `values <= 0`: NaN would pass.
    wrong = values[~((values > 0) & (values <= maximum))]
    if len(wrong):
        raise ValueError(f"{key} holds {wrong[0]!s}, not a number above 0 and up to {maximum:g}")
