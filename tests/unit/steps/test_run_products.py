"""What a whole run gives out, each file opened by the program that people will open it with."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet
import pyogrio
import pystac
import pytest
import rasterio.features
import shapely
from pystac.validation import JsonSchemaSTACValidator
from rio_cogeo.cogeo import cog_validate

import chromium
from conftest import ROOT
from selvawatch.core.files import file_digest
from selvawatch.core.hectares import equal_area_crs, hectares
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.scene import Asset
from selvawatch.core.status import Status
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import Tier
from selvawatch.events.patches import with_expired_layers
from selvawatch.site import Site
from selvawatch.steps.run.publish import scenes_behind
from selvawatch.store.run_plan import scenes_before
from selvawatch.store.tile_state import open_layers

pytestmark = pytest.mark.slow

TIERS = ("public", "restricted")
DEMO_CENTRE = (-70.16, -12.79)


@pytest.fixture(scope="module", params=TIERS)
def tier(request, small_run):
    return small_run.products / request.param


@pytest.fixture(scope="module")
def public(small_run):
    return small_run.products / "public"


@pytest.fixture(scope="module")
def restricted(small_run):
    return small_run.products / "restricted"


def alerts_of(folder):
    return gpd.read_parquet(folder / "alerts.parquet")


def test_both_tiers_hold_alerts(tier):
    assert len(alerts_of(tier)) >= 3


def test_alerts_are_the_same_in_every_vector_format(tier):
    expected = alerts_of(tier)
    assert set(expected.columns) <= {one.name for one in ALERTS.columns}
    for form in ("gpkg", "geojson", "kml"):
        path = tier / f"alerts.{form}"
        layers = [pyogrio.read_dataframe(path, layer=name) for name, _ in pyogrio.list_layers(path)]
        assert sum(len(read) for read in layers) == len(expected), form
        assert all(read.crs is not None and read.geometry.is_valid.all() for read in layers)
    for form in ("gpkg", "geojson"):
        read = pyogrio.read_dataframe(tier / f"alerts.{form}")
        assert sorted(read["alert_id"]) == sorted(expected["alert_id"])
        np.testing.assert_allclose(sorted(read["ha"]), sorted(expected["ha"]), atol=1e-9)


def test_the_geopackage_lies_where_the_parquet_lies(tier):
    expected, read = alerts_of(tier), pyogrio.read_dataframe(tier / "alerts.gpkg", layer="alerts")
    moved = read.to_crs(expected.crs).set_index("alert_id").geometry
    for row in expected.itertuples():
        assert moved[row.alert_id].symmetric_difference(row.geometry).area < 1.0


def test_parquet_bears_crs_and_provenance(tier):
    said = pyarrow.parquet.read_schema(tier / "alerts.parquet").metadata
    geo = json.loads(said[b"geo"])
    assert geo["columns"]["geometry"]["crs"]["id"] == {"authority": "EPSG", "code": 32719}
    assert any(b"run_id" in key or b"run_id" in value for key, value in said.items())


def test_gpx_points_are_the_alerts_and_the_public_tier_has_none(tier, public):
    if tier == public:
        assert not (tier / "alerts.gpx").exists()
        return
    points = pyogrio.read_dataframe(tier / "alerts.gpx", layer="waypoints")
    assert len(points) == len(alerts_of(tier))
    assert points.total_bounds[1] > -12.9 and points.total_bounds[3] < -12.8
    ElementTree.parse(tier / "alerts.kml")


def test_csv_and_workbook_hold_the_rows_of_the_parquet(tier):
    expected = alerts_of(tier)
    text = (tier / "alerts.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["alert_id"] for row in rows] == expected["alert_id"].tolist()
    book = openpyxl.load_workbook(tier / "alerts.xlsx", read_only=True)
    cells = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
    assert set(expected["alert_id"]) <= cells
    book.close()


def test_tables_are_the_same_as_csv_and_parquet_and_explained(tier):
    explained = {
        (row[0], row[1])
        for row in csv.reader(
            io.StringIO((tier / "tables" / "diccionario.csv").read_text(encoding="utf-8-sig"))
        )
    }
    for name in ("loss_by_type", "loss_by_zone", "loss_by_period"):
        text = pd.read_csv(tier / "tables" / f"{name}.csv", encoding="utf-8-sig")
        typed = pd.read_parquet(tier / "tables" / f"{name}.parquet")
        assert list(text.columns) == list(typed.columns)
        np.testing.assert_allclose(text["ha"], typed["ha"], atol=1e-9)
        assert {(name, column) for column in typed.columns} <= explained


def test_every_raster_is_a_cog_of_the_committed_layer(small_run, restricted):
    kept = open_layers(small_run.opened, small_run.tile.id, small_run.state.state)
    layers = with_expired_layers(
        kept, Site.load(small_run.site, "aoi/site.toml").event_rule, small_run.state.until_day
    )
    assert not layers.identical(kept), "some pixels of the small run must have expired"
    paths = {path.stem.removeprefix(f"{small_run.tile.id}-"): path for path in restricted.glob("tiles/*.tif")}
    assert {"status", "confidence", "reason", "onset", "confirmed_on"} <= set(paths)
    for name, path in paths.items():
        good, errors, warnings = cog_validate(path, quiet=True)
        assert good and not errors and not warnings, (path.name, errors, warnings)
        with rasterio.open(path) as file:
            assert file.crs.to_epsg() == 32719 and file.transform == small_run.tile.transform
            assert file.dtypes == (LAYERS[name].dtype,) and file.nodata == LAYERS[name].nodata
            np.testing.assert_array_equal(file.read(1), layers[name].to_numpy())
            assert file.tags()["selvawatch_run_id"] == small_run.products.name


def test_the_catalogue_is_valid_and_every_file_is_the_one_it_means(tier):
    catalogue = pystac.Catalog.from_file(str(tier / "catalog.json"))
    validator = JsonSchemaSTACValidator()
    found = [catalogue, *catalogue.get_children(), *catalogue.get_items(recursive=True)]
    assert len(found) >= 5
    for one in found:
        kind = one.STAC_OBJECT_TYPE
        validator.validate_core(one.to_dict(include_self_link=False), kind, "1.1.0", one.self_href)
    files = set()
    for item in catalogue.get_items(recursive=True):
        for asset in item.assets.values():
            path = Path(asset.get_absolute_href())
            assert asset.extra_fields["file:checksum"] == "1220" + file_digest(path)
            files.add(path.resolve())
    told = {path.resolve() for path in tier.rglob("*") if path.is_file() and path.suffix != ".json"}
    assert files == told


def links_of(item):
    return [link for link in item.links if link.rel == "derived_from"]


def test_the_catalogue_names_every_scene_that_was_read_and_no_key_or_path_of_the_machine(tier, small_run):
    catalogue = pystac.Catalog.from_file(str(tier / "catalog.json"))
    read = {record.scene_id for record in small_run.state.scene_records if record.state == "read"}
    items = list(catalogue.get_items(recursive=True))
    for item in items:
        links = links_of(item)
        assert sorted(link.title for link in links) == sorted(read), item.id
        assert all(link.title in link.href and not link.href.startswith("/") for link in links)
        assert str(small_run.archive) not in json.dumps(item.to_dict())


def test_the_public_tier_is_linked_to_no_scene_younger_than_its_delay(small_run):
    plan = SimpleNamespace(until_day=small_run.state.until_day)
    scenes = scenes_before(small_run.opened, small_run.opened.ledger.runs()[-1].area)
    keyed = [
        replace(one, assets={"a": Asset(href=f"https://u:p@h.example/{one.id}/a.tif?sig=x")})
        for one in scenes
    ]
    config = SimpleNamespace(tiers=SimpleNamespace(delay_days=60))
    context = SimpleNamespace(
        site=SimpleNamespace(config=config), plan=plan, inputs=SimpleNamespace(scenes=keyed)
    )
    states = {small_run.tile.id: small_run.state}
    public, restricted = (scenes_behind(context, states, tier) for tier in (Tier.PUBLIC, Tier.RESTRICTED))
    days = {scene.id: scene.day for scene in scenes}
    last = plan.until_day - 60
    assert {one.scene_id for one in public} == {
        one.scene_id for one in restricted if days[one.scene_id] <= last
    }
    assert 0 < len(public) < len(restricted)
    assert {one.href for one in restricted} == {
        f"https://h.example/{one.scene_id}/a.tif" for one in restricted
    }


class Page(HTMLParser):
    """Elements left open, and addresses that would be fetched."""

    VOID = {"meta", "link", "br", "img", "rect", "circle", "path", "line", "input", "hr"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        address = values.get("src") or (values.get("href") if tag == "link" else None)
        if address and not address.startswith("data:"):
            self.fetched.append(address)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open[-1] == tag, (tag, self.open[-3:])
            self.open.pop()

    def handle_startendtag(self, tag, attrs):
        if tag not in self.VOID:
            return
        self.handle_starttag(tag, attrs)

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("name", ["bulletin-es", "bulletin-en", "map-es", "map-en"])
def test_pages_are_whole_and_fetch_nothing(tier, name):
    page = Page()
    page.feed((tier / f"{name}.html").read_text(encoding="utf-8"))
    page.close()
    assert page.open in ([], ["html"]) and page.fetched == []
    assert len(" ".join(page.text)) > 500


def test_the_bulletin_tells_the_alerts_in_two_languages(tier):
    expected = alerts_of(tier)
    live = expected[expected["status"] != "withdrawn"]
    for lang in ("es", "en"):
        for form in ("html", "txt"):
            text = (tier / f"bulletin-{lang}.{form}").read_text(encoding="utf-8")
            assert all(name in text for name in live.sort_values("rank")["alert_id"][:3]), (lang, form)
        message = (tier / f"bulletin-{lang}-message.txt").read_text(encoding="utf-8")
        assert 0 < len(message) <= 1000
    assert "ilegal" not in (tier / "bulletin-es.txt").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("name", ["bulletin-es", "map-es"])
def test_chromium_draws_the_page_without_network_and_without_complaint(tier, name):
    shot = ROOT / "build" / "screenshots" / f"{name}-{tier.name}.png"
    assert chromium.console(tier / f"{name}.html", shot) == []
    assert shot.stat().st_size > 20_000


def readable(folder):
    """What a reader may see of every file of a folder, as one text."""
    parts = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            parts += [str(table.schema), table.drop_columns(_shapes(table)).to_pandas().to_csv()]
        elif path.suffix == ".gpkg":
            layers = [name for name, _ in pyogrio.list_layers(path)]
            parts += [pd.DataFrame(pyogrio.read_dataframe(path, layer=name)).to_csv() for name in layers]
        elif path.suffix == ".xlsx":
            book = openpyxl.load_workbook(path, read_only=True)
            parts += [str(row) for sheet in book for row in sheet.iter_rows(values_only=True)]
            book.close()
        elif path.suffix not in (".tif", ".jpg"):
            parts.append(path.read_text(encoding="utf-8-sig"))
    return "\n".join(parts)


def _shapes(table):
    return [name for name in table.column_names if name == "geometry"]


def test_the_public_tier_names_no_holder_and_no_code_of_a_right(small_archive, public, restricted):
    secrets = set()
    for layer, columns in (
        ("mining_titles", ("TIT_CONCES", "CODIGOU")),
        ("forest_concessions", ("NOMTIT", "CONTRA")),
        ("farm_plots", ("TITULAR", "UNIDAD_CAT")),
    ):
        frame = pyogrio.read_dataframe(small_archive.register, layer=layer)
        secrets |= {
            str(value) for column in columns for value in frame[column].dropna() if len(str(value)) > 3
        }
    assert len(secrets) > 10
    seen = readable(public)
    assert not [secret for secret in secrets if secret in seen]
    inside = readable(restricted)
    holders = set(
        pyogrio.read_dataframe(small_archive.register, layer="mining_titles")["TIT_CONCES"].dropna()
    )
    assert not [name for name in holders if name in inside]


def test_the_public_tier_shows_places_as_squares_of_a_kilometre(public, restricted):
    exact, coarse = alerts_of(restricted), alerts_of(public)
    bounds = coarse.geometry.bounds.to_numpy()
    assert (bounds % 1000 == 0).all() and (bounds[:, 2:] - bounds[:, :2] == 1000).all()
    assert (coarse.geometry.area == 1e6).all()
    assert (coarse[["utm_e", "utm_n"]].to_numpy() % 1000 == 500).all()
    inside = exact.set_index("alert_id").geometry.representative_point()
    for row in coarse.itertuples():
        assert row.geometry.covers(inside[row.alert_id])
    assert not (public / "tiles").exists()


def test_no_exact_coordinate_of_an_alert_is_in_any_public_file(public, restricted):
    seen = readable(public)
    pair = re.compile(r"(-?\d+\.\d{3,})[^\d-]{1,12}(-?\d+\.\d{3,})")
    told = np.array([[float(one), float(other)] for one, other in pair.findall(seen)])
    assert len(told) > 10
    for row in alerts_of(restricted).itertuples():
        for x, y in ((row.lon, row.lat), (row.utm_e, row.utm_n)):
            near = 1e-5 if abs(x) < 360 else 1.0
            for known in (told, told[:, ::-1]):
                assert not (np.abs(known - [x, y]) < near).all(axis=1).any(), row.alert_id
        assert f"{row.utm_e:.0f}" not in seen and f"{row.utm_n:.0f}" not in seen
    assert "data:image/jpeg" not in seen and "data:image/png" not in (public / "bulletin-es.html").read_text(
        encoding="utf-8"
    )
    assert "data:image" in (restricted / "bulletin-es.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("clock", ["at-loss", "today"])
@pytest.mark.parametrize("accounting", ["exclusive", "fractional", "combination"])
@pytest.mark.parametrize("name", ["loss_by_type", "loss_by_zone"])
def test_additive_accountings_and_outside_are_the_total_loss(small_run, restricted, name, accounting, clock):
    table = pd.read_parquet(restricted / "tables" / f"{name}.parquet")
    part = table[(table["accounting"] == accounting) & (table["clock"] == clock)]
    cells = gpd.read_parquet(small_run.products / "internal" / "cells.parquet")
    sure = cells["status"] != "provisional"
    total = cells.loc[sure, "ha"].sum()
    assert total > 1 and "outside" in set(part["class"])
    assert part["additive"].astype(str).str.lower().eq("true").all()
    assert part["ha"].sum() == pytest.approx(total, abs=1e-6)
    assert part["loss_all"].sum() == pytest.approx(total, abs=1e-6)
    assert part["loss_provisional"].sum() == pytest.approx(cells.loc[~sure, "ha"].sum(), abs=1e-6)
    assert part["loss_mining"].sum() == pytest.approx(cells_of_mining(small_run), abs=1e-6)


def cells_of_mining(small_run):
    folder = small_run.products / "internal"
    events, cells = gpd.read_parquet(folder / "events.parquet"), gpd.read_parquet(folder / "cells.parquet")
    mining = set(events.loc[events["cause"] == "mining", "event_id"])
    return cells.loc[cells["event_id"].isin(mining) & (cells["status"] != "provisional"), "ha"].sum()


def test_the_inclusive_accounting_says_that_it_does_not_add_up(restricted):
    table = pd.read_parquet(restricted / "tables" / "loss_by_type.parquet")
    part = table[table["accounting"] == "inclusive"]
    assert len(part) and part["additive"].astype(str).str.lower().eq("false").all()


def test_outside_is_the_ground_that_no_zone_covers_and_inside_what_one_does(
    small_run, restricted, small_archive
):
    """The same hectares by bare shapely on the register's own polygons."""
    names = ("protected_areas", "buffer_zones", "mining_corridor", "exclusion_zones", "isolated_peoples")
    zones = [pyogrio.read_dataframe(small_archive.register, layer=one) for one in (*names, "water_margins")]
    covered = shapely.union_all([shape for frame in zones for shape in frame.geometry])
    cells = gpd.read_parquet(small_run.products / "internal" / "cells.parquet")
    sure = cells[cells["status"] != "provisional"]
    bare = sure.geometry.difference(covered).to_numpy()
    expected = hectares(bare, "EPSG:32719", equal_area_crs(*DEMO_CENTRE)).sum()
    table = pd.read_parquet(restricted / "tables" / "loss_by_zone.parquet")
    told = table[(table["class"] == "outside") & (table["accounting"] != "inclusive")]
    assert len(told) == 6
    np.testing.assert_allclose(told["ha"], expected, atol=1e-4)
    cores = zones[0].union_all()
    core = hectares(sure.geometry.intersection(cores).to_numpy(), "EPSG:32719", equal_area_crs(*DEMO_CENTRE))
    told = table[(table["class"] == "protected_core") & (table["accounting"] == "inclusive")]
    assert len(told) == 2 and core.sum() > 0
    np.testing.assert_allclose(told["ha"], core.sum(), atol=1e-4)


def test_the_loss_told_is_the_ground_of_the_pixels_called_lost(small_run):
    layers = open_layers(small_run.opened, small_run.tile.id, small_run.state.state)
    status = layers["status"].to_numpy()
    lost = np.isin(status, (Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED))
    pixel = shapely.box(0, 0, 10, 10)
    placed = shapely.transform(pixel, lambda at: at + small_run.tile.bounds[:2])
    pixel_ha = hectares(np.array([placed]), "EPSG:32719", equal_area_crs(*DEMO_CENTRE))[0]
    cells = gpd.read_parquet(small_run.products / "internal" / "cells.parquet")
    drawn = rasterio.features.geometry_mask(cells.geometry, lost.shape, small_run.tile.transform, invert=True)
    assert not (drawn & ~lost).any()
    assert cells["ha"].sum() == pytest.approx(drawn.sum() * pixel_ha, rel=1e-4)


def test_pictures_are_of_the_days_of_their_alert_and_one_of_now_is_newer(restricted, small_run):
    kept = json.loads((small_run.products / "bulletins" / "restricted" / "bulletin.json").read_text())
    alerts = alerts_of(restricted).set_index("alert_id")
    assert kept["pictures"]
    for alert, pictures in kept["pictures"].items():
        row = alerts.loc[alert]
        days = {one["moment"]: pd.Timestamp(one["day"], unit="D") for one in pictures}
        assert days["before"] < row.first_detected and days["after"] >= row.first_detected
        if "now" in days:
            assert row.last_grown > days["after"] and days["now"] >= row.last_grown
        sides = {one["moment"] + ("-swir" if one["bands"] == "swir" else "") for one in pictures}
        assert {"before-swir", "after-swir"} <= sides
        files = {path.stem.removeprefix(f"{alert}-") for path in restricted.glob(f"pictures/{alert}-*.jpg")}
        assert files == sides
        for path in restricted.glob(f"pictures/{alert}-*.jpg"):
            assert path.stat().st_size <= 40_000


def test_what_the_public_bulletin_keeps_names_no_alert_that_is_not_public(small_run):
    kept = (small_run.products / "bulletins" / "public" / "bulletin.json").read_text()
    public = set(alerts_of(small_run.products / "public")["alert_id"])
    withheld = set(alerts_of(small_run.products / "restricted")["alert_id"]) - public
    assert withheld and not [alert for alert in withheld if alert in kept]
    assert json.loads(kept)["pictures"] == {}


def test_charts_of_a_run_are_drawn_in_both_languages_and_say_where_they_are_from(
    small_run, command, tmp_path
):
    words = ["--store", small_run.store, "--tier", "restricted", "--charts", tmp_path / "charts"]
    done = command("bulletin", *words, "--site", small_run.site)
    assert done.code == 0, done
    names = {
        f"{chart}-{code}{suffix}"
        for chart in ("months", "types", "fronts", "promptness")
        for code in ("es", "en")
        for suffix in (".svg", ".png")
    }
    assert {path.name for path in (tmp_path / "charts").iterdir()} == names
    run = small_run.products.name[:12]
    for path in (tmp_path / "charts").glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        assert (
            run in svg and "La Pampa" in svg and not re.search("<!-- (in_force|none|outside|mining) -->", svg)
        )
    refused = command("bulletin", *words, "--format", "html")
    assert refused.code == 1 and "files of their own" in refused.err


@pytest.mark.parametrize("name", TIERS)
def test_a_static_site_of_a_run_has_a_page_for_each_event_and_is_the_same_twice(
    small_run, tmp_path, command, name
):
    words = ["bulletin", "--store", small_run.store, "--tier", name, "--web", tmp_path / "site"]
    done = command(*words)
    assert done.code == 0 and done.out.strip() == str(tmp_path / "site" / "index.html")
    files = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    events = set(alerts_of(small_run.products / name)["event_id"])
    assert {path.stem for path in (tmp_path / "site" / "events").iterdir()} == events
    page = (tmp_path / "site" / "events" / f"{sorted(events)[0]}.html").read_text()
    assert "Todas las versiones publicadas" in page and "Ya no se conservan" not in page
    pictures = {path.name for path in files if path.suffix == ".jpg"}
    assert bool(pictures) == (name == "restricted")
    assert command(*words).code == 0
    assert {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()} == files


def test_a_static_site_is_refused_in_one_line(small_run, tmp_path, command):
    def refused(*words):
        return command("bulletin", "--store", small_run.store, *words).error

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    assert "what no site wrote" in refused("--web", tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "x"
    assert "cannot lie in the store" in refused("--web", small_run.store / "site")
    assert "the tier is not published" in refused("--web", tmp_path / "a", "--tier", "partner")
    assert "a folder of its own" in refused("--web", tmp_path / "a", "--out", tmp_path / "b.html")
    assert not (tmp_path / "a").exists()
