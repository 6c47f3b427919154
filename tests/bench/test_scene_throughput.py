"""How fast scenes become observations: a ratio to bare rasterio threads that read the same windows in the
same run.

docs/bench-scenes.md is the table of the last run.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import pytest
import rasterio
import scene_archive
import scene_table
import shapely
from rasterio.windows import from_bounds

from packaged import RECIPE
from range_server import serve_apart
from selvawatch.core.days import to_day
from selvawatch.core.scene import Scene
from selvawatch.prepare.indices import INDICES
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.prepare.mask import SCREENED_BANDS
from selvawatch.prepare.scene_indices import observe_scene
from selvawatch.sources.open import open_source
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.sensors.sensor_table import asset_of, sensor_of

THREADS = 2
DISTINCT, TIMES = 2, 2
ROUNDS, KEPT_ROUNDS = 10, 4
TILE = scene_archive.TILE
GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
}
"""What is advised for reading windows of COGs over http."""


@dataclass(frozen=True)
class Archive:
    """Scenes of one stream on a disk and on the web."""

    folder: Path
    address: str

    def scenes(self, on_web: bool, turn: int) -> list[Scene]:
        """Scenes to read; on the web under addresses that nobody has asked for yet."""
        source = open_source(f"stac:{self.address}/catalog.json" if on_web else f"folder:{self.folder}")
        found = source.search(shapely.box(-180, -90, 180, 90), to_day("2024-01-01"), to_day("2024-12-31"))
        assert found.problems == () and len(found.scenes) == DISTINCT
        return [
            replace(
                scene,
                id=f"{scene.id}-{number}",
                assets={
                    key: replace(asset, href=f"{asset.href}?{turn}-{number}" if on_web else asset.href)
                    for key, asset in scene.assets.items()
                },
            )
            for number in range(TIMES)
            for scene in found.scenes
        ]


@pytest.fixture(scope="module", params=["sentinel-2", "landsat", "sentinel-1"])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = scene_archive.write_scenes(tmp_path_factory.mktemp("archive"), request.param, DISTINCT)
    with serve_apart(folder) as address:
        yield Archive(folder, address)


def layers_of(scene: Scene) -> list[str]:
    """Bands and quality layers that an observation of a scene needs."""
    sensor, names = sensor_of(scene), RECIPE.indices(scene)
    bands = [band for name in names for band in INDICES[name].bands]
    quality = [name for name in sensor.quality if sensor.asset(name, scene.assets)]
    return list(dict.fromkeys((*(() if sensor.radar else SCREENED_BANDS), *bands, *quality)))


def halo_of(scene: Scene) -> int:
    return RECIPE.index_rule.radar_box_px // 2 if sensor_of(scene).radar else RECIPE.screening.halo_px(10)


def bare(scene: Scene) -> int:
    """Read the windows with rasterio alone; bytes of the numbers read."""
    count = 0
    with rasterio.Env(**GDAL):
        for name in layers_of(scene):
            with rasterio.open(asset_of(scene, name).href) as file:
                window = from_bounds(*scene_archive.outline(halo_of(scene)), file.transform)
                count += file.read(1, window=window.round_offsets().round_lengths()).nbytes
    return count


def ours(scene: Scene) -> None:
    """Load, mask, harmonise, indices."""
    assert observe_scene(scene, TILE, RECIPE, read_scene).clear.any()


def seconds(work: Callable[[Scene], object], scenes: Sequence[Scene]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processors."""
    with ThreadPoolExecutor(THREADS) as pool:
        begun, used = time.perf_counter(), time.process_time()
        for _ in pool.map(work, scenes):
            pass
        return time.perf_counter() - begun, time.process_time() - used


@pytest.mark.bench
@pytest.mark.parametrize("on_web", [True, False], ids=["web", "disk"])
def test_scenes_become_looks_at_seven_tenths_of_the_speed_of_bare_reads(
    archive: Archive, on_web: bool, tmp_path: Path
) -> None:
    scenes = archive.scenes(on_web, 0)
    megabytes = sum(bare(scene) for scene in scenes) / 1e6
    ours(scenes[0])
    plain, made, kept = [], [], []
    for turn in range(1, ROUNDS + 1):
        for work, times in ((bare, plain), (ours, made))[:: 1 if turn % 2 else -1]:
            times.append(seconds(work, archive.scenes(on_web, 2 * turn + (work is ours))))
    for turn in range(KEPT_ROUNDS):
        clock, _ = seconds(bare, archive.scenes(on_web, 2 * (ROUNDS + turn) + 4))
        days = [
            replace(scene, time=scene.time.replace(day=number + 1))
            for number, scene in enumerate(archive.scenes(on_web, 2 * (ROUNDS + turn) + 5))
        ]
        begun = time.perf_counter()
        taken = ingest_scenes(days, TILE, RECIPE, tmp_path / str(turn), workers=THREADS)
        kept.append(clock / (time.perf_counter() - begun))
        assert {record.state for record in taken} == {"read"}
    row = scene_table.Speed(
        stream=sensor_of(scenes[0]).stream,
        place="web" if on_web else "disk",
        scenes=len(scenes),
        megabytes=megabytes,
        ratio=median(one / other for (one, _), (other, _) in zip(plain, made, strict=True)),
        bare_s=min(clock for clock, _ in plain),
        looks_s=min(clock for clock, _ in made),
        files_ratio=median(kept),
        processor_ratio=min(used for _, used in plain) / min(used for _, used in made),
    )
    scene_table.write(row)
    print(f"\n{row.line}")
    assert row.ratio >= 0.70
