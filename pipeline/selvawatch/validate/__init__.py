"""Accuracy against a reference: series, rasters, the synthetic cube, loss maps and mining chips."""
