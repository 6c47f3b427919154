"""The map page: one self-contained file with Leaflet inside, alerts by tier, and no network."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from jinja2.utils import htmlsafe_json_dumps

from selvawatch.core.files import write_text
from selvawatch.write.bulletin.bulletin_model import Bulletin, shown_in_full
from selvawatch.write.bulletin.cautions import short_alarms
from selvawatch.write.bulletin.overview import LINES, tile_shade
from selvawatch.write.bulletin.presentation import AlertView, alert_views, data_address
from selvawatch.write.bulletin.shell import common_values, environment, packaged_file, policy
from selvawatch.write.formats.rows import lonlat
from selvawatch.write.language.i18n import N_, Language

LEAFLET = "leaflet-1.9.4"
"""Folder of the vendored library, as its authors published it."""
_LINE_WORDS = {
    "road": N_("road"),
    "river": N_("river"),
    "protected": N_("protected natural area"),
    "community": N_("native community"),
    "corridor": N_("mining corridor"),
    "other": N_("other line"),
}
_DECIMALS = 6
"""Decimals of a degree kept: about a decimetre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """A picture that lies under the map."""

    picture: bytes
    """JPEG or PNG, north up."""
    west: float
    south: float
    east: float
    north: float
    """Edges in WGS 84 degrees."""


def map_page(content: Bulletin, lang: Language, backdrop: Backdrop | None = None) -> str:
    """The map page as one HTML text that loads nothing.

    Layer texts travel as JSON that cannot close its element, and are shown as text, never as markup.
    """
    leaflet_js, leaflet_css = (
        packaged_file("assets", LEAFLET, f"leaflet.{suffix}") for suffix in ("js", "css")
    )
    script, style = packaged_file("templates", "map.js"), packaged_file("templates", "map.css")
    kinds = {reference.kind for reference in content.references}
    values = common_values(content, lang) | {
        "alarms": short_alarms(content, lang),
        "policy": policy((leaflet_css, style), (leaflet_js, script)),
        "leaflet_js": leaflet_js,
        "leaflet_css": leaflet_css,
        "script": script,
        "style": style,
        "data": htmlsafe_json_dumps(_data(content, lang, backdrop), sort_keys=True),
        "lines": [
            (lang.text(_LINE_WORDS[kind]), LINES[kind]["stroke"]) for kind in _LINE_WORDS if kind in kinds
        ],
    }
    return environment(lang.code).get_template("map.html.j2").render(values)


def write_map(path: Path, content: Bulletin, lang: Language, backdrop: Backdrop | None = None) -> Path:
    """Write the map page and return its path."""
    return write_text(path, map_page(content, lang, backdrop))


def _data(content: Bulletin, lang: Language, backdrop: Backdrop | None) -> dict[str, Any]:
    tiles = [
        _feature(tile.outline, {"style": {"stroke": False, "fillColor": colour, "fillOpacity": 0.7}})
        for tile in sorted(content.coverage.tiles, key=lambda tile: tile.tile)
        for colour in (tile_shade(tile.lately_observed_share),)
    ]
    references = [
        _feature(reference.geometry, {"style": _leaflet_style(reference.kind)})
        for reference in sorted(content.references, key=lambda reference: (reference.kind, reference.name))
    ]
    data: dict[str, Any] = {
        "area": _feature(content.area, {}),
        "tiles": _collection([] if backdrop else tiles),
        "references": _collection(references),
        "alerts": _collection(_alerts(content, lang)),
    }
    if backdrop:
        bounds = [[backdrop.south, backdrop.west], [backdrop.north, backdrop.east]]
        data["picture"] = {"address": data_address(backdrop.picture), "bounds": bounds}
    return data


def _alerts(content: Bulletin, lang: Language) -> list[dict[str, Any]]:
    frame = content.alerts.frame
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        return []
    shapes = dict(zip(frame["alert_id"], lonlat(frame), strict=True))
    features, shown = [], set(shown_in_full(frame, content.top))
    for view in alert_views(content, lang):
        if view.status_code == "withdrawn":
            continue
        properties = {
            "number": view.number if view.key in shown else 0,
            "colour": view.colour,
            "title": f"{view.hectares} · {view.cause}",
            "facts": _facts(view, lang),
            "point": [view.latitude, view.longitude],
        }
        features.append(_feature(shapes[view.key], properties))
    return features


def _facts(view: AlertView, lang: Language) -> list[list[str]]:
    """Name and value of what a popup tells, empty ones left out."""
    coordinates = (
        f"{view.coordinates} ({view.coordinates_note})" if view.coordinates_note else view.coordinates
    )
    rows = (
        (lang.text("Alert"), f"{view.status}, {view.confidence}, {view.change}"),
        (lang.text("Area"), view.bounds),
        *view.days,
        (lang.text("Place"), ", ".join(part for part in (*view.leads, view.location, *view.near) if part)),
        (lang.text("Rights on the ground"), view.rights),
        (lang.text("Legal context"), view.legal),
        (lang.text(N_("Coordinates")), coordinates),
        (lang.text(N_("Identifier")), view.alert_id),
    )
    return [[name, value] for name, value in rows if value]


def _feature(geometry: shapely.Geometry, properties: dict[str, Any]) -> dict[str, Any]:
    rounded = shapely.transform(geometry, lambda at: np.round(at, _DECIMALS))
    return {"type": "Feature", "geometry": json.loads(shapely.to_geojson(rounded)), "properties": properties}


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


def _leaflet_style(kind: str) -> dict[str, Any]:
    line = LINES.get(kind, LINES["other"])
    dashes = {"dashArray": line["stroke-dasharray"]} if "stroke-dasharray" in line else {}
    return {"color": line["stroke"], "weight": 1.5, "opacity": 0.9, "fill": False, **dashes}
