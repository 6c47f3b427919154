"""Why a scene is not read: every code, and the message that it stands for."""

from collections.abc import Mapping

SCENE_REASONS: Mapping[str, str] = {
    "item": "Its catalogue entry cannot be used.",
    "id": "Its name is not a plain one.",
    "duplicate": "It is listed twice.",
    "datetime": "Its date cannot be told.",
    "footprint": "Its outline cannot be used.",
    "sensor": "Its sensor is not known.",
    "raw": "It is raw radar, not terrain-corrected backscatter.",
    "missing-asset": "It lacks a file.",
    "href": "It points to where nothing may be read.",
    "orbit": "Its orbit direction cannot be told.",
    "tier": "It is not of the first quality tier.",
    "unreachable": "Its archive did not answer; the next run tries it again.",
    "unreadable": "Its file is damaged or gone.",
    "crs": "Its file contradicts its catalogue entry.",
    "size": "Its file contradicts its catalogue entry.",
    "grid": "Its file contradicts its catalogue entry.",
    "nodata": "Its value without data is stated in different ways.",
    "offset": "Its scale or offset cannot be told.",
    "index": "It gives none of the indices needed.",
    "late": "It came too late to be replayed; it enters at the next baseline.",
    "not-listed": "It is not listed any more.",
    "track": "Its radar track has no measured level yet.",
    "displaced": "It lies too far off its place to be used.",
    "cloud": "It is cloudier than the site reads.",
    "tile-failed": "The tile could not be brought up to the day; it keeps its state of before.",
}
"""English message by code of `Problem.reason`, `SceneError.reason` and the ledger.

`tile-failed` is said of a tile, in bulletins.
"""

TRACK = "track"
"""Of a scene that is read and kept, and not used, for its track has no level yet."""
OFF_PLACE = "displaced"
"""Of a scene that is read and not used, for it lies too far off: `displaced:2.41`."""
UNUSED = (TRACK, OFF_PLACE)
"""Codes of scenes that are read and whose values are in no sum."""
