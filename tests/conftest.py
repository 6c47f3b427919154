"""Fixtures that every kind of test may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Command
from selvawatch.core.grid import Tile
from selvawatch.simulate import Simulated, SimulationPlan, simulate
from selvawatch.sources.catalogues import stac_requests
from small_site import SMALL_PLAN, SMALL_TILE, Place, lay_site

os.environ.setdefault("SELVAWATCH_ID_KEY", "tests")

ROOT = Path(__file__).resolve().parents[1]
PAUSE_S = stac_requests._GAP_S


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: of two workers none is left with a long file while the other has none."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def unsynced(request: pytest.FixtureRequest) -> Iterator[None]:
    """Files of this process are not forced to the disk, a thousand times a run: a test cannot cut the power.

    Programs that tests start do force theirs, and benches measure it.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not any(item.get_closest_marker("bench") for item in request.session.items):
            patch.setattr("os.fsync", lambda _handle: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def unpaused(request: pytest.FixtureRequest) -> Iterator[None]:
    """Searches of this process make no pause between two requests: the servers of tests need none.

    Real archives get theirs, and so do searches of programs that tests start.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not any(item.get_closest_marker("live") for item in request.session.items):
            patch.setattr(stac_requests, "_GAP_S", 0.0)
        yield


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause of searches as it is, for a test that counts what an archive refuses to who asks too fast."""
    monkeypatch.setattr(stac_requests, "_GAP_S", PAUSE_S)


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
    return SMALL_TILE


@pytest.fixture(scope="session")
def small_plan() -> SimulationPlan:
    """A plan of 13 months of history and 8 months of monitoring with a few small fronts, easy weather."""
    return SMALL_PLAN


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
