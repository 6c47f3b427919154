"""The drawing of the ground around an alert as its tier may see it: outline or square, rivers, roads."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import shapely

from selvawatch.website.website_content import Website
from selvawatch.write.bulletin.bulletin_model import Bulletin, Reference
from selvawatch.write.bulletin.overview import overview_svg
from selvawatch.write.formats.rows import lonlat

FOLDER = "maps"
_HALF_HEIGHT = 0.009
"""Least degrees from the middle of a drawing to its upper edge: about 1 km."""
_WIDER = 2.2
"""Height of that half at least, as a multiple of the outline's whole height."""


def event_maps(website: Website) -> Iterator[tuple[str, bytes]]:
    """Path below the site and SVG of the drawing of each event, by rank."""
    content, frame = website.bulletin, website.bulletin.alerts.frame
    if "geometry" not in frame or frame.empty:
        return
    names = website.page_names
    tree = shapely.STRtree([one.geometry for one in content.references])
    for alert, shape in zip(frame["alert_id"].astype(str), lonlat(frame), strict=True):
        if not shapely.is_empty(shape):
            yield f"{FOLDER}/{names[alert]}.svg", _drawn(content, tree, shape).encode()


def _drawn(content: Bulletin, tree: shapely.STRtree, shape: shapely.Geometry) -> str:
    west, south, east, north = shape.bounds
    half = max(_HALF_HEIGHT, _WIDER * (north - south), _WIDER * (east - west) / 1.5)
    middle = ((west + east) / 2, (south + north) / 2)
    window = shapely.box(middle[0] - 1.5 * half, middle[1] - half, middle[0] + 1.5 * half, middle[1] + half)
    wide = window.buffer(0.1 * half, cap_style="square", join_style="mitre")
    near = [content.references[number] for number in np.sort(tree.query(wide, predicate="intersects"))]
    tiles = tuple(
        replace(tile, outline=shapely.intersection(tile.outline, wide))
        for tile in content.coverage.tiles
        if shapely.intersects(tile.outline, wide)
    )
    edge = shapely.intersection(shapely.boundary(content.area), wide)
    references = (*near, Reference(kind="shape", name="", geometry=shape))
    return overview_svg(edge, tiles, references, (), content.area_title, window)
