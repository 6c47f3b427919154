"""A run asks more of a confirmation where the small archive's history ran high, and keeps that."""

import numpy as np

from detect_made import fused
from selvawatch.core.status import Status
from selvawatch.detect import fusion
from selvawatch.detect.past_runs import raised_levels
from selvawatch.detect.shift_rule import Corner
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import observation_keys
from selvawatch.site import Site
from selvawatch.store.contents import BASELINES, REASON
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import current_state, load_arrays, open_layers


def test_the_baselines_of_a_run_hold_what_is_asked_more_by_block(small_run):
    store, tile = Store(small_run.store), small_run.tile
    state, site = current_state(store, tile.id), Site.load(small_run.site, "aoi/site.toml")
    folder = store.baseline(tile.id, state.baseline)
    baselines, model = load_arrays(folder, BASELINES), fused()
    keys = observation_keys(state.scene_records, *site.days.history)
    side, halo = tile.grid.tile_px, site.halo_px
    last, kept = site.days.history[1], store.observations(tile.id)
    recent = [
        read_observation(observation_path(kept, key.stream, key.day), with_halo=True)
        for key in keys
        if key.day > last - model.past_runs.days
    ]
    expected = raised_levels(
        model,
        baselines.drop_vars(list(fusion.RAISED.values())),
        fusion.start(model, load_arrays(folder, REASON)["reason"], resolution=site.grid.resolution),
        recent,
        rule=site.common_shift,
        corner=Corner(row=-(tile.row + 1) * side - halo, column=tile.column * side - halo),
    )
    for name in fusion.RAISED.values():
        assert baselines[name].dtype == np.uint8
        np.testing.assert_array_equal(baselines[name], expected[name])
    layers = open_layers(store, tile.id, state.state)
    assert (layers["status"].to_numpy() == Status.CONFIRMED).any()
