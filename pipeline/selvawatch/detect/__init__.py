"""Change detection: baseline, evidence, fusion into state, and status."""
