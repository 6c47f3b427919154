"""Fixtures that every kind of test may use."""

import datetime as dt
import os
from pathlib import Path

import pytest

from command_line import Command
from selvawatch.core.grid import Grid, Tile
from selvawatch.simulate import (
    ChangePlan,
    SensorPlan,
    Simulated,
    SimulationPlan,
    TerrainPlan,
    WeatherPlan,
    simulate,
)
from small_site import Place, lay_site

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the real reference data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("SELVAWATCH_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}: set SELVAWATCH_REFERENCE_DATA")
    return folder


@pytest.fixture(scope="session")
def small_tile() -> Tile:
    """The tile of `small_archive`: 128 px of 10 m, 1.28 km along a side."""
    return Grid(crs="EPSG:32719", resolution=10, tile_px=128).tile("x0280y6700")


@pytest.fixture(scope="session")
def small_plan() -> SimulationPlan:
    """A plan of 13 months of history and 8 months of monitoring with a few small fronts, easy weather."""
    return SimulationPlan(
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


@pytest.fixture(scope="session")
def small_archive(
    small_plan: SimulationPlan, small_tile: Tile, tmp_path_factory: pytest.TempPathFactory
) -> Simulated:
    """A simulated archive over `small_tile` (about 160 scenes, 4 s); treat its files as read-only."""
    return simulate(small_plan, tmp_path_factory.mktemp("archive") / "simulated", small_tile)


@pytest.fixture(scope="session")
def small_run(
    small_archive: Simulated,
    small_plan: SimulationPlan,
    small_tile: Tile,
    tmp_path_factory: pytest.TempPathFactory,
) -> Place:
    """The small archive monitored to its last day, once (about 10 s); treat its store as read-only."""
    folder = tmp_path_factory.mktemp("small")
    place = Place(
        site=lay_site(folder / "site", small_archive, small_plan, small_tile),
        archive=small_archive.catalog.parent,
        store=folder / "store",
        until=small_plan.last_day.isoformat(),
        tile=small_tile,
    )
    place.run()
    return place


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`selvawatch WORDS` inside the test's process."""
    return Command(monkeypatch, capsys)
