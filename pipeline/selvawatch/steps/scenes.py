"""What there is: scenes of an area per sensor and month, with cloud, coverage, bytes and hours."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.scene import Scene
from selvawatch.site import Site
from selvawatch.sources.catalogues.ordered import with_least_cloud
from selvawatch.sources.catalogues.volume import expected_bytes, measured_rate
from selvawatch.sources.open import open_source
from selvawatch.sources.source import Problem, SearchResult

COLUMNS = (
    "sensor", "month", "searched", "found", "superseded", "duplicates", "skipped", "cloud_percent",
    "covered", "missing", "megabytes", "declared", "hours",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneList:
    """What a source has of an area between two days."""

    months: pd.DataFrame
    """A row for each sensor and month, months without a scene too: `COLUMNS`."""
    problems: tuple[Problem, ...]
    unsearched: tuple[str, ...]
    """Sensors that could not be searched: their months are not known to be empty."""
    rate_mb_s: float
    """Megabytes a second that the hours are reckoned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneQuery:
    """Which scenes are asked for."""

    area: str
    """Name of an area of the site, or `all`."""
    first_day: int
    last_day: int
    """Both included."""
    source: str
    """Text that opens the source."""

    def outline(self, site: Site) -> shapely.Geometry:
        """Ground of the area, WGS 84; SiteError for one that the site does not know."""
        return shapely.union_all([area.geometry for area in site.select_areas(self.area)])

    def search(self, site: Site) -> SearchResult:
        """What the source has; SiteError as `outline`, SourceError when it cannot be searched."""
        return open_source(self.source).search(self.outline(site), self.first_day, self.last_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRate:
    """How fast files are expected to come."""

    mb_s: float = 2.0
    """Megabytes a second that are reckoned with where none are measured."""
    measure: bool = False
    """Whether to measure first: by up to 4 MB of the newest scene of each sensor, the slowest counts."""

    def of(self, scenes: Sequence[Scene]) -> float:
        """Megabytes a second to reckon with for some scenes."""
        return measured_rate(scenes) if self.measure and scenes else self.mb_s


def list_scenes(site: Site, query: SceneQuery, rate: TransferRate | None = None) -> SceneList:
    """The table of an area and what was unusable; nothing is read but the catalogue.

    Columns: sensor, month, searched, found (scenes that can be tried), superseded (products that newer ones
    replace), duplicates (acquisitions that a source named before theirs has too), skipped (more cloud than
    the site reads), cloud_percent (mean
    of the least that any source states), covered and missing (shares of the area's ground that the month's
    readable scenes show and do not show, 0-1), megabytes (what reading takes, about), declared (whether the
    catalogue states the size of every file), hours (at the rate). Of a sensor that could not be searched the
    numbers are empty.
    """
    aoi, found = query.outline(site), with_least_cloud(query.search(site))
    rate_mb_s = (rate or TransferRate()).of(found.scenes)
    limit = site.search.max_cloud_percent
    months = list(_months(query.first_day, query.last_day))
    seconds = [duplicate.scene for duplicate in found.duplicates]
    older = [replaced.scene for replaced in found.superseded]
    rows: list[dict[str, object]] = []
    for sensor in sorted({scene.sensor for scene in (*found.scenes, *older, *seconds)}):
        for month in months:
            row = _row(_of(found.scenes, sensor, month), aoi, limit, rate_mb_s)
            counts = {
                "superseded": len(_of(older, sensor, month)),
                "duplicates": len(_of(seconds, sensor, month)),
            }
            rows.append({"sensor": sensor, "month": month, **row, **counts})
    rows += [
        {"sensor": sensor, "month": month, "searched": False}
        for sensor in found.unsearched
        for month in months
    ]
    return SceneList(
        months=pd.DataFrame(rows, columns=COLUMNS),
        problems=found.problems,
        unsearched=found.unsearched,
        rate_mb_s=round(rate_mb_s, 3),
    )


def _of(scenes: Sequence[Scene], sensor: str, month: str) -> list[Scene]:
    return [scene for scene in scenes if scene.sensor == sensor and f"{to_date(scene.day):%Y-%m}" == month]


def _row(scenes: Sequence[Scene], aoi: shapely.Geometry, limit: float, rate: float) -> dict[str, object]:
    clouds = [scene.cloud_percent for scene in scenes if scene.cloud_percent is not None]
    read = [scene for scene in scenes if (scene.cloud_percent or 0) <= limit]
    shown = shapely.union_all([scene.footprint for scene in read]).intersection(aoi)
    covered = shown.area / aoi.area
    expected = [expected_bytes(scene, aoi) for scene in read]
    size = sum(count for count, _ in expected)
    return {
        "searched": True,
        "found": len(scenes),
        "skipped": len(scenes) - len(read),
        "cloud_percent": round(sum(clouds) / len(clouds), 1) if clouds else None,
        "covered": round(min(covered, 1.0), 3),
        "missing": round(max(0.0, 1 - covered), 3),
        "megabytes": round(size / 1e6, 1),
        "declared": all(declared for _, declared in expected) and bool(expected),
        "hours": round(size / (rate * 1e6) / 3600, 3),
    }


def _months(first_day: int, last_day: int) -> Iterator[str]:
    """Months from a first to a last day, as YYYY-MM."""
    day, last = to_date(first_day).replace(day=1), to_date(last_day)
    while day <= last:
        yield f"{day:%Y-%m}"
        day = (day + dt.timedelta(days=32)).replace(day=1)
