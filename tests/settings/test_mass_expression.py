"""Expressions in m: against Python's own arithmetic, and what must never be computed."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.settings.mass_expression import mass_expression
from tools.errors import InputError

MASSES = np.array([100.0, 125.0, 750.0, 4000.0])


def at(text: str, masses: np.ndarray = MASSES) -> np.ndarray:
    return mass_expression(text, name="--resolution").at(masses)


@pytest.mark.parametrize(
    "text",
    [
        "30",
        " 0.00611*m + 0.7778 ",
        "0.00611 * m+.7778",
        "(1.5e-2*m)**2 + 1.",
        "m**-1 + 2**-1",
        "m**0.5*2 - 3/m",
        "+m - -m",
        "-(-m)",
        "100 - 2**2**1 + m",
        "m - 2 - 3 + 40/2/5*3",
        "(((m)))",
        "8E0*m/(m + 1)",
        "10 + -m**2/-m",
        "m**(1/2)",
    ],
)
def test_it_is_what_python_computes(text: str) -> None:
    expected = [eval(text, {"__builtins__": {}}, {"m": mass}) for mass in MASSES]  # noqa: S307
    assert at(text) == pytest.approx(expected, rel=1e-14)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(["m", "2", "0.5", "3e1"]))
    for _ in range(draw(st.integers(0, 8))):
        other = draw(st.sampled_from(["m", "7", ".25", "1e-3"]))
        form = draw(
            st.sampled_from(["({0})+{1}", "{1}-{0}", "{0}*{1}", "({1})/({0})", "-{0}", "({0})**2"])
        )
        text = form.format(text, other)
    return text


@given(expressions())
def test_precedence_is_pythons(text: str) -> None:
    positive = f"({text})**2 + 1"
    try:
        expected = eval(positive, {"__builtins__": {}}, {"m": 3.0})  # noqa: S307
    except (ZeroDivisionError, OverflowError):
        assume(False)
    assert at(positive, np.array([3.0]))[0] == pytest.approx(expected, rel=1e-12)


def test_the_shape_is_that_of_the_masses() -> None:
    assert at("30", np.ones((2, 3))).shape == (2, 3)
    assert at("m", np.array(125.0)).shape == ()
    assert at("30", np.array([])).shape == (0,)


REFUSED = {
    "9**9**9**9": r"\*\* has the exponent 9; at most 4 is allowed",
    "m**4.001": r"\*\* has the exponent 4\.001; at most 4",
    "m**-5": r"\*\* has the exponent -5; at most 4",
    "2**m": r"an exponent is a column; it must be a constant",
    "m**(1/0)": r"/ gives no finite number here",
    "m**(0/0)": r"/ gives no finite number here",
    "exp(m)": r"exp is not allowed; write numbers, m, \+ - \* / \*\* and brackets",
    "__import__('os')": r"\"'\" is not allowed; write numbers, m",
    "m.real": r"there is no 'm.real'; write one of these instead: m",
    "x + 1": r"character 1: there is no 'x'; write one of these instead: m",
    "M": r"there is no 'M' \(is it 'm'\?\)",
    "nan": r"there is no 'nan'",
    "1e999": r"the number is too large",
    "": r"nothing is there; write numbers, m, \+ - \* / \*\* and brackets",
    "  \t": r"nothing is there",
    "1 +": r"it cannot be read \(invalid syntax\); write numbers, m",
    "()": r"write numbers, m",
    "(m + 1": r"'\(' was never closed",
    "m + 1)": r"character 6: it cannot be read \(unmatched '\)'\)",
    "2m": r"it cannot be read",
    "m m": r"it cannot be read",
    "m // 2": r"divide with /",
    "m % 2": r"% is not allowed; write",
    "m ^ 2": r"write \*\* for \^",
    "m > 2": r"true or false of an event; a number is wanted",
    "m if m else 1": r"if ... else is not in the language; write numbers, m",
    "0,5*m": r"a comma is not in the language; write numbers, m",
    "\u0663*m": r"is not allowed",
    "\uff4d": r"is not allowed",
    "m\n;1": r"';' is not allowed",
    "m\x00": r"'\\x00' is not allowed",
    "-" * 199 + "m": r"it is nested more than 100 deep",
    "m+" * 100 + "m": r"has 201 characters; 200 are allowed",
}


@pytest.mark.parametrize("text", REFUSED)
def test_nonsense_is_refused_before_it_is_computed(text: str) -> None:
    with pytest.raises(InputError, match=REFUSED[text]) as caught:
        mass_expression(text, name="--resolution")
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("--resolution")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("m - 125", r"'m - 125' is -25 at m = 100 GeV; it must be finite and positive"),
        ("0", r"is 0 at m = 100 GeV"),
        ("1/(m - 750)**2", r"is inf at m = 750 GeV"),
        ("(m - 750)/(m - 750)", r"is nan at m = 750 GeV"),
        ("(100 - m)**0.5 + 1", r"is nan at m = 125 GeV"),
        ("1e300*m*m**4", r"is inf at m = 100 GeV"),
    ],
)
def test_a_value_must_be_finite_and_positive(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        at(text)
