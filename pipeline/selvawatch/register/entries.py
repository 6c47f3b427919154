"""Entries of the manifest: what a layer of rights or zones is, where it comes from, what its columns mean."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selvawatch.core.tables import RIGHT_KINDS, RIGHT_TYPES
from selvawatch.errors import LayerError
from selvawatch.register.services.kinds import SERVICES
from selvawatch.register.services.service import public_address

ISOLATED = "isolated_peoples"
"""Type of the reserves of isolated peoples: ground that opens the lower tiers, and is guarded in them."""

UNATTRIBUTED = ("reference", "context")
OF_AREA = ("scar", "primary_forest")
"""Types of references that are ground of a day, and need polygons."""
KINDS = (*RIGHT_KINDS, *UNATTRIBUTED)


COLUMN_ROLES = {
    "type": "type_column",
    "subtype": "subtype_column",
    "id": "id_columns",
    "name": "name_column",
    "holder": "holder_column",
    "status": "status_column",
    "applied_on": "applied_column",
    "valid_from": "from_column",
    "valid_to": "to_column",
    "document": "document_column",
    "ha_legal": "ha_column",
    "ha_register": "ha_register_column",
}
"""What a column of a source is for, and the key of an entry that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadMark:
    """A point of a road whose kilometre is known: `[[layer.marks]]` of a road layer."""

    road: str
    """Name of the road, as the layer's name column has it."""
    lon: float
    """WGS 84, degrees."""
    lat: float
    km: float
    source: str
    """Who says so."""
    verified: bool
    """Whether it was checked; marks that were not say nothing."""


def columns_by_role(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Columns of a file by column role, from texts `ROLE=COLUMN`; `ROLE=` says that the file has none.

    Raises
    ------
    LayerError
        For a text of another form, an unknown role, or one that is given twice (`id` may be).
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in given:
        role, mark, column = (part.strip() for part in text.partition("="))
        if not mark or role not in COLUMN_ROLES:
            raise LayerError(
                "it does not say what a column is for",
                where="--column",
                got=repr(text),
                needed=f"ROLE=COLUMN, its role one of {', '.join(COLUMN_ROLES)}",
            )
        if role in found and (role != "id" or not column or not found[role]):
            raise LayerError(
                "a role is given twice", where="--column", got=[*found[role], column], needed=f"one {role}="
            )
        found[role] = (*found.get(role, ()), *([column] if column else []))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedZone:
    """A zone that a layer must hold: `[[layer.expected]]`; without it a snapshot is kept on request only."""

    name: str
    """Its name, as words of some text column, whatever their case and accents."""
    ha: float
    """Hectares of all features of that name together."""
    lon: float
    """Middle of its ground (centroid), WGS 84, degrees."""
    lat: float
    ha_tolerance: float = 0.05
    """Share of the area by which it may differ: outlines of several makers do by 1 to 3 %."""
    within_km: float = 15.0
    """Kilometres by which its middle may lie elsewhere."""
    source: str = ""
    """Who says so."""

    def __post_init__(self) -> None:
        """Refuse what no zone can fit, or any would."""
        if not self.name.strip():
            raise ValueError("an expected zone has no name")
        if not (0 < self.ha < float("inf") and 0 <= self.ha_tolerance < 1 and 0 <= self.within_km < 1000):
            raise ValueError(f"expected zone {self.name}: ha, ha_tolerance or within_km is out of range")
        if not (-180 <= self.lon <= 180 and -90 <= self.lat <= 90):
            raise ValueError(f"expected zone {self.name}: {self.lon}, {self.lat} are no degrees")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """How a layer is asked for at its publisher."""

    kind: str
    """`arcgis` (REST), `wfs`, `file` (any vector file) or `archive` (of one): `register.services.kinds`."""
    url: str
    layer: str
    """Name of the layer at the service; a number only where it has no stable name."""
    max_lost_share: float
    """Share of features or area that a snapshot may lose before it is quarantined, 0 to 1."""
    where: str = ""
    """Filter in the service's language."""
    keep: tuple[str, ...] = ()
    """Fields to keep; empty: all."""
    drop: tuple[str, ...] = ()
    """Fields that name persons: gone before anything is written."""

    def __post_init__(self) -> None:
        """Refuse a service that nothing can ask."""
        if self.kind not in SERVICES:
            raise LayerError(
                "unknown service", where=public_address(self.url), got=self.kind, needed=list(SERVICES)
            )
        if not 0 <= self.max_lost_share <= 1:
            raise LayerError(
                "max_lost_share is no share", where=public_address(self.url), got=self.max_lost_share
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntry:
    """One layer of `aoi/zones.toml`: what its columns mean. Column names are the source's; empty: none."""

    name: str
    """Stable name of the layer, such as `mining-cadastre`."""
    title: str
    """What staff read, in Spanish."""
    kind: str
    """`right`, `zone`, `aside`, `place`, `reference` (roads, rivers: measured to) or `context` (kept)."""
    type: str
    """Type of rows that `types` does not name; for a reference `road`, `river`, `water`, `settlement`,
    `scar` (mining ground of before) or `primary_forest`, the last two as old as `from_column` or `valid_from`
    says, else as the snapshot."""
    source: str
    """Who publishes it."""
    licence: str
    """On what terms."""
    type_column: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    """Type by value of `type_column`; `skip` leaves a row out."""
    type_by_pattern: Mapping[str, str] = field(default_factory=dict)
    """Type by regular expression found in the value of `type_column`; the first that fits, before `types`."""
    subtype_column: str = ""
    id_columns: tuple[str, ...] = ()
    """Key of a row in the source; empty: a digest of its attributes and outline."""
    id_with_outline: bool = False
    """Whether the key is not unique in the source and needs a digest of the outline beside it."""
    name_column: str = ""
    """Name of a zone or community; leave empty where it may be that of a person."""
    holder_column: str = ""
    """Holder; kept only as a type and, where the caller has a salt, a salted hash."""
    status_column: str = ""
    ended_statuses: tuple[str, ...] = ()
    """Statuses that say a right has ended, on a day unknown unless `to_column` has it."""
    applied_column: str = ""
    from_column: str = ""
    """First day in force; a right without it began on an unknown day on or after its application.

    Of a `scar`: day, month or year by whose last day the ground was mined."""
    to_column: str = ""
    """Last day in force."""
    date_form: str = "auto"
    """Form of the dates in these columns (see `register.dating.date_forms`): needed where several fit."""
    document_column: str = ""
    ha_column: str = ""
    """Hectares that the document grants."""
    ha_register_column: str = ""
    """Hectares that the register itself measures, mostly planar in UTM: no equal-area hectares."""
    valid_from: dt.date | None = None
    """First day in force of all rows without their own."""
    valid_to: dt.date | None = None
    """First day no longer in force of all rows without their own."""
    open_ended: bool = False
    """Whether a row without an end has none (a title, a zone); otherwise its end is unknown (a contract)."""
    listed_is_valid: bool = False
    """Whether to stand in the layer on a day means to be in force on it."""
    unknown_dates: tuple[dt.date, ...] = ()
    """Dates that the source writes for `unknown`."""
    crs: str = ""
    """CRS of a file or reply that states none, or one that does not tell its datum."""
    encoding: str = ""
    """Encoding of texts of a shapefile, where the file states a wrong one or none."""
    file: str = ""
    """A snapshot that came with the site, FILE[:layer] relative to the manifest; empty: only fetched ones."""
    date: dt.date | None = None
    """Day that file was taken."""
    sha256: str = ""
    """Digest of that file; checked where given."""
    verified: bool = False
    """Whether a person has checked the entry against the live service."""
    sensitive: bool = False
    """Whether the outline itself may harm people: below the restricted tier it is no zone to attribute to."""
    only_named: bool = False
    """Whether only the columns named here are kept of a file, since others may name persons."""
    fetch: Fetch | None = None
    """Where the layer is asked for; none: it is imported by hand."""
    marks: tuple[RoadMark, ...] = ()
    """Of a road layer: points whose kilometre is known."""
    expected: tuple[ExpectedZone, ...] = ()
    """Zones that it must hold. A layer of isolated peoples without any is confirmed by hand each time."""
    note: str = ""
    """What a reader of the tables must know of this layer."""

    def __post_init__(self) -> None:
        """Refuse kinds and types that the register does not know."""
        where = f"layer {self.name}"
        if self.kind not in KINDS:
            raise LayerError("unknown kind", where=where, got=self.kind, needed=KINDS)
        if self.kind in UNATTRIBUTED:
            return
        used = [self.type, *self.types.values(), *self.type_by_pattern.values()]
        if strange := sorted({one for one in used if one not in (*RIGHT_TYPES, "skip")}):
            raise LayerError("unknown type", where=where, got=strange, needed=RIGHT_TYPES)

    @property
    def tells_isolated(self) -> bool:
        """Whether rows of it may be reserves of isolated peoples."""
        return ISOLATED in (self.type, *self.types.values(), *self.type_by_pattern.values())

    def with_columns(self, columns: Mapping[str, Sequence[str]]) -> "LayerEntry":
        """The entry for a file whose columns have other names: by role of `COLUMN_ROLES`; no name: none."""
        named: dict[str, Any] = {
            COLUMN_ROLES[role]: tuple(names) if role == "id" else "".join(names)
            for role, names in columns.items()
        }
        return replace(self, **named) if named else self

    def role_of(self, column: str) -> str:
        """What a column that the entry names is for."""
        roles = [
            role
            for role, key in COLUMN_ROLES.items()
            if column in ([*self.id_columns] if role == "id" else [getattr(self, key)])
        ]
        return ", ".join(roles)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the source that the entry names."""
        named = (
            self.type_column,
            self.subtype_column,
            *self.id_columns,
            self.name_column,
            self.holder_column,
            self.status_column,
            self.applied_column,
            self.from_column,
            self.to_column,
            self.document_column,
            self.ha_column,
            self.ha_register_column,
        )
        return tuple(dict.fromkeys(name for name in named if name))
