r"""The tournament on a bare spectrum: no simulation, no sidebands, everything open.

A function that is fitted to data with a resonance in them, and chosen because that fit is good,
has taken the resonance for background. With a search window there is a way out: its sidebands
decide. A published spectrum has no window, the resonance may be anywhere. Then

1. the place where the spectrum lies highest above a smooth curve is found, and *masked*: three
   resolutions on either side of it are not read by anything below. If there is a resonance it is
   masked; if there is none, what is lost are a few bins;
2. truths are fitted to all other bins: those of `truths.py` and, of every family whether it is a
   candidate or not, the simplest function that fits well and no worse than the next order does;
   those that fit worse than the best by three standard deviations do not count;
3. a candidate must fit the bins outside the mask, too, and some truth of another family must: what
   is tested on nothing but itself is not tested;
4. the simplest whose spurious signal is small enough on every truth, at every mass, is taken, in
   the range that was given (no other is tried). If there is none, the one whose expected error is
   the smallest, spurious signal included, is taken, and the result says so.

So a resonance can neither choose its own background nor rule one out. Rejected: a likelihood ratio
of orders, and the best of all functions at each mass, both on the unmasked spectrum; they follow
the resonance. The envelope of all functions that pass is computed beside it as a cross-check.

The mask depends on the spectrum, so that toys have each their own. For many spectra at once a
smooth curve, that of the other bins, stands in for what is masked. One resonance is masked: with a
second one nothing may fit, and the result says that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.settings.search import FAMILIES, Window
from analysis.statistics.background.contest import Contest
from analysis.statistics.background.entries import Entry, Flags, Indices
from analysis.statistics.background.families import BELOW_SQRT_S, Function
from analysis.statistics.background.goodness import deviance
from analysis.statistics.background.tournament import Decisions, Tournament
from analysis.statistics.background.truths import KINDS, SMOOTH_PARAMETERS
from tools.arrays import FloatArray

MASK = 3.0
"""resolutions on either side of the largest excess"""
_SEEN = 1.5
"""resolutions on either side of a mass in which an excess is looked for"""
_BETTER = 3.84
"""fall of the deviance that one more parameter is worth: 5 % of spectra that do not need it"""
_WORSE = 9.0
"""deviance, with 1 for each parameter, by which a truth may fit worse than the best: 3 sigma"""
_LEAST_BENEATH = 2
"""bins that a mask leaves at the low end, where a truth would have nothing to hold on to"""


@dataclass(frozen=True, slots=True, eq=False)
class OpenTournament(Tournament):
    """The tournament of one open spectrum; `window` is the mask, or empty."""

    def decide(
        self, counts: FloatArray, *, alike: FloatArray | None = None, all_entries: bool = False
    ) -> Decisions:
        """Settle the function for every spectrum, each without its largest excess."""
        cleaned = self.cleaned(counts)
        return Tournament.decide(self.masked(-1), cleaned, alike=alike, all_entries=all_entries)

    def cleaned(self, counts: FloatArray) -> FloatArray:
        """Return the spectra with a smooth curve, fitted to the other bins, under each mask."""
        found, (places, best) = counts.copy(), self._look(counts)
        for place, index in np.unique(np.stack([places, best]), axis=1).T:
            rows = np.flatnonzero((places == place) & (best == index))
            field = Contest.of(self.masked(int(place)), 0.0, counts[rows])
            _, curve, *_ = field.truth(int(index))
            hidden = ~field.sideband
            found[np.ix_(rows, hidden)] = curve[:, hidden]
        return found

    def masked(self, place: int) -> "OpenTournament":
        """Return the tournament with a mask at a mass of its grid; -1: without."""
        if place < 0:
            low = float(self.low_GeV[0])
            return replace(self, window=Window(low, low))
        mass = self.masses_GeV[place]
        half = MASK * float(self.signal.width_GeV(self.masses_GeV[[place]])[0])
        return replace(self, window=Window(float(mass - half), float(mass + half)))

    def places(self, counts: FloatArray) -> Indices:
        """Return where each spectrum lies highest above a smooth curve, as index of a mass."""
        return self._look(counts)[0]

    def _look(self, counts: FloatArray) -> tuple[Indices, Indices]:
        """Return the place of each spectrum's largest excess, and the truth that fits it best.

        The excess is the signed root of the deviance of the events within `_SEEN` resolutions.
        """
        truths = Contest.of(self.masked(-1), 0.0, counts).truths()
        best = np.argmin(truths.misfit, axis=0)
        smooth = truths.expected[best, np.arange(len(counts))]
        width = self.signal.width_GeV(self.masses_GeV)[:, None]
        mass = self.masses_GeV[:, None]
        near = (self.high_GeV > mass - _SEEN * width) & (self.low_GeV < mass + _SEEN * width)
        seen, expected = (values @ near.T.astype(float) for values in (counts, smooth))
        excess = np.sign(seen - expected) * np.sqrt(deviance(seen[..., None], expected[..., None]))
        allowed = np.sum(self.high_GeV <= mass - MASK * width, axis=1) >= _LEAST_BENEATH
        if not allowed.any():
            return np.full(len(counts), -1), best
        return np.argmax(np.where(allowed, excess, -np.inf), axis=1), best

    @property
    def extrapolates(self) -> bool:
        """No: a truth bridges no more than the mask."""
        return False

    def truth_functions(self) -> tuple[Function, ...]:
        """Return the functions of all families: what is a candidate and what is true differ."""
        tried = self.functions(self.least_parameters, (*FAMILIES, *self.settings.own))
        beyond = float(self.high_GeV[-1]) >= self.sqrt_s_GeV
        return tuple(
            f for f in tried if not f.additive and not (beyond and f.family in BELOW_SQRT_S)
        )

    def cost(self, entry: Entry) -> FloatArray:
        """Return the expected error of a signal, its spurious signal included: mean logarithm."""
        with np.errstate(all="ignore"):
            total = np.hypot(entry.error, entry.spurious)
            largest = np.max(np.where(np.isfinite(total), total, 0.0), axis=0)
            mean = np.log(largest).mean(axis=-1)
        return np.where(np.isfinite(entry.worst) & np.isfinite(mean), mean, np.inf)

    def counting(self, names: Sequence[str], valid: Flags, misfit: FloatArray) -> Flags:
        """Leave of each family the simplest function that fits as well as the next one does.

        And of all, those that fit no worse than the best by `_WORSE`. No bin with a resonance is
        among those fitted, so that likelihood ratios may decide here.
        """
        sizes = [SMOOTH_PARAMETERS] * len(KINDS)
        sizes += [len(function.parameters) for function in self.truth_functions()]
        penalised = np.where(valid, misfit + np.array(sizes)[:, None], np.inf)
        valid = valid & (penalised <= penalised.min(axis=0) + _WORSE)
        found, families = valid.copy(), np.array([name.split()[0] for name in names])
        for family in set(families):
            done = np.zeros(valid.shape[1], dtype=bool)
            orders = np.flatnonzero(families == family)
            for order, after in zip(orders, [*orders[1:], None], strict=True):
                enough = valid[order] & ~done
                if after is not None:
                    enough &= ~(misfit[order] - misfit[after] > _BETTER)
                found[order] = enough
                done |= enough
        return found

    def tests(self, function: Function, names: Sequence[str], valid: Flags) -> Flags:
        """Tell for which spectra a truth of another family fits."""
        others = [name.split()[0] != function.family for name in names]
        return np.asarray(valid[others].any(axis=0))
