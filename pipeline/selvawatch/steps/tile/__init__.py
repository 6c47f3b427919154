"""One tile brought up to a day: scenes ingested, baseline fitted once, state advanced, composites made."""
