"""A peak on a background: scan, significance, measurement."""
