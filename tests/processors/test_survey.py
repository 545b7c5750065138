"""A survey: pieces add up to the whole, and nothing of the window is in it."""

from dataclasses import fields

import awkward as ak
import numpy as np
import pytest

from processors.survey import Survey, nothing, survey
from tests.photon_files import expected, photons


def as_records(made: dict[str, ak.Array]) -> ak.Array:
    return ak.zip({name: ak.values_astype(each, "f8") for name, each in made.items()})


def same(one: Survey, other: Survey) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def test_masses_are_those_of_the_two_photons_of_largest_pt() -> None:
    made = photons()
    seen, masses = survey(as_records(made)), expected(made)
    assert seen.with_two == len(masses) == seen.mass.n
    assert seen.mass.mean == pytest.approx(masses.mean(), rel=1e-6)
    assert seen.mass.std == pytest.approx(masses.std(), rel=1e-6)
    assert (seen.mass.min, seen.mass.max) == pytest.approx((masses.min(), masses.max()), rel=1e-6)
    median = float(np.median(ak.to_numpy(ak.flatten(made["pt"]))))
    assert seen.median_pt_GeV == pytest.approx(median, rel=0.03)


def test_pieces_add_up_to_the_whole() -> None:
    records = as_records(photons())
    whole = survey(records)
    parts = nothing()
    for start, stop in ((0, 1), (1, 1), (1, 90), (90, 200)):
        parts = parts + survey(records[start:stop])
    assert parts.mass.mean == pytest.approx(whole.mass.mean, rel=1e-12)
    assert parts.mass.std == pytest.approx(whole.mass.std, rel=1e-12)
    assert (parts.photons, parts.with_two, parts.events) == (whole.photons, whole.with_two, 200)
    assert np.array_equal(parts.masses, whole.masses)
    assert np.array_equal(parts.momenta, whole.momenta)


def test_what_is_in_the_window_leaves_no_trace() -> None:
    window, made = (50.0, 100.0), photons()
    records = as_records(made)
    before = survey(records, blind_GeV=window)
    inside = [i for i in range(200) if survey(records[i : i + 1]).mass.n
              and window[0] <= survey(records[i : i + 1]).mass.mean < window[1]]  # fmt: skip
    assert len(inside) > 20
    assert before.mass.n == before.with_two - len(inside)
    lists = ak.to_list(records)
    for i in inside:
        lists[i] = [
            {"pt": 40.0, "eta": 0.1, "phi": 0.0},
            {"pt": 40.0, "eta": 0.0, "phi": 3.0},
            {"pt": 7.0, "eta": 0.0, "phi": 3.0},
        ]
    assert same(survey(ak.Array(lists), blind_GeV=window), before)
