"""Files of scenes: blocks found, checked, unpacked and laid on a grid, none resampled where grids agree."""
