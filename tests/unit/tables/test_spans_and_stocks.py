"""What a product says of its days reaches the tables: spans, stocks, undated loss, days not watched."""

import dataclasses
import datetime as dt

import geopandas as gpd
import pandas as pd
import pytest

import attribute_made as made
from attribute_made import box
from selvawatch.attribute.loss.loss_days import DateFields, days_of_loss
from selvawatch.attribute.loss_products import Product, loss_cells
from selvawatch.core.days import to_day
from selvawatch.core.schema import Table
from selvawatch.core.table_options import TableRequest
from selvawatch.core.tier import Tier
from selvawatch.errors import TableError
from selvawatch.steps.tables import MadeTable, plot_table
from selvawatch.tables import TABLES, TableOptions, build
from selvawatch.write.tiers import Gate, TierRule, apply

MINING = Product(name="made", version="1", cause="mining")


def square(column):
    return box(column * 100, 0, (column + 1) * 100, 100)


def product(days, *, cause="mining", areas=(), **fields):
    """Inputs of tables of a product of one hectare a row, in a row of squares under timber."""
    count = len(days)
    rows = {"d": days, "ha": [1.0] * count}
    frame = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=[square(at) for at in range(count)], crs=made.CRS)
    read = days_of_loss(frame, DateFields(field="d", **fields))
    maker = dataclasses.replace(MINING, cause=cause)
    cells = loss_cells(frame, maker, read, equal_area=made.EQUAL_AREA, area_field="ha")
    rights = [{"type": "timber", "geometry": box(0, 0, 100 * count, 100)}]
    rights += [
        {"type": "area", "geometry": box(0, 9000 * at, 5000, 9000 * at + 100), "name": name, "key": name}
        for at, name in enumerate(areas)
    ]
    first, last = read.covers
    return made.inputs(
        cells, made.register(rights), watched_from=to_day(first), watched_until=to_day(last) + 1
    )


@pytest.mark.parametrize("accounting", ["exclusive", "combination"])
def test_without_a_layer_of_zones_two_products_have_no_row_outside_all_zones(accounting):
    rights = made.register([{"type": "timber", "geometry": square(0)}], types={"timber": "timber"})
    first, other = (made.inputs(made.cells([square(at)]), rights) for at in (0, 1))
    compared = dataclasses.replace(first, other=other, other_label="other")
    found = table(compared, "products_compared", accounting=accounting)
    assert set(found["class"]) == {"unknown"} and found["ha"].sum() > 0


def table(inputs, name="loss_by_period", **options):
    return build(name, inputs, TableOptions(**options))


def test_a_yearly_loss_is_empty_in_every_month_and_stands_once_across():
    found = table(product([2019]), periods="month").set_index("period")
    months = found.drop("across")
    assert list(months.index) == [f"2019-{month:02d}" for month in range(1, 13)]
    assert months["ha"].isna().all() and months["share"].isna().all() and months["events_n"].isna().all()
    assert found["events_n"]["across"] == 1
    assert set(months["ha_lo"]) == {0.0} and set(months["ha_hi"]) == {1.0}
    assert found.loc["across", ["ha", "ha_lo", "ha_hi", "share"]].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert table(product([2019]), periods="year")["ha"].tolist() == [1.0]


def test_a_span_that_leaves_all_periods_for_days_has_a_bound_there_too():
    found = table(product([2020]), periods="maap-mercurio").set_index("period")
    assert pd.isna(found.loc["no_period", "ha"]) and found.loc["no_period", "ha_hi"] == 1.0
    assert pd.isna(found.loc["2019-03..2020-10", "ha"]) and found.loc["2019-03..2020-10", "ha_lo"] == 0.0
    assert found.loc["across", "ha"] == 1.0


@pytest.mark.parametrize("periods", ["year", "month"])
def test_a_split_by_the_calendar_has_the_bounds_of_the_period_sets(periods):
    inputs = product(["2019-01-01", "2019-12-30", "2021-02-03"], form="day")
    inputs.pieces.frame["onset_latest"] += pd.Timedelta(days=20)
    inputs.pieces.frame["dating"] = "span"
    names = ["ha", "ha_lo", "ha_hi"]
    sets = table(inputs, periods=periods).set_index("period")[names]
    split = table(inputs, "loss_by_type", by=(periods,))
    split = split[split["class"] == "timber"].set_index(periods)[names]
    assert split.fillna(-1.0).to_dict() == sets.loc[split.index].fillna(-1.0).to_dict()


def test_a_stock_is_a_row_in_no_share_no_ring_no_front_and_no_comparison():
    inputs = product([2018, 2018, 2019], stock_until=dt.date(2018, 12, 31), areas=["la-pampa"])
    periods = table(inputs, periods="year").set_index("period")
    assert periods["ha"].to_dict() == {"2019": 1.0, "stock": 2.0}
    assert periods["share"]["2019"] == 1.0 and pd.isna(periods["share"]["stock"])
    for name, key in (
        ("loss_by_type", "class"), ("loss_by_zone", "class"), ("loss_by_district", "district"),
        ("loss_by_concession_type", "class"), ("site_category", "site_category"),
        ("area_coverage", "coverage"), ("share_inside_outside", "period"),
        ("loss_type_zone_period", "period"),
    ):  # fmt: skip
        found = table(inputs, name)
        assert found["ha"][found[key] == "stock"].tolist() == [2.0], name
        assert found["ha"].sum() == pytest.approx(3.0), name
        assert found["share"][found[key] == "stock"].isna().all(), name
    rings = table(inputs, "displacement_rings")
    assert rings["ha"].sum() == pytest.approx(1.0)
    assert table(inputs, "front_age")["ha"].sum() == pytest.approx(1.0)
    assert table(inputs, "loss_by_right")["ha"].sum() == pytest.approx(1.0)


def test_loss_without_a_date_is_counted_in_every_table_and_in_no_period():
    inputs = product(["2019-01-01", None], allow_undated=True, areas=["la-pampa"])
    periods = table(inputs, periods="year").set_index("period")
    assert periods["ha"].to_dict() == {"2019": 1.0, "undated": 1.0}
    for name in ("loss_by_type", "loss_by_zone", "loss_by_district", "area_coverage", "site_category"):
        assert table(inputs, name)["loss_undated"].sum() == pytest.approx(1.0), name
    assert table(inputs, "loss_by_type", by=("year",))["year"].tolist().count("undated") >= 1


def test_days_that_a_product_does_not_cover_have_no_number():
    inputs = product([2019], covers=(dt.date(2018, 7, 1), dt.date(2020, 12, 31)))
    found = table(inputs, periods="legal").set_index("period")
    assert found.loc["2002-05", "watched"] == "no" and found.loc["emergencia", "watched"] == "no"
    numbers = ["ha", "ha_lo", "ha_hi", "loss_all", "loss_mining", "loss_undated", "events_n", "share"]
    assert found.loc[["2002-05", "2006-09", "emergencia"], numbers].isna().all().all()
    years = table(inputs, periods="year").set_index("period")
    assert years["watched"].to_dict() == {"2018": "partly", "2019": "yes", "2020": "yes"}
    assert years["ha"].to_dict() == {"2018": 0.0, "2019": 1.0, "2020": 0.0}


def test_the_newest_layer_does_not_make_days_watched():
    inputs = product(["2019-01-01", "2019-12-31"])
    assert inputs.pieces.today > to_day("2025-01-01")
    found = table(inputs, periods="legal").set_index("period")
    assert found["watched"]["restauracion"] == "no" and pd.isna(found["ha"]["restauracion"])


def test_a_published_figure_is_compared_only_where_spans_fit_and_else_it_says_why():
    areas = ["la-pampa", "pariamanu"]
    yearly = table(product([2017, 2018, 2019], areas=areas), "published_comparison")
    of = yearly[yearly["place"] == "Pariamanu"].set_index("source")
    assert of.loc["MAAP #115", ["ha", "reason"]].tolist() == [0.0, ""]
    late = table(product([2018, 2019], areas=areas), "published_comparison")
    late = late[(late["place"] == "Pariamanu") & (late["source"] == "MAAP #115")].iloc[0]
    assert pd.isna(late["ha"]) and pd.isna(late["ha_hi"]) and pd.isna(late["ratio"])
    assert late["reason"] == "watched 2018-01-01 to 2019-12-31, not all days of the figure"
    split = yearly[(yearly["place"] == "La Pampa") & (yearly["source"] == "MAAP #130")].iloc[0]
    assert pd.isna(split["ha"]) and "spans that reach over" in split["reason"]
    other = table(product([2017, 2018, 2019], areas=areas, cause="unknown"), "published_comparison")
    assert other["ha"].isna().all() and "the product does not say what is mining" in set(other["reason"])


def test_a_span_over_the_day_of_an_intervention_leaves_no_rate_beside_it():
    inputs = product([2018, 2019], covers=(dt.date(2017, 1, 1), dt.date(2020, 12, 31)), areas=["la-pampa"])
    found = table(inputs, "displacement_rings").set_index(["ring", "side"])
    area = found.loc["area"]
    assert area["ha"].fillna(-1.0).to_dict() == {"before": 1.0, "after": -1.0, "across": 1.0}
    assert area["ha_hi"].to_dict() == {"before": 2.0, "after": 1.0, "across": 1.0}
    assert area["ha_per_month"].isna().all()
    assert found.loc[("0-5 km", "before"), "ha_per_month"] == 0.0


def test_a_product_has_no_revisions():
    with pytest.raises(TableError, match="two runs of our own; got a loss product"):
        table(product([2019]), "revisions")


def test_a_period_split_by_the_calendar_names_no_pair_that_shares_no_day():
    inputs = product(["2019"], covers=(dt.date(2018, 1, 1), dt.date(2020, 12, 31)))
    found = table(inputs, periods="maap-mercurio", by=("month",))
    pairs = set(zip(found["period"], found["month"], strict=True))
    assert ("2017-01..2019-02", "2019-02") in pairs and ("2017-01..2019-02", "2019-03") not in pairs
    assert ("2019-03..2020-10", "2019-03") in pairs and ("2019-03..2020-10", "2019-02") not in pairs
    assert found["ha"].sum() == pytest.approx(1.0)
    assert table(inputs, periods="maap-mercurio", by=("year", "month"))["ha"].sum() == pytest.approx(1.0)


def test_a_span_over_the_day_of_the_later_right_is_neither_before_nor_after_it():
    inputs = product([2018, 2019, 2020])
    rights = [
        {"type": "timber", "geometry": box(0, 0, 300, 100), "first": "2001-01-01", "key": "t"},
        {"type": "mining", "geometry": box(0, 0, 300, 100), "first": "2019-08-01", "key": "m"},
    ]
    cells = inputs.pieces.frame.drop(columns=["face", "share", "ha_lo", "ha_hi", "date_uncertain"])
    pair = table(made.inputs(cells, made.register(rights)), "overlap_conflicts").iloc[0]
    assert pair[["loss_before", "loss_undated", "loss_after"]].tolist() == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"revisions", "displacement_rings"}))
@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
def test_every_table_of_a_product_is_made_where_the_site_has_no_layer(name, tier):
    inputs = product([2018, 2019, None], allow_undated=True, stock_until=dt.date(2018, 12, 31))
    cells = inputs.pieces.frame.drop(columns=["face", "share", "ha_lo", "ha_hi", "date_uncertain"])
    alone = made.inputs(cells, made.register([]), watched_from=to_day("2019-01-01"), tier=tier)
    found = table(alone, name)
    if "ha" in found and name.startswith(("loss_by_period", "loss_by_type", "loss_by_district")):
        assert found["ha"].sum() == pytest.approx(3.0)


def test_a_chart_says_where_there_is_no_number_instead_of_drawing_zero_alone(tmp_path):
    frame = table(product([2019]), periods="maap-mercurio")
    spec = TABLES["loss_by_period"]
    there = tuple(column for column in spec.columns if column.name in frame.columns)
    rule = TierRule(delay_days=0, grid_m=1000, isolated_buffer_m=0, withhold_unchecked=False)
    shown = apply(
        Table(name=spec.name, description=spec.description, columns=there),
        frame,
        Gate(tier=Tier.RESTRICTED, rule=rule, data_day=made.TODAY),
    )
    drawn = plot_table(
        tmp_path / "p.svg", MadeTable(released=shown, provenance={}), TableRequest(name="loss_by_period")
    )
    assert drawn.read_text(encoding="utf-8").count("sin dato") == int(frame["ha"].isna().sum()) > 0
