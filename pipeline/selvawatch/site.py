"""A site: where to watch, with which numbers, from which sources; a folder with `aoi/` and `models/`."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import shapely
from pyproj import CRS

from selvawatch.attribute.accountings import Priorities
from selvawatch.attribute.periods import Periods
from selvawatch.attribute.rank import RankingRule
from selvawatch.attribute.rules import Rules
from selvawatch.core.area import Area
from selvawatch.core.days import to_day
from selvawatch.core.files import check_plain, digest, file_digest
from selvawatch.core.grid import Grid, Tile
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.errors import SiteError
from selvawatch.events.cause import CauseRule
from selvawatch.events.patches import EventFrame, EventRule
from selvawatch.prepare.mask import Screening
from selvawatch.prepare.scene_indices import IndexRule, Recipe
from selvawatch.register.manifest import Manifest, site_snapshots
from selvawatch.sources.catalogues.offsets import ArchiveRule
from selvawatch.sources.sensors.sensor_table import STREAMS, revisit_days_of
from selvawatch.tables.table_settings import TableSettings
from selvawatch.write.tiers import TierRule

_PACKAGE = Path(__file__).parent


def default_site() -> Path:
    """Folder of the site that came with the program: the checkout, or what the wheel carries."""
    packaged = _PACKAGE / "default_site"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1]


def init_site(folder: Path) -> list[Path]:
    """Copy the packaged site into a folder and return the files written.

    Raises
    ------
    SiteError
        When the folder holds a site already; nothing is overwritten.
    """
    if folder.exists() and not folder.is_dir():
        raise SiteError("this is a file", where=folder, needed="a new or empty folder")
    if (folder / "aoi").exists() or (folder / "models").exists():
        raise SiteError("there is a site already", where=folder, do="give an empty folder")
    for part in ("aoi", "models", "flows"):
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(default_site() / part, folder / part, ignore=ignored)
    return sorted(path for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """Centre of the equal-area projection that hectares are taken in, degrees."""

    lon: float
    lat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Which days are history and when monitoring begins."""

    monitoring_from: date
    """First day on which loss is looked for."""
    history_from: date | None = None
    """First day of the stable history; none: no history, the model's fallback is used."""
    history_to: date | None = None
    """Last day of the stable history."""

    def __post_init__(self) -> None:
        """Refuse a history that is half given or reaches into the monitoring."""
        if (self.history_from is None) != (self.history_to is None):
            raise ValueError("history_from and history_to must both be given, or neither")
        if self.history_to is not None and self.history_to >= self.monitoring_from:
            raise ValueError(
                f"history_to {self.history_to} is not before monitoring_from {self.monitoring_from}"
            )

    @property
    def first_day(self) -> int:
        """First day of the monitoring, days since 1970-01-01."""
        return to_day(self.monitoring_from)

    @property
    def history(self) -> tuple[int, int] | None:
        """First and last day of the history, both included; None without a history."""
        if self.history_from is None or self.history_to is None:
            return None
        return to_day(self.history_from), to_day(self.history_to)

    @property
    def earliest_day(self) -> int:
        """First day of which scenes are read: that of the history, else of the monitoring."""
        return self.first_day if self.history is None else self.history[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked of the archives."""

    max_cloud_percent: float = 100.0
    """Scenes whose catalogue states more cloud than this are listed but not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Files with the numbers of each method, relative to the site or to the packaged one."""

    detector: str = "models/fused.toml"
    common: str = "models/common.toml"
    screening: str = "models/screening.toml"
    indices: str = "models/indices.toml"
    archives: str = "models/archives.toml"
    cause: str = "models/cause.toml"
    events: str = "models/events.toml"
    ranking: str = "models/ranking.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """What `aoi/site.toml` says."""

    name: str
    """Short stable name."""
    title: str
    """What people read."""
    event_prefix: str
    """Letters that begin every event id."""
    centre: Centre
    grid: Grid
    days: Days
    areas: str
    """GeoJSON of the areas, relative to the site."""
    tiers: TierRule
    """What the public and partner tiers see."""
    sources: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Source of each sensor, or several in the order in which they are read; `--source` overrides all."""
    revisit_days: Mapping[str, int] = field(default_factory=dict)
    """Days from one scene of a place to the next, by sensor, where they are not those of the table of
    sensors.
    """
    search: Search = field(default_factory=Search)
    models: Models = field(default_factory=Models)
    forest_mask: str = ""
    """Raster on the site's grid, 1 = forest; empty: forest is what the history shows."""
    zones: str = "aoi/zones.toml"
    """Manifest of the register's layers."""
    rules: str = "aoi/rules.toml"
    """Dated legal rules."""
    priorities: str = "aoi/priorities.toml"
    """Priority scales of the exclusive accounting."""
    periods: str = "aoi/periods.toml"
    """Sets of periods."""
    tables: str = "aoi/tables.toml"
    """Numbers that tables need."""

    def __post_init__(self) -> None:
        """Refuse days of a sensor that is none, or none of which a scene could come, and lists of sources
        that name none, or one twice.
        """
        for sensor in self.sources:
            named = self.sources_of(sensor)
            if not named or not all(named):
                raise ValueError(f"sources: {sensor} has none; needed one source or several")
            if len(set(named)) != len(named):
                raise ValueError(f"sources: {sensor} names {', '.join(named)}; needed each source once")
            if wrong := next((one for one in named if "," in one), ""):
                raise ValueError(f'sources: {sensor} is "{wrong}"; write several as a list: ["A", "B"]')
        for sensor, days in self.revisit_days.items():
            if sensor not in STREAMS:
                raise ValueError(f"revisit_days: {sensor} is no sensor; needed one of {', '.join(STREAMS)}")
            if days < 1:
                raise ValueError(f"revisit_days: {sensor} is {days}; needed 1 or more")

    def files(self, file: str) -> dict[str, str]:
        """Path in the site of every file that it consists of but its layers, by what it is.

        file: path of this one.
        """
        models = ("detector", "common", "screening", "indices", "archives", "cause", "events", "ranking")
        others = ("zones", "rules", "priorities", "periods", "tables")
        named = {"site": file, "areas": self.areas}
        named |= {name: getattr(self.models, name) for name in models}
        named |= {name: getattr(self, name) for name in others}
        return named | ({"forest_mask": self.forest_mask} if self.forest_mask else {})

    def sources_of(self, sensor: str) -> tuple[str, ...]:
        """Sources of a sensor, the one that is read first; none where the site names none."""
        named = self.sources.get(sensor, ())
        return (named,) if isinstance(named, str) else tuple(named)

    def revisit_days_of(self, sensor: str) -> int:
        """Days from one scene of a place to the next, as the site says, else as the table of sensors does."""
        return self.revisit_days.get(sensor) or revisit_days_of(sensor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site as loaded: text checked, numbers typed."""

    folder: Path
    file: str
    """Site file, relative to the folder."""
    config: SiteFile
    areas: tuple[Area, ...]
    model: Model
    common_shift: CommonShift
    """What is taken off an observation before it is held against the baselines."""
    archive_rule: ArchiveRule
    """What is made of what archives state of their scenes."""
    recipe: Recipe
    """How scenes become observations."""
    event_rule: EventRule
    cause_rule: CauseRule
    ranking_rule: RankingRule
    manifest: Manifest
    rules: Rules
    priorities: Priorities
    periods: Periods
    tables: TableSettings
    digest: str
    """Digest of every file the site consists of."""
    layers_folder: Path | None = None
    """Folder that files of the manifest are relative to; None: the manifest's own."""

    @staticmethod
    def load(folder: Path, file: str = "aoi/site.toml", *, layers_folder: Path | None = None) -> "Site":
        """The site in a folder; files it does not have are taken from the packaged site.

        layers_folder: where the layers that come with it lie, if not beside its manifest.

        Raises
        ------
        SiteError
            For a file that is missing or says something that cannot be used.
        """
        config = load(SiteFile, folder / file)
        used = {role: _find(folder, name) for role, name in config.files(file).items()}
        used |= {"site": folder / file, "areas": folder / config.areas}
        if config.forest_mask:
            used["forest_mask"] = _forest_mask(folder, file, config.forest_mask)
        manifest = load(Manifest, used["zones"])
        archive_rule = load(ArchiveRule, used["archives"])
        return Site(
            folder=folder,
            file=file,
            config=config,
            areas=_read_areas(used["areas"]),
            model=load(Model, used["detector"]),
            common_shift=load(CommonShift, used["common"]),
            archive_rule=archive_rule,
            recipe=Recipe(
                screening=load(Screening, used["screening"]),
                index_rule=load(IndexRule, used["indices"]),
                quality=archive_rule.quality,
            ),
            event_rule=load(EventRule, used["events"]),
            cause_rule=load(CauseRule, used["cause"]),
            ranking_rule=load(RankingRule, used["ranking"]),
            manifest=manifest,
            rules=load(Rules, used["rules"]),
            priorities=load(Priorities, used["priorities"]),
            periods=load(Periods, used["periods"]),
            tables=load(TableSettings, used["tables"]),
            digest=_digest_of(used, manifest, layers_folder or used["zones"].parent),
            layers_folder=layers_folder,
        )

    @property
    def files(self) -> Mapping[str, str]:
        """Path in the site of every file that it consists of but its layers, by what it is."""
        return self.config.files(self.file)

    def files_digest(self) -> str:
        """What `digest` would be of the files as they are now: another one, where somebody edits them."""
        used = {role: self.path_of(name) for role, name in self.files.items()}
        return _digest_of(used, self.manifest, self.zones_folder)

    @property
    def zones_folder(self) -> Path:
        """Folder that the manifest's files are relative to."""
        return self.layers_folder or self.path_of(self.config.zones).parent

    def path_of(self, name: str) -> Path:
        """Where a file of the site is, by its path in the site; in the packaged site where it has none."""
        return _find(self.folder, name)

    @property
    def grid(self) -> Grid:
        """The site's grid."""
        return self.config.grid

    @property
    def days(self) -> Days:
        """History and monitoring."""
        return self.config.days

    @property
    def search(self) -> Search:
        """What is asked of the archives."""
        return self.config.search

    @property
    def equal_area(self) -> CRS:
        """CRS in which hectares are taken."""
        return equal_area_crs(self.config.centre.lon, self.config.centre.lat)

    @property
    def detections_label(self) -> str:
        """Whose loss the site's own detections are: name and version of the detector."""
        return f"selvawatch {self.model.name} {self.model.version}"

    @property
    def coordinates(self) -> dict[str, str]:
        """What a product says of its coordinates: CRS, pixels, squares, and projection of hectares."""
        crs, side = str(self.grid.crs), self.config.tiers.grid_m
        return {
            "crs": crs,
            "pixel_m": f"{self.grid.resolution:g}",
            "squares": f"{side:g} m, of {crs}; a corner is a multiple of the side",
            "hectares_crs": self.equal_area.srs,
        }

    @property
    def event_frame(self) -> EventFrame:
        """Where events lie and how they are named."""
        return EventFrame(grid=self.grid, equal_area=self.equal_area, prefix=self.config.event_prefix)

    def delayed_day(self, until_day: int) -> int:
        """The day that the public tier learns of in a run to a day; 0: that day, or none yet."""
        delayed = until_day - self.config.tiers.delay_days
        return delayed if self.days.first_day <= delayed < until_day else 0

    @property
    def halo_px(self) -> int:
        """Pixels around a tile that its observations, baselines and running state hold too."""
        from selvawatch.detect.halo import halo_px  # its kernels take a second to import

        return halo_px(self.model, self.common_shift, self.grid.resolution, self.grid.tile_px)

    def select_areas(self, name: str) -> tuple[Area, ...]:
        """The area of that name, or all; SiteError naming the known ones."""
        chosen = tuple(area for area in self.areas if name in ("all", area.name))
        if not chosen:
            known = ", ".join(["all", *(area.name for area in self.areas)])
            raise SiteError(
                "the area is not known",
                where=self.folder / self.config.areas,
                got=name,
                needed=f"one of {known}",
                do="correct --area, or add the area to the file",
            )
        return chosen

    def tiles(self, areas: Sequence[Area]) -> list[Tile]:
        """Tiles that share ground with any of the areas."""
        return self.grid.tiles(shapely.union_all([area.projected(self.grid.crs) for area in areas]))


def _digest_of(used: Mapping[str, Path], manifest: Manifest, layers_folder: Path) -> str:
    """Digest of files by what they are, and of the layers that come with them."""
    layers = {one.layer: one.sha256 for one in site_snapshots(manifest, layers_folder)}
    return digest({"files": {role: file_digest(path) for role, path in used.items()}, "zones": layers})


def _find(folder: Path, name: str) -> Path:
    path = folder / name
    return path if path.exists() else default_site() / name


def _forest_mask(folder: Path, file: str, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise SiteError(
            "the forest mask is missing", where=path, do=f"write it, or correct forest_mask in {file}"
        )
    return path


def _read_areas(path: Path) -> tuple[Area, ...]:
    try:
        check_plain(path)
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        areas = tuple(_area(feature) for feature in features)
    except FileNotFoundError as error:
        raise SiteError(
            "the file of areas is missing", where=path, do="write it, or correct `areas`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise SiteError(
            "the areas cannot be read",
            where=path,
            got=f"no {error}" if isinstance(error, KeyError) else error,
            needed="a GeoJSON collection of polygons with name, title and version",
        ) from error
    names = [area.name for area in areas]
    if not areas or len(set(names)) != len(names):
        raise SiteError(
            "area names are missing or double", where=path, got=names, needed="one or more, each once"
        )
    return areas


def _area(feature: Mapping) -> Area:
    config = feature["properties"]
    geometry = shapely.make_valid(shapely.from_geojson(json.dumps(feature["geometry"])))
    if geometry.is_empty or geometry.area == 0:
        raise ValueError(f"area {config['name']} has no ground")
    return Area(
        name=str(config["name"]),
        title=str(config["title"]),
        geometry=geometry,
        version=str(config["version"]),
        source=str(config.get("source", "")),
        precision_km=float(config.get("precision_km", 0)),
    )
