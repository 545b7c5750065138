"""Events that are there twice."""

import awkward as ak
import numpy as np

from tools.identity import identities, shared


def numbers(first: int, count: int) -> list[ak.Array]:
    event = np.arange(first, first + count, dtype="u8") + 2**63
    return [ak.Array(np.full(count, 7, "u4")), ak.Array(event)]


def test_events_are_known_by_their_numbers() -> None:
    one, other = identities(numbers(0, 100)), identities(numbers(90, 100))
    (same,) = shared([one, other])
    assert (same.first, same.second, same.events) == (0, 1, 10)
    assert (same.entry_first, same.entry_second) == (90, 0)
    assert shared([one, identities(numbers(100, 100))]) == []
    assert shared([one, identities([])]) == []


def test_simulated_events_are_known_by_their_photons_too() -> None:
    pt = ak.Array([[30.0, 50.0], [], [40.0]])
    one = identities(numbers(0, 3), pt)
    assert shared([one, identities(numbers(0, 3), pt + 1.0)]) == []
    (same,) = shared([one, identities(numbers(0, 3), pt)])
    assert same.events == 2  # the event without photons is not compared


def test_no_two_of_many_events_are_taken_for_one() -> None:
    runs = np.repeat(np.arange(1000, dtype="u4"), 1000)
    events = np.tile(np.arange(1000, dtype="u8"), 1000)
    assert len(np.unique(identities([ak.Array(runs), ak.Array(events)]))) == 10**6


def test_numbers_that_a_float_cannot_hold_make_no_event_known() -> None:
    events = ak.Array([2.0**53, 2.0**53 + 1, 17.0, None, np.nan])
    found = identities([events])
    assert np.flatnonzero(found).tolist() == [2]
    assert found[2] == identities([ak.Array([[17]])])[0], "EDM4hep has lists of one"


def test_an_event_of_three_files_is_told_of_each_later_one() -> None:
    one, two, three = (identities(numbers(*each)) for each in ((0, 10), (5, 10), (5, 3)))
    found = [(s.first, s.second, s.events) for s in shared([one, two, three])]
    assert found == [(0, 1, 5), (0, 2, 3)]
