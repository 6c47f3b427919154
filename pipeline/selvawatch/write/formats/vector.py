"""Tables people receive: GeoParquet, GeoPackage, GeoJSON, CSV and XLSX; equal inputs give equal bytes."""

import csv
import datetime as dt
import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
import xlsxwriter
from pyproj import Transformer

from selvawatch.core.days import to_date
from selvawatch.core.files import canonical_json, replacing, write_text
from selvawatch.core.schema import Column, Table, Tier
from selvawatch.errors import TableError
from selvawatch.write.language.i18n import language
from selvawatch.write.language.labels import column_label
from selvawatch.write.language.sanitise import cell
from selvawatch.write.tiers import Released

_ARROW = {
    "text": pa.string(),
    "date": pa.date32(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
}
DICTIONARY_HEAD = (
    "columna / column",
    "significado",
    "meaning",
    "tipo / type",
    "unidad / unit",
    "valores / values",
    "nivel / tier",
)
"""Columns of a data dictionary."""
_TIER_WORDS = {
    Tier.PUBLIC: "público / public",
    Tier.PARTNER: "socios / partner",
    Tier.RESTRICTED: "restringido / restricted",
}


def write_geoparquet(path: Path, released: Released, provenance: Mapping[str, str]) -> Path:
    """Write the rows as GeoParquet 1.1 with a covering box (Parquet if no geometry) and return the path."""
    frame = released.frame
    with replacing(path) as part:
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_parquet(part, index=False, schema_version="1.1.0", write_covering_bbox=True)
            table = pq.read_table(part)
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False)
        table = _typed_text(table)
        metadata_of = dict(sorted({**provenance, "tier": released.tier.name.lower()}.items()))
        metadata = {**(table.schema.metadata or {}), b"selvawatch": canonical_json(metadata_of).encode()}
        pq.write_table(table.replace_schema_metadata(metadata), part, compression="zstd", version="2.6")
    return path


def write_gpkg(path: Path, released: Released, provenance: Mapping[str, str]) -> Path:
    """Write the rows as one GeoPackage layer with real dates and return the path; clock = data day."""
    frame = released.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        raise TableError(
            "a GeoPackage needs geometry", where=f"table {released.table.name}", do="write CSV or XLSX"
        )
    fields = [_field(column) for column in released.table.columns if column.dtype != "geometry"]
    arrays = [
        _array(column, frame[column.name]) for column in released.table.columns if column.dtype != "geometry"
    ]
    shapes, kind_of_all = _multi(np.asarray(frame.geometry, object))
    geometry = pa.array(shapely.to_wkb(shapes), pa.binary())
    kind = pa.field("geometry", pa.binary(), metadata={b"ARROW:extension:name": b"geoarrow.wkb"})
    table = pa.Table.from_arrays([*arrays, geometry], schema=pa.schema([*fields, kind]))
    stamp = f"{to_date(released.data_day).isoformat()}T00:00:00.000Z"
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": stamp})
    try:
        with replacing(path) as part:
            pyogrio.write_arrow(
                table,
                part,
                layer=released.table.name,
                driver="GPKG",
                geometry_name="geometry",
                geometry_type=kind_of_all,
                crs=frame.crs.to_wkt()
                if frame.crs.to_authority() is None
                else ":".join(frame.crs.to_authority()),
                layer_metadata={**{key: str(value) for key, value in sorted(provenance.items())}},
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    return path


def write_geojson(path: Path, released: Released) -> Path:
    """Write the rows as RFC 7946 GeoJSON (WGS 84, seven decimals) and return the path."""
    return write_text(
        path, json.dumps(feature_collection(released), ensure_ascii=False, sort_keys=True) + "\n"
    )


def feature_collection(released: Released, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The rows as a GeoJSON object in WGS 84; `names` picks the properties, None takes all."""
    frame = released.frame
    picked = [
        column
        for column in released.table.columns
        if column.dtype != "geometry" and (names is None or column.name in names)
    ]
    values = [[_plain(column, value) for value in frame[column.name]] for column in picked]
    names_picked = [column.name for column in picked]
    rows = zip(*values, strict=True) if values else [()] * len(frame)
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(shape),
            "properties": dict(zip(names_picked, row, strict=True)),
        }
        for shape, row in zip(shapely.to_geojson(lonlat(frame)), rows, strict=True)
    ]
    return {"type": "FeatureCollection", "name": released.table.name, "features": features}


def lonlat(frame: gpd.GeoDataFrame) -> np.ndarray:
    """The geometries in WGS 84 degrees to seven decimals (about a centimetre), rings by the right hand."""
    transformer = Transformer.from_crs(frame.crs, "EPSG:4326", always_xy=True)

    def moved(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = transformer.transform(x, y)
        return np.round(lon, 7), np.round(lat, 7)

    shapes = np.asarray(frame.geometry, object)
    return shapely.orient_polygons(shapely.transform(shapes, moved, interleaved=False))


def write_csv(path: Path, released: Released) -> Path:
    """Write the rows but geometry as CSV (UTF-8 with BOM, ISO dates, decimal point) and return the path."""
    columns = [column for column in released.table.columns if column.dtype != "geometry"]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(column.name) for column in columns])
    cells = [[_csv_cell(column, value) for value in released.frame[column.name]] for column in columns]
    writer.writerows(zip(*cells, strict=True))
    with replacing(path) as part:
        part.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    return path


def write_provenance(path: Path, provenance: Mapping[str, str]) -> Path:
    """Write what a CSV was made from beside it, as `NAME-procedencia.json`, and return that path."""
    text = json.dumps(dict(provenance), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return write_text(path.with_name(f"{path.stem}-procedencia.json"), text)


def write_xlsx(path: Path, released: Released, provenance: Mapping[str, str]) -> Path:
    """Write the rows as a workbook: the data, the bilingual dictionary, the provenance; return the path."""
    columns = [column for column in released.table.columns if column.dtype != "geometry"]
    created = dt.datetime.combine(to_date(released.data_day), dt.time())
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with replacing(path) as part, xlsxwriter.Workbook(part, options) as book:
        book.set_properties({"title": released.table.name, "author": "selvawatch", "created": created})
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet("datos")
        for position, column in enumerate(columns):
            sheet.write_string(0, position, cell(column.name), head)
            sheet.set_column(position, position, max(10, min(28, len(column.name) + 2)))
            for line, value in enumerate(released.frame[column.name], start=1):
                _write_cell(
                    sheet, line, position, _plain(column, value), day if column.dtype == "date" else None
                )
        sheet.freeze_panes(1, 1)
        if columns:
            sheet.autofilter(0, 0, max(1, len(released.frame)), len(columns) - 1)
        _dictionary_sheet(book, released.table, head, wrapped)
        about = book.add_worksheet("procedencia")
        about.set_column(0, 0, 28)
        about.set_column(1, 1, 80)
        for line, (key, value) in enumerate(sorted(provenance.items())):
            about.write_string(line, 0, cell(key), head)
            about.write_string(line, 1, cell(str(value)))
    return path


def dictionary_rows(table: Table) -> list[tuple[str, ...]]:
    """One row for each column of a table under `DICTIONARY_HEAD`, Spanish and English side by side."""
    return [
        (
            column.name,
            column_label(language("es"), column),
            column.description,
            column.dtype,
            column.unit,
            " | ".join(column.choices),
            _TIER_WORDS[column.tier],
        )
        for column in table.columns
    ]


def write_dictionary(path: Path, tables: tuple[Table, ...]) -> Path:
    """Write the bilingual data dictionary of some tables as CSV (UTF-8 with BOM) and return the path."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["tabla / table", *DICTIONARY_HEAD])
    for table in tables:
        writer.writerows([cell(part) for part in (table.name, *row)] for row in dictionary_rows(table))
    with replacing(path) as part:
        part.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    return path


def _dictionary_sheet(book: Any, table: Table, head: Any, wrapped: Any) -> None:
    sheet = book.add_worksheet("diccionario")
    for position, (title, width) in enumerate(
        zip(DICTIONARY_HEAD, (26, 34, 60, 10, 10, 40, 24), strict=True)
    ):
        sheet.write_string(0, position, title, head)
        sheet.set_column(position, position, width)
    for line, row in enumerate(dictionary_rows(table), start=1):
        for position, text in enumerate(row):
            sheet.write_string(line, position, cell(text), wrapped)
    sheet.freeze_panes(1, 1)


def _write_cell(sheet: Any, line: int, position: int, value: Any, style: Any) -> None:
    if value is None:
        return
    if style is not None:
        sheet.write_datetime(line, position, dt.datetime.fromisoformat(value), style)
    elif isinstance(value, str):
        sheet.write_string(line, position, cell(value))
    elif isinstance(value, bool):
        sheet.write_boolean(line, position, value)
    else:
        sheet.write_number(line, position, value)


def _csv_cell(column: Column, value: Any) -> str:
    plain = _plain(column, value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return cell(plain) if isinstance(plain, str) and column.dtype == "text" else str(plain)


def _plain(column: Column, value: Any) -> Any:
    """A cell as JSON knows it: ISO text for dates, None for what is missing or not finite."""
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        return None
    if column.dtype == "date":
        return pd.Timestamp(value).date().isoformat()
    if column.dtype == "int":
        return int(value)
    if column.dtype == "bool":
        return bool(value)
    if column.dtype == "float":
        return float(value) if np.isfinite(value) else None
    return str(value)


def _field(column: Column) -> pa.Field:
    return pa.field(column.name, _ARROW[column.dtype], nullable=column.nullable)


def _array(column: Column, values: pd.Series) -> pa.Array:
    if column.dtype == "date":
        return pa.array(values.dt.date.where(values.notna(), None), pa.date32())
    return pa.array([_plain(column, value) for value in values], _ARROW[column.dtype])


def _typed_text(table: pa.Table) -> pa.Table:
    """The table with text where a column holds nothing at all, so that files of many runs have one schema."""
    for position, kind in enumerate(table.schema):
        if pa.types.is_null(kind.type):
            table = table.set_column(
                position, pa.field(kind.name, pa.string()), table.column(position).cast(pa.string())
            )
    return table


def _multi(shapes: np.ndarray) -> tuple[np.ndarray, str]:
    """The shapes as one geometry type, and its name: a GeoPackage layer holds no mixture of types."""
    kinds = set(shapely.get_type_id(shapes).tolist())
    if kinds <= {3, 6}:
        multi = [
            shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape]) for shape in shapes
        ]
        return np.array(multi, object), "MultiPolygon"
    return shapes, shapes[0].geom_type if len(kinds) == 1 else "Unknown"
