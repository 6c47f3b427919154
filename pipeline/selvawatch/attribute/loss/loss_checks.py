"""What is refused or told of a loss layer of others: its areas, its outlines, where it lies."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.loss.loss_days import listed_rows
from selvawatch.core.hectares import M2_PER_HA
from selvawatch.errors import LayerError
from selvawatch.register.vector_files import Repair, check_mendable

MANY_TIMES = 2.0
"""Times that an area field may exceed the ground of its features before a reader is told."""

_POLYGONAL = (
    shapely.GeometryType.POLYGON,
    shapely.GeometryType.MULTIPOLYGON,
    shapely.GeometryType.GEOMETRYCOLLECTION,
)


def areas_of(loss: pd.DataFrame, field: str, where: str = "loss") -> np.ndarray | None:
    """Hectares of each feature by its own column, float64 (features,); None without a column.

    Raises
    ------
    LayerError
        For a column that is missing or no number, and values that are missing, not finite or negative.
    """
    if not field:
        return None
    if field not in loss.columns:
        columns = sorted(str(name) for name in loss.columns if name != "geometry")
        raise LayerError("no such area field", where=where, got=field, needed=f"one of {columns}")
    values = loss[field]
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        strange = [not isinstance(value, (int, float)) or isinstance(value, bool) for value in values]
        row = int(np.argmax(strange))
        raise LayerError(
            "the area field is not a number everywhere",
            where=f"{where}, {field}",
            got=f"{sum(strange)} of {len(values)}, row {row} (the first row is 0): {values.iloc[row]!r}",
            needed="a column of numbers, hectares with a decimal point",
            do="convert the column where the file was made",
        )
    numbers = pd.to_numeric(values).to_numpy(np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        strange_rows = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)))
    if len(strange_rows):
        raise LayerError(
            "area values are missing, negative or no numbers",
            where=f"{where}, {field}",
            got=f"{len(strange_rows)} of {len(numbers)}, {listed_rows(strange_rows)}: "
            f"{numbers[strange_rows[0]]:g}",
            needed="hectares of every feature, 0 or more",
            do="correct them, or leave --area-field out: the ground is then measured",
        )
    return numbers


def loss_outlines(
    loss: gpd.GeoDataFrame, repair: bool, where: str = "loss"
) -> tuple[np.ndarray, tuple[Repair, ...]]:
    """Valid polygons of the features, object (features,), and what a repair changed.

    Raises
    ------
    LayerError
        For features without a geometry or an area, and invalid rings that are not to be repaired.
    """
    outlines = loss.geometry.to_numpy().copy()
    empty = shapely.is_missing(outlines) | shapely.is_empty(outlines)
    if empty.any():
        raise LayerError(
            "features have no geometry",
            where=where,
            got=f"{int(empty.sum())} of {len(empty)}, {listed_rows(np.flatnonzero(empty))}",
            do="leave them out, or give their outlines",
        )
    outlines, repairs = valid_outlines(outlines, repair, where)
    flat = (shapely.area(outlines) == 0) | ~np.isin(shapely.get_type_id(outlines), _POLYGONAL)
    if flat.any():
        raise LayerError(
            "loss features have no area",
            where=where,
            got=f"{int(flat.sum())} of {len(flat)}, {listed_rows(np.flatnonzero(flat))}",
            needed="polygons",
            do="polygonise or buffer points and lines before",
        )
    return outlines, repairs


def valid_outlines(outlines: np.ndarray, repair: bool, where: str) -> tuple[np.ndarray, tuple[Repair, ...]]:
    """The outlines, invalid rings repaired where that was asked for, and what that changed.

    Raises
    ------
    LayerError
        For invalid rings otherwise: the first rows, why, and what to do.
    """
    bad = np.flatnonzero(~shapely.is_valid(outlines) & ~shapely.is_missing(outlines))
    if not len(bad):
        return outlines, ()
    if not repair:
        why = shapely.is_valid_reason(outlines[bad[0]])
        raise LayerError(
            "invalid rings",
            where=where,
            got=f"{len(bad)} of {len(outlines)}, {listed_rows(bad)}: {why}",
            needed="valid polygons",
            do="repair them in their source, or say --repair (the change of area is then printed)",
        )
    check_mendable(outlines[bad], [str(row) for row in bad.tolist()])
    mended = outlines.copy()
    mended[bad] = shapely.make_valid(outlines[bad])
    before, after = shapely.area(outlines[bad]) / M2_PER_HA, shapely.area(mended[bad]) / M2_PER_HA
    repairs = tuple(
        Repair(key=f"{where}, row {row}", what="invalid ring", ha_before=float(old), ha_after=float(new))
        for row, old, new in zip(bad.tolist(), before, after, strict=True)
    )
    return mended, repairs


def area_remarks(declared: np.ndarray | None, measured: np.ndarray, field: str) -> list[str]:
    """What is odd about hectares of a column beside those of the ground, both float64 (features,)."""
    if declared is None:
        return []
    much = np.flatnonzero(declared > MANY_TIMES * np.maximum(measured, 1e-9))
    if not len(much):
        return []
    total, on_ground = float(declared[much].sum()), float(measured[much].sum())
    return [
        f"{field} exceeds the ground of {len(much)} of {len(declared)} features, {listed_rows(much)}: "
        f"{total:.2f} ha in the column, {on_ground:.2f} ha of ground "
        f"({total / max(on_ground, 1e-9):.4g} times); is the column in hectares?"
    ]


def dating_remarks(dating: np.ndarray, hectares: np.ndarray) -> list[str]:
    """How many features are a stock or undated, aloud; text and float64 (features,)."""
    words = {
        "undated": "have no date: they lie in no period",
        "stock": "are a stock: a row of its own, in no rate",
    }
    found = []
    for kind, meaning in words.items():
        rows = dating == kind
        if rows.any():
            found.append(f"{rows.sum()} of {len(rows)} features ({hectares[rows].sum():.2f} ha) {meaning}")
    return found


def outlying_remarks(
    outlines: np.ndarray, hectares: np.ndarray, near: shapely.Geometry | None, crs: str
) -> list[str]:
    """What lies beyond the surroundings of the site, near: a polygon in the CRS of the outlines."""
    if near is None or not len(outlines):
        return []
    shapely.prepare(near)
    far = np.flatnonzero(~shapely.intersects(near, outlines))
    if not len(far):
        return []
    west, south, east, north = shapely.total_bounds(outlines[far]).tolist()
    return [
        f"{len(far)} of {len(outlines)} features ({hectares[far].sum():.2f} ha), {listed_rows(far)}, lie "
        f"beyond the site's ground, at {west:.0f} {south:.0f} to {east:.0f} {north:.0f} in {crs}: "
        "check their CRS"
    ]
