"""Where numbers of models come from: operating points, the cause rule, and the events it is practised on.

`cube.calibrate_on_cube` and `cause_landscapes.fit_on_landscapes` are the two that commands call.
"""
