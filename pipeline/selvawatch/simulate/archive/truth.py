"""The truth of a simulated archive: what was lost, when and why, as rasters and as a table of fronts."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.features import shapes

from selvawatch.core.days import to_times
from selvawatch.core.files import replacing
from selvawatch.simulate.archive.scene_files import Placed, write_cog
from selvawatch.simulate.terrain.causes import Cause
from selvawatch.simulate.terrain.landscape import Landscape

LOST_SHARE = 0.5
"""A pixel counts as lost where at least this part of it was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """True rasters of a tile, (size, size) each."""

    onset: np.ndarray
    """uint16 first day of loss; 0: no loss."""
    cause: np.ndarray
    """uint8 `Cause`; 0: no loss."""
    front: np.ndarray
    """uint16 number of the front; 0: none."""
    share: np.ndarray
    """uint8 percent of the pixel that is lost by the end, also below the share that counts as loss."""
    forest: np.ndarray
    """uint8 1 where the pixel is closed forest on the first day of the archive."""


def truth_of(landscape: Landscape) -> Truth:
    """The truth of a landscape; a pixel is lost where half of it or more was forest and is lost."""
    new, old = landscape.new, landscape.old
    forest = old.share < LOST_SHARE
    lost = (new.share >= LOST_SHARE) & forest & (new.cause > 0)
    return Truth(
        onset=np.where(lost, new.start, 0).astype(np.uint16),
        cause=np.where(lost, new.cause, 0).astype(np.uint8),
        front=np.where(lost, new.front, 0).astype(np.uint16),
        share=np.rint(100 * np.where((new.cause > 0) & forest, new.share, 0)).astype(np.uint8),
        forest=forest.astype(np.uint8),
    )


def front_table(truth: Truth, landscape: Landscape) -> gpd.GeoDataFrame:
    """One row for each front with a lost pixel, by front number.

    Columns: front_id, cause, first_onset, last_onset (datetime64[ms]), ha, in_history (began before
    monitoring did), geometry (in the tile's CRS).
    """
    _, monitoring, _ = landscape.plan.days
    tile = landscape.tile
    polygons: dict[int, list[shapely.Geometry]] = {}
    mask = truth.front > 0
    for shape, value in shapes(truth.front, mask=mask, connectivity=4, transform=tile.transform):
        polygons.setdefault(int(value), []).append(shapely.geometry.shape(shape))
    rows = []
    for front in sorted(polygons):
        here = truth.front == front
        onset = truth.onset[here].astype(np.int64)
        rows.append(
            {
                "front_id": front,
                "cause": Cause(int(truth.cause[here][0])).name.lower(),
                "first_onset": onset.min(),
                "last_onset": onset.max(),
                "ha": round(float(here.sum()) * tile.grid.pixel_ha, 4),
                "in_history": bool(onset.min() < monitoring),
                "geometry": shapely.MultiPolygon(polygons[front]),
            }
        )
    names = ["front_id", "cause", "first_onset", "last_onset", "ha", "in_history", "geometry"]
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=names), geometry="geometry", crs=tile.grid.crs)
    for name in ("first_onset", "last_onset"):
        frame[name] = to_times(frame[name].to_numpy(np.int64)).astype("datetime64[ms]")
    return frame


def write_truth(folder: Path, landscape: Landscape) -> None:
    """Write onset.tif, cause.tif, front.tif, share.tif, forest.tif, fronts.parquet and fronts.csv."""
    truth = truth_of(landscape)
    tile = landscape.tile
    for name in ("onset", "cause", "front", "share", "forest"):
        nodata = 255 if name in ("share", "forest") else 0
        placed = Placed(
            values=getattr(truth, name), crs=tile.grid.crs, transform=tile.transform, nodata=nodata
        )
        write_cog(folder / f"{name}.tif", placed)
    table = front_table(truth, landscape)
    with replacing(folder / "fronts.parquet") as part:
        table.to_parquet(part, index=False)
    with replacing(folder / "fronts.csv") as part:
        table.drop(columns="geometry").to_csv(part, index=False, lineterminator="\n", date_format="%Y-%m-%d")
