"""Features of events: what the ground looks like since the loss, what lies beside it, growth and shape."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import shapely
import xarray as xr

from selvawatch.core.days import day_numbers
from selvawatch.core.grid import Tile
from selvawatch.events.detected import Detected

FEATURES: dict[str, str] = {
    "pond_share": "Share of the looked-at pixels that are open water since the loss.",
    "bare_share": "Share that is bare ground: no water, NDVI low.",
    "green_share": "Share that is green again.",
    "ndvi_drop": "Mean NDVI of the forest baseline minus NDVI since the loss.",
    "nbr": "Mean NBR since the loss.",
    "river_share": "Share of the ring around the event that is a large old water body.",
    "old_mine_share": "Share of the ring that is small old water or old bare ground.",
    "forest_share": "Share of the ring that is green.",
    "log_ha": "Natural logarithm of the hectares.",
    "log_onsets": "Natural logarithm of the number of distinct days of onset.",
    "log_span": "Natural logarithm of 1 + days between first and last onset.",
    "rectangularity": "Area divided by that of the narrowest rectangle around it.",
    "log_elongation": "Natural logarithm of that rectangle's length divided by its width.",
    "log_roughness": "Natural logarithm of outline length divided by that of a square of equal area.",
    "log_width": "Natural logarithm of the mean width: twice the area divided by the outline, in pixels.",
    "log_river_km": "Natural logarithm of 0.01 + km to the nearest reference river; empty without reference.",
    "log_road_km": "Natural logarithm of 0.01 + km to the nearest reference road; empty without reference.",
    "unseen_ndvi": "1 where no clear observation since the loss gives NDVI, else 0.",
    "unseen_water": "1 where no clear observation since the loss gives MNDWI, else 0.",
}
"""Every feature and what it says; empty (NaN) where it could not be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Numbers with which features are measured; values in `models/cause.toml`."""

    looks: int
    """Observations since the loss that enter the composites (`composite.after_composite`)."""
    water_mndwi: float
    """MNDWI from which a pixel is open water."""
    bare_ndvi: float
    """NDVI up to which a pixel that is no water is bare."""
    green_ndvi: float
    """NDVI from which a pixel is green."""
    ring_px: int
    """Width of the ring around an event, pixels."""
    river_m: float
    """Extent of an old water body, east-west or north-south, from which it is large (a river), metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Lines and polygons known beforehand, in the site's pixel CRS; None = not at hand."""

    river: shapely.Geometry | None = None
    road: shapely.Geometry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Sums over pixels, one value per event; added up over tiles."""

    wet_seen: np.ndarray
    wet: np.ndarray
    seen: np.ndarray
    bare_soil: np.ndarray
    green: np.ndarray
    drop_seen: np.ndarray
    drop: np.ndarray
    nbr_seen: np.ndarray
    nbr: np.ndarray
    ring: np.ndarray
    ring_river: np.ndarray
    ring_old: np.ndarray
    ring_green: np.ndarray


def features(
    detected: Detected,
    composites: Mapping[Tile, xr.Dataset],
    reference: Reference,
    measures: Measures,
    resolution: float,
) -> pd.DataFrame:
    """FEATURES of each event (columns, float64, NaN = not measured) by event id, in the order of the events.

    Parameters
    ----------
    composites
        By tile, (y, x) float32: `ndvi`, and where at hand `nbr`, `mndwi` (`after_composite` with the onset
        as first day, every observation where there is no event) and `ndvi_baseline`; one tile is read at a
        time.
    resolution
        Pixel size, metres.
    """
    events, cells = detected.events, detected.cells
    sums = {field.name: np.zeros(len(events)) for field in fields(_Sums)}
    for tile in sorted(composites):
        found = _tile_sums(detected.labels.raster(tile), composites[tile], measures, len(events), resolution)
        for field in fields(_Sums):
            sums[field.name] += getattr(found, field.name)
    total = _Sums(**sums)
    frame = pd.DataFrame(index=pd.Index(events["event_id"], name="event_id"))
    frame["pond_share"] = _ratio(total.wet, total.wet_seen)
    frame["bare_share"] = _ratio(total.bare_soil, total.seen)
    frame["green_share"] = _ratio(total.green, total.seen)
    frame["ndvi_drop"] = _ratio(total.drop, total.drop_seen)
    frame["nbr"] = _ratio(total.nbr, total.nbr_seen)
    frame["river_share"] = _ratio(total.ring_river, total.ring)
    frame["old_mine_share"] = _ratio(total.ring_old, total.ring)
    frame["forest_share"] = _ratio(total.ring_green, total.ring)
    frame["unseen_ndvi"], frame["unseen_water"] = total.seen == 0, total.wet_seen == 0
    onset = day_numbers(cells["onset"])
    growth = pd.DataFrame({"event_id": cells["event_id"], "onset": onset}).groupby("event_id")["onset"]
    frame["log_ha"] = np.log(events["ha"].to_numpy(np.float64))
    frame["log_onsets"] = np.log(growth.nunique().reindex(frame.index).to_numpy(np.float64))
    frame["log_span"] = np.log1p((growth.max() - growth.min()).reindex(frame.index).to_numpy(np.float64))
    _add_shape(frame, events.geometry.to_numpy(), resolution)
    for name, lines in (("log_river_km", reference.river), ("log_road_km", reference.road)):
        frame[name] = _log_km(events.geometry.to_numpy(), lines)
    return frame[list(FEATURES)].astype(np.float64)


def _ratio(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.full(len(total), math.nan), where=total > 0)


def _log_km(geometry: np.ndarray, lines: shapely.Geometry | None) -> np.ndarray:
    if lines is None or lines.is_empty:
        return np.full(len(geometry), math.nan)
    shapely.prepare(lines)
    return np.log(0.01 + shapely.distance(geometry, lines) / 1000)


def _add_shape(frame: pd.DataFrame, geometry: np.ndarray, resolution: float) -> None:
    area, outline = shapely.area(geometry), shapely.length(geometry)
    corners = [shapely.get_coordinates(shape)[:4] for shape in shapely.oriented_envelope(geometry)]
    sides = np.array(
        [[math.dist(points[0], points[1]), math.dist(points[1], points[2])] for points in corners]
    ).reshape(-1, 2)
    frame["rectangularity"] = area / (sides[:, 0] * sides[:, 1])
    frame["log_elongation"] = np.log(sides.max(1) / sides.min(1)) if len(sides) else 0.0
    frame["log_roughness"] = np.log(outline / (4 * np.sqrt(area)))
    frame["log_width"] = np.log(2 * area / outline / resolution)


def _tile_sums(
    event: np.ndarray, composite: xr.Dataset, measures: Measures, count: int, resolution: float
) -> _Sums:
    """Sums of one tile; layers that a composite does not have count as not seen."""
    unseen = np.full(event.shape, np.nan, np.float32)
    layers = {
        name: composite[name].values if name in composite else unseen
        for name in ("ndvi", "nbr", "mndwi", "ndvi_baseline")
    }
    ndvi, mndwi = layers["ndvi"], layers["mndwi"]
    drop = layers["ndvi_baseline"] - ndvi
    water = mndwi > measures.water_mndwi
    bare_soil = (ndvi <= measures.bare_ndvi) & ~water
    green = (ndvi >= measures.green_ndvi) & ~water
    inside = event >= 0
    ring_event = _ring(event, measures.ring_px)
    ring = (ring_event >= 0) & np.isfinite(ndvi)
    river = _large(water & ~inside, measures.river_m / resolution)

    def per_event(which: np.ndarray, where: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        chosen = None if weights is None else weights[which]
        return np.bincount(where[which], weights=chosen, minlength=count).astype(np.float64)

    return _Sums(
        wet_seen=per_event(inside & np.isfinite(mndwi), event),
        wet=per_event(inside & water, event),
        seen=per_event(inside & np.isfinite(ndvi), event),
        bare_soil=per_event(inside & bare_soil, event),
        green=per_event(inside & green, event),
        drop_seen=per_event(inside & np.isfinite(drop), event),
        drop=per_event(inside & np.isfinite(drop), event, drop),
        nbr_seen=per_event(inside & np.isfinite(layers["nbr"]), event),
        nbr=per_event(inside & np.isfinite(layers["nbr"]), event, layers["nbr"]),
        ring=per_event(ring, ring_event),
        ring_river=per_event(ring & river, ring_event),
        ring_old=per_event(ring & (water | bare_soil) & ~river, ring_event),
        ring_green=per_event(ring & green, ring_event),
    )


def _ring(event: np.ndarray, width: int) -> np.ndarray:
    """Position of the event within `width` pixels, outside events; -1 elsewhere."""
    from scipy import ndimage  # slow to import, and tables need only the numbers above

    near = ndimage.maximum_filter(event, size=2 * width + 1, mode="constant", cval=-1)
    return np.where(event >= 0, -1, near)


def _large(water: np.ndarray, extent_px: float) -> np.ndarray:
    """Mask of the water bodies (8-connected) at least `extent_px` long in rows or columns."""
    from scipy import ndimage

    bodies, count = ndimage.label(water, structure=np.ones((3, 3)))
    large = np.zeros(count + 1, np.bool_)
    for number, (rows, columns) in enumerate(ndimage.find_objects(bodies), start=1):
        large[number] = max(rows.stop - rows.start, columns.stop - columns.start) >= extent_px
    return large[bodies]
