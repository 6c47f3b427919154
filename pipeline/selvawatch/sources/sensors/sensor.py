"""What a sensor and a band are; the sensors themselves are in `sources.sensors.sensor_table`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from selvawatch.core.scene import Scene
from selvawatch.sources.sensors.quality import Clear

Scaling = tuple[float, float]
"""Scale and offset: physical = stored * scale + offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Where a band is kept."""

    assets: tuple[str, ...]
    """Asset keys by archive; the first one an item has is read."""
    kind: str = "reflectance"
    """`reflectance`, `power` (linear backscatter), `decibel`, `index` (ready index) or `quality` (codes)."""
    nodata: float | None = None
    """Stored value without data; an item that states another is refused. None: item or file say."""
    needed: bool = True
    """Whether a scene without it is unusable."""


def _no_rule(scene: Scene) -> Scaling | None:  # noqa: ARG001
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One kind of scene."""

    name: str
    stream: str
    """Stream its observations go to; radar adds its orbit."""
    bands: Mapping[str, Band]
    """Bands by the project's name."""
    quality: Mapping[str, Band] = field(default_factory=dict)
    """Quality layers by name."""
    clear: Clear | None = None
    """Usable pixels from the quality layers; None: the sensor brings none."""
    collections: tuple[str, ...] = ()
    """Collections that list it; empty: any collection whose items have one of its bands (a ready index)."""
    archives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those of them that are read of a public archive, by the archive's name."""
    platforms: tuple[str, ...] = ()
    """Platforms or constellations, lower case; empty: any."""
    indices: tuple[str, ...] = ()
    """Indices it can give."""
    resolution: float = 30.0
    """Finest pixel, metres."""
    revisit_days: int = 16
    """Days from one acquisition of a place to the next, of all satellites together; 16 where nothing is said,
    the slowest of those listed (one Landsat alone).
    """
    rule: Callable[[Scene], Scaling | None] = _no_rule
    """Scale and offset of its physical bands, from what is published about the archive; None: not known for
    this scene.
    """
    radar: bool = False
    """Whether it is a radar; needs an orbit unless `orbit_needed` is False."""
    orbit_needed: bool = False
    """Whether a scene without an orbit direction is refused."""
    angled: bool = False
    """Whether Earth Engine keeps its backscatter in dB of sigma nought, with an incidence angle."""
    bandpass: str = ""
    """Space its reflectances are in, a key of `sources.sensors.sensor_table.TO_OLI`; empty: none."""

    @property
    def ready(self) -> bool:
        """Whether its bands are ready indices."""
        return all(band.kind in ("index", "decibel") for band in self.bands.values())

    def asset(self, band: str, assets: Collection[str]) -> str | None:
        """Key of the asset that keeps a band or quality layer, or None."""
        entry = self.bands.get(band) or self.quality[band]
        return next((key for key in entry.assets if key in assets), None)
