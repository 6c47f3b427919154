"""From the tiles' states to events with causes: detect, track, classify."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.events.cause import classify, with_causes
from selvawatch.events.detected import detect_events
from selvawatch.events.features import Reference, features
from selvawatch.events.id_key import id_key
from selvawatch.events.track import Tracked
from selvawatch.register.manifest import References
from selvawatch.store.folders import Store
from selvawatch.store.run_files import read_tracked
from selvawatch.store.run_plan import RunContext
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


def track_events(context: RunContext, states: Mapping[str, TileState], references: References) -> Tracked:
    """Events and cells of all tiles, under the ids of the run before, with their causes."""
    site, store = context.site, context.store
    names = {site.grid.tile(tile): state.state for tile, state in states.items()}
    detected = detect_events(
        _previous(store),
        _Lazy(store, names, composite=False),
        replace(site.event_frame, id_key=id_key(store.snapshots)),
        site.event_rule,
        context.plan.until_day,
        {tile: _clear_days(state) for tile, state in states.items()},
    )
    measured = features(
        detected,
        _Lazy(store, names, composite=True),
        Reference(river=reference_lines(references.rivers), road=reference_lines(references.roads)),
        site.cause_rule.measures,
        site.grid.resolution,
    )
    return with_causes(detected.tracked, classify(measured, site.cause_rule))


def _previous(store: Store) -> Tracked | None:
    """Events and cells of the current run; None in an empty store."""
    current = store.ledger.current()
    return None if current is None else read_tracked(store.run(current.run_id))


def _clear_days(state: TileState) -> dict[str, list[int]]:
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
