"""Accuracy and area of a loss map from a stratified sample of interpreted points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
from pyproj import CRS, Geod
from rasterio.warp import transform as warp_points

from selvawatch.core.files import check_plain
from selvawatch.core.hectares import M2_PER_HA, equal_area_crs
from selvawatch.errors import LayerError
from selvawatch.register.raster_files import RasterLimits, open_raster, windows_on
from selvawatch.validate import estimators
from selvawatch.validate.reference_points import ReferencePoints, read_reference
from selvawatch.validate.report import JsonValue, Method, ValidationReport
from selvawatch.validate.scoring import degree_blocks
from selvawatch.validate.stratified import StratifiedAccuracy, stratified_accuracy

BLOCK_DEGREES = 0.1
"""Side of the blocks that the bootstrap draws where strata have no areas."""

_VECTORS = (".gpkg", ".geojson", ".json", ".shp", ".parquet", ".fgb")
_LIMITS = RasterLimits(window_bytes=1 << 24)
_CLASSES = ("loss", "no loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSample:
    """A loss map as the points see it."""

    lost: np.ndarray
    """(n,) bool: the map says loss there."""
    covered: np.ndarray
    """(n,) bool: the map says anything there."""
    class_ha: dict[str, float] | None
    """Hectares of `loss` and `no loss` in the map; None for a vector, whose extent nobody states."""


def validate_loss(
    map_path: str | Path,
    reference_path: Path,
    *,
    positive: Sequence[str] = (),
    loss_values: Sequence[float] = (),
    years: tuple[int, int] | None = None,
    areas_path: Path | None = None,
) -> ValidationReport:
    """Accuracy and area of loss in a map (raster, or polygons as `FILE[:layer]`) against interpreted points.

    Where every stratum has an area, or the classes of the map are the strata, figures are design-based; where
    the sample names strata whose areas nobody states, they are those of the sample alone, and a note says so.

    Raises
    ------
    LayerError
        For a map or a sample that cannot be used, or that do not meet.
    """
    points = read_reference(reference_path, positive, years, areas_path)
    sample = sample_map(map_path, points.lon, points.lat, loss_values)
    inside = sample.covered
    if not inside.any():
        raise LayerError(
            "no reference point lies on the map", where=map_path, needed=f"points of {reference_path}"
        )
    if not points.lost[inside].any():
        raise LayerError(
            "no reference point on the map is lost", where=reference_path, got=points.lost_labels
        )
    units = estimators.outcomes(points.lost[inside], sample.lost[inside], np.zeros(int(inside.sum()), bool))
    left_out = int((~inside).sum())
    result, design, note = _estimate(points, sample, inside)
    if result is None:
        blocks = degree_blocks(points.lon[inside], points.lat[inside], BLOCK_DEGREES)
        figures = _sample_figures(units, blocks)
    else:
        figures = _design_figures(
            result, "ha" if points.stratum_areas is None else "that of the stratum areas"
        )
    parameters: dict[str, JsonValue] = {
        "loss_labels": list(points.lost_labels),
        "loss_values": [float(value) for value in loss_values],
        "years": None if years is None else list(years),
        "design": design,
    }
    notes = [f"{left_out} points lie outside the map and were left out"] if left_out else []
    counts = estimators.confusion(units)
    return ValidationReport(
        n=int(inside.sum()),
        tp=counts.tp,
        fp=counts.fp,
        fn=counts.fn,
        tn=counts.tn,
        users_accuracy=figures.users,
        producers_accuracy=figures.producers,
        f1=figures.f1,
        ci95=figures.ci95,
        method=Method(
            detector=f"map {Path(str(map_path)).name}",
            parameters=parameters | figures.parameters,
            notes=(*notes, *figures.notes, *note),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    users: float | None
    producers: float | None
    f1: float | None
    ci95: dict[str, tuple[float, float]]
    parameters: dict[str, JsonValue] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _sample_figures(units: np.ndarray, blocks: np.ndarray) -> _Figures:
    """Accuracies of the sample alone; units, blocks: as `estimators.block_bootstrap` reads them."""
    counts = estimators.confusion(units)
    return _Figures(
        users=counts.users_accuracy,
        producers=counts.producers_accuracy,
        f1=counts.f1,
        ci95=estimators.block_bootstrap(units, blocks),
    )


def _design_figures(result: StratifiedAccuracy, unit: str) -> _Figures:
    """Design-based accuracies and area, the area in `unit`."""
    users, producers = _known(result.users_accuracy.value), _known(result.producers_accuracy.value)
    named = {
        "users_accuracy": result.users_accuracy,
        "producers_accuracy": result.producers_accuracy,
        "overall_accuracy": result.overall_accuracy,
        "loss_area": result.area,
    }
    low, high = result.area.interval
    return _Figures(
        users=users,
        producers=producers,
        f1=2 * users * producers / (users + producers) if users and producers else None,
        ci95={name: e.interval for name, e in named.items() if math.isfinite(e.standard_error)},
        parameters={
            "overall_accuracy": result.overall_accuracy.value,
            "loss_area": result.area.value,
            "mapped_loss_area": result.mapped_area.value,
            "area_unit": unit,
        },
        notes=(
            f"area of loss {result.area.value:.0f} (95 % interval {low:.0f} to {high:.0f}), mapped "
            f"{result.mapped_area.value:.0f}, in {unit}; overall accuracy "
            f"{100 * result.overall_accuracy.value:.1f} %",
        ),
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _estimate(
    points: ReferencePoints, sample: MapSample, inside: np.ndarray
) -> tuple[StratifiedAccuracy | None, str, tuple[str, ...]]:
    mapped = np.where(sample.lost, *_CLASSES)[inside]
    reference = np.where(points.lost, *_CLASSES)[inside]
    if points.strata is not None and points.stratum_areas is None:
        return (
            None,
            "sample",
            (
                "strata areas are missing: accuracies are those of the sample, not of the region; "
                "no area is estimated; give them with --strata",
            ),
        )
    if points.strata is not None:
        strata, areas, design = points.strata[inside], points.stratum_areas, "stratified"
    else:
        strata, areas, design = mapped, sample.class_ha, "stratified by the map"
    if areas is None:
        return (
            None,
            "sample",
            ("the area of the map's classes is not known: figures are those of the sample",),
        )
    try:
        return stratified_accuracy(strata, mapped, reference, areas, "loss"), design, ()
    except ValueError as error:
        return None, "sample", (f"no stratified estimate: {error}; figures are those of the sample",)


def sample_map(
    map_path: str | Path, lon: np.ndarray, lat: np.ndarray, loss_values: Sequence[float] = ()
) -> MapSample:
    """What a loss map says at points in degrees; non-zero, or one of `loss_values`, is loss.

    lon, lat: (n,) float, WGS 84.

    Raises
    ------
    LayerError
        For a map that is missing, unreadable, without a CRS, or a vector without polygons.
    """
    file, _, layer = _split(str(map_path))
    if not file.exists():
        raise LayerError("the map is missing", where=file, needed="a raster or a polygon file")
    if file.suffix.lower() in _VECTORS:
        return _sample_polygons(file, layer, lon, lat)
    return _sample_raster(file, lon, lat, loss_values)


def _split(text: str) -> tuple[Path, str, str]:
    if Path(text).exists() or ":" not in text:
        return Path(text), "", ""
    file, _, layer = text.rpartition(":")
    return Path(file), ":", layer


def _sample_polygons(file: Path, layer: str, lon: np.ndarray, lat: np.ndarray) -> MapSample:
    try:
        check_plain(file)
        polygons = (
            gpd.read_parquet(file) if file.suffix == ".parquet" else gpd.read_file(file, layer=layer or None)
        )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, OSError) as error:
        raise LayerError("the map cannot be read", where=file, got=error) from error
    if polygons.crs is None:
        raise LayerError("the map has no CRS", where=file, do="declare it with ogr2ogr -a_srs")
    points = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs="EPSG:4326").to_crs(polygons.crs)
    hit, _ = polygons.sindex.query(points, predicate="intersects")
    lost = np.zeros(lon.size, bool)
    lost[np.unique(hit)] = True
    return MapSample(lost=lost, covered=np.ones(lon.size, bool), class_ha=None)


def _sample_raster(file: Path, lon: np.ndarray, lat: np.ndarray, loss_values: Sequence[float]) -> MapSample:
    with open_raster(file) as raster:
        x, y = warp_points("EPSG:4326", raster.crs, lon.tolist(), lat.tolist())
        columns, rows = ~raster.transform @ (np.asarray(x), np.asarray(y))
        columns, rows = np.floor(columns).astype(int), np.floor(rows).astype(int)
        lost, covered = np.zeros(lon.size, bool), np.zeros(lon.size, bool)
        hectares = {name: 0.0 for name in _CLASSES}
        pixel_ha = _row_pixel_ha(raster)
        for window in windows_on(file, raster, None, "", _LIMITS):
            top, left, height, width = window.row_off, window.col_off, window.height, window.width
            values = raster.read(1, window=window, masked=True)
            known = ~np.ma.getmaskarray(values) & ~np.isnan(values.data)
            loss = known & (np.isin(values.data, loss_values) if loss_values else values.data != 0)
            area = pixel_ha[top : top + height]
            hectares["loss"] += float((loss.sum(axis=1) * area).sum())
            hectares["no loss"] += float(((known & ~loss).sum(axis=1) * area).sum())
            here = np.flatnonzero(
                (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
            )
            lost[here] = loss[rows[here] - top, columns[here] - left]
            covered[here] = known[rows[here] - top, columns[here] - left]
    return MapSample(lost=lost, covered=covered, class_ha=hectares)


def _row_pixel_ha(raster: rasterio.DatasetReader) -> np.ndarray:
    """(rows,) equal-area hectares of a pixel of each row, taken at the raster's middle column."""
    west, east = raster.width / 2 - 0.5, raster.width / 2 + 0.5
    rows = np.arange(raster.height)
    corners = [
        raster.transform @ (np.full(rows.size, column), rows + down)
        for column in (west, east)
        for down in (0, 1)
    ]
    if raster.crs.is_geographic:
        geod = Geod(ellps="WGS84")
        squares = [geod.polygon_area_perimeter(x, y)[0] for x, y in _rings(corners)]
        return np.abs(np.array(squares)) / M2_PER_HA
    centre = raster.transform @ (raster.width / 2, raster.height / 2)
    (lon,), (lat,) = warp_points(raster.crs, "EPSG:4326", [centre[0]], [centre[1]])
    target = equal_area_crs(lon, lat)
    moved = [
        np.array(warp_points(raster.crs, CRS(target).to_wkt(), x.tolist(), y.tolist())[:2])
        for x, y in corners
    ]
    north_west, south_west, north_east, south_east = moved
    across, down = south_east - north_west, north_east - south_west
    return np.abs(across[0] * down[1] - across[1] * down[0]) / 2 / M2_PER_HA


def _rings(corners: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[list[float], list[float]]]:
    north_west, south_west, north_east, south_east = corners
    order = (north_west, south_west, south_east, north_east)
    return [
        ([float(x[row]) for x, _ in order], [float(y[row]) for _, y in order])
        for row in range(north_west[0].size)
    ]
