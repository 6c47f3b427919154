"""From pixels to things on the ground: polygons, tracked events, their cause and rank."""
