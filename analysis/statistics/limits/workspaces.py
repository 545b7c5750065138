r"""Templates of a search at one mass, and the pyhf workspace they make.

Each category is a background with the covariance of its fit, a signal with its systematic
variations, and the spurious signal of the function in use. Expected in bin i, for the strength mu:

.. math:: \mu s_i \prod_n f_{ni}(\alpha_n) + \sum_x \nu_x x_i \prod_n f_{xni}(\alpha_n)
          + (b_i + \beta t_i) \exp\sum_k \theta_k d_{ki}

with :math:`d_k = \sqrt{l_k} v_k / b` the relative change by one standard deviation of the fit's
k-th eigenmode. The families of `families.py` are log-linear: the exponential is their exact
likelihood, not its expansion, and no bin can go negative however few events it has. (With additive
`histosys` templates ten standard deviations need bins known to 2 %, or pyhf's Poisson is NaN.)

What that takes in HistFactory, whose `normsys` is one factor for a whole sample of a channel:

- Each bin is a channel of its own, ``<category>_<bin>``. pyhf stacks all channels in one array:
  560 such bins cost it 1 ms, where 70 bins with a sample for each bin would cost 70 times that.
- pyhf interpolates a `normsys` by a polynomial within one unit and is an exact exponential beyond
  it. So a mode's parameter has its centre (`auxdata`) well above 1 and its bounds at 1, and the
  fixed parameter ``centre`` takes the constant factor out again.
- pyhf's constraints have width 1. The modes are for these very bins to determine, and get templates
  of `MODE_WIDTH` standard deviations: used at face value their covariance would count the data
  twice (limits 2 to 7 % too strong).

A resonance x that is *given*, because it was found already, is a sample with a strength of its own,
free in both hypotheses (1 is what was fitted). Its mass is a nuisance parameter, with templates and
a constraint of `GIVEN_MASS_WIDTH` uncertainties of the fitted mass: these very bins determine it.

The spurious signal is a `histosys`, linear in :math:`\beta`; downwards it stops where it would
leave less than a twentieth of a bin's background at five standard deviations.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tools.arrays import FloatArray
from tools.errors import InputError

MODE_WIDTH = 40.0
"""standard deviations of the fit that the constraint of a mode allows: beside a given resonance the
background is known several times less well than in that fit"""
MODE_BOUND = 50.0
"""standard deviations of the fit that a mode can go"""
MODE_CENTRE = 1 + MODE_BOUND / MODE_WIDTH
"""value of the modes' parameters at the nominal background"""
CONSTRAINED_BOUND = 5.0
"""standard deviations that the other nuisance parameters can go"""
GIVEN_MASS_WIDTH = 3.0
"""uncertainties of a given resonance's mass that its constraint allows: with 1 the data would be
used twice, far more would leave the range where a template follows a shifted peak"""
MAX_GIVEN_STRENGTH = 10.0
"""of a given resonance, in what was fitted"""
_MAX_DOWN = 0.19
"""fraction of a bin's background that one standard deviation of spurious signal takes, at most"""
_MAX_CHANGE = 4.0
"""change of the logarithm by one standard deviation of all modes together, at most: more than that
only bins have that expect next to nothing, and factors would overflow at the parameters' ends"""
_MAX_SIGNAL_CHANGE = 3.0
_CENTRAL = (0.0808, 0.9192)
"""fractions of a Gaussian that lie below -1.4 and 1.4 standard deviations"""
_NO_SIGNAL = 1e-9
"""fraction of all signal: bins with less than that have no systematic variation"""
_MU_MAX = 10.0
_MU_START = 0.1
_POI = "mu"
_CENTRE = "centre"


@dataclass(frozen=True, slots=True, eq=False)
class GivenTemplate:
    """A resonance in both hypotheses."""

    name: str
    """name of its sample; the same in all categories"""
    events: FloatArray
    """fitted events, shape (B,)"""
    variations: Mapping[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    """nuisance -> events one standard deviation down, and up; names as those of the signal"""

    @property
    def factors(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Nuisance -> factors of its events one standard deviation down, and up, shapes (B,)."""
        return {
            name: (_ratio(down, self.events), _ratio(up, self.events))
            for name, (down, up) in sorted(self.variations.items())
        }

    def some(self, bins: slice) -> "GivenTemplate":
        """Return the resonance in some of the bins."""
        variations = {n: (down[bins], up[bins]) for n, (down, up) in self.variations.items()}
        return GivenTemplate(self.name, self.events[bins], variations)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelTemplates:
    """One selection category at one mass of the resonance."""

    name: str
    """name of the category"""
    background: FloatArray
    """expected events, shape (B,), all positive"""
    modes: FloatArray
    """change of the background by one standard deviation of each eigenmode, shape (K, B)"""
    signal: FloatArray
    """events per unit of cross-section, shape (B,)"""
    signal_variations: Mapping[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    """nuisance -> signal one standard deviation down, and up; a name is one nuisance everywhere"""
    norm_errors: Mapping[str, float] = field(default_factory=dict)
    """nuisance -> relative error of the signal's normalisation; names as above"""
    spurious: FloatArray | None = None
    """one standard deviation of the spurious signal, shape (B,); a nuisance of this category"""
    observed: FloatArray | None = None
    """events, shape (B,); None while blind"""
    given: tuple[GivenTemplate, ...] = ()
    """resonances in both hypotheses; the same ones in all categories"""

    def __post_init__(self) -> None:
        """Refuse templates that are no templates.

        Raises
        ------
        InputError
            For wrong shapes, a background that is not positive, a negative or empty signal.
        """
        shape = self.background.shape
        pairs = [each for pair in self.signal_variations.values() for each in pair]
        for known in self.given:
            pairs += [each for pair in known.variations.values() for each in pair]
        optional = [each for each in (self.spurious, self.observed) if each is not None]
        optional += [known.events for known in self.given]
        arrays = [self.background, *self.modes, self.signal, *pairs, *optional]
        problem = None
        if any(each.shape != shape for each in arrays):
            problem = f"all templates need the {len(self.background)} bins of the background"
        elif not all(np.all(np.isfinite(each)) for each in arrays):
            problem = "templates must be finite"
        elif not np.all(self.background > 0):
            problem = "the background must be positive in every bin"
        elif np.any(self.signal < 0) or not self.signal.sum() > 0:
            problem = "the signal must not be negative, nor empty"
        elif not all(0 <= error < 1 for error in self.norm_errors.values()):
            problem = "relative uncertainties of the normalisation must be from 0 to below 1"
        if problem:
            raise InputError(f"category {self.name}: {problem}")

    @property
    def bin_names(self) -> list[str]:
        """Names of the bins in the workspace, each a channel of it."""
        return [f"{self.name}_{index:03d}" for index in range(len(self.background))]

    @property
    def mode_names(self) -> list[str]:
        """Names of the modes in the workspace."""
        return [f"background_{self.name}_{index}" for index in range(len(self.modes))]

    @property
    def spurious_name(self) -> str:
        """Name of the spurious signal in the workspace."""
        return f"spurious_{self.name}"

    @property
    def log_modes(self) -> FloatArray:
        """Changes of ln(background) by one standard deviation of each mode, shape (K, B)."""
        change = self.modes.reshape(-1, len(self.background)) / self.background
        return np.asarray(change / np.maximum(np.abs(change).sum(axis=0) / _MAX_CHANGE, 1.0))

    @property
    def spurious_pair(self) -> tuple[FloatArray, FloatArray] | None:
        """The background one standard deviation of spurious signal down, and up."""
        if self.spurious is None or not np.any(self.spurious):
            return None
        change = np.abs(self.spurious)
        down = np.minimum(change, _MAX_DOWN * self.background)
        return self.background - down, self.background + change

    @property
    def signal_factors(self) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Nuisance -> factors of the signal one standard deviation down, and up, shapes (B,)."""
        factors = {}
        for name in sorted({*self.signal_variations, *self.norm_errors}):
            down, up = self.signal_variations.get(name, (self.signal, self.signal))
            scale = 1 + self.norm_errors.get(name, 0.0)
            down, up = _ratio(down, self.signal), _ratio(up, self.signal)
            factors[name] = down / scale, up * scale
        return factors

    @property
    def nominal(self) -> FloatArray:
        """Events expected without the signal: background and given resonances, shape (B,)."""
        return self.background + sum(known.events for known in self.given)


def _ratio(varied: FloatArray, nominal: FloatArray) -> FloatArray:
    # Where there is next to no signal the ratio of two shapes may be anything, 0/0 too.
    there = nominal > _NO_SIGNAL * nominal.sum()
    ratio = np.divide(varied, nominal, out=np.ones_like(nominal), where=there)
    limit = math.exp(_MAX_SIGNAL_CHANGE)
    return np.clip(ratio, 1 / limit, limit)


def eigenmodes(background: FloatArray, slopes: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the changes of a fitted background by one standard deviation of each eigenmode.

    Parameters
    ----------
    background : ndarray, shape (B,)
        Expected events, positive.
    slopes : ndarray, shape (B, P)
        Their derivatives by the parameters of the fit.
    covariance : ndarray, shape (P, P)
        Of the parameters.

    Returns
    -------
    ndarray, shape (P, B)
        ``modes.T @ modes`` is ``slopes @ covariance @ slopes.T``. The modes are orthogonal in units
        of the bins' Poisson errors, which makes them nearly independent in a fit to these bins.

    Examples
    --------
    >>> slopes = np.array([[1.0, 0.0], [1.0, 2.0]])
    >>> modes = eigenmodes(np.array([4.0, 9.0]), slopes, np.diag([1.0, 0.25]))
    >>> np.round(modes.T @ modes, 12)
    array([[1., 1.],
           [1., 2.]])
    """
    # half @ half.T is the covariance of the events; rounding leaves eigenvalues below zero.
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    half = slopes @ (vectors * np.sqrt(np.maximum(values, 0)))
    # Orthogonal as the bins see them: each parameter can then be fitted nearly alone.
    root = np.sqrt(background)[:, None]
    left, sizes, _ = np.linalg.svd(half / root, full_matrices=False)
    return np.asarray((left * sizes * root).T)


def counts_under_peak(channels: Sequence[ChannelTemplates]) -> float:
    """Return the background within +-1.4 standard deviations of a Gaussian signal, all categories.

    That is where the central 84 % of a category's signal lie, whatever its shape.
    """
    total = 0.0
    for channel in channels:
        signal = np.concatenate([[0.0], np.cumsum(channel.signal)]) / channel.signal.sum()
        background = np.concatenate([[0.0], np.cumsum(channel.nominal)])
        ends = np.interp(_CENTRAL, signal, np.arange(len(signal)))
        inside = np.interp(ends, np.arange(len(signal)), background)
        total += float(inside[1] - inside[0])
    return total


def workspace(
    channels: Sequence[ChannelTemplates], *, scale: float, unit: str = "pb"
) -> dict[str, Any]:  # fmt: skip
    """Return the likelihood of some categories at one mass as a pyhf workspace.

    Parameters
    ----------
    channels : sequence of ChannelTemplates
        With observed events in all of them or in none; then the observation is the background.
    scale : float
        The cross-section of strength mu = 1 (`TemplateFit.scale` proposes one). The name of the
        measurement tells it.
    unit : str
        Of the cross-section; ``"events"`` for a spectrum.

    Returns
    -------
    dict
        A document of pyhf's schema 1.0.0.

    Raises
    ------
    InputError
        If two categories have one name, or a nuisance the name of another parameter.
    """
    _check_names(channels)
    blind = any(channel.observed is None for channel in channels)
    observations = [
        {"name": name, "data": [float(count)]}
        for channel in channels
        for name, count in zip(
            channel.bin_names,
            channel.nominal if blind or channel.observed is None else channel.observed,
            strict=True,
        )
    ]
    return {
        "channels": [document for channel in channels for document in _channel(channel, scale)],
        "observations": observations,
        "measurements": [
            {
                "name": f"mu = 1 is {scale:g} {unit}",
                "config": {"poi": _POI, "parameters": _parameters(channels)},
            }
        ],
        "version": "1.0.0",
    }


def _check_names(channels: Sequence[ChannelTemplates]) -> None:
    modes = [name for c in channels for name in c.mode_names]
    own = [_POI, _CENTRE, *modes, *(c.spurious_name for c in channels)]
    own += sorted({known.name for channel in channels for known in channel.given})
    nuisances = {name for channel in channels for name in channel.signal_factors}
    if len({channel.name for channel in channels}) < len(channels) or len(set(own)) < len(own):
        raise InputError("categories of one workspace need names that differ")
    if nuisances & set(own):
        raise InputError(
            f"a nuisance of the signal cannot be called {min(nuisances & set(own))!r}: "
            "another parameter of the workspace has that name"
        )


def _parameters(channels: Sequence[ChannelTemplates]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": _POI, "inits": [_MU_START], "bounds": [[0.0, _MU_MAX]]},
        {"name": _CENTRE, "inits": [1.0], "auxdata": [1.0], "fixed": True},
    ]
    bounds = [[1.0, 2 * MODE_CENTRE - 1]]
    place = {"inits": [MODE_CENTRE], "auxdata": [MODE_CENTRE], "bounds": bounds}
    for channel in channels:
        found += [{"name": name} | place for name in channel.mode_names]
    free = {"inits": [1.0], "bounds": [[0.0, MAX_GIVEN_STRENGTH]]}
    return found + [{"name": known.name} | free for known in channels[0].given]


def _channel(channel: ChannelTemplates, scale: float) -> list[dict[str, Any]]:
    """Return a category's bins, each as a channel of one bin."""
    changes = channel.log_modes * MODE_WIDTH
    centre = -MODE_CENTRE * changes.sum(axis=0)
    pair, factors = channel.spurious_pair, channel.signal_factors
    given_factors = [known.factors for known in channel.given]
    found = []
    for index, bin_name in enumerate(channel.bin_names):
        # The modes stand at their centre, not at 0: this fixed factor takes that out again.
        modes = [_normsys(_CENTRE, centre[index], -centre[index])]
        modes += [
            _normsys(name, change[index], -change[index])
            for name, change in zip(channel.mode_names, changes, strict=True)
        ]
        if pair is not None:
            down, up = float(pair[0][index]), float(pair[1][index])
            data = {"hi_data": [up], "lo_data": [down]}
            modes.append({"name": channel.spurious_name, "type": "histosys", "data": data})
        background = {"name": "background", "data": [float(channel.background[index])]}
        signal = _resonance("signal", _POI, channel.signal[index] * scale, factors, index)
        given = [
            _resonance(known.name, known.name, known.events[index], own, index)
            for known, own in zip(channel.given, given_factors, strict=True)
        ]
        samples = [signal, background | {"modifiers": modes}, *given]
        found.append({"name": bin_name, "samples": samples})
    return found


def _resonance(
    sample: str, strength: str, events: float, factors: Mapping[str, tuple[FloatArray, FloatArray]],
    index: int,
) -> dict[str, Any]:  # fmt: skip
    """Return a sample of one bin, scaled by a free strength and by nuisances."""
    effects: list[dict[str, Any]] = [{"name": strength, "type": "normfactor", "data": None}]
    effects += [
        _normsys(name, math.log(up[index]), math.log(down[index]))
        for name, (down, up) in factors.items()
    ]
    return {"name": sample, "data": [float(events)], "modifiers": effects}


def _normsys(name: str, log_up: float, log_down: float) -> dict[str, Any]:
    data = {"hi": math.exp(log_up), "lo": math.exp(log_down)}
    return {"name": name, "type": "normsys", "data": data}
