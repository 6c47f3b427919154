"""The overview drawing of a bulletin: area, how much of each tile was seen, numbered alerts."""

import math
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import shapely

from selvawatch.write.bulletin.bulletin_model import Reference, TileCoverage
from selvawatch.write.bulletin.mapping.marks import ink_on, shape_of
from selvawatch.write.bulletin.mapping.names import names_on_map, overlaps
from selvawatch.write.language.sanitise import single_line

LINES = {
    "road": {"stroke": "#8a6d3b", "stroke-width": "1.4"},
    "river": {"stroke": "#6f9fc4", "stroke-width": "1.6"},
    "protected": {"stroke": "#3f7d54", "stroke-width": "1.2", "stroke-dasharray": "6 3"},
    "community": {"stroke": "#8c6aa8", "stroke-width": "1.2", "stroke-dasharray": "2 3"},
    "corridor": {"stroke": "#a08a2d", "stroke-width": "1.2", "stroke-dasharray": "8 3 2 3"},
    "district": {"stroke": "#5b5f66", "stroke-width": "1", "stroke-dasharray": "1 4"},
    "other": {"stroke": "#9a9a94", "stroke-width": "1"},
    "shape": {"stroke": "#b02a30", "stroke-width": "2.5"},
}
"""SVG style of a reference line, by kind."""
AREA_LINE = {"stroke": "#16352a", "stroke-width": "2"}
"""SVG style of the border of the area."""
NAME_INKS = {
    "road": "#5f4a26",
    "river": "#1f5a8a",
    "protected": "#24573a",
    "community": "#5d4277",
    "corridor": "#62540f",
    "district": "#3d4147",
    "settlement": "#1c2a23",
    "other": "#4a4a46",
}
"""Colour of a name on a map, by kind."""
WIDTH = 560
"""Width of a drawing, in its own units."""
_NAMES = 4
"""Most names of a kind on the drawing."""
_NAME_SIZE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An alert on the drawing."""

    number: int
    lon: float
    lat: float
    colour: str
    """CSS colour, `#rrggbb`: the cause."""
    status: str = "confirmed"
    """Decides the shape."""
    address: str = ""
    """Page that the mark leads to; empty: none."""
    words: str = ""
    """What a link is called for those who do not see the mark."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Longitude and latitude to drawing units, alike in both directions at the middle latitude."""

    west: float
    north: float
    per_degree: float
    squeeze: float

    def points(self, coordinates: np.ndarray) -> np.ndarray:
        x = (coordinates[:, 0] - self.west) * self.squeeze * self.per_degree
        y = (self.north - coordinates[:, 1]) * self.per_degree
        return np.stack([x, y], axis=1)


def overview_svg(
    area: shapely.Geometry,
    tiles: tuple[TileCoverage, ...],
    references: tuple[Reference, ...],
    marks: tuple[Mark, ...],
    title: str,
    window: shapely.Geometry | None = None,
) -> str:
    """An SVG drawing, `WIDTH` units wide, as text: plain shapes, no style sheet, no script.

    window: the ground to draw, WGS 84; None: the area and its tiles. References of the kind `shape` are the
    outline, or square, of an alert.
    """
    width = WIDTH
    drawn = window if window is not None else shapely.union_all([area, *(tile.outline for tile in tiles)])
    bounds = _padded(drawn.bounds)
    squeeze = math.cos(math.radians((bounds[1] + bounds[3]) / 2))
    bounds = _widened(bounds, squeeze)
    per_degree = width / ((bounds[2] - bounds[0]) * squeeze)
    height = round((bounds[3] - bounds[1]) * per_degree)
    frame = _Frame(bounds[0], bounds[3], per_degree, squeeze)
    svg = ElementTree.Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}", "role": "img"}
    )
    ElementTree.SubElement(svg, "title").text = single_line(title, 120)
    _add(svg, "rect", width=width, height=height, fill="#f3f4ef")
    for tile in sorted(tiles, key=lambda tile: tile.tile):
        shade = tile_shade(tile.lately_observed_share)
        _path(svg, frame, tile.outline, {"fill": shade, "stroke": "#ffffff", "stroke-width": "1"})
    box = shapely.box(*bounds)
    for reference in sorted(references, key=lambda reference: (reference.kind, reference.name)):
        line = {"fill": "none", "stroke-linejoin": "round", **LINES.get(reference.kind, LINES["other"])}
        _path(
            svg,
            frame,
            shapely.simplify(shapely.intersection(reference.geometry, box), 1 / per_degree / 2),
            line,
        )
    _path(svg, frame, area, {"fill": "none", "stroke-linejoin": "round", **AREA_LINE})
    _names(svg, frame, references, box, marks)
    for mark in sorted(marks, key=lambda mark: -mark.number):
        _mark(svg, frame, mark)
    _scale(svg, width, height, 111_320 / per_degree)
    return ElementTree.tostring(svg, encoding="unicode")


def _padded(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    pad = 0.03 * max(east - west, north - south, 1e-3)
    return west - pad, south - pad, east + pad, north + pad


def _widened(bounds: tuple[float, float, float, float], squeeze: float) -> tuple[float, float, float, float]:
    """The bounds, wider where the drawing would be taller than two thirds of its width."""
    west, south, east, north = bounds
    lack = max(0.0, 1.5 * (north - south) / squeeze - (east - west))
    return west - lack / 2, south, east + lack / 2, north


def tile_shade(share: float) -> str:
    """Grey where nothing was seen, light green where all was."""
    none, full = np.array([201, 203, 199]), np.array([217, 232, 212])
    red, green, blue = np.round(none + (full - none) * min(max(share, 0.0), 1.0)).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _add(parent: ElementTree.Element, tag: str, **attributes: object) -> ElementTree.Element:
    named = {name.replace("_", "-"): str(value) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, named)


def _path(
    parent: ElementTree.Element, frame: _Frame, geometry: shapely.Geometry, style: dict[str, str]
) -> None:
    pieces = []
    for part in shapely.get_parts(geometry):
        kind = shapely.get_type_id(part)
        lines = shapely.get_rings(part) if kind == 3 else [part] if kind in (1, 2) else []
        for line in lines:
            points = frame.points(shapely.get_coordinates(line))
            text = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            pieces.append(f"M{text}{'Z' if kind == 3 else ''}")
    if pieces:
        ElementTree.SubElement(parent, "path", {"d": "".join(pieces), **style})


def _mark(svg: ElementTree.Element, frame: _Frame, mark: Mark) -> None:
    if mark.address:
        words = single_line(f"{mark.number}: {mark.words}", 160)
        svg = _add(svg, "a", href=mark.address, aria_label=words)
    ((x, y),) = frame.points(np.array([[mark.lon, mark.lat]]))
    shape = {"stroke": "#ffffff", "stroke-width": "2.5", "fill": mark.colour}
    moved = f"translate({x - 14:.1f} {y - 14:.1f}) scale(0.875)"
    ElementTree.SubElement(svg, "path", {"d": shape_of(mark.status), "transform": moved, **shape})
    text = _add(svg, "text", x=f"{x:.1f}", y=f"{y + 4.6:.1f}", fill=ink_on(mark.colour), font_size=13)
    text.attrib |= {"font-weight": "bold", "text-anchor": "middle", "font-family": "sans-serif"}
    text.text = str(mark.number)


def _names(
    svg: ElementTree.Element,
    frame: _Frame,
    references: tuple[Reference, ...],
    window: shapely.Geometry,
    marks: tuple[Mark, ...],
) -> None:
    """Names where no mark and no other name is."""
    points = [frame.points(np.array([[mark.lon, mark.lat]]))[0] for mark in marks]
    boxes = [(x - 14, y - 14, x + 14, y + 14) for x, y in points]
    for name in names_on_map(references, window, _NAMES):
        ((x, y),) = frame.points(np.array([[name.lon, name.lat]]))
        half = 0.3 * _NAME_SIZE * len(name.text)
        box = (x - half, y - _NAME_SIZE, x + half, y + 3)
        if overlaps(box, boxes):
            continue
        boxes.append(box)
        ink = NAME_INKS.get(name.kind, NAME_INKS["other"])
        text = _add(svg, "text", x=f"{x:.1f}", y=f"{y:.1f}", font_size=_NAME_SIZE, fill=ink)
        halo = {"stroke": "#ffffff", "stroke-width": "3", "paint-order": "stroke", "stroke-linejoin": "round"}
        text.attrib |= {"text-anchor": "middle", "font-family": "sans-serif", **halo}
        text.text = name.text


def _scale(svg: ElementTree.Element, width: int, height: int, metres_unit: float) -> None:
    metres = 10.0 ** math.floor(math.log10(metres_unit * width / 4))
    metres = max(step * metres for step in (1, 2, 5) if step * metres <= metres_unit * width / 4)
    length = metres / metres_unit
    x, y = 16, height - 16
    _add(svg, "rect", x=x, y=y - 4, width=f"{length:.1f}", height=4, fill="#26332c")
    label = _add(svg, "text", x=x, y=y - 9, fill="#26332c", font_size=12)
    label.set("font-family", "sans-serif")
    label.text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    arrow = f"M{width - 24} {height - 14}l7 0l-7 -22l-7 22z"
    _add(svg, "path", d=arrow, fill="#26332c")
    north = _add(svg, "text", x=width - 24, y=height - 40, fill="#26332c", font_size=12, text_anchor="middle")
    north.set("font-family", "sans-serif")
    north.text = "N"
