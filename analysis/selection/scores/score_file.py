"""``score.json``: a score, its categories and how it was trained, in an open format.

A likelihood ratio is stored as its terms, a few dozen numbers for each column, that a person can
read and compare. Trees are stored as their table: thousandths, 16-bit little-endian integers,
compressed (zlib) and in base64. Nothing is ever unpickled.

It is read strictly. The digest covers all that decides an event's category, so a file that was
damaged or edited is refused, and so is one for other columns or other bins than are declared.
"""

import base64
import math
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analysis.results.codec import from_json
from analysis.results.score import (
    Fold,
    PackedScore,
    ScoreAxis,
    ScoreFile,
    ScoreTerms,
    ScoreTraining,
)  # fmt: skip
from analysis.results.selection import ChosenSelection
from analysis.selection.scores.choose import DECIMALS, KINDS, ScoreChoice
from analysis.selection.scores.likelihood_ratio import table_of
from analysis.settings.search import METHODS, Search
from processors.histograms import Binning
from processors.score import ScoreTable, cell_count, shape_of
from tools.digests import digest_text
from tools.errors import InputError
from tools.json_file import read_json
from tools.settings_table import Table
from tools.shown import brief

_MADE_BY = "xyy optimise"
_ADVICE = f"make it with `{_MADE_BY}`"


def document_of(choice: ScoreChoice, edges: Sequence[float], training: ScoreTraining) -> ScoreFile:
    """Return what ``score.json`` holds of the chosen score.

    Parameters
    ----------
    choice : ScoreChoice
    edges : sequence of float
        Lower edges of the categories, rising; ``-inf`` is open.
    training : ScoreTraining
    """
    kind, axes = choice.chosen.kind, choice.sample.axes
    if kind == "likelihood_ratio":
        names = [axis.name for axis in axes]
        stored: list[Fold] = [
            ScoreTerms(dict(zip(names, terms, strict=True))) for terms in choice.terms
        ]
    else:
        stored = [PackedScore(_packed(table)) for table in choice.chosen.folds]
    even, odd = stored
    document = ScoreFile(
        kind=kind,
        axes=tuple(ScoreAxis(a.name, a.bins, float(a.low), float(a.high)) for a in axes),
        edges=tuple(None if edge == -math.inf else float(edge) for edge in edges),
        folds=(even, odd),
        training=training,
        categories=(),
        digest="",
    )
    table = table_of_document(document)
    return replace(document, categories=table.names, digest=table.digest)


def read_score(path: Path, axes: Sequence[Binning]) -> ScoreTable:
    """Read a score.

    Parameters
    ----------
    path : Path
    axes : sequence of Binning
        The columns and bins that it has to be for.

    Raises
    ------
    InputError
        If the file is missing, damaged, something else, or for other columns or bins.
    """
    content = read_json(path, made_by=_MADE_BY)
    document = from_json(ScoreFile, content, path, advice=f"it is damaged; {_ADVICE}")
    try:
        table = table_of_document(document)
    except (ValueError, zlib.error) as error:
        raise InputError(f"{path} is damaged ({brief(str(error), 200)}); {_ADVICE}") from None
    if table.digest != document.digest:
        raise InputError(f"{path} is damaged: its digest is not that of its content; {_ADVICE}")
    _refuse_others(path, table, axes)
    return table


def read_score_of(path: Path, search: Search) -> ScoreTable | None:
    """Read the score beside a ``selection.json``; None where its method has none.

    Parameters
    ----------
    path : Path
        Of the selection.
    search : Search
        Its cut variables are the columns and bins that the score has to be for.

    Raises
    ------
    InputError
        If the score is missing, damaged, for other columns or bins, or not the one that was chosen
        with the selection.
    """
    document = read_json(path, made_by=_MADE_BY)
    if "method" not in document or Table(document, f"{path}").choice("method", METHODS) == "cuts":
        return None
    beside = path.parent / ScoreFile.FILE
    table = read_score(beside, search.optimise.cut_variables)
    if table.digest != from_json(ChosenSelection, document, path).score_digest:
        raise InputError(
            f"{beside} is not the score that {path.name} was chosen with; make both with "
            f"`{_MADE_BY}`"
        )
    return table


def _refuse_others(path: Path, table: ScoreTable, axes: Sequence[Binning]) -> None:
    names = tuple(axis.name for axis in axes)
    if table.columns != names:
        raise InputError(
            f"{path} was trained on {', '.join(table.columns)}, not on {', '.join(names)} "
            "([optimise.axes]); train it again with `xyy optimise`"
        )
    for theirs, ours in zip(table.axes, axes, strict=True):
        if (theirs.bins, theirs.low, theirs.high) != (ours.bins, ours.low, ours.high):
            raise InputError(
                f"{path} was trained with {theirs.bins} bins of {theirs.name} from {theirs.low:g} "
                f"to {theirs.high:g}, not {ours.bins} from {ours.low:g} to {ours.high:g} "
                "([optimise.axes]); train it again with `xyy optimise`"
            )


def table_of_document(document: ScoreFile) -> ScoreTable:
    """Return the score that a document describes.

    Raises
    ------
    ValueError, zlib.error
        If it describes none.
    """
    if document.kind not in KINDS:
        raise ValueError(f"kind {document.kind!r} is none of {', '.join(KINDS)}")
    axes = tuple(Binning(a.name, a.bins, a.low, a.high) for a in document.axes)
    cells = cell_count(axes)
    folds = np.stack([_fold(stored, axes, cells) for stored in document.folds])
    edges = tuple(-math.inf if edge is None else edge for edge in document.edges)
    content = folds.astype("<f4").tobytes().hex()
    return ScoreTable(axes, folds, edges, digest_text(repr(axes), repr(edges), content))


def _fold(stored: Fold, axes: Sequence[Binning], cells: int) -> npt.NDArray[np.float32]:
    if isinstance(stored, PackedScore):
        return _unpacked(stored.table, cells)
    if list(stored.terms) != [axis.name for axis in axes]:
        raise ValueError("terms of other columns than its axes")
    terms = list(stored.terms.values())
    if [term.shape for term in terms] != [(bins,) for bins in shape_of(axes)]:
        raise ValueError("terms of another length than its axes")
    return table_of(terms)


def _packed(table: npt.NDArray[np.float32]) -> str:
    thousandths = np.rint(table.astype(np.float64) * 10**DECIMALS).astype("<i2")
    return base64.b64encode(zlib.compress(thousandths.tobytes(), 9)).decode()


def _unpacked(text: str, cells: int) -> npt.NDArray[np.float32]:
    # One byte more than expected is asked for: a file cannot fill the memory.
    inflate = zlib.decompressobj()
    content = inflate.decompress(base64.b64decode(text, validate=True), 2 * cells + 1)
    if len(content) != 2 * cells or not inflate.eof:
        raise ValueError("a table of another length than its axes")
    values = np.frombuffer(content, "<i2").astype(np.float64) / 10**DECIMALS
    return np.asarray(values, np.float32)
