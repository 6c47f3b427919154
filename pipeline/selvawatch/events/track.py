"""Tracked events: what the pixels say of each, and what has changed since it was last published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pandas.core.groupby.generic import DataFrameGroupBy
from pyproj import Transformer

from selvawatch.core.days import to_date, to_stamps
from selvawatch.core.status import Confidence, Status
from selvawatch.core.tables import CELLS, EVENTS
from selvawatch.events.beginning import agreed, beginnings
from selvawatch.events.chance.chance_of_events import Chances, chances
from selvawatch.events.hectares.lost_share import subpixel_px
from selvawatch.events.lineage import Lineage
from selvawatch.events.linking import Heirs, event_ids, find_heirs
from selvawatch.events.outline import Outlines
from selvawatch.events.patches import EventFrame, EventRule, Pixels, minimum_px

Looked = Mapping[str, Sequence[int]]
"""Days on which each sensor looked at a tile, by sensor name."""

WITHDRAWN_REASONS: dict[str, str] = {
    "forest-seen": "Later observations spoke for forest.",
    "expired": "It was not confirmed within the time that provisional alerts are kept.",
    "below-minimum": "What remains is smaller than the minimum mapping unit.",
    "late-scene": "A scene that came late no longer supports the alert.",
    "reprocessed-scene": "A reprocessed scene no longer supports the alert.",
    "new-baseline": "A new baseline of the forest no longer supports the alert.",
    "not-reproduced": "The observations, weighed anew, no longer support the alert.",
}
"""Codes of `withdrawn_reason`: the message that each stands for, English."""

_NEVER = np.iinfo(np.int32).max

_STATUS_NAMES = {status: status.name.lower() for status in Status}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Events and their cells: what one run hands to the next."""

    events: gpd.GeoDataFrame
    """EVENTS, sorted by id; withdrawn ones stay, with the outline and hectares of all that they ever held."""
    cells: gpd.GeoDataFrame
    """CELLS of the events that are not withdrawn; their hectares add up to the events'."""
    unpublished: gpd.GeoDataFrame | None = None
    """EVENTS, sorted by id, that are too unlikely to be confirmed to be published: provisional, without a
    version (0), a cause or cells. None: not known, as of a run that was read again.
    """


def nothing(crs: str) -> Tracked:
    """No events yet."""
    empty = {
        table.name: gpd.GeoDataFrame(dict(table.empty()), geometry="geometry", crs=crs)
        for table in (EVENTS, CELLS)
    }
    return Tracked(events=empty["events"], cells=empty["cells"], unpublished=empty["events"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """Events of one run: their pixels and outlines."""

    pixels: Pixels
    lineage: Lineage
    outlines: Outlines
    """Of the pixels shown; in the order of the lineage's events."""

    def __len__(self) -> int:
        return len(self.lineage)


def track(
    previous: gpd.GeoDataFrame,
    patches: Patches,
    rule: EventRule,
    event_frame: EventFrame,
    until_day: int,
    looked: Sequence[Looked],
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, list[str]]:
    """EVENTS of now, those that are not published, both sorted by id, and the id of each of the lineage.

    All but `version`, `change` and the causes follows from the pixels: `previous`, EVENTS of the run before,
    says what was published. Of that, what late scenes have undone stays, withdrawn, and what goes on stays
    published, however likely. What was withdrawn and never likely enough is in neither frame.
    `looked` is in the order that `Pixels.tile` counts in.
    """
    found = chances(patches.pixels, patches.lineage, rule, event_frame.grid, until_day, looked)
    frame = _measured(patches, rule, event_frame, until_day, looked)
    frame["chance"] = np.where(frame["status"] == "provisional", found.now, np.nan)
    frame["event_id"] = ids = event_ids(
        patches.pixels, patches.lineage.root, event_frame.prefix, event_frame.id_key
    )
    frame["merged_from"] = pd.Series(_merged_from(patches, event_frame), dtype=object)
    drawn = patches.outlines.geometry
    heirs = find_heirs(previous, patches.pixels, patches.lineage, ids, drawn, event_frame.grid)
    is_published = _likely(found, rule) | frame["event_id"].isin(_known(previous, heirs)).to_numpy(bool)
    parts = [_published(frame[is_published], previous, heirs), _undone(agreed(previous), ids, heirs)]
    below = frame[~is_published & (frame["status"] == "provisional").to_numpy(bool)]
    return _checked(parts, event_frame.grid.crs), _checked([_unpublished(below)], event_frame.grid.crs), ids


def _likely(found: Chances, rule: EventRule) -> np.ndarray:
    """Whether each event may be published by its chance, (events,) bool; it may where none is known."""
    least = 0.0 if rule.chance is None else rule.chance.least
    return ~(found.best < least)


def _known(previous: gpd.GeoDataFrame, heirs: Heirs) -> set[str]:
    """Ids that a run before published, and those that events go on in that were not withdrawn then."""
    live = (previous["status"] != "withdrawn").tolist()
    going_on = {name for name, is_live in zip(heirs.event_id, live, strict=True) if is_live and name}
    return going_on | set(previous["event_id"])


def _checked(parts: Sequence[pd.DataFrame], crs: str) -> gpd.GeoDataFrame:
    """EVENTS of some frames, sorted by id."""
    frames = [each for each in parts if len(each)]
    events = pd.concat(frames, ignore_index=True) if frames else nothing(crs).events
    return gpd.GeoDataFrame(EVENTS.check(events.sort_values("event_id")), geometry="geometry", crs=crs)


def _unpublished(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of events that no run published: without a version or a cause."""
    kept = frame.drop(columns="size_px").assign(version=0, change="new")
    return kept.assign(cause="unknown", mining_probability=0.5, cause_reasons="")


def _measured(
    patches: Patches, rule: EventRule, event_frame: EventFrame, until_day: int, looked: Sequence[Looked]
) -> pd.DataFrame:
    """One row per event: what its pixels alone say."""
    lineage, outlines = patches.lineage, patches.outlines
    size = np.bincount(lineage.event[lineage.is_shown], minlength=len(lineage))
    support = np.minimum(minimum_px(rule.support_ha, event_frame.grid), size)
    shown = _pixel_table(patches, lineage.is_shown, looked).groupby("event")
    held = _pixel_table(patches, lineage.event >= 0, looked).groupby("event")
    is_sure = held["sure"].sum().to_numpy() >= support
    is_closed = is_sure & (until_day - held["live_onset"].max().to_numpy() > rule.close_after_days)
    is_highest = held["highest"].sum().to_numpy() >= support
    began, confirmed = beginnings(patches.pixels, lineage), held["confirmed_on"].min().to_numpy()
    points = shapely.point_on_surface(outlines.geometry)
    east, north = np.round(shapely.get_x(points), 1), np.round(shapely.get_y(points), 1)
    lon, lat = Transformer.from_crs(event_frame.grid.crs, "EPSG:4326", always_xy=True).transform(east, north)
    days = {
        "first_detected": began.first_detected,
        "confirmed_on": np.where(is_sure, np.maximum(confirmed, began.first_detected), 0),
        "onset": began.latest,
        "onset_earliest": began.earliest,
        "onset_latest": began.latest,
        "last_grown": np.maximum(shown["onset"].max().to_numpy(), began.latest),
    }
    gone, reasons = lineage.is_withdrawn, _reasons(held, support)
    in_part = subpixel_px(patches.pixels, lineage.event, lineage.is_shown, len(lineage), rule)
    return pd.DataFrame(
        {
            **{name: to_stamps(values) for name, values in days.items()},
            "status": np.select(
                [gone, is_closed, is_sure], ["withdrawn", "closed", "confirmed"], "provisional"
            ),
            "confidence": np.select([is_sure & is_highest, is_sure], ["highest", "high"], "low"),
            "withdrawn_reason": pd.Series(reasons, dtype=object).where(gone, None),
            "size_px": size,
            "ha": outlines.ha,
            "ha_lo": outlines.ha_lo,
            "ha_hi": outlines.ha_hi,
            "ha_subpixel": outlines.ha * in_part / size,
            "looks": shown["looks"].quantile(0.5, interpolation="lower").to_numpy().astype(np.int64),
            "sensors": _sensors(patches, shown["onset"].min().to_numpy(), looked),
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "utm_e": east,
            "utm_n": north,
            "geometry": outlines.geometry,
        }
    )


def _reasons(held: DataFrameGroupBy, support: np.ndarray) -> np.ndarray:
    """Why each event would be withdrawn, (events,) codes of `WITHDRAWN_REASONS`.

    What is left is too small where it is confirmed, or most of the event; else what most of it went by.
    held: `_pixel_table` of its pixels. support: (events,) pixels that must be confirmed.
    """
    live, expired = held["live"].sum().to_numpy(), held["expired"].sum().to_numpy()
    gone = held.size().to_numpy() - live
    is_left = (held["sure"].sum().to_numpy() >= support) | (live > gone)
    return np.select([is_left, 2 * expired > gone], ["below-minimum", "expired"], "forest-seen")


def _pixel_table(patches: Patches, which: np.ndarray, looked: Sequence[Looked]) -> pd.DataFrame:
    """What is counted of some pixels of events, a row each. which: (n,) bool."""
    pixels = patches.pixels.select(which)
    live, sure = pixels.is_live, pixels.is_sure
    return pd.DataFrame(
        {
            "event": patches.lineage.event[which],
            "live": live,
            "expired": pixels.is_expired,
            "sure": sure,
            "highest": sure & (pixels.confidence >= int(Confidence.HIGHEST)),
            "onset": pixels.onset,
            "live_onset": np.where(live, pixels.onset, 0),
            "confirmed_on": np.where(sure & (pixels.confirmed_on > 0), pixels.confirmed_on, _NEVER),
            "looks": np.where(live, pixels.observations, _days_until_withdrawal(pixels, looked)),
        }
    )


def _days_until_withdrawal(pixels: Pixels, looked: Sequence[Looked]) -> np.ndarray:
    """Days on which a pixel's tile was looked at from its onset to its withdrawal, (n,) int64: its own
    observations are no longer known then.
    """
    count = np.zeros(len(pixels), np.int64)
    for number, days in enumerate(looked):
        seen = np.unique([day for sensor in days.values() for day in sensor])
        here = (pixels.tile == number) & ~pixels.is_live
        first = np.searchsorted(seen, pixels.onset[here], side="left")
        count[here] = np.searchsorted(seen, pixels.withdrawn_on[here], side="right") - first
    return count


def _sensors(patches: Patches, since: np.ndarray, looked: Sequence[Looked]) -> list[str]:
    last = [{sensor: max(days, default=0) for sensor, days in each.items()} for each in looked]
    found: list[set[str]] = [set() for _ in range(len(patches))]
    shown = patches.lineage.is_shown
    pairs = np.unique(np.stack([patches.lineage.event[shown], patches.pixels.tile[shown]], 1), axis=0)
    for event, tile in pairs.tolist():
        found[event].update(sensor for sensor, day in last[tile].items() if day >= since[event])
    return [" ".join(sorted(each)) for each in found]


def _merged_from(patches: Patches, event_frame: EventFrame) -> list[str | None]:
    """Ids, in order, that parts of each event bore before they met."""
    ended, events = patches.lineage.ended, patches.lineage.event
    merged: list[list[str]] = [[] for _ in range(len(patches))]
    ids = event_ids(patches.pixels, ended, event_frame.prefix, event_frame.id_key)
    for position, name in zip(ended.tolist(), ids, strict=True):
        merged[events[position]].append(name)
    return [" ".join(sorted(names)) or None for names in merged]


def _published(frame: pd.DataFrame, previous: gpd.GeoDataFrame, heirs: Heirs) -> pd.DataFrame:
    """The rows with version and change against what was published, and the causes published."""
    before = {row["event_id"]: row for row in previous.to_dict("records")}
    size = dict(zip(before, heirs.size_px.tolist(), strict=True))
    kept = dict(zip(before, heirs.kept_px.tolist(), strict=True))
    listed = set(frame["event_id"])
    joined = {heir for old, heir in zip(before, heirs.event_id, strict=True) if old not in listed}
    rows = []
    for row in frame.to_dict("records"):
        name = row["event_id"]
        old = before.get(name)
        gained, shed = row["size_px"] > kept.get(name, 0), size.get(name, 0) > kept.get(name, 0)
        row["change"] = _change(row, old, name in joined, gained, shed)
        row["version"] = (int(old["version"]) if old else 0) + (row["change"] != "stable")
        is_gone = row["status"] == "withdrawn"
        for column, unknown in (("cause", "unknown"), ("mining_probability", 0.5), ("cause_reasons", "")):
            row[column] = old[column] if old and not is_gone else unknown
        rows.append(row)
    return pd.DataFrame(rows).drop(columns="size_px") if rows else previous.iloc[:0]


def _change(row: Mapping, old: Mapping | None, joined: bool, gained: bool, shed: bool) -> str:
    if row["status"] == "withdrawn":
        return "stable" if old and old["status"] == "withdrawn" else "withdrawn"
    if joined:
        return "merged"
    if old is None or old["status"] == "withdrawn":
        return "new"
    if gained:
        return "grown"
    if shed:
        return "reduced"
    if row["status"] != old["status"]:
        return str(row["status"])
    if (row["confidence"], row["ha_lo"]) != (old["confidence"], old["ha_lo"]):
        return "confirmed"
    return "stable"


def _undone(previous: gpd.GeoDataFrame, ids: Sequence[str], heirs: Heirs) -> pd.DataFrame:
    """Rows of published events whose pixels a late or reprocessed scene has undone, so that none goes on."""
    undone = ~previous["event_id"].isin(ids).to_numpy(bool) & (heirs.detected_px < heirs.size_px)
    undone &= np.array([name is None for name in heirs.event_id], np.bool_)
    gone = previous[undone].copy()
    now = (gone["status"] != "withdrawn").to_numpy(bool)
    gone["change"] = np.where(now, "withdrawn", "stable")
    gone["version"] = gone["version"] + now
    reasons = np.where(heirs.detected_px[undone] > 0, "below-minimum", "not-reproduced")
    gone["withdrawn_reason"] = np.where(now, reasons, gone["withdrawn_reason"])
    gone["status"] = "withdrawn"
    gone[["chance", "ha_subpixel"]] = np.nan
    return pd.DataFrame(gone)


def cell_frame(outlines: Outlines, ids: Sequence[str], events: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """CELLS of the events that are not withdrawn, with the causes they bear, sorted by id.

    ids: of every event of the outlines; cells of those that are not among the events are left out.
    """
    owners = np.asarray(ids, object)[outlines.cell_patch]
    statuses = np.array([_STATUS_NAMES[Status(int(code))] for code in outlines.cell_status], object)
    event = events.set_index("event_id").reindex(owners)
    is_shown = event.index.isin(events["event_id"]) & (event["status"] != "withdrawn").to_numpy(bool)
    names = [
        f"{owner}-{to_date(onset):%y%m%d}-{status[:2]}"
        for owner, onset, status in zip(owners, outlines.cell_onset.tolist(), statuses, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "cell_id": names,
            "event_id": owners,
            "status": statuses,
            "cause": event["cause"].to_numpy(),
            "mining_probability": event["mining_probability"].to_numpy(),
            "onset": to_stamps(outlines.cell_onset),
            "onset_earliest": to_stamps(outlines.cell_earliest),
            "onset_latest": to_stamps(outlines.cell_latest),
            "ha": outlines.cell_ha,
            "geometry": outlines.cell_geometry,
        }
    )[is_shown]
    return gpd.GeoDataFrame(CELLS.check(frame.sort_values("cell_id")), geometry="geometry", crs=events.crs)
