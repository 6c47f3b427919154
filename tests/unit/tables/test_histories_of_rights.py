"""Rights that changed between snapshots: one right through time, in every table."""

import datetime as dt
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import attribute_made as made
from attribute_made import box, cells, inputs, register, snapshot
from selvawatch.attribute.periods import Period, PeriodSet
from selvawatch.attribute.seniority import later_mining
from selvawatch.core.tier import Tier
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, UNKNOWN, Register, register_of, validity
from selvawatch.tables import TableOptions, build

APPLICATION = "mining_application"
ENTRY = {"applied_column": "asked", "status_column": "status", "ended_statuses": ("EXTINGUIDO",)}
SET = PeriodSet(
    name="two",
    title="two",
    periods=(
        Period(name="2002-05", title="", start=dt.date(2002, 1, 1), end=dt.date(2006, 1, 1)),
        Period(name="2008-11", title="", start=dt.date(2008, 1, 1), end=dt.date(2012, 1, 1)),
    ),
)


def right(kind: str, shape=None, **rest: object) -> dict:
    ground = box(0, 0, 1000, 1000) if shape is None else shape
    plain = {"key": "A", "asked": None, "status": None, "holder": "a"}
    return {**plain, "type": kind, "geometry": ground, **rest}


AWAY = right("other_right", box(5000, 5000, 5001, 5001), key="Z", first="2000-01-01")


def history(*snapshots: tuple[int, list[dict]], **rest: object) -> Register:
    """The register of snapshots, each the first day of a year and its rows."""
    taken = [snapshot(rows, date=dt.date(year, 1, 1), **{**ENTRY, **rest}) for year, rows in snapshots]
    return register_of(taken, crs=made.CRS)


def states(rights: Register, day: str) -> dict[str, int]:
    """State by type of what is in force, or may be, on a day."""
    rows = np.arange(len(rights))
    number = (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days
    found = validity(rights.rights).states(rows, np.full(len(rows), number))
    kinds = rights.rights["type"].to_numpy()
    live = found != NOT_IN_FORCE
    assert len(kinds[live]) == len(set(kinds[live])), "two states of a type on one day"
    live &= ~rights.rights["source_key"].str.startswith("Z").to_numpy()
    return dict(zip(kinds[live].tolist(), found[live].tolist(), strict=True))


def kinds(rights: Register, *days: str) -> list[str]:
    return ["+".join(sorted(states(rights, day))) or "-" for day in days]


def of(name: str, made_inputs, **options: object) -> pd.DataFrame:
    return build(name, made_inputs, TableOptions(**options))


def lost_on(*days: str, shape=None) -> gpd.GeoDataFrame:
    ground = box(100, 100, 200, 200) if shape is None else shape
    stamps = pd.to_datetime(list(days)).astype("datetime64[ms]")
    return cells([ground] * len(days), onset=stamps, onset_earliest=stamps, onset_latest=stamps)


def test_ground_asked_for_in_2003_lost_in_2006_and_titled_in_2010_was_under_application():
    rights = history((2026, [right("mining", asked="2003-05-01", first="2010-02-01")]))
    assert kinds(rights, "2003-04-30", "2003-05-01", "2010-01-31", "2010-02-01", "2025-01-01") == [
        "-", APPLICATION, APPLICATION, "mining", "mining",
    ]  # fmt: skip
    rows = of("loss_by_type", inputs(lost_on("2006-06-01"), rights), accounting="exclusive")
    assert rows.loc[rows["ha"] > 0, ["class", "validity"]].to_numpy().tolist() == [[APPLICATION, "in_force"]]
    today = of("loss_by_type", inputs(lost_on("2006-06-01"), rights), accounting="exclusive", clock="today")
    assert today.loc[today["ha"] > 0, "class"].tolist() == ["mining"]


HISTORIES = {
    "titled between snapshots, dated": (
        [(2008, [right(APPLICATION, asked="2003-01-01")]),
         (2014, [right("mining", asked="2003-01-01", first="2010-01-01")])],
        {"2002-12-31": "-", "2003-01-01": APPLICATION, "2009-12-31": APPLICATION, "2010-01-01": "mining",
         "2013-06-01": "mining", "2020-01-01": "mining"},
    ),
    "titled on an unknown day between snapshots": (
        [(2008, [right(APPLICATION, asked="2003-01-01")]), (2014, [right("mining", asked="2003-01-01")])],
        {"2005-01-01": APPLICATION, "2013-12-31": APPLICATION, "2014-01-01": "mining"},
    ),
    "title without its application": (
        [(2008, [right(APPLICATION, asked="2003-01-01")]), (2014, [right("mining", first="2010-01-01")])],
        {"2009-06-01": APPLICATION, "2010-06-01": "mining"},
    ),
    "application told of later": (
        [(2012, [right("mining", first="2010-01-01")]),
         (2014, [right("mining", asked="2003-01-01", first="2010-01-01")])],
        {"2002-01-01": "-", "2005-01-01": APPLICATION, "2011-01-01": "mining", "2020-01-01": "mining"},
    ),
    "titled before a snapshot that still had it as an application": (
        [(2012, [right(APPLICATION, asked="2003-01-01")]),
         (2014, [right("mining", asked="2003-01-01", first="2010-01-01")])],
        {"2009-06-01": APPLICATION, "2011-06-01": "mining"},
    ),
    "withdrawn, then asked for again": (
        [(2004, [right(APPLICATION, asked="2003-01-01")]), (2008, [AWAY]),
         (2014, [right(APPLICATION, asked="2012-01-01")])],
        {"2007-12-31": APPLICATION, "2008-01-01": "-", "2011-12-31": "-", "2012-01-01": APPLICATION},
    ),
    "extinct, then revived": (
        [(2006, [right("mining", first="2005-01-01", status="TITULADO")]),
         (2010, [right("mining", first="2005-01-01", status="EXTINGUIDO")]),
         (2014, [right("mining", first="2005-01-01", status="TITULADO")])],
        {"2009-12-31": "mining", "2010-01-01": "-", "2013-12-31": "-", "2014-01-01": "mining"},
    ),
    "extinct on a day that a later snapshot says": (
        [(2006, [right("mining", first="2005-01-01")]),
         (2014, [right("mining", first="2005-01-01", last="2009-12-31")])],
        {"2009-12-31": "mining", "2010-01-01": "-", "2015-01-01": "-"},
    ),
    "renewed before it was seen again": (
        [(2006, [right("timber", first="2005-01-01", last="2009-12-31")]),
         (2014, [right("timber", first="2010-01-01", last="2029-12-31")])],
        {"2009-12-31": "timber", "2010-01-01": "timber", "2013-01-01": "timber", "2029-12-31": "timber",
         "2030-01-01": "-"},
    ),
    "prolonged before it was seen again": (
        [(2006, [right("timber", first="2005-01-01", last="2009-12-31")]),
         (2014, [right("timber", first="2005-01-01", last="2029-12-31")])],
        {"2009-01-01": "timber", "2012-01-01": "timber", "2020-01-01": "timber"},
    ),
    "other holders, twice": (
        [(2006, [right("mining", first="2005-01-01")]),
         (2010, [right("mining", first="2005-01-01", holder="b", status="CESION")]),
         (2014, [right("mining", first="2005-01-01", holder="c", status="OTRA")])],
        {"2005-01-01": "mining", "2009-12-31": "mining", "2010-01-01": "mining", "2016-01-01": "mining"},
    ),
    "another use on an unknown day": (
        [(2006, [right("timber", first="2002-01-01")]), (2014, [right("conservation", first="2002-01-01")])],
        {"2003-01-01": "timber", "2013-12-31": "timber", "2014-01-01": "conservation"},
    ),
    "an earlier day told of later": (
        [(2006, [right("mining", first="2005-01-01")]), (2014, [right("mining", first="2003-01-01")])],
        {"2002-12-31": "-", "2003-06-01": "mining", "2010-01-01": "mining"},
    ),
    "dates told of later": (
        [(2006, [right("mining")]), (2014, [right("mining", first="2003-01-01")])],
        {"2002-12-31": "-", "2003-06-01": "mining", "2010-01-01": "mining"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
def test_a_right_is_what_its_snapshots_and_dates_say_on_every_day(name):
    snapshots, wanted = HISTORIES[name]
    for order in (snapshots, snapshots[::-1]):
        rights = history(*order)
        assert dict(zip(wanted, kinds(rights, *wanted), strict=True)) == wanted


def test_a_snapshot_that_replaces_another_of_its_day_leaves_no_trace():
    row = right("mining", first="2005-01-01")
    first, wrong, again = (
        snapshot(rows, date=dt.date(year, 1, 1), **ENTRY)
        for year, rows in ((2006, [row]), (2010, [right("timber")]), (2010, [row]))
    )
    taken = [first, replace(wrong, order=1), replace(again, order=2)]
    assert register_of(taken, crs=made.CRS).rights["recorded_to"].isna().tolist() == [True]


def changed() -> Register:
    """Five rights of 100 ha, one under the other; of two the status, and of one the holder, changed."""

    def rows(status: str) -> list[dict]:
        return [
            right("mining", box(0, 1000 * n, 1000, 1000 * n + 1000), key=f"k{n}", first="2003-01-01",
                  status=status if n < 3 else "TITULADO")
            for n in range(5)
        ]  # fmt: skip

    return history((2010, rows("TITULADO")), (2020, rows("CESION")))


def test_a_right_that_changed_its_status_is_in_force_at_the_end_of_every_period():
    rows = of("granted_by_period", inputs(lost_on("2015-01-01"), changed(), periods={"two": SET}))
    rows = rows[rows["area"] == "all"].set_index("period")
    ends = rows.loc[["2002-05", "2008-11"]]
    np.testing.assert_allclose(ends["ha_in_force"], 500, rtol=2e-3)
    np.testing.assert_allclose(ends["ha_in_force_gross"], ends["ha_in_force"], rtol=1e-12)
    assert rows["n"].to_dict() == {"2002-05": 5, "2008-11": 0, "undated": 0}
    assert rows.loc["undated", "ha_in_force"] != rows.loc["undated", "ha_in_force"]


def test_every_right_is_granted_in_one_row_of_the_set_before_after_between_or_undated():
    days = ["1999-01-01", "2003-01-01", "2007-01-01", "2009-01-01", "2015-01-01", None]
    rows = [right("mining", box(0, 100 * n, 100, 100 * n + 100), key=str(n), first=day)
            for n, day in enumerate(days)]  # fmt: skip
    data = inputs(lost_on("2015-01-01"), history((2020, rows)), periods={"two": SET})
    granted = of("granted_by_period", data).set_index("period")
    order = ["before", "2002-05", "no_period", "2008-11", "after", "undated"]
    assert granted.loc[order, "n"].tolist() == [1] * 6
    public = inputs(lost_on("2015-01-01"), history((2020, rows)), periods={"two": SET},
                    tier=Tier.PUBLIC, least_rights=1)  # fmt: skip
    assert set(of("granted_by_period", public)["period"]) == set(order)


def test_of_days_that_have_not_come_no_ground_is_in_force_and_no_row_names_one():
    far = [("2020-29", 2020, 2030), ("2030-39", 2030, 2040)]
    later = PeriodSet(
        name="later",
        title="later",
        periods=tuple(
            Period(name=name, title="", start=dt.date(start, 1, 1), end=dt.date(end, 1, 1))
            for name, start, end in far
        ),
    )
    rows = [right("mining", key="1", first="2021-01-01"), right("mining", key="2", first="2041-01-01")]
    data = inputs(lost_on("2022-01-01"), history((2020, rows)), periods={"later": later})
    granted = of("granted_by_period", data).set_index("period")
    today = (dt.date(1970, 1, 1) + dt.timedelta(days=made.TODAY)).isoformat()
    days = {"2020-29": today, "2030-39": "", "after": "", "undated": ""}
    assert granted["in_force_on"].to_dict() == days
    assert granted["ha_in_force"].notna().to_dict() == {name: bool(day) for name, day in days.items()}


@pytest.mark.parametrize("first_x", [0, 3000])
def test_that_an_application_is_not_dated_to_the_day_goes_with_its_ground_not_with_its_id(first_x):
    x, y = (box(west, 0, west + 1000, 1000) for west in (first_x, 3000 - first_x))
    title = {"first": "2010-02-01", "key": "A"}
    rights = history(
        (2012, [right("mining", x, asked="2003", **title)]),
        (
            2020,
            [
                right("mining", x, asked="2003-01-01", **title),
                right("mining", y, asked="2004-05-01", **title),
            ],
        ),
    ).rights
    asked = rights[rights["type"] == APPLICATION]
    vague = {row.geometry.bounds[0]: not row.dates_known for row in asked.itertuples()}
    assert vague == {x.bounds[0]: True, y.bounds[0]: False}


def test_an_application_and_the_title_that_it_became_are_granted_each_in_its_type():
    rights = history((2020, [right("mining", asked="2003-01-01", first="2009-01-01")]))
    rows = of("granted_by_period", inputs(lost_on("2015-01-01"), rights, periods={"two": SET}))
    granted = rows[(rows["n"] == 1)].set_index("type")["period"].to_dict()
    assert granted == {APPLICATION: "2002-05", "mining": "2008-11"}


def test_loss_on_a_right_that_changed_is_one_row_with_its_states():
    rights = history(
        (2010, [right("mining", first="2003-01-01")]),
        (2020, [right("mining", first="2003-01-01", status="CESION")]),
    )
    lost = lost_on("2006-06-01", "2021-06-01")
    (row,) = of("loss_by_right", inputs(lost, rights)).to_dict("records")
    total = lost["ha"].sum()
    assert row["ha"] == row["loss_all"] == row["loss_in_force"] == pytest.approx(total)
    assert (row["states"], row["status"]) == ("mining 2003-01-01..", "CESION")


def test_loss_under_application_is_told_apart_in_the_row_of_its_right():
    rights = history((2020, [right("mining", asked="2003-05-01", first="2010-02-01")]))
    lost = lost_on("2006-06-01", "2021-06-01")
    (row,) = of("loss_by_right", inputs(lost, rights)).to_dict("records")
    assert row["states"] == "mining_application 2003-05-01..2010-02-01; mining 2010-02-01.."
    assert row["loss_under_application"] == pytest.approx(lost["ha"].iloc[0])
    assert row["loss_in_force"] == row["ha"] == pytest.approx(lost["ha"].sum())


def spanning(first: str, day: str, last: str) -> gpd.GeoDataFrame:
    lost = lost_on(day)
    stamps = {"onset_earliest": first, "onset_latest": last}
    return lost.assign(**{name: pd.to_datetime([text]).astype("datetime64[ms]")
                          for name, text in stamps.items()})  # fmt: skip


def test_bounds_of_ground_put_together_stay_within_the_sum():
    core = {"type": "protected_core", "geometry": box(0, 0, 1000, 1000), "key": "z", "first": "2000-01-01"}
    zone = snapshot([core], name="zone", kind="zone", date=dt.date(2026, 1, 1))
    rights = [
        snapshot([right(kind, first="2003-01-01")], date=dt.date(year, 1, 1), **ENTRY)
        for year, kind in ((2010, "timber"), (2020, "conservation"))
    ]
    register = register_of([zone, *rights], crs=made.CRS)
    lost = spanning("2019-12-01", "2019-12-20", "2020-01-20")
    rows = of("share_inside_outside", inputs(lost, register), periods="year")
    excluded = rows[rows["class"] == "excluded: protected_core"]
    total = lost["ha"].sum()
    assert (excluded["ha_hi"] <= total + 1e-9).all()
    assert excluded["ha"].sum() == pytest.approx(total)


@pytest.mark.parametrize("change", ["holder", "status", "outline elsewhere"])
def test_a_right_that_is_the_same_on_all_possible_days_makes_no_date_uncertain(change):
    later = {"holder": {"holder": "b"}, "status": {"status": "CESION"},
             "outline elsewhere": {"shape": box(0, 0, 1000, 900)}}[change]  # fmt: skip
    rights = history(
        (2010, [right("mining", first="2003-01-01")]),
        (2020, [right("mining", **{"first": "2003-01-01", **later})]),
        holder_column="holder",
    )
    lost = spanning("2019-12-01", "2019-12-20", "2020-01-20")
    pieces = made.pieces(lost, rights)
    assert not pieces.frame["date_uncertain"].any()
    rows = of("loss_by_type", inputs(lost, rights), accounting="exclusive")
    mine = rows[rows["class"] == "mining"]
    assert mine[["ha_lo", "ha_hi"]].to_numpy() == pytest.approx(lost["ha"].sum())


def test_an_outline_that_leaves_the_ground_or_a_title_that_begins_makes_the_date_uncertain():
    lost = spanning("2019-12-01", "2019-12-20", "2020-01-20")
    moved = history(
        (2010, [right("mining", first="2003-01-01")]),
        (2020, [right("mining", box(500, 500, 1000, 1000), first="2003-01-01")]),
    )
    titled = history((2021, [right("mining", asked="2003-01-01", first="2020-01-05")]))
    assert made.pieces(lost, moved).frame["date_uncertain"].any()
    assert made.pieces(lost, titled).frame["date_uncertain"].any()


@pytest.mark.parametrize("kind", ["district", "buffer"])
def test_an_undated_layer_that_is_no_right_makes_no_date_uncertain(kind):
    rows = [{"type": kind, "geometry": box(0, 0, 1000, 1000), "first": None, "name": "x"}]
    lost = spanning("2025-12-01", "2025-12-20", "2026-01-20")
    data = inputs(lost, register(rows, listed_is_valid=True))
    assert not data.pieces.frame["date_uncertain"].any()
    zones = of("loss_by_zone", data, accounting="exclusive")
    if kind == "buffer":
        assert (zones.loc[zones["class"] == "buffer", "ha_lo"] == 0).all()


def test_a_claim_asked_for_again_after_a_timber_right_came_later_than_it():
    timber = snapshot([right("timber", key="T", first="2009-01-01")], name="forest")
    mining = [
        snapshot(rows, date=dt.date(year, 1, 1), **ENTRY)
        for year, rows in (
            (2004, [right(APPLICATION, asked="2003-01-01")]),
            (2008, [AWAY]),
            (2014, [right(APPLICATION, asked="2012-01-01")]),
        )
    ]
    once = register_of([timber, mining[0]], crs=made.CRS)
    again = register_of([timber, *mining], crs=made.CRS)
    lost = lost_on("2015-01-01")
    for rights, wanted in ((once, "no"), (again, "yes")):
        answer = later_mining(made.pieces(lost, rights), rights)
        assert answer["mining_title_later"].tolist() == [wanted]


def test_a_claim_whose_title_came_after_a_timber_right_is_as_old_as_its_application():
    timber = snapshot([right("timber", key="T", first="2005-01-01")], name="forest")
    mining = snapshot([right("mining", asked="2003-01-01", first="2010-01-01")], **ENTRY)
    rights = register_of([timber, mining], crs=made.CRS)
    answer = later_mining(made.pieces(lost_on("2015-01-01"), rights), rights)
    assert answer["mining_title_later"].tolist() == ["no"]
    pair = of("overlap_conflicts", inputs(lost_on("2015-01-01"), rights))
    assert pair[["type_senior", "type_junior"]].to_numpy().tolist() == [["mining", "timber"]]


def test_an_application_dated_by_its_year_is_of_unknown_validity():
    rights = history((2026, [right("mining", asked="2003", first="2010-02-01")]))
    assert states(rights, "2005-01-01") == {APPLICATION: UNKNOWN}
    assert states(rights, "2011-01-01") == {"mining": IN_FORCE}


@pytest.mark.parametrize(
    "rest",
    [{"id_with_outline": True}, {"id_columns": ("key",)}],
    ids=["outline in the key", "plain key"],
)
def test_a_right_whose_outline_changed_is_one_right_whatever_its_key_is_made_of(rest):
    rights = history(
        (2010, [right("timber", first="2003-01-01"), AWAY]),
        (2020, [right("timber", box(0, 0, 1000, 900), first="2003-01-01"), AWAY]),
        **rest,
    )
    assert rights.rights["right_id"].nunique() == 2
    assert states(rights, "2005-01-01") == states(rights, "2021-01-01") == {"timber": IN_FORCE}


def test_rights_that_share_a_key_are_told_apart_by_their_ground():
    def rows(low, high):
        return [right("timber", shape, first="2003-01-01") for shape in (low, high)]

    low, high = box(0, 0, 1000, 1000), box(0, 1000, 1000, 2000)
    for smaller in (box(0, 0, 1000, 900), box(0, 0, 700, 1000), box(1, 1, 1000, 1000)):
        rights = history((2010, rows(low, high)), (2020, rows(high, smaller))).rights
        grounds = rights.groupby("right_id")["geometry"].agg(list)
        assert sorted(len(one) for one in grounds) == [1, 2]
        assert {one[0].equals(high) for one in grounds if len(one) == 1} == {True}


def test_a_row_without_a_key_is_the_right_of_its_outline_whatever_else_changed():
    rights = history(
        (2010, [right("timber", first="2003-01-01", name="a")]),
        (2020, [right("timber", first="2003-01-01", name="b")]),
        id_columns=(),
    )
    assert rights.rights["right_id"].nunique() == 1
    assert len(rights) == 2


def test_two_rights_on_the_same_outline_without_a_key_are_not_made_one():
    rights = history(
        (2010, [right(kind, first="2003-01-01", name="a") for kind in ("timber", "conservation")]),
        (2020, [right(kind, first="2003-01-01", name="b") for kind in ("timber", "conservation")]),
        id_columns=(),
    )
    assert rights.rights["right_id"].nunique() == 4


@given(
    years=st.lists(st.integers(1999, 2015), min_size=4, max_size=4),
    spans=st.lists(st.integers(0, 12), min_size=4, max_size=4),
    changes=st.lists(st.booleans(), min_size=4, max_size=4),
)
@settings(max_examples=6, deadline=None)
def test_ground_in_force_at_the_end_of_a_period_is_that_of_plain_intervals(years, spans, changes):
    shapes = [box(300 * n, 0, 300 * n + 400, 400) for n in range(4)]

    def rows(later: bool) -> list[dict]:
        return [
            right("mining", shapes[n], key=str(n), first=f"{years[n]}-01-01",
                  last=f"{years[n] + spans[n]}-12-31", status="b" if later and changes[n] else "a")
            for n in range(4)
        ]  # fmt: skip

    rights = history((2005, rows(False)), (2020, rows(True)))
    data = inputs(lost_on("2015-01-01"), rights, periods={"two": SET})
    granted = of("granted_by_period", data).set_index("period")
    for period in SET.periods:
        last = period.end.year - 1
        live = [shape for shape, year, span in zip(shapes, years, spans, strict=True)
                if year <= last <= year + span]  # fmt: skip
        ground = made.hectares(np.array([shapely.union_all(live)], object), made.CRS, made.EQUAL_AREA)[0]
        assert granted.loc[period.name, "ha_in_force"] == pytest.approx(ground, rel=1e-6, abs=1e-9)
    assert granted["n"].sum() == 4
    assert (granted["ha_lo"] <= granted["ha"]).all()
    by_right = of("loss_by_right", data)
    assert by_right["right_id"].is_unique
    parts = by_right[["loss_in_force", "loss_unknown", "loss_out_of_time"]].sum(axis=1)
    np.testing.assert_allclose(parts, by_right["ha"])


def test_an_end_learned_later_ends_what_snapshots_showed_after_it():
    rights = history(
        (2014, [right("mining", first="2005-01-01")]),
        (2018, [right("mining", box(0, 0, 1000, 900), first="2005-01-01")]),
        (2020, [right("mining", box(0, 0, 1000, 900), first="2005-01-01", last="2016-01-01")]),
    )
    assert kinds(rights, "2015-06-01", "2017-06-01", "2019-06-01", "2021-06-01") == ["mining", "-", "-", "-"]


def test_a_restart_learned_later_leaves_one_state_a_day():
    rights = history(
        (2014, [right(APPLICATION, first="2005-01-01")]),
        (2018, [right(APPLICATION, box(0, 0, 1000, 900), first="2005-01-01")]),
        (2020, [right("mining", box(0, 0, 1000, 900), first="2015-01-01")]),
    )
    assert kinds(rights, "2014-06-01", "2016-06-01", "2019-06-01", "2021-06-01") == [
        APPLICATION, "mining", "mining", "mining",
    ]  # fmt: skip


def test_loss_on_a_right_of_two_types_stands_once_in_rows_of_lower_tiers():
    rights = history((2026, [right("mining", asked="2003-05-01", first="2010-02-01")]))
    made_inputs = inputs(lost_on("2006-06-01", "2012-06-01", "2001-06-01"), rights)
    each = build("loss_by_right", made_inputs, TableOptions())
    public = build("loss_by_right", replace(made_inputs, tier=Tier.PUBLIC, least_rights=0), TableOptions())
    for name in ("ha", "loss_all", "loss_in_force", "loss_under_application", "loss_out_of_time"):
        assert public[name].sum() == pytest.approx(each[name].sum(), abs=1e-9), name
    assert each["loss_under_application"].sum() == pytest.approx(1.0, rel=0.01)
