"""JSON holds no NaN, and what cannot be read is refused."""

import math
import os
from pathlib import Path

import pytest

from tools.errors import InputError
from tools.json_file import read_json, write_json


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"z": math.nan})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not there; make it with `xyy infer`"),
        ("{", "cannot be read"),
        ("[]", "no JSON o"),
        ('{"samples": {"a": 1, "b": 2, "a": 3}}', r"cannot be read as JSON \(a stands twice\)"),
    ],
)
def test_an_unreadable_product_is_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_json(path, made_by="xyy infer")
