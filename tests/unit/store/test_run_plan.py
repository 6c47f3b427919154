"""The file of a plan holds what the ledger does not have, and is read as it was written or named."""

import datetime as dt
import random

import pytest
import shapely

from damages import damages
from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import StoreError
from selvawatch.sources.source import Problem, Superseded
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_plan import (
    RunPlan,
    SceneInputs,
    inputs_of,
    read_listing,
    remove_plans,
    scenes_before,
    write_plan,
)


def scene(number, digest="d"):
    return Scene(
        id=f"S2A_{number:04d}",
        sensor="sentinel-2",
        collection="sentinel-2-l2a",
        time=dt.datetime(2024, 1, 1, 15, tzinfo=dt.UTC) + dt.timedelta(days=number),
        footprint=shapely.box(-70.1 - number / 7, -12.9, -70, -12.7),
        assets={
            "red": Asset(href=f"https://example.org/{number}/red.tif", nodata=float("inf"), shape=(3, 4)),
            "scl": Asset(href=f"https://example.org/{number}/scl.tif", transform=(10.0, 0.0, 1e-7)),
        },
        cloud_percent=number / 3,
        digest=digest,
        properties={"platform": "sentinel-2a", "processed": "2024-01-02T03:04:05Z"},
    )


def found(count, unsearched=()):
    """What a search found: scenes, some with too much cloud, one that a newer one replaces, one of no use."""
    scenes = [scene(number) for number in range(count)]
    return SceneInputs(
        scenes=tuple(scenes[:-2]),
        skipped=tuple(scenes[-2:]),
        superseded=(Superseded(scene=scene(1, "older"), by=scenes[1].id),),
        problems=(Problem(scene_id="ñ", reason="datetime", text="no day"),),
        unsearched=tuple(unsearched),
    )


def planned(store, sequence):
    return RunPlan(
        run_id=f"r{sequence}",
        site="",
        site_file="",
        store=str(store.folder),
        area="all",
        until_day=20000,
        source="",
        tiles=(),
        sequence=sequence,
        done=False,
        site_digest="",
        register_digest="",
    )


def read(store, plan):
    return inputs_of(*read_listing(store, plan), store)


def commit(store, plan):
    row = RunRow(sequence=plan.sequence, run_id=plan.run_id, area="all", until_day=1, result={})
    store.ledger.commit(row, tiles=[], scenes=[], alerts=[], listing=read_listing(store, plan)[0])
    remove_plans(store)


@pytest.fixture
def store(tmp_path):
    """A store whose first run knew 40 scenes."""
    made, first = Store(tmp_path), planned(Store(tmp_path), 1)
    made.ledger.create()
    write_plan(made, first, found(40))
    assert read(made, first) == found(40)
    commit(made, first)
    return made


def test_a_plan_holds_only_what_is_new_and_is_read_as_the_whole_search(store):
    second = planned(store, 2)
    write_plan(store, second, found(42, ["landsat"]))
    assert read(store, second) == found(42, ["landsat"])
    text = store.plan("r2").read_text(encoding="utf-8")
    assert "S2A_0041" in text and "S2A_0000" not in text
    assert len(text) < 10_000
    commit(store, second)
    assert scenes_before(store, "all") == found(42).scenes
    assert scenes_before(store, "other") == ()


def test_a_scene_that_is_listed_no_more_or_anew_is_not_brought_back_by_the_plan_before(store):
    less, second = found(40), planned(store, 2)
    wanted = SceneInputs(
        scenes=(scene(3, "anew"), *less.scenes[5:]),
        skipped=(),
        superseded=(),
        problems=(),
        unsearched=(),
    )
    write_plan(store, second, wanted)
    assert read(store, second) == wanted
    commit(store, second)
    assert scenes_before(store, "all") == wanted.scenes


def test_a_damaged_plan_is_named_and_never_read_as_another(store):
    second, rng, named = planned(store, 2), random.Random(4), 0
    write_plan(store, second, found(44))
    content = store.plan("r2").read_bytes()
    for name, damage in damages(40):
        store.plan("r2").write_bytes(content)
        damage(store.plan("r2"), rng)
        try:
            assert read(store, second) == found(44), name
        except StoreError as error:
            assert "r2.json: the plan of the run cannot be used" in str(error), name
            assert "run the command again" in str(error), name
            named += 1
    assert named > 30


def test_a_plan_made_before_another_run_over_its_area_is_refused(store):
    second, third = planned(store, 2), planned(store, 3)
    write_plan(store, third, found(45))
    write_plan(store, second, found(44))
    row = RunRow(sequence=2, run_id="r2", area="all", until_day=1, result={})
    store.ledger.commit(row, tiles=[], scenes=[], alerts=[], listing=read_listing(store, second)[0])
    with pytest.raises(StoreError, match="another run was committed meanwhile"):
        read(store, third)
    remove_plans(store, but="r3")
    assert [path.name for path in store.plan("r3").parent.iterdir()] == ["r3.json"]
