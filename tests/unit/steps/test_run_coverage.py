"""What a run says of what it saw lately: how new every sensor's scenes are, and since when."""

import datetime as dt
from dataclasses import asdict, replace

import numpy as np
import pytest
import shapely

import small_site
from conftest import ROOT
from selvawatch.core.days import iso, to_date, to_day
from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.scene import Scene
from selvawatch.core.stack import NODATA
from selvawatch.core.status import Reason
from selvawatch.errors import SiteError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import observation_path, write_observation
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.site import Site
from selvawatch.sources.sensors.sensor_table import SENSORS
from selvawatch.sources.source import SearchResult, Superseded
from selvawatch.steps.run import coverage
from selvawatch.steps.run.coverage import listed_sensors, span_from_of
from selvawatch.steps.run.plan import _stopped
from selvawatch.steps.run.run_report import RunReport, blind_lines_of, report_of, seen_line
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow
from selvawatch.store.tile_state import TileState

UNTIL = to_day("2026-06-30")
REPORT = RunReport(
    run_id="0123", store="s", bulletin="b", bulletin_restricted="r", map="m", alerts="a", tables="t",
    until=iso(UNTIL), observed_share=1.0, span_from="2026-05-31", observed_share_span=0.004,
    observed_share_span_optical=0.0, newest_scenes={"landsat": "2024-07-28", "sentinel-1": ""},
    stale={"landsat": "2024-07-28", "sentinel-1": ""}, unsearched=("sentinel-2",), sources_stopped=(),
    events_new=0, events_confirmed=0, events_closed=19, events=19, loss_ha=102.0, mining_ha=47.5,
    under_observation={"a": 2, "": 1},
    scenes_read=0, scenes_unread=0, scenes_unreachable=0, scenes_superseded=0, scene_balance={}, tiles=1,
    failed={}, loss_by_type=(), reviews=0, reviews_new=(),
)  # fmt: skip


@pytest.fixture
def site():
    """The packaged site: three sensors are named, monitoring begins with 2026."""
    return Site.load(ROOT)


def scene(sensor: str, age: int, cloud: float = 10.0) -> Scene:
    """A scene so many days before the run's last day."""
    day = to_date(UNTIL - age)
    time = dt.datetime(day.year, day.month, day.day, 15, tzinfo=dt.UTC)
    footprint = shapely.box(-71, -13, -70, -12)
    return Scene(
        id=f"{sensor}-{age}", sensor=sensor, collection="c", time=time, footprint=footprint, assets={},
        cloud_percent=cloud,
    )  # fmt: skip


def context(site, tmp_path, source="folder:x", **inputs):
    """A run to the last day that found these scenes."""
    found = replace(small_site.NO_SCENES, **inputs)
    return small_site.context(site, Store(tmp_path), UNTIL, found, source)


def listed(*words, states=None, **inputs):
    return {one.sensor: one for one in listed_sensors(context(*words, **inputs), states or {})}


@pytest.mark.parametrize(("sensor", "days"), [("sentinel-2", 13), ("landsat-9", 19), ("sentinel-1", 27)])
def test_a_sensor_is_stale_a_day_after_twice_its_revisit_and_three_more(site, tmp_path, sensor, days):
    stream = SENSORS[sensor].stream
    for age, stale in ((days, False), (days + 1, True)):
        one = listed(site, tmp_path, scenes=(scene(sensor, age),))[stream]
        assert (one.stale, one.newest_day, one.age_days) == (stale, UNTIL - age, age)


def test_what_is_too_cloudy_or_replaced_counts_as_listed(site, tmp_path):
    older = Superseded(scene=scene("landsat-8", 4), by="newer")
    found = listed(
        site, tmp_path, scenes=(scene("sentinel-2", 300),), skipped=(scene("sentinel-2", 3, 100.0),),
        superseded=(older,),
    )  # fmt: skip
    assert not found["sentinel-2"].stale and not found["landsat"].stale


def test_a_sensor_that_the_site_or_the_source_names_is_stale_without_a_scene(site, tmp_path):
    one = listed(site, tmp_path, scenes=(scene("sentinel-2", 1),))["sentinel-1"]
    assert one.stale and one.newest_day == 0
    named = listed(site, tmp_path, "sentinel-2=folder:a,landsat=folder:b", scenes=(scene("sentinel-2", 1),))
    assert sorted(named) == ["landsat", "sentinel-2"] and named["landsat"].stale
    assert sorted(listed(site, tmp_path, "earth-search")) == ["sentinel-2"]


def test_a_sensor_once_read_from_a_folder_is_stale_when_the_folder_lists_none_of_it(site, tmp_path):
    bare = replace(site, config=replace(site.config, sources={}))
    record = SceneRecord(scene_id="x", sensor="hls-s30", day=UNTIL - 400, stream="hls", state="read")
    state = TileState(
        tile="x0000y0000", state="s", until_day=UNTIL, baseline="b", baseline_rule="r", observations=(),
        scene_records=(record,),
    )  # fmt: skip
    assert listed(bare, tmp_path) == {}
    assert listed(bare, tmp_path, states={"x0000y0000": state})["hls"].stale


def test_a_sensor_that_was_not_searched_is_not_called_stale(site, tmp_path):
    one = listed(site, tmp_path, scenes=(scene("landsat-8", 90),), unsearched=("landsat",))["landsat"]
    assert not one.searched and not one.stale and one.age_days == 90


def test_a_site_may_say_how_often_a_sensor_comes(site, tmp_path):
    slow = replace(site, config=replace(site.config, revisit_days={"sentinel-2": 10}))
    assert not listed(slow, tmp_path, scenes=(scene("sentinel-2", 23),))["sentinel-2"].stale
    assert listed(slow, tmp_path, scenes=(scene("sentinel-2", 24),))["sentinel-2"].stale


@pytest.mark.parametrize(
    ("line", "named"), [("sentinel-3 = 5", "sentinel-3"), ("landsat = 0", "landsat is 0")]
)
def test_revisit_days_of_no_sensor_or_of_no_day_are_refused(tmp_path, line, named):
    (tmp_path / "aoi").mkdir()
    text = (ROOT / "aoi" / "site.toml").read_text(encoding="utf-8")
    (tmp_path / "aoi" / "site.toml").write_text(f"{text}\n[revisit_days]\n{line}\n", encoding="utf-8")
    with pytest.raises(SiteError, match=f"site.toml.*revisit_days: {named}"):
        Site.load(tmp_path)


def commit(store: Store, sequence: int, area: str, day: int) -> None:
    """A run in the ledger."""
    row = RunRow(sequence=sequence, run_id=str(sequence), area=area, until_day=day, result={})
    store.ledger.commit(row, tiles=[], scenes=[], alerts=[])


def test_the_span_begins_after_the_last_run_of_the_area_and_30_days_back_at_least(site, tmp_path):
    run = context(site, tmp_path)
    assert span_from_of(run) == UNTIL - 30
    commit(run.store, 1, small_site.AREA, UNTIL - 50)
    assert span_from_of(run) == UNTIL - 49
    commit(run.store, 2, "elsewhere", UNTIL - 40)
    assert span_from_of(run) == UNTIL - 49
    commit(run.store, 3, "all", UNTIL - 3)
    assert span_from_of(run) == UNTIL - 30
    early = replace(run, plan=replace(run.plan, until_day=site.days.first_day + 5))
    assert span_from_of(early) == site.days.first_day


@pytest.fixture
def seen(site, tmp_path):
    """A tile of 4 by 4 pixels: what `_seen` counts of an optical and a radar observation a day apart."""
    tile = Grid(crs="EPSG:32719", resolution=10, tile_px=4).tile("x8960y214400")
    run = context(site, tmp_path)
    folder = run.store.observations(tile.id)
    keys = []
    for stream, age, columns in (("sentinel-2", 5, 1), ("sentinel-1-descending", 4, 3), ("landsat", 90, 4)):
        values = np.full((4, 4), NODATA, np.int16)
        values[:, :columns] = 100
        write_observation(
            Observation(
                day=UNTIL - age, stream=stream, values={"a": values}, scales={"a": 1e-4}, scene_ids=("x",),
                clear_share=0.5,
            ),
            tile,
            folder,
        )  # fmt: skip
        keys.append(ObservationKey(day=UNTIL - age, stream=stream, scenes="x"))
    state = TileState(
        tile=tile.id, state="s", until_day=UNTIL, baseline="b", baseline_rule="r",
        observations=tuple(sorted(keys, key=lambda key: key.day)), scene_records=(),
    )  # fmt: skip
    last_look = np.repeat([[UNTIL - 5, UNTIL - 4, UNTIL - 4, UNTIL - 90]], 4, axis=0)
    monitored = np.full((4, 4), Reason.MONITORED) == Reason.MONITORED
    monitored[0, :] = False

    def count(*records):
        return coverage._seen(run, replace(state, scene_records=records), monitored, last_look, UNTIL - 30)

    return count, folder


def test_a_pixel_is_seen_lately_by_any_sensor_and_by_optical_ones_alone_where_one_saw_it(seen):
    count, _ = seen
    assert asdict(count()) == {"monitored": 12, "ever": 12, "lately": 9, "optical": 3}


def test_an_optical_observation_that_lay_too_far_off_to_be_used_saw_nothing(seen):
    count, _ = seen
    one = SceneRecord(
        scene_id="x",
        sensor="sentinel-2",
        day=UNTIL - 5,
        stream="sentinel-2",
        state="read",
        reason="moved:0.6",
    )
    beside = replace(one, scene_id="y", state="unread", reason="unreadable")
    assert count(one, beside).optical == 3
    assert count(replace(one, reason="displaced:9.10")).optical == 0


def test_what_an_unreadable_observation_would_say_is_not_known(seen):
    count, folder = seen
    observation_path(folder, "sentinel-2", UNTIL - 5).write_bytes(b"II*")
    assert (count().lately, count().optical) == (9, None)
    assert coverage._span_shares([count(), count()]) == (0.75, None)
    assert coverage._span_shares([]) == (None, None)


def test_a_report_says_aloud_what_brings_nothing_new():
    assert blind_lines_of(REPORT) == [
        "stale: landsat: newest scene 2024-07-28, 702 days before 2026-06-30",
        "stale: sentinel-1: no scene of the area is listed",
        "not searched: sentinel-2",
    ]
    assert seen_line(REPORT) == (
        "1 % of the monitored ground seen since 2026-05-31 (0 % by optical sensors),"
        " 100 % since monitoring began"
    )


def test_the_report_of_an_older_version_knows_nothing_of_the_span():
    added = ("span_from", "observed_share_span", "observed_share_span_optical", "newest_scenes", "stale")
    values = {
        name: value
        for name, value in asdict(REPORT).items()
        if name not in (*added, "unsearched", "sources_stopped")
    }
    read = report_of(RunRow(sequence=1, run_id="0123", area="all", until_day=UNTIL, result=values))
    assert "is not known" in seen_line(read) and not read.is_blind


@pytest.mark.parametrize(
    ("strict", "changed", "code"),
    [
        (True, {}, 3),
        (False, {}, 0),
        (True, {"stale": {}}, 3),
        (True, {"stale": {}, "unsearched": ()}, 0),
        (True, {"failed": {"x1": "the disk is full"}}, 1),
    ],
)
def test_strict_ends_with_3_where_a_sensor_is_blind_and_says_so(command, monkeypatch, strict, changed, code):
    report = replace(REPORT, **changed)
    monkeypatch.setattr("selvawatch.steps.run.monitor.monitor", lambda *_: report)
    words = ["monitor", "--until", report.until, "--source", "folder:x", *(["--strict"] if strict else [])]
    said = command(*words, "--json")
    assert said.code == code and said.json["stale"] == dict(report.stale)
    assert [line for line in said.out.splitlines() if line in blind_lines_of(report)] == blind_lines_of(
        report
    )
    assert "19 closed" in said.out.splitlines()[0]


@pytest.mark.parametrize(
    ("newest", "silent", "lines"),
    [
        ({"a": 0, "b": 0}, (), ()),
        ({"a": 13, "b": 0}, (), ()),
        ({"a": 14, "b": 0}, (), (f"sentinel-2=a: its newest scene is of {iso(UNTIL - 14)}",)),
        ({"a": 14, "b": 14}, (), ()),
        ({"b": 0}, ("sentinel-2=a",), ("sentinel-2=a: it could not be searched",)),
    ],
)
def test_a_source_that_stopped_is_named_only_where_another_of_its_sensor_goes_on(site, newest, silent, lines):
    days = tuple((f"sentinel-2={name}", UNTIL - age) for name, age in newest.items())
    found = SearchResult(scenes=(), silent=silent, newest=days)
    assert _stopped(site, found, UNTIL) == lines


def test_a_source_that_lists_nothing_is_said_to_and_stands_in_the_report(site):
    found = SearchResult(scenes=(), newest=(("sentinel-2=a", 0), ("sentinel-2=b", UNTIL)))
    stopped = _stopped(site, found, UNTIL)
    assert stopped == ("sentinel-2=a: it lists no scene",)
    report = replace(REPORT, stale={}, unsearched=(), sources_stopped=stopped)
    assert blind_lines_of(report) == ["source stopped: sentinel-2=a: it lists no scene"]
    assert not report.is_blind
