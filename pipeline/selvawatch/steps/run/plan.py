"""The plan of a run: what to bring up to which day, decided once, before any pixel is read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import shapely

from selvawatch.core.days import iso
from selvawatch.core.files import digest
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError, StoreError
from selvawatch.provenance import code_digest
from selvawatch.site import Site
from selvawatch.sources.catalogues.offsets import ArchiveRule, resolve_offsets
from selvawatch.sources.catalogues.ordered import readable, with_known_first
from selvawatch.sources.catalogues.superseded import superseded_since
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import STREAMS, sensor_of
from selvawatch.sources.source import Problem, SearchResult, Superseded
from selvawatch.steps.register import all_snapshots
from selvawatch.steps.run.coverage import SLACK_DAYS
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow
from selvawatch.store.lock import HeldStore
from selvawatch.store.loss_products import scar_digests
from selvawatch.store.run_plan import (
    RunContext,
    RunPlan,
    SceneInputs,
    planned_site,
    remove_plans,
    scenes_before,
    write_plan,
)
from selvawatch.store.site_guard import refuse_other_site


def plan_run(
    held: HeldStore, site: Site, area: str, until_day: int, source: str, *, baseline: bool = False
) -> RunPlan:
    """Search the source and decide what a run will do; nothing of the store's state changes.

    The plan of a run that was committed has no file: there is nothing left to do.

    baseline: the plan is for baselines alone, which may be fitted whatever day the store was brought up to.

    Raises
    ------
    SiteError
        For an area the site does not know, and a site that is not the store's (`store.site_guard`).
    SourceError
        When the source cannot be searched, holds no scene of the area, or none as early as `until_day`.
    StoreError
        When the store has been brought up to a later day.
    """
    store = held.store
    refuse_other_site(site, store)
    wanted = site.select_areas(area)
    aoi = shapely.union_all([one.geometry for one in wanted])
    runs = store.ledger.runs()
    before = scenes_before(store, area)
    found = _with_unsearched(_search(site, source, aoi, area, until_day, before), store, runs, aoi, until_day)
    inputs = _resolved(found, before, site.archive_rule)
    inputs = replace(inputs, superseded=_superseded(inputs, before))
    tiles = tuple(tile.id for tile in site.tiles(wanted) if inputs.of_tile(tile))
    if not tiles:
        raise SourceError(
            "no scene covers the area",
            where=f"source {source}",
            got=f"{len(inputs.scenes)} scenes elsewhere",
            needed=f"scenes over {area} (tiles {', '.join(tile.id for tile in site.tiles(wanted)[:3])})",
            do="check the area's polygon, or the folder",
        )
    register = register_facts(site, store)
    facts = {
        "site": site.digest,
        **register,
        "code": code_digest(),
        "area": area,
        "until": until_day,
        "source": [scene.item_key for scene in inputs.scenes],
        "problems": [(problem.scene_id, problem.reason) for problem in inputs.problems],
        "unsearched": inputs.unsearched,
        **({"duplicates": [one.scene.item_key for one in inputs.duplicates]} if inputs.duplicates else {}),
        **({"stopped": inputs.stopped} if inputs.stopped else {}),
    }
    run_id, done = _run_id(facts, runs)
    if not (done or baseline):
        _refuse_the_past(store, until_day)
    plan = RunPlan(
        run_id=run_id,
        site=str(site.folder),
        site_file=site.file,
        store=str(store.folder),
        area=area,
        until_day=until_day,
        source=source,
        tiles=tiles,
        sequence=len(runs) + 1,
        done=done,
        site_digest=site.digest,
        register_digest=digest(register),
    )
    if baseline or not done:
        store.ledger.create()
        write_plan(store, plan, inputs)
    remove_plans(store, but=run_id)
    return plan


def register_facts(site: Site, store: Store) -> dict[str, list]:
    """Layer, day and digest of every snapshot, and name and digest of every product of mining, at hand."""
    return {
        "zones": [(one.layer, str(one.date), one.sha256) for one in all_snapshots(site, store)],
        "scars": scar_digests(store),
    }


def check_inputs(context: RunContext) -> None:
    """Hold site, register and products of mining against what the run was planned with.

    Raises
    ------
    SiteError, StoreError
        When any of them was changed since.
    """
    planned_site(context.plan)
    if digest(register_facts(context.site, context.store)) != context.plan.register_digest:
        raise StoreError(
            "layers or products of the store were changed while the run was going",
            where=context.store.folder,
            do="run again",
        )


def _refuse_the_past(store: Store, until_day: int) -> None:
    """A state cannot be led back: what was published since would be undone."""
    latest = max((row.until_day for row in store.ledger.tiles().values()), default=until_day)
    if until_day < latest:
        raise StoreError(
            "the store has been brought up to a later day",
            where=store.folder,
            got=f"--until {iso(until_day)}",
            needed=f"{iso(latest)} or later",
            do="give another --store to look back; `selvawatch table --as-of` tells what was known on a day",
        )


def _run_id(facts: Mapping[str, object], runs: Sequence[RunRow]) -> tuple[str, bool]:
    """Id of the run of these inputs after the one committed last, and whether it was committed.

    The run before is one of the inputs. A committed run of the same inputs after its own run before is the
    same run, unless it left out tiles or scenes that another try may bring.
    """
    before = ["", *(run.run_id for run in runs)]
    ids = [digest({**facts, "previous": previous})[:16] for previous in before]
    for run, run_id in zip(runs, ids, strict=False):
        if run.run_id == run_id and not _is_open(run.result):
            return run_id, True
    return ids[-1], False


def _is_open(result: Mapping[str, Any]) -> bool:
    """Whether a committed run left out what another try may bring: failed tiles, scenes of silent hosts."""
    return bool(result["failed"] or result.get("scenes_unreachable"))


def _with_unsearched(
    inputs: SceneInputs, store: Store, runs: Sequence[RunRow], aoi: shapely.Geometry, until_day: int
) -> SceneInputs:
    """The inputs with what runs before knew of sensors that could not be searched now.

    Else a failed search would take the observations of open days back.
    """
    if not inputs.unsearched:
        return inputs
    areas = sorted({run.area for run in runs})
    known = [scene for area in areas for scene in scenes_before(store, area)]
    kept = {
        scene.key: scene
        for scene in known
        if sensor_of(scene).stream in inputs.unsearched
        and scene.day <= until_day
        and aoi.intersects(scene.footprint)
    }
    scenes = sorted((*inputs.scenes, *kept.values()), key=lambda scene: scene.order)
    return replace(inputs, scenes=tuple(scenes))


def _resolved(inputs: SceneInputs, before: Sequence[Scene], rule: ArchiveRule) -> SceneInputs:
    """The inputs with every doubtful offset decided by the scene's dark targets; the others are problems."""
    scenes, undecided = resolve_offsets(inputs.scenes, before, rule)
    problems = sorted((*inputs.problems, *undecided), key=lambda problem: problem.order)
    return replace(inputs, scenes=tuple(scenes), problems=tuple(problems))


def _superseded(inputs: SceneInputs, before: Sequence[Scene]) -> tuple[Superseded, ...]:
    """What newer products replace: listed beside them, or read by the run before and now listed anew."""
    known = {one.scene.key for one in inputs.superseded}
    fresh = superseded_since(before, inputs.scenes)
    return inputs.superseded + tuple(one for one in fresh if one.scene.key not in known)


def _search(
    site: Site, source: str, aoi: shapely.Geometry, area: str, until_day: int, before: Sequence[Scene]
) -> SceneInputs:
    first, begins = site.days.earliest_day, site.days.first_day
    if until_day < begins:
        raise SourceError(
            "nothing is monitored so early",
            where=f"--until {iso(until_day)}",
            needed=f"{iso(begins)} or later",
            do=f"give a later day, or an earlier monitoring_from in {site.folder / site.file}",
        )
    found = open_source(source).search(aoi, first, until_day)
    found = with_known_first(found, before, {name.partition("=")[0] for name in found.silent}, aoi)
    if not found.scenes:
        _explain_nothing(source, aoi, area, until_day, first, found.problems)
    clear = readable(found, site.search.max_cloud_percent, before)
    return SceneInputs(
        scenes=tuple(scene for scene in found.scenes if scene.item_key in clear),
        problems=found.problems,
        skipped=tuple(scene for scene in found.scenes if scene.item_key not in clear),
        superseded=found.superseded,
        unsearched=found.unsearched,
        duplicates=found.duplicates,
        stopped=_stopped(site, found, until_day),
    )


def _stopped(site: Site, found: SearchResult, until_day: int) -> tuple[str, ...]:
    """A line for each source of a sensor with several that was not searched, or whose newest scene is older
    than a sensor's may be, while another source of it has a newer one.
    """
    lines = [f"{name}: it could not be searched" for name in found.silent]
    latest: dict[str, int] = {}
    for name, day in found.newest:
        sensor = name.partition("=")[0]
        latest[sensor] = max(latest.get(sensor, 0), day)
    for name, day in found.newest:
        sensor = name.partition("=")[0]
        limit = 2 * site.config.revisit_days_of(sensor) + SLACK_DAYS if sensor in STREAMS else SLACK_DAYS
        if until_day - day > limit and latest[sensor] > day:
            newest = f"its newest scene is of {iso(day)}" if day else "it lists no scene"
            lines.append(f"{name}: {newest}")
    return tuple(sorted(lines))


def _explain_nothing(
    source: str,
    aoi: shapely.Geometry,
    area: str,
    until_day: int,
    first: int,
    problems: Sequence[Problem],
) -> None:
    """Say why there is nothing to read: nothing usable, nothing so early, or nothing over the area."""
    opened = open_source(source)
    where, watched = f"source {source}", "the site's areas" if area == "all" else f"area {area}"
    if problems:
        raise SourceError(
            f"no scene over {watched} can be used",
            where=where,
            got=f"{len(problems)} unusable, the first {problems[0].scene_id}: {problems[0].text}",
            needed="at least one scene with every asset its sensor needs",
            do="`selvawatch scenes` lists them all",
        )
    later = opened.search(aoi, first, until_day + 36_500).scenes
    if later:
        raise SourceError(
            f"no scene over {watched} until {iso(until_day)}",
            where=where,
            got=f"the first on {iso(later[0].day)}",
            needed=f"--until {iso(later[0].day)} or later",
        )
    anywhere = opened.search(shapely.box(-180, -90, 180, 90), first - 36_500, until_day + 36_500).scenes
    raise SourceError(
        f"no scene covers {watched}",
        where=where,
        got=f"{len(anywhere)} usable scenes, all elsewhere or before {iso(first)}",
        needed=f"scenes over {watched} from {iso(first)} on",
        do="check the polygon of the area, and the source",
    )
