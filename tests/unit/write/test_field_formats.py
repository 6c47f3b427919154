"""Alerts out to the tools of the field, and the form for answers, each read by its own reader."""

import csv
import datetime as dt
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import pyxform.xls2xform
import rasterio
import shapely
from PIL import Image
from pyproj import Transformer

import write_data
from selvawatch.core.schema import Tier
from selvawatch.core.tables import VERDICTS
from selvawatch.errors import TableError
from selvawatch.reviews.form_entries import naming_of, role_of, verdict_of
from selvawatch.reviews.review import ROLES
from selvawatch.write.formats.field.mbtiles import PlacedPicture, write_mbtiles
from selvawatch.write.formats.field.xlsform import _WORDS, LIST, write_xlsform
from selvawatch.write.formats.format_table import FORMATS, Content, formats_of
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import Gate, apply

FIELD = [form.name for form in formats_of(Content.FIELD)]


def released(tier=Tier.RESTRICTED, **columns):
    frame = write_data.alerts(6, **columns)
    gate = Gate(tier=tier, rule=write_data.OPEN_RULE, data_day=write_data.DATA_DAY)
    return apply(write_data.ALERTS, frame, gate)


def written(tmp_path, name, alerts):
    path = tmp_path / f"out{FORMATS[name].suffix}"
    return FORMATS[name].write(path, alerts, {}, language("es"))


def test_no_run_writes_a_field_format_by_itself():
    assert {"odk", "kobo", "comapeo", "earthranger"} == set(FIELD)
    assert not set(FIELD) & {form.name for form in formats_of(Content.ALERTS)}


@pytest.mark.parametrize("name", FIELD)
@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_a_lower_tier_gets_no_point_but_one_line(tmp_path, name, tier):
    with pytest.raises(TableError, match="needed tier restricted") as raised:
        written(tmp_path, name, released(tier))
    assert "\n" not in str(raised.value) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FIELD)
def test_equal_alerts_give_equal_bytes_and_withdrawn_ones_are_left_out(tmp_path, name):
    first = written(tmp_path, name, released()).read_bytes()
    assert written(tmp_path, name, released()).read_bytes() == first
    frame = released().frame
    assert (frame["status"] == "withdrawn").any()
    for status, event in zip(frame["status"], frame["event_id"], strict=True):
        assert (str(event).encode() in first) == (status != "withdrawn"), (status, event)


def test_an_entity_list_has_a_label_a_geopoint_and_properties_that_odk_allows(tmp_path):
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, "odk", released()).read_text())))
    assert {"label", "geometry", "alert_id", "event_id"} <= set(rows[0])
    names = [name for name in rows[0] if name not in ("label", "geometry")]
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) and not name.startswith("__") for name in names)
    assert "name" not in names and all(row["label"] for row in rows)
    frame = released().frame.set_index("event_id")
    for row in rows:
        lat, lon, *_ = (float(part) for part in row["geometry"].split())
        assert (lon, lat) == pytest.approx(
            (frame.loc[row["event_id"], "lon"], frame.loc[row["event_id"], "lat"]), abs=1e-6
        )


def test_a_hostile_text_reaches_no_sheet_as_a_formula(tmp_path):
    for number in range(0, len(write_data.HOSTILE), 6):
        texts = list(write_data.HOSTILE[number : number + 6])
        alerts = released(district=(texts * 6)[:6])
        for name in FIELD:
            text = written(tmp_path, name, alerts).read_text(encoding="utf-8")
            assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", text)
            if name in ("odk", "kobo"):
                cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
                assert not [cell for cell in cells if cell[:1] in "=+@" and cell]


def test_comapeo_bodies_have_the_shape_that_its_server_takes(tmp_path, reference_data):
    example = json.loads(
        (reference_data / "delivery-contracts" / "comapeo_remote_detection_alert.json").read_text()
    )
    bodies = json.loads(written(tmp_path, "comapeo", released()).read_text())
    assert bodies
    for body in bodies:
        assert set(body) == set(example)
        start, end = (dt.datetime.fromisoformat(body[f"detectionDate{side}"]) for side in ("Start", "End"))
        assert start.tzinfo is not None and start <= end
        assert body["sourceId"]
        assert all(isinstance(value, str | int | float | bool | None) for value in body["metadata"].values())
        assert shapely.from_geojson(json.dumps(body["geometry"])).geom_type == "Point"


def test_earthranger_gets_one_event_for_each_alert_in_the_shape_of_gundi(tmp_path, reference_data):
    example = json.loads((reference_data / "delivery-contracts" / "earthranger_event_gundi.json").read_text())
    events = json.loads(written(tmp_path, "earthranger", released()).read_text())
    frame = released().frame
    live = frame[frame["status"] != "withdrawn"]
    assert sorted(event["event_details"]["alert_id"] for event in events) == sorted(live["alert_id"])
    for event in events:
        assert set(event) == set(example) and set(event["location"]) == {"lat", "lon"}
        assert dt.datetime.fromisoformat(event["recorded_at"]).utcoffset() == dt.timedelta(0)


def test_pyxform_accepts_the_form_and_warns_of_nothing(tmp_path):
    path = write_xlsform(tmp_path / "form.xlsx")
    assert path.read_bytes() == write_xlsform(tmp_path / "again.xlsx").read_bytes()
    made = pyxform.xls2xform.convert(path, validate=False)
    assert made.warnings == []
    assert f'src="jr://file-csv/{LIST}.csv"' in made.xform
    assert f"instance('{LIST}')/root/item" in made.xform
    for verdict in VERDICTS:
        assert f"<name>{verdict}</name>" in made.xform or f">{verdict}<" in made.xform


def test_what_the_form_calls_things_is_read_back():
    naming = naming_of((), (), VERDICTS)
    assert set(_WORDS) == {*VERDICTS, *ROLES}
    for code, words in _WORDS.items():
        for word in (code, *words):
            read = verdict_of(word, naming) if code in VERDICTS else role_of(word)
            assert read == code, word


def picture(colour, size=90):
    content = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), colour, np.uint8)).save(content, "JPEG", quality=95)
    return content.getvalue()


def test_gdal_reads_the_map_and_finds_each_picture_where_it_lies(tmp_path):
    boxes = [
        (368_400.0, 8_580_900.0, 369_300.0, 8_581_800.0),
        (369_100.0, 8_580_900.0, 370_000.0, 8_581_800.0),
    ]
    colours = [(200, 30, 30), (30, 30, 200)]
    pictures = [
        PlacedPicture(content=picture(colour), bounds=box, crs=write_data.CRS)
        for colour, box in zip(colours, boxes, strict=True)
    ]
    path = write_mbtiles(tmp_path / "map.mbtiles", pictures, "t", "d")
    assert path.read_bytes() == write_mbtiles(tmp_path / "again.mbtiles", pictures, "t", "d").read_bytes()
    to_mercator = Transformer.from_crs(write_data.CRS, "EPSG:3857", always_xy=True)
    with rasterio.open(path) as map_file:
        assert map_file.driver == "MBTiles" and map_file.crs.to_epsg() == 3857 and map_file.count == 4
        places = [
            (368_800.0, 8_581_300.0),
            (369_700.0, 8_581_300.0),
            (369_200.0, 8_581_300.0),
            (371_000.0, 8_581_300.0),
        ]
        found = list(map_file.sample([to_mercator.transform(*place) for place in places]))
    for values, colour in zip(found, [*colours, colours[0]], strict=False):
        assert np.abs(values[:3].astype(int) - colour).max() < 16 and values[3] == 255
    assert found[3][3] == 0
    with pytest.raises(TableError, match="no pictures"):
        write_mbtiles(tmp_path / "none.mbtiles", [], "t", "d")


def test_a_loss_without_an_observation_before_it_begins_on_its_onset(tmp_path):
    alerts = released(onset_earliest=[pd.NaT] * 6)
    onsets = alerts.frame.set_index("alert_id")["onset"].dt.strftime("%Y-%m-%d")
    for body in json.loads(written(tmp_path, "comapeo", alerts).read_text()):
        assert body["detectionDateStart"] == f"{onsets[body['sourceId']]}T00:00:00Z"
