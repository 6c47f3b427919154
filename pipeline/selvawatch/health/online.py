"""What each archive of scenes gives today: a search over the history, a token, and a small read."""

import datetime as dt
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from pyproj import Transformer

from selvawatch.core.days import iso, to_day
from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import SelvawatchError
from selvawatch.site import Site
from selvawatch.sources.catalogues.earth_engine import EarthEngineSource
from selvawatch.sources.catalogues.public_archives import ARCHIVES, collections_of, open_archive
from selvawatch.sources.open import families_of
from selvawatch.sources.scene_pixels import picture_bands
from selvawatch.sources.sensors.sensor_table import asset_of
from selvawatch.sources.source import Source
from selvawatch.web.signing import address_of

EARTH_ENGINE = "earthengine"
CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
"""Variable of the environment without which Earth Engine is not asked."""
LONGEST_S = 280.0
"""Seconds after which an archive that has not answered is told so."""
READ_PX = 64
"""Pixels along an edge of the window that is read of the newest scene that is clear enough."""
_DAYS_READ = 60
_CLEAR_PERCENT = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveAnswer:
    """What an archive gave of a sensor."""

    archive: str
    sensor: str
    found: int | None = None
    """Scenes that can be tried, over the whole history; None: it was not searched to its end."""
    first: str = ""
    """Day of the oldest, ISO; empty: none."""
    last: str = ""
    problems: int = 0
    """What it lists and nobody can use."""
    search_s: float | None = None
    token: str = ""
    """`none needed`, `given`, or empty where it was not asked for."""
    read_share: float | None = None
    """Share of the pixels of a small window that hold a number, 0-1; None: nothing was read."""
    read_s: float | None = None
    failed: str = ""
    """`search`, `token` or `read`: what did not work; empty: everything did."""
    why: str = ""

    @property
    def works(self) -> bool:
        """Whether it can be used today."""
        return not self.failed

    @property
    def line(self) -> str:
        """For people."""
        if self.found is None:
            return f"{self.archive}, {self.sensor}: {self.why}"
        span = f"{self.first} to {self.last}" if self.found else "no day"
        parts = [f"{self.found} scenes, {span}, in {self.search_s:.0f} s"]
        parts += [f"{self.problems} unusable"] if self.problems else []
        parts += [f"token {self.token}"] if self.token else []
        parts += [f"{self.read_share:.0%} of {READ_PX} px read in {self.read_s:.1f} s"] if self.read_s else []
        parts += [self.why] if self.why else []
        return f"{self.archive}, {self.sensor}: " + "; ".join(parts)


def archive_table(answers: Sequence[ArchiveAnswer]) -> str:
    """The answers as a table to paste into a report (Markdown)."""
    head = "| archive | sensor | scenes | first | last | unusable | search | token | read | result |"
    rows = [head, "|---|---|---:|---|---|---:|---:|---|---|---|"]
    for one in answers:
        found = "" if one.found is None else str(one.found)
        read = "" if one.read_share is None else f"{one.read_share:.0%}, {one.read_s:.1f} s"
        search = "" if one.search_s is None else f"{one.search_s:.0f} s"
        result = "works" if one.works else f"{one.failed} failed: {one.why.replace('|', '/')}"
        cells = [one.archive, one.sensor, found, one.first, one.last, str(one.problems), search, one.token]
        rows.append(f"| {' | '.join([*cells, read, result])} |")
    return "\n".join(rows)


def ask_archives(
    site: Site, *, today: dt.date | None = None, longest_s: float = LONGEST_S
) -> list[ArchiveAnswer]:
    """What each archive gives of each sensor, side by side, by archive and sensor; nothing is written.

    Earth Engine is asked where its credentials are named. The search covers all areas of the site from the
    first day of its history (else of its monitoring) to today, which costs as many pages as the archive's
    replies are long; the read is a window of 64 pixels of the newest scene that is clear enough.

    today: None: this one (UTC). longest_s: seconds after which nobody is waited for any more.
    """
    _load_stac()
    day = to_day(dt.datetime.now(dt.UTC) if today is None else today)
    parts = [(name, family) for name in ARCHIVES for family in collections_of(name)]
    if os.environ.get(CREDENTIALS):
        parts += [(EARTH_ENGINE, family) for family in families_of(EARTH_ENGINE)]
    answers = {part: ArchiveAnswer(archive=part[0], sensor=part[1]) for part in parts}
    came: queue.Queue[ArchiveAnswer] = queue.Queue()
    for part in parts:
        threading.Thread(target=_asked, args=(site, *part, day, came.put), daemon=True).start()
    waiting, end = set(parts), time.monotonic() + longest_s
    while waiting and (left := end - time.monotonic()) > 0:
        try:
            answer = came.get(timeout=left)
        except queue.Empty:
            break
        answers[answer.archive, answer.sensor] = answer
        if answer.works is False or answer.read_s is not None or answer.found == 0:
            waiting.discard((answer.archive, answer.sensor))
    return [
        _late(answer, longest_s) if (answer.archive, answer.sensor) in waiting else answer
        for answer in answers.values()
    ]


def _load_stac() -> None:
    """Have pystac find its extensions, which it does at first use and not safely in several threads."""
    from pystac import Catalog

    Catalog.from_dict(Catalog(id="none", description="none").to_dict())


def _late(answer: ArchiveAnswer, longest_s: float) -> ArchiveAnswer:
    """An answer that did not come to its end."""
    failed = "search" if answer.found is None else "token" if not answer.token else "read"
    return replace(answer, failed=failed, why=f"no answer within {longest_s:.0f} s")


def _asked(site: Site, archive: str, family: str, day: int, say: Callable[[ArchiveAnswer], None]) -> None:
    """Ask one archive for one sensor; each step is said when it is done, and the first that fails last."""
    answer, doing = ArchiveAnswer(archive=archive, sensor=family), "search"
    try:
        source = _opened(archive, family)
        outline = shapely.union_all([area.geometry for area in site.areas])
        began = time.monotonic()
        found = source.search(outline, site.days.earliest_day, day)
        answer = _searched(answer, found.scenes, len(found.problems), time.monotonic() - began)
        say(answer)
        if not found.scenes:
            return
        doing, scene = "token", _newest_clear(found.scenes, day)
        bands = picture_bands(scene)
        href = asset_of(scene, bands[0]).href
        answer = replace(answer, token="given" if address_of(href) != href else "none needed")
        say(answer)
        doing, began = "read", time.monotonic()
        tile = _small_tile(site, outline, scene)
        read = source.read(scene, tile, list(bands))
        share = float(np.mean([np.isfinite(read[name].values).mean() for name in bands]))
        say(replace(answer, read_share=share, read_s=max(time.monotonic() - began, 1e-3)))
    except (SelvawatchError, OSError) as error:
        say(replace(answer, failed=doing, why=" ".join(str(error).split())))
    except Exception as error:
        # An archive may answer anything: what nobody foresaw of it is a line of its own, and no silence.
        say(replace(answer, failed=doing, why=f"an answer that nobody foresaw ({type(error).__name__})"))


def _opened(archive: str, family: str) -> Source:
    """One archive's part that keeps a sensor; SourceError as `open_archive`."""
    if archive == EARTH_ENGINE:
        return EarthEngineSource(families=(family,))
    return open_archive(archive, family)


def _searched(answer: ArchiveAnswer, scenes: Sequence[Scene], problems: int, spent_s: float) -> ArchiveAnswer:
    days = [scene.day for scene in scenes]
    return replace(
        answer,
        found=len(scenes),
        first=iso(min(days)) if days else "",
        last=iso(max(days)) if days else "",
        problems=problems,
        search_s=spent_s,
    )


def _newest_clear(scenes: Sequence[Scene], day: int) -> Scene:
    """The newest scene that states little cloud; of the last weeks the clearest where none does."""
    clear = [scene for scene in scenes if (scene.cloud_percent or 0.0) <= _CLEAR_PERCENT]
    if clear:
        return max(clear, key=lambda scene: (scene.day, scene.id))
    late = [scene for scene in scenes if scene.day >= day - _DAYS_READ] or list(scenes)
    return min(late, key=lambda scene: (scene.cloud_percent or 0.0, -scene.day, scene.id))


def _small_tile(site: Site, outline: shapely.Geometry, scene: Scene) -> Tile:
    """A tile of `READ_PX` pixels in the middle of the ground that a scene shows of the areas."""
    shown = scene.footprint.intersection(outline)
    point = (shown if not shown.is_empty else scene.footprint).representative_point()
    to_grid = Transformer.from_crs("EPSG:4326", site.grid.crs, always_xy=True)
    x, y = to_grid.transform(point.x, point.y)
    half = READ_PX * site.grid.resolution / 4
    return replace(site.grid, tile_px=READ_PX).tiles(shapely.box(x - half, y - half, x + half, y + half))[0]
