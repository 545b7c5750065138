"""Settings against each other, before the first event: what is wrong is not found by processing.

Each settings file is checked when it is read. What only both together can tell - a cut on a column
that nobody declared, a reference signal that is none - is checked here, once, by every command that
reads both; so are a selection and a manifest, which name columns and samples too.
"""

import math
from collections.abc import Iterable
from pathlib import Path

from analysis.settings.mass_columns import refuse_leakage
from analysis.settings.search import Search
from processors.histograms import KINEMATICS, Binning
from processors.kinematics import PHOTON_COLUMNS
from processors.score import cell_count
from processors.selection import Selection
from tools.errors import InputError
from tools.executors.work import is_list
from tools.manifest import MANIFEST_NAME, Manifest, SampleChunks
from tools.names import listed, nearest
from tools.samples import Axis, Catalogue, Column, Sample
from tools.settings_table import toml_key
from tools.shown import brief, shown

_UNITS = {"pT": "GeV", "phi": "rad"}
"""that the mass is computed from"""
_MAX_BINS = 1_000_000
"""of all columns together, of which each worker and each checkpoint holds three histograms"""
MAX_EXTRAPOLATION = 0.5
"""distance, relative to the nearest simulated mass, at which its peak still stands for another"""
_TAKEN = ("m_yy", *(quantity.name for quantity in KINEMATICS), "half", "region", "score")
"""names of what is histogrammed beside the columns, and of the joint histogram's own axes"""


def check_together(catalogue: Catalogue, search: Search) -> None:
    """Refuse a samples file and a search file that do not fit each other.

    Raises
    ------
    InputError
        The message names file, table and key, and the nearest right name.
    """
    _check_photons(catalogue)
    _check_axes(catalogue, search)
    _check_course_cuts(search)
    _check_kinds(catalogue)
    _check_reference(catalogue, search)
    _check_masses(catalogue, search)
    if not search.fit.high_GeV < catalogue.collision_energy_GeV:
        raise InputError(
            f"{search.path}, [fit], high: {search.fit.high_GeV:g} GeV is not below the "
            f"`collision_energy` of {catalogue.path}, {catalogue.collision_energy_GeV:g} GeV; "
            "change either"
        )


def check_run(catalogue: Catalogue, search: Search, *, observed: bool) -> None:
    """Refuse what `xyy run` would find only after generating, converting or processing.

    Raises
    ------
    InputError
        If there are `observed` events, and no sample that they belong to.
    RefusedError
        If a score would be made of columns that make the mass.
    """
    if observed:
        catalogue.observed()
    if search.optimise.method != "cuts":
        refuse_leakage(search.optimise.axes, force=search.score.mass_columns)


def check_selection(path: Path, selection: Selection, catalogue: Catalogue) -> None:
    """Refuse a ``selection.json`` with cuts on columns that are not declared.

    Raises
    ------
    InputError
        Naming the file, the column and the nearest right name.
    """
    for name in selection.cuts:
        _check_declared(f"{path}, [cuts], {name}", name, catalogue)


def check_manifest(manifest: Manifest, catalogue: Catalogue, needed: Iterable[str]) -> None:
    """Refuse chunks without a needed column, or of samples that are declared otherwise.

    Raises
    ------
    InputError
        Naming the manifest, and the column or the sample.
    """
    path = manifest.folder / MANIFEST_NAME
    for name, chunks in manifest.samples.items():
        declared = catalogue.sample(name)
        if declared.kind != chunks.kind:
            raise InputError(
                f"{path}: {name} was converted as {chunks.kind}, and is declared as "
                f"{declared.kind} in {_sample(catalogue, declared)}, kind; convert it again, or "
                "change `kind`"
            )
        there = _columns(manifest, chunks)
        for column in needed:
            if column not in there:
                raise InputError(
                    f"{path}: the chunks{_of(name, chunks)} have no column {column!r}"
                    f"{nearest(column, there)}; {_remedy(catalogue, chunks)}: {listed(there)}"
                )


def _columns(manifest: Manifest, chunks: SampleChunks) -> list[str]:
    """Return the flat columns that the events of a sample have; of lists those of their pairs."""
    if not chunks.stored:
        return [column.name for column in manifest.columns]
    fields = [each.name.partition(".")[2] for each in chunks.stored if is_list(each.name)]
    names = ["pT" if field == "pt" else field for field in fields]
    pairs = [f"photon{number}_{name}" for number in (1, 2) for name in names]
    return [*pairs, *(each.name for each in chunks.stored if not is_list(each.name))]


def _remedy(catalogue: Catalogue, chunks: SampleChunks) -> str:
    if chunks.stored:
        return (
            f"{catalogue.path} declares it: with --samples and --search name files of your own, "
            "which declare and cut on what there is"
        )
    return f"convert their files again with --samples {catalogue.path}, or name only"


def _of(name: str, chunks: SampleChunks) -> str:
    return f" of {name} ({chunks.layout})" if chunks.stored else ""


def _check_photons(catalogue: Catalogue) -> None:
    """Refuse columns of which no mass can be made, names that are taken, and too many bins."""
    columns = {column.name: column for column in catalogue.columns}
    for name in PHOTON_COLUMNS:
        if name not in columns:
            raise InputError(
                f"{catalogue.path}: [columns.{name}] is missing, and the diphoton mass is made of "
                f"it{nearest(name, set(columns) - set(PHOTON_COLUMNS))}; declare it"
            )
        unit = _UNITS.get(name.partition("_")[2], columns[name].unit)
        if columns[name].unit != unit:
            raise InputError(
                f"{_column(catalogue, columns[name])}, unit: the diphoton mass is made of it in "
                f'{unit}, not in {columns[name].unit!r}; write the files in {unit}, and "{unit}"'
            )
    for column in catalogue.columns:
        if column.name in _TAKEN:
            raise InputError(
                f"{_column(catalogue, column)}: the name is taken by what is computed; call it "
                f"something else (taken: {', '.join(_TAKEN)})"
            )
    bins = sum(column.axis.bins for column in catalogue.columns)
    if bins > _MAX_BINS:
        raise InputError(
            f"{catalogue.path}, [columns]: their axes have {bins:,} bins together, {_MAX_BINS:,} "
            "at most; use fewer columns or wider bins"
        )


def _check_axes(catalogue: Catalogue, search: Search) -> None:
    """Refuse axes of the joint histogram that no events fill, or that fill the memory."""
    axes = search.optimise.axes
    declared = {column.name: column for column in catalogue.columns}
    for name, axis in axes.items():
        where = f"{search.path}, [optimise.axes], {brief(toml_key(name))}"
        _check_declared(where, name, catalogue)
        _check_overlap(where, axis, declared[name].axis)
    try:
        cell_count([Binning(name, axis.bins, axis.low, axis.high) for name, axis in axes.items()])
    except ValueError as error:
        raise InputError(
            f"{search.path}, [optimise.axes]: their joint histogram has {error}"
        ) from None


def _check_declared(where: str, name: str, catalogue: Catalogue) -> None:
    declared = [column.name for column in catalogue.columns]
    if name in declared:
        return
    computed = " (it is computed, and cuts are on columns of the files)" if name in _TAKEN else ""
    raise InputError(
        f"{where}: {catalogue.path} declares no column {shown(name)}{computed}"
        f"{nearest(name, declared)}; it declares: {listed(declared)}"
    )


def _check_overlap(where: str, cuts: Axis, column: Axis) -> None:
    if not (cuts.low < column.high and column.low < cuts.high):
        raise InputError(
            f"{where}: {cuts.low:g} to {cuts.high:g} is outside the column's own axis, "
            f"{column.low:g} to {column.high:g}; change either"
        )


def _check_course_cuts(search: Search) -> None:
    """Refuse cuts that the joint histogram cannot evaluate: they stand at edges of its bins."""
    axes = search.optimise.axes
    for name, cut in search.optimise.course_cuts.items():
        where = f"{search.path}, [optimise.course_cuts], {brief(toml_key(name))}"
        if name not in axes:
            raise InputError(
                f"{where}: it is not in [optimise.axes]{nearest(name, axes)}; "
                f"there are: {listed(axes)}"
            )
        axis = axes[name]
        width = (axis.high - axis.low) / axis.bins
        # Edges are multiples of a width that binary fractions round; the nearest one is told, and
        # taken for equal within 1e-9.
        edge = axis.low + width * min(max(round((cut - axis.low) / width), 0), axis.bins)
        if not math.isclose(edge, cut, abs_tol=1e-9):
            raise InputError(
                f"{where}: {cut:g} is not at an edge of its axis, {axis.bins} bins from "
                f"{axis.low:g} to {axis.high:g}; the nearest is {edge:g}"
            )


def _check_kinds(catalogue: Catalogue) -> None:
    """Refuse more than one background or data sample, and no background."""
    for kind, least, why in (
        ("background", 1, "the selection is chosen against one"),
        ("data", 0, "the inference is from one"),
    ):
        names = [sample.name for sample in catalogue.samples.values() if sample.kind == kind]
        if not least <= len(names) <= 1:
            number = f"{len(names)} samples have" if names else "no sample has"
            raise InputError(
                f'{catalogue.path}, [samples]: {number} kind = "{kind}" '
                f"({listed(names) or 'none'}), and {why}; declare one"
            )


def _check_reference(catalogue: Catalogue, search: Search) -> None:
    signals = [sample.name for sample in catalogue.simulation if sample.kind == "signal"]
    name = search.optimise.reference_signal
    if name not in signals:
        raise InputError(
            f"{search.path}, [optimise], reference_signal: {catalogue.path} declares no signal "
            f"{shown(name)}{nearest(name, signals)}; it declares: {listed(signals) or 'none'}"
        )


def _check_masses(catalogue: Catalogue, search: Search) -> None:
    """Refuse signals of one mass or outside the window, and masses far from any signal."""
    window, of_mass = search.window, dict[float, Sample]()
    for sample in catalogue.simulation:
        if sample.mass_GeV is None:
            continue
        where, mass = f"{_sample(catalogue, sample)}, mass", sample.mass_GeV
        if not window.low_GeV < mass < window.high_GeV:
            raise InputError(
                f"{where}: {mass:g} GeV is outside [window] of {search.path}, "
                f"{window.low_GeV:g} to {window.high_GeV:g} GeV, where signals are counted; "
                "widen it, or take the sample out"
            )
        other = of_mass.setdefault(mass, sample)
        if other is not sample:
            raise InputError(
                f"{where}: {mass:g} GeV is that of {other.name}, too; declare one signal of a mass"
            )
    if not of_mass:
        return
    searched = search.signal
    for key, end, nearest_mass in (
        ("low", searched.low_GeV, min(of_mass)), ("high", searched.high_GeV, max(of_mass))
    ):  # fmt: skip
        beyond = nearest_mass - end if key == "low" else end - nearest_mass
        if beyond > MAX_EXTRAPOLATION * nearest_mass:
            raise InputError(
                f"{search.path}, [signal], {key}: {end:g} GeV is farther than "
                f"{MAX_EXTRAPOLATION:.0%} from {nearest_mass:g} GeV, the nearest mass that is "
                f"simulated ({of_mass[nearest_mass].name}): its efficiency and width say nothing "
                "there; declare another signal, or search less far"
            )


def _column(catalogue: Catalogue, column: Column) -> str:
    return f"{catalogue.path}, [columns.{toml_key(column.name)}]"


def _sample(catalogue: Catalogue, sample: Sample) -> str:
    return f"{catalogue.path}, [samples.{toml_key(sample.name)}]"
