"""Monitoring, whole: plan, bring the tiles up to the day, attribute, publish, commit."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import shapely

from selvawatch.core.days import iso, to_day
from selvawatch.core.files import digest
from selvawatch.core.schema import Tier
from selvawatch.errors import SelvawatchError, SiteError
from selvawatch.provenance import code_digest, code_version
from selvawatch.site import Site
from selvawatch.sources.open import open_source
from selvawatch.steps.run.alert_evidence import with_evidence
from selvawatch.steps.run.attribute_events import (
    attribute_events,
    read_zones,
    with_product_scars,
    with_river_water,
)
from selvawatch.steps.run.coverage import coverage_of
from selvawatch.steps.run.pictures import draw_pictures
from selvawatch.steps.run.plan import plan_run
from selvawatch.steps.run.publish import Published, RunContent, publish
from selvawatch.steps.run.river_water import river_water_of
from selvawatch.steps.run.scene_rows import newly_superseded, scene_rows
from selvawatch.steps.run.track import reference_lines, track_events
from selvawatch.steps.tile.advance import advance_tile, baseline_tile
from selvawatch.steps.tile.water_counts import prune_water
from selvawatch.store.folders import Store, new_folder, open_store, prune
from selvawatch.store.ledger import AlertRow, RunRow, TileRow, exclusive
from selvawatch.store.run_files import read_tracked, write_seen, write_tracked
from selvawatch.store.run_plan import RunPlan, open_plan, read_inputs
from selvawatch.store.tile_state import TileState, current_state
from selvawatch.write.run_provenance import Run

TOP_PICTURES = 12
"""Alerts that get pictures: those the bulletin tells in full."""


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


def plan(site: str, site_file: str, store: str, area: str, until: str, source: str) -> RunPlan:
    """The plan of a run; `until` is an ISO day, or `today` (UTC)."""
    day = to_day(dt.datetime.now(dt.UTC)) if until == "today" else to_day(until)
    loaded = Site.load(Path(site), site_file)
    opened = open_store(store)
    # A register or product that cannot be used is said now, not after hours of pixels.
    with_product_scars(read_zones(loaded, opened), opened, loaded.grid.crs)
    return plan_run(loaded, opened, area, day, source)


def monitor(
    site: str, site_file: str, store: str, area: str, until: str, source: str, cluster: str | None = None
) -> RunReport:
    """The same run as the flow's, without Prefect: tile after tile, or on the dask cluster at an address."""
    run = plan(site, site_file, store, area, until, source)
    states: dict[str, str] = {}
    failed: dict[str, str] = {}
    if cluster is not None and not run.done:
        from selvawatch.steps.run.cluster import advance_on  # the cluster's library takes a second to import

        return finish(run, *advance_on(cluster, run))
    for tile in () if run.done else run.tiles:
        try:
            states[tile] = advance_tile(run, tile)
        except (SelvawatchError, OSError) as error:
            failed[tile] = str(error)
    return finish(run, states, failed)


def baseline(site: str, site_file: str, store: str, area: str, source: str) -> dict[str, Path]:
    """Fit the baselines of an area's tiles to the site's history; folder by tile.

    Raises
    ------
    SiteError
        When the site has no history.
    """
    loaded = Site.load(Path(site), site_file)
    if loaded.days.history is None:
        raise SiteError(
            "the site has no history to fit",
            where=Path(site) / site_file,
            needed="history_from and history_to in [days]",
            do="give them, or rely on the model's fallback and a forest_mask",
        )
    begins = loaded.days.first_day
    run = plan_run(loaded, open_store(store), area, begins, source, baseline=True)
    return {tile: baseline_tile(run, tile) for tile in run.tiles}


def finish(run: RunPlan, states: Mapping[str, str], failed: Mapping[str, str]) -> RunReport:
    """Attribute and publish what the tiles say, commit the run, and report; a committed run is only reported.

    states: name of the new state folder of each tile that was brought up; failed: why the others were not.

    Raises
    ------
    SelvawatchError
        When every tile failed, or something cannot be attributed or written; nothing is committed then.
    """
    site, store = open_plan(run)
    if run.done:
        row = next(row for row in store.ledger.runs() if row.run_id == run.run_id)
        return report_of(row)
    if failed and not states:
        first, why = next(iter(sorted(failed.items())))
        raise SelvawatchError("no tile could be brought up to the day", where=f"tile {first}", got=why)
    with exclusive(store.folder):
        return _finish(site, store, run, states, failed)


def _finish(
    site: Site, store: Store, run: RunPlan, states: Mapping[str, str], failed: Mapping[str, str]
) -> RunReport:
    current = store.ledger.current()
    previous = None if current is None else read_tracked(store.run(current.run_id) / "internal")
    known = {tile: current_state(store, tile) for tile in store.ledger.tiles()}
    tile_states = {tile: state for tile, state in known.items() if state is not None}
    tile_states |= {tile: TileState.read(store.state(tile, name)) for tile, name in states.items()}
    inputs, past = read_inputs(run), store.ledger.scenes()
    rows = scene_rows(site, run, inputs, past, tile_states, states)
    zones = with_product_scars(read_zones(site, store), store, site.grid.crs)
    tracked = track_events(
        site,
        store,
        tile_states,
        previous,
        run.until_day,
        reference_lines(zones.references.rivers),
        reference_lines(zones.references.roads),
    )
    known_ground = zones.references
    water = river_water_of(
        site, store, tile_states, tracked.events, known_ground.rivers, known_ground.scars, run.until_day
    )
    zones = with_river_water(zones, water)
    attributed = attribute_events(site, zones, tracked, run.until_day, site.digest, store)
    open_source(run.source)  # names the hosts that pictures may come from, in a process that read no tile
    pictures = draw_pictures(site, store, tile_states, inputs.scenes, attributed.alerts, TOP_PICTURES)
    alerts = with_evidence(site, tile_states, attributed.alerts, pictures)
    attributed = replace(attributed, alerts=alerts)
    watched = site.select_areas(run.area)
    content = RunContent(
        run=_run(site, run, zones.register.version, tile_states),
        area_name=run.area,
        area_title=watched[0].title if len(watched) == 1 else site.config.title,
        area=shapely.union_all([area.geometry for area in watched]),
        tracked=tracked,
        attributed=attributed,
        coverage=coverage_of(site, store, tile_states, inputs, failed, newly_superseded(inputs, past, rows)),
        pictures=pictures,
        method=f"{site.model.name} {site.model.version}",
    )
    folder = store.run(run.run_id)
    with new_folder(folder) as part:
        write_tracked(part / "internal", tracked)
        write_seen(part / "internal", zones.snapshots)
        public = publish(site, store, tile_states, part / "public", content, Tier.PUBLIC)
        restricted = publish(site, store, tile_states, part / "restricted", content, Tier.RESTRICTED)
        frozen_day = run.until_day - site.model.buffer_days
        begins = site.days.first_day
        report = _report(
            run, frozen_day, begins, content, tile_states, failed, folder, part, public, restricted
        )
        (part / "report.json").write_text(
            json.dumps(asdict(report), indent=1, sort_keys=True, ensure_ascii=False)
        )
    store.ledger.commit(
        RunRow(
            sequence=run.sequence,
            run_id=run.run_id,
            area=run.area,
            until_day=run.until_day,
            result=asdict(report),
        ),
        tiles=[
            TileRow(tile=tile, state=name, until_day=run.until_day) for tile, name in sorted(states.items())
        ],
        scenes=rows,
        alerts=[
            AlertRow(
                alert_id=row.alert_id,
                event_id=row.event_id,
                version=int(row.version),
                status=row.status,
                cause=row.cause,
                ha=float(row.ha),
            )
            for row in alerts.itertuples()
        ],
        searched_all=not inputs.unsearched,
    )
    for tile, name in states.items():
        before = known.get(tile)
        kept = [tile_states[tile], before] if before is not None else [tile_states[tile]]
        prune(store.state(tile, name).parent, {one.state for one in kept})
        prune(store.folder / "baselines" / tile, {one.baseline for one in kept})
        prune_water(site, store, tile, [(one.scene_records, one.until_day) for one in kept])
    return report


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


def _run(site: Site, run: RunPlan, register: str, tile_states: Mapping[str, TileState]) -> Run:
    scenes = sorted({record.key for state in tile_states.values() for record in state.scene_records})
    return Run(
        run_id=run.run_id,
        since_day=site.days.first_day,
        data_day=run.until_day,
        version=code_version(),
        digests={
            "areas": digest([[area.name, area.version, area.geometry.wkb_hex] for area in site.areas]),
            "code": code_digest(),
            "model": site.model.digest,
            "parameters": site.digest,
            "scenes": digest(scenes),
            "zones": register,
        },
    )


def _report(
    run: RunPlan,
    frozen_day: int,
    begins: int,
    content: RunContent,
    tile_states: Mapping[str, TileState],
    failed: Mapping[str, str],
    folder: Path,
    part: Path,
    public: Published,
    restricted: Published,
) -> RunReport:
    def final(path: Path) -> str:
        return str(folder / path.relative_to(part))

    events = content.tracked.events
    live = events[events["status"] != "withdrawn"]
    sensors = content.coverage.sensors
    by_type = content.attributed.pieces.frame
    return RunReport(
        run_id=run.run_id,
        store=str(run.store),
        bulletin=final(public.bulletin),
        bulletin_restricted=final(restricted.bulletin),
        map=final(public.map_page),
        alerts=final(public.alerts),
        tables=final(public.tables),
        until=iso(run.until_day),
        observed_share=round(content.coverage.observed_share, 6),
        events_new=int((live["change"] == "new").sum()),
        events_confirmed=int((live["status"] == "confirmed").sum()),
        events=len(live),
        loss_ha=round(float(by_type["ha"].sum()), 6),
        mining_ha=round(float(by_type.loc[by_type["cause"] == "mining", "ha"].sum()), 6),
        scenes_read=sum(one.scenes_read for one in sensors),
        scenes_unread=content.coverage.scenes_unread,
        scenes_unreachable=sum(
            one.reason == "unreachable" and (one.day > frozen_day or one.day < begins)
            for one in content.coverage.unread
        ),
        scenes_superseded=len(content.coverage.superseded),
        tiles=len(tile_states.keys() | failed.keys()),
        failed=dict(failed),
        loss_by_type=restricted.by_type,
    )
