"""The demo: a simulated archive and register, the whole pipeline over it, and its score against the truth."""
