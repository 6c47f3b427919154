"""What an alert rests on: the scenes that saw it, and where its pictures are."""

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.days import day_numbers
from selvawatch.core.files import replacing
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.site import Site
from selvawatch.store.tile_state import TileState
from selvawatch.write.bulletin.bulletin_model import Pictures

PICTURES = "pictures"
"""Folder of a run's restricted products that holds pictures."""


def with_evidence(
    site: Site, states: Mapping[str, TileState], alerts: gpd.GeoDataFrame, pictures: Mapping[str, Pictures]
) -> gpd.GeoDataFrame:
    """The alerts with `scenes`, `before_picture` and `after_picture`.

    Scenes are those with clear ground in a tile of the alert, from the last observation before the loss to
    the last growth or the confirmation, whichever is later: ids by day, separated by spaces. Pictures are
    paths below the restricted products; only alerts that got pictures have any.
    """
    alerts = alerts.copy()
    observations = {
        tile: sorted(_seen(state), key=lambda record: (record.day, record.scene_id))
        for tile, state in states.items()
    }
    outlines = {tile: site.grid.tile(tile).polygon for tile in sorted(states)}
    tree = shapely.STRtree(list(outlines.values()))
    names = np.array(list(outlines), object)
    first = day_numbers(alerts["onset_earliest"].fillna(alerts["onset"]))
    last = alerts[["first_detected", "confirmed_on", "last_grown", "onset_latest"]].max(axis=1)
    last_day = day_numbers(last)
    lists = []
    for index, outline in enumerate(alerts.geometry.to_numpy()):
        tiles = names[np.sort(tree.query(outline, predicate="intersects"))]
        rows = {
            (one.day, one.scene_id)
            for tile in tiles
            for one in observations[tile]
            if first[index] <= one.day <= last_day[index]
        }
        lists.append(" ".join(scene for _, scene in sorted(rows)) or None)
    alerts["scenes"] = np.array(lists, object)
    ids = alerts["alert_id"].tolist()
    for side in ("before", "after"):
        paths = [picture_path(one, side) if one in pictures else None for one in ids]
        alerts[f"{side}_picture"] = np.array(paths, object)
    return alerts


def picture_path(alert_id: str, side: str) -> str:
    """Where a picture lies below the restricted products."""
    return f"{PICTURES}/{alert_id}-{side}.jpg"


def write_pictures(folder: Path, alerts: pd.DataFrame, pictures: Mapping[str, Pictures]) -> list[Path]:
    """Write the pictures that the alerts name and return the files."""
    written = []
    for row in alerts[alerts["before_picture"].notna()].itertuples():
        both = pictures[str(row.alert_id)]
        for name, content in ((row.before_picture, both.before), (row.after_picture, both.after)):
            path = folder / str(name)
            with replacing(path) as part:
                part.write_bytes(content)
            written.append(path)
    return written


def _seen(state: TileState) -> list[SceneRecord]:
    return [one for one in state.scene_records if one.state == "read" and one.clear_share > 0]
