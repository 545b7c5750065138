"""What an inspection finds: one `Inspection` for each file, as ``--json`` prints it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tools.errors import XyyError

UNREADABLE = "unreadable"
"""format of what is no file, or cannot be opened"""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file cannot be used as it is."""

    what: str
    where: str
    """the file, and entry or column where they are known"""
    do: str
    """the remedy"""

    @classmethod
    def of(cls, error: XyyError, file: str) -> "Problem":
        """Return an error, whose message says all three, in its parts."""
        what, _, remedy = str(error).rpartition("; ")
        if not what:
            what, remedy = remedy, "see docs/errors.md"
        return cls(what.removeprefix(file).lstrip(" ,:"), file, remedy)


@dataclass(frozen=True, slots=True)
class TreeFound:
    """A tree of a file."""

    name: str
    entries: int | None
    columns: int


@dataclass(frozen=True, slots=True)
class MassFound:
    """Invariant masses of the two photons of largest pT, taken as massless, without selection."""

    mean: float
    std: float
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class MassHistogram:
    """A histogram of these masses, in steps of a constant factor."""

    edges_GeV: tuple[float, ...]
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is known of a file."""

    file: str
    format: str
    """told by its content; see `tools.content`"""
    digest: str | None = None
    """of its content, where there may be another like it, or data were unblinded"""
    tree: str | None = None
    """the one with the photons; null where the file is one table, or has none"""
    layout: str | None = None
    about: str | None = None
    """the layout, in words"""
    momentum_unit: str | None = None
    """that the layout takes momenta to have"""
    entries: int | None = None
    blind_GeV: tuple[float, float] | None = None
    """window of masses of which nothing below is shown; null where all is"""
    photons: int | None = None
    events_with_two_photons: int | None = None
    median_pt_GeV: float | None = None
    """to 2.3 %"""
    m_yy_GeV: MassFound | None = None
    m_yy_reason: str | None = None
    """why there are no masses"""
    spectrum: MassHistogram | None = None
    simulated: bool | None = None
    """whether there are generator weights; null where nobody knows"""
    taken: Mapping[str, str] = field(default_factory=dict)
    """types of the columns that photons are made of"""
    columns: Mapping[str, str] = field(default_factory=dict)
    """types of all columns of the tree"""
    trees: tuple[TreeFound, ...] = ()
    notes: tuple[str, ...] = ()
    """choices that were made, and what is no problem but should be known"""
    problems: tuple[Problem, ...] = ()
    usable: bool = True
    next: str | None = None
    """the command to type"""

    def with_problem(self, *problems: Problem) -> "Inspection":
        """Return the same with more problems; whoever has one cannot be used."""
        every = (*self.problems, *problems)
        return replace(self, problems=every, usable=not every)

    def with_note(self, *notes: str) -> "Inspection":
        """Return the same with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def of_file(self, name: str) -> "Inspection":
        """Return the same of a file that has another name."""
        problems = tuple(
            Problem(*(part.replace(self.file, name) for part in (each.what, each.where, each.do)))
            for each in self.problems
        )
        return replace(self, file=name, problems=problems)
