"""What to simulate: every number of a simulated archive, as frozen dataclasses that a TOML file fills."""

import dataclasses
import datetime as dt
from dataclasses import dataclass

from selvawatch.core.days import to_day
from selvawatch.core.files import digest


def _need_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, need 0 <= {name} <= 1")


def _need_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}, need {name} > 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrainPlan:
    """What lies on the ground before the first day."""

    streams: int
    """Stream valleys between the river and the northern edge."""
    river_width_m: float
    """Mean width of the river's water, metres."""
    river_shift_m: float
    """How far the apex of a bend moves in one rainy season, metres."""
    road_width_m: float
    """Width of the cleared strip of the road, metres."""
    farms: int
    """Parcels of pasture and crops that were never forest in the archive."""
    farm_ha: tuple[float, float]
    """Smallest and largest parcel, hectares."""
    old_mines: int
    """Mined complexes older than the archive."""
    old_mine_ha: float
    """Area of each of them, hectares."""

    def __post_init__(self) -> None:
        """Refuse impossible terrain."""
        if self.streams < 1:
            raise ValueError(f"streams is {self.streams}, need at least 1: fronts grow along streams")
        for name in ("river_width_m", "road_width_m", "old_mine_ha"):
            _need_positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan:
    """What is lost, how much of it, and when."""

    mining_fronts: int
    """Mining fronts of the monitoring period that reach the full size range."""
    mining_ha: tuple[float, float]
    """Smallest and largest of them, hectares (drawn log-uniformly)."""
    small_mining_fronts: int
    """Mining fronts of the monitoring period that stay small."""
    small_mining_ha: tuple[float, float]
    """Smallest and largest small front, hectares."""
    pit_ha: tuple[float, float]
    """Smallest and largest pit, hectares."""
    front_days: tuple[int, int]
    """Shortest and longest time a front grows, days."""
    quiet_days: int
    """Days before the last day without any new onset, so that what began can still be confirmed."""
    old_mining_fronts: int
    """Mining fronts that were opened during the history."""
    farm_clearings: int
    """Forest cleared and burnt for farming in the monitoring period."""
    old_farm_clearings: int
    """The same during the history."""
    clearing_ha: tuple[float, float]
    """Smallest and largest clearing, hectares."""
    road_spurs: int
    """New tracks cut from the road in the monitoring period."""
    spur_m: float
    """Length of each, metres."""
    road_widening_m: float
    """Length of road that is widened in the monitoring period, metres; 0: none."""
    blowdowns: int
    """Storm blow-downs in the monitoring period."""
    blowdown_ha: float
    """Area of each, hectares."""

    def __post_init__(self) -> None:
        """Refuse empty ranges."""
        for name in ("mining_ha", "small_mining_ha", "pit_ha", "front_days", "clearing_ha"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} is {low} to {high}, need 0 < smallest <= largest")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherPlan:
    """Clouds, haze, and what the quality masks miss."""

    wet_overcast_share: float
    """Share of rainy-season dates with 80 to 100 % cloud."""
    dry_clear_share: float
    """Share of dry-season dates with less than 40 % cloud."""
    cloud_edge: float
    """Softness of cloud edges; larger means wider thin edges."""
    cloud_threshold: float
    """Opacity from which the quality mask sees a cloud, on average."""
    missed_cumulus: float
    """Share of small cumulus clouds that no quality mask flags."""
    cumulus_cover: float
    """Mean ground share of small cumulus where the sky is not overcast."""
    missed_shadow: float
    """Share of cloud shadow that no quality mask flags."""
    haze: float
    """Mean opacity of unflagged haze left after atmospheric correction."""
    smoke: float
    """Mean further opacity of smoke in August and September."""
    bright_flagged: float
    """Chance that an observation flags bright sand as cloud."""

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1."""
        for name in dataclasses.fields(self):
            _need_share(name.name, getattr(self, name.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarTrack:
    """One track of Sentinel-1's descending orbit, and the satellite that flies it."""

    track: int
    """Relative orbit, 1 to 175."""
    satellite: str
    """Letter of the satellite, `A`, `C` or `D`."""
    days: int
    """Days between two passes."""
    first_pass: int
    """Days from the archive's first day to the first pass."""
    level_db: float
    """What its geometry adds to backscatter, dB."""

    def __post_init__(self) -> None:
        """Refuse tracks that are none."""
        if not 1 <= self.track <= 175 or self.satellite not in ("A", "B", "C", "D"):
            raise ValueError(
                f"track {self.track} of satellite {self.satellite!r}; need 1 to 175 and A, B, C or D"
            )
        if self.days < 1 or self.first_pass < 0:
            raise ValueError(f"days is {self.days} and first_pass {self.first_pass}, need 1 and 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorPlan:
    """How often and how exactly the satellites look."""

    sentinel2_days: int
    """Days between two Sentinel-2 observations; 0: none."""
    landsat_days: int
    """Days between two Landsat observations, Landsat 8 and 9 in turn; 0: none."""
    sentinel1_days: int
    """Days between two Sentinel-1 observations of the descending orbit; 0: none."""
    noise: float
    """Factor on the optical noise of single pixels; 1 is what stable forest shows."""
    scene_gain: float
    """Standard deviation of a scene's common brightness factor (view, sun, atmosphere)."""
    misregistration_m: float
    """Standard deviation of a scene's shift along each axis, metres."""
    speckle_looks: float
    """Equivalent number of looks of Sentinel-1 at 10 m."""
    dn_step: int
    """Sentinel-2 numbers are multiples of this; keeps the archive small, far below the noise."""
    radar_tracks: tuple[RadarTrack, ...] = ()
    """Tracks of Sentinel-1 instead of the one of `sentinel1_days`; a satellite may begin mid-way."""

    def __post_init__(self) -> None:
        """Refuse negative noise and empty steps."""
        for name in ("speckle_looks", "dn_step"):
            _need_positive(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """A whole simulated archive; equal plans and tiles give equal bytes."""

    seed: int
    """Start of all chance."""
    first_day: dt.date
    """First day of the archive."""
    monitoring_start: dt.date
    """First day of the monitoring period; before it lies the history."""
    last_day: dt.date
    """Last day of the archive."""
    terrain: TerrainPlan
    changes: ChangePlan
    weather: WeatherPlan
    sensors: SensorPlan

    def __post_init__(self) -> None:
        """Refuse periods out of order."""
        if not self.first_day < self.monitoring_start < self.last_day:
            raise ValueError(
                f"first_day {self.first_day}, monitoring_start {self.monitoring_start} and last_day"
                f" {self.last_day} must follow one another"
            )

    @property
    def days(self) -> tuple[int, int, int]:
        """First day, start of monitoring and last day as integers."""
        return to_day(self.first_day), to_day(self.monitoring_start), to_day(self.last_day)

    def digest(self) -> str:
        """sha256 of everything in the plan."""
        values = dataclasses.asdict(self)
        if not self.sensors.radar_tracks:
            del values["sensors"]["radar_tracks"]
        return digest(_plain(values))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value
