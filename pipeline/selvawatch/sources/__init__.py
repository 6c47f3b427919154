"""Where scenes come from: sensors as data, quality masks, catalogues, and the simulator."""
