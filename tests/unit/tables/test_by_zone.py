"""Tables by zone against plain geopandas: zones by name, zone upon zone, products beside each other."""

import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribute_made as made
from attribute_made import CRS, EQUAL_AREA, box, cells
from selvawatch.core.days import to_day
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import Tier
from selvawatch.errors import TableError
from selvawatch.tables import build

WATCHED_FROM = to_day(pd.Timestamp(2022, 1, 1).date())
ZONES = [
    {"type": "protected_core", "geometry": box(0, 0, 700, 900), "name": "Reserva A", "first": "2000-09-04"},
    {"type": "protected_core", "geometry": box(900, 0, 1500, 900), "name": "Parque B", "first": "2024-03-01"},
    {"type": "buffer", "geometry": box(500, 100, 1200, 800), "name": "Reserva A", "first": "2001-01-01"},
    {"type": "corridor", "geometry": box(200, 0, 1400, 500), "first": "2010-02-18", "last": "2023-06-30"},
]
COMMUNITY = {"type": "native_community", "geometry": box(0, 0, 300, 300), "name": "Comunidad C"}

days = st.integers(0, 4 * 365).map(lambda day: pd.Timestamp(2022, 1, 1) + pd.Timedelta(days=day))
patches = st.lists(
    st.tuples(st.integers(0, 13), st.integers(0, 7), st.integers(1, 4), days),
    min_size=1,
    max_size=9,
    unique_by=lambda one: one[:2],
)


def loss(found):
    shapes = [box(110 * x, 110 * y, 110 * x + 20 * wide, 110 * y + 90) for x, y, wide, _ in found]
    onset = [day for *_, day in found]
    return cells(shapes, onset=onset, onset_earliest=onset, onset_latest=onset)


def made_inputs(lost, tier=Tier.RESTRICTED, zones=(*ZONES, COMMUNITY), **rest):
    rights = made.register([{"key": f"z{at}", **zone} for at, zone in enumerate(zones)])
    return made.inputs(lost, rights, tier=tier, **{"watched_from": WATCHED_FROM, **rest})


def truth(lost, zone, first, end):
    """Hectares of loss on a zone while it was in force, from a day to before another: an overlay."""
    began = max(pd.Timestamp(zone.get("first", "2000-01-01")), first)
    ended = min(pd.Timestamp(zone.get("last", "2100-01-01")) + pd.Timedelta(days=1), end)
    dated = lost[(lost["onset"] >= began) & (lost["onset"] < ended)].assign(
        area=lambda one: one.geometry.area
    )
    ground = gpd.GeoDataFrame(geometry=[zone["geometry"]], crs=CRS)
    cut = dated.overlay(ground, how="intersection", keep_geom_type=True)
    return float((cut["ha"] * cut.geometry.area / cut["area"]).sum())


@settings(deadline=None, max_examples=8)
@given(patches)
def test_loss_by_named_zone_is_an_overlay_in_every_year(found):
    lost = loss(found)
    table = build("loss_by_named_zone", made_inputs(lost), TableOptions(periods="year"))
    for year, rows in table[table["period"].str.isdigit()].groupby("period"):
        first, end = pd.Timestamp(int(year), 1, 1), pd.Timestamp(int(year) + 1, 1, 1)
        assert len(rows) == 5
        for zone in (*ZONES, COMMUNITY):
            row = rows[(rows["zone"] == zone["type"]) & (rows["name"] == zone.get("name", ""))].iloc[0]
            assert np.nan_to_num(row["ha"]) == pytest.approx(truth(lost, zone, first, end), abs=1e-9)


def test_a_zone_has_zero_where_it_was_watched_and_nothing_where_it_was_not_or_was_no_longer_in_force():
    lost = loss([(1, 1, 4, pd.Timestamp(2023, 2, 1)), (1, 3, 4, pd.Timestamp(2025, 2, 1))])
    inputs = made_inputs(lost, watched_from=to_day(pd.Timestamp(2024, 1, 1).date()))
    table = build("loss_by_named_zone", inputs, TableOptions(periods="year"))
    table = table.set_index(["period", "zone", "name"])
    assert table.loc[("2025", "buffer", "Reserva A"), ["ha", "events_n"]].tolist() == [0, 0]
    assert table.loc[("2025", "protected_core", "Reserva A"), "ha"] > 0
    assert table.loc[("2025", "corridor", ""), "in_force"] == "no"
    assert table.loc[("2025", "corridor", "")][["ha", "ha_lo", "ha_hi", "events_n"]].isna().all()
    assert table.loc[("2024", "buffer", "Reserva A"), ["ha", "watched"]].tolist() == [0, "yes"]
    assert not table["additive"].any() and set(table["accounting"]) == {"inclusive"}
    assert table.loc[("2023", "protected_core", "Parque B"), "in_force"] == "no"


@pytest.mark.parametrize("name", ["loss_by_named_zone", "zone_overlaps"])
def test_single_native_communities_are_named_from_the_partner_tier_on(name):
    lost = loss([(1, 1, 4, pd.Timestamp(2025, 2, 1))])
    named = {tier: set(build(name, made_inputs(lost, tier), TableOptions())["name"]) for tier in Tier}
    assert "Comunidad C" not in named[Tier.PUBLIC] and "Reserva A" in named[Tier.PUBLIC]
    assert "Comunidad C" in named[Tier.PARTNER] and named[Tier.PARTNER] == named[Tier.RESTRICTED]


def test_named_zones_split_by_cause_add_up_to_those_that_are_not():
    lost = loss([(x, 1, 3, pd.Timestamp(2024, 1 + x, 1)) for x in range(6)])
    inputs = made_inputs(lost.assign(cause=["mining", "agriculture"] * 3))
    keys = ["period", "zone", "name"]
    split = build("loss_by_named_zone", inputs, TableOptions(by=("cause",))).groupby(keys)["ha"].sum()
    alone = build("loss_by_named_zone", inputs, TableOptions()).groupby(keys)["ha"].sum()
    np.testing.assert_allclose(split.to_numpy(), alone.reindex(split.index).to_numpy(), atol=1e-9)


def test_zone_upon_zone_is_the_ground_of_an_intersection():
    inputs = made_inputs(loss([(1, 1, 4, pd.Timestamp(2025, 2, 1))]), zones=ZONES)
    table = build("zone_overlaps", inputs, TableOptions())
    today = [zone for zone in ZONES if "last" not in zone]
    names = {(zone["type"], zone["name"]): zone["geometry"] for zone in today}
    pairs = {}
    for row in table.itertuples():
        both = names[row.zone, row.name].intersection(names[row.zone_other, row.name_other])
        metres = gpd.GeoSeries([both], crs=CRS).to_crs(EQUAL_AREA).area.iloc[0]
        assert row.ha == row.ha_lo == row.ha_hi == pytest.approx(metres / 10_000, abs=1e-3)
        assert row.share == pytest.approx(both.area / names[row.zone, row.name].area, abs=1e-6)
        pairs[row.zone, row.name, row.zone_other, row.name_other] = row.ha
    assert len(pairs) == 5 and not table["additive"].any()


@settings(deadline=None, max_examples=5)
@given(patches, patches)
def test_two_products_stand_beside_each_other_each_as_its_own_table_has_it(found, others):
    first, other = made_inputs(loss(found)), made_inputs(loss(others), watched_from=WATCHED_FROM + 500)
    inputs = dataclasses.replace(first, other=other, other_label="radd 1")
    table = build("products_compared", inputs, TableOptions())
    assert set(table["loss_product_other"]) == {"radd 1"} and not table["additive"].any()
    for suffix, lost in (("", found), ("_other", others)):
        cut = loss(lost)
        for year, rows in table.groupby("period"):
            dated = cut[cut["onset"].dt.year == int(year)]
            assert rows[f"ha{suffix}"].sum() == pytest.approx(float(dated["ha"].sum()), abs=1e-9)
        core = table[(table["class"] == "protected_core")].set_index("period")[f"ha{suffix}"]
        for year, ha in core.items():
            spans = pd.Timestamp(int(year), 1, 1), pd.Timestamp(int(year) + 1, 1, 1)
            cores = [zone for zone in ZONES if zone["type"] == "protected_core"]
            expected = sum(truth(cut, zone, *spans) for zone in cores)
            assert np.nan_to_num(ha) == pytest.approx(expected, abs=1e-9)
    early = table[table["period"] == "2022"]
    assert set(early["watched_other"]) == {"no"} and early["ratio"].isna().all()
    lost_then = any(day.year == 2022 for *_, day in others)
    assert lost_then or early["ha_other"].isna().all()
    full = table[table["period"] == "2024"]
    assert full["difference_ha"].notna().all()


def test_a_comparison_without_another_product_leaves_its_columns_empty_and_one_with_a_split_is_refused():
    inputs = made_inputs(loss([(1, 1, 4, pd.Timestamp(2025, 2, 1))]))
    table = build("products_compared", inputs, TableOptions())
    assert table["ha"].sum() > 0 and table["loss_product_other"].isna().all()
    assert table[["ha_other", "ha_lo_other", "ha_hi_other", "ratio", "difference_ha"]].isna().all().all()
    with pytest.raises(TableError, match="own rows"):
        build("products_compared", dataclasses.replace(inputs, other=inputs), TableOptions(by=("cause",)))
