"""The public entry: make a simulated archive in a folder, or find it there."""

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from selvawatch.core.files import canonical_json, digest, write_text
from selvawatch.core.grid import Tile
from selvawatch.errors import SourceError
from selvawatch.simulate.archive.all_scenes import write_scenes
from selvawatch.simulate.archive.reference_layers import write_reference
from selvawatch.simulate.archive.rights_register import write_register
from selvawatch.simulate.archive.scene_files import timetable
from selvawatch.simulate.archive.static_catalog import write_catalog
from selvawatch.simulate.archive.truth import write_truth
from selvawatch.simulate.simulation_plan import SimulationPlan
from selvawatch.simulate.terrain.landscape import Landscape, build_landscape

log = logging.getLogger(__name__)

EDITION = 1
"""Edition of the simulator; a new one makes other bytes from the same plan."""

DONE, BEGUN = "simulation.json", "simulation.begun.json"
"""Marker of a whole archive, and of one that is being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Where a simulated archive lies."""

    folder: Path
    catalog: Path
    """STAC catalogue of the scenes; its folder is what `folder:` sources read."""
    truth: Path
    """Folder of onset.tif, cause.tif, front.tif, share.tif, forest.tif, fronts.parquet, fronts.csv."""
    register: Path
    """GeoPackage with the layers of the made-up register of rights."""
    reference: Path
    """GeoPackage with rivers, streams, roads and districts."""
    digest: str
    """Digest of plan, tile and edition."""
    scenes: int
    reused: bool
    """Whether the archive was there already."""


def simulate(plan: SimulationPlan, folder: Path, tile: Tile, *, workers: int = 1) -> Simulated:
    """Make the archive of a plan on a tile in a folder, or find it there whole; a broken-off one is finished.

    Equal plan, tile and edition give equal bytes, whatever the number of workers (processes).

    Raises
    ------
    SourceError
        Where the folder holds something else, or the tile is not of 10 m pixels in a UTM zone.
    """
    if (
        tile.grid.resolution != 10
        or tile.grid.tile_px % 2
        or not tile.grid.crs.startswith(("EPSG:326", "EPSG:327"))
    ):
        raise SourceError(
            "the simulator cannot use this grid",
            got=f"{tile.grid.crs}, {tile.grid.resolution:g} m, {tile.grid.tile_px} px",
            needed="a UTM zone, 10 m, an even number of pixels",
            do="give the demo site such a grid",
        )
    identity = digest(
        {
            "edition": EDITION,
            "plan": plan.digest(),
            "tile": tile.id,
            "bounds": tile.bounds,
            "crs": tile.grid.crs,
        }
    )
    slots = timetable(plan)
    archive = folder / "archive"
    done = Simulated(
        folder=folder,
        catalog=archive / "catalog.json",
        truth=folder / "truth",
        register=folder / "register" / "rights.gpkg",
        reference=folder / "reference" / "reference.gpkg",
        digest=identity,
        scenes=len(slots),
        reused=True,
    )
    if _marked(folder / DONE) == identity:
        log.info("simulated archive %s is whole: %d scenes", folder, len(slots))
        return done
    _prepare(folder, identity)
    _write_terrain(done, build_landscape(plan, tile))
    write_scenes(archive, plan, tile, slots, workers)
    write_catalog(archive, plan, tile, slots)
    write_text(
        folder / DONE, canonical_json({"digest": identity, "edition": EDITION, "scenes": len(slots)}) + "\n"
    )
    (folder / BEGUN).unlink()
    return Simulated(
        folder=folder,
        catalog=done.catalog,
        truth=done.truth,
        register=done.register,
        reference=done.reference,
        digest=identity,
        scenes=len(slots),
        reused=False,
    )


def _write_terrain(where: Simulated, landscape: Landscape) -> None:
    write_truth(where.truth, landscape)
    write_register(where.register, landscape)
    write_reference(where.reference, landscape)


def _marked(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("digest", ""))
    except (json.JSONDecodeError, AttributeError):
        return ""


def _prepare(folder: Path, identity: str) -> None:
    """Leave in the folder only what belongs to this archive; refuse a folder that is not the simulator's."""
    ours = (folder / DONE).is_file() or (folder / BEGUN).is_file()
    if folder.is_dir() and any(folder.iterdir()) and not ours:
        raise SourceError(
            "the folder holds something that the simulator did not write",
            where=folder,
            needed="an empty folder or a simulated archive",
            do="give another folder",
        )
    if _marked(folder / BEGUN) == identity:
        for left in sorted(folder.rglob(".*-????????.*")):
            left.unlink()
        return
    write_text(folder / BEGUN, canonical_json({"digest": ""}) + "\n")
    (folder / DONE).unlink(missing_ok=True)
    for name in ("archive", "truth", "register", "reference"):
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
    write_text(folder / BEGUN, canonical_json({"digest": identity}) + "\n")
