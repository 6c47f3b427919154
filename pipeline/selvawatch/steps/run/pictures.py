"""Before and after: the clearest observations on both sides of a loss, read small from the source."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from rasterio.windows import from_bounds

from selvawatch.core.days import to_date, to_day
from selvawatch.core.scene import Scene
from selvawatch.core.stack import NODATA
from selvawatch.errors import DamagedError, SceneError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import observation_path, opened
from selvawatch.site import Site
from selvawatch.sources.scene_pixels import picture_bands, read_window
from selvawatch.sources.sensors.sensor_table import SENSORS
from selvawatch.store.folders import Store
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState
from selvawatch.write.bulletin.bulletin_model import Pictures
from selvawatch.write.bulletin.pictures import Window, pair

log = logging.getLogger(__name__)

SIDE_M = 900.0
"""Least side of a picture's ground, metres; radar and Landsat need a few dozen pixels to be read by eye."""

CLEAR = 0.9
"""Share of the ground that an observation must show before it is taken without looking further."""

KEPT = 512
"""Observations whose clear ground is kept at hand, an eighth of a megabyte each: a tile's alerts share its
observations.
"""

TRIED = 10
"""Most observations that are tried on each side."""


Seen = Callable[[str, str, int], tuple[Affine, int, np.ndarray]]
"""What `_seen` gives of a tile, stream and day."""


def draw_pictures(
    context: RunContext, states: Mapping[str, TileState], alerts: gpd.GeoDataFrame, top: int
) -> dict[str, Pictures]:
    """Pictures by alert id of the first alerts by rank; none without a usable observation on both sides."""
    site, by_id = context.site, {scene.id: scene for scene in context.inputs.scenes}
    pictures_of: dict[str, Pictures] = {}
    seen = functools.lru_cache(maxsize=KEPT)(functools.partial(_seen, context.store))
    live = alerts[alerts["status"] != "withdrawn"].sort_values("rank").head(top)
    for alert in live.itertuples():
        for tile in site.grid.tiles(shapely.Point(alert.utm_e, alert.utm_n).buffer(site.grid.resolution)):
            if tile.id in states:
                made = _pictures(site, seen, states[tile.id], by_id, alert.geometry, _days(alert))
                if made is not None:
                    pictures_of[str(alert.alert_id)] = made
                break
    return pictures_of


def _days(alert: object) -> tuple[int, int]:
    """Last day that may show forest, first day that may show the whole loss."""
    onset = getattr(alert, "onset_earliest", None)
    first = onset if onset is not None and onset == onset else getattr(alert, "first_detected", None)
    return to_day(np.datetime64(first)), to_day(np.datetime64(getattr(alert, "last_grown", None)))


def _pictures(
    site: Site,
    seen: Seen,
    state: TileState,
    scenes: Mapping[str, Scene],
    outline: shapely.Geometry,
    days: tuple[int, int],
) -> Pictures | None:
    bounds = picture_square(outline)
    observations = [
        record for record in state.scene_records if record.state == "read" and record.scene_id in scenes
    ]
    optical = [record for record in observations if not SENSORS[record.sensor].radar] or observations
    earlier = [record for record in reversed(optical) if record.day <= days[0]]
    later = [record for record in reversed(optical) if record.day >= days[1]]
    before = _best(seen, state.tile, earlier, bounds, scenes, site)
    after = _best(seen, state.tile, later, bounds, scenes, site)
    if before is None or after is None or before[1].index != after[1].index:
        return None
    first, second = pair(before[1], after[1], outline)
    return Pictures(
        before=first,
        after=second,
        before_day=before[0].day,
        after_day=after[0].day,
        before_sensor=before[0].sensor,
        after_sensor=after[0].sensor,
        bands=before[1].index or "natural",
    )


def _best(
    seen: Seen,
    tile: str,
    candidates: Sequence[SceneRecord],
    bounds: tuple[float, float, float, float],
    scenes: Mapping[str, Scene],
    site: Site,
) -> tuple[SceneRecord, Window] | None:
    """The nearest observation of the finest sensor that shows the ground; the clearest where none shows it
    all.
    """
    ranked: list[tuple[bool, float, float, int, SceneRecord]] = []
    finest = min((SENSORS[one.sensor].resolution for one in candidates), default=0)
    for number, record in enumerate(candidates[: 4 * TRIED]):
        share, resolution = _clear_share(seen, tile, record, bounds), SENSORS[record.sensor].resolution
        hidden = share < CLEAR
        ranked.append((hidden, -share if hidden else 0.0, resolution, number, record))
        if not hidden and resolution == finest:
            break
    for hidden, less, _, _, record in sorted(ranked, key=lambda row: row[:4])[:TRIED]:
        if hidden and less == 0:
            return None
        window = _window(scenes[record.scene_id], bounds, site)
        if window is not None:
            return record, window
    return None


def _clear_share(
    seen: Seen, tile: str, record: SceneRecord, bounds: tuple[float, float, float, float]
) -> float:
    """Share of the ground within bounds that an observation shows; none outside its file or where damaged."""
    try:
        transform, columns, bits = seen(tile, record.stream, record.day)
    except DamagedError as error:
        log.warning("no picture is chosen by a damaged observation: %s", error)
        return 0.0
    window = from_bounds(*bounds, transform).round_offsets().round_lengths()
    top, left = int(window.row_off), int(window.col_off)
    rows = bits[max(0, top) : max(0, top + int(window.height))]
    clear = np.unpackbits(rows, axis=1, count=columns)[:, max(0, left) : max(0, left + int(window.width))]
    area = int(window.height) * int(window.width)
    return int(clear.sum()) / area if area else 0.0


def _seen(store: Store, tile: str, stream: str, day: int) -> tuple[Affine, int, np.ndarray]:
    """Transform and columns of an observation's file, and (y, x) where it is clear, eight pixels a byte."""
    with opened(observation_path(store.observations(tile), stream, day)) as file:
        return file.transform, file.width, np.packbits(file.read(1) != NODATA, axis=1)


def _window(scene: Scene, bounds: tuple[float, float, float, float], site: Site) -> Window | None:
    bands = picture_bands(scene)
    step = float(SENSORS[scene.sensor].resolution)
    try:
        values = read_window(scene, bounds, site.grid.crs, bands)
    except SceneError as error:
        log.info("no picture from %s: %s", scene.id, error)
        return None
    return Window(
        values=values if len(bands) == 3 else values[0],
        index="" if len(bands) == 3 else bands[0],
        transform=Affine(step, 0, bounds[0], 0, -step, bounds[3]),
        caption=f"{to_date(scene.day).isoformat()} {scene.sensor}",
    )


def picture_square(outline: shapely.Geometry) -> tuple[float, float, float, float]:
    """A square around an outline, on whole 60 m, so that the pixels of every sensor fit into it."""
    west, south, east, north = outline.bounds
    half = max(SIDE_M, 1.4 * max(east - west, north - south)) / 2
    half = 60 * np.ceil(half / 60)
    x, y = (60 * round((low + high) / 120) for low, high in ((west, east), (south, north)))
    return (x - half, y - half, x + half, y + half)
