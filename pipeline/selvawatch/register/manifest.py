"""The manifest of layers (`aoi/zones.toml`) and what it makes: the register and the references."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from pyproj import CRS

from selvawatch.core.area import Area
from selvawatch.core.files import file_digest
from selvawatch.core.hectares import M2_PER_HA
from selvawatch.errors import LayerError, SiteError
from selvawatch.register.entries import OF_AREA, UNATTRIBUTED, LayerEntry, RoadMark
from selvawatch.register.layer_rows import LayerSnapshot, column_dates, normalise_layer, read_layer, texts
from selvawatch.register.register import Register, register_of
from selvawatch.register.vector_files import polygons, read_vector, split_layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What `aoi/zones.toml` says."""

    layer: tuple[LayerEntry, ...]
    contact: str = ""
    """Address or page that keepers of services may turn to; fetching needs it."""

    def __post_init__(self) -> None:
        """Refuse two layers of one name."""
        names = [one.name for one in self.layer]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise SiteError("layers share a name", got=double, needed="each name once")

    def entry(self, name: str) -> LayerEntry:
        """The layer of that name; SiteError naming the known ones."""
        for entry in self.layer:
            if entry.name == name:
                return entry
        known = [one.name for one in self.layer]
        raise SiteError("unknown layer", got=name, needed=known)

    def entry_of(self, snapshot: "Snapshot") -> LayerEntry:
        """The entry of a snapshot, with the columns that were named by hand when it was taken."""
        return self.entry(snapshot.layer).with_columns(snapshot.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A layer's file as it was taken on one day."""

    layer: str
    file: str
    """`FILE[:layer]`."""
    date: dt.date
    sha256: str
    """Digest of the file."""
    order: int = 0
    """Of several of one day the one with the highest number stands: what was imported last."""
    confirmed: bool = False
    """Whether a person confirmed it though it is not what its entry expects."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)
    """Its columns by role, where they were named by hand (`LayerEntry.with_columns`)."""


_DATED = ["seen_on", "layer", "geometry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Roads, rivers and water: distances are taken to them, nothing is attributed to them."""

    roads: gpd.GeoDataFrame
    rivers: gpd.GeoDataFrame
    water: gpd.GeoDataFrame
    """Water surfaces of a layer; column `year` (empty: any) says of which year."""
    river_water: gpd.GeoDataFrame
    """River water told from imagery, column `year` (see `attribute.river_water`)."""
    scars: gpd.GeoDataFrame
    """Mining ground of before: `seen_on` (day by which it was there; NaT: unknown)."""
    primary: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    """Primary forest: `seen_on` (day by which it stood)."""
    settlements: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    """Points of named settlements: maps write their names, nothing else is said of them."""
    marks: tuple[RoadMark, ...] = ()
    """Points of roads whose kilometre is known."""
    mark_points: tuple[shapely.Point, ...] = ()
    """Where they are, in the pixel CRS."""
    mark_layers: tuple[str, ...] = ()
    """Layer of each mark."""
    dates: tuple[tuple[str, dt.date], ...] = ()
    """Day each layer was taken, by name."""
    sensitive: tuple[str, ...] = ()
    """Names of those layers that are marked `sensitive`; column `layer` says whose a row is."""

    def without(self, layers: Collection[str]) -> "References":
        """The references as if they had never held some layers; themselves where they hold none of them.

        River water told from imagery is of no layer and stays.
        """
        if not {name for name, _ in self.dates} & set(layers):
            return self
        names = ("roads", "rivers", "water", "scars", "primary", "settlements")
        frames = {name: getattr(self, name) for name in names}
        kept = {
            name: frame[~frame["layer"].isin(list(layers)).to_numpy()].reset_index(drop=True)
            if "layer" in frame
            else frame
            for name, frame in frames.items()
        }
        marked = [index for index, layer in enumerate(self.mark_layers) if layer not in layers]
        return replace(
            self,
            **kept,
            marks=tuple(self.marks[index] for index in marked),
            mark_points=tuple(self.mark_points[index] for index in marked),
            mark_layers=tuple(self.mark_layers[index] for index in marked),
            dates=tuple((name, date) for name, date in self.dates if name not in layers),
            sensitive=tuple(name for name in self.sensitive if name not in layers),
        )


def no_references(crs: str) -> References:
    """References without any layer: every distance is unknown."""
    empty = gpd.GeoDataFrame({"name": [], "year": []}, geometry=[], crs=crs)
    dated = gpd.GeoDataFrame({"seen_on": pd.to_datetime([])}, geometry=[], crs=crs)
    return References(
        roads=empty,
        rivers=empty,
        water=empty,
        river_water=empty,
        scars=dated,
        primary=dated,
        settlements=empty,
    )


def site_snapshots(manifest: Manifest, folder: Path) -> tuple[Snapshot, ...]:
    """Snapshots that came with a site: the manifest's files, relative to its folder.

    Raises
    ------
    LayerError
        For a file that is missing, has no date, or is not the one whose digest the manifest states.
    """
    found = []
    for entry in manifest.layer:
        if not entry.file:
            continue
        path, layer = split_layer(folder / entry.file)
        where = f"layer {entry.name}"
        if not path.exists():
            raise LayerError("no such file", where=where, got=path, do="correct `file` in zones.toml")
        if entry.date is None:
            raise LayerError("the file has no date", where=where, needed="`date`, the day it was taken")
        sha256 = file_digest(path)
        if entry.sha256 and entry.sha256 != sha256:
            raise LayerError(
                "the file is not the one the manifest means",
                where=where,
                got=sha256[:12],
                needed=entry.sha256[:12],
                do="give the new file its own date and digest",
            )
        file = f"{path}:{layer}" if layer else str(path)
        found.append(Snapshot(layer=entry.name, file=file, date=entry.date, sha256=sha256))
    return tuple(found)


def read_register(
    manifest: Manifest,
    snapshots: Sequence[Snapshot],
    *,
    crs: str,
    equal_area: CRS,
    areas: Sequence[Area] = (),
    areas_date: dt.date = dt.date(1970, 1, 1),
    salt: bytes = b"",
) -> tuple[Register, References]:
    """The register of all snapshots (several of one layer are its history), and the latest references.

    `areas` become places that tables can be split by. Layers without a snapshot are simply not there: what
    they would say is unknown.
    """
    layer_snapshots: list[LayerSnapshot] = []
    latest: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        entry = manifest.entry_of(snapshot)
        if entry.kind in UNATTRIBUTED:
            before = latest.get(snapshot.layer)
            if before is None or (before.date, before.order) < (snapshot.date, snapshot.order):
                latest[snapshot.layer] = snapshot
            continue
        read = read_layer(
            snapshot.file,
            entry,
            crs=crs,
            equal_area=equal_area,
            date=snapshot.date,
            sha256=snapshot.sha256,
            salt=salt,
        )
        doubts = () if snapshot.confirmed else read.doubts
        layer_snapshots.append(replace(read, order=snapshot.order, doubts=doubts))
    if areas:
        layer_snapshots.append(areas_as_districts(areas, crs, equal_area, areas_date))
    return register_of(layer_snapshots, crs=crs), _references(manifest, latest, crs)


def areas_as_districts(areas: Sequence[Area], crs: str, equal_area: CRS, date: dt.date) -> LayerSnapshot:
    """Areas of interest as places of the register, by their short name.

    Raises
    ------
    LayerError
        Where two areas overlap by more than the 1 mm grid explains: a hectare would be in both.
    """
    shapes = [area.projected(crs) for area in areas]
    for index, shape in enumerate(shapes):
        for other in range(index):
            shared = shape.intersection(shapes[other]).area
            if shared > 1.0:
                raise LayerError(
                    "areas overlap",
                    where=f"{areas[other].name}, {areas[index].name}",
                    got=f"{shared / M2_PER_HA:.2f} ha",
                    needed="areas apart from each other",
                )
    entry = LayerEntry(
        name="areas",
        title="Áreas de interés",
        kind="place",
        type="area",
        source="this site",
        licence="",
        id_columns=("name", "version"),
        name_column="name",
        valid_from=dt.date(1970, 1, 1),
        open_ended=True,
    )
    frame = gpd.GeoDataFrame(
        {"name": [area.name for area in areas], "version": [area.version for area in areas]},
        geometry=shapes,
        crs=crs,
    )
    return normalise_layer(frame, entry, equal_area=equal_area, date=date, sha256="")


def _references(manifest: Manifest, latest: dict[str, Snapshot], crs: str) -> References:
    parts: dict[str, list[gpd.GeoDataFrame]] = {
        kind: [] for kind in ("road", "river", "water", *OF_AREA, "settlement")
    }
    for name in sorted(latest):
        entry = manifest.entry_of(latest[name])
        if entry.kind != "reference":
            continue
        frame = read_vector(latest[name].file, crs=crs, declared_crs=entry.crs, encoding=entry.encoding)
        if entry.type not in parts:
            raise SiteError("unknown reference", where=f"layer {name}", got=entry.type, needed=sorted(parts))
        names = texts(frame[entry.name_column]) if entry.name_column else [None] * len(frame)
        years = frame["year"] if "year" in frame else [None] * len(frame)
        seen = (
            column_dates(frame[entry.from_column], entry)[1]
            if entry.from_column
            else pd.Series(pd.NaT, frame.index, dtype="datetime64[ms]")
        )
        seen = seen.fillna(pd.Timestamp(entry.valid_from or latest[name].date)).astype("datetime64[ms]")
        shapes = frame.geometry.to_numpy()
        if entry.type in OF_AREA:
            shapes, _ = polygons(shapes, [str(index) for index in range(len(frame))])
        kept = gpd.GeoDataFrame(
            {"name": names, "year": list(years), "seen_on": seen.to_numpy(), "layer": name},
            geometry=shapes,
            crs=crs,
        )
        parts[entry.type].append(kept[~(kept.geometry.isna() | kept.geometry.is_empty)])
    empty = no_references(crs)
    placed = [(mark, name) for name in sorted(latest) for mark in manifest.entry(name).marks]
    marks, mark_layers = tuple(mark for mark, _ in placed), tuple(name for _, name in placed)
    lon, lat = [mark.lon for mark in marks], [mark.lat for mark in marks]
    points = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs="EPSG:4326").to_crs(crs)
    joined = {
        kind: gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=crs) if frames else empty.roads
        for kind, frames in parts.items()
    }
    return References(
        roads=joined["road"],
        rivers=joined["river"],
        water=joined["water"],
        river_water=empty.river_water,
        scars=joined["scar"][_DATED] if parts["scar"] else empty.scars,
        primary=joined["primary_forest"][_DATED] if parts["primary_forest"] else empty.primary,
        settlements=joined["settlement"],
        marks=marks,
        mark_points=tuple(points),
        mark_layers=mark_layers,
        dates=tuple((name, latest[name].date) for name in sorted(latest)),
        sensitive=tuple(name for name in sorted(latest) if manifest.entry(name).sensitive),
    )
