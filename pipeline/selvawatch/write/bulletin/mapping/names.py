"""Names of rivers, roads, districts and zones on a map: which are shown, and at which point."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import shapely

from selvawatch.write.bulletin.bulletin_model import Reference
from selvawatch.write.bulletin.whereabouts import NAME_LENGTH
from selvawatch.write.language.sanitise import single_line

NAMES_SHOWN = 12
"""Most names of a kind on a map: those of most length or area in view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameOnMap:
    """A name and where it is written."""

    kind: str
    text: str
    lon: float
    lat: float


def names_on_map(
    references: Iterable[Reference], window: shapely.Geometry, most: int = NAMES_SHOWN
) -> list[NameOnMap]:
    """Names of what lies in a window, each once, by kind and from the longest.

    window: WGS 84. A name is written on the middle of its longest line, or inside its largest part. What has
    no name is left out.
    """
    pieces: dict[tuple[str, str], tuple[float, shapely.Geometry]] = {}
    for reference in references:
        text = single_line(reference.name, NAME_LENGTH)
        inside = shapely.intersection(reference.geometry, window)
        if not text or shapely.is_empty(inside):
            continue
        for part in shapely.get_parts(inside):
            size = _size(part)
            if size >= pieces.get((reference.kind, text), (-1.0, part))[0]:
                pieces[reference.kind, text] = (size, part)
    found: list[NameOnMap] = []
    for kind in sorted({kind for kind, _ in pieces}):
        named = [(size, text, part) for (other, text), (size, part) in pieces.items() if other == kind]
        for _, text, part in sorted(named, key=lambda row: (-row[0], row[1]))[:most]:
            point = _middle(part)
            found.append(NameOnMap(kind=kind, text=text, lon=point.x, lat=point.y))
    return found


def window_of(
    area: shapely.Geometry, outlines: Iterable[shapely.Geometry], wider: float = 0.5
) -> shapely.Geometry:
    """The ground that maps of an area show: the area, its tiles, and on each side a share of their length."""
    west, south, east, north = shapely.union_all([area, *outlines]).bounds
    pad = wider * max(east - west, north - south, 1e-3)
    return shapely.box(west - pad, south - pad, east + pad, north + pad)


def within(references: Iterable[Reference], window: shapely.Geometry) -> tuple[Reference, ...]:
    """The references as far as they lie in a window."""
    cut = (replace(one, geometry=shapely.intersection(one.geometry, window)) for one in references)
    return tuple(one for one in cut if not shapely.is_empty(one.geometry))


def _size(part: shapely.Geometry) -> float:
    return float(shapely.area(part) if shapely.get_dimensions(part) == 2 else shapely.length(part))


def _middle(part: shapely.Geometry) -> shapely.Point:
    if shapely.get_dimensions(part) == 1:
        return shapely.line_interpolate_point(part, 0.5, normalized=True)
    return shapely.point_on_surface(part)


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def overlaps(box: Box, boxes: Iterable[Box]) -> bool:
    """Whether a rectangle meets any of others."""
    return any(
        box[0] <= other[2] and other[0] <= box[2] and box[1] <= other[3] and other[1] <= box[3]
        for other in boxes
    )
