"""From scenes to looks: masks, one reflectance space, indices, same-day merge, files of observations."""
