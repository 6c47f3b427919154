"""Vector files in an archive on the web."""

import urllib.parse
from pathlib import Path

import geopandas as gpd

from selvawatch.errors import LayerError
from selvawatch.register.archives import PACKED, read_file
from selvawatch.register.services.plain_file import downloaded, reading_of
from selvawatch.register.services.service import Client, LayerRequest, public_address


def packed_file(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
    """All features of the vector file in an archive, WGS 84."""
    suffix = Path(urllib.parse.urlsplit(request.url).path).suffix.lower()
    if suffix not in PACKED:
        raise LayerError("unknown archive", where=public_address(request.url), got=suffix, needed=PACKED)
    return read_file(downloaded(client, request), request.layer, reading_of(request), request.folder)
