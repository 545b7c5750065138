"""Quantities carry their units; a wrong or missing one is an error that names the entry."""

import pytest

from tools.errors import InputError
from tools.units import cross_section_pb, energy_GeV, luminosity_invpb


@pytest.mark.parametrize(
    ("text", "value"),
    [("5.4 pb", 5.4), ("5400fb", 5.4), ("0.0054 nb", 0.0054e3), ("1.2865e4 pb", 12865.0)],
)
def test_cross_sections_are_converted(text: str, value: float) -> None:
    assert cross_section_pb(text, "here") == pytest.approx(value, rel=1e-14)


def test_a_luminosity_in_inverse_femtobarn_is_a_thousand_times_one_in_inverse_picobarn() -> None:
    ratio = luminosity_invpb("1298.1 / fb", "") / luminosity_invpb("1298.1 / pb", "")
    assert ratio == pytest.approx(1000, rel=1e-14)


def test_energies_are_converted() -> None:
    assert energy_GeV("14 TeV", "") == 14_000
    assert energy_GeV("500000 MeV", "") == 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (5.4, "5.4 is not a cross-section; write it with its unit"),
        ("5.4", "'5.4' is not a cross-section"),
        ("5.4 GeV", "'GeV' is not a unit of cross-section"),
        ("5.4 / pb", "'/pb' is not a unit of cross-section"),
        ("5.4 parsec", "'parsec' is not a unit"),
        ("-5.4 pb", "must be positive"),
        ("0 pb", "must be positive"),
        ("1e999 pb", "must be positive and finite"),
        ("1.2.3 pb", "'1.2.3' is not a number"),
        (None, "None is not a cross-section"),
    ],
)
def test_a_wrong_cross_section_is_refused(text: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        cross_section_pb(text, "course.toml, [samples.x]")
    assert str(refusal.value).startswith("course.toml, [samples.x]: ")


def test_a_luminosity_without_its_slash_is_refused() -> None:
    with pytest.raises(InputError, match=r"'pb' is not a unit of luminosity.*1298\.1 / pb"):
        luminosity_invpb("1298.1 pb", "here")
