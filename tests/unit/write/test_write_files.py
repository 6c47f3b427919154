import csv
import hashlib
import json
import time
import zipfile
from dataclasses import replace

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
import xarray as xr

from selvawatch.core.grid import Grid
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.tables import ALERTS, CELLS, Tier
from selvawatch.errors import TableError
from selvawatch.write import tiers
from selvawatch.write.formats import raster
from selvawatch.write.formats.companions import write_dictionary
from selvawatch.write.formats.csv_file import write_csv
from selvawatch.write.formats.desktop.gpkg import write_gpkg
from selvawatch.write.formats.geojson import write_geojson
from selvawatch.write.formats.geoparquet import write_geoparquet
from selvawatch.write.formats.xlsx import write_xlsx
from selvawatch.write.legend import LEGENDS, colour_table
from write_data import CRS, DATA_DAY, HOSTILE, OPEN_RULE, PROVENANCE, alerts, cells

TILE = Grid(crs=CRS, resolution=10.0, tile_px=256).tile("x0144y3352")


def released(tier=Tier.RESTRICTED, table=ALERTS, frame=None, rule=OPEN_RULE):
    return tiers.apply(
        table,
        alerts(len(HOSTILE), district=list(HOSTILE)) if frame is None else frame,
        tiers.Gate(tier=tier, rule=rule, data_day=DATA_DAY),
    )


WRITERS = {
    "parquet": lambda path, out: write_geoparquet(path, out, PROVENANCE),
    "gpkg": lambda path, out: write_gpkg(path, out, PROVENANCE),
    "geojson": lambda path, out: write_geojson(path, out),
    "csv": lambda path, out: write_csv(path, out),
    "xlsx": lambda path, out: write_xlsx(path, out, PROVENANCE),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_equal_inputs_give_equal_bytes(tmp_path, suffix):
    digests = []
    for folder in ("a", "b"):
        path = WRITERS[suffix](tmp_path / folder / f"alerts.{suffix}", released())
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        time.sleep(1.1 if suffix in ("gpkg", "xlsx") else 0)  # clocks in these formats count seconds
    assert digests[0] == digests[1]


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("tier", list(Tier))
def test_an_empty_table_is_written_and_read(tmp_path, suffix, tier):
    path = WRITERS[suffix](tmp_path / f"alerts.{suffix}", released(tier, frame=alerts(0)))
    assert path.stat().st_size > 0


@pytest.mark.parametrize("suffix", ["parquet", "gpkg", "geojson"])
def test_hostile_texts_come_back_as_they_went(tmp_path, suffix):
    out = released()
    path = WRITERS[suffix](tmp_path / f"alerts.{suffix}", out)
    back = gpd.read_parquet(path) if suffix == "parquet" else gpd.read_file(path)
    texts = [text.replace("\x00", "") for text in HOSTILE] if suffix == "gpkg" else list(HOSTILE)
    assert back["district"].tolist()[:-1] == texts[:-1]
    assert len(back) == len(HOSTILE)
    # GeoJSON keeps seven decimals of a degree, about 1 cm: 1e-4 of a patch 120 m wide
    assert np.allclose(back.to_crs(CRS).area, out.frame.area, rtol=1e-4)


def test_a_geopackage_keeps_real_dates_and_the_crs(tmp_path):
    path = write_gpkg(tmp_path / "alerts.gpkg", released(), PROVENANCE)
    info = pyogrio.read_info(path)
    kinds = dict(zip(info["fields"], info["ogr_types"], strict=True))
    assert kinds["onset"] == "OFTDate" and kinds["ha"] == "OFTReal" and info["crs"] == CRS
    assert info["layer_metadata"]["run_id"] == PROVENANCE["run_id"]


def test_a_geopackage_of_single_and_multiple_polygons_is_read_back(tmp_path):
    frame = alerts(2)
    frame.geometry = [
        frame.geometry.iloc[0],
        shapely.MultiPolygon([shapely.box(0, 0, 9, 9), shapely.box(20, 0, 29, 9)]),
    ]
    path = write_gpkg(tmp_path / "alerts.gpkg", released(frame=frame), PROVENANCE)
    assert gpd.read_file(path).area.round(3).tolist() == frame.area.round(3).tolist()


def test_geoparquet_says_its_crs_its_box_and_where_it_comes_from(tmp_path):
    path = write_geoparquet(tmp_path / "alerts.parquet", released(), PROVENANCE)
    metadata = pq.read_schema(path).metadata
    assert json.loads(metadata[b"selvawatch"]) == {**PROVENANCE, "tier": "restricted"}
    geo = json.loads(metadata[b"geo"])
    assert geo["columns"]["geometry"]["covering"]["bbox"] and geo["version"] == "1.1.0"
    assert pd.api.types.is_datetime64_any_dtype(gpd.read_parquet(path)["onset"])


def test_a_column_without_a_value_is_text_in_geoparquet_as_in_other_runs(tmp_path):
    paths = [
        write_geoparquet(tmp_path / f"{n}.parquet", released(frame=alerts(2, native_community=[n, n])), {})
        for n in (None, "a")
    ]
    first, second = (pq.read_schema(path) for path in paths)
    assert str(first.field("native_community").type) in ("string", "large_string")
    assert "null" not in {str(field.type) for field in (*first, *second)}


def test_csv_opens_in_excel_and_in_python_alike(tmp_path):
    path = write_csv(tmp_path / "alerts.csv", released())
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and "líneas".encode() in raw
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines(keepends=True)))
    assert len(rows) == len(HOSTILE)
    assert rows[1]["onset"] == "2026-01-19" and float(rows[1]["ha"]) == 2.5
    assert not any(row["district"][:1] in ("=", "+", "-", "@") for row in rows)
    assert "\u202e" not in raw.decode() and "\x00" not in raw.decode()


def test_xlsx_holds_no_formula_and_a_dictionary_of_every_column(tmp_path):
    path = write_xlsx(tmp_path / "alerts.xlsx", released(), PROVENANCE)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["datos", "diccionario", "procedencia"]
    cells_ = [cell for row in book["datos"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells_} <= {"s", "n", "b", "d"}
    assert not [cell for cell in cells_ if cell.hyperlink]
    names = [row[0].value for row in book["diccionario"].iter_rows(min_row=2)]
    assert names == [column.name for column in ALERTS.columns]
    head = [cell.value for cell in book["datos"][1]]
    assert book["datos"].cell(2, head.index("onset") + 1).value.isoformat()[:10] == "2026-01-10"
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_public_files_hold_no_exact_place_and_no_holder(tmp_path):
    frame = alerts(3, holder_types=["SECRET-HOLDER"] * 3, concession_code=["SECRET-CODE"] * 3)
    out = released(Tier.PUBLIC, frame=frame)
    exact = {f"{value:.4f}" for value in (*frame["lon"], *frame["lat"])} | {
        f"{value:.1f}" for value in frame["utm_e"]
    }
    for suffix, write in WRITERS.items():
        raw = write(tmp_path / f"a.{suffix}", out).read_bytes()
        if suffix == "xlsx":
            with zipfile.ZipFile(tmp_path / f"a.{suffix}") as archive:
                raw = b"".join(archive.read(name) for name in archive.namelist())
        if suffix == "parquet":
            raw = repr(pq.read_table(tmp_path / f"a.{suffix}").to_pydict()).encode()
        assert b"SECRET" not in raw
        assert not [text for text in exact if text.encode() in raw]


def test_the_dictionary_names_every_column_of_every_table(tmp_path):
    path = write_dictionary(tmp_path / "diccionario.csv", (ALERTS, CELLS))
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(keepends=True)))
    assert len(rows) == 1 + len(ALERTS.columns) + len(CELLS.columns)


def test_a_geopackage_of_a_plain_table_is_refused_and_nothing_is_left(tmp_path):
    columns = tuple(column for column in CELLS.columns if column.dtype != "geometry")
    flat = pd.DataFrame(cells(3).drop(columns="geometry"))
    plain = tiers.apply(
        replace(CELLS, columns=columns), flat, tiers.Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY)
    )
    with pytest.raises(TableError, match="CSV"):
        write_gpkg(tmp_path / "x.gpkg", plain, PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def state() -> xr.Dataset:
    rng = np.random.default_rng(7)
    layers = {}
    for name in raster.PRODUCT_LAYERS:
        layer = LAYERS[name]
        codes = [swatch.code for swatch in LEGENDS.get(name, ())] or [0, 20_000, 20_600]
        layers[name] = (("y", "x"), rng.choice(codes, (256, 256)).astype(layer.dtype))
    return xr.Dataset(layers)


def test_a_raster_reads_back_equal_with_crs_colours_and_provenance(tmp_path):
    tile_state = state()
    paths = raster.write_layers(tmp_path, TILE.id, tile_state, TILE.transform, CRS, PROVENANCE)
    assert list(paths) == list(raster.PRODUCT_LAYERS)
    for name, path in paths.items():
        with rasterio.open(path) as file:
            assert (file.read(1) == tile_state[name].values).all()
            assert (file.crs, file.transform, file.nodata) == (CRS, TILE.transform, LAYERS[name].nodata)
            assert file.descriptions == (name,)
            assert file.tags()["selvawatch_run_id"] == PROVENANCE["run_id"]
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            if name in LEGENDS:
                table = file.colormap(1)
                assert all(table[code] == colour for code, colour in colour_table(name).items() if colour[3])


def test_equal_rasters_have_equal_bytes(tmp_path):
    for folder in ("a", "b"):
        raster.write_layers(tmp_path / folder, "t", state(), TILE.transform, CRS, PROVENANCE)
        time.sleep(1.1)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_raster_of_the_wrong_type_is_refused(tmp_path):
    with pytest.raises(ValueError, match="status is int64"):
        raster.write_layer(
            tmp_path / "a.tif", np.zeros((4, 4), np.int64), LAYERS["status"], TILE.transform, CRS, {}
        )
    assert list(tmp_path.iterdir()) == []
