"""GeoPackage: rows as one layer for desktop GIS."""

import io
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.files import write_checked
from selvawatch.core.schema import Column
from selvawatch.errors import TableError
from selvawatch.write.formats.desktop.gpkg_additions import with_schema, with_styles
from selvawatch.write.formats.desktop.layer_style import is_styled
from selvawatch.write.formats.rows import plain_value
from selvawatch.write.language.i18n import Language, language
from selvawatch.write.tiers import Released

_ARROW = {
    "text": pa.string(),
    "date": pa.date32(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
}


def write_gpkg(path: Path, released: Released, provenance: Mapping[str, str]) -> Path:
    """Write the rows as one GeoPackage layer with real dates and return the path; clock = data day.

    Columns have Spanish aliases and meanings, those of codes a domain.
    """
    return write_checked(path, with_schema(_layer(released, provenance), released, language("es")))


def write_people_gpkg(path: Path, released: Released, provenance: Mapping[str, str], lang: Language) -> Path:
    """Write the rows as `write_gpkg` does, with aliases in a language and the styles of QGIS, where the rows
    have what these go by; return the path.
    """
    content = with_schema(_layer(released, provenance), released, lang)
    if is_styled(released.table):
        content = with_styles(content, released, lang)
    return write_checked(path, content)


def _layer(released: Released, provenance: Mapping[str, str]) -> bytes:
    """The rows as a GeoPackage of one layer."""
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
    content = io.BytesIO()
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": stamp})
    try:
        pyogrio.write_arrow(
            table,
            content,
            layer=released.table.name,
            driver="GPKG",
            geometry_name="geometry",
            geometry_type=kind_of_all,
            crs=frame.crs.to_wkt()
            if frame.crs.to_authority() is None
            else ":".join(frame.crs.to_authority()),
            layer_metadata={**{key: str(value) for key, value in sorted(provenance.items())}},
        )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.FieldError, RuntimeError) as error:
        raise TableError(
            "a GeoPackage cannot hold these columns",
            where=f"table {released.table.name}",
            got=error,
            do="rename the column in your file, or write CSV, XLSX or Parquet",
        ) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    return content.getvalue()


def _field(column: Column) -> pa.Field:
    return pa.field(column.name, _ARROW[column.dtype], nullable=column.nullable)


def _array(column: Column, values: pd.Series) -> pa.Array:
    if column.dtype == "date":
        return pa.array(values.dt.date.where(values.notna(), None), pa.date32())
    return pa.array([plain_value(column, value) for value in values], _ARROW[column.dtype])


def _multi(shapes: np.ndarray) -> tuple[np.ndarray, str]:
    """The shapes as one geometry type, and its name: a GeoPackage layer holds no mixture of types."""
    kinds = set(shapely.get_type_id(shapes).tolist())
    if kinds <= {3, 6}:
        multi = [
            shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape]) for shape in shapes
        ]
        return np.array(multi, object), "MultiPolygon"
    return shapes, shapes[0].geom_type if len(kinds) == 1 else "Unknown"
