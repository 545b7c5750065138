"""What is said of all tables of a submission: reaction, energy, luminosity, reservations."""

from dataclasses import replace
from typing import Any

from analysis.export.hepdata_format import Entry, HepDataTable
from analysis.report.folder_results import FolderResults

REACTION = "P P --> X --> GAMMA GAMMA"
MASS = r"$m_{\gamma\gamma}$"
CROSS_SECTION = r"$\sigma(pp \to X \to \gamma\gamma)$"
_ABOUT = (
    "Search for a resonance decaying to two photons, exported by xyy. Cross-sections are those of "
    "pp -> X -> yy before the filter efficiency of the samples."
)


def keywords(results: FolderResults) -> dict[str, list[Any]]:
    """Return the keywords by which HEPData finds all tables."""
    return {
        "cmenergies": [results.catalogue.collision_energy_GeV],
        "reactions": [REACTION],
        "phrases": ["Proton-Proton Scattering", "Diphoton", "Resonance search"],
    }


def comment(results: FolderResults) -> str:
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
    return " ".join([*parts, *(f"{stamp}." for stamp in results.stamps)])


def complete(
    results: FolderResults, table: HepDataTable, luminosity_invpb: float | None = None
) -> HepDataTable:
    """Return a table with what holds for all: reservations, and what each column is of."""
    return replace(
        table,
        description=" ".join([table.description, *(f"{stamp}." for stamp in results.stamps)]),
        qualifiers=(*_qualifiers(results, luminosity_invpb), *table.qualifiers),
    )


def _qualifiers(results: FolderResults, luminosity_invpb: float | None) -> tuple[Entry, ...]:
    """Return what holds for every column: reaction, energy, luminosity and reservations."""
    luminosity = results.luminosity_invpb if luminosity_invpb is None else luminosity_invpb
    found: list[Entry] = [
        {"name": "RE", "value": REACTION},
        {"name": "SQRT(S)", "value": results.catalogue.collision_energy_GeV, "units": "GeV"},
        {"name": "Luminosity", "value": luminosity, "units": "pb$^{-1}$"},
    ]
    found += [{"name": "Status", "value": stamp} for stamp in results.stamps]
    return tuple(found)
