"""Files are whole or not there; a folder has one writer; JSON holds no NaN."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import storage
from tools.errors import InputError, XyyError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.json"
    storage.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="half way"), storage.atomic(path) as temporary:
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
        storage.atomic(tmp_path / "x.bin"),
        full.open("wb") as device,
    ):
        device.write(b"0")
        device.flush()
    assert os.listdir(tmp_path) == []


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(tmp_path / "x.json", {"z": math.nan})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not there; make it with `xyy infer`"),
        ("{", "cannot be read"),
        ("[]", "no JSON o"),
    ],
)
def test_an_unreadable_product_is_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        storage.read_json(path, made_by="xyy infer")


def test_digests_tell_texts_apart_and_leave_provenance_out(tmp_path: Path) -> None:
    assert storage.digest_text("ab", "c") != storage.digest_text("a", "bc")
    one, other = {"a": 1, "provenance": {"t": 1}}, {"provenance": {"t": 2}, "a": 1}
    assert storage.digest_document(one) == storage.digest_document(other)
    assert storage.digest_document({"a": 2}) != storage.digest_document({"a": 1})
    (tmp_path / "x").write_bytes(b"abc" * 3_000_000)
    (tmp_path / "y").write_bytes(b"abc" * 3_000_000 + b"d")
    assert storage.digest_file(tmp_path / "x") != storage.digest_file(tmp_path / "y")


def test_a_second_writer_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from tools.storage import one_writer\n"
        "with one_writer(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "in\n"
        with (
            pytest.raises(InputError, match=f"is in use by xyy .process {first.pid} on"),
            storage.one_writer(tmp_path),
        ):
            pass
        first.kill()  # the kernel frees the lock of a process that dies
        first.wait()
        with storage.one_writer(tmp_path):
            pass


def test_a_new_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    leftover = tmp_path / "figures" / ".a.png.123.tmp"
    leftover.touch()
    with storage.one_writer(tmp_path):
        assert not leftover.exists()


def test_a_writer_leaves_the_temporary_files_of_others(tmp_path: Path) -> None:
    """A user's own, and those of a run that works in a folder below."""
    (tmp_path / "results" / "figures").mkdir(parents=True)
    working = tmp_path / "results" / "figures" / ".a.png.123.tmp"
    others = (tmp_path / ".mine.tmp", tmp_path / ".draft.v2.tmp", working)
    for path in others:
        path.touch()
    with storage.one_writer(tmp_path / "results"):
        working.touch()
        with storage.one_writer(tmp_path):
            pass
        assert all(path.exists() for path in others)


def ours(path: Path) -> None:
    storage.write_json(path, {"provenance": storage.provenance()})


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    names = ("a.json", "b.json", "page.html", "h.zip")
    storage.refuse_foreign(tmp_path, names)  # nothing is there
    for name, content in (
        ("a.json", "{}"), ("b.json", "[]"), ("b.json", '{"provenance": {"versions": "1"}}'),
        ("a.json", '{"provenance": 1}'), ("page.html", "<html>"), ("h.zip", "PK"), ("h.zip", ""),
        ("b.json", "not JSON"),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
        with (
            pytest.raises(InputError, match=f"{name} is there, was not written by xyy, and would"),
            storage.one_writer(tmp_path, writes=names),
        ):
            pass
        assert os.listdir(tmp_path) == [name]
        (tmp_path / name).unlink()
    (tmp_path / "page.html").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"page.html is there"):
        storage.refuse_foreign(tmp_path, names)


def test_files_beside_ours_are_ours_unless_they_say_otherwise(tmp_path: Path) -> None:
    names = ("a.json", "b.json", "page.html", "h.zip")
    (tmp_path / "h.zip").write_bytes(b"PK" + storage.ZIP_MARK)  # a killed run left it, alone
    storage.refuse_foreign(tmp_path, names)
    ours(tmp_path / "a.json")
    for name, content in (("b.json", "{damag"), ("page.html", "<html>"), ("h.zip", "torn")):
        (tmp_path / name).write_text(content)
    storage.refuse_foreign(tmp_path, names)
    (tmp_path / "b.json").write_text('{"cuts": "by hand"}')
    with pytest.raises(InputError, match=r"b.json is there"):
        storage.refuse_foreign(tmp_path, names)


def test_provenance_names_time_versions_and_what_is_added() -> None:
    origin = storage.provenance(seed=3)
    assert origin["seed"] == 3
    assert {"written", "host", "python", "versions", "git_commit"} <= set(origin)
    assert origin["versions"]["xyy"] == "0.1.0"


def test_the_code_digest_changes_with_the_chosen_files() -> None:
    one = storage.code_digest("processors", "kinematics.py")
    other = storage.code_digest("processors", "selection.py")
    assert len({one, other, storage.code_digest("processors")}) == 3
