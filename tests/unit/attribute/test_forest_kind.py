"""Primary forest or secondary growth: what a layer that was mapped before the loss says of its ground."""

import datetime as dt
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from test_attribute_alerts import described, events, register, square

import attribute_made as made
from attribute_made import box
from selvawatch.attribute.former.forest_kind import ForestRule, forest_kinds
from selvawatch.attribute.rules import Rules
from selvawatch.core.settings import load
from selvawatch.errors import LayerError, SiteError
from selvawatch.register.acceptance import acceptable
from selvawatch.register.entries import LayerEntry
from selvawatch.register.manifest import Manifest, Snapshot, no_references, read_register

RULE = load(Rules, made.AOI / "rules.toml").forest
ENTRY = LayerEntry(
    name="primary",
    title="Bosque primario 2001",
    kind="reference",
    type="primary_forest",
    source="made up",
    licence="CC0",
    valid_from=dt.date(2001, 12, 31),
)
FAR = box(-1000, -1000, -900, 3000), box(2000, -1000, 2100, 3000)
"""Primary forest on both sides, which makes the extent of a layer."""


def primary(shapes, days):
    return gpd.GeoDataFrame({"seen_on": pd.to_datetime(days)}, geometry=shapes, crs=made.CRS)


def kinds(found, shapes, days=None, rule=RULE):
    return forest_kinds(events(found), primary(shapes, days or ["2001-12-31"] * len(shapes)), rule).tolist()


@pytest.mark.parametrize(
    ("wide", "wanted"), [(100, "primary"), (80, "primary"), (79, "mixed"), (21, "mixed"), (20, "secondary")]
)
def test_the_share_of_primary_forest_decides_to_the_hectare(wide, wanted):
    assert kinds([square(0)], [box(0, 0, wide, 100), *FAR]) == [wanted]


def test_forest_that_the_layer_does_not_know_is_secondary_and_beyond_its_extent_nothing_is_said():
    assert kinds([square(0)], list(FAR)) == ["secondary"]
    assert kinds([square(0)], list(FAR[:1])) == ["unknown"]
    assert kinds([square(0)], []) == ["unknown"]
    assert kinds([square(0)], [square(0), *FAR], rule=None) == ["unknown"]


def test_overlapping_outlines_are_counted_once():
    assert kinds([square(0)], [box(0, 0, 45, 100)] * 2 + list(FAR)) == ["mixed"]


def test_a_map_that_is_not_older_than_the_loss_says_nothing_of_it():
    found = events([square(0)])
    onset = pd.to_datetime(found["onset_earliest"]).fillna(pd.to_datetime(found["onset"])).iloc[0]
    shapes = [square(0), *FAR]
    for day, wanted in ((onset, "unknown"), (onset - pd.Timedelta(days=1), "primary")):
        assert forest_kinds(found, primary(shapes, [day] * 3), RULE).tolist() == [wanted]
    older = ["2001-12-31"] * 2
    assert kinds([square(0)], shapes, [str(onset.date()), *older]) == ["secondary"]


def layer(folder, shapes):
    """References of a layer of primary forest, as of 2001 by its entry."""
    gpd.GeoDataFrame(geometry=shapes, crs=made.CRS).to_file(folder / "primary.gpkg", layer="primary")
    snapshot = Snapshot(
        layer="primary", file=f"{folder}/primary.gpkg:primary", date=dt.date(2026, 5, 4), sha256="0" * 64
    )
    return read_register(Manifest(layer=(ENTRY,)), [snapshot], crs=made.CRS, equal_area=made.EQUAL_AREA)[1]


def test_alerts_say_what_forest_they_took_by_a_layer_of_the_manifest(tmp_path):
    references = layer(tmp_path, [square(0), *FAR])
    assert references.primary["seen_on"].astype(str).tolist() == ["2001-12-31"] * 3
    table = described(events([square(0), square(3)]), register([]), references=references)
    assert table["forest"].tolist() == ["primary", "secondary"]
    without = references.without(["primary"])
    assert described(events([square(0)]), register([]), references=without)["forest"].tolist() == ["unknown"]
    none = described(events([square(0)]), register([]), references=no_references(made.CRS))
    assert none["forest"].tolist() == ["unknown"]


def test_an_outline_that_crosses_itself_is_repaired(tmp_path):
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    assert layer(tmp_path, [bow, *FAR]).primary.is_valid.all()


def test_a_layer_of_lines_is_no_primary_forest():
    lines = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=made.CRS)
    with pytest.raises(LayerError, match="no feature has an area"):
        acceptable(lines, ENTRY, None, [])
    assert len(acceptable(lines, replace(ENTRY, type="road"), None, [])) == 1


@pytest.mark.parametrize("share", [0.5, 1.01, 0.0])
def test_a_share_that_would_be_of_both_kinds_is_refused(share):
    with pytest.raises(SiteError, match="least_share"):
        ForestRule(least_share=share)
