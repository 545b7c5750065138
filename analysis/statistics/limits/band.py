"""CLs limits on the cross-section against mass: observed, and the expected band.

Masses are independent of each other: each has its own workspace, and they are shared out to some
processes. Each is told as it is done, for the caller to save; they are the same whatever the
number of processes.

Expected limits are those of the Asimov set of the background that is given (a prediction from the
sidebands), never of a fit to the observed events, which an excess would distort. Below some twenty
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
from analysis.statistics.limits.toy_limits import toy_limits
from analysis.statistics.limits.workspaces import ChannelTemplates, counts_under_peak, workspace
from analysis.statistics.spectra.streams import limit_toy_stream
from tools.arrays import FloatArray

ENOUGH_COUNTS = 20.0
"""background events under the peak from which asymptotic limits are right to some 5 %"""


@dataclass(frozen=True, slots=True, eq=False)
class MassPoint:
    """What is searched for at one mass."""

    mass_GeV: float
    """mass of the resonance"""
    channels: tuple[ChannelTemplates, ...]
    """the categories; `observed` in all of them, or in none while blind"""

    @property
    def name(self) -> str:
        """Name of the workspace."""
        return f"mass_{self.mass_GeV:g}"

    def workspace(self, unit: Unit = "pb") -> dict[str, Any]:
        """Return its likelihood as a pyhf workspace."""
        return workspace(self.channels, scale=strength_scale(self.channels), unit=unit)


@dataclass(frozen=True, slots=True)
class MassLimit:
    """Upper limits on the cross-section at one mass, in the unit of the templates."""

    mass_GeV: float
    """mass of the resonance"""
    observed: float | None
    """None while blind, and where there is none (then `warnings` says why)"""
    expected: tuple[float | None, ...]
    """expected limits at `BANDS`"""
    counts_under_peak: float
    """background events within +-1.4 standard deviations"""
    low_counts: bool
    """whether these are too few for the asymptotic formulae"""
    method: str
    """``"asymptotic"`` or ``"toys"``"""
    warnings: tuple[str, ...]
    """why a limit is missing, in words"""


def band(
    points: Sequence[MassPoint],
    *,
    confidence_level: float = 0.95,
    workers: int = 1,
    toys: int = 0,
    seed: int = 0,
    on_limit: Callable[[MassLimit], None] = lambda _limit: None,
) -> tuple[MassLimit, ...]:
    """Return the limits at some masses, rising in mass.

    Parameters
    ----------
    points : sequence of MassPoint
    confidence_level : float
    workers : int
        Processes; with one, all is done in this process.
    toys : int
        Toys for each hypothesis at each strength, where counts are low; 0: asymptotic everywhere.
    seed : int
        The same seed gives the same limits, in any number of processes.
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

    work = partial(mass_limit, confidence_level=confidence_level, toys=toys, seed=seed)
    found = []
    if points:
        busy = min(workers, len(points))
        for _, limit in completed(work, points, busy, what="limits against mass"):
            on_limit(limit)
            found.append(limit)
    return tuple(sorted(found, key=lambda limit: limit.mass_GeV))


def mass_limit(
    point: MassPoint, *, confidence_level: float = 0.95, toys: int = 0, seed: int = 0
) -> MassLimit:
    """Return the limits at one mass; see `band`."""
    # By the expectation, observed or not: the data do not choose the method of their limit.
    counts = counts_under_peak(point.channels)
    low = counts < ENOUGH_COUNTS
    search = _Search(point.mass_GeV, confidence_level, toys if low else 0, seed)
    observed: float | None = None
    with numpy_backend() as optimisers:
        # A model of its own: the expected limits are the same to the last digit before and after.
        blind = _Likelihood.of(
            [replace(each, observed=None) for each in point.channels], optimisers
        )
        expected, warnings = search.limits(blind)
        if all(channel.observed is not None for channel in point.channels):
            opened = _Likelihood.of(point.channels, optimisers, known=blind)
            (observed,), notes = search.limits(opened)
            warnings += notes
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
    unblinded: bool = False
    """whether the data are events that were observed, not the expected background"""

    @classmethod
    def of(
        cls,
        channels: Sequence[ChannelTemplates],
        optimisers: Sequence[Any],
        *,
        known: "_Likelihood | None" = None,
    ) -> "_Likelihood":
        """Return the likelihood of observed events, if there are any.

        One that is `known` of the same templates lends its model, which takes long to make.
        """
        scale = strength_scale(channels)
        if known is None or known.scale != scale:
            templates = TemplateFit.of(channels, scale=scale)
            model, data = model_of(workspace(channels, scale=scale))
            fitters = (template_fitter(model, templates), pyhf_fitter(model, optimisers))
            known = cls(model, data, templates, scale, fitters)
        seen = [each.observed for each in channels if each.observed is not None]
        if not seen:
            return known
        data = known.data.copy()
        data[bin_order(known.model, known.templates)] = np.concatenate(seen)
        return replace(known, data=data, unblinded=True)

    def limits(self, fitter: Fitter, confidence_level: float) -> list[float]:
        """Return the asymptotic limits on the strength: the observed one, or those at `BANDS`."""
        options = {"confidence_level": confidence_level, "guess": self.templates.sigma()}
        if not self.unblinded:
            return [*expected_limits(nominal_asimov(self.model, fitter), **options)]
        if fitter is self.fitters[0]:
            check_same(self.model, self.templates, self.data, fitter)
        return [observed_limit(DataProfile.of(self.model, self.data, fitter), **options)]


@dataclass(frozen=True, slots=True)
class _Search:
    """How limits at one mass are searched for."""

    mass_GeV: float
    confidence_level: float
    toys: int
    """0: asymptotic limits"""
    seed: int

    def limits(self, likelihood: _Likelihood) -> tuple[list[float | None], list[str]]:
        """Return the observed limit on the cross-section, or those expected at `BANDS`.

        Where there is none it is None, and the second, warnings, say why.
        """
        what, number = ("observed", 1) if likelihood.unblinded else ("expected", len(BANDS))
        none = f"no {what} limit at {self.mass_GeV:g} GeV"
        try:
            # First the fit with derivatives, which is faster by far; else pyhf's own minimisers.
            try:
                strengths = likelihood.limits(likelihood.fitters[0], self.confidence_level)
            except NoLimitError:
                strengths = likelihood.limits(likelihood.fitters[1], self.confidence_level)
            found = self._by_toys(likelihood, strengths) if self.toys else [*strengths]
        except NoLimitError as problem:
            return [None] * number, [f"{none}: {problem}"]
        warnings = []
        if None in found:
            warnings.append(
                f"{none} from {self.toys} toys: their CLs does not cross the level; more toys may "
                "do"
            )
        return [None if x is None else float(x * likelihood.scale) for x in found], warnings

    def _by_toys(self, likelihood: _Likelihood, around: list[float]) -> list[float | None]:
        templates, unblinded = likelihood.templates, likelihood.unblinded
        return toy_limits(
            templates,
            likelihood.data[bin_order(likelihood.model, templates)] if unblinded else None,
            around=around,
            confidence_level=self.confidence_level,
            toys=self.toys,
            rng=limit_toy_stream(self.seed, self.mass_GeV, int(unblinded)),
        )
