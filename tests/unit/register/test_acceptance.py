"""What is kept of a layer can be used by every later command; what cannot is refused before it is written."""

import datetime as dt
import json
import math

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lying_services import HERE
from selvawatch.core.hectares import equal_area_crs
from selvawatch.errors import LayerError
from selvawatch.register.entries import Fetch, LayerEntry
from selvawatch.register.services.service import below, public_address, without_secrets
from selvawatch.register.snapshots import Origin, keep, records

EQUAL_AREA = equal_area_crs(-70.3, -12.5)
SQUARES = [shapely.box(-70.2 + 0.02 * n, -12.9, -70.19 + 0.02 * n, -12.89) for n in range(3)]


def entry(**rest):
    fetch = Fetch(kind="arcgis", url="http://a.example/MapServer", layer="0", max_lost_share=0.05)
    given = {"kind": "zone", "type": "buffer", "fetch": fetch, **rest}
    return LayerEntry(name="test", title="x", source="x", licence="x", open_ended=True, **given)


def kept(tmp_path, shapes, day=1, columns=None, **rest):
    """The record of a layer that is kept as of a day of October."""
    frame = gpd.GeoDataFrame(columns or {"A": range(len(shapes))}, geometry=list(shapes), crs=4326)
    origin = Origin(date=dt.date(2026, 10, day), address="x", extent=HERE)
    return keep(tmp_path, entry(**rest), frame, origin=origin, equal_area=EQUAL_AREA, salt=b"s")


def refused(tmp_path, shapes, words, **rest):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(LayerError, match=words) as caught:
        kept(tmp_path, shapes, **rest)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_feature_without_geometry_is_said_and_takes_no_hectare_from_the_others(tmp_path):
    record = kept(tmp_path, [SQUARES[0], None, SQUARES[2]])
    assert record.area_ha == pytest.approx(240.1, abs=1)
    assert record.remarks == ("1 of 3 features (row 1) without geometry",)
    assert records(tmp_path, "test") == [record]
    small = [shapely.box(-70.2, -12.9, -70.197, -12.897), None, SQUARES[2].centroid.buffer(0.001)]
    held = kept(tmp_path, small, day=2)
    assert held.state == "quarantined" and "of area lost" in held.why


def test_a_loss_of_area_is_seen_after_a_record_whose_area_is_no_number(tmp_path):
    record = kept(tmp_path, [SQUARES[0], None, SQUARES[2]])
    (path,) = (tmp_path / "test").glob("*.json")
    stated = {**json.loads(path.read_text()), "area_ha": math.nan}
    del stated["remarks"], stated["check"]  # as versions before wrote them
    path.write_text(json.dumps(stated))
    assert math.isnan(records(tmp_path, "test")[0].area_ha) and record.features == 3
    small = [shapely.box(-70.2, -12.9, -70.197, -12.897), None, SQUARES[2].centroid.buffer(0.001)]
    assert kept(tmp_path, small, day=2).state == "quarantined"


def drawn(text):
    """A geometry of WKT, whatever its numbers."""
    with np.errstate(invalid="ignore"):
        return shapely.from_wkt(text)


UTM = shapely.box(369_805, 8_573_618, 370_805, 8_574_618)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (UTM, "outside the site's ground.*369805"),
        (shapely.box(-12.9, -70.2, -12.89, -70.19), "outside the site's ground"),
        (shapely.box(0, 0, 0.01, 0.01), "outside the site's ground"),
        (shapely.box(289.8, -12.9, 289.81, -12.89), "outside the site's ground"),
        (shapely.box(2, 48, 3, 49), "outside the site's ground"),
        (drawn("POLYGON ((-70.2 -12.9, -70.1 Inf, -70.1 -12.8, -70.2 -12.9))"), "no numbers"),
        (drawn("LINESTRING (-70.2 NaN, -70.1 -12.9)"), "no numbers"),
    ],
)
def test_coordinates_that_are_none_or_lie_elsewhere_are_refused_before_anything_is_written(
    tmp_path, shape, words
):
    refused(tmp_path, [SQUARES[0], shape], words)


def test_layers_of_a_country_are_kept(tmp_path):
    country = shapely.box(-81.4, -18.4, -68.6, 0)
    assert kept(tmp_path, [country]).state == "accepted"


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([None, None], "no feature has a geometry"),
        ([shapely.Polygon()], "no feature has a geometry"),
        ([], "the layer is empty"),
        ([SQUARES[0].centroid], "no feature has an area"),
        ([SQUARES[0].exterior, None], "no feature has an area"),
    ],
)
def test_a_layer_of_ground_without_any_is_refused(tmp_path, shapes, words):
    refused(tmp_path, shapes, words)


def test_lines_are_roads_and_points_among_polygons_are_said(tmp_path):
    assert kept(tmp_path, [SQUARES[0].exterior], kind="reference", type="road").features == 1
    record = kept(tmp_path, [SQUARES[0], SQUARES[1].centroid], day=2)
    assert record.remarks == ("1 of 2 features (row 1) without area: points or lines",)


def test_rings_that_no_command_could_mend_are_refused(tmp_path):
    wild = shapely.Polygon(np.random.default_rng(1).random((300, 2)) * 0.1 + [-70.2, -12.9])
    refused(tmp_path, [wild], "cross themselves too often")


def test_columns_in_other_letters_get_the_names_of_the_entry(tmp_path):
    record = kept(tmp_path, SQUARES, columns={"codigou": ["1", "2", "3"]}, id_columns=("CODIGOU",))
    assert "CODIGOU" in gpd.read_parquet(tmp_path / "test" / record.file)
    assert record.remarks == ("columns in other letters: codigou",)
    two = {"codigou": ["1", "2", "3"], "Codigou": ["4", "5", "6"]}
    refused(
        tmp_path, SQUARES, "columns that the manifest names are missing", columns=two, id_columns=("CODIGOU",)
    )


def test_values_of_any_kind_are_kept_as_text(tmp_path):
    columns = {"A": ["a", 1, None], "B": [{"a": 1}, [2], None], "D": [2**70, 1, 2]}
    record = kept(tmp_path, SQUARES, columns=columns)
    found = gpd.read_parquet(tmp_path / "test" / record.file)
    assert found["A"].tolist()[:2] == ["a", "1"] and found["D"].tolist()[0] == str(2**70)


SECRET = "s3cr-et/+="


@pytest.mark.parametrize(
    "url",
    [
        f"https://a.example/wfs?token={SECRET}",
        f"https://a.example/wfs?service=WFS&authkey={SECRET}&request=GetFeature",
        f"https://user:{SECRET}@a.example/wfs",
        f"https://{SECRET}@a.example/wfs",
        f"https://a.example/wfs;jsessionid={SECRET}?a=b",
        f"https://a.example/wfs?{SECRET}",
        f"https://a.example/wfs#token={SECRET}",
        f"https://a.example:port/wfs?key={SECRET}",
        f"//a.example/wfs?key={SECRET}",
    ],
)
def test_a_key_in_an_address_is_in_no_form_of_it_that_is_kept(url):
    shown = public_address(url)
    assert SECRET not in shown and SECRET.split("/")[0] not in shown and "a.example" in shown
    assert "service=WFS" not in url or "service=WFS" in shown


def test_a_text_that_repeats_a_key_loses_it():
    url = "https://a.example/wfs?service=WFS&token=abc%2Fdef"
    assert without_secrets("bad token abc/def (abc%2Fdef) of WFS", url) == "bad token *** (***) of WFS"
    assert below("https://a.example/MapServer/?token=x", 4) == "https://a.example/MapServer/4?token=x"
