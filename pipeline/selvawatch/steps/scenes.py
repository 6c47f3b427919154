"""What there is: scenes of an area per sensor and month, with cloud and coverage."""

from pathlib import Path

import pandas as pd
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.scene import Scene
from selvawatch.site import Site
from selvawatch.sources.source import Problem, open_source


def list_scenes(
    folder: Path, site_file: str, area: str, first_day: int, last_day: int, source: str
) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """A table and what was unusable.

    Columns: sensor, month, found, skipped (more cloud than the site reads), cloud_percent (mean), covered
    (share of the area's ground that the month's scenes cover, 0-1).
    """
    site = Site.load(folder, site_file)
    ground = shapely.union_all([one.geometry for one in site.select_areas(area)])
    found = open_source(source).search(ground, first_day, last_day)
    groups: dict[tuple[str, str], list[Scene]] = {}
    for scene in found.scenes:
        groups.setdefault((scene.sensor, f"{to_date(scene.day):%Y-%m}"), []).append(scene)
    limit = site.search.max_cloud_percent
    rows = []
    for (sensor, month), scenes in sorted(groups.items()):
        clouds = [scene.cloud_percent for scene in scenes if scene.cloud_percent is not None]
        covered = (
            shapely.union_all([scene.footprint for scene in scenes]).intersection(ground).area / ground.area
        )
        rows.append(
            {
                "sensor": sensor,
                "month": month,
                "found": len(scenes),
                "skipped": sum(cloud > limit for cloud in clouds),
                "cloud_percent": round(sum(clouds) / len(clouds), 1) if clouds else None,
                "covered": round(covered, 3),
            }
        )
    columns = ["sensor", "month", "found", "skipped", "cloud_percent", "covered"]
    return pd.DataFrame(rows, columns=columns), found.problems
