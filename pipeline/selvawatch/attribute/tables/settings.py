"""Numbers that tables need: `aoi/tables.toml`."""

import datetime as dt
from dataclasses import dataclass

from selvawatch.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """Rings around an area, before and after a day (table `displacement_rings`)."""

    area: str
    """Area that people may have left."""
    start: dt.date
    """First day of the time before."""
    day: dt.date
    """Day of the intervention: first day after."""
    end: dt.date | None = None
    """First day that no longer counts; None: until today."""
    rings_km: tuple[float, ...]
    """Outer distance of each ring from the area's border, km, rising; beyond the last is the control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure that somebody published, to be set beside ours, never to be met exactly."""

    place: str
    """What the source names."""
    areas: tuple[str, ...]
    """Our areas that stand for it; empty: the whole region; `-`: none does."""
    start: dt.date
    end: dt.date
    """First day after."""
    ha: float
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """What `aoi/tables.toml` says: numbers that tables need."""

    conflict_least_ha: tuple[float, ...]
    """Overlaps of a mining right with another right that count from so many hectares on; one row for each."""
    conflict_least_share: tuple[float, ...]
    """Or from this share of the mining right on; pairs with `conflict_least_ha`."""
    water_m: tuple[float, ...]
    """Distances from water for mining rights without an overlap, metres."""
    front_cell_m: float
    """Side of the cells of `front_age`, metres."""
    front_least_ha: float
    """Mining loss in a cell and year from which a front is there, hectares."""
    displacement: Displacement
    published: tuple[Published, ...]

    def __post_init__(self) -> None:
        """Refuse thresholds that do not pair."""
        if len(self.conflict_least_ha) != len(self.conflict_least_share):
            raise SiteError("conflict_least_ha and conflict_least_share do not pair", where="tables.toml")
        rings = self.displacement.rings_km
        if not rings or list(rings) != sorted(set(rings)) or rings[0] <= 0:
            raise SiteError("rings_km must rise from above 0", where="tables.toml", got=rings)
