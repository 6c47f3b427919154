"""A run asks more of a confirmation where the history of its block ran high, and keeps that."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from detect_made import fused
from selvawatch.detect import fusion
from selvawatch.detect.past_runs import raised_levels
from selvawatch.detect.shift_rule import Corner
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import observation_keys
from selvawatch.site import Site
from selvawatch.steps.tile.tile_sums import with_raised
from selvawatch.store.contents import BASELINES, REASON
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import current_state, load_arrays

EVERY_RUN = replace(fused().past_runs, rate=1e-12, least_runs=0)
"""Numbers by which a single run raises a level: the packaged ones raise none on the small archive."""
EASILY = replace(fused().optical, provisional=0.2, confirmed=0.3, confirmed_alone=0.3, withdrawn=0.0)


def test_what_a_run_asks_more_is_that_of_the_observations_of_its_history(small_run):
    store, tile = Store(small_run.store), small_run.tile
    state, site = current_state(store, tile.id), Site.load(small_run.site, "aoi/site.toml")
    folder = store.baseline(tile.id, state.baseline)
    baselines, reason = load_arrays(folder, BASELINES), load_arrays(folder, REASON)["reason"]
    for name in fusion.RAISED.values():
        assert baselines[name].dtype == np.uint8
    model = replace(fused(), past_runs=EVERY_RUN, optical=EASILY, minimum_days=1)
    keys = observation_keys(state.scene_records, *site.days.history)
    side, halo, kept = tile.grid.tile_px, site.halo_px, store.observations(tile.id)
    expected = raised_levels(
        model,
        baselines,
        fusion.start(model, reason, resolution=site.grid.resolution),
        [
            read_observation(observation_path(kept, key.stream, key.day), with_halo=True)
            for key in keys
            if key.day > site.days.history[1] - EVERY_RUN.days
        ],
        rule=site.common_shift,
        corner=Corner(row=-(tile.row + 1) * side - halo, column=tile.column * side - halo),
    )
    context = SimpleNamespace(site=replace(site, model=model), store=store)
    got = with_raised(context, tile, baselines, reason, keys)
    assert expected["raised_optical"].any()
    for name in fusion.RAISED.values():
        np.testing.assert_array_equal(got[name], expected[name])
