"""An area to watch: a named, versioned polygon that says where it comes from and how sure it is."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

import shapely
from pyproj import Transformer

_PLAIN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def plain_name(name: str) -> str:
    """A name in lower-case letters, digits and dashes, as Prefect's artifacts want their keys.

    One that is so already stays; any other ends in eight digits of its sha256, so that no two become one.
    """
    if _PLAIN.fullmatch(name):
        return name
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    end = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return "-".join([*re.findall(r"[a-z0-9]+", letters[:60]), end])


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
