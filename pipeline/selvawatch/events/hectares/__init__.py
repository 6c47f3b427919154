"""Hectares of events: by shares of pixels, and how far they may be off."""
