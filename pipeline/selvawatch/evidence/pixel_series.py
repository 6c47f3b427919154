"""The pixels' series behind an alert: every observation of every pixel, as a table and as a plot."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from selvawatch.core.days import iso, to_date
from selvawatch.core.grid import Tile
from selvawatch.core.observation import QUALITY, Observation
from selvawatch.core.stack import NODATA
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import observation_keys
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import TileState

INDICES = ("ndvi", "nbr", "mndwi", "vv", "vh")
"""Indices of a series, in the order of its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSeries:
    """Clear observations of some pixels, and what whole observations hold."""

    frame: pd.DataFrame
    """One row for each pixel and observation that saw it: tile, row, column, easting and northing of the
    centre, stream, day, and each index in its unit (empty where the observation has none)."""
    observations: Mapping[str, Mapping[tuple[str, int], str]]
    """Digest of the numbers of every observation (`numbers_digest`), by tile, by stream and day."""


def pixel_series(
    store: Store, tiles: Mapping[str, Tile], states: Mapping[str, TileState], outline: shapely.Geometry
) -> PixelSeries:
    """The series of the pixels whose centre an outline holds, by tile, pixel and day.

    Raises
    ------
    DamagedError
        Where an observation is missing, or not what was written.
    """
    parts = {name: _of_tile(store, tiles[name], states[name], outline) for name in sorted(states)}
    frames = [frame for frame, _ in parts.values()]
    frame = pd.concat([part for part in frames if len(part)] or frames[:1], ignore_index=True)
    keys = ["tile", "row", "column", "day", "stream"]
    return PixelSeries(
        frame=frame.sort_values(keys, kind="stable").reset_index(drop=True),
        observations={name: digests for name, (_, digests) in parts.items()},
    )


def numbers_digest(observation: Observation) -> str:
    """sha256 (hex) of the stored numbers of an observation, index after index by name, of the tile's pixels.

    Without its quality, which follows from the same reflectance and older observations lack. It is the same
    however the files of its scenes are packed or cut, in an archive or a mirror of it.
    """
    found = hashlib.sha256()
    for name, values in sorted(observation.values.items()):
        if name == QUALITY:
            continue
        found.update(name.encode())
        found.update(np.ascontiguousarray(values).astype("<i2", copy=False).data)
    return found.hexdigest()


def _of_tile(
    store: Store, tile: Tile, state: TileState, outline: shapely.Geometry
) -> tuple[pd.DataFrame, dict[tuple[str, int], str]]:
    west, _, _, north = tile.bounds
    step, side = tile.grid.resolution, tile.grid.tile_px
    centres = np.arange(side) + 0.5
    x, y = np.meshgrid(west + step * centres, north - step * centres)
    shapely.prepare(outline)
    rows, columns = np.nonzero(shapely.contains_xy(outline, x, y))
    names = ["tile", "row", "column", "easting", "northing", "stream", "day", *INDICES]
    found, digests = [], dict[tuple[str, int], str]()
    days = [record.day for record in state.scene_records]
    for key in observation_keys(state.scene_records, min(days, default=0), state.until_day):
        observation = read_observation(observation_path(store.observations(tile.id), key.stream, key.day))
        digests[key.stream, key.day] = numbers_digest(observation)
        seen = _values(observation, rows, columns)
        clear = np.logical_or.reduce([~np.isnan(values) for values in seen.values()])
        if not clear.any():
            continue
        part = {name: seen.get(name, np.full(len(rows), np.nan))[clear] for name in INDICES}
        found.append(
            pd.DataFrame(
                {
                    "tile": tile.id,
                    "row": rows[clear],
                    "column": columns[clear],
                    "easting": x[rows, columns][clear],
                    "northing": y[rows, columns][clear],
                    "stream": key.stream,
                    "day": iso(key.day),
                    **part,
                }
            )
        )
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=names)
    return frame, digests


def _values(observation: Observation, rows: np.ndarray, columns: np.ndarray) -> dict[str, np.ndarray]:
    """Float64 values of an observation's indices at pixels, NaN = not observed."""
    found = {}
    for name, stored in observation.values.items():
        values = stored[rows, columns]
        found[name] = np.where(values == NODATA, np.nan, values * observation.scales[name]).round(6)
    return found


def series_csv(series: pd.DataFrame) -> bytes:
    """A series as CSV: UTF-8, comma, Unix line ends, empty where an observation has no such index."""
    return series.to_csv(index=False, lineterminator="\n", float_format="%.6g").encode()


def series_png(series: pd.DataFrame, onset: int, title: str) -> bytes:
    """The median of each index over the pixels by day, with the day of the onset; PNG, equal inputs, equal
    bytes.
    """
    import matplotlib  # slow to import
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [name for name in INDICES if name in series and series[name].notna().any()]
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(9, 1.6 * max(1, len(shown)) + 0.8), layout="constrained")
        FigureCanvasAgg(figure)
        axes = np.atleast_1d(figure.subplots(max(1, len(shown)), 1, sharex=True))
        for axis, name in zip(axes, shown, strict=False):
            for stream, rows in series[series[name].notna()].groupby("stream"):
                median = rows.groupby("day")[name].median()
                axis.plot(
                    pd.to_datetime(median.index), median.to_numpy(float), ".-", lw=0.5, ms=3, label=stream
                )
            axis.axvline(pd.Timestamp(to_date(onset)), color="0.3", lw=1, ls="--")
            axis.set_ylabel(name)
            axis.legend(fontsize=6, loc="lower left")
        axes[0].set_title(title)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()
