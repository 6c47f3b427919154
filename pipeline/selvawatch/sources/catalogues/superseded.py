"""Products of one acquisition: the newest is read, the older ones are superseded by it and named."""

import re
from collections.abc import Iterable, Sequence

from selvawatch.core.scene import Scene
from selvawatch.sources.sensors.sensor_table import sensor_of
from selvawatch.sources.source import Superseded

_SECONDS = 10.0
_SHARED = 0.8
_LANDSAT_ID = re.compile(r"L[COTEM]\d\d_\w{4}_\d{6}_\d{8}_(\d{8})_")

Version = tuple[tuple[int, ...], str]


def version_of(scene: Scene) -> Version:
    """What tells a newer product of an acquisition from an older one: processing baseline, then the time it
    was made, as far as the catalogue states them.
    """
    dated = _LANDSAT_ID.match(scene.id)
    made = str(scene.properties.get("processed", "")) or (dated[1] if dated else "")
    return tuple(int(number) for number in re.findall(r"\d+", scene.processing)), made


def same_acquisition(product: Scene, other: Scene) -> bool:
    """Whether two scenes are products of the same observation of the same satellite at the same ground.

    Times within 10 s and outlines that share four fifths: archives round times differently, and the two parts
    that a pass may leave of one square of ground differ in outline.
    """
    if product.sensor != other.sensor or product.orbit != other.orbit:
        return False
    if product.properties.get("platform") != other.properties.get("platform"):
        return False
    if abs((product.time - other.time).total_seconds()) > _SECONDS:
        return False
    if product.track and other.track and product.track != other.track:
        return False
    for key in ("grid:code", "burst"):
        codes = {str(scene.properties.get(key, "")).removeprefix("MGRS-") for scene in (product, other)} - {
            ""
        }
        if len(codes) > 1:
            return False
    shared = product.footprint.intersection(other.footprint).area
    return bool(shared >= _SHARED * max(product.footprint.area, other.footprint.area))


def without_superseded(scenes: Iterable[Scene]) -> tuple[list[Scene], list[Superseded]]:
    """The scenes that no newer product replaces, and those that one does, both in the order of time and id.

    Products of one acquisition of which nothing says that one is newer are all kept.
    """
    groups: dict[tuple[str, int], list[Scene]] = {}
    for scene in scenes:
        groups.setdefault((scene.sensor, scene.day), []).append(scene)
    kept: list[Scene] = []
    older: list[Superseded] = []
    for group in groups.values():
        newest_first = sorted(group, key=lambda scene: (version_of(scene), scene.key), reverse=True)
        here: list[Scene] = []
        for scene in newest_first:
            newer = next((one for one in here if _replaces(one, scene)), None)
            if newer is None:
                here.append(scene)
            else:
                older.append(Superseded(scene=scene, by=newer.id))
        kept += here
    return (
        sorted(kept, key=lambda scene: scene.order),
        sorted(older, key=lambda product: product.order),
    )


def superseded_since(before: Sequence[Scene], now: Sequence[Scene]) -> list[Superseded]:
    """Scenes of an earlier search that a later one lists in a newer version instead, by time and id."""
    groups: dict[tuple[str, int], list[Scene]] = {}
    for scene in now:
        groups.setdefault((scene.sensor, scene.day), []).append(scene)
    still = {scene.item_key for scene in now}
    gone = [scene for scene in before if scene.item_key not in still]
    older = []
    for scene in gone:
        for newer in groups.get((scene.sensor, scene.day), ()):
            same_item = (newer.collection, newer.id) == (scene.collection, scene.id)
            if same_item or _replaces(newer, scene):
                older.append(Superseded(scene=scene, by=newer.id))
                break
    return sorted(older, key=lambda product: product.order)


def _replaces(newer: Scene, older: Scene) -> bool:
    return (
        version_of(newer) > version_of(older)
        and _bands(newer) >= _bands(older)
        and same_acquisition(newer, older)
    )


def _bands(scene: Scene) -> set[str]:
    sensor = sensor_of(scene)
    return {name for name in sensor.bands if sensor.asset(name, scene.assets) is not None}
