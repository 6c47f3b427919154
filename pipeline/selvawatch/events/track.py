"""Tracked events: patches of now, under the ids of before, with what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.core.days import to_date, to_day, to_stamps
from selvawatch.core.status import Confidence, Status
from selvawatch.core.tables import CELLS, EVENTS
from selvawatch.events.linking import Links, link, new_ids
from selvawatch.events.outline import Outlines
from selvawatch.events.patches import EventFrame, EventRule, Pixels, minimum_px

Looked = Mapping[str, Sequence[int]]
"""Days on which each sensor looked at a tile, by sensor name."""

WITHDRAWN_REASONS: dict[str, str] = {
    "forest-seen": "Later observations spoke for forest.",
    "below-minimum": "What remains is smaller than the minimum mapping unit.",
    "not-reproduced": "A late or reprocessed scene no longer supports the alert.",
}
"""Codes of `withdrawn_reason`: the message that each stands for, English."""

_STATUS_NAMES = {status: status.name.lower() for status in Status}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Events and their cells: what one run hands to the next."""

    events: gpd.GeoDataFrame
    """EVENTS, sorted by id; withdrawn ones stay, with the outline and hectares last published."""
    cells: gpd.GeoDataFrame
    """CELLS of the events that are not withdrawn; their hectares add up to the events'."""


def nothing(crs: str) -> Tracked:
    """No events yet."""
    empty = {
        table.name: gpd.GeoDataFrame(dict(table.empty()), geometry="geometry", crs=crs)
        for table in (EVENTS, CELLS)
    }
    return Tracked(events=empty["events"], cells=empty["cells"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """Patches of one run: their pixels, numbers and outlines."""

    pixels: Pixels
    labels: np.ndarray
    """Patch of each pixel, 0 to n - 1."""
    outlines: Outlines

    def __len__(self) -> int:
        return len(self.outlines.geometry)


def track(
    previous: gpd.GeoDataFrame,
    patches: Patches,
    withdrawn_reasons: Sequence[str],
    rule: EventRule,
    event_frame: EventFrame,
    until_day: int,
    looked: Sequence[Looked],
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """EVENTS of now, sorted by id, and the id of each patch.

    Growth keeps the id; of merging events the oldest id survives; of a split the largest part keeps the id;
    what no patch continues stays as a withdrawn row. `previous` is in the order of `Pixels.previous`;
    `withdrawn_reasons` says for each of its rows why it would be withdrawn. `looked` is in the order that
    `Pixels.tile` counts in. Causes are those of before.
    """
    links = link(patches.labels, patches.pixels.previous, len(patches), previous)
    frame = _measured(patches, rule, event_frame, looked)
    frame = _continued(frame, links, previous, patches, rule, event_frame, until_day)
    ids = list(frame["event_id"])
    gone = _gone(previous, links, withdrawn_reasons)
    frames = [each for each in (frame, gone) if len(each)]
    events = pd.concat(frames, ignore_index=True) if frames else nothing(event_frame.grid.crs).events
    events = gpd.GeoDataFrame(
        EVENTS.check(events.sort_values("event_id")), geometry="geometry", crs=event_frame.grid.crs
    )
    return events, ids


def _measured(
    patches: Patches, rule: EventRule, event_frame: EventFrame, looked: Sequence[Looked]
) -> pd.DataFrame:
    """One row per patch: what its pixels alone say."""
    pixels, outlines = patches.pixels, patches.outlines
    table = pd.DataFrame(
        {
            "label": patches.labels,
            "sure": np.isin(pixels.status, (int(Status.CONFIRMED), int(Status.CLOSED))),
            "confidence": pixels.confidence,
            "onset": pixels.onset,
            "onset_earliest": np.where(
                pixels.onset_earliest > 0, pixels.onset_earliest, np.iinfo(np.int32).max
            ),
            "onset_latest": np.maximum(pixels.onset_latest, pixels.onset),
            "provisional_on": np.where(pixels.provisional_on > 0, pixels.provisional_on, pixels.onset),
            "confirmed_on": np.where(pixels.confirmed_on > 0, pixels.confirmed_on, np.iinfo(np.int32).max),
            "looks": pixels.observations,
        }
    )
    by_patch = table.groupby("label")
    size = by_patch.size().to_numpy()
    support = np.minimum(minimum_px(rule.support_ha, event_frame.grid), size)
    confidence = np.full(len(size), int(Confidence.LOW))
    for level in (Confidence.HIGH, Confidence.HIGHEST):
        held = (table["confidence"] >= int(level)).groupby(table["label"]).sum().to_numpy()
        confidence[held >= support] = int(level)
    points = shapely.point_on_surface(outlines.geometry)
    east, north = np.round(shapely.get_x(points), 1), np.round(shapely.get_y(points), 1)
    lon, lat = Transformer.from_crs(event_frame.grid.crs, "EPSG:4326", always_xy=True).transform(east, north)
    never = np.iinfo(np.int32).max
    earliest, confirmed = (
        by_patch["onset_earliest"].min().to_numpy(),
        by_patch["confirmed_on"].min().to_numpy(),
    )
    return pd.DataFrame(
        {
            "size_px": size,
            "is_sure": by_patch["sure"].sum().to_numpy() >= support,
            "confidence": confidence,
            "first_detected": by_patch["provisional_on"].min().to_numpy(),
            "confirmed_on": np.where(confirmed == never, 0, confirmed),
            "onset": by_patch["onset"].quantile(0.5, interpolation="lower").to_numpy(),
            "onset_earliest": np.where(earliest == never, 0, earliest),
            "onset_latest": by_patch["onset_latest"].max().to_numpy(),
            "last_grown": by_patch["onset"].max().to_numpy(),
            "ha": outlines.ha,
            "ha_lo": outlines.ha_lo,
            "ha_hi": outlines.ha_hi,
            "looks": by_patch["looks"].quantile(0.5, interpolation="lower").to_numpy().astype(np.int64),
            "sensors": _sensors(patches, by_patch["onset"].min().to_numpy(), looked),
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "utm_e": east,
            "utm_n": north,
            "geometry": outlines.geometry,
        }
    )


def _sensors(patches: Patches, since: np.ndarray, looked: Sequence[Looked]) -> list[str]:
    last = [{sensor: max(days, default=0) for sensor, days in each.items()} for each in looked]
    found: list[set[str]] = [set() for _ in range(len(patches))]
    pairs = np.unique(np.stack([patches.labels, patches.pixels.tile], 1), axis=0)
    for patch, tile in pairs.tolist():
        found[patch].update(sensor for sensor, day in last[tile].items() if day >= since[patch])
    return [" ".join(sorted(each)) for each in found]


def _continued(
    frame: pd.DataFrame,
    links: Links,
    previous: gpd.GeoDataFrame,
    patches: Patches,
    rule: EventRule,
    event_frame: EventFrame,
    until_day: int,
) -> pd.DataFrame:
    """The measured rows with id, version, status and change, as EVENTS."""
    grid = event_frame.grid
    fresh = np.flatnonzero(links.survivor < 0)
    ids_before = {*previous["event_id"], *" ".join(previous["merged_from"].dropna()).split()}
    names = new_ids(patches.pixels, patches.labels, fresh, grid, event_frame.prefix, ids_before)
    ids: dict[int, str] = dict(zip(fresh.tolist(), names, strict=True))
    before = previous.to_dict("records")
    size_before = np.rint(shapely.area(previous.geometry.to_numpy()) / grid.resolution**2).astype(np.int64)
    rows = []
    for patch, row in enumerate(frame.to_dict("records")):
        owner = int(links.survivor[patch])
        old = before[owner] if owner >= 0 else None
        row["event_id"] = old["event_id"] if old else ids[patch]
        merged = [before[other] for other in links.absorbed[patch]]
        parents = [old, *merged] if old and old["status"] != "withdrawn" else merged
        for parent in parents:
            _inherit(row, parent)
        row["status"] = _status(row, parents, rule, until_day)
        if row["status"] == "provisional":
            row["confirmed_on"] = 0
        else:
            row["confidence"] = max(row["confidence"], int(Confidence.HIGH))
        row["confidence"] = Confidence(row["confidence"]).name.lower()
        row["merged_from"] = _merged_from(old, merged)
        kept_px = int(links.overlap_px[patch])
        row["change"] = _change(
            row, old, bool(merged), row["size_px"] > kept_px, bool(old) and kept_px < size_before[owner]
        )
        row["version"] = (int(old["version"]) if old else 0) + (row["change"] != "stable")
        row["withdrawn_reason"] = None
        for name, unknown in (("cause", "unknown"), ("mining_probability", 0.5), ("cause_reasons", "")):
            row[name] = old[name] if old else unknown
        rows.append(row)
    if not rows:
        return previous.iloc[:0]
    result = pd.DataFrame(rows).drop(columns=["size_px", "is_sure"])
    for name in ("first_detected", "confirmed_on", "onset", "onset_earliest", "onset_latest", "last_grown"):
        result[name] = to_stamps(result[name].to_numpy())
    return result


def _inherit(row: dict, parent: Mapping) -> None:
    """Let a row keep what its event already was: first days and the confidence reached."""
    for name in ("first_detected", "confirmed_on"):
        if pd.notna(parent[name]):
            day = to_day(pd.Timestamp(parent[name]).to_datetime64())
            row[name] = min(row[name], day) if row[name] else day
    row["confidence"] = max(row["confidence"], int(Confidence[parent["confidence"].upper()]))


def _status(row: Mapping, parents: Sequence[Mapping], rule: EventRule, until_day: int) -> str:
    statuses = {parent["status"] for parent in parents}
    if statuses == {"closed"}:
        return "closed"
    if not row["is_sure"] and not statuses & {"confirmed", "closed"}:
        return "provisional"
    return "closed" if until_day - row["last_grown"] > rule.close_after_days else "confirmed"


def _merged_from(old: Mapping | None, merged: Sequence[Mapping]) -> str | None:
    ids: set[str] = set()
    for parent in [old, *merged] if old else merged:
        ids.update((parent["merged_from"] or "").split())
    ids.update(parent["event_id"] for parent in merged)
    return " ".join(sorted(ids)) or None


def _change(row: Mapping, old: Mapping | None, merged: bool, gained: bool, shed: bool) -> str:
    if old is None or old["status"] == "withdrawn":
        return "new"
    if merged:
        return "merged"
    if gained:
        return "grown"
    if shed:
        return "reduced"
    if row["status"] != old["status"]:
        return row["status"]
    if (row["confidence"], row["ha_lo"]) != (old["confidence"], old["ha_lo"]):
        return "confirmed"
    return "stable"


def _gone(previous: gpd.GeoDataFrame, links: Links, reasons: Sequence[str]) -> pd.DataFrame:
    """Rows of the events that no patch continues: withdrawn now, or withdrawn before and still so."""
    gone = previous.iloc[links.lost].copy()
    now = (gone["status"] != "withdrawn").to_numpy(bool)
    gone["change"] = np.where(now, "withdrawn", "stable")
    gone["version"] = gone["version"] + now
    gone["withdrawn_reason"] = np.where(
        now, np.asarray(reasons, object)[links.lost], gone["withdrawn_reason"]
    )
    gone["status"] = "withdrawn"
    return pd.DataFrame(gone)


def cell_frame(outlines: Outlines, ids: Sequence[str], events: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """CELLS of the patches, with the causes their events bear, sorted by id."""
    event_ids = np.asarray(ids, object)[outlines.cell_patch]
    statuses = np.array([_STATUS_NAMES[Status(int(code))] for code in outlines.cell_status], object)
    cause = events.set_index("event_id")[["cause", "mining_probability"]].loc[event_ids]
    names = [
        f"{event}-{to_date(onset):%y%m%d}-{status[:2]}"
        for event, onset, status in zip(event_ids, outlines.cell_onset.tolist(), statuses, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "cell_id": names,
            "event_id": event_ids,
            "status": statuses,
            "cause": cause["cause"].to_numpy(),
            "mining_probability": cause["mining_probability"].to_numpy(),
            "onset": to_stamps(outlines.cell_onset),
            "onset_earliest": to_stamps(outlines.cell_earliest),
            "onset_latest": to_stamps(outlines.cell_latest),
            "ha": outlines.cell_ha,
            "geometry": outlines.cell_geometry,
        }
    )
    return gpd.GeoDataFrame(CELLS.check(frame.sort_values("cell_id")), geometry="geometry", crs=events.crs)
