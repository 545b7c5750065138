"""Histograms in, numbers and figures out: from spectra to the verdict, and the command `xyy`.

`docs/architecture.md` says what is in each package, and who imports whom.
"""
