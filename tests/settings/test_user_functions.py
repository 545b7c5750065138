"""Background functions of one's own: read from the search file, fitted like the others."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from analysis.settings.search import Search
from analysis.settings.search_file import read_search
from analysis.statistics.background.families import Function, functions, user_function
from analysis.statistics.background.model_selection import ModelSelection
from analysis.statistics.background.sidebands import fit_sidebands
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.signal_model import plain_signal
from analysis.statistics.spectrum_search import model_selection_of
from analysis.workflow.infer_spectrum import binned_spectrum, read_range
from tools.errors import InputError

SEARCH = Path(__file__).parents[2] / "analysis" / "search.toml"
EDGES = np.arange(0.0, 3001.0)
Read = Callable[..., Search]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return what reads the course's search file with own functions, `mine` in use or not."""

    def with_functions(text: str, *, used: bool = True) -> Search:
        decided = SEARCH.read_text(encoding="utf-8")
        if used:
            decided = decided.replace('["exp", "atlas-diphoton"]', '["mine", "exp"]')
        path = tmp_path / "search.toml"
        path.write_text(f"{decided}\n{text}", encoding="utf-8")
        return read_search(path)

    return with_functions


def test_it_is_the_function_that_was_written() -> None:
    """The family `exp` at order 2, and the ATLAS family at order 0, in terms of their own."""
    mass = np.array([120.0, 500.0, 1900.0])
    t = "(m/500 - 1)"
    mine = user_function("mine", [t, f"{t}**2"])
    assert mine.basis(mass) == pytest.approx(Function("exp", 2).basis(mass))
    assert (mine.parameters, mine.name, mine.additive) == (("ln_N", "a1", "a2"), "mine 2", False)
    atlas = user_function("mine", ["log(1 - (m/14000)**(1/3))", "log(m/14000)"])
    assert atlas.basis(mass) == pytest.approx(Function("atlas-diphoton", 0).basis(mass))
    roots = user_function("mine", ["sqrt(m)", "exp(-m/500)"]).basis(mass)
    assert roots[:, 1:] == pytest.approx(np.column_stack([np.sqrt(mass), np.exp(-mass / 500)]))


def test_its_orders_take_its_terms_one_by_one() -> None:
    own = {"mine": ("m", "m**2", "m**3")}
    found = functions(
        ("mine", "exp"), min_parameters=2, max_parameters=5, sqrt_s_GeV=14_000, own=own
    )
    names = ["mine 1", "exp 1", "mine 2", "exp 2", "mine 3", "exp 3", "exp 4"]
    assert [function.name for function in found] == names


def test_it_is_fitted_to_the_sidebands_and_predicts_like_its_twin(read: Read) -> None:
    """An own function with the terms of `exp` gives what `exp` gives."""
    t = "(m/500 - 1)"
    mine = read(f'[functions.mine]\nterms = ["{t}", "{t}**2", "{t}**3", "{t}**4"]')
    left = np.maximum(EDGES - 50, 0)
    counts = -np.diff(8e4 * (0.9985 * np.exp(-left / 106.1) + 0.0015 * np.exp(-left / 424.4)))
    channel = Channel("all", EDGES, counts)
    predictions = []
    for family in ("mine", "exp"):
        fit = replace(mine.fit, families=(family,))
        background = fit_sidebands(channel, mine.window, fit, sqrt_s_GeV=14_000)
        assert background.chosen.family == family
        predictions.append((background.predicted_events, background.predicted_error_events))
    assert predictions[0] == pytest.approx(predictions[1], rel=1e-4)


def test_it_may_be_used_under_the_peak_alone(read: Read) -> None:
    assert read("", used=False).peak.own == {}
    search = read('[functions.mine]\nterms = ["m"]')
    assert search.peak.own == search.fit.own == {"mine": ("m",)}
    assert search.fit.families == ("mine", "exp")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[functions.mine]\nterms = ["x"]', r"\[functions.mine\], terms: 'x', .*there is no 'x'"),
        ('[functions.mine]\nterms = ["log m"]', r"it cannot be read.*log, sqrt and exp"),
        ('[functions.mine]\nterms = ["log(m - 500)"]', r"'log\(m - 500\)' is nan at m = 100 GeV"),
        ('[functions.mine]\nterms = ["m", "2*m + 3"]', r"terms: one is a sum of the others"),
        ('[functions.mine]\nterms = ["7"]', r"terms: one is a sum of the others \(or a constant"),
        ("[functions.mine]\nterms = []", r"\[functions.mine\], terms: write a list of texts"),
        ("[functions.mine]\nterms = [1]", r"terms: write a list of texts, not \[1\]"),
        (
            '[functions.mine]\nterms = ["m"]\nn = 1',
            r"\[functions.mine\]: unknown entry `n`; known: terms",
        ),
        ("[functions.mine]\n", r"\[functions.mine\]: `terms` is missing; add it"),
        ('[functions.exp]\nterms = ["m"]', r"'exp' cannot be the name of a user-defined function"),
        ('[functions."My f"]\nterms = ["m"]', r"'My f' cannot be the name .* take small letters"),
        (f"[functions.mine]\nterms = {['m'] * 10}", r"10 are too many; 9 at most"),
    ],
)
def test_what_is_no_function_is_refused(read: Read, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)


def test_a_function_that_nobody_tries_is_refused(read: Read) -> None:
    with pytest.raises(InputError, match=r"\[functions.mine\]: it is not used; add 'mine' to"):
        read('[functions.mine]\nterms = ["m"]', used=False)


def test_functions_belong_to_backgrounds_only() -> None:
    from analysis.settings.mass_expression import mass_expression

    with pytest.raises(InputError, match="log is not allowed; write numbers, m"):
        mass_expression("log(m)", name="--resolution")
    with pytest.raises(InputError, match=r"nothing is there; .* log, sqrt and exp"):
        mass_expression("", name="terms", functions=True)
    with pytest.raises(InputError, match=r"was never closed.*log, sqrt and exp"):
        mass_expression("log(m", name="terms", functions=True)


def test_it_competes_under_the_peak_and_is_a_truth_of_bare_spectra(
    read: Read, tmp_path: Path
) -> None:
    search = read('[functions.mine]\nterms = ["m/500", "log(m/500)"]')
    peak = replace(search.peak, families=("mine", "exp"))
    tournament = ModelSelection.of(replace(search, peak=peak), plain_signal(30.0), 14_000)
    assert {"mine 1", "mine 2"} < {function.name for function in tournament.functions(2)}
    path = tmp_path / "spectrum.csv"
    rows = [f"{low},{low + 50},{10_000 - low}" for low in range(100, 2000, 50)]
    path.write_text("\n".join(["low,high,events", *rows]) + "\n", encoding="utf-8")
    of_file = partial(
        binned_spectrum,
        read_range(path, None),
        search,
        resolution="30",
        masses="500:1000:25",
    )
    spectrum = of_file(families="mine")
    assert spectrum.search.peak.families == ("mine",)
    names = {function.name for function in model_selection_of(spectrum).test_functions()}
    assert {"mine 1", "mine 2", "exp 1"} < names
    with pytest.raises(InputError, match=r"no family 'yours'; there are: exp, .*, mine"):
        of_file(families="yours")
