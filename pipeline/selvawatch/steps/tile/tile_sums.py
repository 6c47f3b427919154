"""Observations added to the sums of a tile and its halo."""

from collections.abc import Iterator, Sequence

import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.core.observation import Observation
from selvawatch.detect import fusion
from selvawatch.detect.past_runs import raised_levels
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
    site = context.site
    return fusion.advance(
        site.model,
        baselines,
        state,
        _levelled(context, tile, tracks, some),
        rule=site.common_shift,
        corner=_corner(site, tile),
        workers=WORKERS,
    )


def with_raised(
    context: RunContext,
    tile: Tile,
    baselines: xr.Dataset,
    reason: xr.DataArray,
    history: Sequence[ObservationKey],
) -> xr.Dataset:
    """The baselines of a tile with what is asked more where sums ran high in the history they were fitted to.

    baselines, reason: (y, x) with halo.
    """
    site = context.site
    past = site.model.past_runs
    recent = [key for key in history if past and key.day > _last_day(site) - past.days]
    raised = raised_levels(
        site.model,
        baselines,
        fusion.start(site.model, reason, resolution=site.grid.resolution),
        _levelled(context, tile, track_levels(context, tile.id, baselines, ()), recent),
        rule=site.common_shift,
        corner=_corner(site, tile),
        workers=WORKERS,
    )
    return baselines.assign(raised.data_vars)


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


def _levelled(
    context: RunContext, tile: Tile, tracks: TrackLevels, keys: Sequence[ObservationKey]
) -> Iterator[Observation]:
    """Observations brought to the level of their tracks, read one after the other."""
    for read in observations_of(context.store.observations(tile.id), keys):
        if (observation := tracks.levelled(read)) is not None:
            yield observation


def _corner(site: Site, tile: Tile) -> Corner:
    side = tile.grid.tile_px
    return Corner(row=-(tile.row + 1) * side - site.halo_px, column=tile.column * side - site.halo_px)


def _last_day(site: Site) -> int:
    return site.days.history[1] if site.days.history is not None else 0
