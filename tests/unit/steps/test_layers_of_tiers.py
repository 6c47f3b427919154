"""What tables of a tier say of layers: below the restricted one those marked `sensitive` were never there."""

import dataclasses
import datetime as dt
import json
import shutil
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import attribute_made as made
import made_decade
from attribute_made import box, cells
from selvawatch.core.days import to_day
from selvawatch.core.tables import Tier
from selvawatch.events.patches import alert_pixels
from selvawatch.register.manifest import no_references
from selvawatch.register.register import register_of
from selvawatch.site import Site
from selvawatch.steps.register import import_zone
from selvawatch.steps.run import attribute_events, findings
from selvawatch.steps.run.attribute_events import Zones, zones_of_tier
from selvawatch.steps.run.publish import shown_references
from selvawatch.store.folders import Store
from selvawatch.store.run_files import read_tracked
from selvawatch.tables.registry import TABLES as SPECS
from selvawatch.write.tiers import TierRule, loss_of_tier

HIDDEN = """
[[layer]]
name = "hidden-camps"
title = "Campamentos"
kind = "zone"
type = "exclusion"
source = "made up"
licence = "none"
valid_from = 2000-01-01
open_ended = true
sensitive = true

[[layer]]
name = "hidden-paths"
title = "Trochas"
kind = "reference"
type = "road"
source = "made up"
licence = "none"
sensitive = true
"""
TABLES = ("loss_by_zone", "front_age")
RULE = TierRule(delay_days=0, grid_m=1000, isolated_buffer_m=300, withhold_unchecked=False)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A site, its store, and the same store with two layers marked `sensitive` besides, a day newer."""
    folder = tmp_path_factory.mktemp("tiers")
    site, store = made_decade.write_decade(folder, rights=20, events=25)
    zones = site / "aoi" / "zones.toml"
    zones.write_text(zones.read_text(encoding="utf-8") + HIDDEN, encoding="utf-8")
    other = folder / "other"
    shutil.copytree(store, other)
    shapes = {
        "hidden-camps": shapely.box(made_decade.WEST, made_decade.SOUTH, made_decade.WEST + 5e4, 8_660_000.0),
        "hidden-paths": shapely.LineString([(330_000, 8_560_000), (430_000, 8_660_000)]),
    }
    for name, shape in shapes.items():
        gpd.GeoDataFrame({"a": [1]}, geometry=[shape], crs="EPSG:32719").to_parquet(folder / "layer.parquet")
        day = made_decade.TAKEN + dt.timedelta(1)
        import_zone(Site.load(site), Store(other), name, str(folder / "layer.parquet"), date=day)
    return site, store, other


@pytest.mark.parametrize("tier", ["public", "partner"])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_below_restricted_is_the_same_bytes_with_a_sensitive_layer_and_without(
    stores, command, tmp_path, name, tier
):
    site, *both = stores
    for number, store in enumerate(both):
        out = tmp_path / str(number) / "t.csv"
        out.parent.mkdir()
        words = ["--site", site, "--store", store, "--tier", tier, "--out", out]
        words += ["--accounting", "inclusive"] if "accounting" in SPECS[name].uses else []
        made_one = command("table", name, *words)
        assert made_one.code == 0, made_one
    for path in sorted((tmp_path / "0").iterdir()):
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes(), path.name


def test_the_restricted_table_names_the_sensitive_layer_and_counts_it(stores, command, tmp_path):
    site, _, store = stores
    words = ["--site", site, "--store", store, "--tier", "restricted", "--out", tmp_path / "t.csv"]
    assert command("table", "loss_by_zone", "--accounting", "inclusive", *words).code == 0
    table = pd.read_csv(tmp_path / "t.csv").set_index("class")
    assert table.loc["exclusion", "ha"] > 0
    assert "hidden-camps=2026-01-02" in table["layer_dates"].iloc[0]
    provenance = json.loads((tmp_path / "t-procedencia.json").read_text(encoding="utf-8-sig"))
    assert "hidden-paths" in json.dumps(provenance)


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
def test_alerts_of_a_run_name_the_layers_that_are_not_at_hand_and_hidden_ones_in_the_restricted_tier(
    stores, monkeypatch, tier
):
    folder, place, _ = stores
    site, store = Site.load(folder), Store(place)
    run = store.run(store.ledger.current().run_id)
    tracked = read_tracked(run, Tier.RESTRICTED)
    monkeypatch.setattr(findings, "detected_pixels", lambda *_: alert_pixels({}))
    monkeypatch.setattr(findings, "track_events", lambda *_, **__: tracked)
    monkeypatch.setattr(
        attribute_events, "river_water_of", lambda *_: no_references("EPSG:32719").river_water
    )
    plan = SimpleNamespace(until_day=to_day(dt.date(2026, 3, 1)))
    context = SimpleNamespace(site=site, store=store, plan=plan)
    context.until = lambda day: SimpleNamespace(site=site, store=store, plan=SimpleNamespace(until_day=day))
    found = findings.findings_of(context, {}, attribute_events.read_zones(site, store), tier)
    (dates,) = found.attributed.alerts["layer_dates"].unique()
    assert "mining-cadastre=2026-01-01" in dates.split() and "rivers=none" in dates.split()
    assert dates.count("mining-cadastre=") == 1
    hidden = {"hidden-camps=none", "hidden-paths=none"} & set(dates.split())
    assert len(hidden) == (2 if tier is Tier.RESTRICTED else 0) and ("hidden" in dates) is bool(hidden)


@pytest.mark.parametrize("tier", ["public", "partner"])
def test_fronts_of_a_product_within_the_distance_of_a_reserve_are_for_the_restricted_tier(
    stores, command, tmp_path, tier
):
    site, store, _ = stores
    west, south = made_decade.WEST - 40_000, made_decade.SOUTH
    shapes = [
        shapely.box(west + 1_000, south, west + 3_000, south + 900),
        shapely.box(3.8e5, 8.6e6, 381e3, 8601e3),
    ]
    frame = gpd.GeoDataFrame({"day": ["2020-05-01"] * 2}, geometry=shapes, crs="EPSG:32719")
    frame.to_parquet(tmp_path / "loss.parquet")
    words = ["--loss", tmp_path / "loss.parquet", "--date-field", "day", "--cause", "mining"]
    kept = command("attribute", *words, "--register-as", f"p-{tier}", "--site", site, "--store", store)
    assert kept.code == 0, kept
    found = {}
    for of in (tier, "restricted"):
        out = tmp_path / f"{of}.csv"
        words = ["--product", f"p-{tier}", "--tier", of, "--site", site, "--store", store, "--out", out]
        assert command("table", "front_age", *words).code == 0
        found[of] = pd.read_csv(out)
    assert (found["restricted"]["west"] < west + 10_000).sum() == 2
    assert set(found[tier]["west"]) == {380_000}


def hidden_zones(sensitive):
    """Zones of a timber concession, a layer that hides another zone, and reserves of isolated peoples."""
    layers = [
        made.snapshot(
            [{"type": "timber", "geometry": box(0, 0, 100, 100), "first": "2000-01-01"}], name="timber"
        ),
        made.snapshot(
            [{"type": "corridor", "geometry": box(50, 0, 99, 9), "name": "X"}],
            name="hidden",
            kind="zone",
            sensitive=sensitive,
        ),
        made.snapshot(
            [{"type": "isolated_peoples", "geometry": box(900, 0, 999, 9), "name": "P"}],
            name="p",
            kind="zone",
        ),
    ]
    roads = gpd.GeoDataFrame(
        {"name": ["seen", "path"], "layer": ["roads", "hidden-paths"]},
        geometry=[shapely.LineString([(0, 0), (9, 9)]), shapely.LineString([(0, 0), (5, 9)])],
        crs=made.CRS,
    )
    references = dataclasses.replace(
        no_references(made.CRS),
        roads=roads,
        settlements=gpd.GeoDataFrame(
            {"name": ["Town", "Camp"], "layer": ["roads", "hidden-paths"]},
            geometry=[shapely.Point(1, 1), shapely.Point(2, 2)],
            crs=made.CRS,
        ),
        dates=(("hidden-paths", made.TAKEN), ("roads", made.TAKEN)),
        sensitive=("hidden-paths",) if sensitive else (),
    )
    return Zones(register=register_of(layers, crs=made.CRS), references=references)


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_maps_and_dates_below_restricted_know_no_sensitive_layer_and_no_reserve(tier):
    zones = hidden_zones(sensitive=True)
    told = zones_of_tier(zones, tier)
    assert [layer.entry.name for layer in told.register.layers] == ["p", "timber"]
    assert set(told.register.rights["type"]) == {"timber"}
    assert told.references.dates == (("roads", made.TAKEN),)
    assert {one.name for one in shown_references(zones, made.TAKEN, tier)} == {"seen", "Town"}
    everything = {one.name for one in shown_references(zones, made.TAKEN, Tier.RESTRICTED)}
    assert everything == {"seen", "path", "X", "Town", "Camp"}
    assert zones_of_tier(zones, Tier.RESTRICTED) is zones and zones.isolated is not None


def test_a_place_without_a_name_has_none_on_maps():
    places = gpd.GeoDataFrame(
        {"name": pd.Series(["Town", None], dtype="str"), "layer": "towns"},
        geometry=[shapely.Point(1, 1), shapely.Point(2, 2)],
        crs=made.CRS,
    )
    rights = made.register([{"type": "corridor", "geometry": box(0, 0, 9, 9), "name": None}])
    zones = Zones(
        register=rights, references=dataclasses.replace(no_references(made.CRS), settlements=places)
    )
    assert sorted(one.name for one in shown_references(zones, made.TAKEN, Tier.PUBLIC)) == ["", "", "Town"]


def test_a_public_map_shows_no_single_native_community():
    rights = made.register([{"type": "native_community", "geometry": box(0, 0, 9, 9), "name": "Comunidad"}])
    zones = Zones(register=rights, references=no_references(made.CRS))
    assert shown_references(zones, made.TAKEN, Tier.PUBLIC) == ()
    assert [one.name for one in shown_references(zones, made.TAKEN, Tier.PARTNER)] == ["Comunidad"]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=8), st.integers(0, 60)
)
def test_what_a_product_keeps_below_restricted_is_its_ground_beyond_the_distance(spans, at):
    loss = cells([box(50 * x, 0, 50 * (x + wide), 60) for x, wide in spans])
    reserve = box(50 * at, 100, 50 * at + 120, 200)
    kept = loss_of_tier(loss, reserve, RULE, Tier.PARTNER)
    assert loss_of_tier(loss, reserve, RULE, Tier.RESTRICTED) is loss
    assert all(reserve.distance(shape) >= RULE.isolated_buffer_m - 1e-6 for shape in kept.geometry)
    beyond = loss.geometry.difference(reserve.buffer(RULE.isolated_buffer_m, quad_segs=64)).area
    share = (beyond / loss.geometry.area).to_numpy()
    # The guarded ring is wider than the circle's polygon here by 0.02 m of 300 m.
    assert kept["ha"].sum() == pytest.approx(float(np.dot(share, loss["ha"])), abs=0.01)


def test_two_products_are_compared_by_the_command_and_only_by_the_table_for_it(
    stores, command, tmp_path, caplog
):
    site, store, _ = stores
    shape = shapely.box(3.8e5, 8.6e6, 381e3, 8601e3)
    frame = gpd.GeoDataFrame({"day": ["2020-05-01"]}, geometry=[shape], crs="EPSG:32719")
    frame.to_parquet(tmp_path / "loss.parquet")
    where = ["--site", site, "--store", store, "--tier", "restricted"]
    kept = ["--loss", tmp_path / "loss.parquet", "--date-field", "day", "--register-as", "others"]
    assert command("attribute", *kept, "--site", site, "--store", store).code == 0
    out = tmp_path / "t.csv"
    words = ["--product", "others", "--against", "detections", *where, "--out", out]
    assert command("table", "products_compared", *words).code == 0
    table = pd.read_csv(out)
    assert set(table["loss_product"]) == {"others"}
    assert set(table["loss_product_other"]) == {"selvawatch fused 2"}
    assert table["ha"].sum() == pytest.approx(100.0, rel=2e-3)
    assert table["ha_other"].sum() > 0
    with caplog.at_level("WARNING"):
        assert command("table", "products_compared", *where).code == 0
    assert "no other product" in caplog.text
    for words, why in (
        (["products_compared", "--product", "others", "--against", "others", *where], "with itself"),
        (["products_compared", "--against", "nobody", *where], "unknown product"),
        (["loss_by_type", "--against", "others", *where], "compares no products"),
    ):
        refused = command("table", *words)
        assert refused.code != 0 and why in refused.err, words


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_the_command_gives_no_row_of_a_single_right_in_the_public_tier_and_the_same_total(
    stores, command, tmp_path, suffix
):
    site, store, _ = stores
    x, y = np.meshgrid(np.arange(0, 90_000, 4_000.0), np.arange(0, 90_000, 4_000.0))
    west, south = made_decade.WEST + x.ravel(), made_decade.SOUTH + y.ravel()
    frame = gpd.GeoDataFrame(
        {"day": "2020-05-01"}, geometry=shapely.box(west, south, west + 900, south + 900), crs="EPSG:32719",
        index=range(len(west)),
    )  # fmt: skip
    frame.to_parquet(tmp_path / "loss.parquet")
    kept = ["--loss", tmp_path / "loss.parquet", "--date-field", "day", "--register-as", f"squares-{suffix}"]
    assert command("attribute", *kept, "--site", site, "--store", store).code == 0
    found = {}
    for tier in ("public", "partner"):
        out = tmp_path / f"{tier}.{suffix}"
        words = [
            "--product",
            f"squares-{suffix}",
            "--tier",
            tier,
            "--site",
            site,
            "--store",
            store,
            "--out",
            out,
        ]
        assert command("table", "loss_by_right", *words).code == 0
        found[tier] = pd.read_csv(out) if suffix == "csv" else pd.read_excel(out, sheet_name="datos")
    public, partner = found["public"], found["partner"]
    assert len(partner) > 20 and {"valid_from", "ha_here"} <= set(partner)
    assert not {"right_id", "valid_from", "valid_to", "status", "ha_here", "layer"} & set(public)
    assert (public["rights_n"] >= 5).all()
    assert public["ha"].sum() == pytest.approx(partner["ha"].sum(), abs=1e-6)
