"""Bulletins and maps: what they say, how it looks in a language, and the self-contained pages."""
