"""Readers of layers in files: what a format holds, in this process or in one whose cost is limited."""
