"""The whole statistics: spectra in, documents out, by the contract."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyhf
import pytest
from scipy.stats import norm

from analysis.results.codec import to_json
from analysis.results.values import Estimate
from analysis.settings.search import Search
from analysis.statistics.background.prediction import predict_from_simulation
from analysis.statistics.expectations import (
    CountingInputs,
    closure_tests,
    luminosity_warnings,
    normalisation,
)
from analysis.statistics.inference import infer as infer_results
from analysis.statistics.limits.asymptotic import numpy_backend
from analysis.statistics.resonance.claims import decide
from analysis.statistics.resonance.work import Work
from analysis.statistics.spectra.inputs import InferenceInputs, SimulatedSpectrum, Spectrum
from tools.errors import InputError

EDGES = np.arange(0.0, 3001.0)
LUMINOSITY = 1298.1
KEPT = 0.06
"""background events behind the course's cuts"""
EVENTS = 1_352_704.6 * KEPT
MASS, CROSS_SECTION = 700.0, 3.0


def falling(events: float) -> np.ndarray:
    left = np.maximum(EDGES - 50, 0)
    above = events * (0.9985 * np.exp(-left / 106.1) + 0.0015 * np.exp(-left / 424.4))
    return np.asarray(-np.diff(above))


def peak(mass: float) -> np.ndarray:
    return np.diff(norm.cdf(EDGES, mass, 30))


@pytest.fixture(scope="module")
def simulation() -> dict[str, SimulatedSpectrum]:
    rng = np.random.default_rng(20240301)
    before = rng.poisson(falling(100_000))
    found = {
        "background": SimulatedSpectrum(
            EDGES,
            {"all": rng.binomial(before, KEPT)},
            weight=13.527,
            generated_events=100_000,
            unselected_counts=before,
        )
    }
    for mass in (500, 750, 1000):
        found[f"signal_{mass}"] = SimulatedSpectrum(
            EDGES,
            {"all": rng.poisson(4230 * peak(mass))},
            weight=LUMINOSITY * 5.4 * 0.17 / 10_000,
            generated_events=10_000,
            mass_GeV=mass,
            cross_section_pb=5.4,
            filter_efficiency=0.17,
        )
    return found


Make = Callable[..., InferenceInputs]


@pytest.fixture(scope="module")
def make(simulation: dict[str, SimulatedSpectrum]) -> Make:
    """Return a maker of inputs, with data of one universe."""
    rng = np.random.default_rng(20240302)
    signal = LUMINOSITY * CROSS_SECTION * 0.17 * 0.423 * peak(MASS)
    background, with_x = rng.poisson(falling(EVENTS)), rng.poisson(falling(EVENTS) + signal)

    def inputs(*, blinded: bool = False, resonance: bool = True, **more: Any) -> InferenceInputs:
        counts = {"all": with_x if resonance else background}
        data = Spectrum(EDGES, counts, blinded)
        settled = {"data": data, "simulation": simulation, **more}
        return InferenceInputs(
            luminosity_invpb=LUMINOSITY,
            collision_energy_GeV=14_000.0,
            **{"data_luminosity_invpb": LUMINOSITY, **settled},
        )

    return inputs


@dataclass(frozen=True)
class Documents:
    """What the files of a search hold."""

    background: dict[str, Any]
    counting: dict[str, Any]
    scan: dict[str, Any]
    limits: dict[str, Any]
    verdict: dict[str, Any]
    known_before: dict[str, Any]
    workspaces: dict[str, Any]


def infer(inputs: InferenceInputs, search: Search, **how: Any) -> Documents:
    """Do the statistics, and write the results as their files have them; no NaN passes."""
    found = infer_results(inputs, search, Work(**how))
    written = {
        each.name: json.loads(json.dumps(to_json(getattr(found, each.name)), allow_nan=False))
        for each in fields(Documents)[:-1]
    }
    return Documents(workspaces=found.workspaces, **written)


@pytest.fixture(scope="module")
def opened(make: Make, quick: Search) -> Documents:
    return infer(make(), quick)


@pytest.fixture(scope="module")
def blind(make: Make, quick: Search) -> Documents:
    return infer(make(blinded=True), quick)


def whole(documents: Documents) -> str:
    """Return all documents as they are written; no NaN passes."""
    parts = (
        documents.background,
        documents.counting,
        documents.scan,
        documents.limits,
        documents.verdict,
        documents.workspaces,
    )
    return json.dumps(parts, allow_nan=False)


def test_the_resonance_is_discovered_and_measured(opened: Documents) -> None:
    assert {"profile", "mass_profile", "contour"} < opened.verdict["fit"].keys()
    verdict = opened.verdict
    assert verdict["decision"] == "discovery"
    assert verdict["local_z"] > 5
    mass, cross_section = verdict["mass_GeV"], verdict["cross_section_pb"]
    assert mass["low"] < mass["value"] < mass["high"]
    # Three errors: a false alarm of 0.3 % each, of a pinned seed.
    assert abs(mass["value"] - MASS) < 3 * (mass["high"] - mass["low"]) / 2
    error = (cross_section["high"] - cross_section["low"]) / 2
    assert abs(cross_section["value"] - CROSS_SECTION) < 3 * error
    assert verdict["reason"] is None
    assert 3 < verdict["global_z"] < verdict["local_z"]
    assert verdict["global_p"] < 1e-3
    assert verdict["global_z_reason"] is None


def test_the_keys_of_the_contract_are_there(opened: Documents) -> None:
    channel = opened.background["channels"]["all"]
    assert {"chosen", "candidates", "spurious_signal_events"} <= set(channel)
    assert {"family", "parameters", "gof_pvalue", "nll"} <= set(channel["chosen"])
    assert set(channel["chosen"]["parameters"][0]) == {"name", "value", "error"}
    counting = opened.counting
    assert {
        "window_GeV",
        "observed_events",
        "predicted_events",
        "predicted_error_events",
        "z",
        "z_course",
        "limit",
        "normalisation",
        "rehearsal",
    } <= set(counting)
    assert set(counting["limit"]["expected_pb"]) == {"-2", "-1", "0", "1", "2"}
    assert {"data_sideband_events", "expected_sideband_events", "ratio"} <= set(
        counting["normalisation"]
    )
    assert set(counting["rehearsal"]) == {
        "background_only",
        "with_signal_500",
        "with_signal_750",
        "with_signal_1000",
    }
    for entry in counting["rehearsal"].values():
        assert {"observed_events", "predicted_events", "predicted_error_events", "z"} <= set(entry)
    assert {
        "decision",
        "complete",
        "blinded",
        "after_unblinding",
        "local_z",
        "global_z",
        "global_p",
        "mass_GeV",
        "cross_section_pb",
        "counting",
    } <= set(opened.verdict)
    masses = opened.scan["mass_GeV"]
    for key in ("local_z", "cross_section_pb", "cross_section_error_pb"):
        assert len(opened.scan[key]) == len(masses) == 51
    limits = opened.limits
    assert limits["confidence_level"] == 0.95
    assert limits["mass_GeV"] == [500, 750, 1000]
    assert len(limits["observed_pb"]) == 3
    assert set(limits["expected_pb"]) == {"-2", "-1", "0", "1", "2"}
    assert all(len(band) == 3 for band in limits["expected_pb"].values())
    # At 750 GeV there is what is claimed.
    assert set(opened.workspaces) == {"counting", "mass_500", "mass_1000"}
    assert [each is None for each in limits["reasons"]] == [True, False, True]
    assert [each is None for each in limits["observed_pb"]] == [False, True, False]
    whole(opened)


def test_the_numbers_belong_together(opened: Documents, make: Make) -> None:
    counting, channel = opened.counting, opened.background["channels"]["all"]
    data = make().data
    assert data is not None
    assert counting["observed_events"] == data.counts["all"][400:1100].sum()
    assert counting["predicted_events"] == channel["predicted_events"]
    assert counting["uncorrected_events"] == pytest.approx(channel["chosen"]["uncorrected_events"])
    assert counting["correction_events"] == channel["correction_events"]
    parts = channel["predicted_errors_events"].values()
    assert counting["predicted_error_events"] == pytest.approx(np.linalg.norm(list(parts)))
    difference = counting["observed_events"] - counting["predicted_events"]
    assert counting["z_course"] == pytest.approx(difference / counting["predicted_error_events"])
    assert 0 < counting["z"] < counting["z_course"]
    assert opened.verdict["counting"]["z"] == counting["z"]
    bins = channel["bins"]
    assert len(bins["edges_GeV"]) == len(bins["observed_events"]) + 1
    assert None not in bins["observed_events"]
    fit = opened.verdict["fit"]
    scan = opened.scan
    assert max(scan["local_z"]) == opened.verdict["local_z"] == scan["maximum"]["local_z"]
    highest = int(np.argmax(scan["signed_z"]))
    assert scan["mass_GeV"][highest] == scan["maximum"]["mass_GeV"]
    assert scan["global"]["z"] == opened.verdict["global_z"]
    assert scan["global"]["p"] == opened.verdict["global_p"]
    assert abs(fit["mass_GeV"]["value"] - scan["maximum"]["mass_GeV"]) < 15
    assert fit["local_z_at_mass"] == pytest.approx(opened.verdict["local_z"], abs=0.5)
    in_fit = fit["channels"]["all"]
    total = np.sum(in_fit["background_events"]) + np.sum(in_fit["signal_events"])
    assert total == pytest.approx(np.sum(in_fit["observed_events"]), rel=0.01)
    assert in_fit["edges_GeV"][0] == channel["peak"]["fit_range_GeV"][0]
    assert in_fit["edges_GeV"][-1] == channel["peak"]["fit_range_GeV"][1]
    curve = channel["curve"]
    assert len(curve["mass_GeV"]) == len(curve["events_per_GeV"]) == len(curve["error"])


def test_the_cross_section_is_events_over_luminosity_and_efficiencies(
    opened: Documents, make: Make
) -> None:
    fit, signal = opened.verdict["fit"], make().signal_model()
    found, its_error = signal.total_efficiency(fit["mass_GeV"]["value"])
    efficiency, error = float(found), float(its_error)
    per_event = 1 / (LUMINOSITY * 0.17 * efficiency)
    events = fit["signal_events"]
    expected = Estimate(events["value"], events["low"], events["high"]).scaled(
        per_event, relative_error=error / efficiency
    )
    assert fit["cross_section_pb"]["value"] == pytest.approx(expected.value)
    assert fit["cross_section_pb"]["high"] == pytest.approx(expected.high)
    assert opened.verdict["cross_section_pb"] == fit["cross_section_pb"]
    scan, masses = opened.scan, np.array(opened.scan["mass_GeV"])
    at_each, _ = signal.total_efficiency(masses)
    assert np.array(scan["cross_section_pb"]) == pytest.approx(
        np.array(scan["signal_events"]) / (LUMINOSITY * 0.17 * at_each)
    )


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")
def test_the_workspace_reproduces_the_limit(opened: Documents) -> None:
    workspace = pyhf.Workspace(json.loads(json.dumps(opened.workspaces["counting"])))
    model = workspace.model()
    with numpy_backend():
        mu, expected = pyhf.infer.intervals.upper_limits.upper_limit(workspace.data(model), model)
    limit = opened.counting["limit"]
    assert float(mu) * limit["workspace_scale_pb"] == pytest.approx(limit["observed_pb"], rel=1e-3)
    # pyhf takes its expected band from a fit to the count, which the resonance bends.
    assert float(expected[2]) * limit["workspace_scale_pb"] > limit["expected_pb"]["0"]


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")
def test_the_workspaces_of_the_shape_reproduce_their_limits(opened: Documents) -> None:
    """CLs is 5 % at the observed limit, by pyhf alone, from what is written."""
    for index in (0, 2):
        mass, limit = (opened.limits[key][index] for key in ("mass_GeV", "observed_pb"))
        written = json.loads(json.dumps(opened.workspaces[f"mass_{mass:g}"]))
        workspace = pyhf.Workspace(written)
        model = workspace.model()
        with numpy_backend():
            cls = pyhf.infer.hypotest(limit / scale_of(written), workspace.data(model), model)
        assert float(cls) == pytest.approx(0.05, rel=0.03)


def scale_of(workspace: dict[str, Any]) -> float:
    """Return the cross-section in pb of strength 1, as the workspace says: "mu = 1 is 0.2 pb"."""
    return float(workspace["measurements"][0]["name"].split()[-2])


def test_while_blind_every_observed_quantity_is_null_with_the_reason(blind: Documents) -> None:
    verdict, counting = blind.verdict, blind.counting
    for key in ("decision", "local_z", "global_z", "mass_GeV", "cross_section_pb", "fit"):
        assert verdict[key] is None, key
    for key, value in blind.scan.items():
        if key not in ("mass_GeV", "expected_local_z", "benchmark_pb", "reason", "complete"):
            assert value is None, key
    assert len(blind.scan["expected_local_z"]) == 51
    assert blind.limits["observed_pb"] is blind.limits["excluded_GeV"]["observed"] is None
    for key in ("observed_events", "z", "z_course"):
        assert counting[key] is None, key
        assert verdict["counting"][key] is None, key
    assert counting["limit"]["observed_pb"] is counting["limit"]["curve"]["observed_cls"] is None
    for document in (verdict, counting, counting["limit"], blind.scan, blind.limits):
        assert document["reason"].startswith("the data are blind")
    assert verdict["global_p"] is None
    assert verdict["global_z_reason"].startswith("the data are blind")
    assert verdict["blinded"] is True
    bins = blind.background["channels"]["all"]["bins"]
    for low, count in zip(bins["edges_GeV"], bins["observed_events"], strict=False):
        assert (count is None) == (400 <= low < 1100)


def test_expected_results_are_the_same_before_and_after(
    opened: Documents, blind: Documents
) -> None:
    assert opened.counting["expected"] == blind.counting["expected"]
    assert opened.scan["expected_local_z"] == blind.scan["expected_local_z"]
    # Beside what is claimed a little less is expected, and nothing where it is.
    for mass in (0, 2):
        before, after = (each.limits["expected_pb"]["0"][mass] for each in (blind, opened))
        assert 0.999 < after / before < 1.1
    assert (
        opened.background["channels"]["all"]["peak"] == blind.background["channels"]["all"]["peak"]
    )
    assert opened.known_before == {
        **blind.known_before,
        "expected": {
            **blind.known_before["expected"],
            "counting_limit_pb": opened.counting["limit"]["expected_pb"],
            "limits": opened.known_before["expected"]["limits"],
        },
    }
    assert opened.counting["limit"]["expected_pb"] == pytest.approx(
        blind.counting["limit"]["expected_pb"], rel=1e-4
    )
    assert blind.counting["predicted_events"] == opened.counting["predicted_events"]
    expected = blind.verdict["expected"]
    assert expected["of"] == "data sidebands"
    for name in ("signal_500", "signal_750", "signal_1000"):
        assert expected["signals"][name]["fit_local_z"] > expected["signals"][name]["counting_z"]
        assert expected["signals"][name]["counting_z"] > 1.5


def test_nothing_of_the_window_leaks_while_blind(
    make: Make, blind: Documents, quick: Search
) -> None:
    """Other events inside the window, as many or none, change no byte; a sideband event does."""
    inputs = make(blinded=True)
    assert inputs.data is not None
    moved = inputs.data.counts["all"].copy()
    moved[400:1100] = np.roll(moved[400:1100], 300)
    emptied = moved.copy()
    emptied[400:1100] = 0
    for counts in (moved, emptied):
        changed = replace(inputs, data=Spectrum(EDGES, {"all": counts}, blinded=True))
        assert whole(infer(changed, quick)) == whole(blind)
    control = inputs.data.counts["all"].copy()
    control[300] += 1
    changed = replace(inputs, data=Spectrum(EDGES, {"all": control}, blinded=True))
    assert whole(infer(changed, quick)) != whole(blind)


def test_an_empty_universe_ends_in_a_limit(make: Make, quick: Search) -> None:
    found = infer(make(resonance=False), quick)
    assert found.verdict["decision"] == "limit"
    assert found.verdict["mass_GeV"] is found.verdict["cross_section_pb"] is None
    assert "mass and cross-section are not quoted" in found.verdict["reason"]
    # What was fitted is there for the figures, below the threshold of a claim too.
    assert found.verdict["fit"]["mass_GeV"] is not None
    # Its profiles jump from one fluctuation to the next: no figure shows them.
    assert not {"profile", "mass_profile", "contour"} & found.verdict["fit"].keys()
    limit = found.counting["limit"]
    assert limit["expected_pb"]["-2"] < limit["observed_pb"] < 2 * limit["expected_pb"]["2"]
    assert abs(found.counting["z"]) < 3
    whole(found)


def test_without_data_the_simulation_says_what_to_expect(
    make: Make, opened: Documents, quick: Search
) -> None:
    found = infer(make(data=None), quick)
    assert found.verdict["decision"] is None
    assert found.verdict["blinded"] is False
    assert found.verdict["reason"].startswith("there are no data")
    assert found.background["of"] == found.counting["expected"]["of"] == "simulation"
    assert found.counting["normalisation"]["ratio"] is None
    assert found.counting["normalisation"]["reason"] == "there are no data"
    # The data are those of the simulation, so are their expectations, within errors.
    near = opened.counting
    assert found.counting["predicted_events"] == pytest.approx(
        near["predicted_events"], abs=4 * near["predicted_error_events"]
    )
    # Errors are those of data, not of the simulation.
    assert 0.5 < found.counting["predicted_error_events"] / near["predicted_error_events"] < 2
    bins = found.background["channels"]["all"]["bins"]
    assert set(bins["observed_events"]) == {None}
    whole(found)


def test_the_rehearsal_finds_nothing_in_the_background_and_the_signal_in_both(
    opened: Documents,
) -> None:
    """|z| > 3 in 0.3 % of simulations; the seed is pinned."""
    rehearsal = opened.counting["rehearsal"]
    alone = rehearsal["background_only"]
    assert abs(alone["z"]) < 3
    assert alone["expected_data_z"] == 0
    # The simulation has fewer events than the data: its errors are its own.
    assert alone["predicted_error_events"] > 100
    for mass in (500, 750, 1000):
        both = rehearsal[f"with_signal_{mass}"]
        assert both["z"] > alone["z"] + 1.5
        assert both["expected_data_z"] > 1.5
        more = both["observed_events"] - alone["observed_events"]
        assert more == pytest.approx(LUMINOSITY * 5.4 * 0.17 * 0.423, rel=0.05)


def test_the_rehearsal_works_on_selected_events_alone(
    make: Make, simulation: dict[str, SimulatedSpectrum], quick: Search
) -> None:
    """6,000 simulated events: larger errors, and still no false signal (0.3 % false alarm)."""
    selected = {
        **simulation,
        "background": replace(simulation["background"], unselected_counts=None),
    }
    inputs = make(simulation=selected, data=None)
    of_simulation = predict_from_simulation(inputs, quick)
    found = closure_tests(CountingInputs(inputs, inputs, of_simulation, of_simulation), quick)
    alone = found["background_only"]
    assert abs(alone.z) < 3
    assert alone.observed_events == pytest.approx(
        13.527 * simulation["background"].counts["all"][400:1100].sum()
    )
    assert alone.predicted_error_events > 150


def test_a_wrong_luminosity_is_noticed(make: Make, quick: Search) -> None:
    found = infer(make(data_luminosity_invpb=129.81, blinded=True), quick)
    (note,) = (note for note in found.verdict["warnings"] if "sidebands hold" in note)
    assert "`data_luminosity` = 129.81 / pb right? These data look like 12" in note
    assert found.counting["normalisation"]["ratio"] == pytest.approx(10, rel=0.05)
    assert note in found.counting["warnings"]


def test_luminosities_are_compared_before_the_selection(make: Make, quick: Search) -> None:
    """A selection that keeps a fifth more in the data than in simulation is no wrong luminosity."""
    inputs = make(blinded=True)
    assert inputs.data is not None
    unselected = inputs.simulation["background"].unselected_counts
    assert unselected is not None
    events = np.random.default_rng(7).poisson(13.527 * unselected)
    more = {"all": np.asarray(inputs.data.counts["all"]) * 6 // 5}
    data = replace(inputs.data, counts=more, unselected_counts=events)
    same = replace(inputs, data=data)
    found = normalisation(same, quick)
    assert found.ratio == pytest.approx(1, abs=0.02)
    assert luminosity_warnings(found, same, quick.decision) == ()
    tenth = replace(same, data_luminosity_invpb=129.81)
    (note,) = luminosity_warnings(normalisation(tenth, quick), tenth, quick.decision)
    assert "sidebands hold" in note


def test_a_right_luminosity_is_not(opened: Documents) -> None:
    assert opened.counting["normalisation"]["ratio"] == pytest.approx(1, abs=0.05)
    assert not any("sidebands hold" in note for note in opened.verdict["warnings"])


def test_reservations_are_carried_into_the_verdict(make: Make, quick: Search) -> None:
    inputs = make(blinded=True, complete=False, after_unblinding="a bug was found")
    verdict = infer(inputs, quick).verdict
    assert verdict["complete"] is False
    assert verdict["after_unblinding"] == "a bug was found"
    assert verdict["warnings"][-1].startswith("events are missing")


def test_masses_beyond_the_simulated_signals_are_told(make: Make, quick: Search) -> None:
    wide = replace(quick, signal=replace(quick.signal, low_GeV=460.0))
    verdict = infer(make(blinded=True), wide).verdict
    (note,) = (note for note in verdict["warnings"] if note.startswith("signals are simulated"))
    assert "beyond, 460 to " in note


def test_a_count_that_excludes_what_the_fit_measures_says_why(make: Make, quick: Search) -> None:
    inputs = make()
    assert inputs.data is not None
    (counts,) = inputs.data.counts.values()
    beside = (EDGES[1:] <= 400) | (EDGES[:-1] >= 1100)
    # More in the sidebands than belongs to what is between them: the prediction is too high.
    more = replace(inputs.data, counts={"all": np.where(beside, np.rint(counts * 1.15), counts)})
    verdict = infer(replace(inputs, data=more), quick).verdict
    measured = verdict["cross_section_pb"]["value"]
    assert verdict["counting"]["limit"]["observed_pb"] < measured
    (note,) = (note for note in verdict["warnings"] if note.startswith("the limit of the count"))
    assert f"measures, {measured:.3g} pb: the whole window shows a deficit" in note


def test_masses_where_a_fit_did_not_converge_are_told(
    make: Make, opened: Documents, quick: Search
) -> None:
    assert opened.scan["converged"] == [True] * len(opened.scan["mass_GeV"])
    inputs = make()
    assert inputs.data is not None
    (counts,) = inputs.data.counts.values()
    # Where nothing is, the best signal is as negative as the background is high: no minimum.
    empty = (EDGES[:-1] >= 860) & (EDGES[1:] <= 1060)
    data = replace(inputs.data, counts={"all": np.where(empty, 0, counts)})
    found = infer(replace(inputs, data=data), quick)
    lost = np.array(found.scan["mass_GeV"])[~np.array(found.scan["converged"])]
    assert len(lost)
    assert lost.min() > 800
    (note,) = (note for note in found.verdict["warnings"] if "did not reach a minimum" in note)
    assert note.startswith(f"the fits at {len(lost)} of 51 masses (")


def test_categories_are_channels(
    make: Make, simulation: dict[str, SimulatedSpectrum], quick: Search
) -> None:
    """A spectrum split in two at random gives, together, what it gave in one."""
    rng = np.random.default_rng(20240303)

    def split(counts: np.ndarray) -> dict[str, np.ndarray]:
        part = rng.binomial(counts, 0.4)
        return {"a": part, "b": counts - part}

    one = make()
    assert one.data is not None
    parts = {name: replace(s, counts=split(s.counts["all"])) for name, s in simulation.items()}
    two = infer(make(simulation=parts, data=Spectrum(EDGES, split(one.data.counts["all"]))), quick)
    assert list(two.background["channels"]) == ["a", "b"]
    assert two.counting["observed_events"] == one.data.counts["all"][400:1100].sum()
    assert two.verdict["decision"] == "discovery"
    assert two.verdict["cross_section_pb"]["value"] == pytest.approx(CROSS_SECTION, rel=0.3)
    whole(two)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"simulation": {}}, "needs a simulated background and at least one simulated signal"),
        ({"data": Spectrum(EDGES, {"b": np.zeros(3000)})}, "have different channels"),
        ({"data": Spectrum(EDGES * 2, {"all": np.zeros(3000)})}, "have different bins of mass"),
    ],
)
def test_inputs_that_do_not_fit_together(make: Make, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**changes)


def test_signals_must_be_known(
    make: Make, simulation: dict[str, SimulatedSpectrum], quick: Search
) -> None:
    signal = replace(simulation["signal_500"], filter_efficiency=None)
    unknown = make(simulation={**simulation, "signal_500": signal}, data=None)
    with pytest.raises(InputError, match="signal_500: its cross-section and filter efficiency"):
        infer(unknown, quick)
    other = replace(quick, optimise=replace(quick.optimise, reference_signal="signal_600"))
    with pytest.raises(InputError, match="reference_signal: 'signal_600' is not a simulated"):
        infer(make(data=None), other)
    with pytest.raises(ValueError, match="a background has no mass"):
        _ = simulation["background"].peak_GeV


def test_empty_data_are_refused(make: Make, quick: Search) -> None:
    empty = make(data=Spectrum(EDGES, {"all": np.zeros(3000, dtype=int)}))
    with pytest.raises(InputError, match=r"0 events in the sidebands .* are too few to fit"):
        infer(empty, quick)


def test_evidence_and_discovery_have_thresholds(quick: Search) -> None:
    """A discovery needs both significances; evidence the global one."""
    thresholds = quick.decision
    for local_z, global_z, decision in (
        (8.0, 7.0, "discovery"),
        (5.0, 3.0, "discovery"),
        (4.9, 4.0, "evidence"),
        (9.0, 2.9, "limit"),
        (3.8, 2.9, "limit"),
    ):
        assert decide(local_z, global_z, thresholds) == decision


def test_the_verdict_follows_the_thresholds(make: Make, opened: Documents, quick: Search) -> None:
    z = opened.verdict["local_z"]
    harder = replace(quick.decision, discovery_local_z=z + 1, measurement_local_z=z + 0.5)
    found = infer(make(), replace(quick, decision=harder))
    assert found.verdict["decision"] == "evidence"
    assert found.verdict["mass_GeV"] is None
    assert "mass and cross-section are not quoted" in found.verdict["reason"]


def test_toys_decide_where_they_are_asked_for(make: Make, quick: Search) -> None:
    """50 toys of the whole procedure in an empty universe: many exceed what is seen there."""
    said: list[str] = []
    inputs = make(resonance=False)
    found = infer(inputs, quick, toys=50, seed=3, log=said.append)
    toys = found.scan["global"]["toys"]
    assert toys["n"] == 50
    assert any("50 toys of the whole procedure" in text for text in said)
    assert found.scan["global"]["method"] == "gross-vitells"  # which they do not exclude
    assert found.verdict["global_p"] == found.scan["global"]["gross_vitells_p"]
    # The toys follow from the spectrum: no seed moves the verdict.
    again = infer(inputs, quick, toys=50, seed=4)
    assert again.scan == found.scan
    assert again.verdict == found.verdict
    assert toys["p_low"] <= toys["p"] <= toys["p_high"]
    # Four binomial errors about the formula, which is no more than a guide here.
    p = found.scan["global"]["gross_vitells_p"]
    assert abs(toys["p"] - p) < 4 * np.sqrt(max(p * (1 - p), 0.02) / 50) + 0.1


def test_what_a_referee_asks_is_there(opened: Documents) -> None:
    fit = opened.verdict["fit"]
    assert fit["goodness_of_fit"]["background_only"] < fit["goodness_of_fit"]["with_signal"]
    used = [item for item in fit["stability"] if item["used"]]
    assert len(used) == 1
    assert len(fit["stability"]) >= 4
    assert used[0]["local_z"] == opened.verdict["local_z"]
    # Other ranges, orders and binnings see the same resonance: within two of their errors.
    for item in fit["stability"]:
        value, error = item["cross_section_pb"]["value"], item["cross_section_pb"]
        assert abs(value - used[0]["cross_section_pb"]["value"]) < error["high"] - error["low"]
    assert {n["name"] for n in fit["nuisances"]} >= {"resolution"}
    for nuisance in fit["nuisances"]:
        assert abs(nuisance["pull"]) < 3
    assert fit["deficit"]["signed_z"] == min(opened.scan["signed_z"])
    assert opened.limits["benchmark_pb"] == 5.4
    assert opened.limits["excluded_GeV"]["expected"] == [[500.0, 500.0], [1000.0, 1000.0]]
    best = int(np.argmax(opened.scan["local_z"]))
    # Profiling the functions, too, lets the one without a signal bend most: lower, never higher.
    assert 0.6 < opened.scan["envelope_z"][best] / opened.verdict["local_z"] < 1.05
    peak_of = opened.background["channels"]["all"]["peak"]
    (chosen,) = (item for item in peak_of["candidates"] if item["chosen"])
    assert (chosen["family"], chosen["order"]) == (peak_of["family"], peak_of["order"])
    assert chosen["passes"] == peak_of["passes"]
