"""The main job on a real archive: 36 dates of northern Bolivia in, attributed alerts and a bulletin out."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from pyproj import Transformer

import bolivia_folder
from command_line import Said, program
from selvawatch.core.files import folder_digests
from selvawatch.core.grid import Grid
from selvawatch.core.hectares import equal_area_crs, hectares
from selvawatch.core.status import Reason, Status
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import current_state, open_layers

pytestmark = pytest.mark.slow

SITE = """
name = "bolivia-north"
title = "Bolivia, norte"
event_prefix = "BOL"
areas = "aoi/areas.geojson"
zones = "aoi/zones.toml"
forest_mask = "aoi/forest.tif"

[centre]
lon = -62.1
lat = -18.05

[grid]
crs = "{crs}"
resolution = 30.0
tile_px = 128
anchor_x = {x}
anchor_y = {y}

[days]
monitoring_from = 2015-12-01

[tiers]
delay_days = 0
grid_m = 1000.0
isolated_buffer_m = 5000.0
withhold_unchecked = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run over the archive."""

    said: Said
    source: str
    site: Path
    store: Path
    grid: Grid
    cube: xr.Dataset

    @property
    def layers(self) -> xr.Dataset:
        """The layers that the run committed, (y, x)."""
        store = Store(self.store)
        (tile,) = store.ledger.tiles()
        state = current_state(store, tile)
        assert state is not None
        return open_layers(store, tile, state.state)

    @property
    def arguments(self) -> list[object]:
        """The command that made it."""
        options = ["--source", self.source, "--site", self.site, "--store", self.store]
        return ["monitor", *options, "--area", "all", "--until", "2016-06-01", "--json"]


def lay_site(folder: Path, cube: xr.Dataset, shift: tuple[float, float]) -> Grid:
    """A small site around the archive on its own grid, moved by metres; no register, no history."""
    (folder / "aoi").mkdir(parents=True)
    x, y = bolivia_folder.ANCHOR[0] + shift[0], bolivia_folder.ANCHOR[1] + shift[1]
    (folder / "aoi" / "site.toml").write_text(SITE.format(crs=bolivia_folder.CRS, x=x, y=y))
    (folder / "aoi" / "zones.toml").write_text("layer = []\n")
    rows, columns = cube["forest_mask"].shape
    corners = [bolivia_folder.TRANSFORM @ corner for corner in ((0, 0), (columns, rows))]
    outline = shapely.segmentize(shapely.box(*corners[0], *corners[1]), 300)
    lonlat = Transformer.from_crs(bolivia_folder.CRS, "EPSG:4326", always_xy=True)
    area = shapely.transform(outline, lonlat.transform, interleaved=False)
    feature = {
        "type": "Feature",
        "properties": {"name": "norte", "title": "Norte de Bolivia", "version": "1"},
        "geometry": json.loads(shapely.to_geojson(area)),
    }
    (folder / "aoi" / "areas.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": rows, "width": columns}
    with rasterio.open(
        folder / "aoi" / "forest.tif",
        "w",
        crs=bolivia_folder.CRS,
        transform=Affine(*bolivia_folder.TRANSFORM[:6]),
        **profile,
    ) as file:
        file.write(cube["forest_mask"].values, 1)
    return Grid(crs=bolivia_folder.CRS, resolution=30, tile_px=128, anchor_x=x, anchor_y=y)


@pytest.fixture(scope="module")
def cube(reference_data):
    with xr.open_dataset(reference_data / "bolivia-s1-landsat-raster" / "bolivia_north.nc") as opened:
        return opened.load()


@pytest.fixture(scope="module")
def archive(reference_data, tmp_path_factory):
    netcdf = reference_data / "bolivia-s1-landsat-raster" / "bolivia_north.nc"
    return bolivia_folder.write_bolivia(netcdf, tmp_path_factory.mktemp("bolivia"))


def run(archive, cube, folder, shift=(0.0, 0.0)):
    grid = lay_site(folder / "site", cube, shift)
    planned = Ran(
        said=Said(code=0, out="", err=""),
        source=f"folder:{archive}",
        site=folder / "site",
        store=folder / "store",
        grid=grid,
        cube=cube,
    )
    said = program(*planned.arguments)
    assert said.code == 0, said.err
    return Ran(said=said, source=planned.source, site=planned.site, store=planned.store, grid=grid, cube=cube)


@pytest.fixture(scope="module")
def ran(archive, cube, tmp_path_factory):
    return run(archive, cube, tmp_path_factory.mktemp("run"))


def score(confirmed, truth, forest):
    tp, fp, fn = (
        int(np.count_nonzero(part & forest))
        for part in (confirmed & truth, confirmed & ~truth, ~confirmed & truth)
    )
    return 2 * tp / (2 * tp + fp + fn), (tp, fp, fn)


def confirmed_in(layers):
    return np.isin(layers["status"].to_numpy(), (Status.CONFIRMED, Status.CLOSED))


def test_confirmed_pixels_agree_with_the_published_loss(ran):
    rows, columns = ran.cube["forest_mask"].shape
    confirmed = confirmed_in(ran.layers)[:rows, :columns]
    truth, forest = ran.cube["gfc_lossyear"].values == 16, ran.cube["forest_mask"].values == 1
    f1, counts = score(confirmed, truth, forest)
    print(f"F1 {f1:.4f} (TP, FP, FN: {counts})")
    assert f1 >= 0.92, (f1, counts)


def test_only_forest_of_the_area_is_watched(ran):
    rows, columns = ran.cube["forest_mask"].shape
    reason = ran.layers["reason"].to_numpy()
    forest = ran.cube["forest_mask"].values == 1
    assert not (reason[:rows, :columns] == Reason.MONITORED)[~forest].any()
    assert (reason[rows:] == Reason.OUTSIDE).all()


def test_alerts_tables_bulletin_and_map_are_written_where_the_last_line_says(ran):
    report = ran.said.json
    for name in ("bulletin", "bulletin_restricted", "map", "alerts"):
        assert Path(report[name]).stat().st_size > 1000, name
    tables = Path(report["tables"])
    assert {"loss_by_type.csv", "loss_by_zone.csv", "loss_by_period.csv"} <= {
        path.name for path in tables.iterdir()
    }
    assert report["events"] > 0 and report["events_confirmed"] > 0 and report["loss_ha"] > 10
    assert report["until"] == "2016-06-01" and report["failed"] == {}


def test_the_hectares_of_the_tables_are_those_of_the_events(ran):
    report = ran.said.json
    table = pd.read_csv(Path(report["bulletin_restricted"]).parent / "tables" / "loss_by_type.csv")
    first = table[(table["accounting"] == "exclusive") & (table["clock"] == "at-loss")]
    assert first["ha"].sum() == pytest.approx(report["loss_ha"], abs=1e-6)
    confirmed = confirmed_in(ran.layers)
    whole = shapely.box(0, 0, 30, 30)
    placed = shapely.transform(whole, lambda at: at + bolivia_folder.ANCHOR)
    pixel_ha = hectares(np.array([placed]), bolivia_folder.CRS, equal_area_crs(-62.1, -18.05))[0]
    assert report["loss_ha"] >= 0.9 * confirmed.sum() * pixel_ha


def test_the_bulletin_says_that_the_fallback_was_used(ran):
    folder = Path(ran.said.json["bulletin"]).parent
    said = (folder / "bulletin-es.txt").read_text(encoding="utf-8")
    assert "100% del terreno vigilado no hubo historia estable" in said
    english = (folder / "bulletin-en.txt").read_text(encoding="utf-8")
    assert "there was no stable history" in english and "high quantile of the same date" in english


def test_empty_dates_are_recorded_and_are_no_errors(ran):
    report = ran.said.json
    assert (report["scenes_read"], report["scenes_unread"]) == (36, 0)
    rows = Store(ran.store).ledger.scenes()
    assert len(rows) == 36 and {row.state for row in rows} == {"read"}
    assert sum(row.clear_share > 0 for row in rows) == 26


def test_an_empty_register_says_of_no_loss_what_it_lies_on(ran):
    report = ran.said.json
    table = pd.read_csv(Path(report["bulletin_restricted"]).parent / "tables" / "loss_by_type.csv")
    first = table[(table["accounting"] == "exclusive") & (table["clock"] == "at-loss") & (table["ha"] > 0)]
    assert first["class"].tolist() == ["unknown"]


def test_the_same_command_again_changes_no_byte(ran):
    before = folder_digests(ran.store)
    again = program(*ran.arguments)
    assert again.code == 0 and again.json == ran.said.json
    assert folder_digests(ran.store) == before


def test_a_grid_with_another_anchor_is_met_by_the_nearest_pixels(archive, cube, tmp_path):
    moved = run(archive, cube, tmp_path, shift=(-10.0, 40.0))
    confirmed = confirmed_in(moved.layers)[1:51, :100]
    truth, forest = cube["gfc_lossyear"].values == 16, cube["forest_mask"].values == 1
    f1, counts = score(confirmed, truth, forest)
    assert f1 >= 0.9, (f1, counts)
