"""One run: planned, its tiles advanced, events tracked, attributed, published and committed."""
