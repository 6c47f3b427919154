"""Evidence against what was made again: which inputs and which facts differ, a line each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from selvawatch.core.days import iso
from selvawatch.evidence.archive import Evidence
from selvawatch.evidence.package import facts_of, outline_digest
from selvawatch.evidence.pixel_series import numbers_digest
from selvawatch.prepare.ingest import SceneRecord, blocks_in
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import TileState, current_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What making an alert again came to."""

    alert_id: str
    inputs: int
    """Layers of scenes whose digests were compared."""
    repacked: int
    """Scenes that are listed otherwise, as in a mirror, and whose observations hold the same numbers."""
    unnoted: int
    """Scenes of which the evidence does not say what was read."""
    differences: tuple[str, ...]
    """What differs, a line each; empty: all is equal."""
    remarks: tuple[str, ...] = ()
    """What a reader should know though it makes no difference."""

    @property
    def is_equal(self) -> bool:
        """Whether inputs and alert are what the evidence says."""
        return not self.differences


def compare(evidence: Evidence, store: Store, alerts: gpd.GeoDataFrame) -> Reproduction:
    """Evidence against a store in which the same run was made again.

    alerts: ALERTS of that run.
    """
    lines: list[str] = []
    inputs = unnoted = repacked = 0
    for tile, rows in sorted(evidence.read_json("scenes.json").items()):
        state = current_state(store, tile)
        if state is None:
            lines.append(f"tile {tile}: nothing could be made of it")
            continue
        compared, silent, packed, found = _scenes(rows, store, tile, state)
        inputs, unnoted, repacked = inputs + compared, unnoted + silent, repacked + packed
        lines += found
    lines += _alert(evidence, alerts)
    return Reproduction(
        alert_id=str(evidence.about.get("alert_id", "")),
        inputs=inputs,
        repacked=repacked,
        unnoted=unnoted,
        differences=tuple(lines),
    )


def _scenes(
    rows: list[Mapping[str, Any]], store: Store, tile: str, state: TileState
) -> tuple[int, int, int, list[str]]:
    """Digests compared, scenes without any, scenes packed otherwise, and differences of a tile's scenes."""
    now = {record.key: record for record in state.scene_records}
    by_id = {record.scene_id: record for record in state.scene_records if record.state == "read"}
    compared = silent = packed = 0
    lines, then = [], set()
    for row in rows:
        key = (row["id"], row["item_sha256"])
        then.add(key)
        if row["state"] != "read":
            continue
        where = f"scene {row['id']} of {row['day']}"
        record = now.get(key)
        if record is None and row["id"] in by_id:
            if _numbers(store, tile, by_id[row["id"]]) == row["observation_sha256"]:
                packed += 1
            else:
                lines.append(
                    f"{where}: the archive has another version of it, of which other numbers are read"
                )
        elif record is None:
            lines.append(f"{where}: the archive no longer has it")
        elif record.state != "read":
            lines.append(f"{where}: it was read, and cannot be read now ({record.reason}): {record.text}")
        elif not row["read_sha256"]:
            silent += 1
        else:
            path = observation_path(store.observations(tile), record.stream, record.day)
            found = blocks_in(path).get(key, {})
            compared += len(row["read_sha256"])
            lines += [
                f"{where}, {layer}: what was read of its file is another ({found.get(layer, 'nothing')[:20]},"
                f" needed {sha256[:20]})"
                for layer, sha256 in sorted(row["read_sha256"].items())
                if found.get(layer) != sha256
            ]
    lines += [
        f"scene {record.scene_id} of {iso(record.day)}: it is read now, and was not there then"
        for record in state.scene_records
        if record.state == "read"
        and record.key not in then
        and record.scene_id not in {name for name, _ in then}
    ]
    return compared, silent, packed, lines


def _numbers(store: Store, tile: str, record: SceneRecord) -> str:
    """Digest of the numbers of the observation that a scene stands in."""
    path = observation_path(store.observations(tile), record.stream, record.day)
    return numbers_digest(read_observation(path))


def _alert(evidence: Evidence, alerts: gpd.GeoDataFrame) -> list[str]:
    """What of the alert differs from the one made again on the same ground."""
    kept = evidence.read_json("outline.json")
    outline = shapely.from_wkb(kept["wkb"])
    shared = np.asarray(shapely.area(shapely.intersection(alerts.geometry.to_numpy(), outline)), float)
    if not len(shared) or shared.max() <= 0:
        return ["alert: there is none on its ground any more"]
    row = alerts.iloc[int(shared.argmax())]
    lines = []
    if outline_digest(outline) != kept["sha256"]:
        lines.append("alert, outline: the evidence contradicts itself")
    if (found := outline_digest(row.geometry)) != kept["sha256"]:
        lines.append(f"alert, outline: sha256 {found[:12]}, needed {kept['sha256'][:12]}")
    needed = evidence.read_json("facts.json")
    made = facts_of(row)
    return lines + [
        f"alert, {name}: {made.get(name)}, needed {value}"
        for name, value in sorted(needed.items())
        if made.get(name) != value
    ]
