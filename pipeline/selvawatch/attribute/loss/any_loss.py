"""Any loss layer on any zones: one row for each feature and zone that share ground, and the rest."""

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from selvawatch.attribute.faces import faces_of
from selvawatch.attribute.loss.loss_checks import areas_of, loss_outlines, valid_outlines
from selvawatch.attribute.loss.loss_days import listed_rows
from selvawatch.attribute.overlay import cut, extent_of
from selvawatch.core.hectares import hectares
from selvawatch.errors import LayerError
from selvawatch.register.vector_files import Repair

ADDED = ("zone_layer", "overlap_ha", "attributed_ha")
"""Columns that the overlay adds, besides the zone's own, which begin with `zone_`."""


def attribute_layer(
    loss: gpd.GeoDataFrame,
    zones: Mapping[str, gpd.GeoDataFrame],
    *,
    equal_area: CRS,
    area_field: str = "",
    repair: bool = False,
) -> gpd.GeoDataFrame:
    """Loss features by the zones they share ground with; a feature in two zones has two rows.

    Parameters
    ----------
    loss, zones
        Polygons in one projected CRS; zones by layer name. Zones may overlap: rows of zones are then not
        additive, but each feature's rows with an empty `zone_layer` always are what lies outside all zones.
    area_field
        Column of the loss with its own hectares; they are prorated by overlap / ground of the feature.
    repair
        Whether invalid rings are repaired; otherwise they are refused.

    Returns
    -------
    GeoDataFrame
        All columns of the loss, those of the zone with `zone_` before, `zone_layer`, `overlap_ha` (equal-area
        hectares of the shared ground), `attributed_ha`, `_feature` (row of the loss) and the shared ground;
        in order of loss, then layer.

    Raises
    ------
    LayerError
        For two CRS, invalid rings, an `area_field` that is missing or has a value that is no area, or a
        feature without an area.
    """
    outlines, _ = loss_outlines(loss, repair)
    area = shapely.area(outlines)
    declared = areas_of(loss, area_field)
    parts: list[pd.DataFrame] = []
    shapes: list[np.ndarray] = [np.zeros(0, object)]
    for name, zone in zones.items():
        if zone.crs != loss.crs:
            raise LayerError("loss and zones are in two CRS", where=name, got=zone.crs, needed=loss.crs)
        shapes.append(zone_outlines(zone, repair, name)[0])
        feature, row, shared = cut(outlines, shapes[-1])
        rows = zone.drop(columns="geometry").iloc[row].reset_index(drop=True)
        rows = rows.rename(columns=lambda column: f"zone_{column}")
        rows = rows.assign(zone_layer=name, _loss=feature, _shared=shared, _order=row, _layer=len(parts))
        parts.append(rows)
    parts.append(_outside(loss, outlines, shapes, equal_area, len(parts)))
    table = _joined(parts)
    table = table.sort_values(["_loss", "_layer", "_order"], kind="stable").reset_index(drop=True)
    index = table["_loss"].to_numpy(np.int64)
    shared = table["_shared"].to_numpy(object)
    table["overlap_ha"] = hectares(shared, loss.crs, equal_area, points_alone=True)
    share = shapely.area(shared) / area[index]
    table["attributed_ha"] = table["overlap_ha"] if declared is None else declared[index] * share
    loss_columns = loss.drop(columns="geometry")
    loss_columns = loss_columns.rename(columns=_loss_names(loss_columns.columns, table.columns))
    loss_columns = loss_columns.iloc[index].reset_index(drop=True)
    zone_columns = [
        column for column in table.columns if column not in (*ADDED, "_loss", "_shared", "_order", "_layer")
    ]
    joined = pd.concat([loss_columns, table[zone_columns], table[list(ADDED)]], axis=1).assign(_feature=index)
    return gpd.GeoDataFrame(joined, geometry=shared, crs=loss.crs)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all parts, with the columns of those too that have no row."""
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    for part in parts:
        for name in part.columns.difference(table.columns, sort=False):
            table[name] = part[name].reindex(table.index)
    return table[list(dict.fromkeys(name for part in parts for name in part.columns))]


def _outside(
    loss: gpd.GeoDataFrame, outlines: np.ndarray, shapes: list[np.ndarray], equal_area: CRS, layer: int
) -> pd.DataFrame:
    """What lies outside all zones, measured on the faces that no zone covers."""
    all_zones = gpd.GeoDataFrame(geometry=np.concatenate(shapes), crs=loss.crs)
    faces = faces_of(all_zones, extent_of([loss]), equal_area=equal_area)
    uncovered = np.isin(faces.face, faces.outside())
    feature, _, shared = cut(outlines, faces.parts[uncovered])
    shared_outlines = gpd.GeoSeries(shared, index=pd.Index(feature, name="_loss"))
    joined = {
        key: shapely.union_all(part.to_numpy()) for key, part in shared_outlines.groupby(level=0, sort=True)
    }
    return pd.DataFrame(
        {
            "zone_layer": np.full(len(joined), None, object),
            "_loss": np.array(list(joined), np.int64),
            "_shared": pd.Series(list(joined.values()), dtype=object),
            "_order": 0,
            "_layer": layer,
        }
    )


def zone_outlines(zone: gpd.GeoDataFrame, repair: bool, name: str) -> tuple[np.ndarray, tuple[Repair, ...]]:
    """Outlines of zones, object (zones,), an empty polygon where there is none; and what a repair changed.

    Raises
    ------
    LayerError
        For invalid rings that are not to be repaired.
    """
    outlines = zone.geometry.to_numpy().copy()
    empty = shapely.is_missing(outlines) | shapely.is_empty(outlines)
    outlines[empty] = shapely.Polygon()
    outlines, repairs = valid_outlines(outlines, repair, name)
    flat = np.flatnonzero((shapely.area(outlines) == 0) & ~empty)
    if len(flat):
        raise LayerError(
            "zones have no area",
            where=name,
            got=f"{len(flat)} of {len(outlines)}, {listed_rows(flat)}",
            needed="polygons",
            do="buffer points and lines before, or leave them out",
        )
    return outlines, repairs


def _loss_names(columns: pd.Index, used: pd.Index) -> dict[str, str]:
    """New names of the loss's columns that the result has already, in whatever case."""
    names: dict[str, str] = {}
    reserved = {str(name).lower() for name in (*used, *ADDED, "_feature", "geometry")}
    for column in columns:
        name = str(column)
        while name.lower() in reserved:
            name = f"loss_{name}"
        names[column] = name
        reserved.add(name.lower())
    return names
