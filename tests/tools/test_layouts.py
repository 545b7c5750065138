"""Layouts: read strictly, recognised by columns, refused with the candidates."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.checkout import checkout
from tools.errors import InputError
from tools.layouts import Layout, known_layouts, read_layout, read_layouts, recognise
from tools.samples import read_catalogue
from tools.settings_table import Table, read_toml

NANO = ("Photon_pt", "Photon_eta", "Photon_phi")
ATLAS = ("photon_pt", "photon_eta", "photon_phi")
OWN = """
about = "flat pairs of our group, in MeV"
units = { momentum = "MeV", angle = "deg" }
[photons]
pt = ["g1_pt", "g1.pt"]
eta = "g1_eta"
phi = "g1_phi"
[photons.second]
pt = "g2_pt"
eta = "g2_eta"
phi = "g2_phi"
"""


@pytest.fixture(scope="module")
def layouts() -> dict[str, Layout]:
    return read_layouts(checkout() / "datasets" / "layouts")


def read(text: str, path: Path) -> Layout:
    path.write_text(text, encoding="utf-8")
    return read_layout("own", Table(read_toml(path), str(path)))


# ---- reading -------------------------------------------------------------------------------------


def test_every_layout_that_comes_with_the_program_is_read(layouts: dict[str, Layout]) -> None:
    assert {"nanoaod", "atlas-open-data-2025", "atlas-physlite", "edm4hep"} <= layouts.keys()
    assert layouts["atlas-open-data-2020"].momentum == "MeV"
    assert layouts["atlas-open-data-2025"].momentum == "GeV"
    assert all(each.about and each.photons for each in layouts.values())


def test_a_layout_of_ones_own(tmp_path: Path) -> None:
    own = read(OWN, tmp_path / "own.toml")
    assert own.photons["pt"] == ("g1_pt", "g1.pt")
    assert own.second["phi"] == ("g2_phi",)
    assert (own.momentum, own.angle) == ("MeV", "deg")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('about = "flat', 'abuot = "flat', r"own.toml: unknown entry `abuot` \(is it 'about'\?\)"),
        ('"MeV"', '"TeV"', r"\[units\], momentum: 'TeV' is none of GeV, MeV"),
        (', angle = "deg"', "", r"\[units\]: `angle` is missing; add it"),
        ('eta = "g1_eta"\n', "", r"\[photons\]: `eta` is missing; add it"),
        ('eta = "g1_eta"', "eta = 3", r"\[photons\], eta: write a text, not 3"),
        ('phi = "g1_phi"', 'phi = "g1_phi"\nm = "g1_m"', r"\[photons\]: unknown entry `m`"),
        ('phi = "g1_phi"', 'phi = "g1_phi"\npx = "x"', "name either pt, eta and phi, or px"),
        ('eta = "g2_eta"', 'eta = "g2_eta"\nindex = "i"', r"photons.second\]: unknown entry `inde"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_layout_is_told(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert OWN.count(old) == 1
    with pytest.raises(InputError, match=message):
        read(OWN.replace(old, new), tmp_path / "own.toml")


def test_layouts_in_a_samples_file(layouts: dict[str, Layout], tmp_path: Path) -> None:
    path = tmp_path / "samples.toml"
    course = (checkout() / "datasets" / "course.toml").read_text(encoding="utf-8")
    own = re.sub(r"^\[", "[layouts.ours.", OWN, flags=re.MULTILINE).lstrip()
    path.write_text(f"{course}\n[layouts.ours]\n{own}", encoding="utf-8")
    catalogue = read_catalogue(path)
    assert catalogue.layouts["ours"].second["pt"] == ("g2_pt",)
    assert known_layouts(catalogue.layouts, path).keys() == {*layouts, "ours"}
    with pytest.raises(InputError, match=r"\[layouts.nanoaod\]: there is a layout of this name"):
        known_layouts({"nanoaod": layouts["nanoaod"]}, path)


# ---- recognising ---------------------------------------------------------------------------------


def test_a_name_may_be_one_of_several(layouts: dict[str, Layout]) -> None:
    columns = [f"AnalysisPhotonsAuxDyn:{name}" for name in ("pt", "eta", "phi")]
    found = recognise(layouts, {"EventData": columns})
    assert (found.layout.name, found.wanted) == ("atlas-physlite", columns)


def test_the_tree_and_then_the_energy_tell_two_layouts_apart(layouts: dict[str, Layout]) -> None:
    assert recognise(layouts, {"mini": ATLAS}).layout.name == "atlas-open-data-2020"
    assert recognise(layouts, {"dir/analysis": ATLAS}).layout.name == "atlas-open-data-2025"
    with_energy = (*ATLAS, "photon_E")
    assert recognise(layouts, {"tree": with_energy}).layout.name == "atlas-open-data-2020"


def test_two_layouts_that_fit_are_refused(layouts: dict[str, Layout]) -> None:
    message = (
        r"several layouts fit: atlas-open-data-2020 \(MeV\), atlas-open-data-2025 \(GeV\); name "
        "the one that is meant with --layout"
    )
    with pytest.raises(InputError, match=message):
        recognise(layouts, {"tree": ATLAS})
    named = known_layouts({}, Path(), "atlas-open-data-2020")
    assert recognise(named, {"tree": ATLAS}).layout.momentum == "MeV"


def test_two_trees_that_fit_are_refused_unless_one_has_the_usual_name(
    layouts: dict[str, Layout],
) -> None:
    with pytest.raises(InputError, match="several trees hold photons as in nanoaod: one, other;"):
        recognise(layouts, {"one": NANO, "other": NANO})
    assert recognise(layouts, {"one": NANO, "Events": NANO}).tree == "Events"


def test_what_is_missing_is_told_with_the_nearest_name(layouts: dict[str, Layout]) -> None:
    with pytest.raises(InputError) as caught:
        recognise(layouts, {"Events": ("Photon_pt", "Photon_eta", "Photon_Phi_")})
    message = str(caught.value)
    assert "nanoaod misses Photon_phi (is it 'Photon_Phi_'?)" in message
    assert re.search(r"no photon column of .*tag-and-probe, xyy-chunk is there", message)


def test_a_layout_that_is_not_known() -> None:
    with pytest.raises(InputError, match=r"no layout nanoad \(is it 'nanoaod'\?\); name one of"):
        known_layouts({}, Path(), "nanoad")


def test_layouts_are_told_alike_in_every_process() -> None:
    """What chunks are known by depends on it."""
    code = """
from pathlib import Path
from tools.layouts import known_layouts
print(repr(known_layouts({}, Path())))
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(told) == 1
