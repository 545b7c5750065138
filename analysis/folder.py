"""One folder, one analysis: the names of its files and what they say when read back.

Every stage reads what earlier stages left here and adds its own. ``provenance.inputs`` of a product
is the digest of all that it was made from; a stage is up to date when that digest is still the one
that it would be made from now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processors.selection import Interval, Selection
from tools.errors import InputError
from tools.storage import provenance, read_json, write_json

if TYPE_CHECKING:
    from processors.histograms import Binning
    from processors.score import ScoreTable

SELECTION, SCORE = "selection.json", "score.json"
PROCESSED = ("ledger.json", "cutflow.json", "histograms.zip")
"""what `xyy process` writes"""
SEARCHED = ("background.json", "scan.json", "limits.json", "verdict.json", "workspaces", "figures")
"""what `xyy infer --spectrum` writes"""
PRODUCTS = (
    "run.json", SELECTION, SCORE, "freeze.json", "unblinding.json", *PROCESSED, *SEARCHED,
    "counting.json", "claim.json", "report.json", "report.html",
)  # fmt: skip
"""what `xyy run` writes"""


@dataclass(frozen=True, slots=True)
class Folder:
    """The results folder of one analysis."""

    path: Path

    @property
    def histograms(self) -> Path:
        """Path of the histograms of all samples."""
        return self.path / "histograms.zip"

    @property
    def checkpoints(self) -> Path:
        """Path of the folder of what each chunk gave."""
        return self.path / "checkpoints"

    @property
    def figures(self) -> Path:
        """Path of the folder of figures."""
        return self.path / "figures"

    @property
    def workspaces(self) -> Path:
        """Path of the folder of pyhf workspaces."""
        return self.path / "workspaces"

    def read(self, name: str, *, made_by: str) -> dict[str, Any]:
        """Return the JSON product `name`.

        Raises
        ------
        InputError
            If it is missing or damaged; the message names the command that makes it.
        """
        return read_json(self.path / name, made_by=f"xyy {made_by}")

    def read_if_there(self, name: str) -> dict[str, Any] | None:
        """Return the JSON product `name`, or None if it is missing or damaged."""
        try:
            return read_json(self.path / name, made_by="")
        except InputError:
            return None

    def write(self, name: str, document: Mapping[str, Any], **origin: Any) -> None:
        """Write the JSON product `name` with its provenance, to which `origin` is added."""
        write_json(self.path / name, {**document, "provenance": provenance(**origin)})

    def made_from(self, name: str) -> str | None:
        """Return ``provenance.inputs`` of a product, or None if there is none."""
        document = self.read_if_there(name) or {}
        inputs = document.get("provenance", {}).get("inputs")
        return inputs if isinstance(inputs, str) else None

    def selection(self) -> Selection:
        """Return the selection that `xyy optimise` chose (or a person wrote).

        Raises
        ------
        InputError
            If ``selection.json`` is missing or its cuts are not intervals.
        """
        return read_selection(self.path / SELECTION)

    def score(self, axes: "Sequence[Binning]") -> "ScoreTable | None":
        """Return the score that divides what is selected, or None if there is none.

        Parameters
        ----------
        axes : sequence of Binning
            The columns and bins that it has to be for.

        Raises
        ------
        InputError
            As `read_score_of`.
        """
        return read_score_of(self.path / SELECTION, axes)


def generated_samples(*records: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the simulated samples that are not real by any of ``run.json`` and ``ledger.json``."""
    named = (name for record in records for name in (record or {}).get("generated_samples") or ())
    return tuple(dict.fromkeys(named))


def read_score_of(path: Path, axes: "Sequence[Binning]") -> "ScoreTable | None":
    """Read the score beside a ``selection.json``, if its method has one.

    Raises
    ------
    InputError
        If the score is missing, damaged, for other columns or bins, or not the one that was chosen
        with the selection.
    """
    from analysis.scores.score_file import read_score

    document = read_json(path, made_by="xyy optimise")
    if document.get("method", "cuts") == "cuts":
        return None
    table = read_score(path.parent / SCORE, axes=axes)
    if table.digest != document.get("score_digest"):
        raise InputError(
            f"{path.parent / SCORE} is not the score that {path.name} was chosen with; make both "
            "with `xyy optimise`"
        )
    return table


def read_selection(path: Path) -> Selection:
    """Read the cuts of a ``selection.json``.

    Raises
    ------
    InputError
        If the file is missing or its cuts are not of the form ``{COLUMN: {"min", "max"}}``.
    """
    document = read_json(path, made_by="xyy optimise")
    try:
        return Selection({name: _interval(**cut) for name, cut in document["cuts"].items()})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f'{path}: `cuts` must read {{"n_jets": {{"min": null, "max": 6}}, ...}} ({error})'
        ) from None


def _interval(min: float | None = None, max: float | None = None) -> Interval:  # noqa: A002 - JSON's keys
    return Interval(
        None if min is None else float(min),
        None if max is None else float(max),
    )
