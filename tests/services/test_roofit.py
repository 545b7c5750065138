"""Our spectra fitted again with RooFit, from the same inputs: the same numbers come out.

RooFit's side is `roofit_fits.py`, which imports nothing of ours and writes the likelihood anew. It
runs in an environment of its own, as ROOT comes with other versions of our libraries. The functions
are those that the program chooses in these spectra, and so are the spurious signals.

No limit is compared behind a resonance at another mass that is in neither hypothesis. There the
background bends away from the sidebands' prediction by several errors, and the templates of the
limits follow it to some percent only: their modes have a constraint, if a wide one, and scale the
spurious signal with the background.

Ten spectra are searched with nothing claimed. In three others resonances are, and belong to both
hypotheses from then on; masses beside them are compared, and the strongest itself, beside the
other. RooFit starts them, bounds their masses and puts them into expected spectra where we have
measured them, which is a number that it finds again.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from analysis.settings.search import Search, Systematics, Window
from analysis.statistics.background.prediction import predict
from analysis.statistics.limits.band import mass_limit, mass_points, norm_errors
from analysis.statistics.resonance.shape import Observed, ShapeSearch, search_shape
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.bins import Channel
from analysis.statistics.spectra.signal_model import Interpolated, SignalModel, plain_signal
from tools.recipe import Continuum

SCRIPT = Path(__file__).with_name("roofit_fits.py")
FIT_SECONDS = 300
SQRT_S_GeV = 14_000.0
EDGES = np.arange(0.0, 3001.0)
BEFORE, AFTER = 1_352_700.0, 81_000.0
"""events of the course's background, before and after the cuts"""
RESOLUTION = Systematics(luminosity=0.0, efficiency=0.0, energy_scale=0.0, resolution=0.06)
ALL_ERRORS = Systematics(luminosity=0.02, efficiency=0.03, energy_scale=0.005, resolution=0.1)


def course() -> np.ndarray:
    """Return the fraction of the course's background in every bin."""
    return np.asarray(-np.diff(Continuum().above(EDGES)))


def power_law() -> np.ndarray:
    """Return a spectrum that falls with the sixth power of the mass from 100 GeV on."""
    return np.asarray(-np.diff(np.maximum(EDGES / 100, 1.0) ** -5))


def shallow() -> np.ndarray:
    """Return a spectrum as that of the Higgs boson's background, from 100 GeV on."""
    return np.asarray(-np.diff(np.exp(-np.maximum(EDGES - 100, 0) / 40)))


@dataclass(frozen=True)
class Case:
    """A spectrum that is drawn, and how it is searched."""

    family: str
    background: Sequence[float]
    """events of each category"""
    signal: float = 0.0
    """events of X in all categories"""
    mass_GeV: float = 700.0
    """of X"""
    second: float = 0.0
    """events of another resonance"""
    second_GeV: float = 700.0
    claimed: bool = False
    """whether what is found is claimed, and belongs to both hypotheses from then on"""
    limits_GeV: tuple[float, ...] = ()
    """where limits are compared, if not at the mass of X"""
    shape: np.ndarray = field(default_factory=course)
    """fraction of the background in every bin"""
    model: SignalModel = field(default_factory=lambda: plain_signal(30.0))
    systematics: Systematics = RESOLUTION
    narrow: bool = False
    """search in 115 to 135 GeV, with bins of 1 GeV"""

    @property
    def expected(self) -> list[np.ndarray]:
        """Events of every bin and category, without fluctuations."""
        found = [events * self.shape for events in self.background]
        for events, mass in ((self.signal, self.mass_GeV), (self.second, self.second_GeV)):
            at = np.array([mass])
            peak = events * np.diff(norm.cdf(EDGES, mass, self.model.width_GeV(at)))
            pairs = zip(found, self.model.shares(at)[0], strict=True)
            found = [others + share * peak for others, share in pairs]
        return found

    def channels(self, seed: int) -> tuple[Channel, ...]:
        """Return the drawn spectra."""
        rng = np.random.default_rng(seed)
        counts = [rng.poisson(expected).astype(float) for expected in self.expected]
        return tuple(Channel(f"c{k}", EDGES, each) for k, each in enumerate(counts))

    def decisions(self, search: Search) -> Search:
        """Return how it is searched."""
        peak = replace(search.peak, families=(self.family,), global_toys=0)
        search = replace(search, peak=peak, systematics=self.systematics)
        if not self.claimed:  # whatever is found
            never = replace(search.decision, evidence_global_z=100.0, discovery_global_z=100.0)
            search = replace(search, decision=never)
        if not self.narrow:
            return search
        fit = replace(search.fit, low_GeV=105.0, low_highest_GeV=105.0, high_GeV=160.0, bin_GeV=1.0)
        signal = replace(search.signal, low_GeV=117.0, high_GeV=133.0, step_GeV=0.5)
        return replace(search, window=Window(115.0, 135.0), fit=fit, signal=signal)


TWO = plain_signal(30.0, (0.3, 0.5))
THREE = SignalModel(
    offset=Interpolated(np.array([500.0]), np.zeros(1), np.zeros(1)),
    width=Interpolated(np.array([500.0, 1000.0]), np.array([20.0, 40.0]), np.zeros(2)),
    efficiency=tuple(
        Interpolated(np.array([500.0, 1000.0]), np.array(ends), np.zeros(2))
        for ends in ((0.3, 0.2), (0.1, 0.2), (0.05, 0.1))
    ),
)
CASES = {
    "before the cuts": Case("exp", [BEFORE], limits_GeV=(600.0,)),
    "before the cuts, X": Case("atlas-diphoton", [BEFORE], signal=500, mass_GeV=720),
    "after the cuts": Case("exp", [AFTER], limits_GeV=(500.0, 750.0, 1000.0)),
    "after the cuts, X": Case("exp", [AFTER], signal=250, mass_GeV=640),
    "dijet, X": Case("dijet", [AFTER], signal=250, mass_GeV=560),
    "power law, X": Case("cms-diphoton", [2e6], signal=40, mass_GeV=940, shape=power_law()),
    "every systematic error": Case(
        "atlas-diphoton", [AFTER], limits_GeV=(550.0, 850.0), systematics=ALL_ERRORS
    ),
    "narrow, X": Case(
        "bernstein", [2e5], signal=600, mass_GeV=125, shape=shallow(), model=plain_signal(1.7),
        narrow=True,
    ),
    "two categories, X": Case("exp", [AFTER, AFTER / 10], signal=150, model=TWO),
    "three categories, X": Case(
        "exp", [AFTER, AFTER / 5, AFTER / 20], signal=40, mass_GeV=800, model=THREE
    ),
    "X claimed, another not": Case(
        "exp", [AFTER], signal=500, mass_GeV=597, second=45, second_GeV=750, claimed=True,
        limits_GeV=(500.0, 750.0, 850.0, 1000.0),
    ),
    "X claimed, every systematic error": Case(
        "atlas-diphoton", [AFTER], signal=250, mass_GeV=868, claimed=True,
        limits_GeV=(500.0, 700.0, 950.0), systematics=ALL_ERRORS,
    ),
    "two categories, two claimed": Case(
        "exp", [AFTER, AFTER / 3], signal=500, mass_GeV=597, second=200, second_GeV=868,
        claimed=True, limits_GeV=(500.0, 720.0, 1000.0), model=TWO,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """A fit at a mass."""

    mass_GeV: float
    events: float
    error: float
    """by the expected information"""
    rise: float
    """of -2 ln L, from the best fit to that without a signal"""
    z: float


@dataclass(frozen=True)
class Measured:
    """The fit with the mass free; values with the ends of their intervals."""

    mass_GeV: tuple[float, ...]
    events: tuple[float, ...]
    rise: float
    z: float


@dataclass(frozen=True)
class Limit:
    """Upper limits on the events at a mass."""

    mass_GeV: float
    observed: float
    expected: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """All results of a spectrum."""

    scan: tuple[Fitted, ...]
    measured: Measured
    limits: tuple[Limit, ...]

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Found":
        """Return RooFit's."""
        fits, limits = document["scan"], document["limits"]
        measured = {name: _fixed(value) for name, value in document["measured"].items()}
        return cls(
            tuple(Fitted(**each) for each in fits),
            Measured(**measured),
            tuple(
                Limit(**{name: _fixed(value) for name, value in each.items()}) for each in limits
            ),
        )


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Ours:
    """A spectrum as `analysis.statistics` sees it."""

    name: str
    case: Case
    shape: ShapeSearch
    observed: Observed
    masses_GeV: np.ndarray

    @classmethod
    def of(cls, name: str, search: Search) -> "Ours":
        """Draw a spectrum and search it."""
        case = CASES[name]
        search, seed = case.decisions(search), list(CASES).index(name)
        data, masses = case.channels(20261100 + seed), search.signal.masses_GeV
        prediction, work = predict(data, search, sqrt_s_GeV=SQRT_S_GeV), Work(toys=0)
        shape = search_shape(
            prediction, data, search, case.model, np.zeros_like(masses),
            sqrt_s_GeV=SQRT_S_GeV, work=work,
        )  # fmt: skip
        assert shape.observed is not None
        assert bool(shape.observed.resonances) == case.claimed
        return cls(name, case, shape, shape.observed, masses)

    @property
    def places(self) -> list[int]:
        """Where the scan is compared: its ends, and the best mass or some beside the claimed."""
        there = {self.observed.scan.best}
        if self.case.claimed:
            there = {self.masses_GeV.tolist().index(mass) for mass in self.limits_GeV}
        return sorted({0, *there, len(self.masses_GeV) - 1})

    @property
    def limits_GeV(self) -> tuple[float, ...]:
        return self.case.limits_GeV or (self.case.mass_GeV,)

    @property
    def norm_errors(self) -> dict[str, float]:
        return norm_errors(self.case.systematics, 0.0)

    def question(self) -> dict[str, Any]:
        """Return what RooFit is told."""
        masses, case = self.masses_GeV, self.case
        peak = self.shape.expected.peak
        shares = peak.signal.shares(masses)
        spurious = self.shape.expected.spurious(masses)
        categories = []
        pairs = zip(self.shape.expected.channels, self.observed.spectra.channels, strict=True)
        for index, (expected, observed) in enumerate(pairs):
            function, bins = expected.function, expected.bins
            assert np.array_equal(bins.low_GeV, observed.bins.low_GeV)
            categories.append(
                {
                    "name": expected.name,
                    "edges_GeV": [*bins.low_GeV, bins.high_GeV[-1]],
                    "events": [*observed.bins.counts],
                    "expected_events": [*bins.counts],
                    "family": function.family,
                    "parameters": len(function.parameters),
                    "sqrt_s_GeV": SQRT_S_GeV,
                    "mass_GeV": [*masses],
                    "fraction": [*shares[:, index]],
                    "spurious_events": [*spurious[:, index]],
                }
            )
        return {
            "name": self.name,
            "categories": categories,
            "resolution": case.systematics.resolution,
            "energy_scale": case.systematics.energy_scale,
            "norm_errors": [*self.norm_errors.values()],
            "mass_GeV": [*masses],
            "width_GeV": [*peak.signal.width_GeV(masses)],
            "masses_GeV": [masses[index] for index in self.places],
            "start_GeV": self.observed.excess.mass_GeV,
            "claimed": [
                {
                    "mass_GeV": each.measurement.mass.interval.value,
                    "mass_error_GeV": each.measurement.mass_error_GeV,
                    "events": each.measurement.signal.interval.value,
                }
                for each in self.observed.resonances
            ],
            "limits_GeV": [*self.limits_GeV],
        }

    def found(self) -> Found:
        """Return our results."""
        scan, measurement = self.observed.scan, self.observed.measurement
        assert measurement is not None
        assert scan.converged[self.places].all()
        rises = scan.null_deviance - scan.deviance
        rows = zip(
            scan.mass_GeV, scan.signal_events, scan.signal_error_events, rises, scan.z, strict=True
        )
        fits = [Fitted(*map(float, row)) for row in rows]
        mass, events = measurement.mass.interval, measurement.signal.interval
        measured = Measured(
            (mass.value, mass.low, mass.high), (events.value, events.low, events.high),
            measurement.local_z**2, measurement.local_z,
        )  # fmt: skip
        return Found(tuple(fits[index] for index in self.places), measured, tuple(self._limits()))

    def _limits(self) -> Sequence[Limit]:
        masses = np.array(self.limits_GeV)
        each = [self.norm_errors] * len(masses)
        found = []
        for point in mass_points(self.shape, masses, np.ones(len(masses)), each):
            limit = mass_limit(point)
            assert not limit.warnings
            assert limit.observed is not None
            expected = tuple(value for value in limit.expected if value is not None)
            found.append(Limit(limit.mass_GeV, limit.observed, expected))
        return found


@pytest.fixture(scope="module")
def pairs(
    root_python: Path, search: Search, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Found, Found]]:
    """Our results and RooFit's of every spectrum."""
    place = tmp_path_factory.mktemp("roofit")
    ours = {name: Ours.of(name, search) for name in CASES}
    question, answer = place / "question.json", place / "answer.json"
    question.write_text(json.dumps([each.question() for each in ours.values()]), encoding="utf-8")
    done = subprocess.run(
        (root_python, SCRIPT, question, answer),
        capture_output=True, text=True, timeout=FIT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs = json.loads(answer.read_text(encoding="utf-8"))
    return {
        name: (each.found(), Found.read(document))
        for (name, each), document in zip(ours.items(), theirs, strict=True)
    }


every_spectrum = pytest.mark.parametrize("name", CASES)


@every_spectrum
def test_the_scan_is_roofits(pairs: dict[str, tuple[Found, Found]], name: str) -> None:
    ours, theirs = pairs[name]
    for here, there in zip(ours.scan, theirs.scan, strict=True):
        assert here.mass_GeV == there.mass_GeV
        assert here.rise == pytest.approx(there.rise, abs=0.02)
        assert here.z == pytest.approx(there.z, abs=0.03)
        assert here.events == pytest.approx(there.events, abs=0.01 * there.error)
        assert here.error == pytest.approx(there.error, rel=0.005)


@every_spectrum
def test_mass_and_strength_are_roofits(pairs: dict[str, tuple[Found, Found]], name: str) -> None:
    ours, theirs = (each.measured for each in pairs[name])
    # Without a signal, and with nothing claimed, our spurious signal keeps its width. Where that
    # signal stands for a part of 17 standard deviations, its best width takes 1e-4 off the rise.
    assert ours.rise == pytest.approx(theirs.rise, abs=0.02, rel=2e-4)
    assert ours.z == pytest.approx(theirs.z, abs=0.03)
    # Along a profile we take width and fractions from each mass, RooFit from the best one: where
    # the width changes by 4 % of the mass's own change, that moves an end by 3 % of the error.
    for here, there in ((ours.mass_GeV, theirs.mass_GeV), (ours.events, theirs.events)):
        error = (there[2] - there[1]) / 2
        assert here[0] == pytest.approx(there[0], abs=0.01 * error)
        assert here[1:] == pytest.approx(there[1:], abs=0.05 * error)


@every_spectrum
def test_limits_are_roofits(pairs: dict[str, tuple[Found, Found]], name: str) -> None:
    ours, theirs = pairs[name]
    assert ours.limits
    for here, there in zip(ours.limits, theirs.limits, strict=True):
        assert here.mass_GeV == there.mass_GeV
        assert here.observed == pytest.approx(there.observed, rel=0.01)
        assert here.expected == pytest.approx(there.expected, rel=0.01)


def test_the_spectra_are_of_all_kinds(pairs: dict[str, tuple[Found, Found]]) -> None:
    local = {name: theirs.measured.z for name, (_, theirs) in pairs.items()}
    unclaimed = [z for name, z in local.items() if not CASES[name].claimed]
    assert len(unclaimed) == 10
    assert min(unclaimed) < 2
    assert max(unclaimed) > 8
    claimed = [z for name, z in local.items() if CASES[name].claimed]
    assert len(claimed) == 3
    assert min(claimed) > 12
