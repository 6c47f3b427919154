"""What a run found as each tier may learn of it: as of its day, without what is withheld, made anew for each.

Counts, ranks, versions, reasons and outlines of a tier follow from what it may learn of, and from nothing
else: so that whoever reads all its files of all runs cannot tell what else there is.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selvawatch.core.tier import Tier
from selvawatch.errors import DamagedError
from selvawatch.events.patches import Pixels
from selvawatch.events.suspects import area_of_patches, patches_under_observation, suspect_pixels
from selvawatch.events.track import Tracked
from selvawatch.events.withheld import Guard
from selvawatch.site import Site
from selvawatch.steps.run.attribute_events import (
    Attributed,
    Zones,
    attribute_run,
    with_product_scars,
    zones_of_tier,
    zones_until,
)
from selvawatch.steps.run.track import detected_pixels, track_events
from selvawatch.store.folders import Store
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState, open_suspects
from selvawatch.write.bulletin.bulletin_model import AreaUnderObservation

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Events, cells, alerts and pieces of a run, as one tier may learn of them."""

    tier: Tier
    pixels: Pixels
    """Detected pixels as of the tier's day, the withheld ones among them."""
    tracked: Tracked
    attributed: Attributed
    under_observation: tuple[AreaUnderObservation, ...] | None
    """Places that the tier could be shown and that are no alerts yet, by area; None: not known."""


def findings_of(context: RunContext, states: Mapping[str, TileState], zones: Zones, tier: Tier) -> Findings:
    """What a tier may learn of a run, tracked, attributed and ranked by itself.

    states: of every tile of the store. zones: all, as they are known today.
    """
    site, store = context.site, context.store
    day = day_of_tier(site, tier, context.plan.until_day)
    known = zones_learned(site, store, zones, tier, context.plan.until_day)
    scars_until = day if day < context.plan.until_day else None
    known = with_product_scars(known, store, site.grid.crs, scars_until)
    then, seen = context.until(day), as_of(context, states, tier)
    pixels = detected_pixels(store, site.grid, seen)
    guard = None if tier is Tier.RESTRICTED else zones.guard(site.config.tiers)
    tracked = track_events(then, seen, pixels, known.references, tier=tier, guard=guard)
    attributed = attribute_run(then, seen, known, tracked, tier)
    return Findings(
        tier=tier,
        pixels=pixels,
        tracked=tracked,
        attributed=attributed,
        under_observation=under_observation(then, seen, pixels, tracked, guard),
    )


def under_observation(
    context: RunContext,
    states: Mapping[str, TileState],
    pixels: Pixels,
    tracked: Tracked,
    guard: Guard | None,
) -> tuple[AreaUnderObservation, ...] | None:
    """Places under observation as a tier may learn of them, by area of the site, and those in none last.

    None where that cannot be known: the tier learns of nothing at all, or sums of a tile are damaged.

    context: until the tier's day. states: of every tile, as of that day. pixels: detected in them. tracked:
    the tier's events. guard: what the tier does not learn of; None: it learns of everything.
    """
    site, store = context.site, context.store
    if guard is not None and guard.is_closed:
        return None
    try:
        since = {
            site.grid.tile(tile): open_suspects(
                store, tile, state.state, halo=site.halo_px, delayed=state.is_delayed
            )
            for tile, state in states.items()
        }
    except DamagedError as error:
        log.warning("places under observation are not counted: %s", error)
        return None
    below = [] if tracked.unpublished is None else list(tracked.unpublished.geometry)
    found = patches_under_observation(
        *(pixels, suspect_pixels(since), below, guard),
        *(site.event_rule, site.grid, context.plan.until_day),
    )
    of_patch = area_of_patches(found, [area.projected(site.grid.crs) for area in site.areas], site.grid)
    size = np.bincount(found.patch, minlength=found.count)
    named = [*((number, area.name, area.title) for number, area in enumerate(site.areas)), (-1, "", "")]
    return tuple(
        AreaUnderObservation(
            area=name,
            title=title,
            patches=int((of_patch == number).sum()),
            ha=float(size[of_patch == number].sum()) * site.grid.pixel_ha,
        )
        for number, name, title in named
    )


def tracked_by_tier(
    context: RunContext, states: Mapping[str, TileState], zones: Zones, findings: Sequence[Findings]
) -> Mapping[Tier, Tracked]:
    """Events and cells of every tier: as found, and of the others as they may learn of them today."""
    tracked = {found.tier: found.tracked for found in findings}
    every = next(found for found in findings if found.tier is Tier.RESTRICTED)
    guard = zones.guard(context.site.config.tiers)
    for tier in Tier:
        if tier not in tracked:
            known = zones_of_tier(zones, tier).references
            tracked[tier] = track_events(context, states, every.pixels, known, tier=tier, guard=guard)
    return tracked


def day_of_tier(site: Site, tier: Tier, until_day: int) -> int:
    """The last day that a tier may learn of in a run to a day."""
    return until_day - (site.config.tiers.delay_days if tier is Tier.PUBLIC else 0)


def zones_learned(site: Site, store: Store, zones: Zones, tier: Tier, until_day: int) -> Zones:
    """What a tier may know of some zones in a run to a day; one that learns late, of older snapshots."""
    day = day_of_tier(site, tier, until_day)
    return zones_of_tier(zones if day == until_day else zones_until(site, store, zones, day), tier)


def as_of(context: RunContext, states: Mapping[str, TileState], tier: Tier) -> Mapping[str, TileState]:
    """The states that a tier may learn of: for a delayed one the second state of each tile that has one."""
    until_day = context.plan.until_day
    if day_of_tier(context.site, tier, until_day) == until_day:
        return states
    return {tile: state.delayed for tile, state in states.items() if state.delayed_until}
