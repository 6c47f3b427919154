"""The real Bolivia archive (Sentinel-1 VV in dB, Landsat NDVI) as a STAC folder of ready-index scenes."""

from pathlib import Path

import numpy as np
import xarray as xr
from affine import Affine

import stac_folder

CRS = "EPSG:32720"
TRANSFORM = Affine(30.0, 0.0, 594555.0, 0.0, -30.0, 8003065.0)
ANCHOR = (594555.0, 8003065.0)
"""Corner of the archive's pixels: a grid of 30 m anchored here meets it without resampling."""
LAYERS = {
    "s1_vv_db": ("time_s1", "sentinel-1-vv-db", "vv_db", "sentinel-1a", "sentinel-1"),
    "landsat_ndvi": ("time_landsat", "landsat-ndvi", "ndvi", "", "landsat"),
}


def write_bolivia(netcdf: Path, root: Path) -> Path:
    """Write the 36 dates of bolivia_north.nc as items of two collections, empty dates included; return the
    folder.
    """
    with xr.open_dataset(netcdf) as cube:
        for variable, (time, collection, key, platform, constellation) in LAYERS.items():
            for day, values in zip(cube[time].values, cube[variable].values, strict=True):
                date = str(day)[:10]
                name = f"{constellation}-{date.replace('-', '')}"
                folder = stac_folder.item_folder(root, collection, name)
                asset = stac_folder.make_asset(
                    folder, key, values.astype(np.float32), CRS, TRANSFORM, nodata=np.nan
                )
                asset["raster:bands"] = [{"nodata": "nan"}]
                facts = {"platform": platform, "constellation": constellation}
                item = stac_folder.make_item(name, collection, f"{date}T14:00:00Z", {key: asset}, facts)
                stac_folder.write_item(root, item)
    return stac_folder.write_catalog(root)
