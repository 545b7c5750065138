"""Files are whole or not there."""

import json
import os
from pathlib import Path

import pytest

from tools.atomic import atomic
from tools.errors import XyyError
from tools.json_file import write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="half way"), atomic(path) as temporary:
        temporary.write_text("{")
        raise RuntimeError("half way")
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(path.parent) == ["result.json"]


def test_a_full_disk_is_one_clear_message(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is not there")
    with (
        pytest.raises(XyyError, match=r"cannot write .*x\.bin: No space left on device"),
        atomic(tmp_path / "x.bin"),
        full.open("wb") as device,
    ):
        device.write(b"0")
        device.flush()
    assert os.listdir(tmp_path) == []
