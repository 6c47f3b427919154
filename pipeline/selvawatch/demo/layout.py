"""Where the demo lives: the simulated archive, a site made for it and a store of its own."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import shapely

from selvawatch.core.files import canonical_json, write_text
from selvawatch.core.grid import Tile
from selvawatch.core.settings import load
from selvawatch.errors import StoreError
from selvawatch.events.id_key import FILE, VARIABLE, keep_id_key
from selvawatch.simulate import Simulated, SimulationPlan, simulate
from selvawatch.site import SiteFile, default_site
from selvawatch.store.folders import Store

TILE = "x0036y0838"
"""The demo's tile: about 105 km2 around 70.16 W, 12.79 S, in the country of La Pampa."""

AREA = "la-pampa"

_MARGIN_DEGREES = 1e-5
"""The area ends about a metre inside its tile, so that rounding does not draw the neighbours in."""

_EMPTY_OWNERS = ("simulated", "site", "store", "prefect")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLayout:
    """A demo that is ready to run."""

    site: Path
    """Folder of its site."""
    store: Path
    """Its own store; the site's own is never written."""
    source: str
    """Source text of the simulated archive."""
    until: str
    """Last day of the archive, ISO."""
    simulated: Simulated
    plan: SimulationPlan
    tile: Tile


def prepare_demo(folder: Path, *, workers: int = 2) -> DemoLayout:
    """Simulate the archive in a folder, or find it there, and lay a site and a store beside it.

    Raises
    ------
    StoreError
        When the folder holds something that is not a demo's.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError(
            "this is a file", where=folder, needed="a folder for the demo", do="give another --store"
        )
    if folder.exists():
        strange = sorted(path.name for path in folder.iterdir() if path.name not in _EMPTY_OWNERS)
        if strange:
            raise StoreError(
                "the folder holds something that is not the demo's",
                where=folder,
                got=strange[0],
                needed="an empty folder, or one that a demo made",
                do="give another --store",
            )
    template = default_site() / "aoi" / "demo"
    plan = load(SimulationPlan, default_site() / "models" / "simulation-demo.toml")
    tile = load(SiteFile, template / "site.toml").grid.tile(TILE)
    simulated = simulate(plan, folder / "simulated", tile, workers=workers)
    site = folder / "site"
    _lay_site(template, site, tile)
    _declare_id_key(Store(folder / "store"))
    return DemoLayout(
        site=site,
        store=folder / "store",
        source=f"folder:{simulated.catalog.parent}",
        until=plan.last_day.isoformat(),
        simulated=simulated,
        plan=plan,
        tile=tile,
    )


def _declare_id_key(store: Store) -> None:
    """Begin the demo's store with a secret that everybody knows, so that its ids are the same everywhere."""
    if not os.environ.get(VARIABLE) and not (store.snapshots / FILE).exists():
        keep_id_key(store.snapshots, None, secret=b"the demo has no secrets")


def _lay_site(template: Path, site: Path, tile: Tile) -> None:
    (site / "aoi").mkdir(parents=True, exist_ok=True)
    for path in sorted(template.glob("*.toml")):
        shutil.copyfile(path, site / "aoi" / path.name)
    outline = shapely.transform(tile.lonlat_outline.buffer(-_MARGIN_DEGREES), lambda at: at.round(9))
    area = {
        "type": "Feature",
        "properties": {
            "name": AREA,
            "title": "La Pampa (simulada)",
            "version": "1",
            "source": "the demo's tile",
            "precision_km": 0,
        },
        "geometry": json.loads(shapely.to_geojson(outline)),
    }
    write_text(
        site / "aoi" / "areas.geojson",
        canonical_json({"type": "FeatureCollection", "features": [area]}) + "\n",
    )
