"""Columns of alerts that rest on data of a site: scars, kilometres, competent bodies, scenes, pictures."""

import datetime as dt
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from test_attribute_alerts import described, events, right, square

import attribute_made as made
from attribute_made import box, register
from selvawatch.attribute.authorities import Authority
from selvawatch.attribute.former.remining import remining
from selvawatch.attribute.loss_products import Product
from selvawatch.attribute.roads import road_kilometres
from selvawatch.attribute.rules import Rules
from selvawatch.core.settings import load
from selvawatch.errors import SiteError, StoreError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.register.entries import LayerEntry, RoadMark
from selvawatch.register.manifest import Manifest, Snapshot, no_references, read_register
from selvawatch.steps.run.alert_evidence import with_evidence
from selvawatch.store.contents import picture_path
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import keep_product, product_scars, scar_digests

RULES = load(Rules, made.AOI / "rules.toml")


def scars(shapes, days):
    return gpd.GeoDataFrame({"seen_on": pd.to_datetime(days)}, geometry=shapes, crs=made.CRS)


def test_a_loss_in_an_old_scar_is_mining_again_and_one_beside_it_is_not():
    old = scars([box(0, 0, 40, 100), box(30, 0, 50, 100)], ["2018-12-31", "2019-12-31"])
    found = events([square(0), square(3), square(0)], cause=["mining", "mining", "agriculture"])
    assert remining(found, old, RULES.remining).tolist() == ["yes", "no", "no"]
    assert described(found, register([]), references=replace(no_references(made.CRS), scars=old))[
        "remining"
    ].tolist() == ["yes", "no", "no"]


@pytest.mark.parametrize(
    ("wide", "day", "wanted"),
    [
        (25, "2024-06-01", "yes"),
        (24, "2024-06-01", "no"),
        (25, "2024-06-02", "no"),
        (25, None, "unknown"),
    ],
)
def test_share_and_age_of_the_scar_decide_to_the_day_and_hectare(wide, day, wanted):
    old = scars([box(0, 0, wide, 100)], [day])
    assert remining(events([square(0)]), old, RULES.remining).tolist() == [wanted]


def test_overlapping_scars_are_counted_once():
    old = scars([box(0, 0, 20, 100)] * 3, ["2018-12-31"] * 3)
    assert remining(events([square(0)]), old, RULES.remining).tolist() == ["no"]


def test_without_scars_or_rule_mining_again_is_unknown():
    none = no_references(made.CRS).scars
    assert remining(events([square(0)]), none, RULES.remining).tolist() == ["unknown"]
    assert remining(events([square(0)]), scars([square(0)], ["2018-12-31"]), None).tolist() == ["unknown"]


def scar_layer(folder, shapes, seen):
    """References of a scar layer taken on 2021-05-04, dated by its column `year`."""
    gpd.GeoDataFrame({"year": seen}, geometry=shapes, crs=made.CRS).to_file(
        folder / "scars.gpkg", layer="scars"
    )
    entry = LayerEntry(
        name="old-mining",
        title="Minería anterior",
        kind="reference",
        type="scar",
        source="made up",
        licence="CC0",
        from_column="year",
    )
    snapshot = Snapshot(
        layer="old-mining", file=f"{folder}/scars.gpkg:scars", date=dt.date(2021, 5, 4), sha256="0" * 64
    )
    return read_register(Manifest(layer=(entry,)), [snapshot], crs=made.CRS, equal_area=made.EQUAL_AREA)[1]


def test_a_layer_of_scars_is_as_old_as_its_column_or_its_snapshot(tmp_path):
    references = scar_layer(tmp_path, [square(0), square(1)], ["2018-12-31", None])
    assert references.scars["seen_on"].astype(str).tolist() == ["2018-12-31", "2021-05-04"]


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ([2018, 2025], ["2018-12-31", "2025-12-31"]),
        ([2018.0, None], ["2018-12-31", "2021-05-04"]),
        (["2018-07", "2019-02"], ["2018-07-31", "2019-02-28"]),
        ([201902, 202012], ["2019-02-28", "2020-12-31"]),
        ([1_546_214_400_000, None], ["2018-12-31", "2021-05-04"]),
    ],
)
def test_a_year_or_month_of_scars_counts_from_its_last_day(tmp_path, seen, wanted):
    references = scar_layer(tmp_path, [square(0), square(1)], seen)
    assert references.scars["seen_on"].astype(str).tolist() == wanted


def test_a_scar_that_crosses_itself_is_repaired_and_what_is_no_area_is_left_out(tmp_path):
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    shapes = [bow, shapely.MultiPolygon([square(0), box(50, 0, 150, 100)]), shapely.Point(5, 5)]
    references = scar_layer(tmp_path, shapes, ["2018", "2018", "2018"])
    assert references.scars.is_valid.all() and len(references.scars) == 2
    found = events([square(0), square(3)])
    assert described(found, register([]), references=references)["remining"].tolist() == ["yes", "no"]


def test_products_of_mining_kept_in_a_store_are_scars_and_inputs_of_a_run(tmp_path):
    store = Store(tmp_path)
    for name, cause in (("amw", "mining"), ("hansen", "unknown")):
        keep_product(store, Product(name=name, version="1", cause=cause), made.cells([square(0)]))
    found = product_scars(store, made.CRS)
    assert found["seen_on"].astype(str).tolist() == ["2025-06-01"]
    assert [name for name, _ in scar_digests(store)] == ["amw"]
    (tmp_path / "products" / "amw" / "cells.parquet").write_bytes(b"half")
    with pytest.raises(StoreError, match=r"amw.*register it again"):
        product_scars(store, made.CRS)


def marks(*kilometres, verified=True):
    return [
        RoadMark(road="PE-30C", lon=0.0, lat=0.0, km=km, source="made up", verified=verified)
        for km in kilometres
    ]


def road(name="PE-30C"):
    points = [(made.WEST, made.SOUTH), (made.WEST + 5000, made.SOUTH), (made.WEST + 5000, made.SOUTH + 5000)]
    lines = [shapely.LineString(points[:2]), shapely.LineString(points[:0:-1])]
    return gpd.GeoDataFrame({"name": [name] * 2}, geometry=lines, crs=made.CRS)


def at(x, y):
    return shapely.Point(made.WEST + x, made.SOUTH + y)


def test_a_kilometre_is_counted_along_the_road_between_checked_marks():
    ends = np.array([at(0, 0), at(5000, 5000)])
    places = np.array([at(2500, 300).buffer(10), at(5200, 2500).buffer(10)])
    np.testing.assert_allclose(road_kilometres(places, road(), marks(100, 110), ends), [102.5, 107.5])
    np.testing.assert_allclose(road_kilometres(places, road(), marks(110, 100), ends), [107.5, 102.5])


def test_no_kilometre_is_told_beyond_the_marks_unchecked_or_nearer_to_another_road():
    place = np.array([at(2500, 300).buffer(10)])
    ends = np.array([at(3000, 0), at(5000, 5000)])
    assert np.isnan(road_kilometres(place, road(), marks(100, 110), ends)).all()
    ends = np.array([at(0, 0), at(5000, 5000)])
    assert np.isnan(road_kilometres(place, road(), marks(100, 110, verified=False), ends)).all()
    assert np.isnan(road_kilometres(place, road(), marks(100), ends[:1])).all()
    other = gpd.GeoDataFrame(
        {"name": ["other"]},
        geometry=[shapely.LineString([(made.WEST, made.SOUTH + 400), (made.WEST + 5000, made.SOUTH + 400)])],
        crs=made.CRS,
    )
    both = gpd.GeoDataFrame(pd.concat([road(), other], ignore_index=True), crs=made.CRS)
    assert np.isnan(road_kilometres(place, both, marks(100, 110), ends)).all()


def test_marks_out_of_the_order_of_their_road_are_refused():
    points = np.array([at(0, 0), at(5000, 0), at(5000, 5000)])
    with pytest.raises(SiteError, match="not in the order"):
        road_kilometres(np.array([at(10, 10).buffer(1)]), road(), marks(100, 110, 105), points)


def test_marks_of_a_road_layer_reach_the_alert(tmp_path):
    lines = road()
    lines.to_file(tmp_path / "roads.gpkg", layer="roads")
    lonlat = gpd.GeoSeries([at(0, 0), at(5000, 5000)], crs=made.CRS).to_crs(4326)
    told = tuple(
        replace(mark, lon=point.x, lat=point.y) for mark, point in zip(marks(98, 108), lonlat, strict=True)
    )
    entry = LayerEntry(
        name="roads",
        title="Vías",
        kind="reference",
        type="road",
        source="made up",
        licence="CC0",
        name_column="name",
        marks=told,
    )
    snapshot = Snapshot(
        layer="roads", file=f"{tmp_path}/roads.gpkg:roads", date=dt.date(2021, 5, 4), sha256="0" * 64
    )
    _, references = read_register(
        Manifest(layer=(entry,)), [snapshot], crs=made.CRS, equal_area=made.EQUAL_AREA
    )
    table = described(events([box(2490, 100, 2510, 120)]), register([]), references=references)
    assert table["road_km"].tolist() == [100.5]
    assert table["distance_road_m"].tolist() == [100.0]


def test_competent_bodies_follow_the_ground_in_the_order_of_the_file():
    rights = register(
        [right("protected_core", square(0)), right("brazil_nut", square(1)), right("mining", square(1))]
    )
    table = described(events([square(0), square(1), square(5)]), rights)
    assert table["authority"].tolist() == [
        "SERNANP; Fiscalía (FEMA)",
        "Gobierno Regional (DREMEH); OSINFOR; Gobierno Regional (autoridad forestal); Fiscalía (FEMA)",
        "Fiscalía (FEMA)",
    ]
    assert not table["authority_verified"].any()


def test_bodies_are_verified_where_every_one_of_them_is():
    checked = tuple(replace(one, verified=one.name != "SERNANP") for one in RULES.authority)
    rules = replace(RULES, authority=checked)
    rights = register([right("protected_core", square(0)), right("mining", square(1))])
    table = described(events([square(0), square(1)]), rights, rules=rules)
    assert table["authority_verified"].tolist() == [False, True]
    none = described(events([square(0)]), rights, rules=replace(RULES, authority=()))
    assert none["authority"].isna().all() and not none["authority_verified"].any()


def test_a_body_is_named_only_in_its_days_and_no_entry_tells_of_isolated_peoples():
    late = tuple(replace(one, start=dt.date(2030, 1, 1)) for one in RULES.authority)
    rules = replace(RULES, authority=late)
    rights = register([right("protected_core", square(0))])
    assert described(events([square(0)]), rights, rules=rules)["authority"].isna().all()
    ended = tuple(replace(one, end=dt.date(2026, 1, 1)) for one in RULES.authority)
    assert (
        described(events([square(0)]), rights, rules=replace(RULES, authority=ended))["authority"]
        .isna()
        .all()
    )
    assert not any("isolated_peoples" in one.types for one in RULES.authority)
    with pytest.raises(SiteError, match="not a name"):
        replace(RULES.authority[0], name="a; b")


def test_the_authorities_file_names_functions_and_norms_and_claims_nothing_checked():
    for one in RULES.authority:
        assert isinstance(one, Authority) and one.citation and one.function
        assert "ilegal" not in f"{one.name} {one.function} {one.note}".lower()
        assert not one.verified


@pytest.mark.slow
def test_alerts_of_a_run_name_their_scenes_and_pictures_and_only_in_the_restricted_tier(small_run):
    restricted = gpd.read_parquet(small_run.products / "restricted" / "alerts.parquet")
    public = gpd.read_parquet(small_run.products / "public" / "alerts.parquet")
    taken = {one.scene_id: one for one in small_run.state.scene_records}
    for row in restricted.itertuples():
        named = row.scenes.split(" ")
        days = [taken[one].day for one in named]
        assert days == sorted(days) and len(set(named)) == len(named)
        onset = (row.onset.to_pydatetime().date() - dt.date(1970, 1, 1)).days
        assert any(day >= onset for day in days)
    shown = restricted[restricted["before_picture"].notna()]
    assert len(shown) > 0
    for row in shown.itertuples():
        for side, name in (("before", row.before_picture), ("after", row.after_picture)):
            assert name == picture_path(row.alert_id, side)
            content = (small_run.products / "restricted" / name).read_bytes()
            assert content[:2] == b"\xff\xd8" and len(content) <= 40_000
    for name in ("scenes", "before_picture", "after_picture"):
        assert name not in public
    assert not list((small_run.products / "public").rglob("*.jpg"))


def test_only_scenes_with_clear_ground_around_the_loss_are_named(small_site_states):
    site, states, alerts = small_site_states
    table = with_evidence(site, states, alerts, {})
    assert table["scenes"].tolist() == ["s15 s20"]
    assert table["before_picture"].isna().all()


@pytest.fixture
def small_site_states():
    from types import SimpleNamespace

    from selvawatch.core.grid import Grid

    grid = Grid(crs=made.CRS, resolution=10.0, tile_px=100, anchor_x=made.WEST, anchor_y=made.SOUTH)
    tile = next(iter(grid.tiles(square(0))))
    start = (dt.date(2025, 6, 1) - dt.date(1970, 1, 1)).days

    def seen(day, **rest):
        plain = {"scene_id": f"s{day}", "day": start + day, "state": "read", "clear_share": 0.5}
        return SceneRecord(sensor="sentinel-2", stream="sentinel-2", **{**plain, **rest})

    rows = [seen(5), seen(20), seen(15), seen(17, state="unreadable"), seen(18, clear_share=0.0)]
    rows += [seen(19, reason="displaced:9.10"), seen(40)]
    says = SimpleNamespace(tile=tile.id, scene_records=tuple(rows))
    day = pd.Timestamp(2025, 6, 1)
    alerts = events([square(0)], onset_earliest=day + pd.Timedelta(days=10)).assign(
        alert_id="a.v1", last_grown=day + pd.Timedelta(days=30)
    )
    return SimpleNamespace(grid=grid), {tile.id: says}, alerts
