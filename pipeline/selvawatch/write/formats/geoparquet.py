"""GeoParquet 1.1: rows with their types, outlines and provenance, for programs."""

import io
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq

from selvawatch.core.files import canonical_json, write_checked
from selvawatch.write.tiers import Released


def write_geoparquet(path: Path, released: Released, provenance: Mapping[str, str]) -> Path:
    """Write the rows as GeoParquet 1.1 with a covering box (Parquet if no geometry) and return the path."""
    frame = released.frame
    if isinstance(frame, gpd.GeoDataFrame):
        plain = io.BytesIO()
        frame.to_parquet(plain, index=False, schema_version="1.1.0", write_covering_bbox=True)
        table = pq.read_table(pa.BufferReader(plain.getvalue()))
    else:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    table = _typed_text(table)
    metadata_of = dict(sorted({**provenance, "tier": released.tier.name.lower()}.items()))
    metadata = {**(table.schema.metadata or {}), b"selvawatch": canonical_json(metadata_of).encode()}
    content = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), content, compression="zstd", version="2.6")
    return write_checked(path, content.getvalue())


def _typed_text(table: pa.Table) -> pa.Table:
    """The table with text where a column holds nothing at all, so that files of many runs have one schema."""
    for position, kind in enumerate(table.schema):
        if pa.types.is_null(kind.type):
            table = table.set_column(
                position, pa.field(kind.name, pa.string()), table.column(position).cast(pa.string())
            )
    return table
