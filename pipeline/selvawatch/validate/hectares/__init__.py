"""Hectares of confirmed events on a reference cube, and the truth of each."""
