"""River water near events, from the observations and layers that tiles of a store hold."""

import datetime as dt
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import small_site
from selvawatch.attribute.river_water import river_distance
from selvawatch.core.days import to_day
from selvawatch.core.observation import Observation
from selvawatch.core.status import Status
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import write_observation
from selvawatch.register.manifest import no_references
from selvawatch.site import Site, default_site
from selvawatch.steps.run.river_water import river_water_of
from selvawatch.steps.tile.water_counts import keep_water, yearly_counts
from selvawatch.store.folders import Store
from selvawatch.store.seal import seal_folder
from selvawatch.store.tile_state import TileState

SIDE = 128
LOST, WET, SCAR = (30, 20), (30, 60), (30, 100)
"""Row and column of three ponds of a hectare: on ground that was lost, on other ground, in an old scar."""
CHANNEL = slice(10, 22)


@pytest.fixture(scope="module")
def site():
    found = Site.load(default_site())
    return replace(found, config=replace(found.config, grid=replace(found.grid, tile_px=SIDE)))


def days(site):
    year = site.days.monitoring_from.year
    return [to_day(dt.date(year, month, 15)) for month in range(6, 12)]


def put(site, store, name, water, lost):
    """A tile with observations that show water, and the state that says what was lost."""
    tile, taken = site.grid.tile(name), []
    mndwi = np.where(water, 5000, -5000).astype(np.int16)
    for day in days(site):
        observation = Observation(
            day=day, stream="sentinel-2", values={"mndwi": mndwi}, scales={"mndwi": 1e-4}, scene_ids=("s",),
            clear_share=1.0,
        )  # fmt: skip
        write_observation(observation, tile, store.observations(name))
        taken.append(
            SceneRecord(scene_id=f"s{day}", sensor="sentinel-2", day=day, stream="sentinel-2", state="read")
        )
    until = days(site)[-1]
    keep_water(small_site.context(site, store, until), tile, taken)
    status = np.where(lost, Status.CONFIRMED, Status.NONE).astype(np.uint8)
    layers = xr.Dataset({"status": (("y", "x"), status)})
    layers.to_zarr(store.state(name, "now") / "layers.zarr", zarr_format=3, consolidated=False)
    seal_folder(store.state(name, "now"))
    return TileState(
        tile=name,
        state="now",
        until_day=until,
        baseline="",
        baseline_rule="",
        observations=(),
        scene_records=tuple(taken),
    )


def pond(row_column):
    row, column = row_column
    found = np.zeros((SIDE, SIDE), bool)
    found[row : row + 10, column : column + 10] = True
    return found


def ground(tile, mask):
    """Outline of pixels of a tile."""
    rows, columns = np.nonzero(mask)
    corners = [
        tile.transform @ (columns.min(), rows.min()),
        tile.transform @ (columns.max() + 1, rows.max() + 1),
    ]
    (west, north), (east, south) = corners
    return shapely.box(west, south, east, north)


def frame(shapes, site, **columns):
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=site.grid.crs)


def event(site, shape):
    return frame([shape], site, onset=pd.to_datetime([dt.date(site.days.monitoring_from.year, 9, 1)]))


def test_a_pond_on_lost_ground_or_in_an_old_scar_is_no_river_and_the_channel_is(site, tmp_path):
    store, name = Store(tmp_path), "x0280y6700"
    tile = site.grid.tile(name)
    channel = np.zeros((SIDE, SIDE), bool)
    channel[CHANNEL] = True
    states = {name: put(site, store, name, channel | pond(LOST) | pond(WET) | pond(SCAR), pond(LOST))}
    river = frame([ground(tile, channel)], site)
    events = event(site, ground(tile, pond(LOST)))
    none = frame([], site, seen_on=pd.to_datetime([]))
    scars = frame([ground(tile, pond(SCAR))], site, seen_on=[pd.NaT])
    context = small_site.context(site, store, days(site)[-1])

    def found(scars):
        references = replace(no_references(site.grid.crs), rivers=river, scars=scars)
        return river_water_of(context, states, events, references)

    def has(water, mask):
        return bool(water.intersects(ground(tile, mask).buffer(-20)).any())

    plain, told = found(none), found(scars)
    assert [has(plain, one) for one in (channel, pond(LOST), pond(WET), pond(SCAR))] == [
        True, False, True, True,
    ]  # fmt: skip
    assert [has(told, one) for one in (channel, pond(LOST), pond(WET), pond(SCAR))] == [
        True, False, True, False,
    ]  # fmt: skip
    year = events["onset"].dt.year.to_numpy(float)
    metres = river_distance(events.geometry.to_numpy(), year, told)
    assert metres == pytest.approx(10.0 * (LOST[0] - CHANNEL.stop))


def test_the_river_of_an_event_in_the_next_tile_is_found_whatever_other_events_there_are(site, tmp_path):
    store = Store(tmp_path)
    here, there = "x0280y6700", "x0281y6700"
    dry, east = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    east[:, 50:60] = True
    states = {here: put(site, store, here, dry, pond((60, 2))), there: put(site, store, there, east, dry)}
    next_tile = site.grid.tile(there)
    river = frame([ground(next_tile, east)], site)
    mine = event(site, ground(site.grid.tile(here), pond((60, 2))))
    other = event(site, ground(next_tile, pond((60, 30))))
    both = gpd.GeoDataFrame(pd.concat([mine, other], ignore_index=True), crs=site.grid.crs)
    context = small_site.context(site, store, days(site)[-1])
    references = replace(no_references(site.grid.crs), rivers=river)
    metres = []
    for events in (mine, both):
        water = river_water_of(context, states, events, references)
        year = mine["onset"].dt.year.to_numpy(float)
        metres.append(float(river_distance(mine.geometry.to_numpy(), year, water)[0]))
    assert metres[0] == metres[1] == pytest.approx(10.0 * (SIDE - 12 + 50))


@pytest.mark.slow
def test_observations_that_are_read_in_another_way_are_counted_anew(small_run):
    site = Site.load(small_run.site, "aoi/site.toml")
    says, day = small_run.state, to_day(small_run.until)
    years = {2023, 2024}
    context = small_site.context(site, small_run.opened, day)
    assert yearly_counts(context, small_run.tile.id, says.scene_records, years).keys() == years
    rule = replace(site.recipe.index_rule, optical=("mndwi",))
    other = replace(site, recipe=replace(site.recipe, index_rule=rule))
    context = small_site.context(other, small_run.opened, day)
    assert not yearly_counts(context, small_run.tile.id, says.scene_records, years)
