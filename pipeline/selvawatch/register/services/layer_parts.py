"""Features of a layer as its replies bring them: gathered, limited, and made one frame in WGS 84."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from selvawatch.errors import SourceError
from selvawatch.progress import Progress, report_progress
from selvawatch.register.columns import frame_of
from selvawatch.register.coordinate_reference import WGS84
from selvawatch.register.coordinate_shapes import ShapeError
from selvawatch.register.services.replies import Limits
from selvawatch.register.services.service import LayerRequest, public_address
from selvawatch.register.site_extent import in_degrees

log = logging.getLogger(__name__)

Shaped = Callable[[Any], tuple[shapely.Geometry | None, int]]


@dataclass(kw_only=True, slots=True)
class LayerParts:
    """Features that came so far."""

    request: LayerRequest
    limits: Limits
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    geometries: list[shapely.Geometry | None] = field(default_factory=list)
    references: list[tuple[int, CRS | None]] = field(default_factory=list)
    """How many features came in which CRS, in order."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Kind of each attribute whose service declares it (`columns.frame_of`)."""
    left_out: int = 0
    """Rings and lines without corners."""
    vertices: int = 0
    text_bytes: int = 0

    @property
    def where(self) -> str:
        """What a reader is told of where the layer lies."""
        return public_address(self.request.url)

    def shapes(self, geometries: Iterable[Any], shaped: Shaped) -> list[shapely.Geometry | None]:
        """Geometries of features; SourceError naming the feature whose coordinates make none."""
        found = []
        for number, geometry in enumerate(geometries, start=len(self.rows)):
            try:
                shape, left_out = shaped(geometry)
            except (ShapeError, shapely.errors.ShapelyError) as error:
                raise SourceError(
                    "a feature's geometry cannot be read", where=self.where, got=f"feature {number}: {error}"
                ) from error
            self.left_out += left_out
            found.append(shape)
        return found

    def add(
        self,
        rows: Sequence[Mapping[str, Any]],
        geometries: Sequence[shapely.Geometry | None],
        crs: CRS | None,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        """Add the features of one reply; SourceError where they become too many."""
        self.rows += rows
        self.geometries += geometries
        self.references.append((len(rows), crs))
        self.kinds |= kinds or {}
        self.vertices += int(shapely.get_num_coordinates(np.array(geometries, object)).sum())
        self.text_bytes += sum(_bytes(value) for row in rows for value in row.values())
        report_progress(log, Progress(work="features", item=self.request.layer, done=len(self.rows)))
        self._check("features", len(self.rows), self.limits.features)
        self._check("vertices", self.vertices, self.limits.vertices)
        self._check("bytes of attributes", self.text_bytes, self.limits.text_bytes)

    def _check(self, what: str, count: int, most: int) -> None:
        if count > most:
            raise SourceError(
                "the layer is too large",
                where=self.where,
                got=f"more than {most} {what}",
                do="ask for less of it by `where` in its entry; nothing was kept",
            )

    def frame(
        self,
    ) -> gpd.GeoDataFrame:
        """All features in WGS 84, in the order in which they came."""
        if self.left_out:
            self.request.remarks.append(f"{self.left_out} rings or lines without corners left out")
        crs = {reference.to_wkt(): reference for _, reference in self.references if reference is not None}
        if len(crs) <= 1:
            only = next(iter(crs.values()), WGS84)
            frame = frame_of(self.rows, self.geometries, only, self.kinds)
            return in_degrees(frame, self.request.extent, self.request.remarks)
        shapes = np.array([None] * len(self.geometries), object)
        start = 0
        for count, reference in self.references:
            part = gpd.GeoDataFrame(geometry=self.geometries[start : start + count], crs=reference or WGS84)
            shapes[start : start + count] = in_degrees(
                part, self.request.extent, self.request.remarks
            ).geometry.to_numpy()
            start += count
        return frame_of(self.rows, list(shapes), WGS84, self.kinds)


def _bytes(value: Any) -> int:
    """About what a value of an attribute takes."""
    return len(value) if isinstance(value, str) else 8 if isinstance(value, (int, float)) else len(str(value))
