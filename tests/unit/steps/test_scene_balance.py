import collections
import datetime as dt
from dataclasses import replace

import shapely

import archive_world
from selvawatch.core.days import to_day
from selvawatch.core.scene import Scene
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.site import Site, default_site
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import sensor_of
from selvawatch.sources.source import Duplicate, Problem, Superseded
from selvawatch.steps.run.run_report import report_of
from selvawatch.steps.run.scene_rows import TERMS, scene_balance
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import TileState
from small_site import AREA, NO_SCENES, SMALL_TILE, Place, context


def test_every_scene_that_a_run_found_is_in_one_term(small_run: Place):
    report = report_of(small_run.opened.ledger.runs()[-1])
    balance = report.scene_balance
    for counts in balance.values():
        assert counts["found"] == sum(counts[term] for term in TERMS) + counts.get("track", 0) > 0
        reasons = [count for term, count in counts.items() if term.startswith("unread:")]
        assert counts["unread"] == sum(reasons)
    area = shapely.union_all([one.geometry for one in Site.load(small_run.site).select_areas(AREA)])
    found = open_source(f"folder:{small_run.archive}").search(area, 0, to_day(small_run.until))
    listed = collections.Counter(sensor_of(scene).stream for scene in found.scenes)
    assert {sensor: counts["found"] for sensor, counts in balance.items()} == dict(listed)
    assert sum(counts["read"] for counts in balance.values()) > 0


def _scene(name, day=1):
    return Scene(
        id=name, sensor="sentinel-2", collection="c", time=dt.datetime(2024, 6, day, 15, tzinfo=dt.UTC),
        footprint=SMALL_TILE.lonlat_outline, assets={}, digest=name, properties={"platform": "sentinel-2a"},
    )  # fmt: skip


def _record(scene, state, reason=""):
    return SceneRecord(
        scene_id=scene.id, sensor=scene.sensor, day=scene.day, stream="sentinel-2", state=state,
        reason=reason, digest=scene.digest,
    )  # fmt: skip


def test_every_term_counts_its_scenes_and_a_copy_in_a_mirror_is_another_scene(tmp_path):
    read, track, late, bad, off, cloud, old = map(
        _scene, ("read", "track", "late", "bad", "off", "cloud", "old")
    )
    inputs = replace(
        NO_SCENES,
        scenes=(read, track, late, bad, off),
        skipped=(cloud,),
        superseded=(Superseded(scene=old, by="read"),),
        duplicates=(Duplicate(scene=read, of=read.item_key, sensor="sentinel-2"),) * 2,
        problems=(
            Problem(scene_id="raw", reason="raw", text="it is raw", source="a", sensor="sentinel-1"),
            Problem(scene_id="raw", reason="raw", text="it is raw", source="b", sensor="sentinel-1"),
            Problem(scene_id="x", reason="sensor", text="no known sensor"),
        ),
    )
    records = (
        _record(read, "read"), _record(track, "read", "track"), _record(late, "unread", "late"),
        _record(bad, "unread", "unreachable"),
    )  # fmt: skip
    state = TileState(
        tile="t",
        state="s",
        until_day=0,
        baseline="b",
        baseline_rule="",
        observations=(),
        scene_records=records,
    )
    made = context(Site.load(default_site()), Store(tmp_path), 0, inputs)
    balance = scene_balance(made, {"t": state})
    archive_world.assert_balanced(balance)
    told = {
        sensor: {term: count for term, count in counts.items() if count} for sensor, counts in balance.items()
    }
    assert told["sentinel-2"] == {
        "found": 9, "read": 1, "track": 1, "late": 1, "unread": 1, "unread:unreachable": 1, "off_tiles": 1,
        "cloud": 1, "superseded": 1, "duplicates": 2,
    }  # fmt: skip
    assert told["sentinel-1"] == {"found": 2, "unread": 2, "unread:raw": 2}
    assert told[""] == {"found": 1, "unread": 1, "unread:sensor": 1}
