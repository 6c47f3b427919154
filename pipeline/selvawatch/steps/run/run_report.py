"""What a run reports of itself: the `--json` line, the ledger's row, and texts for Prefect."""

from collections.abc import Mapping
from dataclasses import dataclass

from selvawatch.core.days import iso
from selvawatch.errors import SelvawatchError
from selvawatch.steps.run.run_content import Published, RunContent, TileResults
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_plan import RunContext


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
    events_new: int
    events_confirmed: int
    events: int
    """Events that are not withdrawn."""
    loss_ha: float
    mining_ha: float
    scenes_read: int
    scenes_unread: int
    scenes_unreachable: int
    """Those of open days whose archive did not answer: a run to the same day tries them again."""
    scenes_superseded: int
    """Scenes that newer products of the same acquisitions replaced in this run."""
    tiles: int
    failed: Mapping[str, str]
    """Why tiles could not be brought up to the day, by tile; they keep their state of before."""
    loss_by_type: tuple[Mapping[str, str | float], ...]
    """Rows for people: type, hectares, of which mining."""

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


def report_on(
    context: RunContext,
    results: TileResults,
    content: RunContent,
    public: Published,
    restricted: Published,
) -> RunReport:
    """The report of a run that published these products."""
    events = content.tracked.events
    live = events[events["status"] != "withdrawn"]
    by_type = content.attributed.pieces.frame
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
        events_new=int((live["change"] == "new").sum()),
        events_confirmed=int((live["status"] == "confirmed").sum()),
        events=len(live),
        loss_ha=round(float(by_type["ha"].sum()), 6),
        mining_ha=round(float(by_type.loc[by_type["cause"] == "mining", "ha"].sum()), 6),
        scenes_read=sum(sensor.scenes_read for sensor in content.coverage.sensors),
        scenes_unread=content.coverage.scenes_unread,
        scenes_unreachable=_unreachable(context, content),
        scenes_superseded=len(content.coverage.superseded),
        tiles=results.tiles,
        failed=dict(results.failed),
        loss_by_type=restricted.by_type,
    )


def _unreachable(context: RunContext, content: RunContent) -> int:
    """Scenes of open days, or of the history, whose archive did not answer."""
    frozen_day = context.plan.until_day - context.site.model.buffer_days
    first_day = context.site.days.first_day
    return sum(
        scene.reason == "unreachable" and (scene.day > frozen_day or scene.day < first_day)
        for scene in content.coverage.unread
    )


def report_of(row: RunRow) -> RunReport:
    """The report of a committed run."""
    values = dict(row.result)
    values = {"scenes_superseded": 0, "scenes_unreachable": 0, **values}
    return RunReport(**{**values, "loss_by_type": tuple(values["loss_by_type"])})


def report_rows(report: RunReport) -> list[dict[str, str | float]]:
    """The loss by type as rows for a Prefect table."""
    return [dict(row) for row in report.loss_by_type]


def report_text(report: RunReport) -> str:
    """The report as Markdown for a Prefect artifact: numbers and paths, no coordinates, no names."""
    lines = [
        f"# selvawatch, {report.until}",
        "",
        f"* {report.mining_ha:.1f} ha of possible mining in {report.loss_ha:.1f} ha of forest loss",
        f"* {report.events_new} new events, {report.events_confirmed} confirmed, {report.events} in all",
        f"* {100 * report.observed_share:.0f} % of the monitored ground was seen;"
        f" {report.scenes_read} scenes read, {report.scenes_unread} not,"
        f" {report.scenes_superseded} replaced by newer products",
        f"* bulletin: `{report.bulletin}`",
    ]
    lines += [f"* tile {tile} failed: {why}" for tile, why in sorted(report.failed.items())]
    return "\n".join(lines) + "\n"
