"""Expressions in m: against Python's own arithmetic, and what must never be computed."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.settings.expression import parse_expression
from tools.errors import InputError

MASSES = np.array([100.0, 125.0, 750.0, 4000.0])


def at(text: str, masses: np.ndarray = MASSES) -> np.ndarray:
    return parse_expression(text, name="--resolution").at(masses)


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
    "9**9**9**9": r"an exponent is 9; at most 4 is allowed",
    "m**4.001": r"an exponent is 4\.001; at most 4",
    "m**-5": r"an exponent is -5; at most 4",
    "2**m": r"an exponent holds m; exponents are constants",
    "m**(1/0)": r"an exponent is inf; at most 4",
    "m**(0/0)": r"an exponent is nan; at most 4",
    "exp(m)": r"'exp' is not allowed: the only name is m",
    "__import__('os')": r"\"'\" is not allowed",
    "m.real": r"'\.' is not allowed",
    "x + 1": r"'x' is not allowed: the only name is m",
    "M": r"'M' is not allowed",
    "nan": r"'nan' is not allowed",
    "inf": r"'inf' is not allowed",
    "1e999": r"'1e999' is too large",
    "": r"--resolution is empty; write numbers, m, \+ - \* / \*\* and brackets",
    "  \t": r"--resolution is empty",
    "1 +": r"a number or m is missing at the end",
    "* 2": r"a number or m is missing before '\*'",
    "()": r"a number or m is missing before '\)'",
    "(m + 1": r"a bracket is not closed",
    "m + 1)": r"'\)' stands where the expression could end",
    "2m": r"'m' stands where the expression could end",
    "1_000": r"'_000' stands where",
    "m m": r"'m' stands where",
    "m // 2": r"a number or m is missing before '/'",
    "m % 2": r"'%' is not allowed",
    "m ^ 2": r"'\^' is not allowed",
    "m if m else 1": r"'if' stands where",
    "[m]": r"'\[' is not allowed",
    "0,5*m": r"',' is not allowed",
    "\u0663*m": r"is not allowed",
    "\uff4d": r"is not allowed",
    "m\n;1": r"';' is not allowed",
    "m\x00": r"'\\x00' is not allowed",
    "(" * 99 + "m" + ")" * 99: r"it is nested more than 40 deep",
    "-" * 199 + "m": r"it is nested more than 40 deep",
    "1**" * 60 + "1": r"it is nested more than 40 deep",
    "m+" * 100 + "m": r"has 201 characters; 200 are allowed",
}


@pytest.mark.parametrize("text", REFUSED)
def test_nonsense_is_refused_before_it_is_computed(text: str) -> None:
    with pytest.raises(InputError, match=REFUSED[text]) as caught:
        parse_expression(text, name="--resolution")
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
