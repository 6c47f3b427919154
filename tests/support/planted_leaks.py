"""Ways in which a lower tier could be given something of what is withheld, to be planted in a run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from selvawatch.core.schema import Tier
from selvawatch.steps.run import findings, monitor, publish
from selvawatch.steps.run.findings import Findings
from selvawatch.write.tiers import Released

Change = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
"""The alerts that a tier is given, changed by all alerts of the run."""


def _rank(given: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    ranks = every.set_index("event_id")["rank"].reindex(given["event_id"]).fillna(0)
    return given.assign(rank=ranks.to_numpy("int64"))


def _reason(given: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    near = [
        " ".join(
            [
                codes,
                *["beside"] * bool((every.distance(shape) < 400).sum() > (given.distance(shape) < 400).sum()),
            ]
        )
        for codes, shape in zip(given["rank_reasons"], given.geometry, strict=True)
    ]
    return given.assign(rank_reasons=near)


def _total(given: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    return given.assign(score=given["ha"] / every["ha"].sum())


def _identity(given: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    return given.assign(event_id=[f"{name}-{len(every)}" for name in given["event_id"]])


def _order(given: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    return given.iloc[:: -1 if len(every) % 2 else 1].reset_index(drop=True)


def _merged(given: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    others = sorted(set(every["event_id"]) - set(given["event_id"]))
    return given.assign(merged_from=" ".join(others) or None)


def _version(given: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    return given.assign(version=given["version"] + len(every))


COLUMNS: dict[str, Change] = {
    "rank": _rank,
    "reason": _reason,
    "total": _total,
    "id": _identity,
    "order": _order,
    "merged_from": _merged,
    "version": _version,
}
"""Leaks through the columns of alerts."""

LEAKS = (*COLUMNS, "count", "file size", "disappearance", "suspects")


def plant(patch: pytest.MonkeyPatch, leak: str) -> None:
    """Plant one of LEAKS in the runs to come."""
    if leak == "disappearance":
        patch.setattr(findings, "track_events", _whole_events_go(findings.track_events))
        return
    if leak == "suspects":
        counts = findings.under_observation
        patch.setattr(findings, "under_observation", lambda *words: counts(*words[:-1], None))
        return
    made: dict[Tier, Findings] = {}
    finds = monitor.findings_of

    def finding(*words: object) -> Findings:
        found = finds(*words)
        made[found.tier] = found
        return found

    def every() -> pd.DataFrame:
        return made[Tier.RESTRICTED].attributed.alerts

    patch.setattr(monitor, "findings_of", finding)
    if leak == "file size":
        writes = publish._write_pages

        def padded(folder: Path, bulletin: object) -> dict[str, Path]:
            files = writes(folder, bulletin)
            with (folder / "bulletin-es.txt").open("a") as file:
                file.write(" " * len(every()))
            return files

        patch.setattr(publish, "_write_pages", padded)
        return
    releases = publish._for_tier

    def released(site: object, content: object, tier: Tier) -> object:
        found = releases(site, content, tier)
        if tier is Tier.RESTRICTED:
            return found
        if leak == "count":
            headline = replace(found.headline, withdrawn=len(every()))
            return replace(found, headline=headline)
        return replace(found, alerts=_changed(found.alerts, COLUMNS[leak], every()))

    patch.setattr(publish, "_for_tier", released)


def _changed(alerts: Released, change: Change, every: pd.DataFrame) -> Released:
    """Released alerts with other rows, past every gate."""
    other = object.__new__(Released)
    for name in Released.__slots__:
        object.__setattr__(other, name, getattr(alerts, name))
    object.__setattr__(other, "frame", change(alerts.frame, every))
    return other


def _whole_events_go(tracks: Callable) -> Callable:
    """What the gate did before: an event that comes near guarded ground is not given any more at all."""

    def tracked(context, states, pixels, references, *, tier, guard):
        every = tracks(context, states, pixels, references, tier=tier, guard=None)
        if guard is None:
            return every
        kept = every.events[~guard.near(every.events.geometry.to_numpy())]
        cells = every.cells[every.cells["event_id"].isin(kept["event_id"])]
        return replace(every, events=kept.reset_index(drop=True), cells=cells.reset_index(drop=True))

    return tracked
