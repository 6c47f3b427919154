"""Kinds of service by the name that `aoi/zones.toml` gives them."""

from selvawatch.register.services.arcgis import arcgis_layer
from selvawatch.register.services.packed_file import packed_file
from selvawatch.register.services.plain_file import plain_file
from selvawatch.register.services.service import Service
from selvawatch.register.services.wfs import wfs_layer

SERVICES: dict[str, Service] = {
    "arcgis": arcgis_layer,
    "wfs": wfs_layer,
    "file": plain_file,
    "archive": packed_file,
}
"""`fetch.kind` of a layer and who asks; a new kind is one module in this folder and one entry here."""
