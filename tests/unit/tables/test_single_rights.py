"""Below the partner tier no table tells of a single right: what is joined, and that nothing gives it back."""

import dataclasses
import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribute_made as made
from attribute_made import box, cells
from selvawatch.attribute.periods import Period, PeriodSet
from selvawatch.core.schema import Table
from selvawatch.core.settings import parse
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import Tier
from selvawatch.errors import SiteError, TableError
from selvawatch.tables import TABLES, build
from selvawatch.tables.granted import OTHER_PERIODS
from selvawatch.tables.single_rights import OTHER_DISTRICTS, OTHER_TYPES, joined_rows, shown_as
from selvawatch.write.tiers import Gate, TierRule, apply

LEAST = 5
SINGLE = [name for name, spec in TABLES.items() if spec.public is not None]
PER_RIGHT = {
    *("right_id", "right_senior", "right_junior", "valid_from", "valid_to", "status", "state", "ha_legal"),
    *("ha_register", "ha_here"),
    *("layer", "begin_senior", "begin_junior", "lag_days", "coexisted", "order_known", "share"),
}
RULE = TierRule(delay_days=0, grid_m=1000, isolated_buffer_m=0, withhold_unchecked=False)

rights_of_pairs = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["u", "v", "w", "x", "y"])),
    st.sets(st.integers(0, 30), min_size=1, max_size=9),
    min_size=1,
    max_size=14,
)


def frames(found):
    """Members and values of rights by type and district; every hectare an odd number of its own."""
    rng = np.random.default_rng(len(found))
    rows = [
        {"type": kind, "district": place, "right": f"{kind}{one}", "ha": rng.uniform(0.1, 9)}
        for (kind, place), rights in sorted(found.items())
        for one in sorted(rights)
    ]
    table = pd.DataFrame(rows)
    return table[["type", "district", "right"]], table[["type", "district", "ha"]]


@settings(deadline=None, max_examples=40)
@given(rights_of_pairs)
def test_joined_rows_add_up_tell_of_enough_rights_and_no_difference_gives_a_row_back(found):
    members, values = frames(found)
    shown = joined_rows(members, values, {"rights_n": "right"}, LEAST)
    if members["right"].nunique() < LEAST:
        assert shown[["rights_n", "ha"]].isna().all().all() and len(shown) == 1
        return
    assert shown["ha"].sum() == pytest.approx(values["ha"].sum(), abs=1e-9)
    assert (shown["rights_n"] >= LEAST).all()
    keys = shown_as(members, ["right"], LEAST)
    hidden = keys[(keys["shown_district"] != keys["district"]) | (keys["shown_type"] != keys["type"])]
    pairs = values.groupby(["type", "district"])["ha"].sum()
    for kind, rows in hidden[hidden["shown_type"] != OTHER_TYPES].groupby("type"):
        total = pairs[kind].sum()
        left = total - shown.loc[(shown["type"] == kind) & (shown["district"] != OTHER_DISTRICTS), "ha"].sum()
        for place in rows["district"]:
            assert abs(left - pairs[kind, place]) > 1e-9, (kind, place)
    numbers = shown["ha"].to_numpy()
    differences = np.abs(numbers[:, None] - numbers[None, :])
    for kind, place in hidden[["type", "district"]].to_numpy():
        withheld = pairs[kind, place]
        assert np.abs(numbers - withheld).min() > 1e-9 and np.abs(differences - withheld).min() > 1e-9


def test_where_one_row_would_be_joined_two_are_and_the_smaller_goes_along():
    counts = {
        ("mining", "A"): 9,
        ("mining", "B"): 6,
        ("mining", "C"): 7,
        ("mining", "D"): 2,
        ("timber", "A"): 5,
    }
    found = {pair: set(range(100 * at, 100 * at + n)) for at, (pair, n) in enumerate(counts.items())}
    table = joined_rows(*frames(found), {"rights_n": "right"}, LEAST)
    rows = list(zip(table["type"], table["district"], table["rights_n"], strict=True))
    assert rows == [
        ("mining", "A", 9),
        ("mining", "C", 7),
        ("mining", OTHER_DISTRICTS, 8),
        ("timber", "A", 5),
    ]


def test_a_type_with_too_few_rights_is_joined_to_other_types_with_the_smallest():
    counts = {("mining", "A"): 9, ("timber", "A"): 6, ("conservation", "B"): 1}
    found = {pair: set(range(100 * at, 100 * at + n)) for at, (pair, n) in enumerate(counts.items())}
    table = joined_rows(*frames(found), {"rights_n": "right"}, LEAST)
    rows = list(zip(table["type"], table["district"], table["rights_n"], strict=True))
    assert rows == [("mining", "A", 9), (OTHER_TYPES, OTHER_DISTRICTS, 7)]


@pytest.fixture(scope="module")
def inputs_of():
    """Twenty rights of four types in three districts, a community in one, with loss on each; by tier."""
    kinds = ["mining"] * 9 + ["timber"] * 6 + ["brazil_nut"] * 4 + ["native_community"]
    rows = [
        {"type": kind, "key": f"r{index}", "geometry": box(800 * index, 0, 800 * index + 1000, 500),
         "first": f"{2003 + index % 12}-02-01", "name": f"RIGHT {index}"}
        for index, kind in enumerate(kinds)
    ]  # fmt: skip
    rows += [
        {"type": "district", "geometry": box(5400 * at, 0, 5400 * at + 5400, 900), "name": name, "key": name}
        for at, name in enumerate("ABC")
    ]
    rows += [{"type": "area", "geometry": box(0, 0, 9000, 900), "name": "west", "key": "west"}]
    rows += [{"type": "corridor", "geometry": box(0, 0, 17000, 900), "name": "zone", "key": "zone"}]
    loss = cells([box(800 * at + 10, 10, 800 * at + 70 + 3 * at, 80) for at in range(20)])
    whole = made.inputs(loss, made.register(rows))
    return {tier: dataclasses.replace(whole, tier=tier) for tier in Tier}


@pytest.mark.parametrize("name", SINGLE)
def test_a_public_table_of_rights_adds_up_to_the_restricted_one_and_names_no_right(inputs_of, name):
    public = build(name, inputs_of[Tier.PUBLIC], TableOptions())
    restricted = build(name, inputs_of[Tier.RESTRICTED], TableOptions())
    count = "n" if name == "corridor_conflict_share" else "rights_n"
    assert (public[count].dropna() >= LEAST).all() and public[count].notna().any()
    if name not in ("granted_by_period", "corridor_conflict_share"):
        shared = [one for one in public.columns if one in restricted and public[one].dtype == "float64"]
        assert "ha" in shared
        for one in shared:
            assert public[one].sum() == pytest.approx(restricted[one].sum(), abs=1e-9), one
    if name != "corridor_conflict_share":
        assert not PER_RIGHT & set(public.columns)
    assert "RIGHT" not in public.to_csv() and ":r" not in public.to_csv()


def test_a_partner_still_has_a_row_for_each_right(inputs_of):
    assert len(build("loss_by_right", inputs_of[Tier.PARTNER], TableOptions())) == 20


@pytest.mark.parametrize("name", SINGLE)
def test_rows_of_single_rights_pass_no_gate_below_the_partner_tier(inputs_of, name):
    spec = TABLES[name]
    frame = build(name, inputs_of[Tier.RESTRICTED], TableOptions())
    columns = tuple(one for one in spec.columns if one.name in frame)
    table = Table(name=name, description="", columns=columns, tier=spec.tier)
    with pytest.raises(TableError, match="not for the public tier"):
        apply(table, frame, Gate(tier=Tier.PUBLIC, rule=RULE, data_day=made.TODAY))
    apply(table, frame, Gate(tier=Tier.PARTNER, rule=RULE, data_day=made.TODAY))


@pytest.mark.parametrize(
    "name", ["loss_by_right", "overlap_conflicts", "blocking_steps", "granted_by_period"]
)
def test_a_public_table_of_rights_is_not_cut_to_an_area_that_all_ground_less_it_would_give_back(
    inputs_of, name
):
    with pytest.raises(TableError, match="--tier partner"):
        build(name, inputs_of[Tier.PUBLIC], TableOptions(area="west"))
    build(name, inputs_of[Tier.PARTNER], TableOptions(area="west"))


@pytest.mark.parametrize("accounting", ["exclusive", "inclusive", "fractional", "combination"])
def test_loss_by_type_and_district_gives_no_row_back_that_loss_by_right_joins(inputs_of, accounting):
    options = TableOptions(by=("district",), accounting=accounting)
    public = build("loss_by_type", inputs_of[Tier.PUBLIC], options)
    restricted = build("loss_by_type", inputs_of[Tier.RESTRICTED], options)
    assert public["ha"].sum() == pytest.approx(restricted["ha"].sum(), abs=1e-9)
    joined = set(restricted["district"]) - set(public["district"])
    assert len(joined) >= 2, "a district shown in part would give its joined row back by its total"
    hidden = restricted[restricted["district"].isin(joined)]["ha"]
    assert all(np.abs(public["ha"] - one).min() > 1e-9 for one in hidden)
    assert public["share"].isna().all() and set(public["share_of"]) == {
        "none: districts of few rights are joined"
    }


def made_sets(rng):
    """Sets of periods that cut 2002 to 2013 at different days."""
    cuts = {"first": [2002, 2006, 2010], "second": [2003, 2007, 2009, 2012]}
    cuts["third"] = sorted(rng.choice(np.arange(2002, 2014), 4, replace=False).tolist())
    return {
        name: PeriodSet(
            name=name,
            title=name,
            periods=tuple(
                Period(name=f"{a}", title="", start=dt.date(a, 1, 1), end=dt.date(b, 1, 1))
                for a, b in itertools.pairwise(years)
            ),
        )
        for name, years in cuts.items()
    }


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_ground_granted_in_several_sets_of_periods_leave_no_fewer_rights_apart(seed):
    rng = np.random.default_rng(seed)
    rows = [
        {"type": "mining", "key": f"r{at}", "geometry": box(900 * at, 0, 900 * at + 800 - at, 500),
         "first": f"{rng.integers(2001, 2015)}-0{rng.integers(1, 9)}-01"}
        for at in range(60)
    ]  # fmt: skip
    inputs = dataclasses.replace(
        made.inputs(cells([box(10, 10, 70, 80)]), made.register(rows), tier=Tier.PUBLIC),
        periods=made_sets(rng),
    )
    years = [dt.date.fromisoformat(row["first"]).year for row in rows]
    found = []
    for name, periods in inputs.periods.items():
        table = build("granted_by_period", inputs, TableOptions(periods=name))
        shown = table.set_index("period")["rights_n"]
        assert shown.sum() == 60 and len(shown) > 1
        bounds = {one.name: range(one.start.year, one.end.year) for one in periods.periods}
        first, last = periods.periods[0].start.year, periods.periods[-1].end.year
        bounds |= {"before": range(first), "after": range(last, 3000)}
        of = [next(key for key, span in bounds.items() if year in span) for year in years]
        found.append([key if key in shown.index else OTHER_PERIODS for key in of])
        assert pd.Series(found[-1]).value_counts().to_dict() == shown.to_dict()
    together = pd.DataFrame(np.transpose(found)).value_counts()
    assert together.min() >= LEAST, "a row less the rows of another set tells of too few rights"


def test_too_few_rights_in_all_leave_the_numbers_empty():
    rows = [
        {"type": "mining", "key": f"k{at}", "geometry": box(900 * at, 0, 900 * at + 800, 90)}
        for at in range(3)
    ]
    loss = cells([box(900 * at, 0, 900 * at + 50, 50) for at in range(3)])
    table = build("loss_by_right", made.inputs(loss, made.register(rows), tier=Tier.PUBLIC), TableOptions())
    assert table["type"].tolist() == [OTHER_TYPES] and table[["ha", "rights_n"]].isna().all().all()


@pytest.mark.parametrize("given_one", [1, 0, -3, 2.5, "many"])
def test_a_site_that_says_so_few_rights_that_one_is_told_of_is_refused(given_one):
    values = dataclasses.asdict(RULE) | {"least_rights": given_one}
    with pytest.raises(SiteError, match="least_rights"):
        parse(TierRule, values, "site.toml")
