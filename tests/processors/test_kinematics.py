"""Kinematics: the notebook's formula, its symmetries, and vector as an independent reference."""

import numpy as np
import pytest
import vector
from hypothesis import given
from hypothesis import strategies as st

from processors.kinematics import PhotonPair, delta

PT = st.floats(20, 2000)
ETA = st.floats(-4, 4)
PHI = st.floats(0, 2 * np.pi)
PHOTONS = st.tuples(PT, ETA, PHI, PT, ETA, PHI)
Photons = tuple[float, float, float, float, float, float]


def pair_of(photons: Photons) -> PhotonPair:
    pt1, eta1, phi1, pt2, eta2, phi2 = (np.array([value]) for value in photons)
    return PhotonPair(pt1, pt2, eta1, eta2, phi1, phi2)


def mass_of(photons: Photons) -> float:
    return float(pair_of(photons).mass[0])


def as_vectors(photons: Photons) -> tuple[vector.MomentumObject4D, vector.MomentumObject4D]:
    pt1, eta1, phi1, pt2, eta2, phi2 = photons
    return (
        vector.obj(pt=pt1, eta=eta1, phi=phi1, mass=0.0),
        vector.obj(pt=pt2, eta=eta2, phi=phi2, mass=0.0),
    )


def sum_of(
    first: vector.MomentumObject4D, second: vector.MomentumObject4D
) -> vector.MomentumObject4D:
    pair = first + second
    assert isinstance(pair, vector.MomentumObject4D)
    return pair


@given(PHOTONS)
def test_mass_and_pair_pt_are_those_of_the_four_vectors(photons: Photons) -> None:
    first, second = as_vectors(photons)
    pair = sum_of(first, second)
    scale = first.E + second.E  # the reference subtracts numbers of this size
    assert mass_of(photons) ** 2 == pytest.approx(pair.M2, abs=1e-12 * scale**2)
    assert pair_of(photons).pt[0] ** 2 == pytest.approx(pair.pt2, abs=1e-12 * scale**2)


@given(PHOTONS, st.floats(-3, 3), st.floats(-7, 7))
def test_mass_is_invariant_under_boosts_along_the_beam_and_rotations(
    photons: Photons, boost: float, angle: float
) -> None:
    pt1, eta1, phi1, pt2, eta2, phi2 = photons
    moved = (pt1, eta1 + boost, phi1 + angle, pt2, eta2 + boost, phi2 + angle)
    # Rounding of the moved angles, 1e-15, against separations that may be as small.
    assert mass_of(moved) ** 2 == pytest.approx(mass_of(photons) ** 2, rel=1e-9, abs=1e-7)


@given(PHOTONS)
def test_swapping_the_photons_changes_nothing(photons: Photons) -> None:
    assert mass_of((*photons[3:], *photons[:3])) == mass_of(photons)


@given(PHI, PHI)
def test_delta_phi_is_the_smallest_turn(phi1: float, phi2: float) -> None:
    turn = float(pair_of((50.0, 0.0, phi1, 50.0, 0.0, phi2)).delta_phi[0])
    assert -np.pi <= turn <= np.pi
    assert np.cos(turn) == pytest.approx(np.cos(phi1 - phi2), abs=1e-12)
    assert np.sin(turn) == pytest.approx(np.sin(phi1 - phi2), abs=1e-12)


@given(PHOTONS)
def test_cos_theta_star_is_that_of_the_collins_soper_frame(photons: Photons) -> None:
    first, second = as_vectors(photons)
    pair = sum_of(first, second)
    if pair.M2 < 1:
        return
    # The definition by light-cone components: 2 (p1+ p2- - p1- p2+) / (M sqrt(M^2 + pT^2)).
    plus, minus = [(p.E + p.pz) for p in (first, second)], [(p.E - p.pz) for p in (first, second)]
    reference = abs(plus[0] * minus[1] - minus[0] * plus[1]) / (pair.M * np.hypot(pair.M, pair.pt))
    ours = pair_of(photons).cos_theta_star
    assert ours[0] == pytest.approx(reference, rel=1e-6, abs=1e-9)
    assert 0 <= ours[0] <= 1 + 1e-9


def test_coinciding_photons_have_no_mass_and_no_angle() -> None:
    together = pair_of((50.0, 1.0, 2.0, 50.0, 1.0, 2.0))
    assert together.mass[0] == together.cos_theta_star[0] == together.delta_r[0] == 0
    assert pair_of((0.0, 1.0, 2.0, 50.0, -1.0, 2.0)).cos_theta_star[0] == 0


def test_float32_columns_are_subtracted_in_float64() -> None:
    eta1, eta2 = np.array([5.0000005], np.float32), np.array([5.0], np.float32)
    assert delta(eta1, eta2).dtype == np.float64
    assert delta(eta1, eta2)[0] == float(eta1[0]) - float(eta2[0])
