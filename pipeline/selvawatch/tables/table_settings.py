"""Numbers that tables need: `aoi/tables.toml`."""

import datetime as dt
from dataclasses import dataclass, field

from selvawatch.attribute.touches import Touch
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
class Blocking:
    """When a place meets a step of formalization (table `blocking_steps`)."""

    least_ha: float
    """Ground of a mining right under other rights that counts, hectares; or ..."""
    least_share: float
    """... this share of it."""
    water_m: float
    """Water nearer than this counts, metres."""


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
class ChartCell:
    """One number of a published chart, under one reading of it."""

    chart: int
    """Number of the chart in SPDA (2016)."""
    reading: str
    """Reading of the chart that the cell belongs to; an ambiguous chart has several."""
    area: str
    period: str
    type: str
    ha: float
    flag: str
    """`stated`, `computed`, `inferred` or `undetermined`: how the number came to its cell."""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown flag."""
        if self.flag not in ("stated", "computed", "inferred", "undetermined"):
            raise SiteError("unknown flag", where=f"chart {self.chart}, {self.area}", got=self.flag)


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
    blocking: Blocking
    displacement: Displacement
    published: tuple[Published, ...]
    chart: tuple[ChartCell, ...]
    """Cells of SPDA's charts 3, 4 and 7, in order."""
    old_layer_days: int = 365
    """Age over which the bulletin calls a layer of the register old, days; older sites do not state it."""
    touch: Touch = field(default_factory=Touch)
    """Up to how much shared ground rights and zones touch and do not overlap; older sites do not state it."""

    def __post_init__(self) -> None:
        """Refuse thresholds that do not pair."""
        if len(self.conflict_least_ha) != len(self.conflict_least_share):
            raise SiteError("conflict_least_ha and conflict_least_share do not pair", where="tables.toml")
        rings = self.displacement.rings_km
        if not rings or list(rings) != sorted(set(rings)) or rings[0] <= 0:
            raise SiteError("rings_km must rise from above 0", where="tables.toml", got=rings)
