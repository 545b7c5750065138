"""The pyhf workspace of a shape search: schema, reproducibility, and its likelihood by hand."""

import dataclasses
import json
from typing import Any

import numpy as np
import pyhf
import pytest
from scipy.stats import norm

from analysis.statistics.limits.asymptotic import (
    cls_values,
    model_of,
    nominal_asimov,
    numpy_backend,
    template_fitter,
)
from analysis.statistics.limits.band import MassPoint, mass_limit
from analysis.statistics.limits.template_fit import TemplateFit, strength_scale
from analysis.statistics.limits.workspaces import (
    MODE_BOUND,
    ChannelTemplates,
    counts_under_peak,
    eigenmodes,
    workspace,
)
from tools.errors import InputError

EDGES = np.arange(400.0, 1101, 10)


def category(
    mass: float = 700.0,
    events: float = 11_220,
    *,
    name: str = "all",
    order: int = 2,
    tau: float = 120,
    systematic: bool = True,
    **changes: Any,
) -> ChannelTemplates:
    """Return exp(polynomial of an order), fitted to itself, with a Gaussian of 30 GeV."""
    background = np.exp(-EDGES[:-1] / tau) - np.exp(-EDGES[1:] / tau)
    background *= events / background.sum()
    x = ((EDGES[1:] + EDGES[:-1]) / 2 - 750) / 350
    slopes = background[:, None] * x[:, None] ** np.arange(order + 1)
    covariance = np.linalg.inv(slopes.T @ (slopes / background[:, None]))

    def peak(width: float) -> np.ndarray:
        return np.asarray(953 / 5.4 * np.diff(norm.cdf(EDGES, mass, width)))

    templates = ChannelTemplates(
        name, background, eigenmodes(background, slopes, covariance), peak(30)
    )
    if systematic:
        templates = dataclasses.replace(
            templates,
            signal_variations={"width": (peak(28.2), peak(31.8))},
            norm_errors={"luminosity": 0.02},
            spurious=0.05 * peak(30),
        )
    return dataclasses.replace(templates, **changes)


def categories() -> list[ChannelTemplates]:
    # pyhf sorts its channels by name, and "a_..." comes after "a1_...".
    return [category(name="a"), category(events=900, name="a1", order=1, tau=90)]


def test_it_is_a_workspace_of_pyhf_and_survives_json() -> None:
    document = workspace(categories(), scale=0.1)
    space = pyhf.Workspace(json.loads(json.dumps(document)))
    model = space.model()
    assert model.config.poi_name == "mu"
    assert space.measurement_names == ["mu = 1 is 0.1 pb"]
    at_start = np.array(model.config.suggested_init())
    at_start[model.config.poi_index] = 0
    # Blind: the observation is the background, and that is what the model expects.
    np.testing.assert_allclose(
        model.expected_data(at_start), space.data(model), rtol=1e-12, atol=1e-12
    )


def test_with_data_the_observation_is_the_data() -> None:
    seen = np.arange(70.0)
    document = workspace([category(observed=seen)], scale=1.0)
    assert [each["data"][0] for each in document["observations"]] == list(seen)


@pytest.mark.parametrize("seed", range(5))
def test_the_likelihood_by_hand_is_that_of_pyhf(seed: int) -> None:
    """Expectations, everywhere within the bounds: interpolation within and beyond one unit."""
    rng = np.random.default_rng(seed)
    channels = categories()
    templates = TemplateFit.of(channels, scale=0.1)
    model, _ = model_of(workspace(channels, scale=0.1))
    values = rng.uniform(-2.5, 2.5, templates.size)
    values[0] = rng.uniform(0, 5)
    pars = np.array(model.config.suggested_init())
    width = np.concatenate([[1.0], templates.widths])
    for name, value in zip(templates.names, templates.centres + values / width, strict=True):
        pars[model.config.par_slice(name)] = value
    order = [model.config.channel_slices[name].start for name in templates.bin_names]
    by_hand = templates.expected(values[None])
    np.testing.assert_allclose(model.expected_actualdata(pars)[order], by_hand[0], rtol=1e-10)
    step = 1e-6 * np.eye(templates.size)
    ahead, behind = templates.expected(values + step), templates.expected(values - step)
    slopes = np.zeros((len(by_hand[0]), templates.size))
    every = np.arange(templates.size)
    for part in templates.parts(values[None], np.arange(1), every):
        slopes[part.bins, part.columns] = part.slopes[0]
    np.testing.assert_allclose((ahead - behind).T / 2e-6, slopes, rtol=2e-5, atol=2e-5)
    for part in templates.parts(values[None], np.arange(1), every[1:]):  # the strength is fixed
        np.testing.assert_array_equal(part.slopes[0], slopes[part.bins, part.columns + 1])


def test_modes_are_exact_exponentials_far_out() -> None:
    templates = TemplateFit.of([category(systematic=False)])
    values = np.zeros((1, templates.size))
    values[0, 1] = 0.9 * MODE_BOUND
    change = np.log(templates.expected(values)[0] / templates.background)
    np.testing.assert_allclose(change, 0.9 * MODE_BOUND * templates.log_modes[0], rtol=1e-12)
    assert np.all(templates.expected(-values) > 0)


def test_modes_of_bins_of_which_nothing_is_known_stay_numbers() -> None:
    """In a tail every mode may change the expectation by a factor of thousands, all alike."""
    one = category(systematic=False)
    modes = np.concatenate([one.modes, 50 * np.repeat(one.background[None], 5, axis=0)])
    wild = dataclasses.replace(one, modes=modes)
    model = pyhf.Workspace(workspace([wild], scale=1.0)).model()
    nominal = model.expected_actualdata(model.config.suggested_init())
    assert np.isfinite(nominal).all()
    ends = [high for _, high in model.config.suggested_bounds()]
    assert np.isfinite(model.expected_actualdata(ends)).all()


def test_modes_hardly_feel_their_constraint() -> None:
    """Pulled by 10 standard deviations the constraint adds a sixteenth to a deviance of 100."""
    templates = TemplateFit.of([category(systematic=False)])
    assert (10 / templates.widths[0]) ** 2 == pytest.approx(1 / 16)
    loose = TemplateFit.of([category()])
    held = dataclasses.replace(loose, widths=np.ones_like(loose.widths))
    assert loose.sigma() > 1.02 * held.sigma()


@pytest.mark.parametrize("excess", [0, 10])
@pytest.mark.parametrize("optimiser", ["scipy", "minuit"])
def test_a_saved_workspace_reproduces_the_limits(excess: int, optimiser: str) -> None:
    """With its own settings pyhf finds CLs = 0.05 at the quoted limits."""
    rng = np.random.default_rng(11)
    blind = category(700)
    strength = excess * TemplateFit.of([blind]).sigma()
    seen = rng.poisson(blind.background + strength * blind.signal).astype(float)
    limit = mass_limit(MassPoint(700.0, (dataclasses.replace(blind, observed=seen),)))
    cases = [(seen, limit.observed), (None, limit.expected[2])]
    with numpy_backend():
        pyhf.set_backend("numpy", optimiser)
        for observed, quoted in cases:
            channels = [dataclasses.replace(blind, observed=observed)]
            scale = strength_scale(channels)
            space = pyhf.Workspace(workspace(channels, scale=scale))
            model = space.model()
            data = space.data(model)
            assert quoted is not None
            assert 0.09 < quoted / scale < 2
            cls = pyhf.infer.hypotest(quoted / scale, data, model, test_stat="qtilde")
            assert float(cls) == pytest.approx(0.05, rel=2e-3)


def test_expected_cls_are_those_of_pyhf() -> None:
    channels = [category()]
    document = workspace(channels, scale=1.0)
    with numpy_backend():
        model, data = model_of(document)
        asimov = nominal_asimov(model, template_fitter(model, TemplateFit.of(channels)))
        ours = cls_values(0.3, asimov, asimov)
        _, theirs = pyhf.infer.hypotest(
            0.3, data, model, test_stat="qtilde", return_expected_set=True
        )
    np.testing.assert_allclose(ours[1:], np.array(theirs, dtype=float), rtol=1e-3)
    assert ours[0] == pytest.approx(ours[3], rel=1e-9)


def test_spurious_signal_never_empties_a_bin() -> None:
    templates = TemplateFit.of([category(events=30, spurious=np.full(70, 5.0))])
    values = np.zeros((1, templates.size))
    values[0, templates.names.index("spurious_all")] = -5
    assert np.all(templates.expected(values) > 0)
    np.testing.assert_allclose(templates.expected(-values)[0], templates.background + 25)


def test_eigenmodes_add_up_to_the_covariance_and_are_orthogonal() -> None:
    channel = category(order=3, systematic=False)
    gram = (channel.modes / channel.background) @ channel.modes.T
    # A fit to these very bins: one standard deviation is one Poisson standard deviation.
    np.testing.assert_allclose(gram, np.eye(4), atol=1e-9)


def test_counts_under_the_peak() -> None:
    channel = category(700, order=1)
    inside = 11_220 * (np.exp(-(700 - 42) / 120) - np.exp(-(700 + 42) / 120))
    whole = np.exp(-400 / 120) - np.exp(-1100 / 120)
    assert counts_under_peak([channel]) == pytest.approx(inside / whole, rel=0.02)
    twice = [channel, dataclasses.replace(channel, name="b")]
    assert counts_under_peak(twice) == pytest.approx(2 * counts_under_peak([channel]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"background": np.zeros(70)}, "category all: the background must be positive"),
        ({"signal": np.zeros(70)}, "the signal must not be negative, nor empty"),
        ({"signal": np.ones(3)}, "all templates need the 70 bins"),
        ({"observed": np.full(70, np.nan)}, "templates must be finite"),
        ({"norm_errors": {"luminosity": 1.5}}, "relative uncertainties of the normalisation"),
    ],
)
def test_templates_that_are_none_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        category(**changes)


def test_names_that_clash_are_refused() -> None:
    with pytest.raises(InputError, match="categories of one workspace need names that differ"):
        workspace([category(), category()], scale=1)
    with pytest.raises(InputError, match="a nuisance of the signal cannot be called 'mu'"):
        workspace([category(norm_errors={"mu": 0.1})], scale=1)
