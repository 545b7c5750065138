"""Expressions: against Python and awkward, and what must never be read or computed."""

from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.settings.user_expression import user_expression
from processors.expressions import Evaluation, Expression, Quantity, always
from tools.errors import InputError

COLUMNS = {
    "photons.pt": Quantity.number("GeV", per_photon=True),
    "photons.eta": Quantity.number("1", per_photon=True),
    "photons.phi": Quantity.number("rad", per_photon=True),
    "photons.r9": Quantity.number("", per_photon=True),
    "photons.tight": Quantity(truth=True, per_photon=True),
    "m_yy": Quantity.number("GeV"),
    "event": Quantity.number(""),
    "n": Quantity.number("1"),
    "trigP": Quantity(truth=True),
}
EVENTS = ak.Array(
    {
        "pt": [[50.0, 20.0, 10.0], [], [30.0], [25.0, 25.0]],
        "eta": [[0.5, -1.4, 2.5], [], [-2.0], [1.37, 1.52]],
        "phi": [[0.0, 3.0, -3.0], [], [1.0], [2.0, -2.0]],
        "r9": [[0.9, np.nan, 0.5], [], [0.7], [0.2, 0.95]],
        "tight": [[True, False, True], [], [True], [False, False]],
    }
)
OF_EVENTS = {
    "m_yy": np.array([100.0, 0.0, -1.0, 125.0]),
    "event": np.array([2**64 - 1, 2**64 - 2, 2**53 + 1, 3], np.uint64),
    "n": np.array([3, 0, 1, 2], np.uint8),
    "trigP": np.array([True, True, False, True]),
}
FLAT = {f"photons.{name}": ak.to_numpy(ak.flatten(EVENTS[name])) for name in EVENTS.fields}
HERE = "search.toml, [events], require 1"


def read(text: str, *, number: bool = False, per_photon: bool = False) -> Expression:
    return user_expression(
        text, COLUMNS, HERE, wanted="number" if number else "truth", per_photon=per_photon
    )


def evaluation() -> Evaluation:
    return Evaluation({**OF_EVENTS, **FLAT}, ak.to_numpy(ak.num(EVENTS.pt)))


def truth(text: str, *, per_photon: bool = False) -> list[bool]:
    found: list[bool] = evaluation().mask(read(text, per_photon=per_photon)).tolist()
    return found


# ---- what it computes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "photons.pt > 24.9 and abs(photons.eta) < 2.37",
        "not (1.37 <= abs(photons.eta) < 1.52)",
        "photons.tight or photons.pt / 2 >= 12.5",
        "photons.pt * cosh(photons.eta) > 40 and not photons.tight",
        "-photons.pt**2 + 2 * photons.pt ** 2 > (10 - photons.pt % 7)**2",
        "sqrt(photons.pt**2 + (3 * photons.pt)**2) != 50",
        "min(photons.pt, 22) < max(photons.pt, 22, 24)",
        "sin(photons.phi)**2 + cos(photons.phi)**2 < 2 and tanh(photons.eta) < 0.9",
    ],
)
def test_photons_as_awkward_has_them(text: str) -> None:
    place = {"photons": EVENTS, "abs": abs, "sqrt": np.sqrt, "cosh": np.cosh, "sin": np.sin,
             "cos": np.cos, "tanh": np.tanh}  # fmt: skip
    if "min(" in text:
        smaller, larger = np.minimum(FLAT["photons.pt"], 22), np.maximum(FLAT["photons.pt"], 24)
        expected = (smaller < larger).tolist()
    else:
        python = text.replace("1.37 <= abs(photons.eta) < 1.52", "(1.37 <= a) & (a < 1.52)")
        python = python.replace("not photons", "~photons").replace("not (", "~(")
        place["a"] = abs(EVENTS.eta)
        for word, sign in ((" and ", ") & ("), (" or ", ") | (")):
            python = f"({python.replace(word, sign)})"
        expected = ak.flatten(eval(python, {}, place)).tolist()  # noqa: S307 - in the test alone
    assert truth(text, per_photon=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("any(photons.pt > 40)", [True, False, False, False]),
        ("all(photons.pt > 15)", [False, True, True, True]),
        ("count(photons.pt > 15) == 2", [True, False, False, True]),
        ("sum(photons.pt) >= 50", [True, False, False, True]),
        ("sum(photons.pt) == 0", [False, True, False, False]),
        ("max(photons.pt) < 40", [False, False, True, True]),
        ("min(photons.pt) < 20", [True, False, False, False]),
        ("any(photons.pt > 0.3 * m_yy)", [True, False, True, False]),
        ("trigP and n >= 2", [True, False, False, True]),
        ("m_yy / (125*GeV) == 1", [False, False, False, True]),
        ("100 * GeV <= m_yy < 0.1251 * TeV", [True, False, False, True]),
    ],
)
def test_events(text: str, expected: list[bool]) -> None:
    assert truth(text) == expected


def test_an_event_number_is_exact() -> None:
    assert truth("event == 18446744073709551615") == [True, False, False, False]
    assert truth("event > 9007199254740992") == [True, True, True, False]
    assert truth("event % 2 == 0") == [False, True, False, False]
    assert truth("event > -1") == [True] * 4


def test_small_types_do_not_wrap_around() -> None:
    assert truth("n - 3 < 0") == [False, True, True, True]
    assert truth("n * 200 > 500") == [True, False, False, False]
    assert truth("-n < 0") == [True, False, True, True]


@pytest.mark.parametrize(("text", "expected"), [("n > 0.1", True), ("n == 0.1", False)])
def test_a_float32_is_compared_with_the_number_that_is_written(
    text: str, *, expected: bool
) -> None:
    given = Evaluation({"n": np.array([0.1], np.float32)})
    assert given.mask(read(text)).tolist() == [expected]


# ---- what has no value ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "true", "undefined"),
    [
        ("1 / m_yy > 0", [0, 3], [1]),
        ("not 1 / m_yy > 0", [2], [1]),
        ("log(m_yy / 100) > 0.1", [3], [1, 2]),
        ("trigP or 1 / m_yy > 0", [0, 1, 3], []),
        ("n > 0 and 1 / m_yy > 0", [0, 3], []),
        ("not (n > 0 and 1 / m_yy > 0)", [1, 2], []),
        ("n == 0 and 1 / m_yy > 0", [], [1]),
        ("max(photons.pt) > 0", [0, 2, 3], [1]),
        ("not max(photons.pt) > 0", [], [1]),
        ("any(photons.r9 > 0.8)", [0, 3], []),
        ("any(photons.r9 > 0.92)", [3], [0]),
        ("all(photons.r9 > 0.1)", [1, 2, 3], [0]),
        ("all(photons.r9 > 0.6)", [1, 2], []),
        ("count(photons.r9 > 0) >= 0", [1, 2, 3], [0]),
        ("sum(photons.r9) > 0", [2, 3], [0]),
        ("1e308 * (n + 10) / 1e308 > 0", [], [0, 1, 2, 3]),
    ],
)
def test_what_is_undefined_is_not_true(text: str, true: list[int], undefined: list[int]) -> None:
    found = evaluation().of(read(text))
    assert np.flatnonzero(found.values).tolist() == true
    unknown = np.zeros(4, bool) if found.undefined is None else found.undefined
    assert np.flatnonzero(unknown).tolist() == undefined


def test_events_without_any_photon() -> None:
    none = Evaluation({name: values[:0] for name, values in FLAT.items()}, np.zeros(3, int))
    assert none.mask(read("any(photons.pt > 1)")).tolist() == [False] * 3
    assert none.mask(read("photons.pt > 1", per_photon=True)).tolist() == []


# ---- what is refused -----------------------------------------------------------------------------

REFUSED = {
    "photons.Pt > 1": r"character 1: there is no 'photons.Pt' \(is it 'photons.pt'\?\)",
    "m_yy > 1 and x > 2": r"character 14: there is no 'x'; write one of these instead: ph",
    "photons.pt > 20": r"it is true or false of each photon; what is true or false of the event is",
    "m_yy": r"it is a number \(GeV\) of an event; what is true or false is wanted",
    "m_yy > photons.eta": r"character 1: > is of different units, GeV and 1; divide by something",
    "m_yy + n > 1": r"\+ is of different units, GeV and 1",
    "2 * m_yy > n": r"> is of different units",
    "m_yy**2 > m_yy": r"> is of different units, GeV\^2 and GeV",
    "log(m_yy) > 1": r"log takes a number without a unit, and gets one in GeV",
    "any(trigP)": r"any takes what each photon has, and gets true or false of an event",
    "any(photons.pt)": r"any takes what is true or false, and gets a number",
    "count(photons.pt) > 1": r"count takes what is true or false, and gets a number",
    "sum(photons.tight) > 1": r"sum takes numbers, and gets what is true or false",
    "trigP and n": r"and takes what is true or false, and gets a number",
    "trigP == 1": r"== takes numbers, and gets what is true or false",
    "abs(n, 2) > 1": r"abs takes 1 arguments in its brackets, and gets 2",
    "count() > 1": r"count takes 1 argument in its brackets, and gets 0",
    "min() > 1": r"min takes 2 or more arguments",
    "max(n) > 1": r"max takes what each photon has",
    "n ** n > 1": r"an exponent is a column; it must be a constant",
    "n ** 5 > 1": r"\*\* has the exponent 5; at most 4 is allowed",
    "n ** (1/0) > 1": r"/ gives no finite number here",
    "9**4**4**4 > n": r"\*\* has the exponent 256; at most 4",
    "n % 0 > 1": r"% divides by 0",
    "n % n > 1": r"what is behind % is a column",
    "sinn(n) > 1": r"there is no function 'sinn' \(is it 'sin'\?\); write one of",
    "abs > 1": r"abs is a function; write abs\(\.\.\.\)",
    "n > 1 & n < 2": r"write `and` for &",
    "n > 1 | n < 2": r"write `or` for \|",
    "~trigP": r"write `not` for ~",
    "n ^ 2 > 1": r"write \*\* for \^",
    "n // 2 > 1": r"// is not known; divide with /",
    "n = 1": r"it cannot be read",
    "n > 1 if trigP else n < 1": r"if ... else is not in the language",
    "[n > 1]": r"a list is not in the language",
    "n[0] > 1": r"x\[...\] is not in the language",
    "trigP, trigP": r"a comma is not in the language",
    "lambda: n": r"lambda is not in the language",
    "(n := 2) > 1": r"NamedExpr is not in the language",
    "n is n": r"it is not in the language",
    "n in (1, 2)": r"it is not in the language|a comma is not in the language",
    "abs(n, key=1) > 1": r"such a call is not in the language",
    "abs(*n) > 1": r"Starred is not in the language",
    "a.b.c > 1": r"a name with two dots is not in the language",
    "n.real.imag > 1": r"a name with two dots",
    "__import__('os').system('ls')": r"character 12: \"'\" is not allowed",
    "__import__(n)": r"there is no function '__import__'",
    "().__class__": r"a name with two dots|is not in the language",
    "True": r"True, False or such a number is not in the language",
    "1j > n": r"True, False or such a number is not in the language",
    "... > n": r"is not in the language",
    "f'{n}' > 1": r"is not allowed",
    "n > 1 # yes": r"'#' is not allowed",
    "n > 1; n": r"';' is not allowed",
    "n > 1)": r"it cannot be read",
    "(n > 1": r"it cannot be read",
    ")(": r"it cannot be read",
    "n > 1) or (n > 2": r"character 6: it cannot be read \(unmatched",
    "": r"nothing is there; write numbers",
    " \n": r"nothing is there",
    "n > 1e999": r"the number is too large",
    "n > 1" + "0" * 400: r"the number is too large",
    "\uff4e > 1": r"character 1: .* is not allowed",
    "n > \u0661": r"character 5: .* is not allowed",
    "n > 1\u2010\u2010": r"is not allowed",
    "n >\x00 1": r"is not allowed",
    "n\xa0> 1": r"is not allowed",
    "(" * 10000 + "n" + ")" * 10000: r"it has 20,001 characters; 2,000 are allowed",
    "(" * 900 + "n" + ")" * 900: r"it cannot be read \(too many nested",
    "-" * 1900 + "n > 1": r"it is nested (more than 100|too) deep",
    "n" + "+n" * 900 + "> 1": r"it is nested more than 100 deep",
    "not " * 400 + "trigP": r"it is nested (more than 100|too) deep",
}


@pytest.mark.parametrize("text", REFUSED)
def test_nonsense_is_refused_before_it_is_computed(text: str) -> None:
    with pytest.raises(InputError, match=REFUSED[text]) as caught:
        read(text)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(f"{HERE}: ")
    assert len(str(caught.value)) < 400


def test_something_of_an_event_is_nothing_of_each_photon() -> None:
    with pytest.raises(InputError, match=r"it is true or false of an event; .* of each photon is"):
        read("trigP", per_photon=True)


@given(
    st.text(
        st.sampled_from("nm_y()+-*/%<>=! .,0123eandortphsugTGVk[]{}:&|~^@'\"\\\n\t#"), max_size=60
    )
)
def test_no_text_does_harm(text: str) -> None:
    try:
        found = user_expression(text, COLUMNS, HERE, wanted="truth")
    except InputError:
        return
    assert evaluation().mask(found).dtype == np.bool_


@given(st.binary(max_size=40))
def test_nor_do_any_bytes(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    told = ""
    try:
        user_expression(text, COLUMNS, HERE, wanted="truth")
    except InputError as error:
        told = str(error)
    assert told.isprintable()


# ---- true or false whatever the columns hold -----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("abs(n) < 1.52 or abs(n) > 1.37", True),
        ("n < 5 and n > 5", False),
        ("n < 5 or n >= 5", True),
        ("n < 5 or n > 5", None),
        ("abs(n) >= 0", True),
        ("abs(n) < 0", False),
        ("sqrt(n) > -1", True),
        ("n > -1", None),
        ("1 < 2", True),
        ("n < n", False),
        ("n <= n", True),
        ("trigP or not trigP", True),
        ("trigP and not trigP", False),
        ("n > 3 or not (2 < n)", None),
        ("n > 3 or n <= 3 or trigP", True),
        ("m_yy > 2*n*GeV or m_yy <= 2*n*GeV", True),
        ("m_yy < 105 or m_yy > 160", None),
        ("count(photons.pt > 20) >= 0", True),
        ("any(photons.pt > 20) or trigP", None),
        ("3 > n and 5 > n", None),
    ],
)
def test_a_requirement_that_requires_nothing(text: str, *, answer: bool | None) -> None:
    columns: dict[str, Any] = {**COLUMNS, "n": Quantity.number("1")}
    assert always(user_expression(text, columns, HERE, wanted="truth")) is answer


def test_many_numbers_are_not_tried_for_ever() -> None:
    text = " or ".join(f"abs(n - {number}) < 1" for number in range(60))
    assert always(read(text)) is None
