"""How often each pixel of a tile was open water in a calendar year: counts over the clear optical
observations.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from selvawatch.core.files import canonical_json, digest, is_sealed, write_sealed
from selvawatch.core.grid import Tile
from selvawatch.core.stack import NODATA
from selvawatch.errors import DamagedError, StackError
from selvawatch.prepare.observation_files import BLOCK, opened, tile_window

_ENV = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterCounts:
    """Clear observations of a year, and those of them that show open water."""

    seen: np.ndarray
    """(y, x) uint16: observations in which the pixel was clear."""
    wet: np.ndarray
    """(y, x) uint16: of these, observations with MNDWI above the threshold."""

    def water(self, least_share: float, least_looks: int) -> np.ndarray:
        """(y, x) bool: seen in enough observations, and water in that share of them."""
        enough = self.seen >= max(1, least_looks)
        return np.asarray(enough & (self.wet >= least_share * self.seen.astype(np.float64)), np.bool_)


def counts_path(folder: Path, year: int, observations: Mapping[str, str], mndwi_over: float) -> Path:
    """Where the counts of a year lie below a tile's folder: the name says what they were counted from.

    observations: digest of each observation's scenes by `stream/day`.
    """
    return folder / f"{year}-{digest([dict(observations), mndwi_over])[:16]}.tif"


def count_water(
    tile: Tile, folder: Path, year: int, observations: Mapping[str, tuple[Path, str]], mndwi_over: float
) -> Path:
    """Count the observations of a year and return the file, which stays as it is where it is there already.

    A damaged file is made anew. Counts do not depend on the order of observations, so those of an earlier
    file whose observations are all still there are gone on from. Earlier files stay, since a committed state
    may still be told by them.

    Parameters
    ----------
    folder
        Of the tile's counts.
    observations
        Observation file and digest of its scenes by `stream/day`.
    mndwi_over
        MNDWI above which a clear pixel is open water (Xu 2006, doi:10.1080/01431160600589179).

    Raises
    ------
    DamagedError
        When an observation is not what was written.
    """
    wanted = {key: scenes for key, (_, scenes) in sorted(observations.items())}
    path = counts_path(folder, year, wanted, mndwi_over)
    if is_sealed(path):
        return path
    counts, done = _begin(tile, folder, year, wanted, mndwi_over)
    for key in sorted(set(wanted) - done):
        _add(counts, observations[key][0], mndwi_over)
    side = tile.grid.tile_px
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": 2,
        "height": side,
        "width": side,
        "crs": tile.grid.crs,
        "transform": tile.transform,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "zstd",
    }
    with rasterio.Env(**_ENV), MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.update_tags(looks=canonical_json(wanted), mndwi_over=f"{mndwi_over:g}", year=str(year))
            for number, (name, values) in enumerate((("seen", counts.seen), ("wet", counts.wet)), 1):
                file.write(values, number)
                file.set_band_description(number, name)
        return write_sealed(path, memory.read())


def read_counts(path: Path) -> WaterCounts:
    """The counts in a file; DamagedError when it is not what was written, StackError when it is none."""
    try:
        with opened(path) as file:
            return WaterCounts(seen=file.read(1), wet=file.read(2))
    except RasterioError as error:
        raise StackError(
            "counts of water cannot be read", where=path, got=error, do="delete it and run again"
        ) from error


def _begin(
    tile: Tile, folder: Path, year: int, wanted: Mapping[str, str], mndwi_over: float
) -> tuple[WaterCounts, set[str]]:
    """Counts of the earlier file with most of the observations wanted and no other, and which these are."""
    best: tuple[WaterCounts, set[str]] | None = None
    for path in sorted(folder.glob(f"{year}-*.tif")):
        try:
            with opened(path) as file:
                tags = file.tags()
                had = dict(json.loads(tags.get("looks", "{}")))
                same = tags.get("mndwi_over") == f"{mndwi_over:g}" and had.items() <= wanted.items()
                if same and (best is None or len(had) > len(best[1])):
                    best = WaterCounts(seen=file.read(1), wet=file.read(2)), set(had)
        except (DamagedError, RasterioError, ValueError):
            continue
    if best is not None:
        return best
    shape = (tile.grid.tile_px, tile.grid.tile_px)
    return WaterCounts(seen=np.zeros(shape, np.uint16), wet=np.zeros(shape, np.uint16)), set()


def _add(counts: WaterCounts, path: Path, mndwi_over: float) -> None:
    """Add one observation to counts; an observation without MNDWI adds nothing."""
    try:
        with opened(path) as file:
            if "mndwi" not in file.descriptions:
                return
            band = file.descriptions.index("mndwi") + 1
            scale, values = float(file.tags(band)["scale"]), file.read(band, window=tile_window(file))
    except (RasterioError, KeyError, ValueError) as error:
        raise StackError(
            "the observation cannot be read", where=path, got=error, do="delete it and run again"
        ) from error
    clear = values != NODATA
    np.add(counts.seen, clear, out=counts.seen, casting="unsafe")
    np.add(counts.wet, clear & (values > mndwi_over / scale), out=counts.wet, casting="unsafe")
