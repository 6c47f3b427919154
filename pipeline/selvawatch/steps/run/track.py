"""From the tiles' states to events with causes: detect, track, classify."""

from collections.abc import Iterator, Mapping

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.events.cause import classify, with_causes
from selvawatch.events.detected import detect_events
from selvawatch.events.features import Reference, features
from selvawatch.events.track import Tracked
from selvawatch.site import Site
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import TileState, open_composite, open_fallen


class _Lazy(Mapping[Tile, xr.Dataset]):
    """Datasets of tiles, opened when asked for and not kept."""

    def __init__(self, store: Store, states: Mapping[Tile, str], composite: bool) -> None:
        self._store, self._states, self._composite = store, states, composite

    def __getitem__(self, tile: Tile) -> xr.Dataset:
        opened = open_composite if self._composite else open_fallen
        return opened(self._store, tile.id, self._states[tile])

    def __iter__(self) -> Iterator[Tile]:
        return iter(sorted(self._states))

    def __len__(self) -> int:
        return len(self._states)


def track_events(
    site: Site,
    store: Store,
    states: Mapping[str, TileState],
    previous: Tracked | None,
    until_day: int,
    river: shapely.Geometry | None,
    road: shapely.Geometry | None,
) -> Tracked:
    """Events and cells of all tiles, under the ids of the run before, with their causes."""
    names = {site.grid.tile(tile): state.state for tile, state in states.items()}
    detected = detect_events(
        previous,
        _Lazy(store, names, composite=False),
        site.event_frame,
        site.event_rule,
        until_day,
        {tile: _looked(state) for tile, state in states.items()},
    )
    measured = features(
        detected,
        _Lazy(store, names, composite=True),
        Reference(river=river, road=road),
        site.cause_rule.measures,
        site.grid.resolution,
    )
    return with_causes(detected.tracked, classify(measured, site.cause_rule))


def _looked(state: TileState) -> dict[str, list[int]]:
    """Days on which each sensor gave a usable observation of a tile."""
    days: dict[str, set[int]] = {}
    for record in state.scene_records:
        if record.state == "read" and record.clear_share > 0:
            days.setdefault(record.sensor, set()).add(record.day)
    return {sensor: sorted(seen) for sensor, seen in sorted(days.items())}


def reference_lines(frame: gpd.GeoDataFrame) -> shapely.Geometry | None:
    """All lines or outlines of a reference layer as one geometry; None where there is none."""
    shapes = np.asarray(frame.geometry, object)
    return shapely.union_all(shapes) if len(shapes) else None
