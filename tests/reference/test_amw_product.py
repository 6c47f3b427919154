"""Amazon Mining Watch 2018 to 2021 as a product over real land units: every table against plain geopandas."""

import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

import selvawatch
from conftest import ROOT
from selvawatch.cli.main import app
from selvawatch.errors import TableError
from selvawatch.site import Site
from selvawatch.tables import TABLES

pytestmark = pytest.mark.slow

TOLERANCE_HA = 1e-3
CRS = "EPSG:32719"
LAYERS = {
    "protected_area": ("zone", "protected_core"),
    "buffer_zone": ("zone", "buffer"),
    "native_community": ("right", "native_community"),
}
YEARS = ("2019", "2020", "2021")
ENTRY = """
[[layer]]
name = "{name}"
title = "{name}"
kind = "{kind}"
type = "{type}"
source = "Amazon Conservation, Earth Genome"
licence = "CC BY 4.0"
file = "{file}"
date = 2025-10-28
id_columns = ["amw_id"]
id_with_outline = true
name_column = "name"
valid_from = 1990-01-01
open_ended = true
"""


@pytest.fixture(scope="module")
def place(reference_data, tmp_path_factory):
    """A site with the real land units, and a store that keeps the product: its stock is that of 2018."""
    folder = tmp_path_factory.mktemp("amw")
    shutil.copytree(ROOT / "aoi", folder / "site" / "aoi")
    shutil.copytree(ROOT / "models", folder / "site" / "models")
    units = reference_data / "land-units-madre-de-dios" / "land_units.gpkg"
    entries = [
        ENTRY.format(name=name, kind=kind, type=type_, file=f"{units}:{name}")
        for name, (kind, type_) in LAYERS.items()
    ]
    manifest = 'contact = "x@example.org"\n' + "".join(entries)
    (folder / "site" / "aoi" / "zones.toml").write_text(manifest, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def table(place, reference_data):
    """A table of the product in the restricted tier."""
    loss = f"{reference_data / 'amw-madre-de-dios' / 'amw_mining_2018_2021.gpkg'}:mining"
    words = ["--date-field", "period", "--date-form", "%Y00", "--stock-until", "2018-12-31"]
    words += ["--covers", "2019-01-01", "2021-12-31", "--area-field", "mined_area_ha", "--cause", "mining"]
    on = ["--site", place / "site", "--store", place / "store"]
    words = ["attribute", "--loss", loss, *words, "--register-as", "amw", "--repair", *map(str, on)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (done.output, done.exception)

    def make(name, **options):
        return selvawatch.table(
            name, site=place / "site", store=place / "store", product="amw", tier="restricted", **options
        )

    make("loss_by_period")
    again = [*words[:-4], "--replace", *words[-4:]]
    again[again.index("amw")] = "again"
    done = CliRunner().invoke(app, again)
    assert done.exit_code == 0, (done.output, done.exception)
    return make


@pytest.fixture(scope="module")
def plain(reference_data):
    """Loss with its share (planar, UTM 19S) in each type of land unit, and the units, by geopandas alone."""
    loss = gpd.read_file(reference_data / "amw-madre-de-dios" / "amw_mining_2018_2021.gpkg", layer="mining")
    loss = loss.to_crs(CRS).assign(year=(loss["period"].astype(int) // 100).astype(str))
    loss["geometry"] = loss.geometry.make_valid()
    units = {
        name: gpd.read_file(
            reference_data / "land-units-madre-de-dios" / "land_units.gpkg", layer=name
        ).to_crs(CRS)
        for name in LAYERS
    }
    for name, (_, type_) in LAYERS.items():
        union = shapely.union_all(units[name].geometry.make_valid().to_numpy())
        loss[type_] = loss.geometry.intersection(union).area / loss.area
    return loss, units


def ha(loss, weight=1.0):
    return float((loss["mined_area_ha"] * weight).sum())


def ground_ha(shape):
    """Hectares on the ellipsoid of a shape in UTM, whose straight edges bend in another projection."""
    return float(gpd.GeoSeries([shape], crs=CRS).segmentize(20).to_crs("EPSG:6933").area.sum()) / 1e4


def on_grid(shape):
    """A shape as layers are kept: on a grid of 1 mm (see the test of what that moves)."""
    return shapely.set_precision(shape, 1e-3)


def dated(loss):
    return loss[loss["year"] != "2018"]


def test_years_stock_and_nothing_else_hold_all_hectares(table, plain):
    loss, _ = plain
    found = table("loss_by_period", periods="year").set_index("period")
    assert list(found.index) == [*YEARS, "stock"]
    for year in YEARS:
        assert found["ha"][year] == pytest.approx(ha(loss[loss["year"] == year]), abs=TOLERANCE_HA)
        assert found["watched"][year] == "yes"
        assert found["ha_lo"][year] == found["ha"][year] == found["ha_hi"][year]
    assert found["ha"]["stock"] == pytest.approx(ha(loss[loss["year"] == "2018"]), abs=TOLERANCE_HA)
    assert np.isnan(found["share"]["stock"])


def test_a_yearly_product_has_bounds_for_a_month_and_its_hectares_once(table, plain):
    loss, _ = plain
    found = table("loss_by_period", periods="month").set_index("period")
    months = found.loc[[name for name in found.index if len(name) == 7]]
    assert len(months) == 36 and months["ha"].isna().all() and (months["ha_lo"] == 0).all()
    for year in YEARS:
        most = months["ha_hi"][[name for name in months.index if name.startswith(year)]]
        np.testing.assert_allclose(most, ha(loss[loss["year"] == year]), atol=TOLERANCE_HA)
    assert found["ha"]["across"] == pytest.approx(ha(dated(loss)), abs=TOLERANCE_HA)


@pytest.mark.parametrize("periods", ["legal", "spda"])
def test_no_period_outside_the_span_of_the_product_has_a_number(table, plain, periods):
    loss, _ = plain
    found = table("loss_by_period", periods=periods)
    unseen = found[found["watched"] == "no"]
    assert len(unseen) > 0
    numbers = ["ha", "ha_lo", "ha_hi", "loss_all", "loss_mining", "share", "share_pct", "events_n"]
    assert unseen[numbers].isna().all().all()
    assert found["ha"].sum() == pytest.approx(ha(loss), abs=TOLERANCE_HA)


def test_types_and_zones_are_what_geopandas_gives_by_year(table, plain):
    loss, _ = plain
    for name, types in (
        ("loss_by_type", ["native_community"]),
        ("loss_by_zone", ["protected_core", "buffer"]),
    ):
        found = table(name, accounting="inclusive", by=("year",)).set_index(["year", "class"])["ha"]
        for type_ in types:
            for year in YEARS:
                rows = loss[loss["year"] == year]
                assert found.get((year, type_), 0.0) == pytest.approx(ha(rows, rows[type_]), abs=TOLERANCE_HA)
        whole = table(name, accounting="combination")
        assert whole["ha"].sum() == pytest.approx(ha(loss), abs=TOLERANCE_HA)


def test_the_crossing_holds_each_type_zone_and_year(table, plain):
    loss, units = plain
    found = table("loss_type_zone_period", accounting="inclusive", periods="year")
    both = {
        type_: shapely.union_all(units[name].geometry.make_valid().to_numpy())
        for name, (_, type_) in LAYERS.items()
    }
    ground = both["native_community"].intersection(both["buffer"])
    share = loss.geometry.intersection(ground).area / loss.area
    rows = found[(found["type"] == "native_community") & (found["zone"] == "buffer")].set_index("period")
    for year in YEARS:
        mine = loss["year"] == year
        assert rows["ha"].get(year, 0.0) == pytest.approx(ha(loss[mine], share[mine]), abs=TOLERANCE_HA)


def test_each_community_has_the_loss_on_it(table, plain):
    loss, units = plain
    found = table("loss_by_right")
    communities = units["native_community"]
    loss = dated(loss)
    wanted = [
        ha(loss, loss.geometry.intersection(shape).area / loss.area)
        for shape in communities.geometry.make_valid()
    ]
    wanted = sorted(value for value in wanted if value > TOLERANCE_HA)
    ours = sorted(found["ha"][(found["type"] == "native_community") & (found["ha"] > TOLERANCE_HA)])
    np.testing.assert_allclose(ours, wanted, atol=TOLERANCE_HA)


def test_areas_and_what_lies_outside_them_are_all_of_each_year(table, plain, place):
    loss, _ = plain
    areas = Site.load(place / "site").areas
    inside = shapely.union_all([area.projected(CRS) for area in areas])
    share = loss.geometry.intersection(inside).area / loss.area
    found = table("area_coverage").set_index(["year", "coverage"])["ha"]
    for year in YEARS:
        mine = loss["year"] == year
        assert found[year, "inside areas"] == pytest.approx(ha(loss[mine], share[mine]), abs=TOLERANCE_HA)
        assert found[year].sum() == pytest.approx(ha(loss[mine]), abs=TOLERANCE_HA)


@pytest.mark.parametrize(
    "name", ["loss_by_district", "site_category", "loss_by_type", "share_inside_outside"]
)
def test_tables_whose_rows_add_up_hold_stock_and_loss_once(table, plain, name):
    loss, _ = plain
    found = table(name)
    key = {"loss_by_district": "district", "loss_by_type": "class", "share_inside_outside": "period"}
    stock = found[found[key.get(name, "site_category")] == "stock"]
    assert stock["ha"].sum() == pytest.approx(ha(loss[loss["year"] == "2018"]), abs=TOLERANCE_HA)
    assert found["ha"].sum() == pytest.approx(ha(loss), abs=TOLERANCE_HA)


def test_rings_hold_no_stock_and_no_rate_of_days_that_were_not_all_dated(table, plain):
    loss, _ = plain
    found = table("displacement_rings")
    assert found["ha"].sum() <= ha(dated(loss)) + TOLERANCE_HA
    assert "across" in set(found["side"])
    before = found[found["side"] == "before"]
    assert before["ha"].isna().any() and before["ha_per_month"].dropna().eq(0).all()


def test_a_published_figure_is_compared_only_where_the_product_covers_its_days(table):
    found = table("published_comparison")
    compared = found[found["reason"] == ""]
    assert (compared["from_day"] >= "2019-01-01").all() and (compared["to_day"] <= "2022-01-01").all()
    assert found["ha"].notna().equals(found["reason"] == "")
    assert found["ratio"].notna().sum() <= len(compared)


def test_every_table_says_which_file_and_which_days(table):
    told = table("loss_by_zone").attrs["provenance"]
    assert told["product_source_file"] == "amw_mining_2018_2021.gpkg:mining"
    assert told["product_covers"] == "2019-01-01 2021-12-31" and told["product_date_form"] == "%Y00"
    assert (
        "1970" not in json.dumps(told) and not table("loss_by_zone")["layer_dates"].str.contains("1970").any()
    )
    assert pd.to_numeric(told["product_stock_ha"]) > 0


TRIED = {
    "area_coverage", "area_estimates", "blocking_steps",
    "corridor_conflict_share", "displacement_rings", "front_age",
    "granted_by_period", "loss_by_concession_type", "loss_by_district", "loss_by_named_zone",
    "loss_by_period", "loss_by_right", "loss_by_type", "loss_by_zone", "loss_type_zone_period",
    "overlap_conflicts", "products_compared", "published_comparison", "revisions", "share_inside_outside",
    "site_category", "spda_charts", "zone_overlaps",
}  # fmt: skip
"""Tables that a test of this file holds to geopandas, or to their reason for having no number here."""


def test_every_table_of_the_program_is_tried_here():
    assert set(TABLES) == TRIED


@pytest.mark.parametrize("name", sorted(TRIED - {"revisions", "spda_charts"}))
def test_no_row_of_any_table_has_a_number_outside_the_span_or_of_a_layer_that_is_not_there(table, name):
    found = table(name)
    if "watched" in found:
        unseen = found[found["watched"] == "no"]
        assert not (unseen[["ha", "share"] if "share" in found else ["ha"]] > 0).any().any()
    if "year" in found:
        assert set(found["year"]) <= {*YEARS, "stock", "across"}
    if "class" in found and name != "loss_by_concession_type":
        assert not found["class"].astype(str).str.contains("mining|timber|brazil").any()
    told = table(name).attrs["provenance"]
    assert {f"layer {layer}" for layer in LAYERS} <= set(told)


def test_fronts_are_squares_with_enough_loss_of_a_year_and_none_of_the_stock(table, plain, place):
    loss, _ = plain
    loss = dated(loss)
    settings = Site.load(place / "site").tables
    size = settings.front_cell_m
    corners = {}
    for shape, area, year, whole in zip(
        loss.geometry, loss["mined_area_ha"], loss["year"], loss.area, strict=True
    ):
        west, south, east, north = (int(value // size) for value in shape.bounds)
        for x in range(west, east + 1):
            for y in range(south, north + 1):
                square = shapely.box(x * size, y * size, (x + 1) * size, (y + 1) * size)
                part = shapely.intersection(shape, square).area / whole * area
                if part > 0:
                    years = corners.setdefault((x * size, y * size), {})
                    years[year] = years.get(year, 0.0) + part
    wanted = {
        corner: (
            min(year for year, value in years.items() if value >= settings.front_least_ha),
            sum(years.values()),
        )
        for corner, years in corners.items()
        if max(years.values()) >= settings.front_least_ha
    }
    found = table("front_age")
    ours = {
        (west, south): (year, value)
        for west, south, year, value in found[["west", "south", "first_year", "ha"]].itertuples(index=False)
    }
    assert set(ours) == set(wanted)
    for corner, (year, value) in wanted.items():
        assert str(ours[corner][0]) == year
        assert ours[corner][1] == pytest.approx(value, abs=TOLERANCE_HA)


def test_without_a_layer_of_concessions_no_loss_is_on_or_outside_one(table, plain):
    loss, _ = plain
    found = table("loss_by_concession_type")
    assert set(found["class"]) <= {"unknown", "stock"} and found["share"].isna().all()
    assert found["ha"].sum() == pytest.approx(ha(loss), abs=TOLERANCE_HA)


def test_ground_granted_is_that_of_the_communities_and_of_no_other_type(table, plain):
    _, units = plain
    found = table("granted_by_period")
    assert set(found["type"]) == {"native_community"}
    everywhere = found[(found["area"] == found["area"].iloc[-1])]
    ground = shapely.union_all(units["native_community"].geometry.make_valid().to_numpy())
    assert everywhere["ha_in_force"].max() == pytest.approx(ground_ha(ground), abs=TOLERANCE_HA)


def test_each_zone_by_name_has_the_loss_on_it_in_each_year(table, plain):
    loss, units = plain
    found = table("loss_by_named_zone", periods="year")
    for name, (_, type_) in LAYERS.items():
        shapes = (
            units[name].assign(name=units[name]["name"].fillna("")).dissolve("name").geometry.make_valid()
        )
        mine = found[(found["zone"] == type_) & found["period"].isin(YEARS)]
        rows = mine.groupby(["period", "name"])["ha"].sum()
        assert set(mine["name"]) == set(shapes.index)
        for zone, shape in shapes.items():
            share = loss.geometry.intersection(shape).area / loss.area
            for year in YEARS:
                here = loss["year"] == year
                assert rows[year, zone] == pytest.approx(ha(loss[here], share[here]), abs=TOLERANCE_HA)


def test_zone_upon_zone_is_the_ground_of_their_intersection(table, plain):
    _, units = plain
    found = table("zone_overlaps")
    shapes = {
        (type_, zone): shape
        for name, (_, type_) in LAYERS.items()
        for zone, shape in units[name]
        .assign(name=units[name]["name"].fillna(""))
        .dissolve("name")
        .geometry.make_valid()
        .items()
    }
    assert len(found) >= len(shapes)
    ours = found.groupby(["zone", "name", "zone_other", "name_other"])["ha"].sum()
    for (zone, name, zone_other, name_other), value in ours.items():
        shared = shapely.intersection(on_grid(shapes[zone, name]), on_grid(shapes[zone_other, name_other]))
        assert value == pytest.approx(ground_ha(shared), abs=TOLERANCE_HA), (zone, name, zone_other)


def test_the_grid_of_a_millimetre_moves_no_land_unit_by_a_hundred_millionth_of_its_ground(plain):
    _, units = plain
    for shape in pd.concat(units.values()).geometry.make_valid():
        exact, kept = ground_ha(shape), ground_ha(on_grid(shape))
        assert kept == pytest.approx(exact, abs=2e-3, rel=1e-8)


def test_two_products_of_one_file_are_equal_in_every_year_and_zone(table, plain):
    loss, _ = plain
    found = table("products_compared", against="again", accounting="inclusive")
    np.testing.assert_allclose(found["ha"], found["ha_other"], atol=1e-9)
    years = found[found["period"].isin(YEARS)]
    assert years["difference_ha"].dropna().abs().max() <= 1e-9
    for type_ in ("protected_core", "buffer"):
        for year in YEARS:
            rows = years[(years["class"] == type_) & (years["period"] == year)]
            mine = loss[loss["year"] == year]
            assert rows["ha"].sum() == pytest.approx(ha(mine, mine[type_]), abs=TOLERANCE_HA)


@pytest.mark.parametrize("name", ["corridor_conflict_share", "blocking_steps", "overlap_conflicts"])
def test_tables_of_mining_rights_have_no_number_where_no_layer_has_any(table, name):
    found = table(name)
    counted = [column for column in ("n", "overlapping_n", "share", "ha") if column in found]
    assert name == "overlap_conflicts" or (len(found) > 0 and bool(found[counted].isna().all().all()))


def test_no_area_is_estimated_without_a_reference_sample(table):
    found = table("area_estimates")
    assert found["ha_estimated"].isna().all() and (found["reason"] != "").all()


def test_revisions_of_a_product_are_refused_in_one_line(table):
    with pytest.raises(TableError, match="compares two runs of our own"):
        table("revisions")


def test_the_published_charts_are_as_printed(table, place):
    assert len(table("spda_charts")) == len(Site.load(place / "site").tables.chart)
