"""Vector files on the web, in any format that holds its data."""

from pathlib import Path

import geopandas as gpd

from selvawatch.register.services.service import Client, LayerRequest
from selvawatch.register.vector_files import read_vector


def plain_file(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
    """All features of a vector file, WGS 84."""
    path = request.folder / f"download{Path(request.url).suffix.lower()}"
    path.write_bytes(client.get(request.url))
    file = f"{path}:{request.layer}" if request.layer else str(path)
    return read_vector(file, crs="EPSG:4326", declared_crs=request.crs, encoding=request.encoding)
