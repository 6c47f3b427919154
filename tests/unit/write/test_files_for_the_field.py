"""KML, KMZ and GPX as globes, phones and receivers read them."""

import io
import re
import zipfile
from xml.etree import ElementTree

import pyogrio
import pytest
from PIL import Image

from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS
from selvawatch.write import tiers
from selvawatch.write.formats.gpx import plain_ascii, write_gpx
from selvawatch.write.formats.kml import EXTENDED, write_kml, write_kmz
from selvawatch.write.language.i18n import language
from write_data import DATA_DAY, HOSTILE, OPEN_RULE, hostile_alerts, real_alerts

KML, GPX = "{http://www.opengis.net/kml/2.2}", "{http://www.topografix.com/GPX/1/1}"


def released(tier=Tier.RESTRICTED, frame=None):
    frame = real_alerts() if frame is None else frame
    return tiers.apply(ALERTS, frame, tiers.Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY))


def test_kml_has_a_folder_for_each_status_with_every_alert_once_and_hides_what_was_withdrawn(tmp_path):
    out = released()
    document = ElementTree.parse(write_kml(tmp_path / "a.kml", out, language("es"))).getroot()[0]
    folders = document.findall(f"{KML}Folder")
    names = [folder.findtext(f"{KML}name") for folder in folders]
    assert names == ["confirmada (5)", "provisional (2)", "retirada (1)"]
    assert [folder.findtext(f"{KML}visibility") for folder in folders] == ["1", "1", "0"]
    assert len(document.findall(f".//{KML}Placemark")) == len(out.frame)
    assert [name for name, _ in pyogrio.list_layers(tmp_path / "a.kml")] == names


def test_kml_has_time_spans_and_the_columns_as_data_in_the_order_of_its_schema(tmp_path):
    out = released()
    root = ElementTree.parse(write_kml(tmp_path / "a.kml", out, language("es"))).getroot()
    order = ["name", "visibility", "description", "TimeSpan", "styleUrl", "ExtendedData", "MultiGeometry"]
    rows = out.frame.set_index("alert_id")
    for mark in root.iter(f"{KML}Placemark"):
        assert [child.tag.removeprefix(KML) for child in mark] == order
        data = {one.get("name"): one.findtext(f"{KML}value") for one in mark.iter(f"{KML}Data")}
        row = rows.loc[data["alert_id"]]
        assert (data["status"], data["cause"]) == (row["status"], row["cause"])
        assert float(data["ha"]) == pytest.approx(row["ha"], abs=1e-4)
        assert mark.findtext(f"{KML}TimeSpan/{KML}begin") == f"{row['onset_earliest']:%Y-%m-%d}"
    labels = {one.get("name"): one.findtext(f"{KML}displayName") for one in root.iter(f"{KML}Data")}
    assert labels["first_detected"] == "Primera detección" and set(EXTENDED) - set(labels) <= {"review"}
    back = pyogrio.read_dataframe(tmp_path / "a.kml", layer="provisional (2)")
    assert len(back) == 2


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_lower_tiers_have_the_square_as_outline_no_point_and_no_column_that_is_not_theirs(tmp_path, tier):
    out = released(tier)
    text = write_kml(tmp_path / "a.kml", out, language("es")).read_text(encoding="utf-8")
    assert "<Point>" not in text and "concession_code" not in text
    assert ("native_community" in text) == (tier is Tier.PARTNER)
    for corners in re.findall(r"<coordinates>([^<]+)</coordinates>", text):
        assert len(corners.split()) == 5
    content = write_kmz(tmp_path / "a.kmz", out, language("es"), {"before_picture 0": b"x"})
    with zipfile.ZipFile(content) as archive:
        assert archive.namelist() == ["doc.kml"] and "<img" not in archive.read("doc.kml").decode()


def test_kmz_of_the_restricted_tier_shows_the_pictures_it_holds_and_equal_inputs_give_equal_bytes(tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(picture, "JPEG")
    frame = real_alerts().assign(
        before_picture=[f"pictures/a{n}-before.jpg" for n in range(8)],
        after_picture=[f"pictures/a{n}-after.jpg" for n in range(8)],
    )
    pictures = {"pictures/a0-before.jpg": picture.getvalue(), "pictures/a0-after.jpg": picture.getvalue()}
    write = [
        write_kmz(tmp_path / name, released(frame=frame), language("es"), pictures) for name in ("a", "b.kmz")
    ]
    assert write[0].read_bytes() == write[1].read_bytes()
    with zipfile.ZipFile(write[1]) as archive:
        assert archive.namelist() == ["doc.kml", "files/a0-after.jpg", "files/a0-before.jpg"]
        text = archive.read("doc.kml").decode()
        assert Image.open(io.BytesIO(archive.read("files/a0-after.jpg"))).size == (8, 8)
    shown = re.findall(r'src="([^"]+)"', ElementTree.fromstring(text).find(f".//{KML}description").text)
    assert shown == ["files/a0-before.jpg", "files/a0-after.jpg"] and text.count("img src") == 2
    layers = [pyogrio.read_dataframe(write[1], layer=name) for name, _ in pyogrio.list_layers(write[1])]
    assert sum(map(len, layers)) == 8


def test_a_receiver_gets_codes_and_comments_in_ascii_a_symbol_by_status_and_the_day(tmp_path):
    out = released()
    root = ElementTree.parse(write_gpx(tmp_path / "a.gpx", out, language("es"))).getroot()
    rows = out.frame.set_index("event_id")
    symbols = {"confirmed": "Flag, Red", "provisional": "Flag, Blue", "withdrawn": "Waypoint"}
    order = ["time", "name", "cmt", "desc", "sym", "type"]
    for point in root.iter(f"{GPX}wpt"):
        assert [child.tag.removeprefix(GPX) for child in point] == order
        row = rows.loc[point.findtext(f"{GPX}name")]
        comment = point.findtext(f"{GPX}cmt")
        assert comment.isascii() and comment.isprintable() and f"{row['first_detected']:%Y-%m-%d}" in comment
        assert point.findtext(f"{GPX}sym") == symbols[row["status"]]
        assert point.findtext(f"{GPX}time") == f"{row['first_detected']:%Y-%m-%d}T00:00:00Z"
    back = pyogrio.read_dataframe(tmp_path / "a.gpx", layer="waypoints")
    assert {"time", "name", "cmt", "sym"} <= set(back.columns) and set(back["name"]) == set(rows.index)
    assert "posible mineria; confirmada" in back["cmt"].iloc[0]


def test_names_of_a_receiver_stay_ascii_whatever_the_ids_are(tmp_path):
    frame = hostile_alerts().assign(event_id=[*HOSTILE[:-1], "ñandú-Ω-7"])
    root = ElementTree.parse(write_gpx(tmp_path / "a.gpx", released(frame=frame), language("es"))).getroot()
    names = [point.findtext(f"{GPX}name") for point in root.iter(f"{GPX}wpt")]
    assert all(name.isascii() and name.isprintable() and len(name) <= 30 for name in names)
    assert plain_ascii("ñandú-Ω-7\u202e", 30) == "nandu-_-7_"
