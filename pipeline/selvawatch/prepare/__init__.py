"""From scenes to observations: masks, one reflectance space, indices, same-day merge, files."""
