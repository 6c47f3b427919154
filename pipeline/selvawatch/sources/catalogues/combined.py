"""Several sources as one: each sensor from its own; one that fails leaves the others standing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import shapely
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError, UnsearchedError
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.sensors.sensor_table import sensor_of
from selvawatch.sources.source import Duplicate, Problem, SearchResult, Source, Superseded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedSource:
    """A source that could not be opened: it says why when it is asked, so that others can go on."""

    name: str
    why: SourceError = field(compare=False)

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:  # noqa: ARG002
        """Nothing; SourceError saying why it could not be opened."""
        raise self.why

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:  # noqa: ARG002
        """Nothing; SourceError saying why it could not be opened."""
        raise self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedSource:
    """A source for each sensor."""

    name: str
    """Text that opens it, such as `sentinel-2=earth-search,landsat=planetary-computer`."""
    parts: tuple[tuple[str, Source], ...]
    """Sensor and its source."""

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:
        """Scenes of all sensors; those that could not be searched are named.

        Raises
        ------
        SourceError
            When no sensor can be searched.
        """
        scenes: list[Scene] = []
        older: list[Superseded] = []
        duplicates: list[Duplicate] = []
        silent: list[str] = []
        newest: list[tuple[str, int]] = []
        problems: set[Problem] = set()
        failed: dict[str, SourceError] = {}
        for family, source in self.parts:
            try:
                found = source.search(geometry, first_day, last_day)
            except SourceError as error:
                failed[family] = error
                continue
            scenes += [scene for scene in found.scenes if sensor_of(scene).stream == family]
            older += [one for one in found.superseded if sensor_of(one.scene).stream == family]
            duplicates += [one for one in found.duplicates if sensor_of(one.scene).stream == family]
            silent += [f"{family}={name}" for name in found.silent]
            newest += [(f"{family}={name}", day) for name, day in found.newest]
            problems |= set(found.problems)
        if len(failed) == len(self.parts):
            raise UnsearchedError(
                "no sensor can be searched",
                (reason for error in failed.values() for reason in UnsearchedError.reasons_of(error)),
                where=f"source {self.name}",
                do="see whether this machine reaches them, or give --source folder:DIR",
            )
        for family, why in failed.items():
            log.warning("%s was not searched: %s", family, why)
        return SearchResult(
            scenes=tuple(sorted(scenes, key=lambda scene: scene.order)),
            problems=tuple(sorted(problems, key=lambda problem: problem.order)),
            superseded=tuple(sorted(older, key=lambda replaced: replaced.order)),
            unsearched=tuple(sorted(failed)),
            duplicates=tuple(sorted(duplicates, key=lambda duplicate: duplicate.order)),
            silent=tuple(sorted(silent)),
            newest=tuple(newest),
        )

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels, from its sensor's source (`scene_pixels.read_scene`)."""
        stream = sensor_of(scene).stream
        source = next((source for family, source in self.parts if family == stream), None)
        if source is None:
            return read_scene(scene, tile, bands, halo_px)
        return source.read(scene, tile, bands, halo_px)
