"""What every source of scenes is: a name, a search that drops nothing silently, and a read onto the grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import shapely
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something a search found and cannot use."""

    scene_id: str
    """Id as the catalogue states it, shortened where it is very long; the item's address where it has none.
    """
    reason: str
    """`item`, `id`, `duplicate`, `datetime`, `footprint`, `sensor`, `missing-asset`, `href`, `orbit` or
    `tier`.
    """
    text: str
    """What is wrong, for people."""
    source: str = ""
    """Which source lists it, where a sensor has several: each of them may list the same one."""
    sensor: str = ""
    """Stream of the sensor that it is of; empty: nothing of it tells."""

    @property
    def order(self) -> tuple[str, str, str, str]:
        """Id, reason, text and source: the order in which problems are listed."""
        return self.scene_id, self.reason, self.text, self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A product that a newer one of the same acquisition replaces."""

    scene: Scene
    """The older one; it is not read."""
    by: str
    """Id of the newer one."""

    @property
    def order(self) -> tuple[int, str, str]:
        """Day, id and digest of the older one: the order in which they are listed."""
        return self.scene.day, *self.scene.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A scene of a source whose acquisition a source that is listed before it has too."""

    scene: Scene
    """It is read only where the other cannot be."""
    of: tuple[str, str, str]
    """`item_key` of the other."""
    sensor: str
    """Sensor of the other."""

    @property
    def order(self) -> tuple[int, tuple[str, str, str]]:
        """Day and item: the order in which they are listed."""
        return self.scene.day, self.scene.item_key


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search found: scenes that can be tried, products that newer ones replace, acquisitions that a
    second source lists too, and problems.

    Found = scenes + superseded + duplicates + problems.
    """

    scenes: tuple[Scene, ...]
    """Sorted by day, sensor and id."""
    problems: tuple[Problem, ...] = ()
    """Sorted by id and reason."""
    superseded: tuple[Superseded, ...] = ()
    """Sorted by day and id."""
    unsearched: tuple[str, ...] = ()
    """Sensors that could not be searched, sorted; what is found is then not all there is."""
    duplicates: tuple[Duplicate, ...] = ()
    """Sorted by day and item."""
    silent: tuple[str, ...] = ()
    """Sources that could not be searched while others of the same sensor were, sorted; of a combination,
    `SENSOR=SOURCE`.
    """
    newest: tuple[tuple[str, int], ...] = ()
    """Where a sensor has several sources: each that was searched, as in `silent`, and the day of its newest
    scene, whatever its cloud; 0: it lists none.
    """

    @property
    def found(self) -> int:
        """How many items the search found."""
        return len(self.scenes) + len(self.superseded) + len(self.duplicates) + len(self.problems)


@runtime_checkable
class Source(Protocol):
    """A place that scenes come from. Instances can be pickled; they hold no open connection and no
    credential.
    """

    @property
    def name(self) -> str:
        """The text that opens it."""
        ...

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:
        """Scenes whose footprint meets a geometry (WGS 84) from a first to a last day, both included.

        Raises
        ------
        SourceError
            When the source cannot be searched at all.
        """
        ...

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels, as `sources.scene_pixels.read_scene` gives them.

        Raises
        ------
        SceneError
            When anything of it cannot be read; nothing is returned in part.
        """
        ...
