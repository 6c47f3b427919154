"""What stood on the ground of a loss before it: forest of which kind, old mining."""
