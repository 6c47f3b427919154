"""Vector files on the web, in any format that holds its data."""

import urllib.parse
from pathlib import Path

import geopandas as gpd

from selvawatch.register.archives import read_file
from selvawatch.register.readers.isolated_reading import limits_for
from selvawatch.register.services.service import Client, LayerRequest
from selvawatch.register.vector_files import Reading


def plain_file(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
    """All features of a vector file, WGS 84."""
    return read_file(downloaded(client, request), request.layer, reading_of(request), request.folder)


def downloaded(client: Client, request: LayerRequest) -> Path:
    """The file of a request, below its folder, under a name of which only the suffix is the publisher's."""
    suffix = Path(urllib.parse.unquote(urllib.parse.urlsplit(request.url).path)).suffix.lower()
    path = request.folder / f"download{suffix if suffix.isascii() and suffix[1:].isalnum() else ''}"
    path.write_bytes(client.get(request.url))
    return path


def reading_of(request: LayerRequest) -> Reading:
    """How the file of a request is read."""
    return Reading(
        declared_crs=request.crs,
        encoding=request.encoding,
        extent=request.extent,
        remarks=request.remarks,
        limits=limits_for(),
    )
