"""Before, after and now: the clearest observations near an event's days, read small from the source."""

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine

from selvawatch.core.days import to_date, to_day
from selvawatch.core.scene import Scene
from selvawatch.errors import SceneError
from selvawatch.prepare.clear_view import (
    CLEAR,
    HIDDEN,
    NEAR_DAYS,
    Candidate,
    Seen,
    View,
    best_first,
    clear_pixels_of,
    clear_shares,
    nearest_first,
)
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import observation_path
from selvawatch.site import Site
from selvawatch.sources.scene_pixels import SWIR_BANDS, picture_bands, read_window, shows_swir
from selvawatch.sources.sensors.sensor_table import SENSORS
from selvawatch.store.folders import Store
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState
from selvawatch.write.bulletin.bulletin_model import Picture
from selvawatch.write.bulletin.pictures import PICTURE_BYTES, Window, clouded_share, drawn_alike

log = logging.getLogger(__name__)

SIDE_M = 900.0
"""Least side of a picture's ground, metres; radar and Landsat need a few dozen pixels to be read by eye."""

KEPT = 512
"""Observations whose clear ground is kept at hand, an eighth of a megabyte each: a tile's alerts share its
observations.
"""

ASKED = 40
"""Most observations whose clear ground is asked for, nearest day first."""

TRIED = 10
"""Most observations that are read of a source until one shows the ground."""

PAGE_BYTES = 1_300_000
"""Most bytes of all pictures of a bulletin: its page, with a third more for base64, stays under 2 MB."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """What an observation shows: in colours of the eye or as one index, and in short-wave infrared or not."""

    moment: str
    record: SceneRecord
    plain: Window
    swir: Window | None


def draw_pictures(
    context: RunContext, states: Mapping[str, TileState], alerts: gpd.GeoDataFrame, top: int
) -> dict[str, tuple[Picture, ...]]:
    """Pictures by alert id of the first alerts by rank; none without a usable observation on both sides."""
    by_id = {scene.id: scene for scene in context.inputs.scenes}
    pictures_of: dict[str, tuple[Picture, ...]] = {}
    seen = functools.lru_cache(maxsize=KEPT)(functools.partial(_seen, context.store))
    live = alerts[alerts["status"] != "withdrawn"].sort_values("rank").head(top)
    for _, alert in live.iterrows():
        made = _pictures(context.site, seen, states, by_id, alert, PAGE_BYTES // max(1, len(live)))
        if made:
            pictures_of[str(alert["alert_id"])] = made
    return pictures_of


def _pictures(
    site: Site,
    seen: Seen,
    states: Mapping[str, TileState],
    scenes: Mapping[str, Scene],
    alert: pd.Series,
    limit: int,
) -> tuple[Picture, ...]:
    """Before, after, and now where it still grows; in natural colours and in short-wave infrared."""
    outline, bounds = alert["geometry"], picture_square(alert["geometry"])
    tiles = tuple(tile.id for tile in site.grid.tiles(shapely.box(*bounds)) if tile.id in states)
    view = View(outline=outline, bounds=bounds, tiles=tiles)
    found = {
        record.scene_id: record
        for tile in tiles
        for record in states[tile].scene_records
        if record.is_used and record.scene_id in scenes
    }
    optical = [record for record in found.values() if not SENSORS[record.sensor].radar]
    radar = [record for record in found.values() if SENSORS[record.sensor].radar]
    for records in (optical, radar):
        shots = _shots(site, seen, view, records, scenes, alert)
        if shots:
            return _drawn(shots, outline, limit)
    return ()


def _shots(
    site: Site,
    seen: Seen,
    view: View,
    records: Sequence[SceneRecord],
    scenes: Mapping[str, Scene],
    alert: pd.Series,
) -> list[_Shot]:
    """Before and after, and now where it grew after that; empty without both."""
    forest, first = _day(alert, "onset_earliest", "first_detected"), _day(alert, "first_detected")
    held, grown = _day(alert, "confirmed_on", "first_detected"), _day(alert, "last_grown", "first_detected")
    choose = functools.partial(_best, seen, view, scenes, site)
    before = choose("before", [one for one in records if one.day <= min(forest, first - 1)], forest)
    after = choose("after", [one for one in records if one.day >= first], held)
    if before is None or after is None or before.plain.index != after.plain.index:
        return []
    shots = [before, after]
    if alert["status"] in ("provisional", "confirmed") and grown > after.record.day:
        later = [one for one in records if one.day >= grown]
        now = choose("now", later, max((one.day for one in later), default=0))
        if now is not None and now.plain.index == after.plain.index:
            shots.append(now)
    return shots


def _day(alert: pd.Series, *names: str) -> int:
    """The first of some days of an alert that is known."""
    return next(to_day(np.datetime64(alert[name])) for name in names if pd.notna(alert[name]))


def _drawn(shots: Sequence[_Shot], outline: shapely.Geometry, limit: int) -> tuple[Picture, ...]:
    """The pictures of the shots, each kind with one stretch; those in natural colours get twice the bytes."""
    swirs = [shot.swir for shot in shots if shot.swir is not None]
    with_swir = len(swirs) == len(shots)
    part = limit // (3 * len(shots))
    made = [
        (shot, shot.plain.index or "natural", content)
        for shot, content in zip(
            shots,
            drawn_alike([shot.plain for shot in shots], outline, limit=min(PICTURE_BYTES, 2 * part)),
            strict=True,
        )
    ]
    if with_swir:
        contents = drawn_alike(swirs, outline, limit=min(PICTURE_BYTES, part))
        made += [(shot, "swir", content) for shot, content in zip(shots, contents, strict=True)]
    return tuple(
        Picture(
            moment=shot.moment, bands=bands, day=shot.record.day, sensor=shot.record.sensor, content=content
        )
        for shot, bands, content in made
    )


def _best(
    seen: Seen,
    view: View,
    scenes: Mapping[str, Scene],
    site: Site,
    moment: str,
    records: Sequence[SceneRecord],
    day: int,
) -> _Shot | None:
    """The observation that shows the ground best near a day; None where each is hidden or cannot be read."""
    finest = min((SENSORS[one.sensor].resolution for one in records), default=0)
    asked: list[Candidate] = []
    for record in nearest_first(records, day)[:ASKED]:
        inside, around = clear_shares(seen, record, view)
        resolution = SENSORS[record.sensor].resolution
        asked.append(Candidate(record=record, resolution=resolution, inside=inside, around=around))
        if asked[-1].least >= CLEAR and abs(record.day - day) > NEAR_DAYS:
            break
        if asked[-1].least >= (1 + CLEAR) / 2 and resolution == finest:
            break
    for candidate in best_first(asked, day)[:TRIED]:
        shot = _shot(moment, candidate.record, scenes[candidate.record.scene_id], view, site)
        if shot is not None:
            return shot
    return None


def _seen(store: Store, tile: str, stream: str, day: int) -> tuple[Affine, int, np.ndarray]:
    return clear_pixels_of(observation_path(store.observations(tile), stream, day))


def _shot(moment: str, record: SceneRecord, scene: Scene, view: View, site: Site) -> _Shot | None:
    """What a scene shows of the ground; None where it cannot be read, or a third of the picture is cloud."""
    bands = picture_bands(scene)
    wanted = tuple(dict.fromkeys((*bands, *SWIR_BANDS))) if shows_swir(scene) else bands
    step = float(SENSORS[scene.sensor].resolution)
    try:
        values = read_window(scene, view.bounds, site.grid.crs, wanted)
    except SceneError as error:
        log.info("no picture from %s: %s", scene.id, error)
        return None
    by_band = dict(zip(wanted, values, strict=True))
    if clouded_share(np.stack([by_band[band] for band in bands])) > HIDDEN:
        return None
    plain = Window(
        values=np.stack([by_band[band] for band in bands]) if len(bands) == 3 else values[0],
        index="" if len(bands) == 3 else bands[0],
        transform=Affine(step, 0, view.bounds[0], 0, -step, view.bounds[3]),
        caption=f"{to_date(scene.day).isoformat()} {scene.sensor}",
    )
    if wanted == bands:
        return _Shot(moment, record, plain, None)
    swir = np.stack([by_band[band] for band in SWIR_BANDS])
    return _Shot(
        moment,
        record,
        plain,
        replace(plain, values=swir, natural=False, index="", caption=f"{plain.caption} SWIR"),
    )


def picture_square(outline: shapely.Geometry) -> tuple[float, float, float, float]:
    """A square around an outline, on whole 60 m, so that the pixels of every sensor fit into it."""
    west, south, east, north = outline.bounds
    half = max(SIDE_M, 1.4 * max(east - west, north - south)) / 2
    half = 60 * np.ceil(half / 60)
    x, y = (60 * round((low + high) / 120) for low, high in ((west, east), (south, north)))
    return (x - half, y - half, x + half, y + half)
