r"""What the data are: samples, luminosities, cross-sections and columns, from one TOML file.

The weight of a simulated event (task 2.2 of the course) follows from

.. math:: N_\mathrm{exp} = L \, \sigma \, \varepsilon \, N_\mathrm{sel} / N_\mathrm{gen}

with :math:`N_\mathrm{sel} = 1` and :math:`N_\mathrm{gen}` the number of events in the sample.
Observed events weigh 1. The observed data have a luminosity of their own (`data_luminosity`): with
it the inference turns events into cross-sections, whatever the tables and figures of the simulation
are normalised to.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal, get_args

from tools.errors import InputError
from tools.units import cross_section_pb, energy_GeV, luminosity_invpb

Kind = Literal["signal", "background", "data"]
StoredType = Literal["float32", "float64", "int8", "int16", "int32"]


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
    ignore: tuple[str, ...]
    """fields of the input files that are left out"""
    samples: Mapping[str, Sample]

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
            known = ", ".join(self.samples)
            raise InputError(f"{self.path} declares no sample {name!r}; it declares: {known}")
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

    def sample_of_file(self, path: Path) -> Sample:
        """Return the sample whose `files` patterns match the name of `path`.

        Raises
        ------
        InputError
            If none does; the message lists the known names.
        """
        for sample in self.samples.values():
            if any(fnmatch(path.name, pattern) for pattern in sample.files):
                return sample
        raise InputError(
            f"{path}: no sample of {self.path} has a file of this name; "
            f"write SAMPLE={path} with one of: {', '.join(self.samples)}"
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


def find_settings(name: str) -> Path:
    """Return a settings file, looked for from the current folder and then from the checkout.

    Raises
    ------
    InputError
        If it is in neither.
    """
    given = Path(name)
    for candidate in (given, checkout() / given):
        if candidate.is_file():
            return candidate
    raise InputError(
        f"{name} is neither in {Path.cwd()} nor in {checkout()}; name an existing file"
    )


def checkout() -> Path:
    """Return the folder that holds `tools/`, `datasets/` and the rest."""
    return Path(str(package_files("tools"))).parent


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        If it cannot be read or is not TOML; the message has the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None


def read_catalogue(path: Path) -> Catalogue:
    """Read and check a samples file.

    Raises
    ------
    InputError
        If something is missing, unknown, or has no unit; the message names the entry.
    """
    document = read_toml(path)
    _only(
        document,
        f"{path}",
        {"collision_energy", "luminosity", "data_luminosity", "ignore", "columns", "samples"},
    )
    luminosity = luminosity_invpb(_need(document, "luminosity", f"{path}"), f"{path}, luminosity")
    data_luminosity = document.get("data_luminosity")
    return Catalogue(
        path=path,
        collision_energy_GeV=energy_GeV(
            _need(document, "collision_energy", f"{path}"), f"{path}, collision_energy"
        ),
        luminosity_invpb=luminosity,
        data_luminosity_invpb=luminosity
        if data_luminosity is None
        else luminosity_invpb(data_luminosity, f"{path}, data_luminosity"),
        columns=tuple(
            _column(name, entry, f"{path}, [columns.{name}]")
            for name, entry in _need(document, "columns", f"{path}").items()
        ),
        ignore=tuple(document.get("ignore", ())),
        samples={
            name: _sample(name, entry, f"{path}, [samples.{name}]")
            for name, entry in _need(document, "samples", f"{path}").items()
        },
    )


def _column(name: str, entry: dict[str, Any], where: str) -> Column:
    _only(entry, where, {"unit", "type", "meaning", "axis", "min"})
    if entry.get("type") not in get_args(StoredType):
        raise InputError(f"{where}: type must be one of {', '.join(get_args(StoredType))}")
    axis = _need(entry, "axis", where)
    _only(axis, f"{where}, axis", {"bins", "low", "high"})
    try:
        binning = Axis(int(axis["bins"]), float(axis["low"]), float(axis["high"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{where}: write axis = {{ bins = 100, low = 0, high = 10 }}") from None
    if binning.bins < 1 or not binning.low < binning.high:
        raise InputError(f"{where}: the axis needs one bin or more, and low < high")
    minimum = entry.get("min")
    return Column(
        name=name,
        unit=str(_need(entry, "unit", where)),
        type=entry["type"],
        meaning=str(_need(entry, "meaning", where)),
        axis=binning,
        min=None if minimum is None else float(minimum),
    )


def _sample(name: str, entry: dict[str, Any], where: str) -> Sample:
    known = {"kind", "files", "cross_section", "filter_efficiency", "events", "mass"}
    _only(entry, where, known)
    if not name.replace("_", "").replace("-", "").replace(".", "").isalnum() or not name.isascii():
        raise InputError(f"{where}: a sample's name is made of letters, digits, '_', '.' and '-'")
    kind: Any = entry.get("kind")
    if kind not in get_args(Kind):
        raise InputError(f"{where}: kind must be one of {', '.join(get_args(Kind))}, not {kind!r}")
    files = tuple(_need(entry, "files", where))
    if kind == "data":
        _only(entry, where, {"kind", "files"})
        return Sample(name=name, kind="data", files=files)
    efficiency = float(_need(entry, "filter_efficiency", where))
    if not 0 < efficiency <= 1:
        raise InputError(f"{where}: filter_efficiency is a fraction in (0, 1], not {efficiency}")
    mass = _need(entry, "mass", where) if kind == "signal" else None
    return Sample(
        name=name,
        kind=kind,
        files=files,
        cross_section_pb=cross_section_pb(
            _need(entry, "cross_section", where), f"{where}, cross_section"
        ),
        filter_efficiency=efficiency,
        events=int(_need(entry, "events", where)),
        mass_GeV=None if mass is None else energy_GeV(mass, f"{where}, mass"),
    )


def _need(entry: dict[str, Any], key: str, where: str) -> Any:
    if key not in entry:
        raise InputError(f"{where}: `{key}` is missing; add it")
    return entry[key]


def _only(entry: dict[str, Any], where: str, known: set[str]) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise InputError(
            f"{where}: unknown entry `{unknown[0]}`; known: {', '.join(sorted(known))}"
        )
