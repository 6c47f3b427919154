"""Tables analysts pull: totals, shares, periods, rights and their order."""

import dataclasses
import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import attribute_made as made
from attribute_made import box, cells, inputs, register
from selvawatch.attribute.periods import Period, PeriodSet
from selvawatch.attribute.rounding import largest_remainder
from selvawatch.errors import SelvawatchError, SiteError, TableError
from selvawatch.register.manifest import no_references
from selvawatch.register.register import register_of
from selvawatch.tables import TABLES, TableOptions, build

HA = 100.0  # a square of 100 m is one hectare in the pixel CRS


def square(column, row=0, wide=1):
    return box(column * HA, row * HA, (column + wide) * HA, (row + 1) * HA)


def row(kind, shape, first="2000-01-01", **rest):
    return {"type": kind, "geometry": shape, "first": first, **rest}


def of(name, made_inputs, **options):
    return build(name, made_inputs, TableOptions(**options))


@pytest.fixture(scope="module")
def corridor_of_rights():
    """Six hectares of loss: timber, timber + mining, mining, an application, unknown timber, outside."""
    owned = register(
        [
            row("timber", square(0, wide=2), key="t1"),
            row("mining", square(1, wide=2), first="2012-01-01", key="m1"),
            row("mining_application", square(3), first="2025-01-01", key="a1"),
            row("timber", square(4), first=None, last="2030-01-01", key="t2"),
            row("area", box(0, 0, 300, 100), name="west", key="w"),
            row("area", box(300, 0, 600, 100), name="east", key="e"),
        ]
    )
    lost = cells([square(column) for column in range(6)], ha=1.0)
    lost.loc[[2, 5], "cause"] = "agriculture"
    lost["mining_probability"] = [0.9, 0.8, 0.3, 0.7, 0.6, 0.1]
    return inputs(lost, owned)


def test_chart_seven_is_rendered_as_printed():
    ha = {"mining": 6161.0, "timber": 5305.0, "ecotourism": 1395.0, "brazil_nut": 22.0}
    owned = register([row(kind, square(index)) for index, kind in enumerate(ha)])
    lost = cells([square(index) for index in range(5)], ha=[*ha.values(), 26_100.0 - sum(ha.values())])
    table = of("share_inside_outside", inputs(lost, owned), periods="year")
    shown = table.set_index("class")["share_pct"]
    assert {name: int(value) for name, value in shown[shown.notna()].items()} == {
        "mining": 24,
        "timber": 20,
        "ecotourism": 5,
        "brazil_nut": 0,
        "outside": 51,
    }
    assert table["ha"].sum() == pytest.approx(26_100, abs=1e-6)


def test_published_charts_stand_under_every_reading_and_are_flagged(corridor_of_rights):
    table = of("spda_charts", corridor_of_rights)
    three = table[table["chart"] == 3]
    assert three["reading"].nunique() == 2
    assert three["ambiguous"].all()
    assert set(three["flag"]) >= {"stated", "undetermined"}
    grown = three[(three["area"] == "Guacamayo/La Pampa") & (three["period"] == "2006-09")]
    np.testing.assert_allclose(grown["ratio_prev"], 3.303, atol=5e-4)
    np.testing.assert_allclose(grown["pct_change_prev"], 230.3, atol=0.05)
    first = three[(three["area"] == "Huepetuhe") & (three["period"] == "2002-05")]
    np.testing.assert_allclose(first["share"], 0.609, atol=5e-4)
    prose = table[(table["chart"] == 4) & table["reading"].str.startswith("prose")]
    mining = prose[(prose["area"] == "Huepetuhe") & (prose["type"] == "mining")]
    np.testing.assert_allclose(mining["share"], 0.705, atol=5e-4)
    seven = table[table["chart"] == 7]
    assert [int(value) for value in seven["share_pct"]] == [24, 20, 5, 0, 51]


@pytest.mark.parametrize(
    ("values", "digits", "shown"),
    [
        ([1, 1, 1], 0, [34, 33, 33]),
        ([0, 0], 0, [0, 0]),
        ([1, 2, 3], 1, [16.7, 33.3, 50.0]),
        ([0.5, 0.5, 99], 0, [1, 0, 99]),
    ],
)
def test_largest_remainder(values, digits, shown):
    np.testing.assert_allclose(largest_remainder(np.array(values, float), digits=digits), shown)


@pytest.mark.parametrize("accounting", ["exclusive", "inclusive", "fractional", "combination"])
def test_without_a_layer_of_rights_or_zones_loss_is_unknown_and_never_outside(accounting):
    lost = inputs(cells([square(0), square(1)], ha=1.0), register_of([], crs=made.CRS))
    for name in ("loss_by_type", "loss_by_zone"):
        table = of(name, lost, accounting=accounting)
        assert table["class"].tolist() == ["unknown"] and table["ha"].tolist() == [2.0]
    shares = of("share_inside_outside", lost)
    assert set(shares["class"]) == {"unknown"} and shares["share"].isna().all()
    concessions = of("loss_by_concession_type", lost)
    assert concessions["share"].isna().all() and set(concessions["class"]) == {"unknown"}


def test_shares_of_what_is_unknown_are_refused():
    with pytest.raises(ValueError, match="known"):
        largest_remainder(np.array([np.nan, 1.0]))


def test_exclusive_gives_a_hectare_to_the_first_of_the_scale(corridor_of_rights):
    table = of("loss_by_type", corridor_of_rights).set_index(["class", "validity"])
    assert table["ha"][table["ha"] > 0].to_dict() == pytest.approx(
        {
            ("timber", "in_force"): 2.0,
            ("timber", "unknown"): 1.0,
            ("mining", "in_force"): 1.0,
            ("mining_application", "in_force"): 1.0,
            ("outside", ""): 1.0,
        }
    )
    assert table["loss_mining"].sum() == pytest.approx(4.0)
    assert table["loss_mining_expected"].sum() == pytest.approx(3.4)
    assert table["share_pct"].sum() == 100
    assert (table["share_of"] != "").all()


def test_inclusive_is_marked_as_not_additive(corridor_of_rights):
    table = of("loss_by_type", corridor_of_rights, accounting="inclusive")
    assert not table["additive"].any()
    assert table["ha"].sum() == pytest.approx(7.0)
    assert table.set_index("class").loc["mining", "share"] == pytest.approx(2 / 6)


def test_fractional_and_combination_add_up(corridor_of_rights):
    fractional = of("loss_by_type", corridor_of_rights, accounting="fractional").set_index(
        ["class", "validity"]
    )
    assert fractional.loc[("timber", "in_force"), "ha"] == pytest.approx(1.5)
    assert fractional.loc[("mining", "in_force"), "ha"] == pytest.approx(1.5)
    combination = of("loss_by_type", corridor_of_rights, accounting="combination").set_index("class")["ha"]
    assert combination.to_dict() == pytest.approx(
        {"timber": 1, "timber+mining": 1, "mining": 1, "mining_application": 1, "timber?": 1, "outside": 1}
    )


def test_tables_split_by_area_and_keep_to_one(corridor_of_rights):
    table = of("loss_by_type", corridor_of_rights, by=("area",))
    assert table.groupby("area")["ha"].sum().to_dict() == pytest.approx({"west": 3.0, "east": 3.0})
    assert table.groupby("area")["share"].sum().to_dict() == pytest.approx({"west": 1.0, "east": 1.0})
    west = of("loss_by_type", corridor_of_rights, area="west")
    assert west["ha"].sum() == pytest.approx(3.0)
    with pytest.raises(TableError, match="unknown area"):
        of("loss_by_type", corridor_of_rights, area="north")


def test_a_right_that_began_between_the_observations_widens_the_bounds():
    owned = register([row("mining", square(0), first="2025-05-20")])
    lost = cells([square(0)], onset_earliest=pd.Timestamp(2025, 5, 1), ha=1.0)
    made_inputs = inputs(lost, owned)
    assert made_inputs.pieces.frame["date_uncertain"].all()
    table = of("loss_by_type", made_inputs).set_index("class")
    assert table.loc["mining", ["ha", "ha_lo", "ha_hi"]].tolist() == [1.0, 0.0, 1.0]
    assert table.loc["outside", ["ha", "ha_lo", "ha_hi"]].tolist() == [0.0, 0.0, 1.0]


def test_a_right_that_began_and_ended_between_the_observations_widens_the_bounds():
    owned = register([row("mining", square(0), first="2025-05-10", last="2025-05-20")])
    lost = cells([square(0)], onset_earliest=pd.Timestamp(2025, 5, 1), ha=1.0)
    made_inputs = inputs(lost, owned)
    assert made_inputs.pieces.frame["date_uncertain"].all()
    table = of("loss_by_type", made_inputs).set_index("class")
    assert table.loc["outside", ["ha", "ha_lo", "ha_hi"]].tolist() == [1.0, 0.0, 1.0]
    assert table.loc["mining", ["ha", "ha_lo", "ha_hi"]].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("measure", ["loss_all", "loss_mining", "loss_mining_expected"])
def test_provisional_loss_has_a_column_of_its_own_and_withdrawn_loss_none(measure):
    lost = cells([square(0), square(1), square(2)], ha=1.0, cause="mining", mining_probability=1.0)
    lost["status"] = ["confirmed", "provisional", "withdrawn"]
    table = of("loss_by_type", inputs(lost, register([])), measure=measure)
    columns = ["ha", "ha_lo", "ha_hi", "loss_all", "loss_mining", "loss_provisional"]
    assert table[columns].sum().tolist() == [1.0, 1.0, 2.0, 1.0, 1.0, 1.0]


def test_loss_that_is_provisional_alone_is_no_hectares_of_a_right():
    owned = register([row("mining", square(0))])
    lost = cells([square(0)], ha=1.0, cause="mining")
    lost["status"] = "provisional"
    for name in ("loss_by_right", "loss_by_concession_type", "front_age"):
        table = of(name, inputs(lost, owned))
        assert table.filter(regex="^(ha|ha_lo|loss_all|loss_mining)$").sum().sum() == 0, name


def test_loss_of_a_month_stands_in_its_period_and_in_both_when_the_day_is_uncertain():
    lost = cells([square(0), square(1), square(2)], ha=1.0)
    lost["onset"] = pd.to_datetime(["2019-02-18", "2019-02-19", "1999-05-05"]).astype("datetime64[ms]")
    lost["onset_earliest"] = pd.to_datetime(["2019-02-18", "2019-02-10", "1999-05-05"]).astype(
        "datetime64[ms]"
    )
    lost["onset_latest"] = lost["onset"]
    table = of("loss_by_period", inputs(lost, register([])), periods="legal").set_index("period")
    assert table.loc["2016-19-02", ["ha", "ha_lo", "ha_hi"]].tolist() == [1.0, 1.0, 2.0]
    assert table.loc["mercurio", ["ha", "ha_lo", "ha_hi"]].tolist() == [1.0, 0.0, 1.0]
    assert table.loc["no_period", "ha"] == 1.0
    assert table["ha"].sum() == pytest.approx(3.0)
    late = inputs(lost, register([]), watched_from=(dt.date(2018, 1, 1) - dt.date(1970, 1, 1)).days)
    watched = of("loss_by_period", late, periods="legal").set_index("period")["watched"]
    assert watched[["2010-15", "2016-19-02", "mercurio"]].tolist() == ["no", "partly", "yes"]
    months = of("loss_by_period", inputs(lost, register([])), periods="month")
    assert {"1999-05", "2019-02"} == set(months["period"][months["ha"] > 0])


def test_overlapping_periods_are_refused():
    days = [dt.date(2020, 1, 1), dt.date(2021, 1, 1), dt.date(2020, 12, 31)]
    with pytest.raises(SiteError, match="overlaps the one before"):
        PeriodSet(
            name="x",
            title="",
            periods=(
                Period(name="a", title="", start=days[0], end=days[1]),
                Period(name="b", title="", start=days[2], end=None),
            ),
        )


def test_granted_ground_is_net_and_gross_and_dated_by_application_where_it_must():
    owned = register(
        [
            row("mining", square(0, wide=2), first="2003-01-01", key="a"),
            row("mining", square(1, wide=2), first="2007-01-01", last="2009-06-30", key="b"),
            row("mining", square(1), first="2008-01-01", key="c"),
        ]
    )
    table = of("granted_by_period", inputs(cells([square(0)]), owned), periods="spda").set_index("period")
    one = made.hectares(np.array([square(1)], object), made.CRS, made.EQUAL_AREA)[0]
    # Neighbouring hectares differ by the projection's scale, some 1e-6 of themselves.
    np.testing.assert_allclose(table["ha"][:3] / one, [2, 2, 0], rtol=1e-5)
    np.testing.assert_allclose(table["ha_gross"][:3] / one, [2, 3, 0], rtol=1e-5)
    np.testing.assert_allclose(table["ha_in_force"][:3] / one, [2, 2, 2], rtol=1e-5)
    assert table["n"].tolist() == [1, 2, 0, 0]
    assert table["ratio_prev"].tolist()[1] == pytest.approx(1.0, rel=1e-5)


def test_pairs_of_rights_say_who_came_first_and_what_was_lost_before_and_after():
    owned = register(
        [
            row("timber", square(0, wide=3), first="2002-01-01", key="t"),
            row("mining", square(1, wide=3), first="2010-01-01", key="m"),
        ]
    )
    lost = cells([square(1), square(2), square(0)], ha=1.0)
    lost["onset"] = pd.to_datetime(["2009-05-05", "2012-05-05", "2012-05-05"]).astype("datetime64[ms]")
    lost["onset_earliest"] = lost["onset_latest"] = lost["onset"]
    table = of("overlap_conflicts", inputs(lost, owned))
    (pair,) = table.to_dict("records")
    assert (pair["type_senior"], pair["type_junior"], pair["lag_days"]) == ("timber", "mining", 2922)
    assert (pair["loss_before"], pair["loss_after"], pair["coexisted"]) == (1.0, 1.0, "yes")
    assert pair["ha"] == pytest.approx(2.0, rel=1e-3)


def test_three_of_four_corridor_titles_overlap_and_the_fourth_does_not():
    rows = [row("corridor", box(-100, -100, 900, 200), key="zone")]
    rows += [row("mining", square(2 * index), key=f"m{index}") for index in range(4)]
    rows += [row("timber", square(2 * index), key=f"t{index}") for index in range(3)]
    table = of("corridor_conflict_share", inputs(cells([square(0)]), register(rows)))
    titles = table[table["rights"] == "titles"]
    assert titles["n"].tolist() == [4] * 4
    assert titles["share"].tolist() == [0.75] * 4


def test_oil_lots_and_cores_are_rows_and_everything_adds_up():
    owned = register(
        [
            row("protected_core", square(0), key="core"),
            row("mining", square(0, wide=2), key="m"),
            row("oil_lot", square(1, wide=2), key="oil"),
        ]
    )
    lost = cells([square(index) for index in range(4)], ha=1.0)
    table = of("share_inside_outside", inputs(lost, owned), periods="year").set_index("class")
    assert table["ha"].to_dict() == {
        "mining": 1.0,
        "outside": 1.0,
        "excluded: oil_lot": 1.0,
        "excluded: protected_core": 1.0,
    }
    assert table["share"].dropna().to_dict() == {"mining": 0.5, "outside": 0.5}


def test_site_categories_are_titles_by_third_rights():
    owned = register([row("mining", square(0, wide=2), key="m"), row("timber", square(1, wide=2), key="t")])
    lost = cells([square(index) for index in range(4)], ha=1.0)
    table = of("site_category", inputs(lost, owned)).set_index("site_category")["ha"]
    assert table.to_dict() == {"I": 1.0, "II": 1.0, "III": 1.0, "IV": 1.0}


def test_loss_on_a_right_is_told_apart_by_its_time():
    owned = register([row("timber", square(0), first="2020-01-01", last="2023-12-31", key="t")])
    table = of("loss_by_right", inputs(cells([square(0)], ha=1.0), owned))
    assert table[["ha", "loss_in_force", "loss_out_of_time"]].to_numpy().tolist() == [[1.0, 0.0, 1.0]]


def test_coverage_is_the_part_inside_the_areas(corridor_of_rights):
    table = of("area_coverage", corridor_of_rights)
    assert table["share"].tolist() == [1.0]


def test_rings_count_exact_days_and_the_control_lies_beyond():
    owned = register([row("area", box(0, 0, 1000, 1000), name="la-pampa", key="a")])
    lost = cells([box(500, 500, 600, 600), box(1500, 0, 1600, 100), box(40_000, 0, 40_100, 100)], ha=1.0)
    lost["onset"] = pd.to_datetime(["2018-01-01", "2020-01-01", "2020-01-01"]).astype("datetime64[ms]")
    lost["onset_earliest"] = lost["onset_latest"] = lost["onset"]
    watched = inputs(lost, owned, watched_from=0)
    table = of("displacement_rings", watched).set_index(["ring", "side"])
    assert table["watched"].eq("yes").all()
    partly = of("displacement_rings", inputs(lost, owned)).set_index(["ring", "side"])
    assert partly.loc[("area", "before"), "watched"] == "partly"
    assert partly.loc[("area", "before"), "ha_per_month"] == pytest.approx(1 / 414 * 30.44)
    assert table.loc[("area", "before"), "ha_per_month"] == pytest.approx(1 / 779 * 30.44)
    assert table.loc[("0-5 km", "after"), "ha"] == pytest.approx(1.0)
    assert table.loc[("beyond 20 km (control)", "after"), "ha"] == pytest.approx(1.0)
    assert table["ha"].sum() == pytest.approx(3.0)


def test_fronts_are_dated_by_the_first_year_with_enough_mining():
    lost = cells([box(100, 100, 200, 200), box(300, 100, 400, 200), box(1100, 100, 1101, 101)])
    lost["onset"] = pd.to_datetime(["2022-01-01", "2020-01-01", "2019-01-01"]).astype("datetime64[ms]")
    table = of("front_age", inputs(lost, register([])))
    assert table["first_year"].tolist() == ["2020"]
    assert table["ha"].sum() == pytest.approx(2.0, rel=1e-2)


def test_revisions_say_what_changed_since():
    then = inputs(cells([square(0), square(1), square(2)], ha=1.0), register([]))
    lost = cells([square(0), square(1), square(3)], ha=1.0)
    lost["event_id"] = ["e00000", "e00001", "e00009"]
    lost.loc[1, "status"] = "withdrawn"
    now = inputs(lost, register([]), earlier=then.pieces)
    table = of("revisions", now).set_index("event_id")
    assert table["change"].to_dict() == {"e00001": "withdrawn", "e00002": "gone", "e00009": "new"}
    assert table["difference_ha"].sum() == pytest.approx(-1.0)


def test_a_published_figure_stands_beside_ours_only_where_days_and_place_meet():
    lost = cells([square(0), square(1)], ha=1.0)
    lost["onset"] = pd.to_datetime(["2016-12-25", "2018-06-01"]).astype("datetime64[ms]")
    owned = register([row("area", box(0, 0, 1000, 1000), name="pariamanu", key="a")])
    table = of("published_comparison", inputs(lost, owned))
    mine = table[(table["place"] == "Pariamanu") & (table["source"] == "MAAP #130")]
    assert mine["ha"].tolist() == [1.0, 0.0]
    assert mine["ratio"].iloc[0] == pytest.approx(1 / 72)
    later = of("published_comparison", inputs(lost, owned, watched_from=made.TODAY))
    assert later["ha"].isna().all()
    assert table[table["place"] == "Chaspa"]["ha"].isna().all()


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_bounds_around_its_hectares_and_every_column_is_described(name, corridor_of_rights):
    rest = {"earlier": corridor_of_rights.pieces} if name == "revisions" else {}
    if name == "displacement_rings":
        settings = corridor_of_rights.settings
        moved = dataclasses.replace(settings.displacement, area="west")
        rest = {"settings": dataclasses.replace(settings, displacement=moved)}
    table = of(name, dataclasses.replace(corridor_of_rights, **rest))
    assert {"ha", "ha_lo", "ha_hi"} <= set(table.columns)
    known = table.dropna(subset=["ha", "ha_lo", "ha_hi"])
    assert (known["ha_lo"] <= known["ha"] + 1e-9).all()
    assert (known["ha"] <= known["ha_hi"] + 1e-9).all()
    if "share" in table:
        assert (table["share_of"].str.len() > 3).all()
    for one in TABLES[name].columns:
        assert one.description


def test_an_unknown_table_option_or_dimension_is_named(corridor_of_rights):
    for name, options in (
        ("nonsense", {}),
        ("loss_by_type", {"accounting": "nonsense"}),
        ("loss_by_type", {"clock": "nonsense"}),
        ("loss_by_type", {"scale": "nonsense"}),
        ("loss_by_period", {"periods": "nonsense"}),
        ("loss_by_type", {"by": ("nonsense",)}),
    ):
        with pytest.raises(SelvawatchError, match="nonsense"):
            of(name, corridor_of_rights, **options)


def test_tables_without_any_loss_are_empty_but_whole():
    for name in ("loss_by_type", "loss_by_zone", "loss_by_period", "loss_type_zone_period"):
        table = of(name, inputs(cells([]), register([row("timber", square(0))])))
        assert table["ha"].sum() == 0


def test_blocking_steps_are_those_of_the_place():
    rights = [
        row("mining", square(0, wide=2), key="m0"),
        row("mining_application", square(3), key="m1"),
        row("mining", square(5), key="m2", last="2020-01-01"),
        row("timber", square(0), key="t"),
        row("buffer", square(3), key="b"),
        row("corridor", square(0), key="c"),
    ]
    made_inputs = inputs(cells([square(9)]), register(rights))
    table = of("blocking_steps", made_inputs).set_index("type")
    assert sorted(table.index) == ["mining", "mining_application"]  # what ended is not listed
    assert table["blocking_steps"].to_dict() == {"mining": "3 4?", "mining_application": "4?"}
    assert table["sernanp_opinion"].to_dict() == {"mining": "no", "mining_application": "yes"}
    assert table.loc["mining", ["ha", "overlap_ha", "corridor_share"]].tolist() == pytest.approx(
        [2.0, 1.0, 0.5], rel=1e-3
    )
    river = gpd.GeoDataFrame({"name": ["r"], "year": [None]}, geometry=[square(6)], crs=made.CRS)
    references = dataclasses.replace(no_references(made.CRS), rivers=river)
    near = of("blocking_steps", dataclasses.replace(made_inputs, references=references)).set_index("type")
    assert near["blocking_steps"].to_dict() == {"mining": "3", "mining_application": "none"}
    assert near["distance_water_m"].to_dict() == pytest.approx({"mining": 400.0, "mining_application": 200.0})
    touching = dataclasses.replace(references, rivers=river.assign(geometry=[box(480, 0, 490, 100)]))
    close = of("blocking_steps", dataclasses.replace(made_inputs, references=touching)).set_index("type")
    assert close["blocking_steps"].to_dict() == {"mining": "3", "mining_application": "4"}


def test_a_share_of_the_corridor_is_empty_where_only_an_expired_one_is_at_hand():
    corridor = made.snapshot(
        [{"type": "corridor", "geometry": square(0)}],
        "expired",
        kind="zone",
        types={"corridor": "corridor"},
        to_column="",
        valid_to=dt.date(2012, 2, 19),
    )
    title = {"first": "2000-01-01", "type": "mining", "geometry": square(0)}
    titles = made.snapshot([title], types={"mining": "mining"})
    rights = register_of([corridor, titles], crs=made.CRS)
    table = of("blocking_steps", inputs(cells([square(9)]), rights))
    assert table["corridor_share"].isna().tolist() == [True]


@pytest.mark.parametrize("name", ["events", "gold-price", "observable-impacts"])
def test_context_files_are_whole_and_every_dated_figure_has_its_source(name):
    frame = pd.read_csv(made.AOI / f"{name}.csv")
    assert len(frame) >= 5 and not frame.columns.duplicated().any()
    if "source" in frame:
        assert frame["source"].notna().all()
