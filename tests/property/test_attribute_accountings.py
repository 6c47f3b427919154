"""Random overlapping rights over random loss: no hectare is lost, made or counted twice."""

import os

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import attribute_made as made
from attribute_made import SCALE, box, cells, pieces, register
from selvawatch.attribute.accountings import OWNED_TYPES, account

# 0.01 m2: what the issue of this project asks of a sum of hectares.
TOLERANCE_HA = 1e-6

EXAMPLES = int(os.environ.get("SELVAWATCH_EXAMPLES", "8"))
"""Of each property; `make spans` tries many more."""

corner = st.integers(0, 3000).map(lambda value: value * 1.0)
side = st.integers(1, 1500).map(lambda value: value * 1.0)


@st.composite
def shapes(draw):
    west, south, width, height = draw(corner), draw(corner), draw(side), draw(side)
    if draw(st.booleans()):
        return box(west, south, west + width, south + height)
    tilt = draw(st.integers(-400, 400))
    whole = shapely.Polygon(
        [
            (west, south),
            (west + width, south + tilt),
            (west + width + tilt, south + height),
            (west - 7, south + height + 3),
        ]
    )
    moved = shapely.transform(whole.convex_hull, lambda xy: xy + [made.WEST, made.SOUTH])
    return moved if moved.area > 1 else box(west, south, west + width, south + height)


def stamps(low, high):
    return st.dates(pd.Timestamp(low).date(), pd.Timestamp(high).date()).map(lambda one: one.isoformat())


@st.composite
def rights(draw):
    return {
        "type": draw(st.sampled_from(OWNED_TYPES)),
        "geometry": draw(shapes()),
        "first": draw(st.none() | stamps("1990-01-01", "2025-12-31")),
        "last": draw(st.none() | stamps("2010-01-01", "2030-12-31")),
    }


def hectares(cut, owned, accounting, clock="at-loss"):
    rows = account(cut, owned, SCALE, accounting=accounting, clock=clock)
    ha = cut.frame["ha"].to_numpy()[rows["piece"]]
    rows = rows.assign(ha=rows["weight"] * ha, ha_lo=rows["weight_lo"] * ha, ha_hi=rows["weight_hi"] * ha)
    return rows.groupby(["class", "validity"])[["ha", "ha_lo", "ha_hi"]].sum()


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    st.lists(rights(), max_size=8),
    st.lists(shapes(), min_size=1, max_size=4),
    st.sampled_from(["at-loss", "today"]),
)
def test_additive_accountings_with_outside_are_the_whole_loss(rows, loss, clock):
    owned = register(rows)
    lost = cells(loss)
    cut = pieces(lost, owned)
    total = lost["ha"].sum()
    for accounting in ("exclusive", "fractional", "combination"):
        table = hectares(cut, owned, accounting, clock)
        assert table["ha"].sum() == pytest.approx(total, abs=TOLERANCE_HA), accounting
        assert (table["ha_lo"] <= table["ha"] + 1e-9).all()
        assert (table["ha"] <= table["ha_hi"] + 1e-9).all()


near = st.dates(pd.Timestamp("2025-05-20").date(), pd.Timestamp("2025-06-20").date())


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    st.lists(st.tuples(rights(), st.none() | near, st.none() | near), min_size=1, max_size=4),
    st.tuples(near, near, near).map(sorted),
    st.sampled_from(["exclusive", "inclusive", "fractional", "combination"]),
)
def test_bounds_are_those_of_every_day_on_which_the_loss_may_have_been(rows, window, accounting):
    owned = register(
        [
            {**one, "first": first and first.isoformat(), "last": last and last.isoformat()}
            for one, first, last in rows
        ]
    )
    earliest, onset, latest = map(pd.Timestamp, window)
    shape = [box(1000, 1000, 2000, 2000)]

    def on(day, low, high):
        return pieces(cells(shape, onset=day, onset_earliest=low, onset_latest=high), owned)

    cut = on(onset, earliest, latest)
    every = [hectares(on(day, day, day), owned, accounting)["ha"] for day in pd.date_range(earliest, latest)]
    table = pd.concat(every, axis=1).fillna(0.0)
    found = hectares(cut, owned, accounting).reindex(table.index).fillna(0.0)
    least, most = found["ha_lo"], found["ha_hi"]
    # A total adds pieces up: its bounds hold those of any one day, and reach them where there is one piece.
    assert (least <= table.min(axis=1) + TOLERANCE_HA).all()
    assert (most >= table.max(axis=1) - TOLERANCE_HA).all()
    if len(cut) == 1:
        np.testing.assert_allclose(least, table.min(axis=1), atol=TOLERANCE_HA)
        np.testing.assert_allclose(most, table.max(axis=1), atol=TOLERANCE_HA)
    moved = (table.to_numpy() != table.to_numpy()[:, :1]).any()
    assert bool(cut.frame["date_uncertain"].any()) or not moved


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.lists(rights(), min_size=1, max_size=6), st.lists(shapes(), min_size=1, max_size=3))
def test_outside_is_what_no_right_in_force_covers(rows, loss):
    owned = register(rows)
    lost = cells(loss)
    cut = pieces(lost, owned)
    table = hectares(cut, owned, "exclusive")
    outside = table["ha"].get(("outside", ""), 0.0)
    day = pd.Timestamp(2025, 6, 1)
    live = owned.rights[
        (owned.rights["valid_from"].isna() | (owned.rights["valid_from"] <= day))
        & (owned.rights["valid_to"].isna() | (owned.rights["valid_to"] > day))
    ]
    union = shapely.union_all(live.geometry.to_numpy())
    slow = sum(
        ha * shapely.difference(shape, union).area / shape.area
        for ha, shape in zip(lost["ha"], lost.geometry, strict=True)
    )
    assert outside == pytest.approx(slow, abs=TOLERANCE_HA)


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    st.lists(rights(), min_size=1, max_size=6),
    st.lists(shapes(), min_size=1, max_size=3),
    st.integers(0, 4500),
)
def test_cutting_a_right_in_two_moves_no_hectare(rows, loss, at):
    shape = rows[0]["geometry"]
    west, south, east, north = shape.bounds
    x = min(max(made.WEST + at, west), east)
    halves = [
        half
        for half in (
            shape.intersection(shapely.box(west, south, x, north)),
            shape.intersection(shapely.box(x, south, east, north)),
        )
        if half.area > 0.01
    ]
    cut = [{**rows[0], "geometry": half} for half in halves] + rows[1:]
    lost = cells(loss)
    owned, halved = register(rows), register(cut)
    one, other = pieces(lost, owned), pieces(lost, halved)
    for accounting in ("exclusive", "fractional", "combination", "inclusive"):
        before = hectares(one, owned, accounting)["ha"]
        after = hectares(other, halved, accounting)["ha"]
        # Cut lines fall off the 1 mm grid: up to half a millimetre along a right's width moves, in all 1 m2.
        difference = before.sub(after, fill_value=0).abs().max()
        assert difference < 3e-4, accounting


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.lists(rights(), max_size=6), rights(), st.lists(shapes(), min_size=1, max_size=3))
def test_a_right_of_lower_priority_moves_no_exclusive_hectare_above_it(rows, added, loss):
    lost = cells(loss)
    few, more = register(rows), register([*rows, added])
    before = hectares(pieces(lost, few), few, "exclusive")["ha"]
    after = hectares(pieces(lost, more), more, "exclusive")["ha"]
    above = SCALE.types[: SCALE.types.index(added["type"])]
    for kind in above:
        for validity in ("in_force", "unknown"):
            one, other = before.get((kind, validity), 0.0), after.get((kind, validity), 0.0)
            assert one == pytest.approx(other, abs=TOLERANCE_HA)


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    st.lists(rights(), max_size=6),
    st.lists(shapes(), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
def test_order_of_input_rows_changes_nothing(rows, loss, random):
    keyed = [{**row, "key": f"k{index}"} for index, row in enumerate(rows)]
    mixed = keyed.copy()
    random.shuffle(mixed)
    lost = cells(loss)
    owned, shuffled = register(keyed), register(mixed)
    for accounting in ("exclusive", "fractional", "combination", "inclusive"):
        one = hectares(pieces(lost, owned), owned, accounting)
        other = hectares(pieces(lost, shuffled), shuffled, accounting)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@settings(deadline=None, max_examples=EXAMPLES)
@given(st.lists(rights(), max_size=6), st.lists(shapes(), min_size=1, max_size=3))
def test_inclusive_is_each_type_on_its_own(rows, loss):
    owned = register(rows)
    lost = cells(loss)
    cut = pieces(lost, owned)
    table = hectares(cut, owned, "inclusive", "today")["ha"]
    day = np.int64(made.TODAY)
    for kind in {row["type"] for row in rows}:
        live = owned.rights[owned.rights["type"] == kind]
        known = live[live["dates_known"]]
        now = pd.Timestamp(int(day), unit="D")
        known = known[(known["valid_from"] <= now) & (known["valid_to"].isna() | (known["valid_to"] > now))]
        union = shapely.union_all(known.geometry.to_numpy())
        slow = sum(
            ha * shapely.intersection(shape, union).area / shape.area
            for ha, shape in zip(lost["ha"], lost.geometry, strict=True)
        )
        assert table.get((kind, "in_force"), 0.0) == pytest.approx(slow, abs=TOLERANCE_HA)
