"""Rights and zones that only touch: no overlap and not inside, and every hectare counted once."""

import numpy as np
import pytest
import shapely

from selvawatch.attribute.faces import faces_of
from selvawatch.attribute.overlay import extent_of
from selvawatch.attribute.touches import Touch, touching_rights, with_touches
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import SiteError
from selvawatch.tables import build
from support import attribute_made as made

SLIVER = 0.9
"""Width of the shared ground beside 100 m, metres: 0.009 ha."""


def two(width, *, first="timber", second="brazil_nut", **dates):
    """A register of two rights of 100 m by 100 m and more, over a strip of some width, and loss on both."""
    rows = [
        {"type": first, "geometry": made.box(0, 0, 100, 100), **dates.get("early", {})},
        {"type": second, "geometry": made.box(100 - width, 0, 1_000, 100), **dates.get("late", {})},
    ]
    return made.cells([made.box(0, 0, 1_000, 100)]), made.register(rows)


def by_class(inputs, name, **options):
    found = build(name, inputs, TableOptions(**options))
    return found.groupby("class")["ha"].sum()


@pytest.mark.parametrize("accounting", ["exclusive", "inclusive", "fractional", "combination"])
def test_a_touch_is_no_class_and_takes_no_hectare_from_the_smaller_right(accounting):
    loss, rights = two(SLIVER)
    found = by_class(made.inputs(loss, rights), "loss_by_type", accounting=accounting)
    assert {name for name in found.index if found[name] > 0} == {"timber", "brazil_nut"}
    assert found.sum() == pytest.approx(loss["ha"].sum(), abs=1e-9)
    assert found["timber"] == pytest.approx(loss["ha"].sum() / 10, rel=1e-6)


def test_what_is_more_than_a_touch_stays_an_overlap():
    loss, rights = two(1.2)
    found = by_class(made.inputs(loss, rights), "loss_by_type", accounting="combination")
    assert found["brazil_nut+timber"] == pytest.approx(0.012, rel=1e-2)


def test_pairs_of_rights_that_touch_are_no_conflict():
    assert len(build("overlap_conflicts", made.inputs(*two(SLIVER)), TableOptions())) == 0
    assert len(build("overlap_conflicts", made.inputs(*two(1.2)), TableOptions())) == 1


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ({}, {}),
        ({"first": "2000-01-01", "last": "2025-12-01"}, {"first": "2000-01-01"}),
        ({"first": "2000-01-01"}, {"first": "1990-01-01", "last": "2005-12-31"}),
        ({"first": "2000-01-01"}, {"first": "2025-12-01"}),
    ],
)
def test_a_sliver_on_which_the_smaller_right_stands_at_the_loss_is_no_loss_of_the_larger(early, late):
    loss, rights = two(SLIVER, early=early, late=late)
    found = build("loss_by_right", made.inputs(loss, rights), TableOptions()).set_index("type")
    parts = found[["loss_in_force", "loss_unknown", "loss_out_of_time"]].sum(axis=1)
    assert parts.tolist() == pytest.approx(found["ha"].tolist(), abs=1e-12)
    assert found["ha"].sum() == pytest.approx(loss["ha"].sum(), abs=1e-9)
    is_late = "last" in late or late.get("first") == "2025-12-01"
    assert found["loss_out_of_time"]["brazil_nut"] == (found["ha"]["brazil_nut"] if is_late else 0)
    assert found["loss_out_of_time"]["timber"] == 0


def test_the_tolerance_is_of_a_pair_and_not_of_the_faces_that_cut_its_ground():
    strips = [
        {"type": "ecotourism", "geometry": made.box(90, south, 1_000, south + 20)}
        for south in range(0, 100, 20)
    ]
    loss, rights = two(1.2)
    rows = [{"type": row["type"], "geometry": row["geometry"]} for _, row in rights.rights.iterrows()]
    found = by_class(
        made.inputs(loss, made.register([*rows, *strips])), "loss_by_type", accounting="combination"
    )
    assert found["ecotourism+brazil_nut+timber"] == pytest.approx(0.012, rel=1e-2)


@pytest.mark.parametrize(
    ("shared", "smaller", "touches"),
    [
        (0.0099, 0.02, True),
        (0.0101, 0.5, False),
        (0.05, 6.0, True),
        (0.05, 4.0, False),
        (0.0999, 50_000.0, True),
        (0.1001, 50_000.0, False),
    ],
)
def test_a_touch_is_under_a_hundredth_of_a_hectare_or_of_the_smaller_up_to_a_tenth(shared, smaller, touches):
    assert Touch().holds(np.array([shared]), np.array([smaller])).tolist() == [touches]


def test_on_a_day_when_the_other_right_is_gone_the_sliver_is_that_of_the_one_left():
    loss, rights = two(SLIVER, early={"last": "2010-01-01"})
    found = by_class(made.inputs(loss, rights), "loss_by_type")
    share = found["brazil_nut"] / loss["ha"].sum()
    assert share == pytest.approx((900 + SLIVER) / 1_000, rel=1e-9)


def corridor(width):
    """A mining right with a strip of some width in the corridor, another right within, and loss on all."""
    rows = [
        {"type": "mining", "geometry": made.box(0, 0, 100, 100)},
        {"type": "timber", "geometry": made.box(0, 0, 200, 100)},
        {"type": "corridor", "geometry": made.box(100 - width, 0, 2_000, 100)},
    ]
    return made.inputs(made.cells([made.box(0, 0, 1_000, 100)]), made.register(rows))


@pytest.mark.parametrize(("width", "count"), [(SLIVER, 0), (1.2, 1)])
def test_a_right_that_touches_the_corridor_is_not_one_of_its_rights(width, count):
    found = build("corridor_conflict_share", corridor(width), TableOptions())
    assert found["n"].eq(count).all() and found["overlapping_n"].eq(count).all()
    crossed = build("loss_type_zone_period", corridor(width), TableOptions(accounting="inclusive"))
    both = crossed[(crossed["type"] == "mining") & (crossed["zone"] == "corridor")]
    assert (both["ha"].sum() > 0) == (count > 0)


def test_zones_and_what_lies_outside_are_all_loss_where_a_right_touches_a_zone():
    inputs = corridor(SLIVER)
    found = by_class(inputs, "loss_by_zone")
    assert found.sum() == pytest.approx(inputs.pieces.total_ha, abs=1e-12)
    blocked = build("blocking_steps", inputs, TableOptions())
    assert blocked["corridor_share"].tolist() == [0.0]


def test_a_right_on_a_larger_one_whose_outline_leaves_the_faces_is_measured_beyond_them():
    loss, rights = two(SLIVER)
    rows = [
        {"type": "timber", "geometry": made.box(0, 0, 100, 100_000)},
        {"type": "brazil_nut", "geometry": made.box(100 - SLIVER, 0, 1_000, 100_000)},
    ]
    long = made.register(rows)
    faces = faces_of(
        long.rights, extent_of([loss]), equal_area=made.EQUAL_AREA, register_version=long.version
    )
    assert len(touching_rights(with_touches(faces, long, Touch(), made.EQUAL_AREA))) == 0
    short = made.faces_under(loss, rights)
    assert len(touching_rights(short)) == 1


@pytest.mark.parametrize("value", [{"least_ha": -1.0}, {"least_share": 1.5}, {"share_to_ha": float("nan")}])
def test_what_is_no_tolerance_is_refused(value):
    with pytest.raises(SiteError, match="no tolerance for touches"):
        Touch(**value)


def test_three_rights_that_touch_one_another_leave_their_ground_to_the_smallest():
    edge = made.box(99.2, 0, 100, 100)
    rows = [
        {"type": "timber", "geometry": made.box(0, 0, 100, 100)},
        {"type": "brazil_nut", "geometry": made.box(99.2, 0, 500, 100)},
        {"type": "ecotourism", "geometry": shapely.union(edge, made.box(99.2, 0, 100, -900))},
    ]
    inputs = made.inputs(made.cells([edge]), made.register(rows))
    found = by_class(inputs, "loss_by_type", accounting="combination")
    assert {name for name in found.index if found[name] > 0} == {"ecotourism"}
