"""Lists of good runs and luminosity blocks, of CMS and of ATLAS."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from coffea.lumi_tools import LumiMask

from tools.errors import InputError
from tools.good_data import GoodData, read_good_data

XML = """<?xml version="1.0" ?>
<!DOCTYPE LumiRangeCollection
  SYSTEM "http://atlas-runquery.cern.ch/LumiRangeCollection.dtd">
<LumiRangeCollection>
  <NamedLumiRange>
    <Name>PHYS_StandardGRL_All_Good_25ns</Name>
    <LumiBlockCollection>
      <Run PrescaleAL1="1">276262</Run>
      <LBRange Start="6" End="10"/>
      <LBRange Start="1" End="3"/>
    </LumiBlockCollection>
    <LumiBlockCollection>
      <Run>276329</Run>
      <LBRange Start="4" End="4"/>
    </LumiBlockCollection>
  </NamedLumiRange>
</LumiRangeCollection>
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mask_is_that_of_coffea(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    runs = {}
    for number in range(300_000, 300_030):
        edges = np.sort(rng.choice(np.arange(1, 400), 2 * rng.integers(1, 9), replace=False))
        runs[str(number)] = edges.reshape(-1, 2).tolist()
    path = write(tmp_path / "golden.txt", json.dumps(runs))
    run = rng.integers(299_998, 300_032, 100_000).astype("u4")
    lumi = rng.integers(0, 402, run.size).astype("u4")
    good = read_good_data(path)
    assert good.runs == 30
    assert np.array_equal(good.mask(run, lumi), LumiMask(str(path))(run, lumi))
    assert pickle.loads(pickle.dumps(good)) == good


def test_a_list_of_atlas(tmp_path: Path) -> None:
    good = read_good_data(write(tmp_path / "grl.json", XML))
    assert good == GoodData(((276262, 1, 3), (276262, 6, 10), (276329, 4, 4)))
    run, lumi = np.array([276262] * 4 + [276329] * 2), np.array([3, 4, 6, 11, 4, 5])
    assert good.mask(run, lumi).tolist() == [True, False, True, False, True, False]
    assert good.mask(np.array([1]), np.array([1])).tolist() == [False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run,lumi\n1,2\n", "is no list of good data; name a JSON file of CMS or an XML file of"),
        ("", "is no list of good data"),
        ("{}", "lists no luminosity block"),
        ('{"1": [[1, 2]', "is no JSON"),
        ('{"1": [[2, 1]]}', "run '1': luminosity blocks from 2 to 1 make no range"),
        ('{"1": [[-2, 1]]}', "luminosity blocks from -2 to 1 make no range"),
        ('{"1": [[1.5, 2]]}', r"luminosity blocks from 1\.5 to 2 make no range"),
        ('{"1": [[true, 2]]}', "luminosity blocks from True to 2 make no range"),
        ('{"1": [1, 2]}', r"run '1': 1 is no range; write \[first, last\]"),
        (json.dumps({"9" * 5000: [[1, 2]]}), "luminosity blocks from 1 to 2 make no range"),
        ('{"1": {}}', "run '1': a list of ranges belongs there"),
        ('{"1": 3}', "run '1': a list of ranges belongs there"),
        ('{"one": [[1, 2]]}', "run 'one': luminosity blocks from 1 to 2 make no range"),
        (XML[:300], "is no XML"),
        (XML.replace('Start="6"', ""), "luminosity blocks from None to '10' make no range"),
        (XML.replace("276262", ""), "run '': luminosity blocks from '6' to '10' make no range"),
        (XML.replace("SYSTEM", "[<!ENTITY a 'b'>] SYSTEM"), "defines entities"),
        ("<html>please log in</html>", "lists no luminosity block"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_good_data(write(tmp_path / "list", text))


def test_a_run_may_stand_there_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "list", '{"7": [[1, 2]], "8": [[1, 1]], "7": [[5, 6]]}')
    assert read_good_data(path) == GoodData(((7, 1, 2), (7, 5, 6), (8, 1, 1)))


@pytest.mark.parametrize("head", ["\ufeff", XML[:22].replace("?>", 'encoding="gb2312"?>')])
def test_how_a_list_is_encoded(head: str, tmp_path: Path) -> None:
    """UTF-8, as it was read, whatever it says of itself."""
    path = write(tmp_path / "list", head + XML[22:])
    assert read_good_data(path).runs == len(("276262", "276329"))


def test_no_number_comes_round_as_that_of_another() -> None:
    good = GoodData(((0, 0, 9), (7, 1, 3), (2**32 - 1, 0, 2**32 - 1)))
    wide = np.array([7, 7 + 2**32, 0], "u8"), np.array([1, 1, 7 * 2**32 + 1], "u8")
    assert good.mask(*wide).tolist() == [True, False, False]
    signed = np.array([7, -1, 7], "i8"), np.array([1, 1, -1], "i8")
    assert good.mask(*signed).tolist() == [True, False, False]


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there; check its name and folder"):
        read_good_data(tmp_path / "list.json")
