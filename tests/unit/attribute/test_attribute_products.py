"""Loss from elsewhere: vector and raster, days as given, kept as products, written with all attributes."""

import csv
import datetime as dt
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

import attribute_made as made
from attribute_made import box
from selvawatch.attribute.loss.any_loss import attribute_layer
from selvawatch.attribute.loss.loss_days import DateFields, days_of_loss
from selvawatch.attribute.loss_products import Product, loss_cells, read_raster_loss
from selvawatch.core.files import file_digest
from selvawatch.core.schema import Tier
from selvawatch.errors import LayerError, SelvawatchError
from selvawatch.register.register import register_of
from selvawatch.steps.attribute_loss import AttributionOptions, attribute_file, register_layers
from selvawatch.steps.loss_layer import LossLayer, RasterLoss
from selvawatch.steps.loss_product import loss_product

MINING = Product(name="amw", version="v3", cause="mining")


def raster(path, values, crs="EPSG:32719"):
    transform = Affine(10, 0, made.WEST, 0, -10, made.SOUTH + 1000)
    values = np.asarray(values)
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
        dtype=values.dtype, crs=crs, transform=transform,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


def test_hansen_years_are_whole_years(tmp_path):
    path = raster(tmp_path / "h.tif", np.array([[0, 19, 19], [0, 0, 21]], np.uint8))
    frame = read_raster_loss(path, crs=made.CRS, encoding="hansen").sort_values("value")
    assert frame["value"].tolist() == [19, 21]
    assert [str(one)[:10] for one in frame["first"]] == ["2019-01-01", "2021-01-01"]
    assert [str(one)[:10] for one in frame["last"]] == ["2019-12-31", "2021-12-31"]
    assert frame.area.tolist() == [200.0, 100.0]


def test_integrated_alerts_have_a_day_and_a_confidence(tmp_path):
    path = raster(tmp_path / "g.tif", np.array([[30001, 20366, 40366]], np.uint16))
    frame = read_raster_loss(path, crs=made.CRS, encoding="gfw-integrated").sort_values("value")
    assert frame["status"].tolist() == ["provisional", "confirmed", "confirmed"]
    assert [str(one)[:10] for one in frame["first"]] == ["2016-01-01", "2015-01-01", "2016-01-01"]
    bad = raster(tmp_path / "b.tif", np.array([[9]], np.uint16))
    with pytest.raises(LayerError, match="not of this encoding"):
        read_raster_loss(bad, crs=made.CRS, encoding="gfw-integrated")


def test_mapbiomas_mining_is_class_30_of_a_given_year(tmp_path):
    path = raster(tmp_path / "m.tif", np.array([[3, 30, 15]], np.uint8))
    frame = read_raster_loss(path, crs=made.CRS, encoding="mapbiomas-mining", year=2020)
    assert frame["value"].tolist() == [30]
    with pytest.raises(LayerError, match="--year"):
        read_raster_loss(path, crs=made.CRS, encoding="mapbiomas-mining")
    with pytest.raises(LayerError, match="unknown encoding"):
        read_raster_loss(path, crs=made.CRS, encoding="")


def test_a_raster_without_crs_or_that_is_none_is_refused(tmp_path):
    with pytest.raises(LayerError, match="no CRS"):
        read_raster_loss(
            raster(tmp_path / "n.tif", np.ones((2, 2), np.uint8), None), crs=made.CRS, encoding="hansen"
        )
    (tmp_path / "x.tif").write_text("no raster")
    with pytest.raises(LayerError, match="cannot be read"):
        read_raster_loss(tmp_path / "x.tif", crs=made.CRS, encoding="hansen")


def test_a_loss_of_a_year_is_uncertain_over_a_right_that_began_in_it():
    loss = gpd.GeoDataFrame({"y": [2019, 2020]}, geometry=[box(0, 0, 100, 100)] * 2, crs=made.CRS)
    days = days_of_loss(loss, DateFields(field="y"))
    cells = loss_cells(loss, MINING, days, equal_area=made.EQUAL_AREA)
    rights = made.register([{"type": "mining", "geometry": box(0, 0, 100, 100), "first": "2019-09-01"}])
    table = made.inputs(cells, rights).pieces.frame
    assert table["date_uncertain"].tolist() == [True, False]
    assert set(table["product"]) == {"amw v3"}


def test_loss_without_dates_lies_under_rights_of_unknown_validity():
    loss = gpd.GeoDataFrame({"a": [7.0]}, geometry=[box(0, 0, 100, 100)], crs=made.CRS)
    days = days_of_loss(loss, DateFields(allow_undated=True))
    cells = loss_cells(loss, MINING, days, equal_area=made.EQUAL_AREA, area_field="a")
    from selvawatch.tables import TableOptions, build

    inputs = made.inputs(cells, made.register([{"type": "timber", "geometry": box(0, 0, 100, 100)}]))
    table = build("loss_by_type", inputs, TableOptions())
    table = table[table["ha"] > 0]
    assert table[["class", "validity", "ha"]].to_numpy().tolist() == [["timber", "unknown", 7.0]]
    periods = build("loss_by_period", inputs, TableOptions()).set_index("period")
    assert periods.loc["undated", "ha"] == 7.0
    assert table["loss_undated"].sum() == 7.0


def test_a_product_needs_a_plain_name_and_a_known_cause():
    for name, cause in (("../x", "mining"), ("Ä", "mining"), ("amw", "gold")):
        with pytest.raises(LayerError):
            Product(name=name, version="", cause=cause)


def test_all_attributes_of_the_loss_pass_and_those_of_zones_are_prefixed():
    loss = gpd.GeoDataFrame(
        {"id": ["a"], "zone_layer": ["mine"], "ha": [50.0]}, geometry=[box(0, 0, 200, 100)], crs=made.CRS
    )
    zones = gpd.GeoDataFrame({"id": ["z"], "name": ["=1+1"]}, geometry=[box(100, 0, 400, 100)], crs=made.CRS)
    table = attribute_layer(loss, {"zones": zones}, equal_area=made.EQUAL_AREA, area_field="ha")
    assert table["id"].tolist() == ["a", "a"]
    assert table["loss_zone_layer"].tolist() == ["mine", "mine"]
    assert table["zone_id"].fillna("").tolist() == ["z", ""]
    assert table["zone_layer"].fillna("").tolist() == ["zones", ""]
    assert table["attributed_ha"].tolist() == pytest.approx([25.0, 25.0])
    assert table["overlap_ha"].tolist() == pytest.approx([1.0, 1.0], rel=1e-3)


def test_overlapping_zones_keep_their_rows_and_outside_is_measured_once():
    loss = gpd.GeoDataFrame({"ha": [3.0]}, geometry=[box(0, 0, 300, 100)], crs=made.CRS)
    one = gpd.GeoDataFrame({"n": [1]}, geometry=[box(0, 0, 200, 100)], crs=made.CRS)
    other = gpd.GeoDataFrame({"n": [2]}, geometry=[box(100, 0, 200, 100)], crs=made.CRS)
    table = attribute_layer(loss, {"one": one, "other": other}, equal_area=made.EQUAL_AREA, area_field="ha")
    assert table["attributed_ha"].tolist() == pytest.approx([2.0, 1.0, 1.0])
    assert table["zone_layer"].fillna("outside").tolist() == ["one", "other", "outside"]


def test_no_zone_at_all_leaves_everything_outside():
    loss = gpd.GeoDataFrame({"ha": [3.0]}, geometry=[box(0, 0, 300, 100)], crs=made.CRS)
    table = attribute_layer(loss, {}, equal_area=made.EQUAL_AREA, area_field="ha")
    assert table["attributed_ha"].tolist() == pytest.approx([3.0])


BOW = [
    (made.WEST, made.SOUTH),
    (made.WEST + 100, made.SOUTH + 100),
    (made.WEST + 100, made.SOUTH),
    (made.WEST, made.SOUTH + 100),
]


def write(path, frame):
    frame.to_file(path, driver="GPKG")
    return str(path)


@pytest.fixture
def files(tmp_path):
    import shapely

    loss = gpd.GeoDataFrame(
        {"when": ["2025-06-01"], "note": ['@cmd "x"\n<b>']}, geometry=[box(0, 0, 200, 100)], crs=made.CRS
    )
    zones = gpd.GeoDataFrame({"name": ["=HYPERLINK(1)"]}, geometry=[box(0, 0, 100, 100)], crs=made.CRS)
    bad = gpd.GeoDataFrame({"name": ["bow"]}, geometry=[shapely.Polygon(BOW)], crs=made.CRS)
    return {
        "loss": write(tmp_path / "loss.gpkg", loss),
        "zones": write(tmp_path / "zones.gpkg", zones),
        "bad": write(tmp_path / "bad.gpkg", bad),
    }


def attributed(files, out, zones="zones", *, register=None, area_field="", date_field="", **rest):
    loss = LossLayer(
        file=files["loss"],
        area_field=area_field,
        dates=DateFields(field=date_field),
        repair=rest.pop("repair", False),
    )
    on = register if register is not None else [files[zones]]
    options = AttributionOptions(**rest)
    return attribute_file(loss, on, out, crs=made.CRS, equal_area=made.EQUAL_AREA, options=options)


def test_cells_that_would_be_formulas_are_neutralised_in_csv(files, tmp_path):
    out = tmp_path / "o.csv"
    attributed(files, out)
    with out.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2
    for row in rows:
        for value in row.values():
            assert not value.startswith(("=", "@", "+"))
    assert "HYPERLINK" in rows[0]["zone_name"]


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "gpkg"])
def test_the_same_input_gives_the_same_bytes(files, tmp_path, suffix):
    one, other = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    attributed(files, one)
    attributed(files, other)
    if suffix == "gpkg":
        assert gpd.read_file(one).equals(gpd.read_file(other))
    else:
        assert one.read_bytes() == other.read_bytes()


def test_invalid_rings_are_refused_in_one_line_and_nothing_is_written(files, tmp_path):
    out = tmp_path / "o.csv"
    with pytest.raises(LayerError, match="invalid rings.*--repair") as caught:
        attributed(files, out, zones="bad")
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert attributed(files, out, zones="bad", repair=True).rows == 2


def test_unknown_fields_and_formats_are_named(files, tmp_path):
    for rest, message in (
        ({"area_field": "nope"}, "nope"),
        ({"date_field": "nope"}, "nope"),
        ({"date_field": "note"}, "dates cannot be read"),
    ):
        with pytest.raises(SelvawatchError, match=message):
            attributed(files, tmp_path / "o.csv", **rest)
    with pytest.raises(SelvawatchError, match="unknown format"):
        attributed(files, tmp_path / "o.shp")


def test_on_the_register_each_row_says_whether_the_right_was_in_force_and_no_id_is_public(files, tmp_path):
    rights = made.register(
        [
            {"type": "timber", "geometry": box(0, 0, 100, 100), "first": "2000-01-01", "key": "SECRET-1"},
            {"type": "mining", "geometry": box(0, 0, 100, 100), "first": "2025-12-01", "key": "SECRET-2"},
        ]
    )
    out = tmp_path / "o.csv"
    attributed(files, out, register=rights, date_field="when")
    table = pd.read_csv(out)
    inside = table[table["zone_layer"].notna()]
    assert dict(zip(inside["zone_type"], inside["zone_validity"], strict=True)) == {
        "timber": "in_force",
        "mining": "not_in_force",
    }
    assert "SECRET" not in out.read_text(encoding="utf-8")
    assert "zone_right_id" in attributed_columns(rights)


def versions(*rows_of_years, **rest):
    """A register of snapshots on the first day of some years, each of rows of one key."""
    made_of = [
        made.snapshot([{"key": "A", **row}], date=dt.date(year, 1, 1), applied_column="asked",
                      status_column="status", **rest)
        for year, row in rows_of_years
    ]  # fmt: skip
    return register_of(made_of, crs=made.CRS)


def lost(tmp_path, *days):
    """A file of loss of one hectare on each of some days; its path and the layer that is read from it."""
    frame = gpd.GeoDataFrame({"day": list(days)}, geometry=[box(0, 0, 100, 100)] * len(days), crs=made.CRS)
    path = tmp_path / "lost.gpkg"
    frame.to_file(path)
    return path


def rows_on(rights, path, out, *, dated=True):
    loss = LossLayer(file=str(path), dates=DateFields(field="day") if dated else DateFields())
    attribute_file(loss, rights, out, crs=made.CRS, equal_area=made.EQUAL_AREA)
    return pd.read_csv(out)


def right(west, east, *, first="2000-01-01", asked=None, status="A"):
    return {
        "type": "mining",
        "geometry": box(west, 0, east, 100),
        "first": first,
        "asked": asked,
        "status": status,
    }


@pytest.mark.parametrize("dated", [True, False])
def test_a_right_whose_status_changed_is_one_row_of_a_loss(tmp_path, dated):
    rights = versions((2010, right(0, 100)), (2020, right(0, 100, status="B")))
    path = lost(tmp_path, "2005-06-01", "2022-06-01")
    rows = rows_on(rights, path, tmp_path / "o.csv", dated=dated)
    assert rows["zone_validity"].astype(object).fillna("").tolist() == (
        ["in_force"] * 2 if dated else [""] * 2
    )
    assert rows["zone_status"].tolist() == (["A", "B"] if dated else ["B", "B"])
    assert rows["attributed_ha"].sum() == pytest.approx(2.0, rel=1e-3)


def test_ground_that_a_right_had_at_the_loss_is_told_from_what_it_got_later_and_counts_once(tmp_path):
    rights = versions((2010, right(0, 40)), (2020, right(20, 80)))
    rows = rows_on(rights, lost(tmp_path, "2005-06-01", "2022-06-01"), tmp_path / "o.csv")
    found = rows.fillna({"zone_validity": ""}).pivot_table(
        index="day", columns="zone_validity", values="attributed_ha", aggfunc="sum"
    )
    assert found["in_force"].tolist() == pytest.approx([0.4, 0.6], rel=1e-3)
    assert found["not_in_force"].tolist() == pytest.approx([0.4, 0.2], rel=1e-3)
    assert rows["attributed_ha"].sum() == pytest.approx(2.0, rel=1e-3)
    assert rows["overlap_ha"].tolist() == pytest.approx(rows["attributed_ha"].tolist(), rel=1e-9)


def test_loss_without_dates_lies_on_the_last_outline_of_a_right(tmp_path):
    rights = versions((2010, right(0, 40)), (2020, right(20, 80)))
    rows = rows_on(rights, lost(tmp_path, "2005-06-01"), tmp_path / "o.csv", dated=False)
    assert rows["zone_type"].fillna("").tolist() == ["mining", ""]
    assert rows["attributed_ha"].tolist() == pytest.approx([0.6, 0.4], rel=1e-3)


def test_loss_beside_all_rights_has_the_columns_of_the_register_and_no_validity(tmp_path):
    rights = versions((2010, right(500, 600)))
    touched = rows_on(versions((2010, right(0, 40))), lost(tmp_path, "2015-06-01"), tmp_path / "t.csv")
    rows = rows_on(rights, lost(tmp_path, "2015-06-01"), tmp_path / "o.csv")
    assert list(rows.columns) == list(touched.columns)
    assert rows["attributed_ha"].tolist() == pytest.approx([1.0], rel=1e-3)
    assert rows[["zone_layer", "zone_type", "zone_validity"]].isna().all(axis=None)


def test_loss_between_application_and_title_lies_on_the_application(tmp_path):
    rights = versions((2020, right(0, 100, first="2010-02-01", asked="2003-05-01")))
    rows = rows_on(rights, lost(tmp_path, "2001-01-01", "2006-01-01", "2012-01-01"), tmp_path / "o.csv")
    assert rows["zone_validity"].tolist() == ["not_in_force", "in_force", "in_force"]
    assert rows["zone_type"].tolist() == ["mining", "mining_application", "mining"]


def test_an_attribution_names_the_crs_of_its_outlines_and_of_its_hectares(tmp_path):
    rows_on(versions((2020, right(0, 100))), lost(tmp_path, "2021-01-01"), tmp_path / "o.csv")
    told = json.loads((tmp_path / "o-procedencia.json").read_text(encoding="utf-8"))
    assert told["crs"] == made.CRS and told["hectares_crs"] == made.EQUAL_AREA.srs


def guarded(*, sensitive):
    """A register of one timber concession, and of a reserve that lies half over it in a layer of its own."""
    reserve = [
        {"type": "other_zone", "geometry": box(50, 0, 150, 100), "name": "SECRET", "first": "2000-01-01"}
    ]
    timber = [{"type": "timber", "geometry": box(0, 0, 100, 100), "first": "2000-01-01"}]
    return register_of(
        [
            made.snapshot(timber, name="timber"),
            made.snapshot(reserve, name="hidden-layer", kind="zone", sensitive=sensitive),
        ],
        crs=made.CRS,
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet", "gpkg"])
@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_below_restricted_a_sensitive_layer_is_as_if_it_had_never_been_there(files, tmp_path, tier, suffix):
    alone = made.snapshot(
        [{"type": "timber", "geometry": box(0, 0, 100, 100), "first": "2000-01-01"}], name="timber"
    )
    written = {}
    for name, rights in {"a": guarded(sensitive=True), "b": register_of([alone], crs=made.CRS)}.items():
        (tmp_path / name).mkdir()
        attributed(files, tmp_path / name / f"o.{suffix}", register=rights, tier=tier)
        written[name] = sorted((tmp_path / name).iterdir())
    assert [path.name for path in written["a"]] == [path.name for path in written["b"]]
    for one, other in zip(written["a"], written["b"], strict=True):
        if suffix == "gpkg":
            assert gpd.read_file(one).equals(gpd.read_file(other))
            assert b"hidden-layer" not in one.read_bytes() and b"SECRET" not in one.read_bytes()
        else:
            assert one.read_bytes() == other.read_bytes()


def test_the_ground_of_a_sensitive_layer_counts_like_any_other(files, tmp_path):
    rights = guarded(sensitive=True)
    public = attributed(files, tmp_path / "p.csv", register=rights)
    whole = attributed(files, tmp_path / "r.csv", register=rights, tier=Tier.RESTRICTED)
    assert public.total_ha == whole.total_ha == pytest.approx(2.0, rel=1e-3)
    assert public.outside_ha == pytest.approx(1.0, rel=1e-3)
    assert whole.outside_ha == pytest.approx(0.5, rel=1e-3)
    assert set(pd.read_csv(tmp_path / "r.csv")["zone_layer"].dropna()) == {"timber", "hidden-layer"}
    assert set(pd.read_csv(tmp_path / "p.csv")["zone_layer"].dropna()) == {"timber"}


def test_reserves_of_isolated_peoples_in_an_unmarked_layer_are_no_zones_below_restricted(files, tmp_path):
    rows = [
        {"type": "isolated_peoples", "geometry": box(0, 0, 200, 100)},
        {"type": "buffer", "geometry": box(0, 0, 100, 100)},
    ]
    attributed(files, tmp_path / "o.csv", register=made.register(rows), tier=Tier.PARTNER)
    assert set(pd.read_csv(tmp_path / "o.csv")["zone_type"].dropna()) == {"buffer"}


def test_a_register_of_sensitive_layers_alone_is_the_same_error_as_an_empty_one(files, tmp_path):
    hidden = made.snapshot([{"type": "other_zone", "geometry": box(0, 0, 9, 9)}], kind="zone", sensitive=True)
    messages = set()
    for rights in (register_of([hidden], crs=made.CRS), made.register([])):
        with pytest.raises(LayerError) as caught:
            attributed(files, tmp_path / "o.csv", register=rights)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_the_digest_of_a_shapefile_is_of_all_its_parts(files, tmp_path):
    zones = gpd.GeoDataFrame({"name": ["one"]}, geometry=[box(0, 0, 100, 100)], crs=made.CRS)

    def told(folder, frame, *beside):
        folder.mkdir()
        frame.to_file(folder / "zones.shp", DBF_DATE_LAST_UPDATE="2026-01-01")
        for name in beside:
            (folder / name).write_text("other")
        attributed(files | {"shp": str(folder / "zones.shp")}, folder / "o.csv", zones="shp")
        said = json.loads((folder / "o-procedencia.json").read_text(encoding="utf-8"))
        return said["zones_1"], said["zones_1_sha256"], said["loss_sha256"]

    first = told(tmp_path / "a", zones)
    assert first[2] == file_digest(Path(files["loss"]))
    assert told(tmp_path / "b", zones, "zones.txt", "zones-2.dbf") == first
    renamed = told(tmp_path / "c", zones.assign(name="two"))
    assert (tmp_path / "a" / "zones.shp").read_bytes() == (tmp_path / "c" / "zones.shp").read_bytes()
    assert renamed[1] != first[1]


def test_a_register_without_layers_is_an_error_and_not_all_outside(files, tmp_path):
    with pytest.raises(LayerError, match="no layer.*zones import"):
        attributed(files, tmp_path / "o.csv", register=made.register([]))


def attributed_columns(rights):
    (layer,) = register_layers(rights, Tier.RESTRICTED, at_loss=True).values()
    return [f"zone_{name}" for name in layer.columns]


def test_a_raster_is_a_loss_like_any_other(files, tmp_path):
    path = raster(tmp_path / "h.tif", np.full((10, 10), 19, np.uint8))
    loss = LossLayer(file=str(path), raster=RasterLoss(encoding="hansen"))
    on = {"crs": made.CRS, "equal_area": made.EQUAL_AREA}
    done = attribute_file(loss, [files["zones"]], tmp_path / "o.csv", **on)
    assert done.features == 1
    with pytest.raises(LayerError, match="--encoding"):
        attribute_file(LossLayer(file=str(path)), [files["zones"]], tmp_path / "o.csv", **on)
    cells = loss_product(loss, MINING, **on).cells
    assert cells["onset_earliest"].dt.date.tolist() == [dt.date(2019, 1, 1)]
    assert cells["ha"].sum() == pytest.approx(1.0, rel=1e-3)
