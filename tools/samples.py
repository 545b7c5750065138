r"""What the data are: samples, luminosities, cross-sections and columns, from one TOML file.

The weight of a simulated event (task 2.2 of the course) follows from

.. math:: N_\mathrm{exp} = L \, \sigma \, \varepsilon \, N_\mathrm{sel} / N_\mathrm{gen}

with :math:`N_\mathrm{sel} = 1` and :math:`N_\mathrm{gen}` the number of events in the sample.
Observed events weigh 1. The observed data have a luminosity of their own (`data_luminosity`): with
it the inference turns events into cross-sections, whatever the tables and figures of the simulation
are normalised to.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from tools.errors import InputError
from tools.layouts import Layout, read_layout
from tools.names import listed, nearest
from tools.settings_table import Table, read_toml, toml_key
from tools.shown import shown
from tools.units import cross_section_pb, energy_GeV, luminosity_invpb

Kind = Literal["signal", "background", "data"]
StoredType = Literal["float32", "float64", "int8", "int16", "int32"]
AXIS = ("bins", "low", "high")
"""entries of a binning"""
_DOCUMENT = (
    "collision_energy", "luminosity", "data_luminosity", "ignore", "columns", "samples", "layouts",
)  # fmt: skip
_COLUMN = ("unit", "type", "meaning", "axis", "min")
_FILES = ("kind", "files")
_DATA = (*_FILES, "good_data")
_BACKGROUND = (*_FILES, "cross_section", "filter_efficiency", "events")
_SIGNAL = (*_BACKGROUND, "mass")
_MOST_BINS = 10_000
LARGEST, _FINEST = 1e30, 1e-12
"""of the end of an axis; and of a bin's width relative to it, below which edges coincide"""
_MOST_NAMES = 1000
"""columns, and samples"""
MOST_EVENTS = 10**12
"""of a sample: a machine generates them in a month"""
_MOST_EXPECTED = 1e18
"""events of a sample in the luminosity"""
_LONGEST_NAME, _LONGEST_UNIT, _LONGEST_MEANING, _LONGEST_FILE = 100, 40, 500, 4096
"""characters"""


@dataclass(frozen=True, slots=True)
class Axis:
    """Regular binning of a column, common to all samples."""

    bins: int
    """number of bins"""
    low: float
    """lower edge of the first bin, in the column's unit"""
    high: float
    """upper edge of the last bin, in the column's unit"""


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column of the event files."""

    name: str
    """as in the header of the files"""
    unit: str
    """``"1"`` where there is none"""
    type: StoredType
    """how the chunks store it"""
    meaning: str
    """one line for people"""
    axis: Axis
    """how it is histogrammed"""
    min: float | None = None
    """values below are refused"""

    @property
    def is_integer(self) -> bool:
        """Whether the column holds counts."""
        return self.type.startswith("int")


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of simulated or observed events."""

    name: str
    kind: Kind
    files: tuple[str, ...]
    """name patterns of its source files"""
    cross_section_pb: float | None = None
    """sigma(pp -> X -> yy) for a signal, before the filter; None for data"""
    filter_efficiency: float | None = None
    """fraction of produced events that the sample describes; None for data"""
    events: int | None = None
    """how many `xyy generate` makes; None for data"""
    mass_GeV: float | None = None
    """of the resonance, for a signal"""
    good_data: Path | None = None
    """list of the runs and luminosity blocks to use, for data"""

    def expected_events(self, luminosity_invpb: float) -> float:
        """Return L sigma epsilon, the expected number of events before any selection.

        Raises
        ------
        ValueError
            For data, whose expectation nobody knows.
        """
        if self.cross_section_pb is None or self.filter_efficiency is None:
            raise ValueError(f"{self.name} is {self.kind}: it has no cross-section")
        return luminosity_invpb * self.cross_section_pb * self.filter_efficiency


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The content of one samples file."""

    path: Path
    collision_energy_GeV: float
    luminosity_invpb: float
    """that the simulation is normalised to"""
    data_luminosity_invpb: float
    """of the observed data"""
    columns: tuple[Column, ...]
    """of flat events, and what else is wanted of others; may be none of these"""
    ignore: tuple[str, ...]
    """fields of the input files that are left out"""
    samples: Mapping[str, Sample]
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    """of files that are stored in no way that is known everywhere"""

    @property
    def name(self) -> str:
        """The scenario: the file's stem."""
        return self.path.stem

    @property
    def simulation(self) -> tuple[Sample, ...]:
        """The simulated samples, in the file's order."""
        return tuple(sample for sample in self.samples.values() if sample.kind != "data")

    def sample(self, name: str) -> Sample:
        """Return the sample called `name`.

        Raises
        ------
        InputError
            If there is none; the message lists the known names.
        """
        if name not in self.samples:
            known = listed(self.samples)
            raise InputError(
                f"{self.path} declares no sample {name!r}{nearest(name, self.samples)}; "
                f"it declares: {known}"
            )
        return self.samples[name]

    def observed(self) -> Sample:
        """Return the sample of observed events.

        Raises
        ------
        InputError
            If not exactly one is declared.
        """
        data = [sample for sample in self.samples.values() if sample.kind == "data"]
        if len(data) != 1:
            number = "several samples have" if data else "no sample has"
            raise InputError(
                f'{self.path}: {number} kind = "data"; declare one, '
                'like [samples.data] with kind = "data" and files = ["data*.csv"]'
            )
        return data[0]

    def sample_of_file(self, path: Path | str) -> Sample:
        """Return the sample whose `files` patterns match the name of a file or an address.

        Raises
        ------
        InputError
            If none does; the message lists the known names.
        """
        for sample in self.samples.values():
            if any(fnmatch(Path(path).name, pattern) for pattern in sample.files):
                return sample
        raise InputError(
            f"{path}: no sample of {self.path} has a file of this name; "
            f"write SAMPLE={path} with one of: {listed(self.samples)}"
        )

    def weight(self, sample: Sample, rows: int) -> float:
        """Return the weight of one event of `sample`, of which there are `rows`."""
        if sample.kind == "data" or rows == 0:
            return 1.0
        return sample.expected_events(self.luminosity_invpb) / rows

    def arithmetic(self, sample: Sample, rows: int) -> str:
        """Return the weight of a simulated sample, spelt out for a person to check."""
        expected = sample.expected_events(self.luminosity_invpb)
        return (
            f"{sample.name}: {self.luminosity_invpb:.10g} / pb x {sample.cross_section_pb:g} pb"
            f" x {sample.filter_efficiency:g} = {expected:,.2f} expected events;"
            f" / {rows:,} simulated = {self.weight(sample, rows):.6g} each"
        )


def read_catalogue(path: Path) -> Catalogue:
    """Read and check a samples file.

    Raises
    ------
    InputError
        If something is missing, unknown, has no unit, or makes no sense; the message names it.
    """
    document = Table(read_toml(path), f"{path}", keys=_DOCUMENT)
    luminosity = luminosity_invpb(document.take("luminosity"), f"{path}, luminosity")
    data_luminosity = document.content.get("data_luminosity")
    catalogue = Catalogue(
        path=path,
        collision_energy_GeV=energy_GeV(
            document.take("collision_energy"), f"{path}, collision_energy"
        ),
        luminosity_invpb=luminosity,
        data_luminosity_invpb=luminosity
        if data_luminosity is None
        else luminosity_invpb(data_luminosity, f"{path}, data_luminosity"),
        columns=tuple(
            read_column(name, table) for name, table in _named(document, "columns", _COLUMN)
        )
        if "columns" in document.content
        else (),
        ignore=document.texts("ignore", least=0) if "ignore" in document.content else (),
        samples={name: _sample(name, table) for name, table in _named(document, "samples")},
        layouts={
            name: read_layout(name, table, own=True) for name, table in _named(document, "layouts")
        }
        if "layouts" in document.content
        else {},
    )
    _refuse_both(catalogue)
    _refuse_too_many(catalogue)
    return catalogue


def _named(
    document: Table, key: str, keys: Sequence[str] | None = None
) -> Iterable[tuple[str, Table]]:
    """Return the tables of `key` with their names."""
    tables = document.tables(key, keys)
    if len(tables) > _MOST_NAMES:
        raise InputError(
            f"{document.where}, [{key}]: {len(tables):,} are too many; {_MOST_NAMES:,} at most"
        )
    return tables.items()


def read_column(name: str, table: Table) -> Column:
    """Read the declaration of a column.

    Raises
    ------
    InputError
        If its name, type or axis makes no sense.
    """
    # ROOT takes '[' for an array's size.
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or "[" in name:
        raise InputError(
            f"{table.where}: a column needs a name of at most {_LONGEST_NAME} characters that can "
            "be printed, without '['"
        )
    kind: Any = table.choice("type", get_args(StoredType))
    column = Column(
        name=name,
        unit=table.words("unit", _LONGEST_UNIT),
        type=kind,
        meaning=table.words("meaning", _LONGEST_MEANING),
        axis=read_axis(table.table("axis", AXIS)),
        min=(None if table.content.get("min") is None else table.number("min", -LARGEST, LARGEST)),
    )
    largest = 2 ** (int(kind.removeprefix("int")) - 1) - 1 if column.is_integer else math.inf
    if column.min is not None and not column.min < min(column.axis.high, largest):
        raise InputError(
            f"{table.where}, min: {column.min:g} leaves nothing that {kind} can store below the "
            f"end of the axis, {column.axis.high:g}; lower it"
        )
    return column


def read_axis(table: Table) -> Axis:
    """Read a binning with the entries `AXIS`."""
    low, high = (table.number(key, -LARGEST, LARGEST) for key in ("low", "high"))
    axis = Axis(table.integer("bins", 1, _MOST_BINS), low, high)
    if not axis.low < axis.high:
        raise InputError(
            f"{table.where}: `low` ({axis.low:g}) must be below `high` ({axis.high:g})"
        )
    if (axis.high - axis.low) / axis.bins <= _FINEST * max(abs(axis.low), abs(axis.high), _FINEST):
        raise InputError(
            f"{table.where}: bins of {(axis.high - axis.low) / axis.bins:g} at "
            f"{axis.low:g} to {axis.high:g} are too narrow to be told apart; make them wider"
        )
    return axis


def _good_data(table: Table) -> Path | None:
    if "good_data" not in table.content:
        return None
    if not (name := table.words("good_data", _LONGEST_FILE)):
        raise InputError(
            f"{table.where}, good_data: write the name of a file, or leave the entry out"
        )
    return Path(table.file).parent / name


def _sample(name: str, table: Table) -> Sample:
    table.only((*_SIGNAL, "good_data"))
    letters = name.replace("_", "").replace("-", "").replace(".", "")
    if not letters.isalnum() or not name.isascii() or len(name) > _LONGEST_NAME:
        raise InputError(
            f"{table.where}: a sample's name is made of letters, digits, '_', '.' and '-', at most "
            f"{_LONGEST_NAME}"
        )
    kind: Any = table.choice("kind", get_args(Kind))
    files = _patterns(table)
    if kind == "data":
        table.only(_DATA)
        return Sample(name=name, kind="data", files=files, good_data=_good_data(table))
    table.only(_SIGNAL if kind == "signal" else _BACKGROUND)
    efficiency = table.number("filter_efficiency", 0, 1)
    if efficiency == 0:
        raise InputError(f"{table.where}, filter_efficiency: with 0 there are no events; raise it")
    return Sample(
        name=name,
        kind=kind,
        files=files,
        cross_section_pb=cross_section_pb(
            table.take("cross_section"), f"{table.where}, cross_section"
        ),
        filter_efficiency=efficiency,
        events=table.integer("events", 1, MOST_EVENTS),
        mass_GeV=energy_GeV(table.take("mass"), f"{table.where}, mass")
        if kind == "signal"
        else None,
    )


def _patterns(table: Table) -> tuple[str, ...]:
    """Return the name patterns of a sample's files, each one that can be looked for."""
    patterns = table.texts("files", least=0)
    for pattern in patterns:
        path = PurePosixPath(pattern)
        if (
            not path.parts
            or path.is_absolute()
            or not pattern.isprintable()
            or any("**" in part and part != "**" for part in path.parts)
        ):
            raise InputError(
                f"{table.where}, files: {shown(pattern)} is no name or pattern of files that are "
                'looked for in ./datasets and beside this file; write one like "background*.csv"'
            )
    return patterns


def _refuse_too_many(catalogue: Catalogue) -> None:
    """Refuse a luminosity in which a sample has more events than float64 can tell."""
    for sample in catalogue.simulation:
        expected = sample.expected_events(catalogue.luminosity_invpb)
        if not expected <= _MOST_EXPECTED:
            raise InputError(
                f"{catalogue.path}, [samples.{toml_key(sample.name)}]: {expected:.3g} events are "
                f"expected in the luminosity, {_MOST_EXPECTED:g} at most; correct cross_section, "
                "filter_efficiency or luminosity"
            )


def _refuse_both(catalogue: Catalogue) -> None:
    """Refuse a column that is also ignored, and files that belong to two samples."""
    for column in catalogue.columns:
        if column.name in catalogue.ignore:
            raise InputError(
                f"{catalogue.path}, ignore: {column.name!r} is declared, too, in "
                f"[columns.{toml_key(column.name)}]; take out either"
            )
    owners: dict[str, str] = {}
    for sample in catalogue.samples.values():
        for pattern in sample.files:
            owner = owners.setdefault(pattern, sample.name)
            if owner != sample.name:
                raise InputError(
                    f"{catalogue.path}, [samples.{toml_key(sample.name)}], files: {pattern!r} "
                    f"belongs to {owner} already; name each file once"
                )
