"""A WFS may answer anything: all features are kept, where they lie, or it is one line."""

import numpy as np
import pyproj
import pytest

from lying_services import HERE, Answering, geojson, ring, wfs
from selvawatch.errors import SelvawatchError, SourceError
from selvawatch.register.services.replies import Limits, TooLargeError
from selvawatch.register.services.service import LayerRequest
from selvawatch.register.services.wfs import wfs_layer

PSAD56 = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4248"}}


def fetched(answer, tmp_path, limits=None, **rest):
    """The frame of a layer, its remarks and the client that was asked."""
    client = Answering(answer, limits or Limits())
    request = LayerRequest(url="http://a.example/wfs", layer="a", folder=tmp_path, extent=HERE, **rest)
    return wfs_layer(client, request), request.remarks, client


def refused(answer, tmp_path, **rest):
    with pytest.raises(SelvawatchError) as caught:
        fetched(answer, tmp_path, **rest)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    return str(caught.value)


def many(count, **rest):
    return [geojson(number, **rest) for number in range(count)]


def nameless(count):
    return [{key: value for key, value in one.items() if key != "id"} for one in many(count)]


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"numberMatched": "unknown"},
        {"numberMatched": -1},
        {"numberMatched": None},
        {"numberMatched": "25"},
        {"totalFeatures": 25},
        {"numberMatched": "unknown", "totalFeatures": 25},
        {"numberMatched": True},
    ],
)
def test_all_features_come_whatever_is_said_of_their_number(tmp_path, stated):
    frame, _, _ = fetched(wfs(many(25), most=10, **stated), tmp_path)
    assert sorted(frame["n"]) == list(range(25))


@pytest.mark.parametrize("count", [24, 26, 0])
def test_a_count_that_is_not_so_is_refused(tmp_path, count):
    assert "than it counted" in refused(wfs(many(25), most=10, numberMatched=count), tmp_path)


def test_a_page_that_holds_less_than_it_says_is_refused(tmp_path):
    assert "in a page" in refused(wfs(many(5), numberReturned=6), tmp_path)


@pytest.mark.parametrize("count", [10**12, 1e300, "1000000000000"])
def test_a_count_beyond_all_measure_is_refused_after_one_request(tmp_path, count):
    client = Answering(wfs(many(25), numberMatched=count))
    with pytest.raises(SourceError, match="too large"):
        wfs_layer(client, LayerRequest(url="http://a.example/wfs", layer="a", folder=tmp_path))
    assert len(client.requests) == 1


def test_features_without_end_are_refused(tmp_path):
    def answer(_, parameters):
        start = int(parameters["startIndex"])
        return {"features": [geojson(0, id=start + number) for number in range(10)]}

    assert "too large" in refused(answer, tmp_path, limits=Limits(features=200))


def test_a_service_that_gives_one_feature_a_page_is_given_up(tmp_path):
    line = refused(wfs(many(40), most=1), tmp_path, limits=Limits(spare_requests=5))
    assert "too many requests" in line


def test_a_service_that_gives_the_same_page_again_is_refused(tmp_path):
    for features in (many(10), nameless(10)):
        page = {"features": features}
        assert "features twice" in refused(lambda *_, page=page: page, tmp_path)


def test_features_without_ids_are_read_and_ordered_by_what_they_say(tmp_path):
    frame, _, _ = fetched(wfs(nameless(30), most=20, numberMatched=30), tmp_path)
    turned, _, _ = fetched(wfs(nameless(30)[::-1], most=20, numberMatched=30), tmp_path)
    assert frame["n"].tolist() == turned["n"].tolist() and sorted(frame["n"]) == list(range(30))


def test_pages_too_large_are_asked_for_in_smaller_ones(tmp_path):
    plain = wfs(many(25), numberMatched=25)

    def answer(url, parameters):
        if int(parameters["count"]) > 10:
            raise TooLargeError("too large")
        return plain(url, parameters)

    assert len(fetched(answer, tmp_path)[0]) == 25


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"message": "log in"},
        {"features": 5},
        {"features": {"a": 1}},
        {"features": [1]},
        {"features": [None]},
        {"features": [{"properties": 5, "geometry": None}]},
        {"features": [{"attributes": {"a": 1}, "geometry": {"rings": [ring(0)]}}]},
    ],
)
def test_what_is_no_collection_of_features_is_refused(tmp_path, reply):
    assert "the answer is no" in refused(lambda *_: reply, tmp_path)


@pytest.mark.parametrize(
    "coordinates",
    [[[[-70.2, float("nan")], *ring(0)[1:]]], [[["x", "y"], *ring(0)[1:]]], [[-70.2, -12.9]], "x", [[[]] * 5],
     [[[[[-70.2, -12.9]]]]]],
)  # fmt: skip
def test_coordinates_that_are_none_are_one_line_that_names_the_feature(tmp_path, coordinates):
    line = refused(wfs([geojson(0), geojson(1, coordinates)], numberMatched=2), tmp_path)
    assert "feature 1: " in line


def test_features_without_geometry_stay_without(tmp_path):
    features = [geojson(0), {**geojson(1), "geometry": None}, geojson(2, [])]
    frame, _, _ = fetched(wfs(features, numberMatched=3), tmp_path)
    assert frame.geometry.isna().tolist() == [False, True, True]


def moved(count, code):
    """Squares in another CRS."""
    to = pyproj.Transformer.from_crs(4326, code, always_xy=True)
    return [
        geojson(number, [[list(to.transform(*corner)) for corner in ring(number)]]) for number in range(count)
    ]


@pytest.mark.parametrize(
    "name",
    ["urn:ogc:def:crs:EPSG::4248", "EPSG:4248", "urn:ogc:def:crs:EPSG:6.9:4248", "http://www.opengis.net/def/crs/EPSG/0/4248",
     "http://www.opengis.net/gml/srs/epsg.xml#4248"],
)  # fmt: skip
def test_the_member_crs_of_a_reply_is_heeded(tmp_path, name):
    crs = {"type": "name", "properties": {"name": name}}
    frame, _, _ = fetched(wfs(moved(3, 4248), crs=crs, numberMatched=3), tmp_path)
    assert frame.total_bounds[:2] == pytest.approx([-70.2, -12.9], abs=1e-6)


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "EPSG:4326"])
def test_names_of_wgs84_are_wgs84_with_longitude_first(tmp_path, name):
    crs = {"type": "name", "properties": {"name": name}}
    frame, remarks, _ = fetched(wfs(many(3), crs=crs, numberMatched=3), tmp_path)
    assert frame.total_bounds[:2] == pytest.approx([-70.2, -12.9]) and remarks == []


@pytest.mark.parametrize(
    "crs",
    [
        None,
        {},
        {"type": "link", "properties": {"href": "http://127.0.0.1:9/crs"}},
        {"type": "name", "properties": {"name": "EPSG:999999"}},
        {"type": "name", "properties": {"name": "here"}},
        {"type": "name", "properties": {"name": "EPSG:4022"}},
        {"type": "name"},
        "EPSG:4326",
    ],
)
def test_a_member_crs_that_tells_nothing_is_not_wgs84_but_what_the_entry_declares(tmp_path, crs):
    answer = wfs(moved(3, 4248), crs=crs, numberMatched=3)
    assert "never guessed" in refused(answer, tmp_path)
    frame, _, _ = fetched(answer, tmp_path, crs="EPSG:4248")
    assert frame.total_bounds[:2] == pytest.approx([-70.2, -12.9], abs=1e-6)


def test_pages_in_different_crs_each_lie_where_they_say(tmp_path):
    features = many(10)[:5] + moved(10, 4248)[5:]

    def answer(_, parameters):
        start = int(parameters["startIndex"])
        named = {"crs": PSAD56} if start >= 5 else {}
        return {"features": features[start : start + 5], "numberMatched": 10, **named}

    frame, _, _ = fetched(answer, tmp_path)
    assert np.ptp(frame.bounds["miny"]) < 1e-6


@pytest.mark.parametrize("code", [4326, 4248, 32719])
def test_ordinates_in_the_other_order_are_put_right_where_only_so_they_lie_on_the_site(tmp_path, code):
    corners = [feature["geometry"]["coordinates"][0] for feature in moved(3, code)]
    swapped = [geojson(number, [[pair[::-1] for pair in ring]]) for number, ring in enumerate(corners)]
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}
    frame, remarks, _ = fetched(wfs(swapped, crs=crs, numberMatched=3), tmp_path)
    assert frame.total_bounds[:2] == pytest.approx([-70.2, -12.9], abs=1e-6)
    assert "in the other order" in remarks[0]


def test_ids_that_are_numbers_or_missing_in_some_are_read(tmp_path):
    features = [geojson(0, id=7), geojson(1, id="7b"), nameless(3)[2]]
    assert len(fetched(wfs(features, numberMatched=3), tmp_path)[0]) == 3
    assert "features twice" in refused(wfs([geojson(0), geojson(1, id="a.0")], numberMatched=2), tmp_path)
