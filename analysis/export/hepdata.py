"""A search as a HEPData submission: all its tables, and what is said of all of them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from analysis.export import hepdata_tables as tables
from analysis.export.hepdata_format import HepDataTable, Qualifier, submission
from analysis.export.source import Inferred
from analysis.report.folder_results import FolderResults

REACTION = "P P --> X --> GAMMA GAMMA"
_ABOUT = (
    "Search for a resonance decaying to two photons, exported by xyy. Cross-sections are those of "
    "pp -> X -> yy before the filter efficiency of the samples."
)


def hepdata_files(results: FolderResults, found: Inferred) -> dict[str, bytes]:
    """Return the files of the submission."""
    keywords: dict[str, list[object]] = {
        "cmenergies": [results.catalogue.collision_energy_GeV],
        "reactions": [REACTION],
        "phrases": ["Proton-Proton Scattering", "Diphoton", "Resonance search"],
    }
    return submission(list(_tables(results, found)), _comment(results), keywords)


def _tables(results: FolderResults, found: Inferred) -> Iterator[HepDataTable]:
    catalogue, about = results.catalogue, partial(_complete, results, results.luminosity_invpb)
    yield from map(about, tables.spectrum_tables(results))
    yield from map(about, tables.fit_tables(results))
    yield about(tables.scan_table(found.scan))
    yield about(tables.limits_table(found.limits))
    for table in tables.cutflow_tables(results):
        yield _complete(results, catalogue.luminosity_invpb, table)
    yield about(tables.counting_table(found.counting))
    if found.verdict.local_z is not None:
        yield about(tables.resonance_table(found.verdict, catalogue.collision_energy_GeV))


def _comment(results: FolderResults) -> str:
    """Return what holds for all tables."""
    parts = [_ABOUT]
    if results.blind:
        low, high = results.window.min, results.window.max
        parts.append(
            f"The data are blind from {low:g} to {high:g} GeV: expected results only, and no "
            "observed event of that window."
        )
    elif results.data is None:
        parts.append("There are no data: expected results only, from the simulation.")
    return " ".join([*parts, *(f"{caveat}." for caveat in results.caveats)])


def _complete(results: FolderResults, luminosity_invpb: float, table: HepDataTable) -> HepDataTable:
    """Return a table with what holds for every column: reaction, energy, luminosity, caveats."""
    about: list[Qualifier] = [
        {"name": "RE", "value": REACTION},
        {"name": "SQRT(S)", "value": results.catalogue.collision_energy_GeV, "units": "GeV"},
        {"name": "Luminosity", "value": luminosity_invpb, "units": "pb$^{-1}$"},
    ]
    about += [{"name": "Status", "value": caveat} for caveat in results.caveats]
    return replace(
        table,
        description=" ".join([table.description, *(f"{caveat}." for caveat in results.caveats)]),
        qualifiers=(*about, *table.qualifiers),
    )
