"""Histograms in, numbers and figures out: from spectra to the verdict, and the command `xyy`."""
