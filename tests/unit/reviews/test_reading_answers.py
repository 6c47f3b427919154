"""Answers in the forms of field tools: each lands on its alert, none on a wrong one, and no name is kept."""

import datetime as dt
import io
import json
import zipfile
from dataclasses import asdict, replace

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely

from selvawatch.core.days import NO_DAY, to_day
from selvawatch.core.tables import VERDICTS
from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import naming_of, verdict_of
from selvawatch.reviews.judging import Declared, judge
from selvawatch.reviews.matching import Alerts, published_versions
from selvawatch.reviews.readers.form_table import read_answers
from selvawatch.reviews.times import zone_of

FIRST, SECOND, OVERLAPPED = "MDD-260110-4DFW7K", "MDD-260212-7KQ2RT", "MDD-260301-9XYZ34"
NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
INSIDE_FIRST, INSIDE_SECOND, INSIDE_TWO = (-70.1, -12.8), (-70.2, -12.8), (-70.2295, -12.8)


def square(lon, lat, half=0.001):
    return shapely.box(lon - half, lat - half, lon + half, lat + half)


@pytest.fixture
def alerts():
    frame = gpd.GeoDataFrame(
        {
            "event_id": [FIRST, SECOND, OVERLAPPED, "MDD-260302-2ABC45"],
            "version": [2, 1, 1, 1],
            "status": ["confirmed"] * 4,
            "onset": pd.to_datetime(["2026-01-20"] * 4),
            "onset_earliest": pd.to_datetime(["2026-01-10"] * 4),
        },
        geometry=[
            square(*INSIDE_FIRST),
            square(*INSIDE_SECOND),
            square(-70.23, -12.8),
            square(-70.229, -12.8),
        ],
        crs="EPSG:4326",
    ).to_crs("EPSG:32719")
    rows = [(FIRST, 1), (FIRST, 2), (SECOND, 1), (OVERLAPPED, 1), ("MDD-260302-2ABC45", 1)]
    return Alerts(current=frame, versions=published_versions(rows), data_day=to_day("2026-06-30"))


def declared(*, zone="", columns=(), values=(), role=""):
    return Declared(naming=naming_of(columns, values, VERDICTS), zone=zone_of(zone), role=role, received=NOW)


def judged(tmp_path, alerts, text, name="answers.csv", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return judge(read_answers(path), alerts, declared(**options))


def landed(done):
    return [(review.alert_id, review.verdict) for review in done.reviews]


def test_a_plain_sheet_lands_by_id_with_the_version_that_it_names(tmp_path, alerts):
    done = judged(
        tmp_path,
        alerts,
        f"alert_id,verdict,seen_at\n{FIRST}.v1,no-loss,2026-06-04T10:00:00-05:00\n{SECOND},Minería,\n",
    )
    assert landed(done) == [(f"{FIRST}.v1", "no-loss"), (f"{SECOND}.v1", "mining")]
    assert done.reviews[0].observed_at == "2026-06-04T15:00:00Z"
    assert (done.reviews[1].observed_at, done.reviews[1].time_reason) == ("", "missing")
    assert done.unused == 0


def test_semicolons_tabs_marks_and_other_encodings_say_the_same(tmp_path, alerts):
    rows = [["id_alerta", "veredicto"], [FIRST, "Se vio minería"]]
    for delimiter in ";\t,":
        text = "\r\n".join(delimiter.join(row) for row in rows)
        for encoding in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
            assert landed(judged(tmp_path, alerts, text.encode(encoding))) == [(f"{FIRST}.v2", "mining")]


def test_an_unknown_id_is_one_line_even_where_the_point_lies_in_an_alert(tmp_path, alerts):
    lon, lat = INSIDE_FIRST
    done = judged(
        tmp_path,
        alerts,
        f"alert_id,verdict,lat,lon\nMDD-260110-AAAAAA,no-loss,{lat},{lon}\nsomething,no-loss,{lat},{lon}\n"
        f"{FIRST}.v9,no-loss,{lat},{lon}\n{SECOND},mining,,\n",
    )
    assert landed(done) == [(f"{SECOND}.v1", "mining")]
    assert [line.split(": ")[1] for line in done.problems] == ["row 2", "row 3", "row 4"]
    assert all("no alert has this id" in line and "\n" not in line for line in done.problems)


def test_a_point_counts_only_inside_one_outline_alone(tmp_path, alerts):
    points = [INSIDE_FIRST, INSIDE_TWO, (-70.5, -12.8), (0.0, 0.0)]
    text = "verdict,lat,lon\n" + "".join(f"no-loss,{lat},{lon}\n" for lon, lat in points)
    done = judged(tmp_path, alerts, text)
    assert landed(done) == [(f"{FIRST}.v2", "no-loss")]
    assert done.reviews[0].matched_by == "coordinate"
    assert "several alerts" in done.problems[0] and "no outline" in done.problems[1]


def test_an_id_that_the_point_contradicts_is_no_answer(tmp_path, alerts):
    lon, lat = INSIDE_SECOND
    done = judged(tmp_path, alerts, f"alert_id,verdict,lat,lon\n{FIRST},no-loss,{lat},{lon}\n")
    assert done.reviews == () and "two alerts" in done.problems[0]


def test_half_a_coordinate_is_one_line_and_an_id_stands_without_it(tmp_path, alerts):
    done = judged(
        tmp_path,
        alerts,
        f"alert_id,verdict,lat,lon\n,no-loss,-12.8,\n{FIRST},no-loss,-12.8,\n,no-loss,-91,-70\n,mining,abc,-70\n",
    )
    assert landed(done) == [(f"{FIRST}.v2", "no-loss")]
    assert ["half a coordinate" in line for line in done.problems] == [True, False, False]
    assert "only a latitude" in done.problems[0] and done.unused == 3
    assert "half a coordinate" in done.remarks[0] and "stands by its id" in done.remarks[0]


def test_a_place_visited_before_the_loss_began_is_no_answer_on_it(tmp_path, alerts):
    lon, lat = INSIDE_FIRST
    text = f"alert_id,verdict,lat,lon,seen_at\n,no-loss,{lat},{lon},2019-05-01T00:00:00Z\n"
    text += f"{FIRST},mining,,,1970-01-01T00:00:00Z\n"
    done = judged(tmp_path, alerts, text)
    assert landed(done) == [(f"{FIRST}.v2", "mining")]
    assert done.reviews[0].time_reason == "before-alert" and done.reviews[0].observed_at == ""
    assert "before the loss" in done.problems[0]


def test_a_time_without_zone_is_empty_or_as_declared(tmp_path, alerts):
    text = f"alert_id,verdict,seen_at\n{FIRST},no-loss,2026-06-04 22:00:00\n"
    silent = judged(tmp_path, alerts, text)
    assert (silent.reviews[0].observed_at, silent.reviews[0].time_reason) == ("", "no-zone")
    assert "--zone" in silent.remarks[0]
    for zone in ("-05:00", "America/Lima"):
        assert judged(tmp_path, alerts, text, zone=zone).reviews[0].observed_at == "2026-06-05T03:00:00Z"
    sent = text.replace("seen_at", "seen_at,SubmissionDate").replace(
        "00:00\n", "00:00,2026-06-05T12:00:00Z\n"
    )
    assert judged(tmp_path, alerts, sent).reviews[0].time_reason == "no-zone"
    with pytest.raises(LayerError, match="zone is not known"):
        zone_of("Lima time")


def test_names_and_free_text_are_dropped_and_said(tmp_path, alerts):
    name = "Juana Pérez"
    text = f"alert_id,verdict,SubmitterName,notes,role\n{FIRST},no-loss,{name},con {name},{name}\n"
    done = judged(tmp_path, alerts, text)
    assert "Juana" not in json.dumps([asdict(review) for review in done.reviews])
    assert done.reviews[0].role == ""
    assert any("SubmitterName" in line and "notes" in line for line in done.remarks)
    assert not any("Juana" in line for line in (*done.remarks, *done.problems))


def test_a_name_of_a_field_breaks_no_line(tmp_path, alerts):
    done = judged(tmp_path, alerts, f'alert_id,verdict,"a\nb\r\nc"\n{FIRST},mining,x\n,,y\n')
    assert landed(done) == [(f"{FIRST}.v2", "mining")]
    assert all(len(line.splitlines()) == 1 for line in (*done.problems, *done.remarks))


def test_a_file_without_a_verdict_is_one_line(alerts, reference_data):
    folder = reference_data / "delivery-contracts"
    for name in ("odk_submissions.csv", "kobotoolbox_submissions.csv", "mapeo_observations.geojson",
                 "comapeo_observations_2026-07-23.geojson", "smart_patrol_sample.xml", "SMART_000006_001.xml",
                 "earthranger_event_gundi.json", "gcch_alert.geojson", "osmand_notes.gpx",
                 "locusmap_favorites.gpx"):  # fmt: skip
        done = judge(read_answers(folder / name), alerts, declared())
        assert done.reviews == () and len(done.problems) == 1 and done.unused >= 1, name
        assert "no entry has a verdict" in done.problems[0]


def test_odk_and_kobo_rows_land_with_their_groups_and_times(tmp_path, alerts, reference_data):
    folder = reference_data / "delivery-contracts"
    odk = pd.read_csv(folder / "odk_submissions.csv", dtype=str)
    odk["visit-alert_id"], odk["visit-verdict"] = [FIRST, SECOND], ["not_mining", "nothing there"]
    done = judged(tmp_path, alerts, odk.to_csv(index=False))
    assert landed(done) == [(f"{FIRST}.v2", "other-loss"), (f"{SECOND}.v1", "no-loss")]
    # the real submissions are of 2025: before these alerts began
    assert {review.time_reason for review in done.reviews} == {"before-alert"}
    assert any("SubmitterName" in line for line in done.remarks) or len(done.remarks) >= 1

    kobo = pd.read_csv(folder / "kobotoolbox_submissions.csv", sep=";", dtype=str)
    kobo = kobo.assign(**{"end": "2026-06-19 14:33:05.995000-04:00"})
    lat, lon = (
        "_Please record the location of your local ecosystem._latitude",
        "_Please record the location of your local ecosystem._longitude",
    )
    kobo[lat], kobo[lon] = str(INSIDE_FIRST[1]), str(INSIDE_FIRST[0])
    kobo["visit/verdict"] = "no_loss"
    done = judged(tmp_path, alerts, kobo.to_csv(index=False, sep=";"))
    assert set(landed(done)) == {(f"{FIRST}.v2", "no-loss")} and len(done.reviews) == len(kobo)
    assert {review.observed_at for review in done.reviews} == {"2026-06-19T18:33:05Z"}


def test_a_workbook_says_what_the_csv_says(tmp_path, alerts):
    book = openpyxl.Workbook()
    for row in (["_uuid", "alert_id", "verdict"], ["ab-1", FIRST, "mining"], ["ab-2", SECOND, "nada"]):
        book.active.append(row)
    book.save(tmp_path / "answers.xlsx")
    sheet = judge(read_answers(tmp_path / "answers.xlsx"), alerts, declared())
    plain = judged(tmp_path, alerts, f"_uuid,alert_id,verdict\nab-1,{FIRST},mining\nab-2,{SECOND},nada\n")
    assert [review.review_id for review in sheet.reviews] == [review.review_id for review in plain.reviews]


def test_comapeo_and_mapeo_observations_land(tmp_path, alerts, reference_data):
    folder = reference_data / "delivery-contracts"
    for name, tags in (
        ("comapeo_observations_2026-07-23.geojson", "$comapeo"),
        ("mapeo_observations.geojson", ""),
    ):
        values = json.loads((folder / name).read_text())
        first = values["features"][0]
        first["properties"] |= {"alert_id": FIRST, "verdict": "no-loss"}
        if tags:
            first["geometry"] = {"type": "Point", "coordinates": list(INSIDE_FIRST)}
        else:
            first["properties"]["$created"] = "2026-06-11T18:33:21.059Z"
        done = judged(tmp_path, alerts, json.dumps(values), "answers.geojson")
        assert landed(done) == [(f"{FIRST}.v2", "no-loss")], name
        assert done.reviews[0].observed_at.startswith("2026-0"), name
        assert done.unused == len(values["features"]) - 1


def test_an_earthranger_event_lands_by_its_details_or_its_point(tmp_path, alerts, reference_data):
    event = json.loads((reference_data / "delivery-contracts" / "earthranger_event_gundi.json").read_text())
    by_id = event | {"event_details": {"alert_id": FIRST, "verdict": "mining", "seen_by": "Given Family"}}
    by_point = event | {
        "event_details": {"verdict": "no-loss"},
        "location": {"latitude": INSIDE_SECOND[1], "longitude": INSIDE_SECOND[0]},
        "reported_by": {"name": "Given Family"},
    }
    for values in ([by_id, by_point], {"data": {"results": [by_id, by_point]}}):
        done = judged(tmp_path, alerts, json.dumps(values), "answers.json")
        assert landed(done) == [(f"{FIRST}.v2", "mining"), (f"{SECOND}.v1", "no-loss")]
        assert "Family" not in json.dumps([asdict(review) for review in done.reviews])
        assert done.reviews[0].observed_at == "2026-06-04T00:00:00Z"


def test_a_smart_patrol_lands_by_an_attribute_and_keeps_no_member(tmp_path, alerts, reference_data):
    text = (reference_data / "delivery-contracts" / "smart_patrol_sample.xml").read_text()
    text = text.replace("2024-01-15", "2026-06-15").replace(
        "<ns2:sValue>Nesting in tall tree</ns2:sValue>", f"<ns2:sValue>{FIRST}</ns2:sValue>"
    )
    text = text.replace(
        '<ns2:attributes attributeKey="count">\n              <ns2:dValue>1</ns2:dValue>',
        '<ns2:attributes attributeKey="verdict">\n              <ns2:itemKey>alert.no_loss.</ns2:itemKey>',
    )
    done = judged(tmp_path, alerts, text, "patrol.xml", zone="-05:00")
    assert landed(done) == [(f"{FIRST}.v2", "no-loss")]
    assert done.reviews[0].observed_at == "2026-06-15T16:45:00Z"
    assert "Family" not in json.dumps([asdict(review) for review in done.reviews])


def test_the_same_answer_is_the_same_review_in_every_file(tmp_path, alerts):
    text = f"alert_id,verdict,seen_at\n{FIRST},no-loss,2026-06-04T10:00:00-05:00\n"
    first, second = (
        judged(tmp_path, alerts, text),
        judged(tmp_path, alerts, text.replace(",", ";"), "other.csv"),
    )
    assert first.reviews[0].review_id == second.reviews[0].review_id
    assert len(judged(tmp_path, alerts, text + text.splitlines()[1] + "\n").reviews) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("zeros.csv", b"a,b\n\x00\x01,2"),
        ("cut.json", b'{"type": "FeatureCollection", "features": ['),
        ("deep.json", b"[" * 100_000),
        ("none.json", b'{"a": 1}'),
        ("other.xml", b"<kml/>"),
        ("deep.xml", b"<patrol>" + b"<a>" * 100_000),
        ("bomb.xml", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><patrol>&a;</patrol>'),
        ("broken.xlsx", b"PK\x03\x04 no zip"),
    ],
)  # fmt: skip
def test_a_file_of_no_form_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LayerError) as raised:
        read_answers(tmp_path / name)
    assert "\n" not in str(raised.value) and name in str(raised.value)


def test_half_a_character_in_an_answer_is_no_character_and_the_rest_goes_in(tmp_path, alerts):
    half = chr(92) + "ud83d"
    answers = [
        {"alert_id": FIRST, "note": half},
        {"alert_id": SECOND, half: "x"},
        {"alert_id": f"X{half}"},
        {"alert_id": OVERLAPPED},
    ]
    entries = [
        {"type": "Feature", "geometry": None, "properties": {"verdict": "mining", **answer}}
        for answer in answers
    ]
    text = json.dumps({"type": "FeatureCollection", "features": entries}).replace(chr(92) * 2, chr(92))
    done = judged(tmp_path, alerts, text, "answers.geojson")
    assert len(done.reviews) == 3 and done.unused == 1
    json.dumps([asdict(review) for review in done.reviews]).encode()
    assert all(line.encode() and "\n" not in line for line in (*done.problems, *done.remarks))


def test_what_a_file_calls_things_can_be_declared(tmp_path, alerts):
    text = f"caso,hallazgo\n{FIRST},draga activa\n"
    done = judged(
        tmp_path, alerts, text, columns=["verdict=hallazgo", "alert=caso"], values=["mining=draga activa"]
    )
    assert landed(done) == [(f"{FIRST}.v2", "mining")]
    unknown = judged(tmp_path, alerts, text, columns=["verdict=hallazgo", "alert=caso"])
    assert "verdict is not known" in unknown.problems[0]
    with pytest.raises(LayerError, match="--column"):
        naming_of(["veredict=x"], (), VERDICTS)


def test_no_text_that_denies_mining_is_read_as_mining():
    naming = naming_of((), (), VERDICTS)
    assert verdict_of("Not mining", naming) == "other-loss"
    assert verdict_of("no mining here", naming) == ""


def test_an_earlier_version_speaks_until_the_run_that_published_it_last(alerts):
    earlier = replace(alerts, earlier_days={(FIRST, 1): to_day("2026-03-31")})
    assert earlier.until(FIRST, 2) == to_day("2026-06-30")
    assert earlier.until(FIRST, 1) == to_day("2026-03-31")
    assert alerts.until(FIRST, 1) == NO_DAY


def test_a_waypoint_lands_by_its_name_or_its_point(tmp_path, alerts, reference_data):
    folder = reference_data / "delivery-contracts"
    osmand = (folder / "osmand_notes.gpx").read_text()
    osmand = osmand.replace("YHpvuyI9--.1.jpg</name>", f"{FIRST} visita</name>", 1).replace(
        "2025-0", "2026-0"
    )
    osmand = osmand.replace("<desc>Fotografía</desc>", "<desc>No hay nada</desc>", 1)
    done = judged(tmp_path, alerts, osmand, "notes.gpx")
    assert landed(done) == [(f"{FIRST}.v2", "no-loss")] and done.unused == osmand.count("<wpt") - 1
    assert done.reviews[0].observed_at == "2026-05-03T21:53:38Z"
    locus = (folder / "locusmap_favorites.gpx").read_text()
    locus = locus.replace(
        'lat="40.768731" lon="-73.974922"', f'lat="{INSIDE_SECOND[1]}" lon="{INSIDE_SECOND[0]}"'
    )
    locus = locus.replace("My favorite tree", "Se vio minería").replace("2025-01", "2026-06")
    done = judged(tmp_path, alerts, locus, "favorites.gpx")
    assert landed(done) == [(f"{SECOND}.v1", "mining")] and done.reviews[0].matched_by == "coordinate"


@pytest.mark.parametrize(
    "text", ["{0}", " {0} ", "{lower}", "\u200b{0}\ufeff", "{dashes}", "alerta: {0}.v1, vista"]
)
def test_an_id_is_known_however_a_program_wrote_it(tmp_path, alerts, text):
    written = text.format(FIRST, lower=FIRST.lower(), dashes=FIRST.replace("-", "\u2013"))
    (one,) = judged(tmp_path, alerts, f'alert_id,verdict\n"{written}",mining\n').reviews
    assert one.event_id == FIRST


@pytest.mark.parametrize(
    "text", [f"{FIRST}.v2x", f"{FIRST}-7", f"X-{FIRST}", f"{FIRST}A", f"{FIRST}.vv1", "1"]
)
def test_an_id_that_only_begins_like_one_is_unknown(tmp_path, alerts, text):
    lon, lat = INSIDE_FIRST
    done = judged(tmp_path, alerts, f"alert_id,verdict,lat,lon\n{text},mining,{lat},{lon}\n")
    assert done.reviews == () and "no alert has this id" in done.problems[0]


def test_columns_that_stand_twice_contradict_each_other_and_none_is_passed_over(tmp_path, alerts):
    twice = f"alert_id,verdict,verdict\n{FIRST},mining,no-loss\n{SECOND},mining,mining\n{OVERLAPPED},,nada\n"
    done = judged(tmp_path, alerts, twice)
    assert landed(done) == [(f"{SECOND}.v1", "mining"), (f"{OVERLAPPED}.v1", "no-loss")]
    assert "several verdicts" in done.problems[0] and done.unused == 1
    ids = judged(tmp_path, alerts, f"alert_id,alert_id,verdict\n{FIRST},{SECOND},mining\n")
    assert ids.reviews == () and "names several alerts" in ids.problems[0]
    feature = '{"type": "Feature", "geometry": null, "properties": {"alert_id": "%s", "verdict": "mining",'
    text = '{"type": "FeatureCollection", "features": [' + feature % FIRST + '"verdict": "no-loss"}}]}'
    assert "several verdicts" in judged(tmp_path, alerts, text, "twice.geojson").problems[0]


def test_a_row_with_more_cells_than_the_head_is_one_line_and_no_answer(tmp_path, alerts):
    done = judged(tmp_path, alerts, f"alert_id,verdict,notes\n{FIRST},mining,uno, dos\n{SECOND},nada,x\n")
    assert landed(done) == [(f"{SECOND}.v1", "no-loss")]
    assert "row 2: the row has more cells than the head" in done.problems[0] and done.unused == 1


def test_a_quote_that_is_not_closed_swallows_no_answer(tmp_path, alerts):
    text = f'alert_id,verdict,notes\n{FIRST},mining,"abc\n{SECOND},no-loss,x\n'
    with pytest.raises(LayerError, match="line 3: the table cannot be read"):
        judged(tmp_path, alerts, text)


def test_the_mark_between_cells_is_the_one_that_makes_known_names(tmp_path, alerts):
    text = f'alert_id;verdict;"notas, etc, más, y otras"\n{FIRST};mining;a\n'
    assert landed(judged(tmp_path, alerts, text)) == [(f"{FIRST}.v2", "mining")]
    assert landed(judged(tmp_path, alerts, f"sep=;\r\n{text}")) == [(f"{FIRST}.v2", "mining")]


def test_every_sheet_of_a_workbook_is_read_and_a_formula_is_its_value_or_its_text(tmp_path, alerts):
    book = openpyxl.Workbook()
    for row in (["alert_id", "verdict", ""], [FIRST, "mining", "Juana Pérez"], ["=A2", "mining"]):
        book.active.append(row)
    second = book.create_sheet("julio")
    for row in (["alert_id", "verdict", "seen_at"], [SECOND, "nada", 46177.5], ["#N/A", "nada", None]):
        second.append(row)
    second.merge_cells("A2:A3")
    book.save(tmp_path / "answers.xlsx")
    done = judge(read_answers(tmp_path / "answers.xlsx"), alerts, declared())
    assert landed(done) == [(f"{FIRST}.v2", "mining"), (f"{SECOND}.v1", "no-loss")]
    assert done.reviews[1].time_reason == "unreadable"
    assert "row 3: no alert has this id; got =A2" in done.problems[0]
    assert "sheet julio, row 3" in done.problems[1] and done.unused == 2
    assert any("column 3" in line for line in done.remarks)


def test_rows_beyond_what_a_workbook_says_of_its_size_are_read(tmp_path, alerts):
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (["alert_id", "verdict"], [FIRST, "mining"], [SECOND, "nada"]):
        book.active.append(row)
    book.save(content)
    with zipfile.ZipFile(content) as whole, zipfile.ZipFile(tmp_path / "small.xlsx", "w") as small:
        for name in whole.namelist():
            small.writestr(name, whole.read(name).replace(b'ref="A1:B3"', b'ref="A1:A1"'))
    assert len(judge(read_answers(tmp_path / "small.xlsx"), alerts, declared()).reviews) == 2


def test_points_of_two_questions_in_two_alerts_are_no_answer(tmp_path, alerts):
    head = "begin-Latitude,begin-Longitude,place-Latitude,place-Longitude,verdict\n"
    rows = [(INSIDE_FIRST, INSIDE_SECOND), ((-70.5, -12.8), INSIDE_FIRST)]
    lines = [f"{one[1]},{one[0]},{two[1]},{two[0]},nada" for one, two in rows]
    done = judged(tmp_path, alerts, head + "\n".join(lines))
    assert landed(done) == [(f"{FIRST}.v2", "no-loss")] and "several alerts" in done.problems[0]


def test_an_answer_on_an_alert_that_merged_says_that_it_changes_nothing_of_the_other(tmp_path, alerts):
    merged = alerts.current.assign(merged_from=[None, "MDD-260105-8ABCDE MDD-260106-9ABCDE", None, None])
    versions = {**alerts.versions, "MDD-260105-8ABCDE": frozenset({1})}
    then = replace(alerts, current=merged, versions=versions)
    done = judged(tmp_path, then, "alert_id,verdict\nMDD-260105-8ABCDE,no-loss\n")
    assert landed(done) == [("MDD-260105-8ABCDE.v1", "no-loss")] and done.unused == 0
    assert f"has merged into {SECOND}" in done.remarks[0]


def test_what_stands_for_a_role_and_is_none_is_said_and_not_kept(tmp_path, alerts):
    done = judged(
        tmp_path, alerts, f"alert_id,verdict,cargo\n{FIRST},nada,Juana Pérez\n{SECOND},nada,Policía\n"
    )
    assert [review.role for review in done.reviews] == ["", "police"]
    assert any("1 reviews without a role" in line and "Juana" not in line for line in done.remarks)


def test_a_choice_that_an_event_holds_as_an_object_counts(tmp_path, alerts):
    details = {"alert_id": FIRST, "verdict": {"value": "no_loss", "display": "Nada"}, "by": {"name": "Juana"}}
    event = {"event_type": "x", "time": "2026-06-04T00:00:00Z", "event_details": details}
    done = judged(tmp_path, alerts, json.dumps(event), "answers.json")
    assert landed(done) == [(f"{FIRST}.v2", "no-loss")] and done.reviews[0].role == ""


def test_a_file_without_entries_says_so(tmp_path, alerts):
    done = judged(tmp_path, alerts, "alert_id,verdict\n")
    assert (done.reviews, done.unused) == ((), 0) and "holds no entry" in done.remarks[0]
