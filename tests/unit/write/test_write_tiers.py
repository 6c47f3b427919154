import ast
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import selvawatch
from attribute_made import box, register
from selvawatch.core.days import to_date
from selvawatch.core.schema import Table, column
from selvawatch.core.tables import ALERTS, CELLS, RIGHTS, Tier
from selvawatch.errors import TableError
from selvawatch.write.language.sanitise import cell, escaped, single_line
from selvawatch.write.tiers import LOCATION_COLUMNS, Gate, Released, TierRule, apply, release_attributed
from write_data import CRS, DATA_DAY, OPEN_RULE, RULE, alerts, cells, restricted_names

DATES = ["first_detected", "confirmed_on", "onset", "onset_earliest", "onset_latest", "last_grown"]


def test_nothing_but_a_gate_makes_what_writers_take():
    with pytest.raises(TypeError, match="gates of write.tiers"):
        Released()
    released = apply(ALERTS, alerts(3), Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY))
    with pytest.raises(TypeError):
        replace(released, frame=alerts(3))


def test_no_module_but_the_gate_reaches_for_the_constructor():
    package = Path(selvawatch.__file__).parent
    gate = package / "write" / "tiers.py"
    found = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node, "id", getattr(node, "attr", getattr(node, "name", None)))
            if path != gate and (name == "_release" or (isinstance(node, ast.Call) and called(node))):
                found.append(f"{path.relative_to(package)}:{node.lineno}")
    assert found == []


def called(node):
    """Whether a call makes `Released`, by its name or around its constructor."""
    target = getattr(node.func, "id", getattr(node.func, "attr", ""))
    arguments = [getattr(one, "id", getattr(one, "attr", "")) for one in node.args]
    return target == "Released" or (target == "__new__" and "Released" in arguments)


def test_rows_of_rights_that_a_tier_may_not_see_do_not_pass_the_gate():
    rights = register([{"type": "timber", "geometry": box(0, 0, 100, 100)}])
    frame = gpd.GeoDataFrame(
        {"zone_layer": ["made"], "zone_right_id": ["R-1"]}, geometry=[box(0, 0, 9, 9)], crs=CRS
    )
    columns = (
        column("zone_layer", "text", "Layer."),
        column("zone_right_id", "text", "Right."),
        column("geometry", "geometry", "Ground."),
    )
    table = Table(name="attributed", description="", columns=columns)
    assert len(release_attributed(table, frame, Tier.RESTRICTED, DATA_DAY, register=rights).frame) == 1
    with pytest.raises(TableError, match="zone_right_id"):
        release_attributed(table, frame, Tier.PUBLIC, DATA_DAY, register=rights)
    assert len(release_attributed(table, frame, Tier.PUBLIC, DATA_DAY).frame) == 1


def test_public_rows_hold_no_day_newer_than_the_delay():
    released = apply(ALERTS, alerts(14), Gate(tier=Tier.PUBLIC, rule=RULE, data_day=DATA_DAY))
    newest = pd.Timestamp(to_date(Gate(tier=Tier.PUBLIC, rule=RULE, data_day=DATA_DAY).newest_day))
    assert 0 < len(released.frame) < 14
    assert (released.frame[DATES] <= newest).all(axis=None)
    assert released.withheld.protected == 14 - len(released.frame)


def test_the_delay_counts_from_the_data_day_and_not_from_today():
    first = apply(ALERTS, alerts(14), Gate(tier=Tier.PUBLIC, rule=RULE, data_day=DATA_DAY))
    later = apply(ALERTS, alerts(14), Gate(tier=Tier.PUBLIC, rule=RULE, data_day=DATA_DAY + 60))
    assert len(later.frame) > len(first.frame)


@pytest.mark.parametrize("tier", list(Tier))
def test_no_column_above_the_tier_goes_out_but_places_on_the_grid(tier):
    released = apply(ALERTS, alerts(), Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY))
    above = {column.name for column in ALERTS.columns if column.tier > tier}
    assert set(released.frame.columns) & above <= set(LOCATION_COLUMNS)
    assert [column.name for column in released.table.columns] == list(released.frame.columns)
    assert set(released.withheld.columns) == above - set(LOCATION_COLUMNS)


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_below_restricted_every_place_is_a_square_of_the_grid(tier):
    exact = alerts()
    frame = apply(ALERTS, exact, Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY)).frame
    bounds = shapely.bounds(np.asarray(frame.geometry, object))
    assert (bounds % 1000 == 0).all()
    assert (bounds[:, 2:] - bounds[:, :2] == 1000).all()
    assert (frame["utm_e"] % 1000 == 500).all() and (frame["utm_n"] % 1000 == 500).all()
    inside = shapely.covers(np.asarray(frame.geometry), shapely.points(exact["utm_e"], exact["utm_n"]))
    assert inside.all()
    back = frame.geometry.centroid.to_crs("EPSG:4326")
    assert np.abs(back.x - frame["lon"]).max() < 1e-4 and np.abs(back.y - frame["lat"]).max() < 1e-4


def test_two_places_in_one_square_cannot_be_told_apart():
    frame = alerts(2)
    frame.geometry = [
        shapely.box(*[369_100, 8_582_100, 369_150, 8_582_180]),
        shapely.box(369_800, 8_582_900, 369_840, 8_582_950),
    ]
    out = apply(ALERTS, frame, Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY)).frame
    for name in ("utm_e", "utm_n", "lon", "lat"):
        assert out[name].nunique() == 1
    assert out.geometry.iloc[0].equals(out.geometry.iloc[1])


def test_distances_below_restricted_are_no_finer_than_the_grid():
    frame = alerts(distance_road_m=[123.0, 780.0, np.nan, 2600.0, 5.0, 9.0], road_km=[103.4] * 6)
    out = apply(ALERTS, frame, Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY)).frame
    assert out["distance_road_m"].tolist()[:2] == [0.0, 1000.0] and np.isnan(out["distance_road_m"][2])
    assert out["road_km"].tolist() == [103.0] * 6
    whole = apply(ALERTS, frame, Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY)).frame
    assert whole["distance_road_m"][0] == 123.0


def test_restricted_gets_everything_unchanged():
    frame = alerts()
    released = apply(ALERTS, frame, Gate(tier=Tier.RESTRICTED, rule=RULE, data_day=DATA_DAY))
    assert len(released.frame) == len(frame) and released.withheld.columns == ()
    assert released.frame.geometry.geom_equals(frame.geometry).all()


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_rows_near_isolated_peoples_leave_only_restricted(tier):
    frame = alerts(isolated_peoples=["yes", "no", "unknown", "no", "no", "yes"])
    released = apply(ALERTS, frame, Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY))
    assert (released.withheld.protected, released.withheld.unchecked) == (2, 1)
    assert "isolated_peoples" not in released.frame.columns
    strict = apply(
        ALERTS,
        frame,
        Gate(
            tier=tier,
            rule=TierRule(delay_days=0, grid_m=1000, isolated_buffer_m=0, withhold_unchecked=True),
            data_day=DATA_DAY,
        ),
    )
    assert (len(strict.frame), strict.withheld.unchecked) == (3, 0)
    assert len(apply(ALERTS, frame, Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY)).frame) == 6


def test_the_buffer_of_a_reserve_holds_back_alerts_and_cells():
    for table, frame in ((ALERTS, alerts()), (CELLS, cells())):
        reserve = frame.geometry.iloc[0].buffer(100)
        out = apply(table, frame, Gate(tier=Tier.PARTNER, rule=RULE, data_day=DATA_DAY, isolated=reserve))
        assert out.withheld.protected == sum(frame.geometry.distance(reserve) <= RULE.isolated_buffer_m) > 1


def test_the_register_loses_its_holders_and_its_outlines_below_restricted():
    frame = alerts(table=RIGHTS)
    for tier in (Tier.PUBLIC, Tier.PARTNER):
        released = apply(RIGHTS, frame, Gate(tier=tier, rule=RULE, data_day=DATA_DAY))
        assert len(released.frame) == len(frame)
        assert not restricted_names(RIGHTS) & set(released.frame.columns)


def test_an_empty_table_passes():
    released = apply(ALERTS, alerts(0), Gate(tier=Tier.PUBLIC, rule=RULE, data_day=DATA_DAY))
    assert len(released.frame) == 0 and released.frame.crs == "EPSG:32719"


def test_the_frame_given_is_not_changed():
    frame = alerts()
    before = frame.copy(deep=True)
    apply(ALERTS, frame, Gate(tier=Tier.PUBLIC, rule=RULE, data_day=DATA_DAY))
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("field", ["delay_days", "grid_m", "isolated_buffer_m"])
def test_a_rule_that_protects_nobody_is_refused(field):
    numbers = {"delay_days": 0, "grid_m": 1000.0, "isolated_buffer_m": 0.0} | {field: -1}
    with pytest.raises(ValueError, match=field):
        TierRule(**numbers, withhold_unchecked=True)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "  =", "＝"])
def test_a_cell_that_a_sheet_would_run_gets_an_apostrophe(start):
    assert cell(start + "1+1").startswith("'")


def test_plain_text_keeps_its_letters_and_directions_are_shown():
    assert escaped("Comunidad Nativa Tres Islas, año 2026") == "Comunidad Nativa Tres Islas, año 2026"
    assert escaped("a\u202eb\x00") == "a\\u202eb\\u0000"
    assert single_line("uno\n  dos\u200f", 40) == "uno dos\\u200f"
    assert len(single_line("x" * 10_000, 80)) == 80 and len(cell("x" * 100_000)) <= 32_000


def test_cells_of_events_that_were_not_released_are_held_back():
    frame = alerts(4, isolated_peoples=["no", "yes", "no", "no"])
    loss = cells(4).assign(event_id=frame["event_id"].to_numpy())
    gate = Gate(tier=Tier.PARTNER, rule=RULE, data_day=DATA_DAY + 10_000)
    kept = apply(CELLS, loss, gate, of=apply(ALERTS, frame, gate))
    assert kept.frame["event_id"].tolist() == [frame["event_id"][at] for at in (0, 2, 3)]


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_ranks_of_a_lower_tier_have_no_gaps_that_tell_of_withheld_alerts(tier):
    near = ["yes", "no", "yes", "no", "no", "yes"]
    frame = alerts(6, isolated_peoples=near, rank=[1, 2, 3, 4, 5, 6])
    seen = apply(ALERTS, frame, Gate(tier=tier, rule=RULE, data_day=DATA_DAY + 10_000))
    whole = apply(ALERTS, frame, Gate(tier=Tier.RESTRICTED, rule=RULE, data_day=DATA_DAY + 10_000))
    assert seen.frame["rank"].tolist() == [1, 2, 3]
    assert seen.frame["event_id"].tolist() == [frame["event_id"][at] for at in (1, 3, 4)]
    assert whole.frame["rank"].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("withhold", [True, False])
def test_ground_in_doubt_is_guarded_and_proves_nothing_of_other_ground(withhold):
    frame = alerts(6, isolated_peoples=["unknown"] * 6)
    reserve = frame.geometry.iloc[0].buffer(1)
    rule = TierRule(delay_days=0, grid_m=1000, isolated_buffer_m=0, withhold_unchecked=withhold)
    gate = Gate(tier=Tier.PUBLIC, rule=rule, data_day=DATA_DAY, isolated=reserve, isolated_checked=False)
    out = apply(ALERTS, frame, gate)
    near = int(frame.geometry.distance(reserve).le(0).sum())
    assert 0 < near < 6
    assert (len(out.frame), out.withheld.protected) == ((0, 6) if withhold else (6 - near, near))
