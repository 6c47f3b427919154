"""Schemas of what a run gives out, from the tables of columns and layers; run as a module, it writes them.

A table's schema is a JSON Schema of one row as an object: the properties of a GeoJSON feature, a row of
`selvawatch alerts list --json`, or a line of CSV with its cells typed.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selvawatch.core.files import write_text
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.schema import Column, Table, Tier
from selvawatch.core.tables import TABLES
from selvawatch.tables import TABLES as ANALYSTS_TABLES
from selvawatch.write.formats.raster import PRODUCT_LAYERS
from selvawatch.write.language.i18n import language
from selvawatch.write.language.labels import column_label, layer_label, swatch_label, table_title
from selvawatch.write.legend import LEGENDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPES: dict[str, dict[str, str]] = {
    "text": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
}


def table_schema(table: Table, title_es: str = "", *, standalone: bool = True) -> dict[str, Any]:
    """JSON Schema of a row; the outline is no property, `x-geometry` says whether rows have one.

    standalone: every row has the public columns, and none but these; False: columns stand as they were
    asked for.
    """
    columns = [column for column in table.columns if column.dtype != "geometry"]
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": table.name,
        "description": table.description,
        "type": "object",
        "properties": {column.name: _property(column) for column in columns},
        "x-geometry": len(columns) < len(table.columns),
    }
    if title_es:
        schema["x-title-es"] = title_es
    if standalone:
        schema["additionalProperties"] = False
        schema["required"] = [column.name for column in columns if column.tier == Tier.PUBLIC]
    return schema


def layers_schema() -> dict[str, Any]:
    """Every raster layer of a tile: stored type, nodata, unit, codes, and whether it is given out."""
    spanish = language("es")
    return {
        "title": "layers",
        "description": "Raster layers of a tile; those given out are one cloud-optimised GeoTIFF each.",
        "layers": [
            {
                "name": layer.name,
                "dtype": layer.dtype,
                "nodata": layer.nodata,
                "unit": "days since 1970-01-01" if layer.unit == "day" else layer.unit,
                "description": layer.description,
                "label_es": layer_label(spanish, layer),
                "given_out": layer.name in PRODUCT_LAYERS,
                "codes": [
                    {
                        "code": swatch.code,
                        "label_en": swatch.label,
                        "label_es": swatch_label(spanish, swatch),
                        "colour": swatch.css if swatch.opaque else "transparent",
                    }
                    for swatch in LEGENDS.get(layer.name, ())
                ],
            }
            for layer in LAYERS.values()
        ],
    }


def schemas() -> Mapping[str, dict[str, Any]]:
    """Every schema by file name."""
    made = {f"{table.name}.json": table_schema(table) for table in TABLES.values()}
    for spec in ANALYSTS_TABLES.values():
        table = Table(name=spec.name, description=spec.description, columns=spec.all_columns)
        title = table_title(language("es"), spec.name, spec.description)
        made[f"{spec.name}.json"] = table_schema(table, title, standalone=False)
    return {"layers.json": layers_schema(), **made}


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema into a folder and return the files; equal code, equal bytes."""
    return [
        write_text(folder / name, json.dumps(schema, indent=1, ensure_ascii=False) + "\n")
        for name, schema in sorted(schemas().items())
    ]


def _property(column: Column) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_TYPES[column.dtype])
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
    if column.choices:
        schema["enum"] = [*column.choices, None] if column.nullable else list(column.choices)
    schema["description"] = column.description
    schema["x-label-es"] = column_label(language("es"), column)
    if column.unit:
        schema["x-unit"] = column.unit
    schema["x-tier"] = column.tier.name.lower()
    return schema


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("outputs/schemas"))
