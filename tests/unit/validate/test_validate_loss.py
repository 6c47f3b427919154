"""A loss map against interpreted points: rasters, polygons, strata with and without areas, bad input."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

from selvawatch.errors import LayerError
from selvawatch.validate.loss_map import sample_map, validate_loss
from selvawatch.validate.stratified import stratified_accuracy

UTM = "EPSG:32719"


def write_map(path, values, crs=UTM, transform=None, nodata=255):
    transform = transform or Affine(100, 0, 300_000, 0, -100, 8_600_000)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as raster:
        raster.write(values, 1)
    return path


def lonlat(columns, rows):
    from pyproj import Transformer

    transformer = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    return transformer.transform(
        300_000 + 100 * (np.asarray(columns) + 0.5), 8_600_000 - 100 * (np.asarray(rows) + 0.5)
    )


@pytest.fixture
def case(tmp_path):
    """A map whose left fifth is loss, and 80 points of which the map gets some wrong."""
    values = np.zeros((50, 50), np.uint8)
    values[:, :10] = 16
    values[0, 49] = 255
    rng = np.random.default_rng(8)
    columns, rows = rng.integers(0, 50, 80), rng.integers(1, 50, 80)
    lost = (columns < 9) | ((columns > 40) & (rows < 5))
    lon, lat = lonlat(columns, rows)
    frame = pd.DataFrame({"lon": lon, "lat": lat, "label": np.where(lost, "loss", "stable")})
    frame.to_csv(tmp_path / "points.csv", index=False)
    return write_map(tmp_path / "map.tif", values), tmp_path / "points.csv", columns < 10, lost


def test_map_classes_as_strata_give_the_stratified_estimates(case):
    map_path, points, mapped, lost = case
    report = validate_loss(map_path, points)
    names = np.array(["no loss", "loss"])
    pixels = {"loss": 500.0, "no loss": 1999.0}
    expected = stratified_accuracy(names[mapped * 1], names[mapped * 1], names[lost * 1], pixels, "loss")
    assert report.users_accuracy == pytest.approx(expected.users_accuracy.value, rel=1e-9)
    assert report.producers_accuracy == pytest.approx(expected.producers_accuracy.value, rel=1e-5)
    assert report.ci95["producers_accuracy"] == pytest.approx(expected.producers_accuracy.interval, rel=1e-4)
    # a 100 m pixel is one hectare but for the projection's scale, some 1e-3 at this easting
    assert report.method.parameters["loss_area"] == pytest.approx(expected.area.value, rel=2e-3)
    assert (report.tp, report.fn) == (int((mapped & lost).sum()), int((~mapped & lost).sum()))
    assert any(line.startswith("note: area of loss") and "in ha" in line for line in report.lines())


def test_a_map_in_degrees_has_the_same_hectares_as_on_the_ellipsoid(tmp_path):
    values = np.ones((20, 20), np.uint8)
    transform = Affine(0.01, 0, -70, 0, -0.01, -12)
    path = write_map(tmp_path / "degrees.tif", values, crs="EPSG:4326", transform=transform)
    sample = sample_map(path, np.array([-69.95]), np.array([-12.05]))
    from pyproj import Geod

    ring = shapely.box(-70, -12.2, -69.8, -12)
    expected = abs(Geod(ellps="WGS84").geometry_area_perimeter(ring)[0]) / 10_000
    assert sample.lost.all()
    assert sample.class_ha["loss"] == pytest.approx(expected, rel=1e-4)


def test_strata_without_areas_say_so_and_estimate_no_area(case, tmp_path):
    map_path, points, _, _ = case
    frame = pd.read_csv(points).assign(Strata_Code=np.arange(80) % 3)
    frame.to_csv(tmp_path / "strata.csv", index=False)
    report = validate_loss(map_path, tmp_path / "strata.csv")
    assert any("strata areas are missing" in note for note in report.method.notes)
    assert "loss_area" not in report.method.parameters
    assert report.as_json()["method"]["parameters"]["design"] == "sample"


def test_strata_with_areas_are_weighted_by_them(case, tmp_path):
    map_path, points, mapped, lost = case
    strata = np.array(["a", "b"])[(np.arange(80) % 4 == 0) * 1]
    pd.read_csv(points).assign(stratum=strata).to_csv(tmp_path / "strata.csv", index=False)
    pd.DataFrame({"stratum": ["a", "b"], "area_ha": [900.0, 100.0]}).to_csv(tmp_path / "ha.csv", index=False)
    report = validate_loss(map_path, tmp_path / "strata.csv", areas_path=tmp_path / "ha.csv")
    share = {name: lost[strata == name].mean() for name in "ab"}
    assert report.method.parameters["loss_area"] == pytest.approx(900 * share["a"] + 100 * share["b"])


def test_polygons_count_as_loss_where_a_point_lies_inside(case, tmp_path):
    _, points, mapped, lost = case
    box = shapely.box(300_000, 8_595_000, 301_000, 8_600_000)
    gpd.GeoDataFrame(geometry=[box], crs=UTM).to_file(tmp_path / "loss.gpkg", layer="loss")
    report = validate_loss(f"{tmp_path / 'loss.gpkg'}:loss", points)
    assert report.tp == int((mapped & lost).sum())
    assert report.fp == int((mapped & ~lost).sum())
    assert any("not known" in note for note in report.method.notes)


def test_only_the_named_values_are_loss_when_values_are_named(case):
    map_path, points, _, _ = case
    assert validate_loss(map_path, points, loss_values=[15]).tp == 0


def test_disturbance_columns_are_read_by_type_and_year(case, tmp_path):
    map_path, points, _, _ = case
    frame = pd.read_csv(points)
    frame = frame.rename(columns={"lon": "Longitude", "lat": "Latitude"}).drop(columns="label")
    frame["Type1"], frame["Year1"] = None, np.nan
    frame["Type2"], frame["Year2"] = None, np.nan
    frame.loc[0, ["Type1", "Year1"]] = ["D/ND", 2001.0]
    frame.loc[0, ["Type2", "Year2"]] = ["Deforestation", 2010.0]
    frame.loc[1, ["Type1", "Year1"]] = ["Deforestation", 2001.0]
    frame.to_csv(tmp_path / "types.csv", index=False)
    assert validate_loss(map_path, tmp_path / "types.csv").as_json()["fn"] is not None
    both = validate_loss(map_path, tmp_path / "types.csv")
    late = validate_loss(map_path, tmp_path / "types.csv", years=(2005, 2012))
    assert (both.tp + both.fn, late.tp + late.fn) == (2, 1)


def test_the_report_has_the_stable_keys_and_no_others(case):
    map_path, points, _, _ = case
    assert list(validate_loss(map_path, points).as_json()) == [
        "n", "tp", "fp", "fn", "tn", "users_accuracy", "producers_accuracy", "f1", "auc", "delay_days_median",
        "delay_days_p90", "early_share", "false_alarms_per_100_px_years", "ci95", "method",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"lon": [-70.0], "label": ["loss"]}, "a column is missing.*lat"),
        ({"lon": [-70.0], "lat": [-12.0]}, "a label column is missing"),
        ({"lon": [-70.0], "lat": [-12.0], "label": ["forest"]}, "known to mean loss.*--positive"),
        ({"lon": ["west"], "lat": [-12.0], "label": ["loss"]}, "is not a number"),
        ({"lon": [0.0], "lat": [0.0], "label": ["loss"]}, "no reference point lies on the map"),
    ],
)
def test_a_sample_that_cannot_be_used_is_one_line(case, tmp_path, columns, message):
    map_path, _, _, _ = case
    pd.DataFrame(columns).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(LayerError, match=message) as error:
        validate_loss(map_path, tmp_path / "bad.csv")
    assert "\n" not in str(error.value)


def test_a_label_that_no_point_has_is_named(case):
    map_path, points, _, _ = case
    with pytest.raises(LayerError, match="no point has the label mining"):
        validate_loss(map_path, points, positive=["mining"])


def test_a_map_without_a_crs_or_that_is_no_map_is_one_line(case, tmp_path):
    _, points, _, _ = case
    with pytest.raises(LayerError, match="no CRS"):
        validate_loss(write_map(tmp_path / "bare.tif", np.zeros((5, 5), np.uint8), crs=None), points)
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(LayerError, match="cannot be read"):
        validate_loss(tmp_path / "text.tif", points)
    with pytest.raises(LayerError, match="missing"):
        validate_loss(tmp_path / "absent.tif", points)
