"""What a site says of the ground of a tile, pixel by pixel: which is forest, which lies in an area."""

from collections.abc import Mapping

import numpy as np
import rasterio
import shapely
import xarray as xr
from rasterio.features import geometry_mask
from rasterio.vrt import WarpedVRT

from selvawatch.core.grid import Tile, around
from selvawatch.errors import SiteError
from selvawatch.site import Site


def forest_mask(site: Site, tile: Tile, halo_px: int = 0) -> xr.DataArray | None:
    """The site's forest mask on a tile, (y, x) bool, nearest neighbour; None where the site has none.

    halo_px: pixels of the same grid around the tile that are given too.

    Raises
    ------
    SiteError
        When the mask cannot be read.
    """
    if not site.config.forest_mask:
        return None
    path, box = site.folder / site.config.forest_mask, around(tile, halo_px)
    rows, columns = box.shape
    try:
        with (
            rasterio.open(path) as file,
            WarpedVRT(
                file,
                crs=tile.grid.crs,
                transform=box.affine,
                width=columns,
                height=rows,
            ) as view,
        ):
            values = view.read(1) == 1
    except rasterio.errors.RasterioError as error:
        raise SiteError(
            "the forest mask cannot be read", where=path, got=error, do="correct forest_mask"
        ) from error
    return xr.DataArray(values, dims=("y", "x"), coords=_coordinates(tile, halo_px))


def inside_areas(site: Site, tile: Tile, halo_px: int = 0) -> xr.DataArray:
    """Pixels whose centre lies in an area of the site, (y, x) bool, of a tile and a halo around it."""
    watched = shapely.union_all([area.projected(site.grid.crs) for area in site.areas])
    box = around(tile, halo_px)
    if watched.covers(tile.polygon.buffer(halo_px * tile.grid.resolution, join_style="mitre")):
        values = np.ones(box.shape, np.bool_)
    else:
        values = geometry_mask([watched], box.shape, box.affine, invert=True)
    return xr.DataArray(values, dims=("y", "x"), coords=_coordinates(tile, halo_px))


def inner_window(tile: Tile, halo_px: int) -> xr.DataArray:
    """True on the tile itself and False on the halo around it, (y, x) bool."""
    values = np.pad(np.ones((tile.grid.tile_px, tile.grid.tile_px), np.bool_), halo_px)
    return xr.DataArray(values, dims=("y", "x"), coords=_coordinates(tile, halo_px))


def _coordinates(tile: Tile, halo_px: int) -> Mapping[str, np.ndarray]:
    box = around(tile, halo_px)
    rows, columns = (np.arange(size) + 0.5 for size in box.shape)
    return {"y": box.affine.f + box.affine.e * rows, "x": box.affine.c + box.affine.a * columns}
