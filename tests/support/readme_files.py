"""The files that the commands of README.md name, made up: small, and each with something to find in it."""

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
import xarray as xr
from affine import Affine
from pyproj import Transformer

from geoserver import Layer
from selvawatch.core.grid import Tile
from selvawatch.core.hectares import equal_area_crs, hectares

TITLE = {
    "LEYENDA": "TITULADO", "D_ESTADO": "D.M. Titulado", "CODIGOU": "010000123",
    "TIT_CONCES": "EMPRESA S.A.C.", "FEC_DENU": 1_000_000_000_000, "HASDATUM": 41.0,
}  # fmt: skip


def write_files(folder: Path, tile: Tile) -> None:
    """Every file by its name in the README, over a tile where it lies somewhere."""
    west, south, east, north = tile.bounds
    middle = (west + east) / 2
    titles = pd.DataFrame([{**TITLE, "FEC_DENU": pd.Timestamp(TITLE["FEC_DENU"], unit="ms")}])
    _layer(folder / "cadastre.gpkg", "titles", titles, [shapely.box(west, south, middle, north)], tile)
    scars = pd.DataFrame({"ha": [9.0, 4.0]})
    boxes = [
        shapely.box(middle - 200, south, middle + 100, south + 300),
        shapely.box(west, south, west + 200, south + 200),
    ]
    _layer(folder / "mining.gpkg", "scars", scars, boxes, tile)
    units = pd.DataFrame({"name": ["Comunidad de prueba"]})
    _layer(folder / "units.gpkg", "communities", units, [shapely.box(middle, south, east, north)], tile)
    years = np.zeros((40, 40), np.uint8)
    years[5:15, 5:15] = 18
    _raster(folder / "lossyear.tif", years, tile)
    _write_points(folder / "SERIES.parquet", folder / "POINTS.parquet")
    _write_cube(folder / "CUBE.nc")
    _write_map(folder / "MAP.tif", folder / "REFERENCE.csv", folder / "AREAS.csv", tile)


def edit_site(site: Path, edits: dict[str, str], services: str, tile: Tile) -> None:
    """What the README says to edit: days and grid of site.toml, one area, and layers whose services answer.

    edits: lines of `aoi/site.toml`, each with what stands there instead.
    """
    path = site / "aoi" / "site.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in edits.items():
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    path = site / "aoi" / "zones.toml"
    head, *layers = path.read_text(encoding="utf-8").split("[[layer]]\n")
    served = [layer for layer in layers if any(f'name = "{name}"' in layer for name in SERVED)]
    text = "[[layer]]\n".join([head.replace('contact = ""', 'contact = "staff@example.org"'), *served])
    text = re.sub(r'^url = ".*"$', f'url = "{services}"', text, flags=re.M)
    reserve = _far_reserve(tile)
    middle = reserve.centroid
    ha = hectares(np.array([reserve]), "EPSG:4326", equal_area_crs(middle.x, middle.y))[0]
    expected = {"name": '"Reserva"', "ha": ha, "lon": middle.x, "lat": middle.y}
    told = "\n".join(f"{key} = {value}" for key, value in expected.items())
    text = re.sub(r"(?<=^\[\[layer\.expected\]\]\n)name = (.|\n)*?^lat = .*$", told, text, flags=re.M)
    assert told in text
    path.write_text(text, encoding="utf-8")


def _far_reserve(tile: Tile) -> shapely.Polygon:
    """Ground of the reserve that the layer of isolated peoples holds, one degree west of the tile."""
    west, south, _, north = tile.lonlat_outline.bounds
    return shapely.box(west - 2, south, west - 1, north)


SERVED = ("mining-cadastre", "mining-corridor", "isolated-peoples")


def services(tile: Tile) -> list[Layer]:
    """The layers of `SERVED` as their publishers serve them: the title above, a corridor, a far reserve."""
    west, south, east, north = tile.lonlat_outline.bounds
    fields = [{"name": name, "type": "esriFieldTypeString"} for name in TITLE]
    fields[4]["type"], fields[5]["type"] = "esriFieldTypeDate", "esriFieldTypeDouble"
    corridor = "ZONAS DE PEQUEÑA MINERIA Y MINERIA ARTESANAL - MADRE DE DIOS - D.L. 1100"
    named = [{"name": "NOMBRE", "type": "esriFieldTypeString"}]
    return [
        Layer("Catastro", 0, [_feature(TITLE, west, south, (west + east) / 2, north)], fields),
        Layer(corridor, 1, [_feature({"NOMBRE": "Corredor"}, west, south, east, north)], named),
        Layer("Reservas", 23, [_feature({"NOMBRE": "Reserva"}, *_far_reserve(tile).bounds)], named),
    ]


def _feature(columns: dict, west: float, south: float, east: float, north: float) -> dict:
    ring = [[west, south], [west, north], [east, north], [east, south], [west, south]]
    return {"OBJECTID": 1, **columns, "rings": [ring]}


def _layer(path: Path, name: str, frame: pd.DataFrame, shapes: list[shapely.Geometry], tile: Tile) -> None:
    gpd.GeoDataFrame(frame, geometry=shapes, crs=tile.grid.crs).to_file(path, layer=name, driver="GPKG")


def _raster(path: Path, values: np.ndarray, tile: Tile) -> None:
    west, _, _, north = tile.bounds
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, count=1, height=values.shape[0], width=values.shape[1],
        crs=tile.grid.crs, transform=Affine(30, 0, west, 0, -30, north), nodata=255,
    ) as file:  # fmt: skip
        file.write(values, 1)


def _write_points(series: Path, points: Path) -> None:
    """A hundred and twenty points of NBR every 12 days over three years, the first cut in the last."""
    noise = np.random.default_rng(5).normal(0, 0.03, (120, 90))
    days = pd.date_range("2017-01-01", periods=90, freq="12D")
    noise[0, days >= pd.Timestamp("2019-06-01")] -= 0.4
    names = [f"p{number}" for number in range(len(noise))]
    rows = pd.DataFrame(0.7 + noise, names, days).rename_axis("pid").rename_axis("date", axis=1)
    rows.stack().rename("nbr").reset_index().to_parquet(series)
    pd.DataFrame({"pid": names, "label": ["Deforestation", *["Forest"] * (len(noise) - 1)]}).to_parquet(
        points
    )


def _write_cube(path: Path) -> None:
    """Ten by ten pixels of NDVI every 8 days over two years; eight of them are lost in the last half year."""
    ndvi = 0.82 + 0.02 * np.random.default_rng(4).standard_normal((92, 10, 10))
    ndvi[70:, 2:4, 2:6] = 0.25
    lost = np.zeros((10, 10), np.int16)
    lost[2:4, 2:6] = 16
    xr.Dataset(
        {
            "landsat_ndvi": (("time", "y", "x"), ndvi.astype(np.float32)),
            "gfc_lossyear": (("y", "x"), lost),
            "forest_mask": (("y", "x"), np.ones((10, 10), np.int16)),
        },
        coords={
            "time": pd.date_range("2015-01-01", periods=92, freq="8D"),
            "y": -30.0 * np.arange(10),
            "x": 30.0 * np.arange(10),
        },
    ).to_netcdf(path)


def _write_map(path: Path, reference: Path, areas: Path, tile: Tile) -> None:
    """A map whose left fifth is lost, 80 points of which it gets some wrong, and hectares of two strata."""
    values = np.zeros((40, 40), np.uint8)
    values[:, :8] = 1
    _raster(path, values, tile)
    rng = np.random.default_rng(8)
    columns, rows = rng.integers(0, 40, 80), rng.integers(0, 40, 80)
    west, _, _, north = tile.bounds
    to_lonlat = Transformer.from_crs(tile.grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(west + 30 * (columns + 0.5), north - 30 * (rows + 0.5))
    stratum = np.where(columns < 20, "west", "east")
    label = np.where(columns < 7, "loss", "stable")
    points = pd.DataFrame({"lon": lon, "lat": lat, "label": label, "stratum": stratum})
    points.to_csv(reference, index=False)
    pd.DataFrame({"stratum": ["west", "east"], "area_ha": [72.0, 72.0]}).to_csv(areas, index=False)
