"""The one place every output passes: who sees which rows, columns and coordinates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.core.days import to_date
from selvawatch.core.schema import Column, Table, Tier
from selvawatch.core.tables import ALERTS, RIGHTS
from selvawatch.core.tier import LEAST_RIGHTS
from selvawatch.errors import TableError
from selvawatch.register.manifest import References
from selvawatch.register.register import Register
from selvawatch.reviews.answers import REVIEW_COLUMNS, reviewed_alerts
from selvawatch.reviews.review import Review

LOCATION_COLUMNS = ("lon", "lat", "utm_e", "utm_n", "geometry")
"""Columns that say where: below their tier they are given on the rule's grid, not withheld."""

DATES = (
    "first_detected",
    "confirmed_on",
    "withdrawn_on",
    "closed_on",
    "onset",
    "onset_earliest",
    "onset_latest",
    "last_grown",
)
"""Days that a delayed tier must not learn early; a row goes out once all of them are old enough."""

_QUARTER = 64
"""Segments that stand for a quarter of a circle around guarded ground."""

ISOLATED = "isolated_peoples"
"""Column that says whether a row is near isolated peoples: yes, no, or unknown for want of a layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRule:
    """What a site withholds from those who are not entitled to everything."""

    delay_days: int
    """Days that must pass, counted from the run's data day, before the public tier may learn of something."""
    grid_m: float
    """Side of the square on which the public and partner tiers see places, metres of the pixel CRS."""
    isolated_buffer_m: float
    """Metres around the reserves of isolated peoples within which only the restricted tier sees rows."""
    withhold_unchecked: bool
    """Whether rows that no layer of isolated peoples was there to check are held back too."""
    least_rights: int = LEAST_RIGHTS
    """Rights that a row of a table of single rights tells of at least in the public tier."""

    def __post_init__(self) -> None:
        """Refuse what protects nobody."""
        if self.delay_days < 0:
            raise ValueError(f"delay_days is {self.delay_days}, need 0 or more")
        if not self.grid_m > 0:
            raise ValueError(f"grid_m is {self.grid_m}, need more than 0")
        if not self.isolated_buffer_m >= 0:
            raise ValueError(f"isolated_buffer_m is {self.isolated_buffer_m}, need 0 or more")
        if self.least_rights < 2:
            raise ValueError(f"least_rights is {self.least_rights}, need 2 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What a tier did not get."""

    protected: int = 0
    """Rows held back near isolated peoples, or too young; never to be printed below the restricted tier."""
    columns: tuple[str, ...] = ()
    """Columns left out."""
    coarsened: bool = False
    """Whether places and distances were moved onto the grid."""
    unchecked: int = 0
    """Rows given out although no layer of isolated peoples was there to check them."""


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Released:
    """Rows that passed the tiers. Writers take nothing else, so nothing goes out another way.

    Only the gates of this module (`apply`, `release_attributed`) make one: there is no public constructor.
    """

    table: Table
    """The table as this tier sees it: only the columns of `frame`, in order."""
    frame: pd.DataFrame
    """The rows; a GeoDataFrame where the table has geometry."""
    tier: Tier
    data_day: int
    """The run's data day; what readers take as the file's date."""
    withheld: Withheld

    def __init__(self) -> None:
        """Refuse: what is released is made by a gate."""
        raise TypeError("Released is made by the gates of write.tiers alone")


def _release(*, table: Table, frame: pd.DataFrame, tier: Tier, data_day: int, withheld: Withheld) -> Released:
    released = object.__new__(Released)
    values = {"table": table, "frame": frame, "tier": tier, "data_day": data_day, "withheld": withheld}
    for name, value in values.items():
        object.__setattr__(released, name, value)
    return released


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """For whom rows are released, by which rule, and as of which day."""

    tier: Tier
    rule: TierRule
    data_day: int
    """The run's data day."""
    isolated: shapely.Geometry | None = None
    """Ground of isolated peoples in the CRS of the rows; None where no layer says where that is."""
    isolated_checked: bool = True
    """Whether that ground is all there is; else it is guarded, and proves nothing of other ground."""

    @property
    def newest_day(self) -> int:
        """The latest day the tier may learn of."""
        return self.data_day - self.rule.delay_days if self.tier == Tier.PUBLIC else self.data_day


def apply(table: Table, frame: pd.DataFrame, gate: Gate, *, of: "Released | None" = None) -> Released:
    """The rows of a checked frame that a tier may have, with what it was not given.

    The rows are those of the tier: made, counted and ranked of what it may learn of (`events.withheld`).
    What lies in the rule's buffer of isolated peoples, or tells of a younger day than the tier may learn of,
    is held back all the same. `frame` is not changed.

    of: alerts already released; rows of other events are held back.
    """
    if table.tier > gate.tier:
        raise TableError(
            f"the table's rows are not for the {gate.tier.name.lower()} tier",
            where=f"table {table.name}",
            needed=f"the {table.tier.name.lower()} tier",
        )
    checked = table.check(frame)
    if of is not None:
        checked = checked[checked["event_id"].isin(of.frame["event_id"])].reset_index(drop=True)
    unknown = _unchecked(checked, gate)
    protected = _near_isolated(checked, gate) | _too_recent(checked, gate)
    if gate.rule.withhold_unchecked:
        protected |= unknown
    kept = checked[~protected].reset_index(drop=True)
    if "rank" in kept.columns and protected.any():
        kept = kept.assign(rank=kept["rank"].rank(method="first").astype("int64"))
    return _cut(
        table,
        kept,
        gate,
        protected=int(protected.sum()),
        unchecked=int((unknown & ~protected).sum()),
    )


def _cut(table: Table, kept: pd.DataFrame, gate: Gate, *, protected: int, unchecked: int) -> Released:
    """Rows with the columns and the places that the tier may see, and counts of the rows withheld."""
    located = _is_located(table)
    columns = tuple(column for column in table.columns if _may_have(column, gate.tier, located))
    names = [column.name for column in columns]
    coarsened = located and any(column.tier > gate.tier for column in columns)
    if coarsened:
        kept = _on_grid(table, kept, gate.rule.grid_m)
    left_out = tuple(column.name for column in table.columns if column.name not in names)
    return _release(
        table=replace(table, columns=columns),
        frame=_frame(kept, names),
        tier=gate.tier,
        data_day=gate.data_day,
        withheld=Withheld(
            protected=protected,
            columns=left_out,
            coarsened=coarsened,
            unchecked=unchecked,
        ),
    )


def register_of_tier(register: Register, tier: Tier) -> Register:
    """The register as a tier may be told of it: below the restricted one without what may harm people.

    Layers marked `sensitive` are then not in it at all, as if the site had never had them: no row, no date,
    no digest; nor are reserves of isolated peoples of any other layer.
    """
    if tier is Tier.RESTRICTED:
        return register
    return register.without(register.sensitive, types=[ISOLATED])


def references_of_tier(references: References, tier: Tier) -> References:
    """The references as a tier may be told of them: below restricted without layers marked `sensitive`."""
    return references if tier is Tier.RESTRICTED else references.without(references.sensitive)


def loss_of_tier(
    cells: gpd.GeoDataFrame, isolated: shapely.Geometry | None, rule: TierRule, tier: Tier
) -> gpd.GeoDataFrame:
    """Loss cells of others as a tier may count them: below the restricted one without guarded ground.

    That is ground within the rule's buffer of isolated peoples (`isolated`, in the CRS of the cells; None:
    no layer says where). A cell that lies partly on it keeps its hectares by the share of its ground.
    """
    if tier is Tier.RESTRICTED or isolated is None or isolated.is_empty or not len(cells):
        return cells
    # Rings of a buffer lie inside the circle; so much wider they hold all of it.
    metres = rule.isolated_buffer_m / np.cos(np.pi / (4 * _QUARTER))
    guarded = isolated.buffer(metres, quad_segs=_QUARTER)
    shapely.prepare(guarded)
    shapes = cells.geometry.to_numpy()
    meets = shapely.intersects(guarded, shapes)
    if not meets.any():
        return cells
    left = shapes.copy()
    left[meets] = [_polygons(one) for one in shapely.difference(shapes[meets], guarded)]
    share = np.ones(len(cells))
    share[meets] = shapely.area(left[meets]) / shapely.area(shapes[meets])
    kept = cells.assign(ha=np.asarray(cells["ha"], np.float64) * share).set_geometry(left, crs=cells.crs)
    return kept[share > 0].reset_index(drop=True)


def _polygons(shape: shapely.Geometry) -> shapely.Geometry:
    """The parts of a shape that have an area."""
    parts = [part for part in shapely.get_parts(shape) if part.area > 0]
    return shapely.union_all(parts) if len(parts) != 1 else parts[0]


def release_attributed(
    table: Table, frame: pd.DataFrame, tier: Tier, data_day: int, *, register: Register | None = None
) -> Released:
    """Rows of a user's own loss on zones, as they are; with a register, on what of it the tier may be told.

    register: as `register_of_tier` gave it, where the zones are its layers; none: they are the user's own.

    Raises
    ------
    TableError
        For a zone that is not in the register, or a column of rights that the tier may not see.
    """
    checked = table.check(frame)
    if register is not None:
        hidden = {
            column.name for column in RIGHTS.columns if column.tier > tier and column.dtype != "geometry"
        }
        above = sorted(f"zone_{name}" for name in hidden if f"zone_{name}" in checked.columns)
        shown = {state.entry.name for state in register_of_tier(register, tier).layers}
        strange = sorted(set(checked["zone_layer"].dropna()) - shown)
        if above or strange:
            raise TableError(
                f"rows are not for the {tier.name.lower()} tier",
                where=f"table {table.name}",
                got=[*above, *strange],
                needed="layers and columns that the tier may see",
            )
    return _release(
        table=table,
        frame=gpd.GeoDataFrame(checked, geometry="geometry", crs=frame.crs),
        tier=tier,
        data_day=data_day,
        withheld=Withheld(),
    )


def reviews_learned(reviews: Iterable[Review], tier: Tier, delay_days: int, day: int) -> tuple[Review, ...]:
    """The reviews that a tier may learn of on a day: the public one when they came a delay ago.

    Who was where and when is no older than that, whatever day a form states.
    """
    newest = day - (delay_days if tier is Tier.PUBLIC else 0)
    return tuple(review for review in reviews if tier is not Tier.PUBLIC or review.received_day <= newest)


def release_reviewed(
    released: gpd.GeoDataFrame, tier: Tier, data_day: int, known: Mapping[str, Review]
) -> Released:
    """Alerts that a run gave to a tier, with the reviews that the tier may know of.

    released: rows of ALERTS as the run wrote them for the tier. known: the review that counts for each event,
    of those that `reviews_learned` let through.

    Raises
    ------
    TableError
        For a column that the tier may not see.
    """
    columns = tuple(column for column in ALERTS.columns if _may_have(column, tier, located=True))
    names = {column.name for column in columns}
    if above := sorted({str(name) for name in released.columns} - names):
        raise TableError("columns are not for the tier", where=f"table {ALERTS.name}", got=above)
    held = {*map(str, released.columns), *REVIEW_COLUMNS}
    table = replace(ALERTS, columns=tuple(column for column in columns if column.name in held))
    frame = table.check(reviewed_alerts(pd.DataFrame(released), known, versioned=tier is Tier.RESTRICTED))
    return _release(
        table=table,
        frame=gpd.GeoDataFrame(frame, geometry="geometry", crs=released.crs),
        tier=tier,
        data_day=data_day,
        withheld=Withheld(),
    )


def _is_located(table: Table) -> bool:
    """Whether the rows are things detected on the ground (not rights or totals)."""
    names = {column.name for column in table.columns}
    return bool(names & {"event_id", "alert_id"}) and "geometry" in names


def _may_have(column: Column, tier: Tier, located: bool) -> bool:
    return column.tier <= tier or (located and column.name in LOCATION_COLUMNS)


def _near_isolated(frame: pd.DataFrame, gate: Gate) -> np.ndarray:
    near = np.zeros(len(frame), bool)
    if gate.tier == Tier.RESTRICTED:
        return near
    if ISOLATED in frame.columns:
        near |= (frame[ISOLATED] == "yes").to_numpy(bool)
    if gate.isolated is not None and not gate.isolated.is_empty and "geometry" in frame.columns:
        shapely.prepare(gate.isolated)
        geometries = frame["geometry"].to_numpy()
        near |= shapely.dwithin(gate.isolated, geometries, gate.rule.isolated_buffer_m)
    return near


def _unchecked(frame: pd.DataFrame, gate: Gate) -> np.ndarray:
    proven = gate.isolated is not None and gate.isolated_checked
    if gate.tier == Tier.RESTRICTED or proven or ISOLATED not in frame.columns:
        return np.zeros(len(frame), bool)
    return (frame[ISOLATED] == "unknown").to_numpy(bool)


def _too_recent(frame: pd.DataFrame, gate: Gate) -> np.ndarray:
    recent = np.zeros(len(frame), bool)
    if gate.tier != Tier.PUBLIC:
        return recent
    newest = pd.Timestamp(to_date(gate.newest_day))
    for name in DATES:
        if name in frame.columns:
            recent |= (frame[name] > newest).to_numpy(bool)
    return recent


def _on_grid(table: Table, frame: pd.DataFrame, grid_m: float) -> pd.DataFrame:
    """The rows with every place replaced by the grid square of a point inside it, distances rounded alike.

    Exact distances to known lines would give the place away again.
    """
    moved = frame.copy()
    for column in table.columns:
        if column.unit in ("m", "km") and column.name not in LOCATION_COLUMNS:
            step = grid_m if column.unit == "m" else grid_m / 1000
            moved[column.name] = (moved[column.name] / step).round() * step
    points = shapely.point_on_surface(np.asarray(frame["geometry"], object))
    west = np.floor(shapely.get_x(points) / grid_m) * grid_m
    south = np.floor(shapely.get_y(points) / grid_m) * grid_m
    centre_x, centre_y = west + grid_m / 2, south + grid_m / 2
    moved["geometry"] = shapely.box(west, south, west + grid_m, south + grid_m)
    if "utm_e" in frame.columns:
        moved["utm_e"], moved["utm_n"] = centre_x, centre_y
    if "lon" in frame.columns:
        transformer = Transformer.from_crs(frame.crs, "EPSG:4326", always_xy=True)
        lon, lat = transformer.transform(centre_x, centre_y)
        moved["lon"], moved["lat"] = np.round(lon, 4), np.round(lat, 4)
    return moved


def _frame(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    if "geometry" in names:
        return gpd.GeoDataFrame(frame[names], geometry="geometry", crs=frame.crs)
    return pd.DataFrame(frame.drop(columns=[name for name in frame.columns if name not in names]))[names]
