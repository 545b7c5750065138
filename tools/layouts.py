"""Layouts: where the photons of an event stand in a file, and in which units.

Every collaboration writes photons in its own way. A layout says by which names, and a file is
recognised by its columns:

==============================  ================================================================
a file has                      its layout names
==============================  ================================================================
lists of photons                ``pt``, ``eta``, ``phi`` (or ``px``, ``py``, ``pz``, ``energy``)
lists of Lorentz vectors        ``vectors``
indices into other particles    ``index``, and the columns of those particles
one number per photon           the columns of the first photon, and ``[photons.second]``
==============================  ================================================================

What else it says of each photon stands in ``[photons.attributes]``, and in ``[photons.momenta]`` if
it is a momentum; what it says once per event in ``[events]``. Of these a file may lack some.

The layouts in ``datasets/layouts`` are known everywhere. A name may be a list of names, of which
the first that is there counts. Where several layouts fit, first those named after the file's tree
are kept, then those of which every photon column is there, then those of the samples file; what is
left must be one, as another layout may mean another unit: a factor 1000 that nothing else would
show.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

from tools.checkout import checkout
from tools.errors import InputError
from tools.names import MOST_NAMES, listed, nearest
from tools.settings_table import Table, read_toml
from tools.shown import brief

Names = tuple[str, ...]
"""that a column may have"""
ColumnOf = Mapping[str, str]
"""the column of each quantity"""
MomentumUnit = Literal["GeV", "MeV"]
AngleUnit = Literal["rad", "deg"]
POLAR, CARTESIAN, VECTORS = ("pt", "eta", "phi"), ("px", "py", "pz"), ("vectors",)
_OPTIONAL = ("energy",)
"""a photon needs none: it only tells layouts apart"""
EVENT = ("run", "lumi", "event", "channel", "weight")
CHUNK = "xyy-chunk"
"""the layout of what this program converted"""
_PATTERNS = ("flags", "keep")
_ATTRIBUTES = ("attributes", "momenta")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the events of a kind of file are stored."""

    name: str
    about: str
    """one line for people"""
    trees: tuple[str, ...]
    """names that its tree usually has"""
    momentum: MomentumUnit
    """unit of momenta and energies"""
    angle: AngleUnit
    """unit of the azimuth"""
    photons: Mapping[str, Names]
    """of each quantity of the photons, or of the first photon where there is a `second`"""
    second: Mapping[str, Names]
    """of the second photon, where a column holds one number per event"""
    attributes: Mapping[str, Names]
    """of whatever else is told of each photon, or of the first one"""
    second_attributes: Mapping[str, Names]
    """of the same of the second photon"""
    momenta: Names
    """attributes that are momenta, in the unit `momentum`"""
    events: Mapping[str, Names]
    """of what is told once per event: some of `EVENT`"""
    keep: tuple[str, ...]
    """patterns of other columns that are told once per event"""
    flags: tuple[str, ...]
    """patterns of the names of trigger flags"""
    sum_of_weights: tuple[str, str] | None
    """tree and column of the sum over all generated events; the tree is empty where each event of
    the photons' own tree repeats it"""
    own: bool
    """whether it is of a samples file, and goes before those that are known everywhere"""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A layout, and where its columns are in one tree of a file."""

    layout: Layout
    tree: str
    """the tree's name in the file, perhaps with a cycle; empty where a file is one table"""
    photons: ColumnOf
    second: ColumnOf
    attributes: ColumnOf
    second_attributes: ColumnOf
    events: ColumnOf
    kept: tuple[str, ...]
    """columns that patterns of the layout keep"""
    flags: tuple[str, ...]
    """columns with trigger flags"""
    missing: tuple[str, ...]
    """columns without which there are no photons: none where the layout fits"""
    complete: bool
    """whether every photon column that the layout names is there"""

    @property
    def named(self) -> bool:
        """Whether the tree has a name of the layout's."""
        return self.tree.rpartition("/")[2].partition(";")[0] in self.layout.trees

    @property
    def wanted(self) -> list[str]:
        """The columns that photons are made of."""
        return [
            column
            for columns in (self.photons, self.second)
            for quantity, column in columns.items()
            if quantity not in _OPTIONAL
        ]


def read_layouts(folder: Path) -> dict[str, Layout]:
    """Read the layouts of a folder, by their names.

    Raises
    ------
    InputError
        If something is missing, unknown or of another kind, with file and entry.
    """
    return {
        path.stem: read_layout(path.stem, Table(read_toml(path), str(path)))
        for path in sorted(folder.glob("*.toml"))
    }


def known_layouts(
    own: Mapping[str, Layout], where: Path, name: str | None = None
) -> dict[str, Layout]:
    """Return the layouts that are known everywhere and those of a samples file, or one of them.

    Parameters
    ----------
    own : mapping of str to Layout
        Of the samples file `where`.
    where : Path
    name : str, optional
        Of the one that is meant.

    Raises
    ------
    InputError
        If one of the file's has the name of another, or there is none of the name.
    """
    known = read_layouts(checkout() / "datasets" / "layouts")
    for each in own:
        if each in known:
            raise InputError(
                f"{where}, [layouts.{each}]: there is a layout of this name in datasets/layouts; "
                "give it another"
            )
    layouts = {**known, **own}
    return layouts if name is None else _only(layouts, name)


def read_layout(name: str, table: Table, *, own: bool = False) -> Layout:
    """Read one layout from its table; whether it is a user's own.

    Raises
    ------
    InputError
        As `read_layouts`.
    """
    table.only(("about", "trees", "units", "photons", "events", "sum_of_weights"))
    units, photons = table.table("units", ("momentum", "angle")), table.table("photons")
    events = table.table("events", (*EVENT, *_PATTERNS)) if "events" in table.content else None
    second = photons.table("second") if "second" in photons.content else None
    first = photons.without("second") if second is not None else photons
    attributes, momenta = _attributes(first)
    second_attributes = {} if second is None else _attributes(second)[0]
    momentum: Any = units.choice("momentum", get_args(MomentumUnit))
    angle: Any = units.choice("angle", get_args(AngleUnit))
    return Layout(
        name=name,
        about=table.text("about"),
        trees=table.texts("trees") if "trees" in table.content else (),
        momentum=momentum,
        angle=angle,
        photons=_quantities(first, may_index=second is None),
        second={} if second is None else _quantities(second, may_index=False),
        attributes=attributes,
        second_attributes=second_attributes,
        momenta=momenta,
        events={}
        if events is None
        else {key: _names(events, key) for key in events.content if key not in _PATTERNS},
        keep=_patterns(events, "keep"),
        flags=_patterns(events, "flags"),
        sum_of_weights=_sum_of_weights(table),
        own=own,
    )


def _attributes(table: Table) -> tuple[dict[str, Names], Names]:
    """Return the columns of the attributes of a photon, and which of them are momenta."""
    there = {key: table.table(key) for key in _ATTRIBUTES if key in table.content}
    found: dict[str, Names] = {}
    for each in there.values():
        for name in each.content:
            if name in (*found, *POLAR, *CARTESIAN, *VECTORS) or not name.isidentifier():
                raise InputError(
                    f"{each.where}, {brief(name)}: no name for an attribute; it is one of a "
                    "momentum, there twice, or has other characters than letters, digits and _"
                )
            found[name] = _names(each, name)
    return found, tuple(there["momenta"].content if "momenta" in there else ())


def _patterns(events: Table | None, key: str) -> tuple[str, ...]:
    return events.texts(key) if events is not None and key in events.content else ()


def _sum_of_weights(table: Table) -> tuple[str, str] | None:
    if "sum_of_weights" not in table.content:
        return None
    place = table.table("sum_of_weights", ("tree", "column"))
    return place.text("tree") if "tree" in place.content else "", place.text("column")


def _quantities(table: Table, *, may_index: bool) -> dict[str, Names]:
    """Return the names of the columns of one of the ways to write a momentum."""
    kinds = [kind for kind in (POLAR, CARTESIAN, VECTORS) if set(kind) & table.content.keys()]
    if len(kinds) != 1:
        raise InputError(
            f"{table.where}: name either pt, eta and phi, or px, py and pz, or vectors"
        )
    allowed = (*kinds[0], *_OPTIONAL, *(("index",) if may_index else ()))
    table.only((*allowed, *_ATTRIBUTES))
    there = dict.fromkeys((*kinds[0], *table.content))
    return {key: _names(table, key) for key in there if key in allowed}


def _names(table: Table, key: str) -> Names:
    return table.texts(key) if isinstance(table.take(key), list) else (table.text(key),)


def match(layout: Layout, tree: str, columns: Collection[str]) -> Match:
    """Look for the columns of a layout in a tree.

    Parameters
    ----------
    layout : Layout
    tree : str
        Its name.
    columns : collection of str
        The names of what it holds.
    """
    first, second, attributes, second_attributes, events = (
        _found(names, columns)
        for names in (
            layout.photons, layout.second, layout.attributes, layout.second_attributes,
            layout.events,
        )
    )  # fmt: skip
    lost = [
        (key, names[0])
        for part, there in ((layout.photons, first), (layout.second, second))
        for key, names in part.items()
        if key not in there
    ]
    return Match(
        layout, tree, first, second, attributes, second_attributes, events,
        kept=_matching(layout.keep, columns),
        flags=_matching(layout.flags, columns),
        missing=tuple(name for key, name in lost if key not in _OPTIONAL),
        complete=not lost,
    )  # fmt: skip


def _found(names: Mapping[str, Names], columns: Collection[str]) -> dict[str, str]:
    there = {
        key: next((name for name in each if name in columns), None) for key, each in names.items()
    }
    return {key: name for key, name in there.items() if name is not None}


def _matching(patterns: Sequence[str], columns: Collection[str]) -> Names:
    return tuple(name for name in columns if any(fnmatchcase(name, each) for each in patterns))


def _only(layouts: Mapping[str, Layout], name: str) -> dict[str, Layout]:
    if name not in layouts:
        raise InputError(
            f"there is no layout {brief(name)}{nearest(name, layouts)}; "
            f"name one of {', '.join(layouts)}"
        )
    return {name: layouts[name]}


def recognise(layouts: Mapping[str, Layout], trees: Mapping[str, Collection[str]]) -> Match:
    """Return the one layout that fits one of the trees of a file.

    Parameters
    ----------
    layouts : mapping of str to Layout
        Those that may.
    trees : mapping of str to collection of str
        The columns of each tree.

    Raises
    ------
    InputError
        If none fits, or more than one.
    """
    tried = [
        match(layout, tree, columns)
        for tree, columns in trees.items()
        for layout in layouts.values()
    ]
    fits = [each for each in tried if not each.missing]
    fits = [each for each in fits if each.named] or fits
    fits = [each for each in fits if each.complete] or fits
    fits = [each for each in fits if each.layout.own] or fits
    if not fits:
        raise InputError(_none(tried, trees))
    if len(fits) > 1:
        raise InputError(_several(fits))
    return fits[0]


def _several(fits: Sequence[Match]) -> str:
    candidates = sorted({each.layout.name for each in fits})
    places = sorted({each.tree for each in fits})
    if len(candidates) == 1:
        return (
            f"several trees hold photons as in {candidates[0]}: {listed(places)}; write the one "
            "to read to a file of its own"
        )
    told = listed(f"{each.layout.name} ({each.layout.momentum})" for each in fits)
    return f"several layouts fit: {told}; name the one that is meant with --layout"


def _none(tried: Sequence[Match], trees: Mapping[str, Collection[str]]) -> str:
    """Say what each layout misses of which there is anything, or something like it."""
    hints = {each: [name + nearest(name, trees[each.tree]) for name in each.missing]
             for each in sorted(tried, key=lambda each: len(each.missing))}  # fmt: skip
    near = [each for each in hints if each.photons or each.second]
    near = near or [each for each in hints if [*each.missing] != hints[each] or len(tried) == 1]
    reasons = [f"{each.layout.name} misses {', '.join(hints[each])}" for each in near]
    others = sorted({each.layout.name for each in tried} - {each.layout.name for each in near})
    if others:
        which = f"of {', '.join(others)}" if near else "of any"
        reasons.append(f"no photon column {which} is there")
    return (
        f"no layout fits its columns ({'; '.join(reasons[:MOST_NAMES])}); rename columns, or "
        "describe them in [layouts.NAME] of a samples file, as in datasets/layouts"
    )
