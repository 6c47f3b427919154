"""Events: pixels to polygons, polygons to tracked events, and their cause.

`detected.detect_events` makes events of tiles and of the events before; `patches.EventRule`,
`cause.CauseRule` and `patches.EventFrame` are what it goes by; `composite` shows the ground before and
after; `track.Tracked` is what comes out.
"""
