"""From what a scene holds to what a detector reads: masks, indices, the grid, one look a day."""
