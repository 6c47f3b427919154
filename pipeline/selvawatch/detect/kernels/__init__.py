"""Compiled kernels: typed, no dates, no labels, no defaults; each has a slow twin in its test."""
