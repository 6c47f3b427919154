"""Vector files in an archive on the web."""

from pathlib import Path

import geopandas as gpd

from selvawatch.errors import LayerError
from selvawatch.register.archives import PACKED, read_archive
from selvawatch.register.services.service import Client, LayerRequest


def packed_file(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
    """All features of the vector file in an archive, WGS 84."""
    suffix = Path(request.url).suffix.lower()
    if suffix not in PACKED:
        raise LayerError("unknown archive", where=request.url, got=suffix, needed=PACKED)
    path = request.folder / f"download{suffix}"
    path.write_bytes(client.get(request.url))
    return read_archive(
        path, request.layer, crs=request.crs, encoding=request.encoding, folder=request.folder
    )
