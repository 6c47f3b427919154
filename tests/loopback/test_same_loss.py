import logging

import numpy as np
import pytest
import shapely
from pandas.testing import assert_frame_equal

import earthengine_archive
import earthengine_server
import fault_server
import stac_api
from engine_account import engine_account
from selvawatch.core.days import to_day
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.status import Status
from selvawatch.prepare.observation_files import read_observation
from selvawatch.sources.open import open_source
from selvawatch.steps.run.monitor import monitor
from selvawatch.store.folders import Store
from selvawatch.store.run_files import read_tracked
from selvawatch.store.tile_state import current_state, open_layers
from small_site import AREA, lay_site

pytestmark = pytest.mark.slow

EVERYWHERE = shapely.box(-75, -20, -60, 0)
UNTIL = "2024-06-15"
OPTICAL = ("sentinel-2", "landsat")
LOST = (Status.PROVISIONAL, Status.CONFIRMED)


SECRETS = ("a-token-that-must-not-be-told", "PRIVATE KEY")


class _Watch(logging.Handler):
    """Keeps what is logged with a secret in it, at every level."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.seen, self.told = 0, []

    def emit(self, record):
        self.seen += 1
        text = record.getMessage()
        if any(secret in text for secret in SECRETS):
            self.told.append(text)


@pytest.fixture(scope="module")
def watch():
    """Watches what is logged until the module's tests have run."""
    handler, root = _Watch(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture(scope="module")
def runs(watch, small_archive, small_plan, small_tile, tmp_path_factory):  # noqa: ARG001
    """Store and report of the monitoring of the small archive, by the source that it was read from."""
    folder, root = tmp_path_factory.mktemp("same"), small_archive.catalog.parent
    site = lay_site(folder / "site", small_archive, small_plan, small_tile)
    days = (to_day(small_plan.first_day), to_day(UNTIL))
    scenes = open_source(f"folder:{root}").search(EVERYWHERE, *days).scenes
    (folder / "engine").mkdir()
    records = earthengine_archive.records_of(scenes, folder / "engine")

    def run(name, source):
        store = folder / f"store-{name}"
        return Store(store), monitor(str(site), "aoi/site.toml", str(store), AREA, UNTIL, source)

    with (
        fault_server.serve(root) as files,
        stac_api.serve(root, files.address, folder / "api") as api,
        earthengine_server.serve(records) as engine,
        pytest.MonkeyPatch.context() as patch,
        engine_account(patch, folder) as enter,
    ):
        enter(engine)
        given = {"stac": run("stac", f"stac:{api}"), "earthengine": run("earthengine", "earthengine")}
        assert engine.requests["image:computePixels"] >= len(scenes) and sum(files.sent.values()) > 0
    return given


def test_no_key_and_no_token_is_in_the_store_or_in_what_was_logged(runs, watch):
    written = [path for path in runs["earthengine"][0].folder.rglob("*") if path.is_file()]
    assert len(written) > 100 and watch.seen > 1000 and watch.told == []
    for path in written:
        content = path.read_bytes()
        told = [one for one in (*SECRETS, "tester@a-project", "key.json") if one.encode() in content]
        assert not told, path.name


def test_every_scene_was_read_from_both(runs):
    counts = {name: (report.scenes_read, report.scenes_unread) for name, (_, report) in runs.items()}
    assert counts["stac"] == counts["earthengine"]
    assert counts["stac"][0] > 30 and counts["stac"][1] == 0


def test_optical_observations_are_the_same_bit_for_bit_and_radar_within_its_last_step(runs, small_tile):
    folders = [runs[name][0].observations(small_tile.id) for name in ("stac", "earthengine")]
    names = [sorted(path.relative_to(folder) for path in folder.rglob("*.tif")) for folder in folders]
    assert names[0] == names[1] and {path.parts[0] for path in names[0]} > set(OPTICAL)
    for name in names[0]:
        here, there = (read_observation(folder / name) for folder in folders)
        for index, values in here.values.items():
            if name.parts[0] in OPTICAL:
                np.testing.assert_array_equal(there.values[index], values)
            else:
                assert np.abs(there.values[index].astype(int) - values).max() <= 1


def test_every_layer_of_every_pixel_is_the_same(runs, small_tile):
    here, there = (_layers(runs[name][0], small_tile) for name in ("stac", "earthengine"))
    assert np.count_nonzero(here["status"].isin(LOST)) > 100
    for name in LAYERS:
        np.testing.assert_array_equal(there[name].to_numpy(), here[name].to_numpy(), err_msg=name)


def _layers(store, tile):
    return open_layers(store, tile.id, current_state(store, tile.id).state)


def test_the_events_and_their_hectares_are_the_same(runs):
    said, other = runs["stac"][1], runs["earthengine"][1]
    assert said.events > 0 and said.loss_ha > 0
    for field in ("events", "events_confirmed", "loss_ha", "mining_ha", "loss_by_type", "observed_share"):
        assert getattr(other, field) == getattr(said, field)
    tables, others = (
        read_tracked(store.run(run.run_id)) for store, run in (runs["stac"], runs["earthengine"])
    )
    sensors = others.events["sensors"].str.replace("sentinel-1-grd", "sentinel-1")
    assert (sensors != others.events["sensors"]).any(), "radar is told by its product"
    assert_frame_equal(others.events.assign(sensors=sensors), tables.events)
    assert_frame_equal(others.cells, tables.cells)
