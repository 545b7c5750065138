"""Parallel universes: their truth, their order, and that nothing gives them away."""

import json
import pickle
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xxhash
from scipy import stats

from tests.formula import mass_by_formula
from tests.truths import continuum_of, resonance_of
from tools.checkout import find_settings
from tools.chunks import PART_EVENTS
from tools.digests import digest_text
from tools.errors import InputError
from tools.manifest import read_manifest
from tools.recipe import Floats, Resonance, make_events, signal_recipe
from tools.samples import Catalogue, read_catalogue
from tools.universe import Truth, UniversePlan, generate_universe, plan_universe, truth_of

SEED = 918_273_645_546
"""So long that it is not in a file by chance."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(find_settings("datasets/course.toml"))


@pytest.fixture(scope="module")
def small(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue with a thousandth of the data, to write many files."""
    return replace(catalogue, data_luminosity_invpb=1.2981)


@pytest.fixture(scope="module")
def truths(catalogue: Catalogue) -> list[Truth]:
    return [truth_of(1, number, catalogue) for number in range(2000)]


# ---- the truth -----------------------------------------------------------------------------------


def test_truths_are_distributed_as_declared(truths: list[Truth]) -> None:
    """Nine tests at 1e-4: false alarm 9e-4."""
    exists = [truth for truth in truths if truth.exists]
    assert stats.binomtest(len(exists), len(truths), 0.6).pvalue > 1e-4

    def uniform(values: Sequence[float | None] | Floats, low: float, high: float) -> float:
        return float(stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue)

    assert uniform([truth.mass_GeV for truth in exists], 500, 1000) > 1e-4
    assert uniform([truth.cross_section_pb for truth in exists], 0.5, 6.0) > 1e-4
    assert uniform([resonance_of(truth).width_GeV for truth in exists], 27, 33) > 1e-4
    spectra = [continuum_of(truth) for truth in truths]
    assert uniform([s.scale_GeV for s in spectra], 106.1 * 0.95, 106.1 * 1.05) > 1e-4
    assert uniform([s.tail_fraction for s in spectra], 0.00075, 0.00225) > 1e-4
    backgrounds = [truth.background for truth in truths]
    assert uniform([b.n_jets_mean for b in backgrounds], 4.48 * 0.97, 4.48 * 1.03) > 1e-4
    isolations = np.array([b.isolation_means for b in backgrounds])
    assert uniform(isolations[:, 0], 0.845, 0.855) > 1e-4
    assert uniform(isolations[:, 1], 0.845, 0.855) > 1e-4


def test_numbers_of_events(truths: list[Truth]) -> None:
    """Signal: Poisson about L sigma epsilon; background: within 2 % of the expectation."""
    with_x = [truth for truth in truths if truth.exists]
    expected = np.array([1298.1 * 0.17 * truth.cross_section_pb for truth in with_x])
    seen = np.array([truth.signal_events for truth in with_x])
    chi2 = np.sum((seen - expected) ** 2 / expected)
    assert 1e-4 < stats.chi2(len(with_x)).sf(chi2) < 1 - 1e-4  # false alarm 2e-4
    ratio = np.array([truth.background_events for truth in truths]) / 1_352_704.6065
    # Poisson adds 0.09 %: smears the edges by 5 of it at most (false alarm 1e-3).
    assert ratio.min() > 0.98 - 0.0043
    assert ratio.max() < 1.02 + 0.0043
    assert stats.kstest(ratio, stats.uniform(0.98, 0.04).cdf).pvalue > 1e-4


def test_where_there_is_no_x(truths: list[Truth]) -> None:
    for truth in truths:
        if not truth.exists:
            assert (truth.mass_GeV, truth.cross_section_pb, truth.signal_events) == (None, 0, 0)
            break


def test_truth_is_a_pure_function_of_seed_and_number(
    catalogue: Catalogue, truths: list[Truth]
) -> None:
    assert truth_of(1, 17, catalogue) == truths[17]
    assert truth_of(2, 17, catalogue) != truths[17]
    scales = [continuum_of(truth).scale_GeV for truth in truths]
    assert len(set(scales)) == len(scales)
    # Neighbours are independent: 4 standard deviations, false alarm 6e-5.
    assert abs(np.corrcoef(scales[1:], scales[:-1])[0, 1]) < 4 / np.sqrt(2000)


def test_truth_follows_the_samples_file(catalogue: Catalogue) -> None:
    """Ten times the luminosity, filter efficiency interpolated between 0.1 and 0.3."""
    samples = {
        **catalogue.samples,
        "signal_500": replace(catalogue.samples["signal_500"], filter_efficiency=0.1),
        "signal_750": replace(catalogue.samples["signal_750"], filter_efficiency=0.2),
        "signal_1000": replace(catalogue.samples["signal_1000"], filter_efficiency=0.3),
    }
    other = replace(catalogue, samples=samples, data_luminosity_invpb=1298.1e3)
    for number in range(20):
        truth = truth_of(3, number, other)
        if truth.mass_GeV is not None:
            efficiency = 0.1 + 0.2 * (truth.mass_GeV - 500) / 500
            expected = 1298.1e3 * efficiency * truth.cross_section_pb
            assert abs(truth.signal_events - expected) < 5 * np.sqrt(expected)
        assert truth.background_events == pytest.approx(1_352_704_606.5, rel=0.0202)


@pytest.mark.chance
def test_truth_and_plan_do_not_show_themselves(catalogue: Catalogue) -> None:
    """No false alarm: all that differs is an address, whose 12 digits do not begin as the seed."""
    truth = truth_of(SEED, 0, catalogue)
    for text in (repr(truth), str(truth), repr(plan_universe(catalogue, 0, seed=SEED))):
        assert "object at" in text
        assert str(SEED) not in text


# ---- the events ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded(catalogue: Catalogue) -> UniversePlan:
    """Return a universe with 300,000 events of an X of 5 TeV, far above all background."""
    truth = truth_of(4, 0, catalogue)
    truth = replace(
        truth, signal_events=300_000, background_events=1_000_000,
        signal=signal_recipe(Resonance(5000.0)),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.universe.truth_of", lambda *_: truth)
        return plan_universe(catalogue, 0, seed=4)


def test_signal_rows_lie_anywhere(crowded: UniversePlan) -> None:
    """Nothing in the order of the rows tells signal from background: false alarm 4e-4."""
    assert crowded.sizes == (PART_EVENTS, PART_EVENTS, 300_000)
    is_signal = np.concatenate([mass_by_formula(crowded.chunk(index)) > 4000 for index in range(3)])
    assert is_signal.sum() == sum(crowded.signals) == 300_000
    # Uniform over the rows, coarsely and finely ...
    places = np.flatnonzero(is_signal)
    assert stats.kstest((places + 0.5) / is_signal.size, "uniform").pvalue > 1e-4
    blocks = is_signal.reshape(1300, 1000).sum(axis=1)
    fraction = 300_000 / 1_300_000
    chi2 = np.sum((blocks - 1000 * fraction) ** 2) / (1000 * fraction * (1 - fraction))
    assert 5e-5 < stats.chi2(1299).sf(chi2) < 1 - 5e-5
    # ... and in the number of runs (Wald and Wolfowitz 1940) and at the chunks' ends.
    runs = 1 + np.count_nonzero(np.diff(is_signal))
    mean = 1 + 2 * 300_000 * 1_000_000 / 1_300_000
    spread = np.sqrt((mean - 1) * (mean - 2) / 1_299_999)
    assert abs(runs - mean) < 3.9 * spread
    last = np.concatenate([is_signal[end - 1000 : end] for end in (500_000, 1_000_000, 1_300_000)])
    assert stats.binomtest(int(last.sum()), 3000, fraction).pvalue > 1e-4


def test_order_within_the_signal_means_nothing(crowded: UniversePlan) -> None:
    mass = mass_by_formula(crowded.chunk(0))
    signal = mass[mass > 4000]
    correlation = stats.spearmanr(signal, np.arange(signal.size)).statistic
    assert abs(correlation) < 3.9 / np.sqrt(signal.size)  # false alarm 1e-4


def test_both_kinds_are_as_the_truth_says(crowded: UniversePlan) -> None:
    """Chunk 2 against the recipes themselves; 26 tests, false alarm 3e-3."""
    events = crowded.chunk(2)
    is_signal = mass_by_formula(events) > 4000
    for recipe, rows in ((crowded.truth.signal, is_signal), (crowded.truth.background, ~is_signal)):
        expected = make_events(recipe, np.random.default_rng(5), 200_000)
        for name, values in expected.items():
            if name in ("n_jets", "n_leptons"):
                counts = [np.bincount(np.minimum(v, 12)) for v in (values, events[name][rows])]
                pvalue = stats.chi2_contingency(counts).pvalue
            else:
                pvalue = stats.ks_2samp(values, events[name][rows]).pvalue
            assert pvalue > 1e-4, name


def test_chunks_are_pure_and_universes_independent(catalogue: Catalogue) -> None:
    plan = plan_universe(catalogue, 6, seed=1)
    first = plan.chunk(1)
    sent = pickle.loads(pickle.dumps(plan))
    again = sent.chunk(1)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    streams = [
        first, plan.chunk(0), plan_universe(catalogue, 7, seed=1).chunk(1),
        plan_universe(catalogue, 6, seed=2).chunk(1),
    ]  # fmt: skip
    for column in ("photon1_pT", "photon2_eta"):  # drawn early, drawn late
        values = np.array([events[column] for events in streams])
        correlations = np.corrcoef(values)[np.triu_indices(4, 1)]
        assert np.abs(correlations).max() < 4.5 / np.sqrt(PART_EVENTS)  # false alarm 8e-5


def test_the_hllhc_universe_is_planned_alike() -> None:
    """1.35e9 events in 2,700 chunks, of which any can be made alone."""
    catalogue = read_catalogue(find_settings("datasets/hllhc.toml"))
    number = next(k for k in range(20) if truth_of(1, k, catalogue).cross_section_pb > 4)
    plan = plan_universe(catalogue, number, seed=1)
    assert sum(plan.sizes) == plan.truth.signal_events + plan.truth.background_events
    assert sum(plan.sizes) == pytest.approx(1.3527e9, rel=0.022)
    assert sum(plan.signals) == plan.truth.signal_events > 800_000
    # Spread evenly over the chunks: false alarm 1e-4.
    signals = np.array(plan.signals[:-1])
    mean = plan.truth.signal_events * PART_EVENTS / sum(plan.sizes)
    chi2 = np.sum((signals - mean) ** 2) / mean
    assert 5e-5 < stats.chi2(signals.size).sf(chi2) < 1 - 5e-5
    assert plan.chunk(2000)["n_jets"].size == PART_EVENTS


# ---- the files -----------------------------------------------------------------------------------


def secrets_of(truth: Truth) -> Iterator[bytes]:
    """Every number that would give a universe away, as text and as stored by a computer."""
    floats = [
        truth.mass_GeV, truth.cross_section_pb, resonance_of(truth).width_GeV,
        continuum_of(truth).scale_GeV, truth.background.n_jets_mean,
        *truth.background.isolation_means,
    ]  # fmt: skip
    yield from (repr(value)[:10].encode() for value in floats)
    yield from (struct.pack(order, value) for value in floats for order in ("<d", ">d"))
    yield from (str(SEED).encode(), f"{SEED:x}".encode())
    yield from (SEED.to_bytes(8, "little"), SEED.to_bytes(8, "big"))


def numbers_in(manifest: Path) -> set[str]:
    """Every number of a manifest, provenance left out (a commit's digits may be any).

    Digits within a longer word are those of a checksum, which differs from file to file.
    """
    document = json.loads(manifest.read_text())
    del document["provenance"]
    return set(re.findall(r"\b\d+\b", json.dumps(document)))


@pytest.mark.chance
@pytest.mark.parametrize("file_format", ["csv", "root"])
def test_files_hold_neither_seed_nor_truth(
    tmp_path: Path, catalogue: Catalogue, file_format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """False alarm 1e-10: 16 times 8 bytes in 70 MB, ten hexadecimal digits in two digests."""
    if file_format == "csv":
        catalogue = replace(catalogue, data_luminosity_invpb=129.81)
    number = next(k for k in range(20) if truth_of(SEED, k, catalogue).exists)
    path = generate_universe(catalogue, number, tmp_path, seed=SEED, file_format=file_format)
    truth = truth_of(SEED, number, catalogue)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == (1 if file_format == "csv" else 2)
    for file in files:
        content = file.read_bytes()
        for secret in secrets_of(truth):
            assert secret not in content, file
        assert str(SEED) not in str(file)
    assert capfd.readouterr() == ("", "")
    if file_format == "root":
        numbers = numbers_in(path)
        assert str(truth.signal_events + truth.background_events) in numbers  # that is public
        assert not numbers & {str(truth.signal_events), str(truth.background_events)}


def test_the_manifest_tells_only_what_the_events_tell(tmp_path: Path, small: Catalogue) -> None:
    path = generate_universe(small, 2, tmp_path, seed=SEED, file_format="root")
    assert path == tmp_path / "manifest.json"
    manifest = read_manifest(path)
    assert list(manifest.samples) == ["data"]
    chunks = manifest.samples["data"]
    assert (chunks.kind, chunks.generated, chunks.sources) == ("data", True, ())
    assert chunks.mass_GeV is chunks.cross_section_pb is chunks.filter_efficiency is None
    assert [part.path for part in chunks.parts] == ["data/part-00000.root"]
    # The content can be computed from the events alone: nothing else goes into it.
    hasher = xxhash.xxh3_128()
    events = plan_universe(small, 2, seed=SEED).chunk(0)
    for column in small.columns:
        values = events[column.name].astype(column.type)
        hasher.update(f"{column.name} {values.dtype.str} {values.size} ".encode())
        hasher.update(values.data)
    assert chunks.content == digest_text(hasher.hexdigest())


def test_csv_is_the_same_every_time(tmp_path: Path, small: Catalogue) -> None:
    steps: list[int] = []
    paths = [
        generate_universe(small, number, tmp_path / str(run), seed=seed, progress=steps.append)
        for run, (number, seed) in enumerate([(3, 1), (3, 1), (4, 1), (3, 2)])
    ]
    contents = [path.read_bytes() for path in paths]
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3
    assert paths[1] == tmp_path / "1" / "universe_3.csv"
    assert paths[2] == tmp_path / "2" / "universe_4.csv"
    assert steps == [content.count(b"\n") - 1 for content in contents]


def test_refusals(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(InputError, match="numbered from 0; there is no universe -1"):
        generate_universe(catalogue, -1, tmp_path, seed=1)
    with pytest.raises(InputError, match="seed must be zero or positive"):
        generate_universe(catalogue, 1, tmp_path, seed=-1)
    with pytest.raises(InputError, match="'hdf5' is not a format"):
        generate_universe(catalogue, 1, tmp_path, seed=1, file_format="hdf5")
    with pytest.raises(InputError, match=r"data_luminosity: 1e-09 / pb is too little .* raise it"):
        generate_universe(replace(catalogue, data_luminosity_invpb=1e-9), 1, tmp_path, seed=1)
    for kind, message in {
        "signal": "needs the filter efficiency of a signal",
        "background": "needs a background",
        "data": r'no sample has kind = "data"; declare one',
    }.items():
        left = {name: sample for name, sample in catalogue.samples.items() if sample.kind != kind}
        with pytest.raises(InputError, match=message):
            generate_universe(
                replace(catalogue, samples=left, data_luminosity_invpb=0.01), 1, tmp_path,
                seed=1, file_format="root",
            )  # fmt: skip
    assert not list(tmp_path.iterdir())
