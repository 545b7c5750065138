"""Numbers as people read them: beside their uncertainty, with no more digits than it allows."""

# ruff: noqa: RUF001, RUF002 - the page has typographic signs

import math

from analysis.results.values import Estimate

NOTHING = "\N{EN DASH}"
"""what stands where there is no number"""
_MINUS = "\N{MINUS SIGN}"
_GLUE = "\N{NO-BREAK SPACE}"
"""between the parts of a number, so that no line ends inside it"""


def with_error(value: float | None, error: float | None, unit: str = "") -> str:
    """Return a value with its uncertainty, both to two digits of the uncertainty.

    >>> with_error(3170.4, 95.2, "events").replace(_GLUE, " "), with_error(None, None)
    ('3,170 ± 95 events', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if error is None or not error > 0:  # NaN is not above 0 either
        return _joined(number(value), unit)
    places = _places(error)
    return _joined(f"{_fixed(value, places)}{_GLUE}±{_GLUE}{_fixed(error, places)}", unit)


def interval(found: Estimate | None, unit: str = "") -> str:
    """Return a value with the distances to the ends of its interval.

    >>> interval(Estimate(612.3, 608.1, 616.9), "GeV").replace(_GLUE, " ")
    '612.3 +4.6 −4.2 GeV'
    >>> interval(Estimate(612.3, 608.1, 616.5)).replace(_GLUE, " ")
    '612.3 ± 4.2'
    """
    if found is None or math.isnan(found.value):
        return NOTHING
    value, low, high = found.value, found.low, found.high
    if not low < high:  # an end that was not found is NaN
        return _joined(number(value), unit)
    # By the smaller side, of which two digits shall be seen.
    places = _places(min(size for size in (high - value, value - low) if size > 0))
    up, down = _fixed(high - value, places), _fixed(value - low, places)
    if up == down:
        return _joined(f"{_fixed(value, places)}{_GLUE}±{_GLUE}{up}", unit)
    return _joined(f"{_fixed(value, places)}{_GLUE}+{up}{_GLUE}{_MINUS}{down}", unit)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number that has no uncertainty of its own: an edge, a ratio, a probability.

    >>> number(1352704.5765, 9), number(0.00001234, 2), number(-2.5), number(3.0)
    ('1,352,704.58', '1.2e-05', '−2.5', '3')
    """
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{value:,.{digits}g}"
    # Large numbers are events here: 1,500,000 is read more easily than 1.5e+06.
    if "e" in text and abs(value) >= 1:
        text = f"{value:,.0f}"
    return text.replace("-", _MINUS) if text.startswith("-") else text


def sigma(value: float | None) -> str:
    """Return a significance, which is its own measure of uncertainty.

    >>> sigma(-0.312).replace(_GLUE, " "), sigma(None)
    ('−0.31 σ', '–')
    """
    return NOTHING if value is None or math.isnan(value) else f"{_fixed(value, 2)}{_GLUE}σ"


def count(value: float | None) -> str:
    """Return a whole number of events.

    >>> count(1369158)
    '1,369,158'
    """
    return NOTHING if value is None or math.isnan(value) else f"{value:,.0f}"


def in_pb(value: float | None) -> str:
    """Return a limit on a cross-section, in pb.

    >>> in_pb(3.1284).replace(_GLUE, " ")
    '3.13 pb'
    """
    found = number(value, 3)
    return found if found == NOTHING else _joined(found, "pb")


def sentence(text: str | None) -> str:
    """Return a note of a result file as a sentence.

    >>> sentence("the data are blind"), sentence(None)
    ('The data are blind.', '')
    """
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _places(error: float) -> int:
    """Return the decimal places that show two digits of an uncertainty."""
    return max(0, 1 - math.floor(math.log10(error)))


def _fixed(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    return text.replace("-", _MINUS)


def _joined(text: str, unit: str) -> str:
    return f"{text}{_GLUE}{unit}" if unit else text
