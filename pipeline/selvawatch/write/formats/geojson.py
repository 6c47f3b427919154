"""GeoJSON (RFC 7946): rows for web maps."""

import json
from pathlib import Path
from typing import Any

import shapely

from selvawatch.core.files import write_text
from selvawatch.write.formats.rows import lonlat, plain_value
from selvawatch.write.tiers import Released


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
    values = [[plain_value(column, value) for value in frame[column.name]] for column in picked]
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
