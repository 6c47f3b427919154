"""Areas of interest against districts and zones that others drew."""

import datetime as dt
import json

import pytest
import shapely

from conftest import ROOT
from selvawatch.core.area import Area
from selvawatch.core.hectares import equal_area_crs
from selvawatch.register.manifest import areas_as_districts
from selvawatch.register.vector_files import read_vector

CRS = "EPSG:32719"
FEATURES = json.loads((ROOT / "aoi" / "areas-v1.geojson").read_text(encoding="utf-8"))["features"]
NAMES = [feature["properties"]["name"] for feature in FEATURES]


def area(feature):
    says = feature["properties"]
    return Area(
        name=says["name"],
        title=says["title"],
        version=says["version"],
        source=says["source"],
        precision_km=says["precision_km"],
        geometry=shapely.from_geojson(json.dumps(feature["geometry"])),
    )


@pytest.fixture(scope="module")
def ground(reference_data):
    units = reference_data / "land-units-madre-de-dios" / "land_units.gpkg"
    districts = read_vector(
        f"{reference_data / 'peru-admin-madre-de-dios' / 'admin.gpkg'}:districts", crs=CRS
    )
    names = ("protected_area", "buffer_zone", "native_community")
    return districts, {name: read_vector(f"{units}:{name}", crs=CRS) for name in names}


def test_all_eight_areas_are_there_and_do_not_overlap():
    assert sorted(NAMES) == sorted(
        ["huepetuhe", "delta-1", "guacamayo", "la-pampa", "malinowski", "camanti", "pariamanu", "laberinto"]
    )
    assert (
        len(
            areas_as_districts(
                [area(feature) for feature in FEATURES],
                CRS,
                equal_area_crs(-70.3, -12.5),
                dt.date(2026, 1, 1),
            ).rights
        )
        == 8
    )


@pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
def test_most_of_an_area_lies_in_its_expected_district(feature, ground):
    districts, _ = ground
    shape = area(feature).projected(CRS)
    expected = feature["properties"]["expected_districts"]
    inside = shapely.union_all(districts.geometry[districts["IDDIST"].isin(expected)].to_numpy())
    share = shape.intersection(inside).area / shape.area
    if expected:
        assert share > 0.7, share
    else:
        whole = shapely.union_all(districts.geometry.to_numpy())
        assert shape.intersection(whole).area / shape.area < 0.3  # Camanti: Cusco


@pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
def test_an_area_touches_its_zones(feature, ground):
    _, zones = ground
    shape = area(feature).projected(CRS)
    touched = {str(name) for frame in zones.values() for name in frame[frame.intersects(shape)]["name"]}
    assert set(feature["properties"]["touches"]) <= touched


def test_camanti_touches_the_buffer_of_amarakaeri(ground):
    _, zones = ground
    (feature,) = [one for one in FEATURES if one["properties"]["name"] == "camanti"]
    buffers = zones["buffer_zone"]
    amarakaeri = buffers[buffers["name"] == "Amarakaeri"]
    assert amarakaeri.intersects(area(feature).projected(CRS)).any()
