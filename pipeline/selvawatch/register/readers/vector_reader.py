"""Layers read from files of any format, in the CRS that the file states or its entry declares."""

import codecs
import json
import re
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyogrio.errors
import pyproj.exceptions
import shapely
from pyproj import CRS

from selvawatch.errors import LayerError
from selvawatch.register.coordinate_reference import crs_of_member, declared_crs, resolved_crs
from selvawatch.register.readers.drivers import HELD, driver_of

PARQUET = (".parquet", ".geoparquet")
"""Suffixes of GeoParquet."""

_OF_QGIS = ("layer_styles", "qgis_projects")
"""Tables in which QGIS keeps styles and projects in a GeoPackage: no layers of anybody's."""
_JSON = ("GeoJSON", "GeoJSONSeq", "JSONFG")
_MEMBER = re.compile(rb'"crs"\s*:\s*(null|\{(?:[^{}]|\{[^{}]*\}){0,4000}\})')
_DBF_LANGUAGES = {0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x57: "cp1252", 0x58: "cp1252"}
_UNREADABLE = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.FieldError,
    pyogrio.errors.GeometryError,
    pyproj.exceptions.CRSError,
    shapely.errors.ShapelyError,
    ValueError,
    OSError,
    KeyError,
    TypeError,
    OverflowError,
)


def read_source(
    path: Path, layer: str | None, *, declared: str = "", encoding: str = ""
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """All rows of a layer in its own CRS, its geometries in the column `geometry`, and remarks on them.

    declared: CRS of the entry, for a file that states none or one that tells nothing. encoding: of the
    entry, for texts of a shapefile.

    Raises
    ------
    LayerError
        For an unreadable file, one that leads to others, an unnamed layer among several, no CRS, no geometry.
    """
    remarks: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL's remarks; what matters is checked below
            is_parquet = path.suffix.lower() in PARQUET
            frame, stated = _parquet(path) if is_parquet else _by_driver(path, layer, encoding, remarks)
    except UnicodeDecodeError as error:
        raise LayerError(
            "texts are not in the encoding that the file states",
            where=path,
            got=error.reason,
            needed="UTF-8, or `encoding` in its entry of zones.toml",
        ) from error
    except _UNREADABLE as error:
        raise LayerError("the file cannot be read as a vector layer", where=path, got=error) from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        raise LayerError("the layer has no geometry", where=path, needed="a vector layer")
    if frame.active_geometry_name != "geometry":
        frame = frame.rename(columns={"geometry": "geometry_"}).rename_geometry("geometry")
    if not isinstance(stated, _Unstated):
        crs = resolved_crs(stated, declared, str(path))
    else:
        crs = resolved_crs(declared_crs(declared) if declared else frame.crs, "", str(path))
    return frame.set_crs(crs, allow_override=True), remarks


class _Unstated:
    """The mark of a file that states no CRS where its format has a rule for that case."""


_UNSTATED = _Unstated()


def _parquet(path: Path) -> tuple[gpd.GeoDataFrame, CRS | None]:
    frame = gpd.read_parquet(path)
    return frame, frame.crs


def _by_driver(
    path: Path, layer: str | None, encoding: str, remarks: list[str]
) -> tuple[gpd.GeoDataFrame, CRS | None | _Unstated]:
    driver = driver_of(path)
    if driver not in HELD:
        raise LayerError(
            "this kind of file may lead to others and is not read",
            where=path,
            got=driver,
            needed=f"one of {', '.join(sorted(HELD))}, or GeoParquet",
            do="convert it: ogr2ogr out.gpkg FILE",
        )
    layers = [str(name) for name in pyogrio.list_layers(path)[:, 0] if str(name) not in _OF_QGIS]
    if layer is not None and layer not in layers:
        raise LayerError("no such layer", where=path, got=layer, needed=f"one of {layers[:50]}")
    if layer is None and len(layers) != 1:
        raise LayerError(
            "the file has not one layer",
            where=path,
            got=layers[:50],
            do=f"name one, as {path.name}:LAYER",
        )
    name = layer or layers[0]
    if driver == "ESRI Shapefile":
        frame = _shapefile(path, name, encoding, remarks)
    else:
        frame = gpd.read_file(path, layer=name, encoding=encoding or None)
    if not isinstance(frame, gpd.GeoDataFrame):
        return frame, None
    return frame, _json_crs(path) if driver in _JSON else frame.crs


def _json_crs(path: Path) -> CRS | None | _Unstated:
    """What the member `crs` of a GeoJSON file names; WGS 84 without a word is GeoJSON's own rule."""
    with path.open("rb") as stream:
        head = stream.read(1_000_000)
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - 100_000))
        tail = stream.read()
    match = _MEMBER.search(head) or _MEMBER.search(tail)
    if match is None:
        return _UNSTATED
    try:
        return crs_of_member(json.loads(match[1]))
    except ValueError:
        return None


def _shapefile(path: Path, layer: str, encoding: str, remarks: list[str]) -> gpd.GeoDataFrame:
    """A shapefile whose texts are in the encoding that the entry or the file says, or that they prove."""
    if encoding:
        return gpd.read_file(path, layer=layer, encoding=encoding)
    # Every byte is a character of ISO 8859-1: the bytes come through and are decoded here.
    frame = gpd.read_file(path, layer=layer, encoding="ISO-8859-1")
    names = {name: str(name).encode("latin-1", "replace") for name in frame.columns}
    columns = [name for name in frame.columns if name != "geometry" and _is_text(frame[name])]
    raw = {name: [_raw(value) for value in frame[name].tolist()] for name in columns}
    strange = {
        value for values in raw.values() for value in values if value is not None and not value.isascii()
    }
    strange |= {name for name in names.values() if not name.isascii()}
    if not strange:
        return frame
    codec = _codec(path, strange, remarks)
    for name, values in raw.items():
        frame[name] = pd.Series(
            [None if value is None else value.decode(codec) for value in values], frame.index, dtype="str"
        )
    return frame.rename(columns={name: value.decode(codec, "replace") for name, value in names.items()})


def _codec(path: Path, strange: set[bytes], remarks: list[str]) -> str:
    """The encoding of texts: UTF-8 where they prove it, else what the file states, else Windows-1252."""
    stated = _stated_codec(path)
    if _decodes(strange, "utf-8"):
        if stated not in ("", "utf-8"):
            remarks.append(f"its texts are UTF-8, though it states {stated}")
        return "utf-8"
    if stated and not _decodes(strange, stated):
        raise LayerError(
            "texts are not in the encoding that the file states",
            where=path,
            got=f"{stated} in its .cpg or .dbf",
            needed="`encoding` in its entry of zones.toml, such as ISO-8859-1",
        )
    if stated:
        return stated
    codec = "cp1252" if _decodes(strange, "cp1252") else "latin-1"
    remarks.append(f"it does not state the encoding of its texts: read as {codec}")
    return codec


def _stated_codec(path: Path) -> str:
    """Python's name of the encoding in a shapefile's .cpg, else in its .dbf; empty where none is known."""
    for suffix in (".cpg", ".CPG", ".cst"):
        companion = path.with_suffix(suffix)
        if companion.is_file():
            return _python_codec(companion.read_bytes()[:64].decode("ascii", "replace").strip())
    for suffix in (".dbf", ".DBF"):
        table = path.with_suffix(suffix)
        if table.is_file():
            with table.open("rb") as stream:
                head = stream.read(30)
            return _DBF_LANGUAGES.get(head[29], "") if len(head) == 30 else ""
    return ""


def _python_codec(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    digits = re.sub(r"\D", "", plain)
    if plain in ("utf8", "65001"):
        return "utf-8"
    if digits.startswith("8859"):
        text = f"iso8859-{digits[4:] or 1}"
    elif (
        digits
        and plain.replace("ansi", "").replace("windows", "").replace("cp", "").replace("oem", "") == digits
    ):
        text = f"cp{digits}"
    try:
        return codecs.lookup(text).name
    except LookupError:
        return ""


def _decodes(texts: set[bytes], codec: str) -> bool:
    try:
        for text in texts:
            text.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _is_text(values: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(values) or values.dtype == object


def _raw(value: object) -> bytes | None:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return str(value).encode("latin-1", "replace")
