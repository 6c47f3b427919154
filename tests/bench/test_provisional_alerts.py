"""What provisional alerts of simulated areas come to: a table for models/fused.md."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.settings import load
from selvawatch.detect import fusion
from selvawatch.detect.baseline import name_of
from selvawatch.detect.model import Model, Promise
from selvawatch.detect.shift_rule import Corner
from selvawatch.events.composite import loss_composite
from selvawatch.events.detected import events_of
from selvawatch.events.patches import alert_pixels
from selvawatch.prepare.observation_files import observation_path, open_stack, read_observation
from selvawatch.prepare.observation_keys import ObservationKey, observation_keys
from selvawatch.simulate import SimulationPlan, simulate
from selvawatch.site import Site
from selvawatch.store.contents import BASELINES, REASON
from selvawatch.store.tile_state import inner_pixels, load_arrays
from small_site import Place, lay_site

pytestmark = pytest.mark.bench

SEEDS = int(os.environ.get("SELVAWATCH_PROVISIONAL_SEEDS", "2"))
"""Areas of 6.6 km2 and one year for each plan."""
FIRST_SEED = int(os.environ.get("SELVAWATCH_PROVISIONAL_FIRST", "510"))
PROMISES = os.environ.get("SELVAWATCH_PROMISES", "0,0")
"""Rules beside the model's, as `least_fall,radar` with spaces between; `0,0`: every pixel is told of."""
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=256).tile("x0144y3352")
EVERY_DAYS = 10
AHEAD_DAYS = 12
"""An event that is confirmed so long after its first evidence could have been told of before."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What became of one id."""

    told_on: int
    """Day of the table in which it stands first."""
    first: str
    """Its status there."""
    true: bool
    """Whether at least half of its pixels were lost by then."""
    confirmed_on: int = 0
    """Day of the table in which it is first confirmed, 0: never."""
    confirmed_true: bool = False
    onset: int = 0
    """Its first evidence, as that table says."""


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
        with rasterio.open(simulated.truth / "onset.tif") as opened:
            self.lost_on = opened.read(1).astype(np.int64)

    def events(self, promise: Promise) -> dict[str, Event]:
        """Every event by id, with a table every `EVERY_DAYS`."""
        site, found = self.site, dict[str, Event]()
        model = replace(site.model, promise=promise)
        for day, layers in self._layers(model):
            event_frame = site.event_frame
            detected = events_of(
                None, alert_pixels({TILE: layers}), [TILE], event_frame, site.event_rule, day, {}
            )
            labels = detected.labels.raster(TILE)
            for number, row in enumerate(detected.events.itertuples()):
                lost = self.lost_on[labels == number]
                if row.status == "withdrawn" or not lost.size:
                    continue
                true = bool(((lost > 0) & (lost <= day)).mean() >= 0.5)
                event = found.setdefault(row.event_id, Event(told_on=day, first=row.status, true=true))
                if row.status != "provisional" and not event.confirmed_on:
                    onset = (row.onset - np.datetime64(0, "D")).days
                    found[row.event_id] = replace(event, confirmed_on=day, confirmed_true=true, onset=onset)
        return found

    def _layers(self, model: Model) -> Iterator[tuple[int, xr.Dataset]]:
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

    def _read(self, keys: Sequence[ObservationKey]) -> Iterator[Observation]:
        folder = self.store.observations(TILE.id)
        for key in keys:
            yield read_observation(observation_path(folder, key.stream, key.day), with_halo=True)


def row_of(name: str, events: Sequence[Event]) -> str:
    """The figures of some events as a row."""
    provisional = [one for one in events if one.first == "provisional"]
    confirmed = [one for one in events if one.confirmed_on]
    late = [one for one in confirmed if one.confirmed_true and one.confirmed_on - one.onset >= AHEAD_DAYS]
    ahead = [one for one in late if one.told_on < one.confirmed_on]
    true = [one for one in events if one.true or one.confirmed_true]
    told = np.median([one.told_on - one.onset for one in true if one.onset]) if true else np.nan
    return (
        f"| {name} | {len(provisional)} | {_share([one.true for one in provisional])} | {len(confirmed)}"
        f" | {_share([one.confirmed_true for one in confirmed])} | {len(ahead)} of {len(late)} | {told:.0f} |"
    )


def _share(which: Sequence[bool]) -> str:
    return f"{np.mean(which):.0%}" if which else "-"


@pytest.mark.parametrize("mixed", [False, True], ids=["demo", "mixed"])
def test_provisional_alerts_are_true_more_often_than_not(mixed, tmp_path):
    others = [
        Promise(least_fall=float(fall), radar=float(radar)) for fall, radar in map(_pair, PROMISES.split())
    ]
    found: dict[Promise, list[Event]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        area = Area(tmp_path / str(seed), plan_of(seed, mixed=mixed))
        ours = area.site.model.promise
        for promise in (*others, ours):
            found.setdefault(promise, []).extend(area.events(promise).values())
    print(
        f"\n{SEEDS} areas of 6.6 km2 and a year from seed {FIRST_SEED}, plan {'mixed' if mixed else 'demo'}"
    )
    print("| least fall, radar | provisional | true | confirmed | true | told before | days to be told |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for promise, events in found.items():
        print(row_of(f"{promise.least_fall:g}, {promise.radar:g}", events))
    provisional = [one.true for one in found[ours] if one.first == "provisional"]
    assert provisional and np.mean(provisional) >= 0.5


def _pair(text: str) -> list[str]:
    return text.split(",")
