"""What is new between two states of a tier: every event of either in one group, and hectares that balance."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

GROUPS = (
    "new",
    "back",
    "confirmed",
    "grown",
    "shrunk",
    "closed",
    "withdrawn",
    "passing",
    "merged",
    "open",
    "closed_before",
    "withdrawn_before",
)
"""Groups of events, in the order in which they are reported: `new`, never published before; `back`, was
withdrawn or had ended; `confirmed` since; `grown`, `shrunk`; `closed` since; `withdrawn` since; `passing`,
came and was withdrawn between the two; `merged` into another; `open`, as it was; `closed_before`,
`withdrawn_before`: both times.
"""

UNLISTED, JOINED = "not-listed", "joined"
"""Reasons of a `withdrawn` event that the later state does not have at all; `joined`: some of its outline
lies in another event now.
"""

REASONS: dict[str, str] = {
    UNLISTED: "No longer listed: what remains is too small, or is not given out at this level.",
    JOINED: "What remained of it goes on in another alert.",
}
"""Codes of reasons that no run publishes: the message that each stands for, English."""

LEAST_HA = 1e-4
"""Hectares from which an event has grown or shrunk: a hundredth of a pixel of 10 m, above what sums round."""

_CONFIRMED = ("confirmed", "closed")

_COLUMNS = (
    "event_id",
    "group",
    "alert_id",
    "status_before",
    "status",
    "ha_before",
    "ha",
    "change_ha",
    "confirmed_ha_before",
    "confirmed_ha",
    "confirmed_change_ha",
    "withdrawn_reason",
    "goes_on_as",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Confirmed hectares of two states, and what lies between: those of events that are confirmed or closed.

    `new_ha + back_ha + grown_ha - shrunk_ha - withdrawn_ha` is `now_ha - before_ha`.
    """

    before_ha: float
    now_ha: float
    new_ha: float
    back_ha: float
    grown_ha: float
    """Gained by events of both states, those confirmed since among them; a merged one counts in its heir."""
    shrunk_ha: float
    """Lost by events of both states, those no longer confirmed among them."""
    withdrawn_ha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every event of two states of a tier."""

    rows: pd.DataFrame
    """A row per event, by group in the order of `GROUPS`, then by hectares of now or before, then by id.

    `event_id`, `group`, `alert_id` (of now, else of before), `status_before`, `status` (empty: not in that
    state), `ha_before` (with those of the events that merged into it), `ha`, `change_ha`, the same of
    confirmed hectares, `withdrawn_reason`, `goes_on_as` (id of the event that a merged one, or what remains
    of another, goes on in). Hectares of a state that does not have the event are 0; so are the changes of a
    merged event, since its heir has them.
    """

    def of(self, *groups: str) -> pd.DataFrame:
        """The rows of some groups, in their order."""
        return self.rows[self.rows["group"].isin(groups)]

    @property
    def balance(self) -> Balance:
        """What the confirmed hectares of the earlier state became, by group."""
        rows = self.rows
        change, group = rows["confirmed_change_ha"].to_numpy(float), rows["group"].to_numpy(str)
        held = ~np.isin(group, ("new", "back", "withdrawn"))
        goes_on = group != "merged"
        return Balance(
            before_ha=float(rows["confirmed_ha_before"].to_numpy(float)[goes_on].sum()),
            now_ha=float(rows["confirmed_ha"].sum()),
            new_ha=float(change[group == "new"].sum()),
            back_ha=float(change[group == "back"].sum()),
            grown_ha=float(change[held & (change > 0)].sum()),
            shrunk_ha=float(-change[held & (change < 0)].sum()),
            withdrawn_ha=float(-change[group == "withdrawn"].sum()),
        )


def compare(
    before: pd.DataFrame,
    now: pd.DataFrame,
    published: Collection[str] = (),
    remains: Mapping[str, str] | None = None,
) -> Comparison:
    """What is new in a later state of a tier against an earlier one; neither frame is changed.

    Parameters
    ----------
    before, now
        EVENTS or ALERTS rows of one tier, one version per event, in any order.
    published
        Ids of events that the tier was given before the later state, in whatever run; those of `before`,
        and of what had merged into them, need not be among them.
    remains
        `remains_of` the same events: where one that has ended without a merger lies now; None: not known.
        One that lies in an event which `now` does not hold goes on nowhere: it would tell of that event.
    """
    earlier, later = _keyed(before), _keyed(now)
    heirs = _heirs(earlier, later)
    given = {name: heir for name, heir in (remains or {}).items() if heir in later}
    inherited: dict[str, list[str]] = {}
    for ended, heir in heirs.items():
        inherited.setdefault(heir, []).append(ended)
    known = {*published, *earlier}.union(*(state["merged_from"].split() for state in earlier.values()))
    rows = [
        _row(name, earlier, later[name], inherited.get(name, []), known)
        if name in later
        else _ended(earlier[name], heirs.get(name), given.get(name))
        for name in sorted({*earlier, *later})
    ]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    order = np.array([GROUPS.index(group) for group in frame["group"]], np.int64)
    largest = np.maximum(frame["ha"].to_numpy(float), frame["ha_before"].to_numpy(float))
    frame = frame.iloc[np.lexsort((frame["event_id"].to_numpy(str), -largest, order))]
    return Comparison(rows=frame.reset_index(drop=True))


_State = Mapping[str, Any]
"""What is compared of one event in one state."""


def _keyed(frame: pd.DataFrame) -> dict[str, _State]:
    """What is compared of each event, by id."""
    names = ["event_id", "version", "status", "ha", "merged_from", "withdrawn_reason"]
    states: dict[str, _State] = {}
    for event, version, status, ha, merged, reason in pd.DataFrame(frame)[names].itertuples(index=False):
        if event in states:
            raise ValueError(f"a state holds one version of each event, got several of {event}")
        live = status != "withdrawn"
        states[event] = {
            "event_id": event,
            "alert_id": f"{event}.v{version}",
            "status": status,
            "live": live,
            "live_ha": float(ha) if live else 0.0,
            "confirmed_ha": float(ha) if status in _CONFIRMED else 0.0,
            "merged_from": merged if isinstance(merged, str) else "",
            "withdrawn_reason": reason if isinstance(reason, str) else "",
        }
    return states


def _heirs(earlier: Mapping[str, _State], later: Mapping[str, _State]) -> dict[str, str]:
    """The event of the later state in which each event that has ended since goes on."""
    into = {name: heir for heir in sorted(later) for name in later[heir]["merged_from"].split()}
    return {
        name: into[name]
        for name in sorted(earlier.keys() - later.keys())
        if name in into and earlier[name]["live"]
    }


def _ended(old: _State, heir: str | None, remains: str | None) -> dict[str, object]:
    """The row of an event that the later state does not have."""
    reason = JOINED if remains else UNLISTED
    group = "merged" if heir else "withdrawn" if old["live"] else "withdrawn_before"
    lost = 0.0 if heir else 1.0
    return {
        "event_id": old["event_id"],
        "group": group,
        "alert_id": old["alert_id"],
        "status_before": old["status"],
        "status": "",
        "ha_before": old["live_ha"],
        "ha": 0.0,
        "change_ha": -lost * old["live_ha"],
        "confirmed_ha_before": old["confirmed_ha"],
        "confirmed_ha": 0.0,
        "confirmed_change_ha": -lost * old["confirmed_ha"],
        "withdrawn_reason": reason if group == "withdrawn" else old["withdrawn_reason"],
        "goes_on_as": heir or (remains if group == "withdrawn" else "") or "",
    }


def _row(
    name: str, earlier: Mapping[str, _State], new: _State, inherited: list[str], known: Collection[str]
) -> dict[str, object]:
    """The row of an event of the later state."""
    held = [earlier[each] for each in (name, *inherited) if each in earlier]
    before, sure = (math.fsum(each[column] for each in held) for column in ("live_ha", "confirmed_ha"))
    values = {
        "event_id": name,
        "alert_id": new["alert_id"],
        "status_before": earlier[name]["status"] if name in earlier else "",
        "status": new["status"],
        "ha_before": before,
        "ha": new["live_ha"],
        "change_ha": new["live_ha"] - before,
        "confirmed_ha_before": sure,
        "confirmed_ha": new["confirmed_ha"],
        "confirmed_change_ha": new["confirmed_ha"] - sure,
        "withdrawn_reason": new["withdrawn_reason"],
        "goes_on_as": "",
    }
    return values | {"group": _group(values, any(each["live"] for each in held), name in known)}


def remains_of(before: gpd.GeoDataFrame, now: gpd.GeoDataFrame) -> dict[str, str]:
    """For each event of an earlier state that a later one does not have, the live event of the later one that
    shares most ground with it; events that share none are not in it.

    before, now: EVENTS of one tier, with their outlines.
    """
    gone = before[(before["status"] != "withdrawn") & ~before["event_id"].isin(now["event_id"])]
    live = now[now["status"] != "withdrawn"].sort_values("event_id")
    shapes, tree = live.geometry.to_numpy(), shapely.STRtree(live.geometry.to_numpy())
    found: dict[str, str] = {}
    for name, shape in zip(gone["event_id"], gone.geometry, strict=True):
        near = np.sort(tree.query(shape, predicate="intersects"))
        shared = shapely.area(shapely.intersection(shapes[near], shape))
        if shared.size and shared.max() > 0:
            found[str(name)] = str(live["event_id"].iloc[near[int(shared.argmax())]])
    return found


def _group(values: _State, was_live: bool, is_known: bool) -> str:
    if values["status"] == "withdrawn":
        return "withdrawn" if was_live else "withdrawn_before" if values["status_before"] else "passing"
    if not was_live:
        return "back" if is_known else "new"
    sure, sure_before = values["confirmed_ha"], values["confirmed_ha_before"]
    if sure > 0 and sure_before == 0:
        return "confirmed"
    is_sure = sure > 0 or sure_before > 0
    change = values["confirmed_change_ha"] if is_sure else values["change_ha"]
    if abs(change) >= LEAST_HA:
        return "grown" if change > 0 else "shrunk"
    if values["status"] == "closed":
        return "closed_before" if values["status_before"] == "closed" else "closed"
    return "open"
