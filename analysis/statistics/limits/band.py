"""CLs limits on the cross-section against mass: observed, and the expected band.

Masses are independent of each other: each has its own workspace, and they are shared out to some
processes. Each is told as it is done, for the caller to save; they are the same whatever the
number of processes.

Expected limits are those of the Asimov set of the background that is given (a prediction from the
sidebands), never of a fit to the observed events, which an excess would bend. Below some twenty
background events under the peak asymptotic limits are several percent too strong (17 % at one
event): such masses are marked, and get limits from toys if toys are asked for.

A mass without a limit does not stop the others: it has None, and a warning that says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from analysis.results.codec import Unit
from analysis.results.values import BANDS
from analysis.statistics.limits.asymptotic import (
    DataProfile,
    Fitter,
    NoLimitError,
    bin_order,
    check_same,
    expected_limits,
    model_of,
    nominal_asimov,
    numpy_backend,
    observed_limit,
    pyhf_fitter,
    template_fitter,
)
from analysis.statistics.limits.template_fit import TemplateFit, strength_scale
from analysis.statistics.limits.toy_limits import ToySettings, toy_limits
from analysis.statistics.limits.workspaces import ChannelTemplates, counts_under_peak, workspace
from analysis.statistics.spectra.streams import limit_toy_stream
from tools.arrays import FloatArray

ENOUGH_COUNTS = 20.0
"""background events under the peak from which asymptotic limits are right to some 5 %"""


@dataclass(frozen=True, slots=True, eq=False)
class MassPoint:
    """What is searched for at one mass."""

    mass_GeV: float
    """of the resonance"""
    channels: tuple[ChannelTemplates, ...]
    """the categories; `observed` in all of them, or in none while blind"""

    @property
    def name(self) -> str:
        """Of its workspace."""
        return f"mass_{self.mass_GeV:g}"

    def workspace(self, unit: Unit = "pb") -> dict[str, Any]:
        """Return its likelihood as a pyhf workspace."""
        return workspace(self.channels, scale=strength_scale(self.channels), unit=unit)


@dataclass(frozen=True, slots=True)
class MassLimit:
    """Upper limits on the cross-section at one mass, in the unit of the templates."""

    mass_GeV: float
    """of the resonance"""
    observed: float | None
    """None while blind, and where there is none (then `warnings` says why)"""
    expected: tuple[float | None, ...]
    """at `BANDS`"""
    counts_under_peak: float
    """background events within +-1.4 standard deviations"""
    low_counts: bool
    """whether these are too few for the asymptotic formulae"""
    method: str
    """``"asymptotic"`` or ``"toys"``"""
    warnings: tuple[str, ...]
    """for people"""


def band(
    points: Sequence[MassPoint],
    *,
    confidence_level: float = 0.95,
    workers: int = 1,
    toys: ToySettings | None = None,
    on_limit: Callable[[MassLimit], None] = lambda _limit: None,
) -> tuple[MassLimit, ...]:
    """Return the limits at some masses, rising in mass.

    Parameters
    ----------
    points : sequence of MassPoint
    confidence_level : float
    workers : int
        Processes; with one, all is done in this process.
    toys : ToySettings, optional
        Limits from toys where counts are low.
    on_limit : callable
        Given each limit as it is done, in any order.

    Raises
    ------
    InputError
        If categories or nuisances of a point have names that clash.
    XyyError
        If a worker dies.
    """
    from tools.pool import completed

    work = partial(mass_limit, confidence_level=confidence_level, toys=toys)
    found = []
    if points:
        busy = min(workers, len(points))
        for _, limit in completed(work, points, busy, what="limits against mass"):
            on_limit(limit)
            found.append(limit)
    return tuple(sorted(found, key=lambda limit: limit.mass_GeV))


def mass_limit(
    point: MassPoint, *, confidence_level: float = 0.95, toys: ToySettings | None = None
) -> MassLimit:
    """Return the limits at one mass; see `band`."""
    counts = counts_under_peak(point.channels)
    low = counts < ENOUGH_COUNTS
    by_toys = toys if low and toys is not None and toys.number else None
    search = _Search(confidence_level, by_toys, point.mass_GeV)
    is_open = all(channel.observed is not None for channel in point.channels)
    observed: float | None = None
    warnings: list[str] = []
    with numpy_backend() as optimisers:
        # A model of its own: the expected limits are the same to the last digit before and after.
        blind = _Likelihood.of(
            [replace(each, observed=None) for each in point.channels], optimisers
        )
        expected = search.expected(blind, warnings)
        if is_open:
            opened = _Likelihood.of(point.channels, optimisers, known=blind)
            observed = search.observed(opened, warnings)
    return MassLimit(
        mass_GeV=point.mass_GeV,
        observed=observed,
        expected=tuple(expected),
        counts_under_peak=counts,
        low_counts=low,
        method="toys" if search.toys else "asymptotic",
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Likelihood:
    """pyhf's model at one mass, and who fits it: the first that can."""

    model: Any
    data: FloatArray
    templates: TemplateFit
    scale: float
    fitters: tuple[Fitter, Fitter]

    @classmethod
    def of(
        cls,
        channels: Sequence[ChannelTemplates],
        optimisers: Sequence[Any],
        *,
        known: "_Likelihood | None" = None,
    ) -> "_Likelihood":
        """Return the likelihood; one that is `known` of other events lends its model."""
        scale = strength_scale(channels)
        if known is not None and known.scale == scale:
            return known.seeing(channels)
        templates = TemplateFit.of(channels, scale=scale)
        model, data = model_of(workspace(channels, scale=scale))
        fitters = (template_fitter(model, templates), pyhf_fitter(model, optimisers))
        return cls(model, data, templates, scale, fitters)

    def seeing(self, channels: Sequence[ChannelTemplates]) -> "_Likelihood":
        """Return the likelihood of the channels' observed events."""
        data = self.data.copy()
        seen = [each.observed for each in channels if each.observed is not None]
        data[bin_order(self.model, self.templates)] = np.concatenate(seen)
        return replace(self, data=data)

    @property
    def counts(self) -> FloatArray:
        """The events, in the order of the templates."""
        return self.data[bin_order(self.model, self.templates)]

    def first(self, task: Callable[[Fitter], list[float]]) -> list[float]:
        """Return what a task finds with the first fitter that can do it."""
        try:
            return task(self.fitters[0])
        except NoLimitError:
            return task(self.fitters[1])


@dataclass(frozen=True, slots=True)
class _Search:
    """How limits at one mass are searched for."""

    confidence_level: float
    toys: ToySettings | None
    mass_GeV: float

    def expected(self, likelihood: _Likelihood, warnings: list[str]) -> list[float | None]:
        """Return the limits on the cross-section expected at `BANDS`; None with a warning."""

        def task(fitter: Fitter) -> list[float]:
            background = nominal_asimov(likelihood.model, fitter)
            return list(expected_limits(background, **self._options(likelihood)))

        return self._found(likelihood, task, None, warnings) or [None] * len(BANDS)

    def observed(self, likelihood: _Likelihood, warnings: list[str]) -> float | None:
        """Return the observed limit on the cross-section; None with a warning."""

        def task(fitter: Fitter) -> list[float]:
            if fitter is likelihood.fitters[0]:
                check_same(likelihood.model, likelihood.templates, likelihood.data, fitter)
            profile = DataProfile.of(likelihood.model, likelihood.data, fitter)
            return [observed_limit(profile, **self._options(likelihood))]

        return (self._found(likelihood, task, likelihood.counts, warnings) or [None])[0]

    def _options(self, likelihood: _Likelihood) -> dict[str, float]:
        return {"confidence_level": self.confidence_level, "guess": likelihood.templates.sigma()}

    def _found(
        self,
        likelihood: _Likelihood,
        task: Callable[[Fitter], list[float]],
        counts: FloatArray | None,
        warnings: list[str],
    ) -> list[float | None] | None:
        """Return the limits of a task, by toys where these are wanted; else None and a warning."""
        what = "expected" if counts is None else "observed"
        try:
            found: list[float | None] = [*likelihood.first(task)]
            if self.toys:
                found = toy_limits(
                    likelihood.templates,
                    counts,
                    around=[limit for limit in found if limit is not None],
                    confidence_level=self.confidence_level,
                    toys=self.toys.number,
                    rng=limit_toy_stream(self.toys.seed, self.mass_GeV, 0 if counts is None else 1),
                )
        except NoLimitError as problem:
            warnings.append(f"no {what} limit at {self.mass_GeV:g} GeV: {problem}")
            return None
        if None in found and self.toys:
            warnings.append(
                f"no {what} limit at {self.mass_GeV:g} GeV from {self.toys.number} toys: their CLs "
                "does not cross the level; more toys may do"
            )
        return [None if limit is None else float(limit * likelihood.scale) for limit in found]
