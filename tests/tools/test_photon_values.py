"""Values that no photon has, and momenta in another unit."""

import awkward as ak
import numpy as np

from tests.photon_files import photons
from tools.checkout import checkout
from tools.layouts import match, read_layouts
from tools.photon_values import Wrong, WrongValues, other_unit, wrong_values


def lists() -> list[list[dict[str, float]]]:
    made: list[list[dict[str, float]]] = ak.to_list(ak.zip(photons()))
    return made


def test_they_are_counted_with_their_first_entry() -> None:
    made = lists()
    many = [i for i, event in enumerate(made) if len(event) == 3]
    made[many[3]][1]["pt"] = np.nan
    made[many[5]][2]["pt"] = -1.0
    made[many[4]][0]["eta"] = np.inf
    seen = wrong_values(ak.Array(made), 1000)
    assert seen == WrongValues(Wrong(2, 1000 + many[3]), Wrong(1, 1000 + many[4]), Wrong())
    before, after = made[: many[4]], made[many[4] :]
    assert wrong_values(ak.Array(before), 0) + wrong_values(
        ak.Array(after), many[4]
    ) == wrong_values(ak.Array(made), 0)


def test_another_unit_is_told_by_the_size_of_the_momenta() -> None:
    layouts = read_layouts(checkout() / "datasets/layouts")
    found = match(layouts["atlas-open-data-2020"], "mini", ["photon_pt"])
    assert other_unit(found, 45.0) is None
    assert other_unit(found, None) is None
    told = other_unit(found, 0.045)
    assert told is not None
    assert told[0].startswith("the median pT is 0.045 GeV if the file is in MeV")
    assert told[1] == "column photon_pt"
