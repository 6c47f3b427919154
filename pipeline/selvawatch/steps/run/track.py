"""From the tiles' states to events with causes: detect, track, classify."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr

from selvawatch.core.grid import Grid, Tile
from selvawatch.core.tier import Tier
from selvawatch.events.cause import classify, with_causes
from selvawatch.events.detected import events_of
from selvawatch.events.features import Reference, features
from selvawatch.events.id_key import id_key
from selvawatch.events.patches import Pixels, alert_pixels
from selvawatch.events.track import Tracked
from selvawatch.events.withheld import Guard, as_forest, withheld_pixels
from selvawatch.register.manifest import References
from selvawatch.store.folders import Store
from selvawatch.store.run_files import keeps_tracked, read_tracked
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState, open_composite, open_fallen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hidden(Mapping[Tile, xr.Dataset]):
    """Composites of tiles, opened when asked for and not kept; withheld ground is forest in them."""

    store: Store
    states: Mapping[Tile, TileState]
    withheld: Pixels

    def __getitem__(self, tile: Tile) -> xr.Dataset:
        state = self.states[tile]
        opened = open_composite(self.store, tile.id, state.state, delayed=state.is_delayed)
        return as_forest(opened, self.withheld, tile)

    def __iter__(self) -> Iterator[Tile]:
        return iter(sorted(self.states))

    def __len__(self) -> int:
        return len(self.states)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fallen(Mapping[Tile, xr.Dataset]):
    """Layers of tiles with their fall, opened when asked for and not kept."""

    store: Store
    states: Mapping[Tile, TileState]

    def __getitem__(self, tile: Tile) -> xr.Dataset:
        state = self.states[tile]
        return open_fallen(self.store, tile.id, state.state, delayed=state.is_delayed)

    def __iter__(self) -> Iterator[Tile]:
        return iter(sorted(self.states))

    def __len__(self) -> int:
        return len(self.states)


def detected_pixels(store: Store, grid: Grid, states: Mapping[str, TileState]) -> Pixels:
    """Pixels detected in the states of some tiles."""
    return alert_pixels(
        _Fallen(store=store, states={grid.tile(tile): state for tile, state in states.items()})
    )


def track_events(
    context: RunContext,
    states: Mapping[str, TileState],
    pixels: Pixels,
    references: References,
    *,
    tier: Tier = Tier.RESTRICTED,
    guard: Guard | None = None,
) -> Tracked:
    """Events and cells of all tiles as a tier learns of them, under the ids of the run before, with causes.

    states: by tile, as of the context's day; those that lag behind for the public tier. pixels: detected in
    them. guard: what the tier does not learn of; None: it learns of everything.
    """
    site, store = context.site, context.store
    by_tile = {site.grid.tile(tile): state for tile, state in states.items()}
    hidden = np.zeros(len(pixels), np.bool_)
    if guard is not None:
        hidden = withheld_pixels(pixels, guard, site.event_rule, site.grid)
    detected = events_of(
        read_before(store, tier),
        pixels.select(~hidden),
        sorted(by_tile),
        replace(site.event_frame, id_key=id_key(store.snapshots)),
        site.event_rule,
        context.plan.until_day,
        {tile: clear_days(state) for tile, state in states.items()},
    )
    measured = features(
        detected,
        _Hidden(store=store, states=by_tile, withheld=pixels.select(hidden)),
        Reference(river=reference_lines(references.rivers), road=reference_lines(references.roads)),
        site.cause_rule.measures,
        site.grid.resolution,
    )
    tracked = with_causes(detected.tracked, classify(measured, site.cause_rule))
    tracked = replace(tracked, events=_with_reasons(context, states, tracked.events))
    return tracked if guard is None else without_near(tracked, guard)


def _with_reasons(
    context: RunContext, states: Mapping[str, TileState], events: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """The events, those that were undone in this run with what undid them: see `undone_reason`."""
    undone = (events["change"] == "withdrawn") & (events["withdrawn_reason"] == "not-reproduced")
    if not undone.any():
        return events
    committed = context.store.ledger.tiles()
    reasons = events["withdrawn_reason"].copy()
    for index, shape in events.geometry[undone].items():
        found = set()
        for tile in (tile.id for tile in context.site.grid.tiles(shape)):
            if tile in states and tile in committed:
                before = TileState.read(context.store.state(tile, committed[tile].state))
                now = states[tile]
                found.add(undone_reason(before.delayed if now.is_delayed else before, now))
        reasons[index] = next((code for code in UNDONE_REASONS if code in found), "not-reproduced")
    return events.assign(withdrawn_reason=reasons)


UNDONE_REASONS = ("new-baseline", "reprocessed-scene", "late-scene")
"""Codes of what may undo an event of a tile, in the order in which they explain it."""


def undone_reason(before: TileState, now: TileState) -> str:
    """Code of what changed in days that a tile's state had reached before; `not-reproduced`: nothing did."""
    if before.baseline != now.baseline:
        return "new-baseline"
    then, today = (
        {record.key for record in state.scene_records if record.state == "read" and record.day <= last}
        for last in (before.until_day,)
        for state in (before, now)
    )
    if then - today:
        return "reprocessed-scene"
    return "late-scene" if today - then else "not-reproduced"


def without_near(tracked: Tracked, guard: Guard) -> Tracked:
    """Events and cells without those near guarded ground: what was published before it was guarded."""
    kept = tracked.events[~guard.near(tracked.events.geometry.to_numpy())]
    cells = tracked.cells[tracked.cells["event_id"].isin(kept["event_id"])]
    below = tracked.unpublished
    if below is not None:
        below = below[~guard.near(below.geometry.to_numpy())].reset_index(drop=True)
    return Tracked(events=kept.reset_index(drop=True), cells=cells.reset_index(drop=True), unpublished=below)


def read_before(store: Store, tier: Tier) -> Tracked | None:
    """Events and cells of the current run as a tier learned of them; None in an empty store, or where that
    run is of a version that kept none for the tier.
    """
    current = store.ledger.current()
    if current is None or not keeps_tracked(store.run(current.run_id), tier):
        return None
    return read_tracked(store.run(current.run_id), tier)


def clear_days(state: TileState) -> dict[str, list[int]]:
    """Days on which each sensor gave an observation of a tile that the detector weighed."""
    days: dict[str, set[int]] = {}
    for record in state.scene_records:
        if record.is_used and record.clear_share > 0:
            days.setdefault(record.sensor, set()).add(record.day)
    return {sensor: sorted(seen) for sensor, seen in sorted(days.items())}


def reference_lines(frame: gpd.GeoDataFrame) -> shapely.Geometry | None:
    """All lines or outlines of a reference layer as one geometry; None where there is none."""
    shapes = np.asarray(frame.geometry, object)
    return shapely.union_all(shapes) if len(shapes) else None
