"""A user's own file of loss: its columns stay the user's, and what is odd about it is refused or told."""

import datetime as dt
import json

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

import attribute_made as made
from attribute_made import box
from selvawatch.attribute.loss.loss_days import DateFields
from selvawatch.attribute.loss_products import Product
from selvawatch.errors import LayerError, SelvawatchError
from selvawatch.steps.attribute_loss import AttributionOptions, attribute_file
from selvawatch.steps.loss_layer import LossLayer, RasterLoss
from selvawatch.steps.loss_product import loss_product

ON = {"crs": made.CRS, "equal_area": made.EQUAL_AREA}
PRODUCT = Product(name="p", version="1", cause="mining")
YEAR = DateFields(field="year")
BOW = [(0, 0), (100, 100), (100, 0), (0, 100)]
NEAR = shapely.box(-73, -15, -67, -9)


def square(at):
    return box(at * 200, 0, at * 200 + 100, 100)


@pytest.fixture
def layer(tmp_path):
    """A loss layer of three squares of 2019 with more columns, or other outlines, as a file."""

    def make(*, geometry=None, crs=made.CRS, **columns):
        shapes = [square(at) for at in range(3)] if geometry is None else geometry
        frame = gpd.GeoDataFrame({"year": [2019] * len(shapes), **columns}, geometry=shapes, crs=crs)
        path = tmp_path / "loss.parquet"
        frame.to_parquet(path)
        return str(path)

    return make


@pytest.fixture
def zones(tmp_path):
    frame = gpd.GeoDataFrame(
        {"name": ["west", "east"]}, geometry=[box(-50, -50, 250, 150), box(150, -50, 350, 150)], crs=made.CRS
    )
    frame.to_parquet(tmp_path / "zones.parquet")
    return [str(tmp_path / "zones.parquet")]


def both(file, zones, tmp_path, **rest):
    """What is said of a file by `--out` and by `--register-as`: the error of either, or their results."""
    loss = LossLayer(file=file, **{"dates": YEAR, **rest})
    found = []
    for use in (
        lambda: attribute_file(loss, zones, tmp_path / "o.csv", **ON, options=AttributionOptions(near=NEAR)),
        lambda: loss_product(loss, PRODUCT, **ON, near=NEAR),
    ):
        try:
            found.append(use())
        except SelvawatchError as error:
            found.append(str(error))
    return found


def test_columns_named_as_ours_are_data_of_the_user(layer, zones, tmp_path):
    theirs = {"status": ["x"] * 3, "cause": ["road"] * 3, "ha": [7.0] * 3, "event_id": ["e"] * 3}
    theirs |= {"product": ["q"] * 3, "dating": ["stock"] * 3, "onset": ["2001-01-01"] * 3}
    done, kept = both(layer(**theirs), zones, tmp_path)
    rows = pd.read_csv(tmp_path / "o.csv")
    assert {name: set(rows[name]) for name in theirs} == {name: set(value) for name, value in theirs.items()}
    cells = kept.cells
    assert (set(cells["status"]), set(cells["cause"]), set(cells["dating"])) == (
        {"confirmed"}, {"mining"}, {"span"},
    )  # fmt: skip
    assert cells["event_id"].is_unique and set(cells["product"]) == {"p 1"}
    assert cells["ha"].sum() == pytest.approx(done.total_ha) == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize(
    ("areas", "row", "what"),
    [
        (["1,5", "2", "3"], 0, "not a number everywhere.*'1,5'"),
        (["1.5", "2", "3"], 0, "not a number everywhere"),
        ([1.0, np.nan, 3.0], 1, "missing, negative"),
        ([1.0, 2.0, -0.1], 2, "missing, negative.*-0.1"),
        ([1.0, np.inf, 3.0], 1, "missing, negative.*inf"),
        ([True, False, True], 0, "not a number everywhere"),
        (pd.array([1, None, 3], dtype="Int64"), 1, "missing, negative"),
    ],
)
def test_an_area_that_is_none_is_refused_with_its_row_whatever_is_asked_for(
    layer, zones, tmp_path, areas, row, what
):
    messages = both(layer(area=areas), zones, tmp_path, area_field="area")
    for message in messages:
        assert isinstance(message, str), message
        with pytest.raises(LayerError, match=f"{what}|row {row}"):
            raise LayerError(message)
        assert f"row {row}" in message and "\n" not in message


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        (shapely.Point(made.WEST, made.SOUTH), "loss features have no area; got 1 of 4, row 3"),
        (shapely.LineString([(0, 0), (9, 9)]), "loss features have no area; got 1 of 4, row 3"),
        (None, "features have no geometry; got 1 of 4, row 3"),
        (shapely.Polygon(BOW), "invalid rings; got 1 of 4, row 3.*--repair"),
    ],
)  # fmt: skip
def test_a_feature_without_an_area_is_named_with_its_row_whatever_is_asked_for(
    layer, zones, tmp_path, shape, what
):
    file = layer(geometry=[*(square(at) for at in range(3)), shape])
    for message in both(file, zones, tmp_path):
        with pytest.raises(LayerError, match=what):
            raise LayerError(str(message))


def test_what_a_repair_changes_is_told_in_hectares(layer, zones, tmp_path):
    west, south = made.WEST, made.SOUTH
    bow = shapely.Polygon(
        [(west, south), (west + 100, south + 100), (west + 100, south), (west, south + 100)]
    )
    for done in both(layer(geometry=[square(1), bow]), zones, tmp_path, repair=True):
        (change,) = done.repairs
        assert change.key.endswith("loss.parquet, row 1") and change.ha_after == pytest.approx(0.5)


def test_an_area_that_exceeds_its_ground_many_times_is_told_with_the_numbers(layer, zones, tmp_path):
    for done in both(layer(m2=[10_000.0, 1.0, 1.0]), zones, tmp_path, area_field="m2"):
        (remark,) = done.remarks
        assert "m2 exceeds the ground of 1 of 3 features, row 0" in remark
        assert "10000.00 ha in the column, 1.00 ha of ground" in remark
    assert all(
        done.remarks == () for done in both(layer(ha=[1.9, 0.0, 0.5]), zones, tmp_path, area_field="ha")
    )


def test_degrees_declared_as_metres_and_loss_beyond_the_site_are_told_with_the_numbers(
    layer, zones, tmp_path
):
    degrees = [shapely.box(-70.2, -12.9, -70.1, -12.8)]
    for done in both(layer(geometry=degrees), zones, tmp_path):
        assert "from -70.2 -12.9 to -70.1 -12.8 look like degrees" in done.remarks[0]
        assert "1 of 1 features (0.00 ha), row 0" in done.remarks[1] and "beyond the site" in done.remarks[1]
    far = [square(0), box(2_000_000, 0, 2_000_100, 100)]
    for done in both(layer(geometry=far), zones, tmp_path):
        assert any("1 of 2 features" in remark and "row 1" in remark for remark in done.remarks)


def test_a_file_without_loss_is_a_product_only_where_somebody_says_which_days_were_searched(
    layer, zones, tmp_path
):
    done, refused = both(layer(geometry=[]), zones, tmp_path)
    assert "no loss" in done.remarks[0] and "there is no loss" in refused and "--covers" in refused
    searched = DateFields(field="year", covers=(dt.date(2019, 1, 1), dt.date(2019, 12, 31)))
    kept = both(layer(geometry=[]), zones, tmp_path, dates=searched)[1]
    assert kept.product.covers == ("2019-01-01", "2019-12-31") and len(kept.cells) == 0


def test_zones_that_are_points_are_refused_and_not_all_outside(layer, tmp_path):
    gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(made.WEST, made.SOUTH)], crs=made.CRS).to_parquet(
        tmp_path / "z.parquet"
    )
    message = both(layer(), [str(tmp_path / "z.parquet")], tmp_path)[0]
    assert "zones have no area; got 1 of 1, row 0" in message


def test_a_workbook_holds_sums_by_zone_with_what_they_were_made_from(layer, zones, tmp_path):
    loss = LossLayer(file=layer(mine=[0.25, 0.5, 1.0]), area_field="mine", dates=YEAR)
    options = AttributionOptions(by=("zone_name",))
    done = attribute_file(loss, zones, tmp_path / "o.xlsx", **ON, options=options)
    book = openpyxl.load_workbook(tmp_path / "o.xlsx")
    head, *rows = book["datos"].iter_rows(values_only=True)
    assert head == ("zone_name", "features", "overlap_ha", "attributed_ha")
    sums = {row[0]: (row[1], round(row[3], 6)) for row in rows}
    assert sums == {"east": (1, 0.5), "west": (2, 0.5), None: (1, 1.0)}
    assert done.remarks == ("zones overlap: rows add up to 2.00 ha on 1.75 ha of loss, and are not additive",)
    told = dict(book["procedencia"].iter_rows(values_only=True))
    assert (told["area_field"], told["date_field"], told["by"]) == ("mine", "year", "zone_name")
    with pytest.raises(LayerError, match="no such column to sum by; got .'nope'."):
        attribute_file(loss, zones, tmp_path / "x.csv", **ON, options=AttributionOptions(by=("nope",)))


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "gpkg"])
def test_columns_of_any_kind_are_written_or_refused_in_one_line(layer, zones, tmp_path, suffix):
    columns = {
        "list": [[1, 2], [], None],
        "Name": ["a", "b", "c"],
        "zone_NAME": ["a", "b", "c"],
        "when": pd.to_datetime(["2019-01-01T23:00:00-05:00"] * 3, utc=True),
        "yes": pd.array([True, None, False], dtype="boolean"),
        "delta": pd.to_timedelta([1, 2, 3], unit="D"),
    }
    loss = LossLayer(file=layer(**columns), dates=YEAR)
    done = attribute_file(loss, zones, tmp_path / f"o.{suffix}", **ON)
    assert done.rows == 4
    if suffix == "gpkg":
        taken = LossLayer(file=layer(fid=[5, 5, 5]), dates=YEAR)
        with pytest.raises(SelvawatchError, match="GeoPackage cannot hold.*rename the column"):
            attribute_file(taken, zones, tmp_path / "o.gpkg", **ON)


def raster(path, values, nodata=None):
    transform = Affine(10, 0, made.WEST, 0, -10, made.SOUTH + 1000)
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
        dtype=values.dtype, crs=made.CRS, transform=transform, nodata=nodata,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return str(path)


@pytest.mark.parametrize("nodata", [np.nan, None, -9999.0])
@pytest.mark.parametrize(
    ("encoding", "year", "code"),
    [
        ("mask", 2020, 1),
        ("hansen", None, 19),
        ("gfw-integrated", None, 31200),
        ("mapbiomas-mining", 2020, 30),
    ],
)
def test_a_float_raster_whose_empty_ground_is_nan_has_its_loss_alone(
    tmp_path, zones, encoding, year, code, nodata
):
    values = np.full((20, 20), np.nan, np.float32)
    values[5:15, 5:15] = code
    file = raster(tmp_path / "m.tif", values, nodata)
    kept = both(file, zones, tmp_path, dates=DateFields(), raster=RasterLoss(encoding=encoding, year=year))[1]
    assert kept.cells["ha"].sum() == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize(
    ("value", "what"),
    [(0.5, "got 0.5; needed whole codes"), (-9999, "got -9999.*no data"), (np.inf, "got inf"), (3e9, "3000")],
)
def test_a_value_that_is_no_code_is_refused_whatever_is_asked_for(tmp_path, zones, value, what):
    values = np.zeros((4, 4), np.float64)
    values[0, 0], values[1, 1] = 1, value
    file = raster(tmp_path / "m.tif", values)
    for message in both(
        file, zones, tmp_path, dates=DateFields(), raster=RasterLoss(encoding="mask", year=2020)
    ):
        with pytest.raises(LayerError, match=what):
            raise LayerError(str(message))


def test_options_of_rasters_and_of_columns_do_not_mix(layer, zones, tmp_path):
    mask = RasterLoss(encoding="mask", year=2020)
    for message in both(layer(), zones, tmp_path, dates=DateFields(), raster=mask):
        assert "the loss is no raster" in message
    file = raster(tmp_path / "m.tif", np.ones((4, 4), np.uint8))
    for message in both(file, zones, tmp_path, raster=mask):
        assert "a raster has no columns" in message
    for year, encoding in ((2050, "mask"), (1950, "mask"), (2020, "hansen")):
        with pytest.raises(LayerError, match="no year of loss|has its own dates"):
            RasterLoss(encoding=encoding, year=year)
    with pytest.raises(LayerError, match="dated in the future; got 60, which would be 2060-01-01"):
        loss_product(
            LossLayer(
                file=raster(tmp_path / "h.tif", np.full((4, 4), 60, np.uint8)),
                raster=RasterLoss(encoding="hansen"),
            ),
            PRODUCT,
            **ON,
        )


def test_a_product_keeps_its_file_fields_form_and_counts_and_tells_them(layer, tmp_path, command):
    file = layer(when=[201901, 201912, None], mine=[1.0, 2.0, 4.0])
    words = ["attribute", "--loss", file, "--date-field", "when", "--area-field", "mine", "--allow-undated"]
    said = command(*words, "--register-as", "p", "--store", tmp_path / "store")
    assert said.code == 0, said
    assert "7.00 ha kept as p, dates read as month, covers 2019-01-01 to 2019-12-31" in said.out
    assert "note: 1 of 3 features (4.00 ha) have no date" in said.err
    record = json.loads((tmp_path / "store" / "products" / "p" / "product.json").read_text())
    source = record["source"]
    assert (source["source_file"], source["area_field"], source["date_form"]) == (
        "loss.parquet",
        "mine",
        "month",
    )
    assert len(source["source_sha256"]) == 64 and source["undated_ha"] == "4.000000"
    refused = command(
        "table", "loss_by_period", "--product", "p", "--as-of", "2020-01-01", "--store", tmp_path / "store"
    )
    assert "a loss product has no earlier runs" in refused.error
