"""The simulated terrain: forest, water, roads and farms of before, and what is lost while satellites pass."""
