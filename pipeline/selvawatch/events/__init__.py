"""Events: pixels to polygons, polygons to tracked events, their cause and their rank."""
