"""What the digests of blocks cost as they are read: by the clock and by the processors, from a disk and from
the web, beside what sha256 of the same bytes costs alone.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from statistics import median

import pytest
import scene_archive
import shapely

from range_server import serve_apart
from selvawatch.core.days import to_day
from selvawatch.core.scene import Scene
from selvawatch.sources import scene_pixels
from selvawatch.sources.open import open_source
from selvawatch.sources.reading.checksums import read_digest
from selvawatch.sources.sensors.sensor_table import sensor_of

pytestmark = pytest.mark.bench
ROUNDS, HALO_PX = 25, 20


@pytest.fixture(scope="module", params=["sentinel-2", "landsat", "sentinel-1"])
def scenes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Scene]]:
    """A scene of a stream on a disk and on the web."""
    folder = scene_archive.write_scenes(tmp_path_factory.mktemp("archive"), request.param, 1)
    with serve_apart(folder) as address:
        sources = {"disk": f"folder:{folder}", "web": f"stac:{address}/catalog.json"}
        whole = shapely.box(-180, -90, 180, 90), to_day("2024-01-01"), to_day("2024-12-31")
        yield {name: open_source(text).search(*whole).scenes[0] for name, text in sources.items()}


def read(scene: Scene) -> None:
    scene_pixels.read_scene(scene, scene_archive.TILE, list(sensor_of(scene).bands), HALO_PX)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processors."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


def test_a_digest_costs_what_sha256_of_the_blocks_costs_and_no_more(scenes, monkeypatch):
    blocks: list[bytes] = []

    def kept(content, numbers):
        blocks.extend(bytes(block) for block in content)
        return read_digest(content, numbers)

    monkeypatch.setattr(scene_pixels, "read_digest", kept)
    read(scenes["disk"])
    alone = min(seconds(lambda: [hashlib.sha256(block) for block in blocks])[1] for _ in range(ROUNDS))
    size = sum(map(len, blocks))
    for where, scene in scenes.items():
        pairs = []
        for _ in range(ROUNDS):
            pair = []
            for function in (lambda *_: "", read_digest):
                monkeypatch.setattr(scene_pixels, "read_digest", function)
                pair.append(seconds(lambda scene=scene: read(scene)))
            pairs.append(pair)
        clock, used = (
            [median(pair[with_digest][kind] for pair in pairs) for with_digest in (0, 1)] for kind in (0, 1)
        )
        print(
            f"\n{scene.sensor} from {where}: {size / 1e6:.1f} MB of blocks, read in {clock[0] * 1e3:.0f} ms,"
            f" with digests {clock[1] / clock[0] - 1:+.1%} by the clock, {used[1] / used[0] - 1:+.1%} of the"
            f" processors; sha256 alone {alone * 1e3:.1f} ms ({size / alone / 1e9:.2f} GB/s,"
            f" {alone / used[0]:.1%})"
        )
        assert used[1] - used[0] < 1.5 * alone + 0.005  # half again, and 5 ms: clocks tick by milliseconds
