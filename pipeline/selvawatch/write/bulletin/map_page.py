"""The map page: one self-contained file with Leaflet inside, alerts by tier, and no network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from jinja2.utils import htmlsafe_json_dumps

from selvawatch.core.files import write_text
from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin_model import Bulletin, shown_in_full
from selvawatch.write.bulletin.cautions import short_alarms
from selvawatch.write.bulletin.mapping.names import names_on_map, window_of
from selvawatch.write.bulletin.overview import LINES, NAME_INKS, tile_shade
from selvawatch.write.bulletin.presentation import AlertView, alert_views, data_address
from selvawatch.write.bulletin.shell import common_values, environment, packaged_file, policy
from selvawatch.write.formats.rows import lonlat
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.vocabulary import CAUSE, STATUS, TYPE, word

LEAFLET = "leaflet-1.9.4"
"""Folder of the vendored library, as its authors published it."""
_OUTLINES = {True: N_("outline of an alert"), False: N_("square of %(side)s km in which an alert lies")}
"""Words of the legend for the shapes of alerts, by whether the tier is the restricted one."""
_WORDS = {
    "close": N_("Close"),
    "here": N_("You are here, within %(metres)s m"),
    "nowhere": N_("Your position is not known to this device."),
    "locate": N_("Where am I"),
    "more": N_("History and details"),
    "nearer": N_("Zoom in"),
    "farther": N_("Zoom out"),
    "count": N_("%(shown)s of %(total)s alerts shown"),
}
"""Messages that the page's script shows."""
_SIMPLER = 0.0001
"""Degrees by which a reference line may be simplified: about ten metres."""
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
    """The map page as one HTML text that loads nothing."""
    leaflet_js, leaflet_css = (
        packaged_file("assets", LEAFLET, f"leaflet.{suffix}") for suffix in ("js", "css")
    )
    script, style = packaged_file("templates", "map.js"), packaged_file("templates", "map.css")
    values = map_values(content, lang, backdrop) | {
        "policy": policy((leaflet_css, style), (leaflet_js, script)),
        "leaflet_js": leaflet_js,
        "leaflet_css": leaflet_css,
        "script": script,
        "style": style,
    }
    return environment(lang.code).get_template("map.html.j2").render(values)


def map_values(
    content: Bulletin,
    lang: Language,
    backdrop: Backdrop | None = None,
    pages: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the template of the map page prints, by name.

    Layer texts travel as JSON that cannot close its element, and are shown as text, never as markup.
    pages: addresses of the pages of alerts, by alert id.
    """
    alerts = _alerts(content, lang, pages or {})
    return common_values(content, lang) | {
        "alarms": short_alarms(content, lang),
        "data": htmlsafe_json_dumps(_data(content, alerts, lang, backdrop), sort_keys=True),
        "alerts": alerts,
        "choices": _choices(alerts, lang),
        "outline_words": lang.text(_OUTLINES[content.tier == Tier.RESTRICTED])
        % {"side": lang.number(content.grid_m / 1000, 0 if content.grid_m % 1000 == 0 else 1)},
        "settlements": any(one.kind == "settlement" for one in content.references),
    }


def write_map(path: Path, content: Bulletin, lang: Language, backdrop: Backdrop | None = None) -> Path:
    """Write the map page and return its path."""
    return write_text(path, map_page(content, lang, backdrop))


def _data(
    content: Bulletin, alerts: list[dict[str, Any]], lang: Language, backdrop: Backdrop | None
) -> dict[str, Any]:
    tiles = [
        _feature(tile.outline, {"style": {"stroke": False, "fillColor": colour, "fillOpacity": 0.7}})
        for tile in sorted(content.coverage.tiles, key=lambda tile: tile.tile)
        for colour in (tile_shade(tile.lately_observed_share),)
    ]
    outlines = [tile.outline for tile in content.coverage.tiles]
    window, named = (window_of(content.area, outlines, wider) for wider in (0.5, 0.1))
    data: dict[str, Any] = {
        "area": _feature(content.area, {}),
        "tiles": _collection([] if backdrop else tiles),
        "references": _collection(_lines_within(content, window)),
        "names": [
            {
                "text": name.text,
                "kind": name.kind,
                "ink": NAME_INKS.get(name.kind, NAME_INKS["other"]),
                "point": [round(name.lat, _DECIMALS), round(name.lon, _DECIMALS)],
            }
            for name in names_on_map(content.references, named)
        ],
        "alerts": _collection(alerts),
        "words": {name: lang.text(message) for name, message in _WORDS.items()},
    }
    if backdrop:
        bounds = [[backdrop.south, backdrop.west], [backdrop.north, backdrop.east]]
        data["picture"] = {"address": data_address(backdrop.picture), "bounds": bounds}
    return data


def _lines_within(content: Bulletin, window: shapely.Geometry) -> list[dict[str, Any]]:
    """The reference lines near the area, as fine as a map shows them."""
    features = []
    for reference in sorted(content.references, key=lambda reference: (reference.kind, reference.name)):
        if reference.kind == "settlement":
            continue
        near = shapely.simplify(shapely.intersection(reference.geometry, window), _SIMPLER)
        if not shapely.is_empty(near):
            features.append(_feature(near, {"style": _leaflet_style(reference.kind)}))
    return features


def _alerts(content: Bulletin, lang: Language, pages: Mapping[str, str]) -> list[dict[str, Any]]:
    frame = content.alerts.frame
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        return []
    shapes = dict(zip(frame["alert_id"], lonlat(frame), strict=True))
    features, shown = [], set(shown_in_full(frame, content.top))
    for view in alert_views(content, lang):
        if view.status_code == "withdrawn":
            continue
        properties = {
            "id": view.alert_id,
            "number": view.number if view.key in shown else 0,
            "colour": view.colour,
            "ink": view.ink,
            "shape": view.shape,
            "status": view.status_code,
            "cause": view.cause_code,
            "zones": list(view.zone_codes) or ["none"],
            "day": view.seen_on,
            "hectares": view.hectares,
            "words": f"{view.cause} · {view.status}",
            "title": f"{view.hectares} · {view.cause} · {view.status}",
            "facts": _facts(view, lang),
            "point": [view.latitude, view.longitude],
            "address": _address(view) if content.tier == Tier.RESTRICTED else "",
            "page": pages.get(view.key, ""),
        }
        features.append(_feature(shapes[view.key], properties))
    return features


def _address(view: AlertView) -> str:
    """`geo:` address (RFC 5870) that opens the point in a telephone's map; empty where there is no point."""
    point = view.coordinates.replace(" ", "")
    return f"geo:{point}?q={point}" if point else ""


def _choices(alerts: list[dict[str, Any]], lang: Language) -> list[dict[str, Any]]:
    """What the alerts of a map can be kept to: statuses, causes and zones, where they differ in them."""
    about = [alert["properties"] for alert in alerts]
    found = (
        ("status", N_("Status"), "status", list(STATUS), {one["status"] for one in about}),
        ("cause", N_("Cause"), "cause", list(CAUSE), {one["cause"] for one in about}),
        ("zones", N_("Zone"), "type", ["none", *TYPE], {code for one in about for code in one["zones"]}),
    )
    return [
        {
            "name": name,
            "label": lang.text(label),
            "values": [
                (code, lang.text(N_("no zone")) if code == "none" else word(lang, kind, code))
                for code in codes
                if code in present
            ],
        }
        for name, label, kind, codes, present in found
        if len(present) > 1
    ]


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
