"""Binned spectra, and the signal in them."""
