"""OPERA RTC-S1 as Earth Engine keeps it: linear power, bursts, and a mask of shadow and layover."""

import datetime as dt

import numpy as np
import shapely

import earthengine_server
import opera_bursts
from engine_account import engine_account
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.prepare.observation_files import read_observation
from selvawatch.sources.open import open_source

DAY = "2024-06-12"
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")


def _records(root, items):
    """What Earth Engine keeps of bursts of a folder."""
    records = []
    for item in items:
        time = dt.datetime.fromisoformat(item["properties"]["datetime"])
        bands = {key.removeprefix("0_"): root / one["href"][1:] for key, one in item["assets"].items()}
        said = {
            "ORBIT_PASS_DIRECTION": "Descending",
            "TRACK_NUMBER": 127,
            "system:index": item["id"],
            "system:time_start": int(time.timestamp() * 1000),
            "system:footprint": {"type": "LinearRing", "coordinates": item["geometry"]["coordinates"][0]},
        }
        records.append({"id": f"OPERA/RTC/L2_V1/S1/{item['id']}", "bands": bands, "properties": said})
    return {"OPERA/RTC/L2_V1/S1": records}


def test_bursts_of_earth_engine_are_one_observation_without_shadow(tmp_path, monkeypatch):
    west, _, _, north = TILE.bounds
    power = np.random.default_rng(5).integers(200, 4000, (48, 48)) / 10_000
    records = _records(tmp_path, opera_bursts.bursts(tmp_path, DAY, power, west, north))
    (tmp_path / "account").mkdir()
    with (
        earthengine_server.serve(records) as engine,
        engine_account(monkeypatch, tmp_path / "account") as enter,
    ):
        enter(engine)
        source = open_source("earthengine-opera")
        found = source.search(shapely.box(-75, -20, -60, 0), to_day(DAY), to_day(DAY))
        assert len(found.scenes) == 2 and found.problems == ()
        scene = found.scenes[0]
        got = source.read(scene, TILE, ("vv",))["vv"].values
        np.testing.assert_allclose(got[:26], power[:26], atol=1e-6)
        assert np.isnan(got[26:]).all()
        kept = tmp_path / "kept"
        records = ingest_scenes(found.scenes, TILE, RECIPE, kept, read=source.read)
    assert [record.state for record in records] == ["read", "read"]
    (path,) = kept.rglob("*.tif")
    observation = read_observation(path)
    assert observation.stream == "sentinel-1-descending-t127"
    clear = observation.values["vv"] != np.iinfo(np.int16).min
    assert not clear[:20, : opera_bursts.SHADOW_PX - 2].any() and clear[:, opera_bursts.SHADOW_PX + 1 :].all()
