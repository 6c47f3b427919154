"""Sensors as data: how to recognise one, its bands, quality layers and scales."""
