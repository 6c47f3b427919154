"""Faces of a register and loss cut by them, a sealed folder each: made once, and read for every table."""

import contextlib
import hashlib
import io
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.faces import Faces, faces_of
from selvawatch.attribute.overlay import Pieces, attribute, extent_of
from selvawatch.attribute.touches import with_touches
from selvawatch.core.files import digest
from selvawatch.errors import DamagedError
from selvawatch.register.register import Register
from selvawatch.site import Site
from selvawatch.store.folders import Store, new_folder
from selvawatch.store.seal import open_sealed

log = logging.getLogger(__name__)

EDITION = 4
"""Raised when the same register would give other faces."""

KEPT = 3
"""Versions of the register whose faces are kept: the last ones used."""

KEPT_EACH = 12
"""Faces, and cells cut by them, that are kept of each of these: the last ones used."""

_FACES, _PIECES, _MEMBERS = "faces.npz", "pieces.parquet", "members.parquet"

LEFT_SECONDS = 86_400.0
"""Age at which a temporary folder was left by a process that was killed, seconds."""

EXTENT_M = 10_000.0
"""Faces fill whole squares of this side, so that new loss seldom asks for new faces, metres."""


def site_faces(
    site: Site, store: Store | None, register: Register, loss: Sequence[gpd.GeoDataFrame]
) -> Faces:
    """Faces of the register over all rights and all loss, from the store where it has them.

    Faces made anew are kept, those not used lately removed; where the store cannot be
    written they are only returned.
    """
    bounds = np.array(extent_of([*loss, register.rights]).bounds)
    low, high = np.floor(bounds[:2] / EXTENT_M) * EXTENT_M, np.ceil(bounds[2:] / EXTENT_M) * EXTENT_M
    extent = shapely.box(*low, *high)
    if store is None:
        return _made(site, register, extent)
    touch = list(astuple(site.tables.touch))
    key = digest([EDITION, shapely.geos_version_string, list(extent.bounds), site.equal_area.to_wkt(), touch])
    path = store.faces / f"{register.version[:16]}-{key[:16]}"
    if path.exists():
        try:
            faces = _read(path, register, extent)
            _used(path)
            return faces
        except DamagedError as error:
            log.info("%s is made anew: %s", path, error)
    faces = _made(site, register, extent)
    _keep(path, lambda part: _write(part / _FACES, faces))
    return faces


def site_pieces(
    store: Store,
    register: Register,
    faces: Faces,
    cells: gpd.GeoDataFrame,
    today: int,
    *,
    of: str,
    events: pd.DataFrame | None = None,
) -> Pieces:
    """Cells cut by faces, from the store where it has them; kept and removed as faces are.

    of: digest of what the cells and events come from (a run's id, a product's file).
    """
    bounds, touching = list(faces.extent.bounds), hashlib.sha256(faces.touching.tobytes()).hexdigest()
    key = digest([EDITION, shapely.geos_version_string, of, today, bounds, touching])[:16]
    path = store.faces / f"{register.version[:16]}-{key}"
    if path.exists():
        try:
            kept = open_sealed(path)
            found = Pieces(
                frame=gpd.read_parquet(io.BytesIO(kept.read(_PIECES))),
                members=pd.read_parquet(io.BytesIO(kept.read(_MEMBERS))),
                today=today,
                register_version=register.version,
            )
            _used(path)
            return found
        except DamagedError as error:
            log.info("%s is made anew: %s", path, error)
    pieces = attribute(cells, faces, register, today=today, events=events)

    def fill(part: Path) -> None:
        pieces.members.to_parquet(part / _MEMBERS, index=False)
        pieces.frame.to_parquet(part / _PIECES, index=False)

    _keep(path, fill)
    return pieces


def _keep(path: Path, fill: Callable[[Path], None]) -> None:
    """Keep a folder of the cache; where it cannot be written nothing is kept, and nothing is wrong."""
    try:
        with new_folder(path) as part:
            fill(part)
        _prune(path.parent)
    except OSError as error:
        log.info("%s is not kept: %s", path, error)


def _made(site: Site, register: Register, extent: shapely.Polygon) -> Faces:
    faces = faces_of(register.rights, extent, equal_area=site.equal_area, register_version=register.version)
    return with_touches(faces, register, site.tables.touch, site.equal_area)


def _write(path: Path, faces: Faces) -> None:
    _, coordinates, (rings, polygons) = shapely.to_ragged_array(faces.parts)
    np.savez(
        path,
        coordinates=coordinates,
        rings=rings,
        polygons=polygons,
        face=faces.face,
        members=faces.members,
        starts=faces.starts,
        ha=faces.ha,
        touching=faces.touching,
    )


def _used(path: Path) -> None:
    """Note in a folder's time that it is of use; where nothing can be written nothing is pruned."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _prune(folder: Path) -> None:
    """Remove what was not used lately, and what killed processes left half-written."""
    sets: dict[str, list[str]] = {}
    last: dict[str, float] = {}
    for path in sorted(folder.iterdir()):
        when = path.stat().st_mtime
        if path.name.startswith("."):
            if when < time.time() - LEFT_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
            continue
        version = path.name.split("-")[0]
        sets.setdefault(version, []).append(path.name)
        for name in (version, path.name):
            last[name] = max(last.get(name, 0.0), when)
    versions = _latest(sets, last, KEPT)
    kept = {name for version in versions for name in _latest(sets[version], last, KEPT_EACH)}
    for name in (name for names in sets.values() for name in names if name not in kept):
        shutil.rmtree(folder / name, ignore_errors=True)


def _latest(names: Iterable[str], last: Mapping[str, float], count: int) -> list[str]:
    return sorted(names, key=lambda name: (-last[name], name))[:count]


def _read(path: Path, register: Register, extent: shapely.Polygon) -> Faces:
    content = io.BytesIO(open_sealed(path).read(_FACES))
    with np.load(content, allow_pickle=False) as kept:
        parts = shapely.from_ragged_array(
            shapely.GeometryType.POLYGON, kept["coordinates"], (kept["rings"], kept["polygons"])
        )
        return Faces(
            parts=parts,
            face=kept["face"],
            members=kept["members"],
            starts=kept["starts"],
            ha=kept["ha"],
            extent=extent,
            crs=register.rights.crs,
            register_version=register.version,
            touching=kept["touching"],
        )
