"""A site over the small simulated archive, and the ways an archive can change between two runs."""

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely
from pyproj import Transformer

from selvawatch.core.days import iso, to_day
from selvawatch.core.files import folder_digests
from selvawatch.core.grid import Grid, Tile
from selvawatch.simulate import (
    ChangePlan,
    SensorPlan,
    Simulated,
    SimulationPlan,
    TerrainPlan,
    WeatherPlan,
)
from selvawatch.site import Site
from selvawatch.steps.run.monitor import monitor
from selvawatch.steps.run.plan import plan_run
from selvawatch.steps.run.run_report import RunReport
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store.folders import Store
from selvawatch.store.lock import exclusive
from selvawatch.store.run_plan import RunContext, RunPlan, SceneInputs
from selvawatch.store.seal import SEAL
from selvawatch.store.tile_state import TileState, current_state

os.environ.setdefault("SELVAWATCH_ID_KEY", "tests")

AREA = "la-pampa"
NO_SCENES = SceneInputs(scenes=(), problems=(), skipped=(), superseded=(), unsearched=())
"""Inputs of a run that found nothing."""
SMALL_TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=128).tile("x0280y6700")
SMALL_PLAN = SimulationPlan(
    seed=11,
    first_day=dt.date(2022, 12, 1),
    monitoring_start=dt.date(2024, 1, 1),
    last_day=dt.date(2024, 8, 31),
    terrain=TerrainPlan(
        streams=2, river_width_m=70, river_shift_m=20, road_width_m=30, farms=3, farm_ha=(0.4, 1.2),
        old_mines=1, old_mine_ha=3.0,
    ),
    changes=ChangePlan(
        mining_fronts=4, mining_ha=(0.6, 2.0), small_mining_fronts=1, small_mining_ha=(0.2, 0.4),
        pit_ha=(0.08, 0.3), front_days=(10, 40), quiet_days=90, old_mining_fronts=1, farm_clearings=1,
        old_farm_clearings=0, clearing_ha=(0.4, 0.8), road_spurs=1, spur_m=200, road_widening_m=0,
        blowdowns=1, blowdown_ha=0.8,
    ),
    weather=WeatherPlan(
        wet_overcast_share=0.3, dry_clear_share=0.9, cloud_edge=0.35, cloud_threshold=0.15,
        missed_cumulus=0.1, cumulus_cover=0.01, missed_shadow=0.1, haze=0.01,
        smoke=0.02, bright_flagged=0.05,
    ),
    sensors=SensorPlan(
        sentinel2_days=10, landsat_days=16, sentinel1_days=12, noise=1.0, scene_gain=0.01,
        misregistration_m=2.0, speckle_looks=4.6, dn_step=10,
    ),
)  # fmt: skip
"""What the small archive is simulated from."""
DEMO = Path(__file__).resolve().parents[2] / "aoi" / "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A site, an archive and a store to run in."""

    site: Path
    archive: Path
    store: Path
    until: str
    tile: Tile

    @property
    def source(self) -> str:
        """Text of the archive as a source."""
        return f"folder:{self.archive}"

    @property
    def opened(self) -> Store:
        """The store."""
        return Store(self.store)

    @property
    def state(self) -> TileState:
        """The committed state of the tile."""
        state = current_state(self.opened, self.tile.id)
        assert state is not None
        return state

    @property
    def products(self) -> Path:
        """Folder of the current run."""
        current = self.opened.ledger.current()
        assert current is not None
        return self.opened.run(current.run_id)

    def fitted(self, store: Path) -> "Place":
        """The same with a store of its own that holds what `selvawatch baseline` leaves: the observations of
        the history and the baseline, copied from this store, and no run.

        A run over another archive opens every scene of it that lies after the history, and those of the
        history that are other ones; where they give another baseline, it is fitted.
        """
        first, made = iso(Site.load(self.site).days.first_day).replace("-", ""), replace(self, store=store)
        made.opened.folder.mkdir(parents=True)
        made.opened.ledger.create()
        shutil.copytree(self.opened.baselines(self.tile.id), made.opened.baselines(self.tile.id))
        for path in sorted(self.opened.observations(self.tile.id).rglob("*.tif")):
            if path.stem < first:
                copied = store / path.relative_to(self.store)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied)
        return made

    def run(self, until: str | None = None) -> RunReport:
        """Monitor to a day, without Prefect."""
        return monitor(*self.arguments(until))

    def advance(self, until: str | None = None) -> TileState:
        """The state that a run to a day gives the tile, without its events and products: nothing is
        committed.
        """
        with exclusive(self.store, "test") as held:
            day = to_day(until or self.until)
            plan = plan_run(held, Site.load(self.site), AREA, day, self.source)
            state = advance_tile(plan, self.tile.id)
        return TileState.read(self.opened.state(self.tile.id, state))

    def arguments(self, until: str | None = None) -> tuple[str, ...]:
        """What `monitor` is called with."""
        return str(self.site), "aoi/site.toml", str(self.store), AREA, until or self.until, self.source

    def words(self, until: str | None = None) -> list[object]:
        """The words of the same command."""
        options = ["--site", self.site, "--store", self.store, "--source", self.source]
        return ["monitor", *options, "--area", AREA, "--until", until or self.until]

    def arrays(self, of: TileState | None = None) -> dict[str, str]:
        """Digests of every file of the layers, sums and composites of a state, by default the committed one,
        and of its baseline.
        """
        of = of or self.state
        state = self.opened.state(self.tile.id, of.state)
        baseline = self.opened.baseline(self.tile.id, of.baseline)
        found = {
            f"{folder.name}/{name}": value
            for folder in (baseline, state)
            for name, value in folder_digests(folder).items()
            if name not in ("state.json", SEAL)
        }
        return {name.split("/", 1)[1]: value for name, value in found.items()}


def context(
    site: Site, store: Store, until_day: int, inputs: SceneInputs = NO_SCENES, source: str = ""
) -> RunContext:
    """The context of a made-up run that read nothing."""
    plan = RunPlan(
        run_id="made-up",
        site=str(site.folder),
        site_file=site.file,
        store=str(store.folder),
        area=AREA,
        until_day=until_day,
        source=source,
        tiles=(),
        sequence=1,
        done=False,
        site_digest=site.digest,
        register_digest="",
    )
    return RunContext(site=site, store=store, plan=plan, inputs=inputs)


def lay_site(
    folder: Path, simulated: Simulated, plan: SimulationPlan, tile: Tile, outline: Any = None
) -> Path:
    """The demo's site on the small tile (its numbers but for the grid and the history), and its area."""
    (folder / "aoi").mkdir(parents=True)
    text = (DEMO / "site.toml").read_text(encoding="utf-8")
    for old, new in (
        ("tile_px = 1024", f"tile_px = {tile.grid.tile_px}"),
        ("history_from = 2022-01-01", f"history_from = {plan.first_day}"),
        ("isolated_buffer_m = 2000.0", "isolated_buffer_m = 20.0"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "aoi" / "site.toml").write_text(text, encoding="utf-8")
    zones = (DEMO / "zones.toml").read_text(encoding="utf-8")
    zones = zones.replace("../../simulated", simulated.folder.as_posix())
    for old, new in zip(EXPECTED, _expected(simulated), strict=True):
        assert old in zones
        zones = zones.replace(old, new)
    (folder / "aoi" / "zones.toml").write_text(zones, encoding="utf-8")
    write_area(folder / "aoi" / "areas.geojson", outline or tile.lonlat_outline)
    return folder


EXPECTED = ("ha = 1852.6", "lon = -70.1261", "lat = -12.832")
"""What the demo expects of the reserve of isolated peoples on its own tile."""


def _expected(simulated: Simulated) -> tuple[str, str, str]:
    """The same of the reserve on the tile that was simulated."""
    reserve = gpd.read_file(simulated.register, layer="isolated_peoples")
    middle = reserve.centroid.to_crs(4326)[0]
    return f"ha = {reserve.area.sum() / 1e4}", f"lon = {middle.x}", f"lat = {middle.y}"


def lay_halves(
    folder: Path, simulated: Simulated, plan: SimulationPlan, tile: Tile
) -> tuple[Path, list[str]]:
    """The same site with tiles of half the side, over the south half: the site and its two tiles.

    plan: its first day is that of the site's history.
    """
    small = replace(tile, grid=replace(tile.grid, tile_px=tile.grid.tile_px // 2))
    west, south, east, north = tile.bounds
    half = shapely.box(west, south, east, (south + north) / 2)
    to_lonlat = Transformer.from_crs(tile.grid.crs, "EPSG:4326", always_xy=True)
    outline = shapely.transform(shapely.segmentize(half, 100), to_lonlat.transform, interleaved=False)
    site = lay_site(folder, simulated, plan, small, outline)
    return site, [one.id for one in small.grid.tiles(half)]


def write_area(path: Path, outline: shapely.Geometry) -> None:
    """A file of areas with one area, in WGS 84."""
    feature = {
        "type": "Feature",
        "properties": {"name": AREA, "title": "La Pampa (simulada)", "version": "1"},
        "geometry": json.loads(shapely.to_geojson(outline)),
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")


def copy_archive(archive: Path, folder: Path) -> Path:
    """A copy that shares its files with the original: replace files in it, never write into them."""
    shutil.copytree(archive, folder, copy_function=os.link)
    return folder


def items(archive: Path) -> dict[str, dict[str, Any]]:
    """Every item of an archive by id."""
    paths = sorted(archive.glob("*/*/*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def folder_of(archive: Path, name: str) -> Path:
    """Folder of an item's files."""
    (folder,) = archive.glob(f"*/{name}")
    return folder


def unlink_items(archive: Path, names: Iterable[str]) -> None:
    """Take items out of a copied archive's catalogue; their files stay, unlisted."""
    gone = set(names)
    for path in sorted(archive.glob("*/collection.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        content["links"] = [link for link in content["links"] if Path(link["href"]).stem not in gone]
        replace_file(path, lambda _, content=content: json.dumps(content).encode())


def replace_file(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Replace a file by a new one; the original that it was linked to stays as it is."""
    content = change(path.read_bytes())
    path.unlink()
    path.write_bytes(content)


def change_item(archive: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit an item of a copied archive."""
    path = folder_of(archive, name) / f"{name}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    replace_file(path, lambda _: json.dumps(content).encode())
