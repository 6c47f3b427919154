"""Observations added to the sums of a tile and its halo."""

from collections.abc import Sequence

import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.detect import fusion
from selvawatch.detect.shift_rule import Corner
from selvawatch.detect.track_levels import TrackLevels
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.site import Site
from selvawatch.steps.tile.observations import WORKERS, observations_of
from selvawatch.steps.tile.track_records import track_levels
from selvawatch.store.run_plan import RunContext


def added(
    context: RunContext,
    tile: Tile,
    baselines: xr.Dataset,
    tracks: TrackLevels,
    state: xr.Dataset,
    some: Sequence[ObservationKey],
) -> xr.Dataset:
    """The sums after some more observations of a tile, brought to the level of their tracks.

    baselines, state: (y, x) with halo.
    """
    site, halo = context.site, context.site.halo_px
    side = tile.grid.tile_px
    corner = Corner(row=-(tile.row + 1) * side - halo, column=tile.column * side - halo)
    observations = (
        observation
        for read in observations_of(context.store.observations(tile.id), some)
        if (observation := tracks.levelled(read)) is not None
    )
    rule = site.common_shift
    return fusion.advance(
        site.model, baselines, state, observations, rule=rule, corner=corner, workers=WORKERS
    )


def beginning(
    context: RunContext,
    tile: Tile,
    baselines: xr.Dataset,
    reason: xr.DataArray,
    history: Sequence[ObservationKey],
) -> xr.Dataset:
    """The sums with which the monitoring of a tile begins: after the last `lead_days` of the history that its
    baseline was fitted to.
    """
    site = context.site
    state = fusion.start(
        site.model, reason, resolution=site.grid.resolution, monitored_from=site.days.first_day
    )
    lead = [key for key in history if key.day > _last_day(site) - site.model.lead_days]
    if not lead:
        return state
    tracks = track_levels(context, tile.id, baselines, ())
    return fusion.uncounted(added(context, tile, baselines, tracks, state, lead))


def _last_day(site: Site) -> int:
    return site.days.history[1] if site.days.history is not None else 0
