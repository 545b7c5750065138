"""ROOT files are written whatever the clock says."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import uproot

from tools import root_clock
from tools.chunks import write_part
from tools.samples import Catalogue


@pytest.mark.parametrize("year", [1970, 1994, 1995, 1996, 2026, 2058, 2059, 2200, 9999])
def test_chunks_of_any_year(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Clock":
            return cls(year, 2, 28, 12, tzinfo=tz)

    monkeypatch.setattr(dt, "datetime", Clock)  # what uproot asks
    monkeypatch.setattr(root_clock, "datetime", Clock)
    code = uproot._util.datetime_to_code  # noqa: SLF001
    events = {column.name: np.ones(3) for column in catalogue.columns}
    write_part(tmp_path, "a.root", catalogue.columns, [events], generated=False)
    assert uproot._util.datetime_to_code is code  # noqa: SLF001
    with uproot.open({str(tmp_path / "a.root"): "Events"}) as tree:
        assert tree["dEta"].array(library="np").tolist() == [1, 1, 1]
