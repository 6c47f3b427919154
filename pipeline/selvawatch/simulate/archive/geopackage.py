"""A GeoPackage of several layers with the same bytes each time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pyogrio

from selvawatch.core.files import replacing


@contextmanager
def _clock_at(date: str) -> Iterator[None]:
    """Make GDAL write this date, not the wall clock, into the files of this block."""
    name = "OGR_CURRENT_DATE"
    before = pyogrio.get_gdal_config_option(name)
    pyogrio.set_gdal_config_options({name: f"{date}T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({name: before})


def write_layers(path: Path, layers: Mapping[str, gpd.GeoDataFrame], date: str) -> Path:
    """Write layers in their order into one GeoPackage dated `date` (ISO) and return its path."""
    with replacing(path) as part, _clock_at(date):
        for name, frame in layers.items():
            pyogrio.write_dataframe(frame, part, layer=name, driver="GPKG", append=False)
    return path
