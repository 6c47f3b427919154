"""What alerts say of their ground: classes, zones, neutral legal context, nearness, order of rights."""

import datetime as dt
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import attribute_made as made
from attribute_made import SCALE, box, cells, register
from conftest import ROOT
from selvawatch.attribute.describe import Setting, alerts_of, describe, outline_cells
from selvawatch.attribute.faces import faces_of
from selvawatch.attribute.overlay import extent_of
from selvawatch.attribute.river_water import water_frame
from selvawatch.attribute.rules import Rules
from selvawatch.core.days import to_day
from selvawatch.core.settings import load
from selvawatch.core.tables import ALERTS, EVENTS, Tier
from selvawatch.events.patches import EventRule
from selvawatch.register.manifest import no_references
from selvawatch.register.register import register_of
from selvawatch.steps.run.attribute_events import Zones
from selvawatch.steps.run.publish import shown_references

RULES = load(Rules, made.AOI / "rules.toml")


def events(shapes, **columns):
    count = len(shapes)
    day = pd.Timestamp(2025, 6, 1)
    frame = pd.DataFrame(
        {
            "event_id": [f"e{index:05d}" for index in range(count)],
            "version": 2,
            "status": "confirmed",
            "confidence": "high",
            "change": "grown",
            "withdrawn_reason": None,
            "merged_from": None,
            **dict.fromkeys(
                ["first_detected", "confirmed_on", "onset", "onset_earliest", "onset_latest", "last_grown"],
                day,
            ),
            **dict.fromkeys(["ha", "ha_lo", "ha_hi"], 1.0),
            "looks": 5,
            "sensors": "sentinel-2",
            "cause": "mining",
            "mining_probability": 0.9,
            "cause_reasons": "x",
            **dict.fromkeys(["lon", "lat", "utm_e", "utm_n"], 0.0),
        },
        index=range(count),
    ).assign(**columns)
    for column in EVENTS.columns:
        if column.name not in frame and column.name != "geometry":
            frame[column.name] = pd.NaT if column.dtype == "date" else None
    return gpd.GeoDataFrame(
        EVENTS.check(gpd.GeoDataFrame(frame, geometry=shapes, crs=made.CRS)), crs=made.CRS
    )


def described(found, rights, cells_of=None, references=None, rules=RULES, **rest):
    loss = outline_cells(found) if cells_of is None else cells_of
    faces = faces_of(
        rights.rights,
        extent_of([found, loss, rights.rights]),
        equal_area=made.EQUAL_AREA,
        register_version=rights.version,
    )
    setting = Setting(
        register=rights,
        faces=faces,
        scale=SCALE,
        rules=rules,
        references=references or no_references(made.CRS),
        today=made.TODAY,
        loss_product="made 1",
        isolated_buffer_m=1000.0,
        **rest,
    )
    return describe(found, loss, setting)


def square(column, wide=1):
    return box(column * 100, 0, (column + wide) * 100, 100)


def right(kind, shape, **rest):
    return {"type": kind, "geometry": shape, **rest}


def test_an_alert_names_class_combination_zones_and_community():
    rights = register(
        [
            right("mining", square(0, 3), first="2012-01-01"),
            right("brazil_nut", square(0, 2), first="2003-01-01"),
            right("native_community", square(2), name="Comunidad <b>Uno</b>"),
            right("buffer", square(0, 9), name="Zona A"),
            right("corridor", square(0, 2)),
        ]
    )
    table = described(events([square(0, 2), square(2), square(5)]), rights)
    assert table["exclusive_class"].tolist() == ["brazil_nut", "native_community", "outside"]
    assert table["combination"].tolist() == ["brazil_nut+mining", "native_community+mining", "outside"]
    assert table["overlap_n"].tolist() == [2, 2, 0]
    assert table["corridor"].tolist() == ["in", "out", "out"]
    assert table["protected"].tolist() == ["buffer"] * 3
    assert table["protected_name"].tolist() == ["Zona A"] * 3
    assert table["in_native_community"].tolist() == ["out", "in", "out"]
    assert table["native_community"].fillna("").tolist() == ["", "Comunidad <b>Uno</b>", ""]
    assert table["mining_title_later"].tolist() == ["yes", "yes", "no"]
    assert table["site_category"].tolist() == ["II", "II", "III"]


def test_what_no_layer_was_there_to_say_is_unknown_and_not_out():
    table = described(events([square(0)]), register([]))
    for name in ("corridor", "protected", "in_native_community", "isolated_peoples", "near_water", "oil_lot"):
        assert table[name].tolist() == ["unknown"], name
    assert table["site_category"].tolist() == ["undetermined"]
    assert table["legal_context"].tolist() == ["undetermined"]


def test_a_zone_that_has_ended_says_nothing_of_the_one_that_replaced_it():
    spans = {"valid_from": dt.date(2010, 2, 18), "valid_to": dt.date(2012, 2, 19)}
    plain = {"types": {"corridor": "corridor"}, "from_column": "", "to_column": ""}
    rights = register([right("corridor", square(0))], **spans, **plain)
    day = {"onset": pd.to_datetime(["2011-06-01"] * 2 + ["2025-06-01"] * 2)}
    found = events([square(0), square(5), square(0), square(5)], **day)
    assert described(found, rights)["corridor"].tolist() == ["in", "out", "unknown", "unknown"]
    (shown,) = rights.could_hold("corridor", np.array([to_day(dt.date(2012, 2, 18))]))
    (after,) = rights.could_hold("corridor", np.array([to_day(dt.date(2012, 2, 19))]))
    assert shown and not after
    zones = Zones(register=rights, references=no_references(made.CRS))
    drawn = shown_references(zones, dt.date(2012, 2, 19), Tier.PUBLIC)
    assert drawn == ()


def test_a_map_shows_zones_of_the_latest_snapshot_that_have_not_ended():
    rows = [
        {"type": "corridor", "geometry": square(0), "name": "now", "first": "2012-02-19", "key": "a"},
        {"type": "corridor", "geometry": square(2), "name": "ended", "last": "2012-02-18", "key": "b"},
        {"type": "buffer", "geometry": square(4), "key": "c"},
        {"type": "district", "geometry": square(0), "name": "Inambari", "key": "d"},
    ]
    moved = [{**rows[0], "geometry": square(1)}, rows[1], rows[3]]
    register_then = register_of(
        [
            made.snapshot(rows, kind="zone"),
            made.snapshot(moved, kind="zone", date=dt.date(2026, 9, 1)),
        ],
        crs=made.CRS,
    )
    zones = Zones(register=register_then, references=no_references(made.CRS))
    drawn = shown_references(zones, dt.date(2026, 10, 1), Tier.PUBLIC)
    assert sorted((one.kind, one.name) for one in drawn) == [("corridor", "now"), ("district", "Inambari")]


def test_legal_context_follows_zones_titles_and_days():
    rights = register(
        [
            right("corridor", square(0, 4), first="2012-02-19"),
            right("exclusion", square(3, 3), first="2010-02-18"),
            right("mining", square(0), first="2013-01-01"),
            right("mining", square(2), first=None, last="2030-01-01"),
        ]
    )
    days = pd.to_datetime(["2025-06-01"] * 5 + ["2009-06-01"]).astype("datetime64[ms]")
    found = events([square(0), square(1), square(2), square(3), square(7), square(4)])
    for name in ("onset", "onset_earliest", "onset_latest"):
        found[name] = days
    table = described(found, rights)
    assert table["legal_context"].tolist() == [
        "allowed_area_title_in_force",
        "allowed_area_no_title",
        "undetermined",  # the title's validity is unknown
        "prohibited_area",
        "undetermined",  # no rule says anything
        "undetermined",  # before the rule and the zone
    ]
    corridor, exclusion = RULES.rule[2], RULES.rule[0]
    assert table["legal_citation"].tolist()[3] == (
        f"DL 1100, anexo 1 ({corridor.scope}); DU 012-2010 ({exclusion.scope})"
    )
    assert not table["legal_verified"].any()
    text = table.to_csv().lower()
    assert "illegal" not in text
    assert "ilegal" not in text


def test_a_loss_is_judged_by_the_rights_of_its_day_and_of_today_apart():
    rights = register([right("timber", square(0), first="2000-01-01", last="2025-06-30")])
    table = described(events([square(0)]), rights)
    assert table["exclusive_class"].tolist() == ["timber"]
    assert table["exclusive_class_today"].tolist() == ["outside"]


def test_cells_of_one_event_are_judged_each_on_its_own_day():
    rights = register([right("mining", square(0, 2), first="2025-01-01")])
    loss = cells([square(0), square(1)], event_id="e00000", ha=1.0)
    loss["onset"] = pd.to_datetime(["2024-06-01", "2025-06-01"]).astype("datetime64[ms]")
    loss["onset_earliest"] = loss["onset_latest"] = loss["onset"]
    table = described(events([square(0, 2)]), rights, loss)
    assert table["exclusive_share"].tolist() == [0.5]
    assert table["days_to_mining_application"].tolist() == [-151]


@pytest.mark.parametrize(
    ("metres", "wanted"),
    [
        (-50, "in_water"),
        (0, "in_water"),
        (49, "under_50_m"),
        (99, "under_100_m"),
        (499, "under_500_m"),
        (500, "far"),
    ],
)
def test_nearness_to_water_is_a_class_of_distance(metres, wanted):
    references = no_references(made.CRS)
    water = gpd.GeoDataFrame(
        {"name": ["río"], "year": [None]}, geometry=[box(100 + metres, 0, 900, 100)], crs=made.CRS
    )
    river = replace(references, rivers=water)
    table = described(events([square(0)]), register([]), references=river)
    assert table["near_water"].tolist() == [wanted]
    assert table["distance_river_m"].tolist() == [max(0, metres)]


def test_water_of_another_year_does_not_count():
    references = no_references(made.CRS)
    water = gpd.GeoDataFrame({"name": ["río"], "year": [2020]}, geometry=[square(0)], crs=made.CRS)
    table = described(
        events([square(0)]),
        register([]),
        references=replace(references, water=water),
    )
    assert table["near_water"].tolist() == ["far"]


def test_imagery_of_other_years_alone_does_not_make_a_loss_far_from_water():
    water = water_frame({2025: [square(3)]}, made.CRS)
    references = replace(no_references(made.CRS), river_water=water)
    found = events([square(0)] * 2, onset=pd.to_datetime(["2025-06-01", "2022-06-01"]))
    assert described(found, register([]), references=references)["near_water"].tolist() == [
        "under_500_m",
        "unknown",
    ]
    margin = register([right("water_margin", square(0))])
    assert described(found, margin, references=references)["near_water"].tolist() == ["under_50_m"] * 2
    river = gpd.GeoDataFrame({"name": ["r"], "year": [None]}, geometry=[square(90)], crs=made.CRS)
    known = described(found, register([]), references=replace(references, rivers=river))
    assert known["near_water"].tolist() == ["under_500_m", "far"]


def test_an_alert_within_the_guarded_distance_of_isolated_peoples_is_flagged():
    rights = register([right("isolated_peoples", square(0))])
    table = described(events([box(1100, 0, 1200, 100), box(1101, 0, 1200, 100)]), rights)
    assert table["isolated_peoples"].tolist() == ["yes", "no"]


def test_alerts_pass_their_schema_and_holders_are_for_the_restricted_tier_only():
    rights = register([right("mining", square(0))])
    found = events([square(0), square(5)])
    ranks = pd.DataFrame(
        {"rank": [2, 1], "score": [1.0, 2.0], "rank_reasons": "size"}, index=found["event_id"]
    )
    alerts = alerts_of(found, described(found, rights), ranks)
    assert alerts["alert_id"].tolist() == ["e00001.v2", "e00000.v2"]
    assert set(alerts["ci_method"]) == {"not_estimated"}
    for name in ("holder_types", "overlap_list", "concession_code", "isolated_peoples", "lon", "lat"):
        assert ALERTS.column(name).tier == Tier.RESTRICTED, name


def test_a_confirmed_alert_says_how_far_its_hectares_may_be_off():
    found = events([square(0), square(5)], status=["confirmed", "provisional"])
    ranks = pd.DataFrame({"rank": [1, 2], "score": 1.0, "rank_reasons": "size"}, index=found["event_id"])
    rule = load(EventRule, ROOT / "models" / "events.toml").interval
    alerts = alerts_of(found, described(found, register([])), ranks, interval=rule, pixel_m=10.0)
    sure, open_one = alerts.to_dict("records")
    assert sure["ha_ci_lo"] < sure["ha"] < sure["ha_ci_hi"] and sure["ci_method"] == "modelled"
    assert pd.isna(open_one["ha_ci_lo"]) and open_one["ci_method"] == "not_estimated"


def test_order_of_events_and_rights_changes_no_answer():
    rng = np.random.default_rng(20260101)
    rows = [
        right(kind, box(x, y, x + 300, y + 300), key=f"{kind}{index}")
        for index, (kind, x, y) in enumerate(
            zip(
                rng.choice(["mining", "timber", "brazil_nut", "buffer"], 20),
                *rng.integers(0, 900, (2, 20)),
                strict=True,
            )
        )
    ]
    found = events([box(x, y, x + 90, y + 90) for x, y in rng.integers(0, 1000, (15, 2))])
    one = described(found, register(rows))
    mixed = found.sample(frac=1, random_state=1)
    other = described(mixed, register(rows[::-1])).loc[one.index]
    pd.testing.assert_frame_equal(one, other)


def test_an_event_lost_before_and_after_a_title_was_granted_lies_on_an_application_and_on_a_title():
    rows = [right("mining", square(0, 4), key="A", first="2010-02-01") | {"asked": "2003-05-01"}]
    rights = register(rows, applied_column="asked")
    found = events([square(0, 2)])
    days = pd.to_datetime(["2006-01-01", "2012-01-01"])
    lost = cells(
        [square(0), square(1)],
        event_id=found["event_id"].iloc[0], onset=days, onset_earliest=days, onset_latest=days,
    )  # fmt: skip
    (row,) = described(found, rights, lost).to_dict("records")
    assert row["concession_type"] == "mining mining_application"
    assert row["overlap_n"] == 1 and row["overlap_list"] == "made:A"


def test_an_alert_says_whose_loss_it_is():
    assert described(events([square(0)]), register([]))["loss_product"].tolist() == ["made 1"]


def test_no_event_is_described_by_a_table_without_rows():
    rights = register([right("mining", square(0))])
    found = events([])
    table = described(found, rights, cells([]))
    assert len(table) == 0
    ranks = pd.DataFrame({"rank": [], "score": [], "rank_reasons": []}, index=pd.Index([], name="event_id"))
    assert len(alerts_of(found, table, ranks)) == 0


def test_river_water_of_the_year_makes_near_and_a_rule_apply_but_prohibits_nothing():
    water = water_frame({2025: [box(-200, 0, -30, 100)], 2019: [box(0, 0, 900, 100)]}, made.CRS)
    references = replace(no_references(made.CRS), river_water=water)
    table = described(events([square(0), square(4)]), register([]), references=references)
    assert table["near_water"].tolist() == ["under_50_m", "under_500_m"]
    np.testing.assert_allclose(table["distance_river_m"], [30, 430])
    assert table["legal_rules"].fillna("").tolist() == ["water-nearness", ""]
    assert table["legal_context"].tolist() == ["undetermined"] * 2


def test_a_rule_of_nearness_to_water_that_began_between_the_observations_makes_the_date_uncertain():
    water = water_frame({2009: [box(-200, 0, -30, 100)]}, made.CRS)
    references = replace(no_references(made.CRS), river_water=water)
    day = {"onset": pd.Timestamp(2009, 4, 9), "onset_latest": pd.Timestamp(2009, 4, 9)}
    found = events(
        [square(0), square(0), square(4)],
        **day,
        onset_earliest=pd.to_datetime(["2009-03-30", "2009-03-31", "2009-03-30"]),
    )
    table = described(found, register([]), references=references)
    assert table["date_uncertain"].tolist() == [True, False, False]


def test_a_rule_that_began_between_the_observations_makes_the_date_uncertain():
    rights = register([right("corridor", square(0, 9), first="2000-01-01")])
    day = {"onset": pd.Timestamp(2012, 3, 1), "onset_latest": pd.Timestamp(2012, 3, 1)}
    found = events([square(0), square(2)], **day, onset_earliest=pd.to_datetime(["2012-02-18", "2012-02-19"]))
    assert described(found, rights)["date_uncertain"].tolist() == [True, False]
