"""An ArcGIS service may answer anything: what it means is read right, all else is one line."""

import copy

import numpy as np
import pytest
import shapely

from lying_services import HERE, Answering, arcgis, esri, ring
from selvawatch.errors import SelvawatchError, SourceError
from selvawatch.register.services.arcgis import arcgis_layer
from selvawatch.register.services.replies import Limits, TooLargeError
from selvawatch.register.services.service import LayerRequest


def fetched(answer, tmp_path, limits=None, **rest):
    """The frame of a layer, its remarks and the client that was asked."""
    client = Answering(answer, limits or Limits())
    request = LayerRequest(url="http://a.example/MapServer", layer="0", folder=tmp_path, extent=HERE, **rest)
    return arcgis_layer(client, request), request.remarks, client


def refused(answer, tmp_path, **rest):
    with pytest.raises(SelvawatchError) as caught:
        fetched(answer, tmp_path, **rest)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    return str(caught.value)


def test_rings_of_two_points_are_left_out_and_said(tmp_path):
    short = [[-70.2, -12.9], [-70.19, -12.9]]
    features = [esri(0), esri(1, {"rings": [ring(1), short]}), esri(2, {"rings": [short]})]
    frame, remarks, _ = fetched(arcgis(features), tmp_path)
    assert frame.geometry.isna().tolist() == [False, False, True]
    assert remarks == ["2 rings or lines without corners left out"]


@pytest.mark.parametrize("turned", [False, True])
def test_holes_are_holes_and_islands_ground_however_rings_turn(tmp_path, turned):
    outer, hole, island = (
        np.array(shapely.box(-70 - a, -13 - a, -70 + a, -13 + a).exterior.coords) for a in (0.3, 0.2, 0.1)
    )
    rings = [island.tolist(), (hole[::-1] if turned else hole).tolist(), outer.tolist()]
    frame, _, _ = fetched(arcgis([esri(0, {"rings": rings})]), tmp_path)
    assert shapely.area(frame.geometry.iloc[0]) == pytest.approx(0.36 - 0.16 + 0.04)
    assert frame.geometry.is_valid.all()


def test_a_repeated_ring_does_not_take_the_ground_away(tmp_path):
    frame, remarks, _ = fetched(arcgis([esri(0, {"rings": [ring(0), ring(0)]})]), tmp_path)
    assert shapely.area(frame.geometry.iloc[0]) == pytest.approx(1e-4) and len(remarks) == 1


@pytest.mark.parametrize(
    "geometry",
    [
        {"rings": [[[-70.2, float("nan")], *ring(0)[1:]]]},
        {"rings": [[[-70.2, float("inf")], *ring(0)[1:]]]},
        {"rings": [[[-70.2, int("9" * 400)], *ring(0)[1:]]]},
        {"rings": [[["west", -12.9], *ring(0)[1:]]]},
        {"rings": "none"},
        {"rings": [[[-70.2]]]},
        {"rings": [[None, None, None, None]]},
        {"curveRings": [[[-70.2, -12.9], {"a": [[-70.1, -12.9]]}]]},
        {"rings": [[[-70.2, -12.9], {"c": [[-70.1, -12.9], [-70.1, -12.8]]}, [-70.2, -12.9]]]},
        {"sphere": 1},
        [1, 2],
    ],
)
def test_coordinates_that_are_none_are_one_line_that_names_the_feature(tmp_path, geometry):
    line = refused(arcgis([esri(0), esri(1, geometry)]), tmp_path)
    assert "geometry cannot be read; got feature 1: " in line


def test_heights_measures_lines_points_and_empty_geometries_are_read(tmp_path):
    high = [[*corner, 250.0, 1.0] for corner in ring(0)]
    features = [
        esri(0, {"hasZ": True, "rings": [high]}),
        esri(1, {"paths": [[[-70.2, -12.9], [-70.1, -12.8]]]}),
        esri(2, {"x": -70.2, "y": -12.9}),
        esri(3, {"points": [[-70.2, -12.9], [-70.1, -12.9]]}),
        esri(4, {"x": "NaN", "y": "NaN"}),
        esri(5, {"rings": []}),
        esri(6, None),
    ]
    frame, _, _ = fetched(arcgis(features), tmp_path)
    assert frame.geometry.geom_type.tolist()[:4] == ["Polygon", "LineString", "Point", "MultiPoint"]
    assert frame.geometry.isna().sum() == 3 and not frame.geometry.iloc[0].has_z


@pytest.mark.parametrize(
    ("reference", "declared"),
    [
        ({"wkid": 24879}, ""),
        ({"wkid": 999_999, "latestWkid": 24879}, ""),
        ({"wkid": 0}, "EPSG:24879"),
        (None, "EPSG:24879"),
        ({"wkid": 10**400}, "EPSG:24879"),
    ],
)
def test_features_lie_where_the_reply_or_else_the_entry_says(tmp_path, reference, declared):
    square = shapely.box(280_000, 8_570_000, 281_000, 8_571_000)
    rings = [[list(corner) for corner in square.exterior.coords]]
    answer = arcgis([esri(0, {"rings": rings})], page={"spatialReference": reference})
    frame, _, _ = fetched(answer, tmp_path, crs=declared)
    assert frame.to_crs("EPSG:24879").geometry.iloc[0].hausdorff_distance(square) < 0.1
    assert frame.crs.to_epsg() == 4326


NO_DATUM = (
    'GEOGCS["x",DATUM["D_x",SPHEROID["International_1924",6378388,297]],PRIMEM["Greenwich",0],'
    'UNIT["Degree",0.0174532925199433]]'
)


@pytest.mark.parametrize(
    "reference", [None, {}, {"wkid": 999_999}, {"wkid": "x"}, {"wkt": NO_DATUM}, {"wkid": -1}, {"wkid": 4022}]
)
def test_a_reply_that_does_not_tell_its_datum_is_not_taken_for_wgs84(tmp_path, reference):
    line = refused(arcgis(page={"spatialReference": reference}), tmp_path)
    assert "CRS" in line and "never guessed" in line


def test_latitude_first_is_put_right_where_only_so_it_lies_on_the_site(tmp_path):
    swapped = [[y, x] for x, y in ring(0)]
    frame, remarks, _ = fetched(arcgis([esri(0, {"rings": [swapped]})]), tmp_path)
    assert frame.total_bounds[:2] == pytest.approx([-70.2, -12.9])
    assert "in the other order" in remarks[0]


@pytest.mark.parametrize(
    ("given", "count"),
    [([1.0, 2.0, 3.0, 4.0], 4), (["1", "2", "3", "4"], 4), ([4, 3, 3, 2, 1, 1], 4), (None, 4)],
)
def test_ids_as_floats_or_texts_or_twice_are_read(tmp_path, given, count):
    assert len(fetched(arcgis(ids=given), tmp_path)[0]) == count


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([None, 1], "no whole numbers"),
        (["x"], "no whole numbers"),
        ([1.5], "no whole numbers"),
        ([float("nan")], "no whole numbers"),
        ([int("9" * 400)], "no whole numbers"),
        ({"a": 1}, "no whole numbers"),
        ([True], "no whole numbers"),
        (list(range(1, 300)), "other features than it listed"),
    ],
)
def test_ids_that_are_none_are_one_line(tmp_path, ids, words):
    assert words in refused(arcgis(ids=ids), tmp_path)


def test_a_service_that_lists_no_ids_says_what_came_instead(tmp_path):
    def answer(url, parameters):
        if parameters.get("returnIdsOnly"):
            return {"features": [esri(0)]}
        return arcgis()(url, parameters)

    assert "lists no object ids; got features" in refused(answer, tmp_path)


def test_an_empty_list_of_ids_is_an_empty_layer(tmp_path):
    def answer(url, parameters):
        return {"objectIds": None} if parameters.get("returnIdsOnly") else arcgis()(url, parameters)

    assert len(fetched(answer, tmp_path)[0]) == 0


def test_ids_without_features_cost_few_requests(tmp_path):
    client = Answering(arcgis([], ids=list(range(10_000))))
    with pytest.raises(SourceError, match="got 0 of 1000"):
        arcgis_layer(client, LayerRequest(url="http://a.example/MapServer", layer="0", folder=tmp_path))
    assert len(client.requests) == 3


def test_a_service_that_gives_one_feature_a_request_is_given_up(tmp_path):
    features = [{**esri(0), "attributes": {"OBJECTID": number}} for number in range(900)]
    client = Answering(arcgis(features, most=1), Limits(spare_requests=8))
    with pytest.raises(SourceError, match="too many requests"):
        arcgis_layer(client, LayerRequest(url="http://a.example/MapServer", layer="0", folder=tmp_path))
    assert len(client.requests) < 100


def test_a_service_that_gives_less_than_it_says_is_asked_in_halves(tmp_path):
    features = [{**esri(0), "attributes": {"OBJECTID": number}} for number in range(30)]
    frame, _, client = fetched(arcgis(features, most=8), tmp_path)
    assert frame["OBJECTID"].tolist() == list(range(30)) and len(client.requests) < 20


def test_a_reply_too_large_is_asked_for_in_halves(tmp_path):
    plain = arcgis([esri(number) for number in range(4)])

    def answer(url, parameters):
        reply = plain(url, parameters)
        if len(reply.get("features", [])) > 1:
            raise TooLargeError("too large")
        return reply

    assert len(fetched(answer, tmp_path)[0]) == 4


@pytest.mark.parametrize(
    "features",
    [
        [esri(0), esri(0), esri(2)],
        [esri(0), esri(1), esri(1), esri(2)],
        [esri(0), esri(5), esri(2)],
    ],
)
def test_features_that_come_twice_or_were_not_listed_are_refused(tmp_path, features):
    answer = arcgis(page={"features": features}, ids=[1, 2, 3])
    assert "other features than it listed" in refused(answer, tmp_path)


def test_features_without_their_object_id_are_refused_with_its_name(tmp_path):
    features = [{"attributes": {"A": "x"}, "geometry": esri(0)["geometry"]}]
    line = refused(arcgis(page={"features": features}, ids=[1]), tmp_path)
    assert "no OBJECTID in them" in line


def test_the_object_id_is_found_in_other_letters_and_by_its_values(tmp_path):
    for name in ("objectid", "FID_2"):
        features = [{"attributes": {name: 7}, "geometry": esri(0)["geometry"]}]
        assert len(fetched(arcgis(page={"features": features}, ids=[7]), tmp_path)[0]) == 1


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"type": "Group Layer"}, "no layer of features; got Group Layer"),
        ({"type": "Raster Layer"}, "no layer of features"),
        ({"type": "Table"}, "no layer of features"),
    ],
)
def test_what_is_no_layer_of_features_is_said(tmp_path, about, words):
    assert words in refused(arcgis(about=about), tmp_path)


@pytest.mark.parametrize("count", [None, 0, -1, "many", "500", 1e9, float("nan"), [1]])
def test_any_record_count_is_survived(tmp_path, count):
    assert len(fetched(arcgis(about={"maxRecordCount": count}), tmp_path)[0]) == 4


@pytest.mark.parametrize("features", ["none", [1], [None], [{"properties": {}}], {"a": 1}])
def test_features_of_another_kind_are_refused(tmp_path, features):
    assert "no features" in refused(arcgis(page={"features": features}), tmp_path)


def test_attributes_of_any_kind_become_columns_that_a_file_keeps(tmp_path):
    values = {
        "mixed": ["a", 1, None, 2.5],
        "nested": [{"a": 1}, [1], None, "x"],
        "large": [2**60 + 1, None, 2**60 + 2, 2**60 + 3],
        "huge": [int("9" * 400), 1, 2, 3],
        "real": [1.5, None, float("nan"), 2],
        "flag": [True, False, None, True],
        "lone": ["\ud800x", "b", None, "c"],
    }
    rows = [esri(number, **{name: column[number] for name, column in values.items()}) for number in range(4)]
    for row in rows:
        row["attributes"]["geometry"] = "x"
    frame, _, _ = fetched(arcgis(rows), tmp_path)
    frame.to_parquet(tmp_path / "a.parquet")
    assert frame["geometry_"].tolist() == ["x"] * 4
    assert frame["large"].tolist()[0] == str(2**60 + 1)
    assert frame["huge"].tolist()[0] == "9" * 400
    assert frame["real"].tolist()[0] == 1.5 and frame["real"].isna().sum() == 2
    assert frame["mixed"].tolist()[:2] == ["a", "1"]


def test_dates_in_milliseconds_are_dates_and_texts_stay_texts(tmp_path):
    dates = [{"name": name, "type": "esriFieldTypeDate"} for name in "ABC"]
    about = {"fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, *dates]}
    rows = [esri(0, A=-86_400_000, B="2020-01-31T00:00:00.000Z", C=10**18), esri(1, A=None, B=None, C=0)]
    frame, _, _ = fetched(arcgis(rows, about=about), tmp_path)
    assert str(frame["A"].iloc[0])[:10] == "1969-12-31" and frame["A"].isna().tolist() == [False, True]
    assert frame["B"].tolist()[0].startswith("2020-01-31")
    assert frame["C"].tolist() == [str(10**18), "0"]


def test_a_layer_is_not_confused_with_a_group_or_another_of_its_name(tmp_path):
    layers = [
        {"id": 3, "name": "ANP", "subLayerIds": [4]},
        {"id": 4, "name": "ANP", "subLayerIds": None},
        {"id": "x", "name": "ANP"},
        None,
    ]
    plain = arcgis()

    def answer(url, parameters):
        return {"layers": layers} if "Server?" in url else plain(url.partition("?")[0], parameters)

    client = Answering(answer)
    request = LayerRequest(url="http://a.example/MapServer?token=abc", layer="ANP", folder=tmp_path)
    assert len(arcgis_layer(client, request)) == 4
    assert client.requests[1]["url"] == "http://a.example/MapServer/4?token=abc"
    layers.append(copy.deepcopy(layers[1]) | {"id": 5})
    with pytest.raises(SourceError, match="several layers"):
        arcgis_layer(client, request)


def test_too_many_features_are_refused(tmp_path):
    assert "too large" in refused(arcgis(), tmp_path, limits=Limits(features=3))


def test_nested_rings_without_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("selvawatch.register.coordinate_shapes.MOST_NESTED", 20)
    boxes = [shapely.box(-70 - size, -13 - size, -70 + size, -13 + size) for size in np.arange(1, 12) / 100]
    rings = [[list(corner) for corner in box.exterior.coords] for box in boxes]
    assert "too many rings" in refused(arcgis([esri(0, {"rings": rings})]), tmp_path)


def test_real_numbers_that_happen_to_be_whole_are_the_same_text_as_ever(tmp_path):
    fields = [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "HA", "type": "esriFieldTypeDouble"}]
    texts = []
    for other in (7, 7.5):
        rows = [esri(0, HA=5), esri(1, HA=other)]
        frame, _, _ = fetched(arcgis(rows, about={"fields": fields}), tmp_path)
        texts.append(str(frame["HA"].iloc[0]))
    assert texts == ["5.0", "5.0"]
