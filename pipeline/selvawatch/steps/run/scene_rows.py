"""What a run makes known of its scenes: rows of the ledger, and how many became what, by sensor."""

from collections.abc import Iterable, Mapping

from selvawatch.core.scene import Scene
from selvawatch.prepare.ingest import SceneRecord, scenes_on
from selvawatch.sources.sensors.reasons import UNUSED
from selvawatch.sources.sensors.sensor_table import DECIDED, sensor_of, stream_of
from selvawatch.sources.source import Superseded
from selvawatch.steps.run.run_content import TileResults
from selvawatch.steps.tile.late_scenes import LATE
from selvawatch.store.ledger import SceneRow
from selvawatch.store.run_plan import RunContext, SceneInputs
from selvawatch.store.tile_state import TileState

NOT_LISTED = "not-listed"
"""Reason of a scene that was listed once, is listed no more, and is in no state."""
TERMS = ("read", "cloud", "off_tiles", "late", "superseded", "duplicates", "unread")
"""Terms of `found`; `UNUSED` reasons are terms of their own, and `unread:REASON` says of how many why."""


def scene_rows(context: RunContext, known: Iterable[SceneRow], results: TileResults) -> list[SceneRow]:
    """Rows of the tiles that a run brought up, and of what it found and cannot place.

    A scene that a state holds is read, whatever is listed since: on days that are frozen a newer product
    comes too late. known: rows of the runs before. One whose scene a tile's state no longer holds is
    superseded where its item, or its acquisition, is listed in a newer version, and else unread, for it is
    not listed any more.
    """
    rows = [
        SceneRow(
            tile="",
            scene_id=problem.scene_id,
            digest="",
            sensor="",
            stream="",
            day=0,
            state="unread",
            reason=problem.reason,
            clear_share=0.0,
        )
        for problem in context.inputs.problems
    ]
    before: dict[str, list[SceneRow]] = {}
    for row in known:
        before.setdefault(row.tile, []).append(row)
    for tile in sorted(results.advanced):
        now = _of_tile(context, tile, results.states[tile].scene_records)
        rows += now
        rows += _gone(before.get(tile, []), now, context)
    return list({(row.tile, row.scene_id, row.digest): row for row in rows}.values())


def newly_superseded(
    inputs: SceneInputs, before: Iterable[SceneRow], after: Iterable[SceneRow]
) -> list[Superseded]:
    """What a run replaces on at least one tile and no run before has replaced, by day and id.

    before, after: the ledger's rows of the runs before and those of this one.
    """
    known = {row.key for row in before if row.state == "superseded"}
    now = {row.key for row in after if row.state == "superseded"} - known
    return [one for one in inputs.superseded if one.scene.key in now]


def _of_tile(context: RunContext, tile: str, scene_records: Iterable[SceneRecord]) -> list[SceneRow]:
    inputs, halo = context.inputs, context.site.halo_px
    square = context.site.grid.tile(tile)
    decided = {one.key: str(one.properties.get(DECIDED, "")) for one in inputs.scenes}
    newer = {one.scene.key: one.by for one in inputs.superseded}
    rows = [
        _row(tile, scene, "superseded", newer[scene.key])
        for scene in scenes_on([one.scene for one in inputs.superseded], square, halo)
    ]
    rows += [_row(tile, scene, "found", "cloud") for scene in scenes_on(inputs.skipped, square, halo)]
    return rows + [
        SceneRow(
            tile=tile,
            scene_id=one.scene_id,
            digest=one.digest,
            sensor=one.sensor,
            stream=one.stream,
            day=one.day,
            state=one.state,
            reason=";".join(said for said in (one.reason, decided.get(one.key, "")) if said),
            clear_share=one.clear_share,
        )
        for one in scene_records
    ]


def _row(tile: str, scene: Scene, state: str, reason: str) -> SceneRow:
    return SceneRow(
        tile=tile,
        scene_id=scene.id,
        digest=scene.digest,
        sensor=scene.sensor,
        stream=stream_of(scene),
        day=scene.day,
        state=state,
        reason=reason,
        clear_share=0.0,
    )


def _gone(before: Iterable[SceneRow], now: Iterable[SceneRow], context: RunContext) -> list[SceneRow]:
    """Rows of earlier runs whose scenes this one searched for and does not hold."""
    days = range(context.site.days.earliest_day, context.plan.until_day + 1)
    listed = {row.key for row in now}
    names = {row.scene_id for row in now}
    rows = []
    for row in before:
        here = row.key in listed
        if here or row.state == "superseded" or row.day not in days or _unsearched(row, context.inputs):
            continue
        state, reason = ("superseded", row.scene_id) if row.scene_id in names else ("unread", NOT_LISTED)
        rows.append(
            SceneRow(
                tile=row.tile,
                scene_id=row.scene_id,
                digest=row.digest,
                sensor=row.sensor,
                stream=row.stream,
                day=row.day,
                state=state,
                reason=reason,
                clear_share=0.0,
            )
        )
    return rows


def _unsearched(row: SceneRow, inputs: SceneInputs) -> bool:
    return any(row.stream.startswith(family) for family in inputs.unsearched)


def scene_balance(context: RunContext, states: Mapping[str, TileState]) -> dict[str, dict[str, int]]:
    """Scenes by term, by sensor; of what no sensor is known of (some unusable items), by an empty name.

    found = read + cloud + off_tiles + track + displaced + late + superseded + duplicates + unread. read: on a
    tile at least. cloud: more than the site reads. off_tiles: over the area and none of its tiles. displaced:
    too far off their place to be used. duplicates: of an acquisition that a source named before theirs has.
    """
    inputs, terms = context.inputs, _terms_of(states)
    on_tiles = {
        scene.key
        for tile in context.plan.tiles
        for scene in scenes_on(inputs.scenes, context.site.grid.tile(tile), context.site.halo_px)
    }
    found: dict[tuple[str, tuple[str, ...]], str] = {}
    for number, one in enumerate(inputs.duplicates):
        copy = (*one.scene.item_key, str(number))  # a mirror lists the item of its archive to the letter
        found[sensor_of(one.scene).stream, copy] = "duplicates"
    for older in inputs.superseded:
        found[sensor_of(older.scene).stream, older.scene.item_key] = "superseded"
    for scene in inputs.skipped:
        found[sensor_of(scene).stream, scene.item_key] = "cloud"
    for scene in inputs.scenes:
        missing = "unread:tile-failed" if scene.key in on_tiles else "off_tiles"
        found[sensor_of(scene).stream, scene.item_key] = terms.get(scene.key, missing)
    for number, problem in enumerate(inputs.problems):
        found[problem.sensor, (problem.scene_id, problem.reason, str(number))] = f"unread:{problem.reason}"
    balance: dict[str, dict[str, int]] = {}
    for (sensor, _), term in found.items():
        counts = balance.setdefault(sensor, {"found": 0, **dict.fromkeys(TERMS, 0)})
        counts["found"] += 1
        counts[term] = counts.get(term, 0) + 1
        if term.startswith("unread:"):
            counts["unread"] += 1
    return {sensor: dict(counts) for sensor, counts in sorted(balance.items())}


def _terms_of(states: Mapping[str, TileState]) -> dict[tuple[str, str], str]:
    """Term of every scene that a state has a record of; that of the tile where it came furthest."""
    terms: dict[tuple[str, str], str] = {}
    for state in states.values():
        for record in state.scene_records:
            code = record.reason.partition(":")[0]
            if code in UNUSED:
                term = code
            elif record.state == "read":
                term = "read"
            else:
                term = LATE if record.reason == LATE else f"unread:{record.reason}"
            known = terms.get(record.key, "")
            if known != "read" and (term == "read" or not known or known == LATE):
                terms[record.key] = term
    return terms
