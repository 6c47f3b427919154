"""A simulated area that is monitored again, table by table, with its truth."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr

from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.settings import load
from selvawatch.detect import fusion
from selvawatch.detect.baseline import name_of
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import Corner
from selvawatch.events.composite import loss_composite
from selvawatch.prepare.observation_files import observation_path, open_stack, read_observation
from selvawatch.prepare.observation_keys import ObservationKey, observation_keys
from selvawatch.simulate import SimulationPlan, simulate
from selvawatch.site import Site
from selvawatch.steps.run.track import clear_days
from selvawatch.store.contents import BASELINES, REASON
from selvawatch.store.tile_state import inner_pixels, load_arrays
from small_site import Place, lay_site

TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=256).tile("x0144y3352")
EVERY_DAYS = 10


def plan_of(seed: int, *, mixed: bool) -> SimulationPlan:
    """The demo's plan on a small tile; mixed: with more of what is no mining."""
    models = Path(__file__).resolve().parents[2] / "models"
    plan = load(SimulationPlan, models / "simulation-demo.toml")
    changes = replace(
        plan.changes,
        mining_fronts=3,
        mining_ha=(0.7, 6.0),
        small_mining_fronts=1,
        old_mining_fronts=1,
        farm_clearings=2 if mixed else 1,
        old_farm_clearings=0,
        clearing_ha=(0.4, 6.0) if mixed else plan.changes.clearing_ha,
        road_spurs=1,
        road_widening_m=400.0,
        blowdowns=1,
        blowdown_ha=3.0 if mixed else plan.changes.blowdown_ha,
    )
    terrain = replace(plan.terrain, streams=2, farms=4, old_mines=1, old_mine_ha=12.0, river_width_m=80.0)
    return replace(plan, seed=seed, changes=changes, terrain=terrain)


class Area:
    """A simulated area that is monitored again with other numbers of the detector."""

    def __init__(self, folder: Path, plan: SimulationPlan) -> None:
        simulated = simulate(plan, folder / "simulated", TILE)
        place = Place(
            site=lay_site(folder / "site", simulated, plan, TILE),
            archive=simulated.catalog.parent,
            store=folder / "store",
            until=plan.last_day.isoformat(),
            tile=TILE,
        )
        place.run()
        self.site, self.store, self.state = Site.load(place.site, "aoi/site.toml"), place.opened, place.state
        self.archive = place.archive
        with rasterio.open(simulated.truth / "onset.tif") as opened:
            self.lost_on = opened.read(1).astype(np.int64)

    def layers(self, model: Model) -> Iterator[tuple[int, xr.Dataset]]:
        """Layers with the fall at the loss, every `EVERY_DAYS` of the monitoring."""
        site, halo = self.site, self.site.halo_px
        folder = self.store.baseline(TILE.id, self.state.baseline)
        baselines = load_arrays(folder, BASELINES).assign_attrs(model=model.digest)
        first, last = site.days.first_day, self.state.until_day
        keys = observation_keys(self.state.scene_records, first, last)
        history = observation_keys(self.state.scene_records, *(site.days.history or (0, -1)))
        side = TILE.grid.tile_px
        settings = {
            "rule": site.common_shift,
            "corner": Corner(row=-(TILE.row + 1) * side - halo, column=TILE.column * side - halo),
        }
        reason = load_arrays(folder, REASON)["reason"]
        state = fusion.start(model, reason, resolution=site.grid.resolution, monitored_from=first)
        lead = [key for key in history if key.day > history[-1].day - model.lead_days]
        state = fusion.uncounted(fusion.advance(model, baselines, state, self._read(lead), **settings))
        ndvi = open_stack(self.store.observations(TILE.id), "sentinel-2", "ndvi", first, last).load()
        level = inner_pixels(baselines, halo)[name_of("sentinel-2", "ndvi", "terms")][0].to_numpy() * 1e-4
        for day in range(first - 1 + EVERY_DAYS, last + 1, EVERY_DAYS):
            new = [key for key in keys if day - EVERY_DAYS < key.day <= day]
            state = fusion.advance(model, baselines, state, self._read(new), **settings)
            layers = inner_pixels(fusion.layers(state), halo)
            stack = ndvi.sel(time=slice(None, np.datetime64(day, "D")))
            if stack.sizes["time"]:
                onset = xr.DataArray(layers["onset"].to_numpy().astype(np.int64), dims=("y", "x"))
                then = loss_composite(
                    stack.drop_vars(("y", "x"), errors="ignore"), onset, site.event_rule.loss_looks
                )
                layers = layers.assign(fall=(("y", "x"), (level - then.to_numpy()).astype(np.float32)))
            yield day, layers

    def observed(self, until: int) -> dict[str, list[int]]:
        """Days on which each sensor gave a usable observation of the tile until a day, by sensor."""
        found = clear_days(self.state).items()
        return {sensor: [day for day in days if day <= until] for sensor, days in found}

    def _read(self, keys: Sequence[ObservationKey]) -> Iterator[Observation]:
        folder = self.store.observations(TILE.id)
        for key in keys:
            yield read_observation(observation_path(folder, key.stream, key.day), with_halo=True)
