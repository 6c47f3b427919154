"""The static STAC catalogue over the scenes of a simulated archive."""

from collections.abc import Iterable
from pathlib import Path

from selvawatch.core.files import canonical_json, write_text
from selvawatch.core.grid import Tile
from selvawatch.simulate.archive.scene_files import Slot, scene_id
from selvawatch.simulate.climate import at
from selvawatch.simulate.simulation_plan import SimulationPlan

TITLES = {
    "landsat-c2-l2": "Landsat Collection 2 Level-2 (simulated)",
    "sentinel-1-rtc": "Sentinel-1 radiometrically terrain corrected (simulated)",
    "sentinel-2-c1-l2a": "Sentinel-2 Collection 1 Level-2A (simulated)",
}


def write_catalog(folder: Path, plan: SimulationPlan, tile: Tile, slots: Iterable[Slot]) -> Path:
    """Write catalog.json and every collection.json with relative links and return the catalogue's path."""
    by_collection: dict[str, list[Slot]] = {}
    for slot in slots:
        by_collection.setdefault(slot.collection, []).append(slot)
    for name, members in by_collection.items():
        _write_collection(folder, plan, tile, name, members)
    links = [{"rel": "root", "href": "./catalog.json", "type": "application/json"}]
    for name in sorted(by_collection):
        links.append(
            {
                "rel": "child",
                "href": f"./{name}/collection.json",
                "type": "application/json",
                "title": TITLES[name],
            }
        )
    document = {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": "selvawatch-simulated",
        "title": "Simulated archive",
        "description": "Made-up scenes over a made-up landscape; nothing in it was seen by a satellite.",
        "links": links,
    }
    return write_text(folder / "catalog.json", canonical_json(document) + "\n")


def _write_collection(folder: Path, plan: SimulationPlan, tile: Tile, name: str, members: list[Slot]) -> None:
    first, _, last = plan.days
    links = [
        {"rel": "root", "href": "../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
    ]
    for slot in members:
        item = scene_id(slot)
        links.append({"rel": "item", "href": f"./{item}/{item}.json", "type": "application/geo+json"})
    interval = [
        at(day, *time).strftime("%Y-%m-%dT%H:%M:%SZ")
        for day, time in ((first, (0, 0, 0)), (last, (23, 59, 59)))
    ]
    document = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": name,
        "title": TITLES[name],
        "description": f"{TITLES[name]}: {len(members)} scenes of one tile.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [[round(value, 7) for value in tile.lonlat_bounds]]},
            "temporal": {"interval": [interval]},
        },
        "links": links,
    }
    write_text(folder / name / "collection.json", canonical_json(document) + "\n")
