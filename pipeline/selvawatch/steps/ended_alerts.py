"""Which event goes on where an id that is no longer listed was given."""

import re
import tomllib

import numpy as np

from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.settings import parse
from selvawatch.events.id_key import known_id_key
from selvawatch.events.lineage import trace_events
from selvawatch.events.linking import LETTERS, event_ids, letters
from selvawatch.events.patches import EventRule, Pixels, alert_pixels, touching, with_expired_pixels
from selvawatch.store.folders import Store
from selvawatch.store.site_copy import read_site_copy, site_copy_path
from selvawatch.store.tile_state import open_fallen

_ID = re.compile(rf"(.+)-(\d\d)(\d\d)(\d\d)-([0-9A-Z]{{{LETTERS}}})")


def going_on(store: Store, event_id: str) -> str | None:
    """Id of the event that goes on, as things stand, where one of that id began; None: there is none.

    An id leads to a pixel, whatever run published it and whether one did: the event that holds the pixel goes
    on, or else the one whose pixels are nearest among detected pixels that touch one another from it on.

    Raises
    ------
    DamagedError
        When the copy of the site or a state is not what was written.
    """
    parts, copy, key = _ID.fullmatch(event_id), read_site_copy(store), known_id_key(store.snapshots)
    if parts is None or key is None or copy is None or "events" not in copy.files:
        return None
    prefix, *date, wanted = parts.groups()
    try:
        day = to_day("20{}-{}-{}".format(*date))
    except ValueError:
        return None
    grid = Grid(**copy.deciding["grid"])
    rule = parse(EventRule, tomllib.loads(copy.files["events"].text), site_copy_path(store))
    tiles = {
        grid.tile(tile): open_fallen(store, tile, row.state) for tile, row in store.ledger.tiles().items()
    }
    current = store.ledger.current()
    until_day = 0 if current is None else current.until_day
    pixels = with_expired_pixels(alert_pixels(tiles), rule, until_day)
    began = _pixel_of(pixels, day, wanted, key)
    if began is None:
        return None
    lineage = trace_events(pixels, rule, grid)
    event = int(lineage.event[began])
    if event < 0:
        event = _nearest(pixels, lineage.event, began)
    return None if event < 0 else event_ids(pixels, lineage.root[[event]], prefix, key)[0]


def _pixel_of(pixels: Pixels, day: int, wanted: str, key: bytes) -> int | None:
    """Position of the pixel with these letters; one detected on that day goes before others."""
    first = pixels.detected_on == day
    for position in (*np.flatnonzero(first).tolist(), *np.flatnonzero(~first).tolist()):
        if letters((int(pixels.column[position]), int(pixels.row[position])), key) == wanted:
            return int(position)
    return None


def _nearest(pixels: Pixels, event: np.ndarray, began: int) -> int:
    """Event of the nearest pixel of any event in the cluster of a pixel; -1 = none."""
    from scipy.sparse import coo_array  # slow to import
    from scipy.sparse.csgraph import connected_components

    near = touching(pixels)
    here, side = np.nonzero(near >= 0)
    links = coo_array((np.ones(len(here), np.bool_), (here, near[here, side])), shape=(len(near),) * 2)
    _, cluster = connected_components(links, directed=False)
    held = np.flatnonzero((cluster == cluster[began]) & (event >= 0))
    if not len(held):
        return -1
    away = (pixels.row[held] - pixels.row[began]) ** 2 + (pixels.column[held] - pixels.column[began]) ** 2
    return int(event[held[np.argmin(away)]])
