"""An area to watch: a named, versioned polygon that says where it comes from and how sure it is."""

from dataclasses import dataclass

import shapely
from pyproj import Transformer


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A polygon people call by a name."""

    name: str
    """Stable short name, such as `la-pampa`."""
    title: str
    """What people read."""
    geometry: shapely.Geometry
    """Polygon in WGS 84 longitude and latitude."""
    version: str
    """Version of the polygon; another shape under the same name is another version."""
    source: str = ""
    """Where the polygon comes from."""
    precision_km: float = 0.0
    """How far off the border may be, kilometres."""

    def projected(self, crs: str) -> shapely.Geometry:
        """The polygon in another CRS."""
        transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        return shapely.transform(self.geometry, lambda x, y: transformer.transform(x, y), interleaved=False)
