"""The alerts of a site as one GeoJSON file that any web map reads."""

import json
from typing import Any

from selvawatch.website.website_content import Website
from selvawatch.write.formats.geojson import feature_collection
from selvawatch.write.language.sanitise import escaped

GEOJSON = "alerts.geojson"
_OF_THE_RUN = frozenset({"register_version", "parameters_digest", "code_version", "loss_product"})
"""Columns that say the same in every row."""
_PICTURES = frozenset({"before_picture", "after_picture"})
"""Columns of paths that the site does not have."""


def geojson_file(website: Website) -> bytes:
    """RFC 7946, WGS 84: outlines, or squares, with the columns that the tier may see, and `page`, the address
    of the alert's page below the site. Marks of texts that turn a reading direction are written as text.
    """
    released, names = website.bulletin.alerts, website.page_names
    left_out = _OF_THE_RUN | _PICTURES
    kept = tuple(column.name for column in released.table.columns if column.name not in left_out)
    collection = feature_collection(released, kept)
    for feature in collection["features"]:
        values: dict[str, Any] = feature["properties"]
        page = f"events/{names[values['alert_id']]}.html"
        feature["properties"] = {
            key: escaped(value) if isinstance(value, str) else value for key, value in values.items()
        } | {"page": page}
        feature["id"] = feature["properties"]["event_id"]
    return (json.dumps(collection, sort_keys=True, separators=(",", ":")) + "\n").encode()
