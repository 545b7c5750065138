"""Progress: plain lines where there is no terminal, a bar where there is one, nothing if quiet."""

import re

import pytest

from analysis.commands import console
from analysis.commands.console import Console


def test_lines_tell_what_was_done_and_how_fast(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    with Console().progress("processing", 3000) as report:
        report(1000)
        report(3000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "processing: 1,000 of 3,000 events",
        "processing: 3,000 of 3,000 events",
    ]
    assert re.fullmatch(r"processing: 3,000 events in [\d.]+ s \([\d.]+ million/s\)", lines[2])
    with Console().progress("converting") as report:
        report(5)
    assert capsys.readouterr().err.splitlines()[0] == "converting: 5 events"


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Console().progress("processing", 3000) as report:
        report(1500)
    err = capsys.readouterr().err
    assert "processing: 1,500 of 3,000 events in" in err


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Console(quiet=True)
    quiet.log("hello")
    with quiet.progress("processing", 10) as report:
        report(10)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
