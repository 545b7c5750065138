r"""Mass and strength of a resonance: profile likelihood, intervals, contour, nuisance parameters.

The fit starts at the most significant mass of the scan, everything free. The 68 % interval of a
parameter is where the deviance, all else fitted again, has risen by 1 above its minimum; the
contours of two are at 2.30 (68 %) and 5.99 (95 %). A profile is computed at fixed values of the
parameter, all of them in one batch, and interpolated by a cubic.

A nuisance parameter's *pull* is its best value in units of its constraint, its *impact* the change
of S when it is fixed at its best value plus or minus its fitted error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.results.values import Estimate
from analysis.results.verdict import (
    DevianceOfFit,
    GoodnessOfFit,
    MassStrengthContour,
    NuisanceParameter,
)
from analysis.statistics.background.goodness import deviance, goodness_of_fit
from analysis.statistics.minimiser.scoring import Minima
from analysis.statistics.resonance.peak import ALL_BUT_MASS, NUISANCES, Peak
from analysis.statistics.resonance.peak_curve import Given
from analysis.statistics.resonance.scan import Spectra
from tools.arrays import FloatArray

EVERYTHING = (*ALL_BUT_MASS, "mass")
_TIMES = 2
"""fits with the mass free: the second has fractions and spurious signal of the mass of the first"""
STEPS = np.concatenate([-np.linspace(3.5, 0.25, 14), [0.0], np.linspace(0.25, 3.5, 14)])
"""parabolic standard deviations from the best value, at which a profile is computed"""
_CONTOUR = (31, 31)
"""masses and strengths of the contour's grid"""
_CONTOUR_END = 3.2
"""parabolic standard deviations: the 95 % contour ends at sqrt(5.99) = 2.45 of a parabola's"""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """How much the deviance rises with one parameter, all else fitted again."""

    values: FloatArray
    rises: FloatArray
    interval: Estimate
    closed: bool
    """whether the deviance rises by 1 on both sides; else the interval is the parabola's"""

    @classmethod
    def of(cls, values: FloatArray, rises: FloatArray, best: float, error: float) -> "Profile":
        """Return the profile of a parameter with this best value and this error of the parabola."""
        down, up = (crossing(values, rises, best, side) for side in (-1, 1))
        interval = Estimate(
            best, best - error if down is None else down, best + error if up is None else up
        )
        return cls(values, rises, interval, down is not None and up is not None)


@dataclass(frozen=True, eq=False)
class Measurement:
    """The best fit, and fits with something fixed; each is done when it is first asked for."""

    spectra: Spectra
    best: Minima
    bounds_GeV: tuple[float, float]
    """ends of the masses searched; profiles and contour end one resolution beyond"""

    @cached_property
    def mass(self) -> Profile:
        """Profile of the mass."""
        return self._profile("mass")

    @cached_property
    def signal(self) -> Profile:
        """Profile of the events in all channels, in the whole spectrum."""
        return self._profile("signal")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the intervals should know."""
        return tuple(
            f"the interval of the {name} is a parabola's: its profile is not closed"
            for name, profile in (("mass", self.mass), ("signal", self.signal))
            if not profile.closed
        )

    def _value(self, name: str) -> tuple[float, float]:
        index = {"signal": self.spectra.peak.strength, "mass": self.spectra.peak.mass}[name]
        value, error = float(self.best.values[0, index]), float(self.best.error(index)[0])
        if name == "mass" and not 0 < error < np.inf:  # it was fixed
            error = self.width_GeV
        return value, error

    @property
    def mass_error_GeV(self) -> float:
        """Uncertainty of the fitted mass, of the parabola; 0 where the mass was fixed."""
        error = float(self.best.error(self.spectra.peak.mass)[0])
        return error if np.isfinite(error) else 0.0

    @property
    def given(self) -> Given:
        """The resonance as one that is known."""
        peak = self.spectra.peak
        return Given(
            float(self.best.values[0, peak.mass]), float(self.best.values[0, peak.strength])
        )

    def _mass(self) -> FloatArray:
        return self.best.values[:, self.spectra.peak.mass]

    def _rises(self, events: FloatArray, masses: FloatArray, free: tuple[str, ...]) -> FloatArray:
        """Return how much the deviance rises from these start values, or with these fixed ones."""
        spectra, peak, rows = self.spectra, self.spectra.peak, len(events)
        start = np.repeat(self.best.values, rows, axis=0)
        start[:, peak.strength], start[:, peak.mass] = events, masses
        counts = np.repeat(spectra.counts[None], rows, axis=0)
        spurious = np.repeat(spectra.spurious(self._mass()), rows, axis=0)
        found = peak.fit(counts, start, spurious=spurious, free=free)
        return np.maximum(found.deviance - float(self.best.deviance[0]), 0.0)

    def _profile(self, name: str) -> Profile:
        (events, _), (mass, _) = self._value("signal"), self._value("mass")
        value, error = self._value(name)
        points = value + STEPS * error
        if name == "mass":
            # Beyond the range searched there may be no spectrum for a peak to be fitted in.
            width = self.width_GeV
            low, high = self.bounds_GeV[0] - width, self.bounds_GeV[1] + width
            points = points[(points >= low) & (points <= high)]
        fixed = {"signal": np.full(len(points), events), "mass": np.full(len(points), mass)}
        fixed[name] = points
        free = tuple(part for part in EVERYTHING if part != name)
        return Profile.of(points, self._rises(fixed["signal"], fixed["mass"], free), value, error)

    @property
    def contour(self) -> MassStrengthContour:
        """Rise of the deviance on a grid of mass and strength, in events."""
        (events, d_events), (mass, d_mass) = self._value("signal"), self._value("mass")
        steps = (np.linspace(-_CONTOUR_END, _CONTOUR_END, n) for n in _CONTOUR)
        masses, strengths = mass + next(steps) * d_mass, events + next(steps) * d_events
        grid = np.meshgrid(masses, strengths, indexing="ij")
        rises = self._rises(grid[1].ravel(), grid[0].ravel(), NUISANCES)
        return MassStrengthContour(
            mass_GeV=masses, strength=strengths, delta_deviance=rises.reshape(grid[0].shape)
        )

    @property
    def nuisances(self) -> tuple[NuisanceParameter, ...]:
        """Pulls, and impacts in events; the largest impact first."""
        peak, found = self.spectra.peak, []
        events, _ = self._value("signal")
        first = peak.mass + 1
        for offset, name in enumerate(peak.names[2:]):
            index = first + offset
            error = float(self.best.error(index)[0])
            if error == 0:  # it is not free
                continue
            pull = float(self.best.values[0, index])
            up, down = (self._impact(offset, pull + side * error, events) for side in (1, -1))
            found.append(
                NuisanceParameter(
                    name=name, pull=pull, pull_error=error, impact_up=up, impact_down=down
                )
            )
        return tuple(sorted(found, key=lambda n: -max(abs(n.impact_up), abs(n.impact_down))))

    def _impact(self, offset: int, pull: float, events: float) -> float:
        """Return the change of the strength with a nuisance parameter fixed at a pull."""
        peak, mass, start = self.spectra.peak, self._mass(), self.best.values.copy()
        fixed = peak.mass + 1 + offset
        # All else is fitted again, the mass too: an impact is a difference of two best fits.
        start[:, fixed] = pull
        free = [index for index in range(peak.size) if index != fixed]
        spurious = self.spectra.spurious(mass)
        found = peak.fit(self.spectra.counts[None], start, spurious=spurious, free=free)
        return float(found.values[0, peak.strength]) - events

    @property
    def width_GeV(self) -> float:
        """Fitted width of the peak."""
        peak = self.spectra.peak
        width = float(peak.signal.width_GeV(self._mass())[0])
        return width * (1 + peak.width_error * float(self.best.values[0, peak.mass + 1]))

    @cached_property
    def per_bin(self) -> tuple[FloatArray, FloatArray]:
        """Entries of background, spurious signal included, and of signal in every bin."""
        peak = self.spectra.peak
        curve = peak.curve(self._mass(), self.spectra.spurious(self._mass()))
        rows = np.arange(1)
        both = curve.expected(self.best.values, rows)[0]
        without = self.best.values.copy()
        without[:, peak.strength] = 0.0
        # What the function fakes has the shape of a signal, and is background all the same.
        background = curve.expected(without, rows)[0]
        return background, both - background

    @property
    def goodness_of_fit(self) -> GoodnessOfFit:
        """p-values and deviances of the fits without and with the signal."""
        counts, peak = self.spectra.counts, self.spectra.peak
        values, size = peak.without_signal(counts[None]), peak.background.size + 2 * len(peak.given)
        null = peak.curve(values[:, peak.mass]).expected(values, np.arange(1))[0]
        # With the signal its strength and mass are fitted too, and what is uncertain of its shape.
        more = 2 + len(self.spectra.peak.indices(["shape"]))
        both = np.add(*self.per_bin)
        return GoodnessOfFit(
            background_only=goodness_of_fit(counts, null, size),
            with_signal=goodness_of_fit(counts, both, size + more),
            background_only_deviance=DevianceOfFit(
                deviance=float(deviance(counts, null)), degrees_of_freedom=len(counts) - size
            ),
            with_signal_deviance=DevianceOfFit(
                deviance=float(deviance(counts, both)),
                degrees_of_freedom=len(counts) - size - more,
            ),
        )

    @property
    def local_z(self) -> float:
        """Local significance at the fitted mass."""
        peak, mass = self.spectra.peak, self._mass()
        start = peak.at(self.best.values[:, : peak.background.size], mass)
        spurious = self.spectra.spurious(mass)
        null = peak.fit(self.spectra.counts[None], start, spurious=spurious, free=peak.no_signal)
        return float(np.sqrt(max(null.deviance[0] - self.best.deviance[0], 0.0)))


def measure(spectra: Spectra, start_GeV: float, *, bounds_GeV: tuple[float, float]) -> Measurement:
    """Measure the resonance that the scan found.

    Parameters
    ----------
    spectra : Spectra
    start_GeV : float
        The most significant mass of the scan.
    bounds_GeV : tuple of float
        Ends of the masses searched; profiles and contour end one resolution beyond.
    """
    counts, start = spectra.counts[None], np.array([start_GeV])
    best = best_fit(spectra.peak, counts, start, spectra.spurious, bounds_GeV=bounds_GeV)
    return Measurement(spectra, best, bounds_GeV)


def best_fit(
    peak: Peak,
    counts: FloatArray,
    start_GeV: FloatArray,
    spurious: Callable[[FloatArray], FloatArray],
    *,
    bounds_GeV: tuple[float, float],
) -> Minima:
    """Fit everything, from masses that a scan found.

    A mass that runs more than a resolution out of the range that is searched, where there is no
    peak to hold it, is fixed at its start.

    Parameters
    ----------
    peak : Peak
    counts : ndarray, shape (T, B)
    start_GeV : ndarray, shape (T,)
        The most significant mass of each spectrum.
    spurious : callable
        Of masses, shape (T,): the spurious signals of each spectrum there, events, shape (T, C).
    bounds_GeV : tuple of float
        Ends of the masses searched.
    """
    start = peak.without_signal(counts)
    start[:, peak.mass] = start_GeV
    found = peak.fit(counts, start, spurious=spurious(start_GeV))
    width = peak.signal.width_GeV(start_GeV)
    inside = np.ones(len(counts), dtype=bool)
    for _ in range(_TIMES):
        mass = found.values[:, peak.mass]
        free = peak.fit(counts, found.values, spurious=spurious(mass), free=EVERYTHING)
        ended = free.values[:, peak.mass]
        # A row that once ran out stays out: from the same start it would only do so again.
        inside &= (ended >= bounds_GeV[0] - width) & (ended <= bounds_GeV[1] + width)
        if not inside.any():
            break
        # Of each row the freed fit where its mass stayed inside, else what was there.
        rows = np.arange(len(inside))
        found = Minima.joined([found, free]).some(np.where(inside, len(rows) + rows, rows))
    return found


def crossing(points: FloatArray, rises: FloatArray, value: float, side: int) -> float | None:
    """Return where a profile has risen by 1 on one side of its minimum, or None.

    Parameters
    ----------
    points, rises : ndarray, shape (n,)
        Values of the parameter, and how much the deviance rises there.
    value : float
        Where the minimum is.
    side : int
        -1 for below, 1 for above.
    """
    from scipy.interpolate import PchipInterpolator

    there = (points - value) * side >= 0
    # The root of the rise is nearly linear in the parameter: a cubic through few points is enough.
    x, root = np.abs(points[there] - value), np.sqrt(rises[there])
    order = np.argsort(x)
    x, root = np.append(0.0, x[order]), np.append(0.0, root[order])
    x, root = x[np.append(True, np.diff(x) > 0)], root[np.append(True, np.diff(x) > 0)]
    above = np.flatnonzero(root >= 1)
    if not len(above):
        return None
    # Nothing beyond the first point above 1, where a profile may fall again; and only points that
    # rise, as the inverse is interpolated.
    last = int(above[0]) + 1
    x, root = x[: last + 1], root[: last + 1]
    rising = np.append(True, root[1:] > np.maximum.accumulate(root)[:-1])
    return value + side * float(PchipInterpolator(root[rising], x[rising])(1.0))
