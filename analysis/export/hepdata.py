r"""A search as a HEPData submission: which tables it has, all from the result files.

============================  ==================================================================
table                         rows: columns
============================  ==================================================================
Selected spectrum             :math:`m_{\gamma\gamma}`: events, background fitted to sidebands
Resonance fit                 :math:`m_{\gamma\gamma}`: events, background, signal of the best fit
Local significance            mass: p, z, expected z, fitted cross-section and events
Limits                        mass: observed and expected upper limit with its bands
Cutflow                       cut: expected events of every sample, events of the data
Counting                      window: predicted and observed events, significance, limits
Resonance                     what was found: mass, cross-section, local and global significance
============================  ==================================================================

The first two are there for each category of the selection too, or only so. While data are blind,
bins of the window are missing values and every observed column is left out.
"""

from collections.abc import Iterator
from functools import partial

from analysis.export.hepdata_about import comment, complete, keywords
from analysis.export.hepdata_format import HepDataTable, submission
from analysis.export.hepdata_results import (
    counting_table,
    cutflow_tables,
    limits_table,
    resonance_table,
    scan_table,
)
from analysis.export.hepdata_spectra import fit_tables, spectrum_tables
from analysis.export.source import Inferred
from analysis.report.folder_results import FolderResults


def hepdata_files(results: FolderResults, found: Inferred) -> dict[str, bytes]:
    """Return the files of the submission."""
    return submission(list(_tables(results, found)), comment(results), keywords(results))


def _tables(results: FolderResults, found: Inferred) -> Iterator[HepDataTable]:
    about = partial(complete, results)
    yield from map(about, spectrum_tables(results))
    yield from map(about, fit_tables(results))
    yield about(scan_table(found.scan))
    yield about(limits_table(found.limits))
    for table in cutflow_tables(results):
        yield about(table, results.catalogue.luminosity_invpb)
    yield about(counting_table(found.counting))
    if found.verdict.local_z is not None:
        yield about(resonance_table(found.verdict, results.catalogue.collision_energy_GeV))
