"""``score.json``: a score, its categories and how it was trained."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.results.codec import Numbers


@dataclass(frozen=True, slots=True)
class ScoreAxis:
    """The bins of a column."""

    name: str
    bins: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTerms:
    """A likelihood ratio that was trained on one half of the simulation."""

    terms: dict[str, Numbers]
    """its term in each bin of a column, flow bins included, by column"""


@dataclass(frozen=True, slots=True)
class PackedScore:
    """Any other score that was trained on one half of the simulation."""

    table: str
    """its value in every cell: thousandths, 16-bit little-endian, compressed (zlib), in base64"""


Fold = ScoreTerms | PackedScore


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTraining:
    """What a score was trained on and with."""

    inputs: tuple[str, ...]
    """columns"""
    signals: tuple[str, ...]
    folds: str
    """which events trained which half of it, in words"""
    histograms: dict[str, str]
    """digest of the joint histogram of each sample"""
    background_from: str
    """``whole sample`` or ``window only``"""
    independence_pvalues: dict[str, float]
    """p-value that the background has one shape in window and sidebands, by column"""
    dependent: tuple[str, ...]
    """columns that depend on the mass by it"""
    versions: dict[str, str]
    seed: int
    trees_advantage: tuple[float, float]
    """how much trees are worth beyond the likelihood ratio, as a fraction, and its uncertainty"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScoreFile:
    """A score that the selection is made with."""

    FILE: ClassVar = "score.json"
    format: str = "xyy score 1"
    kind: str
    axes: tuple[ScoreAxis, ...]
    edges: tuple[float | None, ...]
    """lower edges of the categories, rising; None if it is open"""
    folds: tuple[Fold, Fold]
    """trained on even, on odd events"""
    training: ScoreTraining
    categories: tuple[str, ...]
    """their names"""
    digest: str
    """digest of all that decides the category of an event"""
