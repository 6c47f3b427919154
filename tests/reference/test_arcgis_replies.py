"""Replies of nine real ArcGIS servers (9.3 to 10.8) are read as what they hold, or refused in one line."""

import json

import pytest

from lying_services import Answering
from selvawatch.errors import SelvawatchError
from selvawatch.register.services.arcgis import arcgis_layer
from selvawatch.register.services.service import LayerRequest

READ = {"us-fl-polk": (10, "Point"), "us-mi-kent": (15, "Polygon"), "us-mo-columbia": (43, "Point")}
"""Features and their kind, of servers whose list of ids belongs to their page."""

REFUSED = {
    "us-ca-carson": "other features than it listed",
    "us-ms-madison": "other features than it listed",
    "us-il-cook": "lists no object ids; got features",
    "us-il-chicago": "lists no object ids; got only",
}
"""What is said of servers whose replies are of different days, or that list no ids."""


def replies(folder):
    """Metadata, ids and a page of a server."""
    found = {}
    for part, ending in (
        ("about", "metadata"),
        ("ids", "ids-only"),
        ("page", "-0"),
        ("page", "page-partial"),
    ):
        for path in folder.glob(f"*{ending}.json"):
            found[part] = json.loads(path.read_text(encoding="utf-8"))
    return found


def layer(folder, tmp_path):
    known = replies(folder)

    def answer(url, parameters):
        if not url.endswith("/query"):
            return known["about"]
        return known.get("ids", {"count": 0}) if "returnIdsOnly" in parameters else known["page"]

    request = LayerRequest(url="http://a.example/MapServer", layer="0", folder=tmp_path)
    return arcgis_layer(Answering(answer), request)


@pytest.mark.parametrize("name", READ)
def test_real_replies_are_read(reference_data, tmp_path, name):
    frame = layer(reference_data / "arcgis-replies-real" / name, tmp_path)
    assert (len(frame), frame.geometry.iloc[0].geom_type) == READ[name]
    west, south, east, north = frame.total_bounds
    assert -180 < west <= east < 0 < south <= north < 90
    frame.to_parquet(tmp_path / "a.parquet")


def test_ids_that_stand_in_another_attribute_are_found(reference_data, tmp_path):
    frame = layer(reference_data / "arcgis-replies-real" / "us-ca-tuolumne", tmp_path)
    assert len(frame) == 15 and frame["O_ID"].is_monotonic_increasing


@pytest.mark.parametrize("name", REFUSED)
def test_real_replies_that_cannot_be_counted_are_refused_in_one_line(reference_data, tmp_path, name):
    with pytest.raises(SelvawatchError, match=REFUSED[name]) as caught:
        layer(reference_data / "arcgis-replies-real" / name, tmp_path)
    assert "\n" not in str(caught.value)
