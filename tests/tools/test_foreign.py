"""Files of others are not replaced."""

import os
from pathlib import Path

import pytest

from tools.errors import InputError
from tools.foreign import ZIP_MARK, refuse_foreign
from tools.json_file import write_json
from tools.locks import one_writer
from tools.provenance import provenance


def ours(path: Path) -> None:
    write_json(path, {"provenance": provenance()})


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    names = ("a.json", "b.json", "page.html", "h.zip")
    refuse_foreign(tmp_path, names)  # nothing is there
    for name, content in (
        ("a.json", "{}"), ("b.json", "[]"), ("b.json", '{"provenance": {"versions": "1"}}'),
        ("a.json", '{"provenance": 1}'), ("page.html", "<html>"), ("h.zip", "PK"), ("h.zip", ""),
        ("b.json", "not JSON"),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
        with (
            pytest.raises(InputError, match=f"{name} is there, was not written by xyy, and would"),
            one_writer(tmp_path, writes=names),
        ):
            pass
        assert os.listdir(tmp_path) == [name]
        (tmp_path / name).unlink()
    (tmp_path / "page.html").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"page.html is there"):
        refuse_foreign(tmp_path, names)


def test_files_beside_ours_are_ours_unless_they_say_otherwise(tmp_path: Path) -> None:
    names = ("a.json", "b.json", "page.html", "h.zip")
    (tmp_path / "h.zip").write_bytes(b"PK" + ZIP_MARK)  # a killed run left it, alone
    refuse_foreign(tmp_path, names)
    ours(tmp_path / "a.json")
    for name, content in (("b.json", "{damag"), ("page.html", "<html>"), ("h.zip", "torn")):
        (tmp_path / name).write_text(content)
    refuse_foreign(tmp_path, names)
    (tmp_path / "b.json").write_text('{"cuts": "by hand"}')
    with pytest.raises(InputError, match=r"b.json is there"):
        refuse_foreign(tmp_path, names)


def test_a_folder_with_nothing_in_it_is_nobodys(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    refuse_foreign(tmp_path, ["figures"])
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(InputError, match=r"link is there"):
        refuse_foreign(tmp_path, ["link"])
    (folder / "mine.pdf").touch()
    with pytest.raises(InputError, match=r"figures is there, was not written by xyy"):
        refuse_foreign(tmp_path, ["figures"])


@pytest.mark.parametrize("name", ["a.json", "h.zip"])
def test_a_pipe_in_a_products_place_is_refused_and_not_waited_for(
    tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is there, was not written by xyy"):
        refuse_foreign(tmp_path, [name])


def test_json_too_deep_to_be_read_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"a.json is there, was not written by xyy"):
        refuse_foreign(tmp_path, ["a.json"])
