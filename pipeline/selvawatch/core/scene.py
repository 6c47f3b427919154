"""A scene: one acquisition of one sensor as a catalogue describes it, not yet read."""

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import shapely

from selvawatch.core.days import to_day

_SQUARE = re.compile(r"(?:^|[_.])T?(\d{2}[C-X][A-Z]{2})(?:[_.]|$)")
_PATH_ROW = re.compile(r"(?:^|_)L[CEMOT]\d{2}_(?:[A-Z0-9]{4}_)?(\d{6})_\d{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of a scene."""

    href: str
    """Where it is; already checked against what the source allows."""
    scale: float | None = None
    """Physical value = stored * scale + offset, as the item says; None: the item says nothing."""
    offset: float | None = None
    """See `scale`."""
    nodata: float | None = None
    """Stored value of a pixel without data, as the item says; None: the item says nothing."""
    band: int = 1
    """Band of the file, from 1."""
    crs: str = ""
    """CRS the item states for the file; empty: it states none."""
    shape: tuple[int, int] | None = None
    """Rows and columns the item states; None: it states none."""
    transform: tuple[float, ...] | None = None
    """Affine transform the item states (six numbers, row by row); None: it states none."""
    file_size: int | None = None
    """Bytes of the file as the item states; None: it states none."""
    checksum: str = ""
    """Multihash of the file (hexadecimal) as the item states; empty: it states none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One acquisition: who, when, where, and its files."""

    id: str
    """Id in its collection; unique there, safe in a file name."""
    sensor: str
    """Name in `sources.sensors.sensor_table.SENSORS`."""
    collection: str
    """Collection the catalogue lists it in."""
    time: dt.datetime
    """Acquisition time, UTC."""
    footprint: shapely.Geometry
    """Ground covered, WGS 84 longitude and latitude."""
    assets: Mapping[str, Asset]
    """Files by asset key."""
    cloud_percent: float | None = None
    """Cloud cover that the catalogue states, 0-100; None where it does not."""
    processing: str = ""
    """Processing baseline or version, as the catalogue states it."""
    orbit: str = ""
    """`ascending` or `descending` for radar; empty otherwise."""
    track: str = ""
    """Relative orbit of radar, `1` to `175`; empty where nothing says it, and for others."""
    digest: str = ""
    """Digest of the item: another digest under the same id is a reprocessed scene."""
    properties: Mapping[str, str | float] = field(default_factory=dict)
    """What else the sensor's rules need from the item."""

    @property
    def day(self) -> int:
        """Day of acquisition (UTC)."""
        return to_day(self.time)

    @property
    def key(self) -> tuple[str, str]:
        """Id and digest: what records of a scene know it by."""
        return self.id, self.digest

    @property
    def item_key(self) -> tuple[str, str, str]:
        """Collection, id and digest: one version of one item of one catalogue."""
        return self.collection, self.id, self.digest

    @property
    def square(self) -> str:
        """MGRS square, or path and row of Landsat, as the item or its id states it; empty: neither does."""
        stated = re.sub("^(MGRS|WRS2)-", "", str(self.properties.get("grid:code", "")))
        found = _SQUARE.search(self.id) or _PATH_ROW.search(self.id)
        return stated or (found[1] if found else "")

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Day, sensor, id and collection: the order in which scenes are listed."""
        return self.day, self.sensor, self.id, self.collection


def scene_to_json(scene: Scene) -> dict[str, Any]:
    """A JSON-able mapping that `scene_from_json` turns back into an equal scene."""
    values = asdict(replace(scene, assets={}, footprint=None))
    values["assets"] = {key: _plain(asdict(asset)) for key, asset in sorted(scene.assets.items())}
    values["footprint"] = scene.footprint.wkb_hex
    values["time"] = scene.time.isoformat()
    values["properties"] = dict(sorted(scene.properties.items()))
    return values


def scene_from_json(values: Mapping[str, Any]) -> Scene:
    """The scene that `scene_to_json` wrote."""
    assets = {key: Asset(**_tuples(asset)) for key, asset in values["assets"].items()}
    footprint = shapely.from_wkb(values["footprint"])
    time = dt.datetime.fromisoformat(values["time"])
    return Scene(**{**values, "assets": assets, "footprint": footprint, "time": time})


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """An asset's values with a nodata that JSON has no number for (NaN, infinities) as text, as STAC does."""
    nodata = values["nodata"]
    return {**values, "nodata": nodata if nodata is None or math.isfinite(nodata) else str(nodata)}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return {**plain, "nodata": None if values["nodata"] is None else float(values["nodata"])}
