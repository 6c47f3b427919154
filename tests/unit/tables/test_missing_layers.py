"""What no layer was there to say: unknown or empty, with the name of the layer."""

import datetime as dt
from dataclasses import replace

import geopandas as gpd
import pytest

import attribute_made as made
from attribute_made import box
from selvawatch.core.schema import Table
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import Tier
from selvawatch.register.manifest import References, no_references
from selvawatch.site import Site, default_site
from selvawatch.steps.run.attribute_events import Zones, layers_lacking
from selvawatch.tables import TABLES, build

MINING = {"type": "mining", "geometry": box(0, 0, 100, 100)}
TIMBER = {"type": "timber", "geometry": box(0, 0, 50, 100)}
CORRIDOR = {"type": "corridor", "geometry": box(0, 0, 1_000, 100)}


def register_of_types(*rows):
    """A register whose layers can hold the types of the rows alone."""
    return made.register(list(rows), types={str(row["type"]): str(row["type"]) for row in rows})


def share_of(*rows, tier=Tier.RESTRICTED):
    inputs = made.inputs(made.cells([box(0, 0, 10, 10)]), register_of_types(*rows), tier=tier)
    return build("corridor_conflict_share", inputs, TableOptions())


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
def test_without_a_layer_of_the_corridor_no_right_is_counted_in_it(tier):
    found = share_of(MINING, TIMBER, tier=tier)
    assert len(found) > 0 and found[["n", "overlapping_n", "share", "ha"]].isna().all().all()
    assert found["share_of"].eq("none: no layer of corridor").all()


def test_without_a_layer_of_titles_no_right_is_counted():
    found = share_of(TIMBER, CORRIDOR)
    assert found[["n", "ha"]].isna().all().all() and found["share_of"].eq("none: no layer of mining").all()


def test_with_all_layers_the_counts_are_numbers():
    found = share_of(MINING, TIMBER, CORRIDOR)
    assert found["n"].eq(1).all() and found["overlapping_n"].eq(1).all() and found["share"].eq(1.0).all()


def with_rivers():
    """References with a layer of rivers far away."""
    rivers = gpd.GeoDataFrame(
        {"name": ["r"], "year": [None], "layer": ["rios"]}, geometry=[box(90_000, 0, 90_010, 9)], crs=made.CRS
    )
    return replace(
        no_references(made.CRS), rivers=rivers, dates=(("rios", dt.date(2024, 5, 1)), ("roads", made.TAKEN))
    )


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
@pytest.mark.parametrize("name", ["blocking_steps", "corridor_conflict_share"])
def test_without_a_layer_of_rivers_nothing_is_said_of_water_but_that_it_is_missing(name, tier):
    rows = [{**MINING, "geometry": box(100 * at, 0, 100 * at + 100, 100)} for at in range(6)] + [CORRIDOR]
    register = register_of_types(*rows)
    told = {}
    for label, references in (("none", None), ("empty", no_references(made.CRS)), ("rios", with_rivers())):
        data = made.inputs(made.cells([box(0, 0, 10, 10)]), register, tier=tier, references=references)
        told[label] = build(name, data, TableOptions())
    numbers = [
        one for one in ("near_water_n", "distance_water_m", "rest_within_500_m") if one in told["rios"]
    ]
    assert numbers
    for label in ("none", "empty"):
        assert told[label][numbers].isna().all().all()
        assert told[label]["layer_dates"].str.endswith(" rivers=none").all()
    assert told["rios"][numbers].notna().all().all()
    assert told["rios"]["layer_dates"].str.endswith(" rios=2024-05-01").all()


def test_without_a_layer_of_buffer_zones_no_count_of_opinions_is_zero():
    rows = [{**MINING, "geometry": box(100 * at, 0, 100 * at + 100, 100)} for at in range(6)]
    loss = made.cells([box(0, 0, 10, 10)])
    for more, known in (((), False), (({"type": "buffer", "geometry": box(0, 5_000, 9, 5_009)},), True)):
        data = made.inputs(loss, register_of_types(*rows, *more), tier=Tier.PUBLIC)
        assert bool(build("blocking_steps", data, TableOptions())["opinion_n"].notna().all()) is known


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"revisions", "displacement_rings"}))
def test_a_layer_that_is_not_at_hand_stands_in_each_row(name):
    rows = [MINING, TIMBER, CORRIDOR]
    inputs = made.inputs(
        made.cells([box(0, 0, 10, 10)]), made.register(rows), lacking=("forest-titles", "rivers")
    )
    found = build(name, inputs, TableOptions())
    if "layer_dates" in found and len(found):
        assert found["layer_dates"].str.endswith("forest-titles=none rivers=none").all()
        assert found["layer_dates"].str.count("rivers=").eq(1).all()


def test_layers_without_a_snapshot_are_those_of_the_site_and_no_tier_is_told_of_hidden_ones():
    site = Site.load(default_site())
    empty = gpd.GeoDataFrame(geometry=[], crs=made.CRS)
    parts = dict.fromkeys(("roads", "rivers", "water", "river_water", "scars"), empty)
    zones = Zones(register=made.register([MINING]), references=References(**parts))
    names = {entry.name for entry in site.manifest.layer}
    hidden = {entry.name for entry in site.manifest.layer if entry.type == "isolated_peoples"}
    assert set(layers_lacking(site, zones, Tier.RESTRICTED)) == names and hidden
    assert set(layers_lacking(site, zones, Tier.PUBLIC)) == names - hidden


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
@pytest.mark.parametrize("name", sorted(set(TABLES) - {"revisions", "displacement_rings"}))
def test_no_table_is_without_rows_or_says_none_where_no_layer_was_there(name, tier):
    loss = made.cells([box(0, 0, 1_000, 1_000)])
    inputs = made.inputs(loss, made.register([]), lacking=("forest-titles",), tier=tier)
    found = build(name, inputs, TableOptions())
    assert len(found) > 0 or name in ("front_age", "area_estimates")  # no mining loss; no area of interest
    spec = TABLES[name].of_tier(tier)
    Table(
        name=name,
        description=spec.description,
        columns=tuple(one for one in spec.columns if one.name in found),
    ).check(found)
    if spec.of_types:
        kinds = [column for column in ("type", "zone", "type_senior") if column in found]
        assert found[kinds].eq("unknown").all().all() and found["ha"].isna().all()
        assert found["layer_dates"].str.contains("forest-titles=none").all()
