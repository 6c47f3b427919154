"""What an alert rests on: the scenes that saw it, and where its pictures are."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.days import day_numbers
from selvawatch.core.files import write_checked
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.site import Site
from selvawatch.sources.open import open_source
from selvawatch.steps.run.findings import Findings
from selvawatch.steps.run.pictures import draw_pictures
from selvawatch.store.contents import picture_path
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState
from selvawatch.write.bulletin.bulletin_model import Picture, shown_in_full

Pictures = Mapping[str, tuple[Picture, ...]]
"""Pictures by alert id."""


def illustrate(
    context: RunContext, states: Mapping[str, TileState], findings: Findings
) -> tuple[Findings, dict[str, tuple[Picture, ...]]]:
    """What a run found, its alerts with their evidence, and pictures of the first ones by alert id."""
    # Names the hosts that pictures may come from, also in a process that read no tile.
    open_source(context.plan.source)
    alerts = findings.attributed.alerts
    shown = alerts[alerts["alert_id"].isin(shown_in_full(alerts))]
    pictures = draw_pictures(context, states, shown, len(shown))
    alerts = with_evidence(context.site, states, alerts, pictures)
    return replace(findings, attributed=replace(findings.attributed, alerts=alerts)), pictures


def with_evidence(
    site: Site, states: Mapping[str, TileState], alerts: gpd.GeoDataFrame, pictures: Pictures
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
            (record.day, record.scene_id)
            for tile in tiles
            for record in observations[tile]
            if first[index] <= record.day <= last_day[index]
        }
        lists.append(" ".join(scene for _, scene in sorted(rows)) or None)
    alerts["scenes"] = np.array(lists, object)
    ids = alerts["alert_id"].tolist()
    for side in ("before", "after"):
        paths = [picture_path(alert, side) if alert in pictures else None for alert in ids]
        alerts[f"{side}_picture"] = np.array(paths, object)
    return alerts


def write_pictures(folder: Path, alerts: pd.DataFrame, pictures: Pictures) -> list[Path]:
    """Write all pictures of the alerts that name any and return the files."""
    written = []
    for alert in alerts.loc[alerts["before_picture"].notna(), "alert_id"]:
        for one in pictures[str(alert)]:
            path = folder / picture_path(str(alert), one.side)
            write_checked(path, one.content)
            written.append(path)
    return written


def _seen(state: TileState) -> list[SceneRecord]:
    return [record for record in state.scene_records if record.is_used and record.clear_share > 0]
