"""Shapefile, on demand: what of alerts fits in one, under names of ten characters."""

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyogrio
import pyogrio.errors
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.files import disk_error, is_disk_fault, write_checked
from selvawatch.core.schema import Column
from selvawatch.errors import TableError
from selvawatch.write.formats.companions import write_provenance
from selvawatch.write.formats.rows import plain_value
from selvawatch.write.tiers import Released

FIELDS: Mapping[str, str] = {
    **{name: name for name in ("alert_id", "event_id", "version", "status", "cause", "change", "ha", "rank")},
    **{name: name for name in ("ha_lo", "ha_hi", "onset", "lon", "lat", "district", "zones", "review")},
    "confidence": "confidence",
    "mining_probability": "mining_p",
    "first_detected": "first_seen",
    "confirmed_on": "confirmed",
    "onset_earliest": "onset_from",
    "onset_latest": "onset_to",
    "last_grown": "last_grown",
    "area_name": "area_name",
    "exclusive_class": "class",
    "combination": "combinatn",
    "protected_name": "protected",
    "native_community": "community",
    "concession_code": "concession",
    "legal_context": "legal",
    "distance_road_m": "road_m",
    "distance_river_m": "river_m",
}
"""Columns that go into a shapefile, and what they are called in it."""
PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_TEXT_BYTES = 254
_FAULTS = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.FieldError,
)


def write_shapefile(path: Path, released: Released, provenance: Mapping[str, str]) -> Path:
    """Write the rows as a shapefile (UTF-8) of five parts, with its provenance beside it; the `.shp`.

    Days are dates, empty ones NULL; texts are cut at 254 bytes.

    Raises
    ------
    TableError
        For rows without geometry, or with values that a shapefile cannot hold.
    DiskError
        When the disk is full or fails; nothing is put there.
    """
    frame = released.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        raise TableError(
            "a shapefile needs geometry", where=f"table {released.table.name}", do="write CSV or XLSX"
        )
    known = [column for column in released.table.columns if column.name in FIELDS]
    arrays = [_array(column, frame[column.name]) for column in known]
    shapes = np.asarray(frame.geometry, object)
    outlines = pa.array(shapely.to_wkb(shapely.orient_polygons(shapes, exterior_cw=True)), pa.binary())
    kind = pa.field("geometry", pa.binary(), metadata={b"ARROW:extension:name": b"geoarrow.wkb"})
    fields = [pa.field(FIELDS[column.name], array.type) for column, array in zip(known, arrays, strict=True)]
    rows = pa.Table.from_arrays([*arrays, outlines], schema=pa.schema([*fields, kind]))
    with TemporaryDirectory() as folder:
        made = Path(folder) / f"{path.stem}.shp"
        try:
            pyogrio.write_arrow(
                rows,
                made,
                driver="ESRI Shapefile",
                geometry_name="geometry",
                geometry_type="Polygon",
                crs=frame.crs.to_wkt(),
                encoding="UTF-8",
            )
        except (*_FAULTS, RuntimeError) as error:
            if is_disk_fault(str(error), made.parent, needed := _bytes_of(shapes)):
                raise disk_error(path, str(error).rsplit(": ", 1)[-1], needed) from error
            raise TableError(
                "a shapefile cannot hold these rows", where=path, got=error, do="write GeoPackage"
            ) from error
        for part in reversed(PARTS):  # the one that readers ask for last
            content = made.with_suffix(part).read_bytes()
            write_checked(path.with_suffix(part), _dated(content, released) if part == ".dbf" else content)
    write_provenance(path, provenance)
    return path


def _bytes_of(shapes: np.ndarray) -> int:
    """Size of the `.shp` of these polygons: a head, and for each its own head, rings and vertices."""
    rings = (1 + shapely.get_num_interior_rings(shapely.get_parts(shapes))).sum()
    return int(100 + 52 * len(shapes) + 4 * rings + 16 * shapely.get_num_coordinates(shapes).sum())


def _array(column: Column, cells: Iterable[Any]) -> pa.Array:
    """The cells of a column; texts cut to what a field holds."""
    values = [plain_value(column, cell) for cell in cells]
    if column.dtype == "date":
        return pa.array([value and dt.date.fromisoformat(value) for value in values], pa.date32())
    if column.dtype == "text":
        cut = [value and value.encode()[:_TEXT_BYTES].decode(errors="ignore") for value in values]
        return pa.array(cut, pa.string())
    return pa.array(values, pa.int64() if column.dtype == "int" else pa.float64())


def _dated(content: bytes, released: Released) -> bytes:
    """The table with the run's data day as its date (bytes 1 to 3: year since 1900, month, day)."""
    day = to_date(released.data_day)
    return content[:1] + bytes([day.year - 1900, day.month, day.day]) + content[4:]
