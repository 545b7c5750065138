"""Event files after random edits: refused with a message, or converted to the right numbers.

5,000 edits are the whole of it, a twentieth unless XYY_HOSTILE says another fraction. They are made
and converted by processes of their own (`source_edits.py`), which may hang, crash or fill the
memory. A file that is accepted must give the numbers of the original or, where a kind of file has
no checksums, those that another library reads in it. To repeat one of them:
``python tests/hostile/source_edits.py KIND NUMBER NUMBER+1 FOLDER``.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest

KINDS = ("csv", "tree", "ntuple", "parquet")
EDITS = int(5_000 * float(os.environ.get("XYY_HOSTILE", "0.05"))) // len(KINDS)
LONGEST_S = 20.0
START_S = 60.0
MEMORY_MiB = 1024
GOOD_ENDS = {"refused", "equal", "other input"}


def _lines(stream: IO[str], into: "queue.Queue[str]") -> None:
    for line in stream:
        into.put(line)
    into.put("")


@pytest.mark.parametrize("kind", KINDS)
def test_edited_source_files(kind: str, tmp_path: Path) -> None:
    script = Path(__file__).with_name("source_edits.py")
    words = [sys.executable, str(script), kind, "0", str(EDITS), str(tmp_path)]
    ends: list[str] = []
    with (
        (tmp_path / "stderr").open("w+") as errors,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True) as reader,
    ):
        told: queue.Queue[str] = queue.Queue()
        assert reader.stdout is not None
        threading.Thread(target=_lines, args=(reader.stdout, told), daemon=True).start()
        try:
            last, line = -1, told.get(timeout=START_S)
            while line:
                what = json.loads(line)
                last = what["edit"]
                if "end" in what:
                    assert what["end"] in GOOD_ENDS, f"{kind}, edit {last}: {what['end']}"
                    assert what["peak_MiB"] < MEMORY_MiB, f"{kind}, edit {last}"
                    ends.append(what["end"])
                line = told.get(timeout=LONGEST_S)
        except queue.Empty:
            pytest.fail(f"{kind}, edit {last}: no end in time")
        finally:
            reader.kill()
            reader.wait()
        errors.seek(0)
        assert errors.read() == "", f"{kind}, edit {last}"
    assert len(ends) == EDITS, f"{kind}, edit {last}: the process has died"
    assert {"refused", "equal"} <= set(ends)  # else the edits would be too coarse, or too fine
