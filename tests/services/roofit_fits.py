r"""Fits of a resonance with RooFit, for `test_roofit.py`: run by a Python that has ROOT.

It reads a file of JSON, which describes spectra and models in plain terms, and writes another. It
knows nothing of the program under test: formulae, parameters, minimiser (Minuit2), intervals
(MINOS) and limits are ROOT's, or written here from the literature.

Expected in bin i of category c, whose background has the density f, are

.. math:: \int_i f_c(m)\,dm + \big(S g_c \prod_n (1 + \epsilon_n)^{\alpha_n} + s_c \eta_c\big)
          \int_i G(m; M (1 + \epsilon_s \kappa_s), w (1 + \epsilon_w \kappa_w))\,dm

events, with Gaussian constraints of width 1 on all alpha, eta and kappa. The likelihood is that of
independent Poisson counts, empty bins included.

A resonance that was claimed before is in both hypotheses. It adds :math:`S_k g_{kc}` times such an
integral about its own mass, with the same kappa; its S_k and mass are free. The mass stays within
one resolution of where it was found in a scan; for a limit it has a constraint there, of some of
its uncertainties.

`RooFormulaVar` gives the mean density in a bin: of a background by Simpson's rule, whose relative
error is (h/tau)^4/2880 = 3e-8 in bins of 10 GeV; of the peak by its cumulative. `RooRealSumPdf`
adds them, `RooSimultaneous` joins categories. The attribute "BinnedLikelihood", HistFactory's, has
the sum taken as it is, as the mean of Poisson counts, instead of normalising it numerically.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ROOT

Document = dict[str, Any]
ALPHA = 0.05
"""CLs at a limit"""
BANDS = (-2, -1, 0, 1, 2)
PULL, MASS_GeV = 5.0, 200.0
"""how far nuisance parameters and mass may move"""
FAR, FAR_EVENTS = 1e4, 1e6
"""and the background's parameters and the strength: never so far"""
PRECISION = 1e-3
"""of Minuit, in its own default: with that, -2 ln L of many parameters ends 0.1 above its least"""
NEAR, TIMES = 1e-4, 3
"""how far above its least -ln L may be by its derivatives, and how often it is tried"""
MASS_ERRORS = 3.0
"""of a claimed resonance, that the constraint of a limit allows its mass"""
STEP = 1e-2
"""of a parameter, for a derivative: all have errors of 1 or more"""
SAME = 1e-5
"""relative error of a limit"""


def terms(family: str, parameters: int, sqrt_s: float, low: float, high: float) -> list[str]:
    """Return functions of a mass {m} whose sum, each by its parameter, is ln f (bernstein: f)."""
    x, orders = f"({{m}}/{sqrt_s!r})", range(parameters)
    if family == "exp":
        return [f"pow({{m}}/500 - 1, {k})" for k in orders]
    if family in ("power", "cms-diphoton"):
        return [f"pow(log({{m}}/500), {k})" for k in orders]
    if family == "bernstein":
        u, n = f"(({{m}} - {low!r})/{high - low!r})", parameters - 1
        return [f"{math.comb(n, k)}*pow({u}, {k})*pow(1 - {u}, {n - k})" for k in orders]
    falls = {"atlas-diphoton": f"log(1 - pow({x}, 1.0/3))", "dijet": f"log(1 - {x})"}
    return ["1", falls[family], *(f"pow(log({x}), {k})" for k in range(1, parameters - 1))]


class Claimed:
    """A resonance in both hypotheses: its events, and where its peak is."""

    def __init__(self, found: Document, width: float, name: str) -> None:
        self.found, error = found, MASS_ERRORS * found["mass_error_GeV"]
        self.events = ROOT.RooRealVar(f"S_{name}", "", 0, -FAR_EVENTS, FAR_EVENTS)
        self.shift = ROOT.RooRealVar(f"shift_{name}", "", 0, -width, width)
        self.pull = ROOT.RooRealVar(f"mass_{name}", "", 0, -PULL, PULL)
        self.width = ROOT.RooRealVar(f"w_{name}", "", width)
        text = f"{found['mass_GeV']!r} + @0 + {error!r}*@1"
        self.mass = ROOT.RooFormulaVar(f"M_{name}", "", text, [self.shift, self.pull])

    @property
    def free(self) -> list[Any]:
        """Return what is free of it without a constraint."""
        return [each for each in (self.events, self.shift) if not each.isConstant()]

    def restart(self, *, limit: bool) -> None:
        """Put it where it was found, free; its mass is held by bounds, or by a constraint."""
        self.events.setVal(self.found["events"])
        self.events.setError(math.sqrt(self.found["events"]))
        self.shift.setVal(0.0)
        self.shift.setError(1.0)
        self.events.setConstant(False)
        self.shift.setConstant(limit)
        self.pull.setVal(0.0)
        self.pull.setConstant(not limit)

    def fix(self, events: float) -> None:
        """Fix it where it was found, with some events."""
        self.restart(limit=True)
        self.events.setVal(events)
        for each in (self.events, self.pull):
            each.setConstant()


class Category:
    """What is expected in the bins of one category."""

    def __init__(
        self, given: Document, strength: Any, place: Sequence[Any],
        claimed: Sequence[tuple[Claimed, Sequence[Any]]],
    ) -> None:  # fmt: skip
        self.given, self.name = given, given["name"]
        self.edges = np.array(given["edges_GeV"])
        self._kept: list[Any] = []
        self.x = ROOT.RooRealVar(f"x_{self.name}", "", self.edges[0], self.edges[-1])
        self.x.setBinning(ROOT.RooBinning(len(self.edges) - 1, self.edges))
        ends = self._table("low", self.edges[:-1]), self._table("high", self.edges[1:])
        self.fraction = ROOT.RooRealVar(f"fraction_{self.name}", "", 1)
        self.spurious = ROOT.RooRealVar(f"spurious_{self.name}", "", 0)
        self.pull = ROOT.RooRealVar(f"pull_{self.name}", "", 0, -PULL, PULL)
        events = (strength, self.fraction, self.spurious, self.pull)
        self.free: list[Any] = []
        parts = [self._background(*ends), self._peak("peak", ends, place)]
        factors = [ROOT.RooFit.RooConst(1), self._formula("events", "@0*@1 + @2*@3", *events)]
        for k, (each, its_place) in enumerate(claimed):
            fraction = np.interp(each.found["mass_GeV"], given["mass_GeV"], given["fraction"])
            parts.append(self._peak(f"peak{k}", ends, its_place))
            factors.append(self._formula(f"events{k}", f"{float(fraction)!r}*@0", each.events))
        self.sum = ROOT.RooRealSumPdf(f"sum_{self.name}", "", parts, factors, True)
        self.sum.setAttribute("BinnedLikelihood")

    def at(self, mass: float) -> None:
        """Take fraction and spurious signal of a mass."""
        pairs = ((self.fraction, "fraction"), (self.spurious, "spurious_events"))
        for variable, name in pairs:
            value = np.interp(mass, self.given["mass_GeV"], self.given[name])
            variable.setVal(float(value))

    def expected(self) -> np.ndarray:
        """Return what is expected in every bin, with the parameters as they are."""
        found = []
        for centre in (self.edges[1:] + self.edges[:-1]) / 2:
            self.x.setVal(centre)
            found.append(self.sum.getVal())
        return np.array(found) * np.diff(self.edges)

    def _peak(self, name: str, ends: Sequence[Any], place: Sequence[Any]) -> Any:
        """Return the mean density of one event of a peak, by its mean and width."""
        below = "ROOT::Math::gaussian_cdf(@{}, @3, @2)".format
        return self._formula(name, f"({below(1)} - {below(0)})/(@1 - @0)", *ends, *place)

    def _background(self, low: Any, high: Any) -> Any:
        """Return the mean density of the background, by Simpson's rule."""
        given, ends = self.given, (float(self.edges[0]), float(self.edges[-1]))
        kind = given["family"], given["parameters"], given["sqrt_s_GeV"]
        functions = terms(*kind, *ends)
        additive = given["family"] == "bernstein"
        values = self._values(functions)
        parameters = self._positive(values) if additive else self._independent(values)
        total = " + ".join(f"@{k + 2}*{each}" for k, each in enumerate(functions))
        density = (total if additive else f"exp({total})").format
        bottom, middle, top = (density(m=m) for m in ("@0", "(0.5*(@0 + @1))", "@1"))
        text = f"({bottom} + 4*({middle}) + {top})/6"
        return self._formula("background", text, low, high, *parameters)

    def _values(self, functions: Sequence[str]) -> np.ndarray:
        """Return functions at the bins' centres, shape (bins, functions)."""
        formulae = [ROOT.TFormula("term", each.format(m="x")) for each in functions]
        centres = (self.edges[1:] + self.edges[:-1]) / 2
        return np.array([[each.Eval(float(m)) for each in formulae] for m in centres])

    def _independent(self, values: np.ndarray) -> list[Any]:
        """Return the parameters of a log-linear density, as sums of free ones.

        They are correlated to many digits. The free ones are those that a fit of straight lines to
        the logarithms of what is expected makes independent of each other, with errors of 1.
        """
        events = np.array(self.given["expected_events"])
        root, logs = np.sqrt(events), np.log(events / np.diff(self.edges))
        orthogonal, triangle = np.linalg.qr(values * root[:, None])
        free = [
            self._free(f"q{k}", start, start - FAR, start + FAR)
            for k, start in enumerate(orthogonal.T @ (root * logs))
        ]
        return [
            self._keep(ROOT.RooAddition(f"p{k}_{self.name}", "", numbers(row), free))
            for k, row in enumerate(np.linalg.inv(triangle))
        ]

    def _positive(self, values: np.ndarray) -> list[Any]:
        """Return the coefficients of polynomials: from zero up, in units of where they start."""
        events, widths = np.array(self.given["expected_events"]), np.diff(self.edges)
        starts = numbers((values.T @ events + 0.5) / (values.T @ widths))
        return [
            self._formula(f"p{k}", "@0*@1", start, self._free(f"q{k}", 1.0, 0.0, FAR))
            for k, start in enumerate(starts)
        ]

    def _free(self, name: str, start: float, low: float, high: float) -> Any:
        free = self._keep(ROOT.RooRealVar(f"{name}_{self.name}", "", start, low, high))
        free.setError(0.1)
        self.free.append(free)
        return free

    def _table(self, name: str, values: np.ndarray) -> Any:
        contents = self._keep(ROOT.RooDataHist(f"{name}s_{self.name}", "", [self.x]))
        for index, value in enumerate(values):
            contents.set(index, float(value), 0.0)
        return self._keep(ROOT.RooHistFunc(f"{name}_{self.name}", "", [self.x], contents))

    def _formula(self, name: str, text: str, *of: Any) -> Any:
        return self._keep(ROOT.RooFormulaVar(f"{name}_{self.name}", "", text, [*of]))

    def _keep(self, each: Any) -> Any:
        """Hold what ROOT refers to, and Python would throw away."""
        self._kept.append(each)
        return each


def numbers(values: Sequence[float]) -> list[Any]:
    """Return some constants for RooFit."""
    return [ROOT.RooFit.RooConst(float(value)) for value in values]


class Model:
    """All categories of a spectrum, and their parameters."""

    def __init__(self, given: Document, claimed: Sequence[Document]) -> None:
        self.given = given
        self.strength = ROOT.RooRealVar("S", "", 0, -FAR_EVENTS, FAR_EVENTS)
        self.mass, self.width = ROOT.RooRealVar("M", "", 1), ROOT.RooRealVar("w", "", 1)
        self.nuisances: list[Any] = []
        self.errors = [
            (given[name], self._pull(name, given[name])) for name in ("energy_scale", "resolution")
        ]
        self.claimed = [
            Claimed(each, self._width(each["mass_GeV"]), str(k)) for k, each in enumerate(claimed)
        ]
        self.nuisances += [each.pull for each in self.claimed]
        signal, place = self._normalised(given["norm_errors"]), self._place(self.mass, self.width)
        beside = [(each, self._place(each.mass, each.width)) for each in self.claimed]
        self.categories = [Category(each, signal, place, beside) for each in given["categories"]]
        self.nuisances += [each.pull for each in self.categories]
        # By name: RooFit takes two variables for equal if their values are.
        self.without_error = [each.GetName() for each in self.nuisances if each.isConstant()]
        self._kept = [place, beside, signal]
        # Where the constraints have their centres: at 0, or where an Asimov set has them.
        self.centres = [ROOT.RooRealVar(f"{each.GetName()}_0", "", 0) for each in self.nuisances]
        self.constraints = [
            ROOT.RooGaussian(f"{each.GetName()}_c", "", each, centre, ROOT.RooFit.RooConst(1))
            for each, centre in zip(self.nuisances, self.centres, strict=True)
        ]
        self.index = ROOT.RooCategory("category", "")
        for each in self.categories:
            self.index.defineType(each.name)
        self.joint = ROOT.RooSimultaneous("joint", "", self.index)
        for each in self.categories:
            self.joint.addPdf(each.sum, each.name)

    def _pull(self, name: str, error: float) -> Any:
        """Return the nuisance parameter of a relative error, fixed if that is 0."""
        pull = ROOT.RooRealVar(name, "", 0, -PULL, PULL)
        pull.setConstant(error == 0)
        self.nuisances.append(pull)
        return pull

    def _place(self, *variables: Any) -> list[Any]:
        """Return mass and width of a peak with their relative errors, which are all peaks'."""
        return [
            ROOT.RooFormulaVar(
                f"varied_{each.GetName()}", "", f"@0*(1 + {error!r}*@1)", [each, pull]
            )
            for each, (error, pull) in zip(variables, self.errors, strict=True)
        ]

    def _width(self, mass: float) -> float:
        """Return the resolution at a mass."""
        return float(np.interp(mass, self.given["mass_GeV"], self.given["width_GeV"]))

    def _normalised(self, errors: Sequence[float]) -> Any:
        """Return the strength with the relative errors of its normalisation."""
        pulls = [ROOT.RooRealVar(f"alpha_{k}", "", 0, -PULL, PULL) for k, _ in enumerate(errors)]
        self.nuisances += pulls
        self.of_normalisation = pulls
        factors = [f"pow({1 + error!r}, @{k + 1})" for k, error in enumerate(errors)]
        return ROOT.RooFormulaVar("signal", "", "*".join(["@0", *factors]), [self.strength, *pulls])

    def at(self, mass: float) -> None:
        """Take everything that changes with the mass from a mass."""
        self.mass.setRange(mass - MASS_GeV, mass + MASS_GeV)
        self.mass.setVal(mass)
        self.width.setVal(self._width(mass))
        for each in self.categories:
            each.at(mass)

    def free_nuisances(self, *, limit: bool) -> None:
        """Put the nuisance parameters to 0, and free those that have an error; so what was claimed.

        Those of the normalisation change what events mean in pb, which only limits ask for.
        """
        for pull in self.nuisances:
            pull.setVal(0.0)
            pull.setConstant(pull.GetName() in self.without_error)
        for pull in self.of_normalisation:
            pull.setConstant(not limit)
        for each in self.claimed:
            each.restart(limit=limit)

    def fix_nuisances(self) -> None:
        """Put the nuisance parameters to 0, and fix them; nothing that was claimed is there."""
        for pull in self.nuisances:
            pull.setVal(0.0)
            pull.setConstant()
        for each in self.claimed:
            each.fix(0.0)

    def error(self) -> float:
        """Return the error of the strength by the expected information, all else being free.

        (HESSE's is by the observed one, which is another where events are few.)
        """
        free = [each for category in self.categories for each in category.free]
        pulls = [each for each in self.nuisances if not each.isConstant()]
        free += [parameter for each in self.claimed for parameter in each.free]
        free = [self.strength, *free, *pulls]
        slopes = np.array([self._slope(each) for each in free]) / np.sqrt(self._contents())
        constrained = np.diag(np.repeat([0.0, 1.0], [len(free) - len(pulls), len(pulls)]))
        return float(np.sqrt(np.linalg.inv(slopes @ slopes.T + constrained)[0, 0]))

    def _slope(self, variable: Any) -> np.ndarray:
        """Return the derivative of the contents of all bins by a parameter."""
        value, ends = variable.getVal(), []
        for step in (STEP, -STEP):
            variable.setVal(value + step)
            ends.append((self._contents(), variable.getVal()))
        variable.setVal(value)
        (above, high), (below, low) = ends
        found: np.ndarray = (above - below) / (high - low)  # nearer, where one is beyond a bound
        return found

    def _contents(self) -> np.ndarray:
        return np.concatenate(self.expected())

    def expected(self) -> list[np.ndarray]:
        """Return what is expected in each category."""
        return [each.expected() for each in self.categories]

    def observed(self, key: str = "events") -> list[np.ndarray]:
        """Return what each category is given."""
        return [np.array(each[key], float) for each in self.given["categories"]]

    def likelihood(
        self, counts: Sequence[np.ndarray], centres: Sequence[float] = ()
    ) -> "Likelihood":
        """Return the likelihood of some counts, with the constraints' centres at 0 or elsewhere."""
        weight = ROOT.RooRealVar("weight", "", 1)
        observables = [*(each.x for each in self.categories), self.index]
        data = ROOT.RooDataSet("data", "", [*observables, weight], WeightVar="weight")
        for each, own in zip(self.categories, counts, strict=True):
            self.index.setLabel(each.name)
            for centre, count in zip((each.edges[1:] + each.edges[:-1]) / 2, own, strict=True):
                each.x.setVal(centre)
                data.add(observables, float(count))
        return Likelihood(self, data, centres or [0.0] * len(self.centres))


class Likelihood:
    """The likelihood of some data, minimised."""

    def __init__(self, model: Model, data: Any, centres: Sequence[float]) -> None:
        self.model, self._data, self._centres = model, data, centres
        self._nll = model.joint.createNLL(
            data, ExternalConstraints=model.constraints, GlobalObservables=model.centres
        )

    def fit(self, strength: float | None = None, *, mass: bool = False) -> float:
        """Return the least -2 ln L, with the strength free or given, the mass free or as it is."""
        self.minimised(strength, mass=mass)
        return 2 * float(self._nll.getVal())

    def minimised(self, strength: float | None = None, *, mass: bool = False) -> Any:
        """Fit; return the minimiser."""
        model = self.model
        model.strength.setConstant(strength is not None)
        model.mass.setConstant(not mass)
        if strength is not None:
            model.strength.setVal(strength)
        for variable, centre in zip(model.centres, self._centres, strict=True):
            variable.setVal(centre)
        minimiser = ROOT.RooMinimizer(self._nll)
        minimiser.setPrintLevel(-1)
        minimiser.setPrintEvalErrors(-1)
        minimiser.setStrategy(1)
        minimiser.setEps(PRECISION)
        for _ in range(TIMES):
            minimiser.minimize("Minuit2", "Migrad")
            if minimiser.save().edm() < NEAR:
                return minimiser
        raise RuntimeError(f"{model.given['name']}: Minuit finds no minimum")


def scanned(model: Model, mass: float) -> Document:
    """Return what a fit at a mass finds."""
    model.at(mass)
    model.free_nuisances(limit=False)
    likelihood = model.likelihood(model.observed())
    null = likelihood.fit(0.0)
    rise = null - likelihood.fit()
    events, error = model.strength.getVal(), model.error()
    z = math.copysign(math.sqrt(max(rise, 0.0)), events)
    return {"mass_GeV": mass, "events": events, "error": error, "rise": rise, "z": z}


def measured(model: Model, mass: float) -> Document:
    """Return mass and events, both free, with their intervals."""
    model.at(mass)
    model.free_nuisances(limit=False)
    likelihood = model.likelihood(model.observed())
    likelihood.fit()
    # Fraction, width and spurious signal are first those of the mass given, then of that found.
    for _ in range(2):
        events = model.strength.getVal()
        model.at(model.mass.getVal())
        model.strength.setVal(events)
        lowest = likelihood.fit(mass=True)
    minimiser = likelihood.minimised(mass=True)
    minimiser.minos([model.mass, model.strength])
    found = {
        name: [each.getVal(), each.getVal() + each.getErrorLo(), each.getVal() + each.getErrorHi()]
        for name, each in (("mass_GeV", model.mass), ("events", model.strength))
    }
    rise = likelihood.fit(0.0) - lowest
    return {**found, "rise": rise, "z": math.sqrt(max(rise, 0.0))}


def limits(model: Model, mass: float) -> Document:
    """Return the upper limits on the events at a mass: the observed one, and those expected."""
    model.at(mass)
    model.free_nuisances(limit=True)
    return {"mass_GeV": mass, "observed": observed_limit(model), "expected": expected_limits(model)}


def observed_limit(model: Model) -> float:
    """Return where CLs is 5 %, by the asymptotic formulae of q~ (arXiv:1007.1727, eq. 64 to 66)."""
    data = model.likelihood(model.observed())
    lowest, best, error = data.fit(), model.strength.getVal(), model.strength.getError()
    if best < 0:
        lowest, best = data.fit(0.0), 0.0
    data.fit(0.0)
    asimov = asimov_of(model)
    least = asimov.fit(0.0)

    def away(strength: float) -> float:
        q, q_asimov = data.fit(strength) - lowest, asimov.fit(strength) - least
        root, width = math.sqrt(max(q, 0.0)), math.sqrt(max(q_asimov, 1e-12))
        with_signal = (q + q_asimov) / (2 * width) if root > width else root
        return math.log(upper(with_signal) / upper(with_signal - width) / ALPHA)

    return crossing(away, best, best + 2 * error)


def expected_limits(model: Model) -> list[float]:
    """Return the limits expected at `BANDS`, of the background that fits the expected events.

    What was claimed stands on it as it was found.

    They solve s(mu) = N + Phi^-1(1 - alpha Phi(N)), with s^2 = q~ of the Asimov set (eq. 89, with
    CLs in place of p).
    """
    model.fix_nuisances()
    model.likelihood(model.observed("expected_events")).fit(0.0)
    for each in model.claimed:
        each.fix(each.found["events"])
    asimov = asimov_of(model)
    model.free_nuisances(limit=True)
    least = asimov.fit(0.0)
    asimov.fit()
    found, error = [], model.strength.getError()
    for band in BANDS:
        target = band + ROOT.Math.normal_quantile(1 - ALPHA * upper(-band), 1)

        def away(strength: float, target: float = target) -> float:
            return target - math.sqrt(max(asimov.fit(strength) - least, 0.0))

        found.append(crossing(away, 0.0, target * error))
    return found


def upper(z: float) -> float:
    """Return the upper tail of the normal distribution."""
    return float(ROOT.Math.normal_cdf_c(z))


def asimov_of(model: Model) -> Likelihood:
    """Return the likelihood of the Asimov set of the parameters as they are."""
    return model.likelihood(model.expected(), [each.getVal() for each in model.nuisances])


def crossing(away: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function that is positive at `low` is 0 (by "regula falsi")."""
    above, below = away(low), away(high)
    while below > 0:
        low, above, high = high, below, high + 2 * (high - low)
        below = away(high)
    while True:
        strength = (low * below - high * above) / (below - above)
        value = away(strength)
        if abs(value) < SAME or high - low < SAME * high:
            return strength
        # The end that stays counts half (the Illinois algorithm), or steps would get ever smaller.
        if value > 0:
            low, above, below = strength, value, below / 2
        else:
            high, below, above = strength, value, above / 2


def answered(given: Document) -> Document:
    """Return all that is asked for one spectrum.

    The strongest of what is claimed is measured, beside all others.
    """
    model, others = Model(given, given["claimed"]), Model(given, given["claimed"][1:])
    return {
        "scan": [scanned(model, mass) for mass in given["masses_GeV"]],
        "measured": measured(others, given["start_GeV"]),
        "limits": [limits(model, mass) for mass in given["limits_GeV"]],
    }


def main() -> None:
    """Read spectra from the file that is named first; write what was found to the second."""
    ROOT.RooMsgService.instance().setGlobalKillBelow(ROOT.RooFit.ERROR)
    question, answer = map(Path, sys.argv[1:])
    found = [answered(each) for each in json.loads(question.read_text(encoding="utf-8"))]
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
