"""`xyy export`: results in the formats of other programs; each exporter returns files as bytes.

================  =============================================================================
`source`          what may be exported: results of one inference, nothing blind
`formats`         from a results folder to the files of each format
`hepdata_format`  HEPData's submission: tables, values with uncertainties, YAML
`hepdata`         a search as a submission; its tables from the result files: `hepdata_tables`
`pyhf_format`     a pyhf workspace for every mass, with an index of what each is and gives
`root_format`     histograms as ROOT's TH1D and TH2D
`writing`         the files into a folder: all of them, or none
================  =============================================================================

While data are blind an export holds expected results only. Caveats (generated samples, missing
events, changes after unblinding) go with it.
"""
