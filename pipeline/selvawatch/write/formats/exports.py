"""One door to every table format: the suffix of the file says which."""

from collections.abc import Mapping
from pathlib import Path

from selvawatch.errors import TableError
from selvawatch.write.formats.points import write_gpx, write_kml
from selvawatch.write.formats.vector import write_csv, write_geojson, write_geoparquet, write_gpkg, write_xlsx
from selvawatch.write.language.i18n import Language
from selvawatch.write.tiers import Released

FORMATS = ("gpkg", "geojson", "kml", "gpx", "csv", "xlsx", "parquet")
"""Suffixes that can be written."""


def export(path: Path, released: Released, provenance: Mapping[str, str], lang: Language) -> Path:
    """Write released rows in the format of the path's suffix and return the path.

    Raises
    ------
    TableError
        For a suffix that is none of `FORMATS`, or a format that needs geometry the rows do not have.
    """
    match path.suffix.lower().removeprefix("."):
        case "parquet":
            return write_geoparquet(path, released, provenance)
        case "gpkg":
            return write_gpkg(path, released, provenance)
        case "geojson":
            return write_geojson(path, released)
        case "csv":
            return write_csv(path, released)
        case "xlsx":
            return write_xlsx(path, released, provenance)
        case "kml":
            return write_kml(path, released, lang)
        case "gpx":
            return write_gpx(path, released, lang)
        case other:
            raise TableError("unknown format", where=path.name, got=other or "no suffix", needed=FORMATS)
