"""What a run reports of itself: the `--json` line, the ledger's row, and texts for Prefect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selvawatch.core.days import iso, to_day
from selvawatch.core.tier import Tier
from selvawatch.errors import SelvawatchError
from selvawatch.health.store_findings import blind_lines
from selvawatch.steps.run.attribute_events import reviewed_pieces
from selvawatch.steps.run.run_content import Published, RunContent, TileResults
from selvawatch.steps.run.scene_rows import scene_balance
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_plan import RunContext
from selvawatch.write.bulletin.bulletin_model import AreaUnderObservation


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run says of itself; the object of the `--json` line."""

    run_id: str
    store: str
    bulletin: str
    """Public bulletin in Spanish."""
    bulletin_restricted: str
    map: str
    alerts: str
    """Public alert table."""
    tables: str
    """Folder of the public tables."""
    until: str
    observed_share: float
    """Share of the monitored pixels seen at least once since monitoring began, 0-1."""
    span_from: str
    """First day of the span since the last run of the area, at least 30 days back; empty: not known."""
    observed_share_span: float | None
    """Share of the area's monitored pixels with a usable observation in that span, 0-1; None: not known."""
    observed_share_span_optical: float | None
    """The same, of optical sensors alone."""
    newest_scenes: Mapping[str, str]
    """Day of the newest scene that is listed over the area, whatever its cloud, by sensor; empty: none."""
    stale: Mapping[str, str]
    """Those of them that are too old, or of which there is none."""
    unsearched: tuple[str, ...]
    """Sensors whose archive could not be searched."""
    sources_stopped: tuple[str, ...]
    """Sources that brought nothing new or could not be searched while another of the sensor went on."""
    events_new: int
    events_confirmed: int
    events_closed: int
    """Confirmed once, and without new evidence for as long as the model's `close_after_days`."""
    events: int
    """Events that are not withdrawn."""
    under_observation: Mapping[str, int] | None
    """Places that are no alerts yet, by area; those in none under an empty name; None: not known."""
    loss_ha: float
    """Confirmed and closed pixels of all causes."""
    mining_ha: float
    """Those of events whose published cause is mining."""
    scenes_read: int
    scenes_unread: int
    scenes_unreachable: int
    """Those of open days whose archive did not answer: a run to the same day tries them again."""
    scenes_superseded: int
    """Scenes that newer products of the same acquisitions replaced in this run."""
    scene_balance: Mapping[str, Mapping[str, int]]
    """What became of every scene that was found, by sensor: `steps.run.scene_rows.scene_balance`."""
    tiles: int
    failed: Mapping[str, str]
    """Why tiles could not be brought up to the day, by tile; they keep their state of before."""
    loss_by_type: tuple[Mapping[str, str | float], ...]
    """Rows for people: type, hectares, of which mining."""
    reviews: int
    """Answers of people that the store holds."""
    reviews_new: tuple[str, ...]
    """Those that came in since the run before, as `ALERT verdict`: what the run revises."""

    def checked(self) -> "RunReport":
        """The report itself; SelvawatchError naming the tiles that failed."""
        if self.failed:
            first, why = next(iter(sorted(self.failed.items())))
            raise SelvawatchError(
                f"{len(self.failed)} of {self.tiles} tiles could not be brought up to {self.until}",
                where=f"run {self.run_id}, tile {first}",
                got=why,
                do="the others are committed; run the command again to try these",
            )
        return self

    @property
    def is_blind(self) -> bool:
        """Whether some sensor brings no new scenes, or was not searched."""
        return bool(self.stale or self.unsearched)


def report_on(
    context: RunContext,
    results: TileResults,
    content: RunContent,
    public: Published,
    restricted: Published,
) -> RunReport:
    """The report of a run that published these products."""
    found = content.findings[Tier.RESTRICTED]
    events = found.tracked.events
    live = events[events["status"] != "withdrawn"]
    counted = reviewed_pieces(found.attributed.pieces, content.reviews[Tier.RESTRICTED].deciding).frame
    counted = counted[counted["status"] != "provisional"]
    return RunReport(
        run_id=context.plan.run_id,
        store=str(context.plan.store),
        bulletin=str(public.bulletin),
        bulletin_restricted=str(restricted.bulletin),
        map=str(public.map_page),
        alerts=str(public.alerts),
        tables=str(public.tables),
        until=iso(context.plan.until_day),
        observed_share=round(content.coverage.observed_share, 6),
        span_from=iso(content.coverage.span_from),
        observed_share_span=_rounded(content.coverage.observed_share_span),
        observed_share_span_optical=_rounded(content.coverage.observed_share_span_optical),
        newest_scenes={one.sensor: _iso(one.newest_day) for one in content.coverage.listed},
        stale={one.sensor: _iso(one.newest_day) for one in content.coverage.stale},
        unsearched=tuple(one.sensor for one in content.coverage.listed if not one.searched),
        sources_stopped=context.inputs.stopped,
        events_new=int((live["change"] == "new").sum()),
        events_confirmed=int((live["status"] == "confirmed").sum()),
        events_closed=int((live["status"] == "closed").sum()),
        events=len(live),
        under_observation=_by_area(found.under_observation),
        loss_ha=round(float(counted["ha"].sum()), 6),
        mining_ha=round(float(counted.loc[counted["cause"] == "mining", "ha"].sum()), 6),
        scenes_read=sum(sensor.scenes_read for sensor in content.coverage.sensors),
        scenes_unread=content.coverage.scenes_unread,
        scenes_unreachable=_unreachable(context, content),
        scenes_superseded=len(content.coverage.superseded),
        scene_balance=scene_balance(context, results.states),
        tiles=results.tiles,
        failed=dict(results.failed),
        loss_by_type=restricted.by_type,
        reviews=content.reviews_count,
        reviews_new=content.reviews_new,
    )


def _by_area(areas: Sequence[AreaUnderObservation] | None) -> dict[str, int] | None:
    return None if areas is None else {one.area: one.patches for one in areas}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _iso(day: int) -> str:
    """A day as ISO text; empty for none."""
    return iso(day) if day else ""


def _unreachable(context: RunContext, content: RunContent) -> int:
    """Scenes of open days, or of the history, whose archive did not answer."""
    frozen_day = context.plan.until_day - context.site.model.buffer_days
    first_day = context.site.days.first_day
    return sum(
        scene.reason == "unreachable" and (scene.day > frozen_day or scene.day < first_day)
        for scene in content.coverage.unread
    )


_LISTS = ("loss_by_type", "unsearched", "sources_stopped", "reviews_new")
"""Fields that JSON gives back as lists."""


def report_of(row: RunRow) -> RunReport:
    """The report of a committed run."""
    unknown = {"span_from": "", "observed_share_span": None, "observed_share_span_optical": None}
    silent: dict[str, object] = {"newest_scenes": {}, "stale": {}, "unsearched": (), "sources_stopped": ()}
    silent |= {"under_observation": None, "reviews": 0, "reviews_new": ()}
    counts = {"scene_balance": {}, "scenes_superseded": 0, "scenes_unreachable": 0, "events_closed": 0}
    values = {**unknown, **silent, **counts, **row.result}
    listed = {name: tuple(values[name]) for name in _LISTS}
    return RunReport(**{**values, **listed})


def seen_line(report: RunReport) -> str:
    """How much of the monitored ground was seen: since the last run, and since monitoring began."""
    ever = f"{_percent(report.observed_share)} since monitoring began"
    if report.observed_share_span is None:
        since = f" since {report.span_from}" if report.span_from else " lately"
        return f"how much of the monitored ground was seen{since} is not known; {ever}"
    optical = report.observed_share_span_optical
    by_optical = "not known how much" if optical is None else _percent(optical)
    return (
        f"{_percent(report.observed_share_span)} of the monitored ground seen since {report.span_from}"
        f" ({by_optical} by optical sensors), {ever}"
    )


def blind_lines_of(report: RunReport) -> list[str]:
    """One line for each sensor that brings no new scenes or was not searched, and each stopped source."""
    return blind_lines(report.stale, report.unsearched, to_day(report.until), report.sources_stopped)


def _percent(share: float) -> str:
    """A share of 0-1 in percent; what is not quite all or nothing is not rounded to it."""
    return f"{min(99, max(1, round(100 * share))) if 0 < share < 1 else round(100 * share)} %"


def report_rows(report: RunReport) -> list[dict[str, str | float]]:
    """The loss by type as rows for a Prefect table."""
    return [dict(row) for row in report.loss_by_type]


def _watched(report: RunReport) -> str:
    """How many places are under observation."""
    found = report.under_observation
    return (
        "how many places are under observation is not known"
        if found is None
        else f"{sum(found.values())} places under observation, no alerts yet"
    )


def report_text(report: RunReport) -> str:
    """The report as Markdown for a Prefect artifact: numbers and paths, no coordinates, no names."""
    lines = [
        f"# selvawatch, {report.until}",
        "",
        f"* {report.mining_ha:.1f} ha of possible mining in {report.loss_ha:.1f} ha of forest loss",
        f"* {report.events_new} new events, {report.events_confirmed} confirmed,"
        f" {report.events_closed} closed, {report.events} in all",
        f"* {_watched(report)}",
        f"* {seen_line(report)}",
        f"* {report.scenes_read} scenes read, {report.scenes_unread} not,"
        f" {report.scenes_superseded} replaced by newer products",
        f"* bulletin: `{report.bulletin}`",
    ]
    lines += [f"* {line}" for line in blind_lines_of(report)]
    lines += [f"* tile {tile} failed: {why}" for tile, why in sorted(report.failed.items())]
    return "\n".join(lines) + "\n"
