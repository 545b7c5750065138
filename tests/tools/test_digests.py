"""What differs has another digest."""

from pathlib import Path

from tools.digests import digest_document, digest_file, digest_text


def test_digests_tell_texts_apart_and_leave_provenance_out(tmp_path: Path) -> None:
    assert digest_text("ab", "c") != digest_text("a", "bc")
    one, other = {"a": 1, "provenance": {"t": 1}}, {"provenance": {"t": 2}, "a": 1}
    assert digest_document(one) == digest_document(other)
    assert digest_document({"a": 2}) != digest_document({"a": 1})
    (tmp_path / "x").write_bytes(b"abc" * 3_000_000)
    (tmp_path / "y").write_bytes(b"abc" * 3_000_000 + b"d")
    assert digest_file(tmp_path / "x") != digest_file(tmp_path / "y")
