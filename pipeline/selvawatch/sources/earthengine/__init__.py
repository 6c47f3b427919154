"""Pixels of Earth Engine: asked for on their own grid, and kept as files."""
