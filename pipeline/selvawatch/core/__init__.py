"""The ground: days, grid, scenes, stack contract, statuses, and the tables of layers and columns."""
