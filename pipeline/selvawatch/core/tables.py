"""The one table of columns: name, type, unit, tier and meaning of every table, in two languages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pandas as pd

from selvawatch.errors import TableError


class Tier(IntEnum):
    """Who may see a column or a product; each tier sees all below it."""

    PUBLIC = 0
    """Anyone: delayed, on a 1 km grid, no holders."""
    PARTNER = 1
    """Named partners under agreement."""
    RESTRICTED = 2
    """Authorities with jurisdiction: full coordinates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    dtype: str
    """`text`, `date` (datetime64[ms], NaT = unknown), `int`, `float`, `bool`, or `geometry`."""
    unit: str = ""
    tier: Tier = Tier.PUBLIC
    """Lowest tier that may see it."""
    nullable: bool = False
    choices: tuple[str, ...] = ()
    """Allowed values of a text column; empty: any."""
    description: str
    """English."""
    label_es: str
    """Spanish label; never used as a column name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: its columns in order."""

    name: str
    description: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A copy with exactly this table's columns, in order and of their types.

        Raises
        ------
        TableError
            For a missing, unknown, mistyped or unexpectedly empty column, or a value that is no choice.
        """
        names = [column.name for column in self.columns]
        if missing := [name for name in names if name not in frame.columns]:
            raise TableError("columns are missing", where=f"table {self.name}", got=missing, needed=names)
        if unknown := [name for name in frame.columns if name not in names]:
            raise TableError("columns are unknown", where=f"table {self.name}", got=unknown, needed=names)
        checked = frame[names].copy()
        for column in self.columns:
            checked[column.name] = _typed(self.name, column, checked[column.name])
        return checked.reset_index(drop=True)

    def empty(self) -> Mapping[str, pd.Series]:
        """Typed empty columns by name, to build an empty frame from."""
        return {
            column.name: pd.Series([], dtype=object if column.dtype == "geometry" else _DTYPES[column.dtype])
            for column in self.columns
        }


_DTYPES: dict[str, Any] = {
    "text": "object",
    "date": "datetime64[ms]",
    "int": "int64",
    "float": "float64",
    "bool": "bool",
}


def _typed(table: str, column: Column, values: pd.Series) -> pd.Series:
    where = f"table {table}, column {column.name}"
    if column.dtype == "geometry":
        return values
    if not column.nullable and values.isna().any():
        raise TableError(
            "a value is missing", where=where, got=f"{int(values.isna().sum())} empty", needed="none empty"
        )
    try:
        if column.dtype == "text":
            typed = values.astype(object).where(values.notna(), None)
        elif column.dtype == "int" and column.nullable:
            typed = values.astype("Int64")
        else:
            typed = values.astype(_DTYPES[column.dtype])
    except (TypeError, ValueError) as error:
        raise TableError(
            "a column has the wrong type", where=where, got=values.dtype, needed=column.dtype
        ) from error
    if column.choices:
        strange = sorted({str(value) for value in typed.dropna()} - set(column.choices))
        if strange:
            raise TableError("a value is not allowed", where=where, got=strange[:3], needed=column.choices)
    return typed


def columns(*rows: Column | Iterable[Column]) -> tuple[Column, ...]:
    """Columns, flattened in order."""
    flat: list[Column] = []
    for row in rows:
        flat.extend([row] if isinstance(row, Column) else row)
    return tuple(flat)


def _column(name: str, dtype: str, description: str, label_es: str, **rest: Any) -> Column:
    return Column(name=name, dtype=dtype, description=description, label_es=label_es, **rest)


STATUSES = ("provisional", "confirmed", "withdrawn", "closed")
CONFIDENCES = ("low", "high", "highest")
CAUSES = ("mining", "agriculture", "road", "river", "natural", "unknown")
CHANGES = ("new", "grown", "stable", "merged")
RIGHT_KINDS = ("right", "zone", "aside")
RIGHT_TYPES = (
    "mining",
    "mining_application",
    "timber",
    "brazil_nut",
    "other_non_timber",
    "ecotourism",
    "conservation",
    "reforestation",
    "wildlife",
    "native_community",
    "farm_plot",
    "other_right",
    "protected_core",
    "buffer",
    "corridor",
    "exclusion",
    "water_margin",
    "isolated_peoples",
    "other_zone",
    "oil_lot",
)
HOLDER_TYPES = ("natural_person", "company", "community", "state", "unknown")

_R = Tier.RESTRICTED

_WHEN = (
    _column("onset", "date", "Median day on which the loss began.", "Inicio (mediana)"),
    _column(
        "onset_earliest",
        "date",
        "Last clear look before the first loss.",
        "Inicio más temprano",
        nullable=True,
    ),
    _column("onset_latest", "date", "First look at or after the last loss.", "Inicio más tardío"),
)

EVENTS = Table(
    name="events",
    description="Things on the ground: tracked patches of forest loss.",
    columns=columns(
        _column("event_id", "text", "Stable id of the event.", "Evento"),
        _column("version", "int", "Version of the event, from 1; each published change adds one.", "Versión"),
        _column("status", "text", "Status of the event.", "Estado", choices=STATUSES),
        _column("confidence", "text", "Confidence of the event.", "Confianza", choices=CONFIDENCES),
        _column("change", "text", "Change against the version before.", "Cambio", choices=CHANGES),
        _column("withdrawn_reason", "text", "Why it was withdrawn.", "Motivo de retiro", nullable=True),
        _column(
            "merged_from",
            "text",
            "Ids of events that merged into this one, separated by spaces.",
            "Fusionado de",
            nullable=True,
        ),
        _column("first_detected", "date", "Day of the first provisional pixel.", "Primera detección"),
        _column("confirmed_on", "date", "Day of the first confirmed pixel.", "Confirmación", nullable=True),
        _WHEN,
        _column("last_grown", "date", "Latest onset of a pixel of the event.", "Último crecimiento"),
        _column("ha", "float", "Area of all pixels of the event.", "Área", unit="ha"),
        _column("ha_lo", "float", "Lower bound: confirmed pixels of the event.", "Área mínima", unit="ha"),
        _column("ha_hi", "float", "Upper bound: pixels plus half a pixel around.", "Área máxima", unit="ha"),
        _column(
            "looks", "int", "Days with a usable look since the onset (median over pixels).", "Observaciones"
        ),
        _column("sensors", "text", "Sensors that looked since the onset, separated by spaces.", "Sensores"),
        _column("cause", "text", "Published cause.", "Causa", choices=CAUSES),
        _column(
            "mining_probability", "float", "Probability that the cause is mining.", "Probabilidad de minería"
        ),
        _column(
            "cause_reasons", "text", "Codes of the reasons for the cause, separated by spaces.", "Indicios"
        ),
        _column("lon", "float", "Longitude of a point inside.", "Longitud", unit="degree", tier=_R),
        _column("lat", "float", "Latitude of a point inside.", "Latitud", unit="degree", tier=_R),
        _column("utm_e", "float", "Easting of that point in the site's CRS.", "Este", unit="m", tier=_R),
        _column("utm_n", "float", "Northing of that point in the site's CRS.", "Norte", unit="m", tier=_R),
        _column("geometry", "geometry", "Outline in the site's pixel CRS.", "Contorno", tier=_R),
    ),
)

CELLS = Table(
    name="cells",
    description="Loss cells: the pixels of one event that share one onset; what the tables add up.",
    columns=columns(
        _column("cell_id", "text", "Event id and onset day.", "Celda"),
        _column("event_id", "text", "Event the cell belongs to.", "Evento"),
        _column("status", "text", "Status of the cell's pixels.", "Estado", choices=STATUSES),
        _column("cause", "text", "Published cause of the event.", "Causa", choices=CAUSES),
        _column(
            "mining_probability", "float", "Probability that the cause is mining.", "Probabilidad de minería"
        ),
        _column("onset", "date", "Day on which these pixels were lost.", "Inicio"),
        _column("onset_earliest", "date", "Last clear look before.", "Inicio más temprano", nullable=True),
        _column("onset_latest", "date", "First look after.", "Inicio más tardío"),
        _column("ha", "float", "Area.", "Área", unit="ha"),
        _column("geometry", "geometry", "Pixels as polygons in the site's pixel CRS.", "Contorno", tier=_R),
    ),
)

RIGHTS = Table(
    name="rights",
    description="The register: one row for each version of each right or zone.",
    columns=columns(
        _column("right_id", "text", "Stable id: layer and key of the source.", "Derecho"),
        _column(
            "kind", "text", "A right, a zone (regime), or a layer kept aside.", "Clase", choices=RIGHT_KINDS
        ),
        _column("type", "text", "Type of the right or zone.", "Tipo", choices=RIGHT_TYPES),
        _column("subtype", "text", "What the source calls it.", "Subtipo", nullable=True),
        _column(
            "name",
            "text",
            "Name of a zone or community; never that of a natural person.",
            "Nombre",
            nullable=True,
        ),
        _column("layer", "text", "Layer of the register.", "Capa"),
        _column("source", "text", "Who publishes the layer.", "Fuente"),
        _column("source_key", "text", "Key in the source.", "Clave", tier=_R),
        _column(
            "holder_type", "text", "What kind of holder.", "Tipo de titular", choices=HOLDER_TYPES, tier=_R
        ),
        _column(
            "holder_hash",
            "text",
            "Salted hash of the holder's name.",
            "Titular (hash)",
            nullable=True,
            tier=_R,
        ),
        _column("status", "text", "Status as the source states it.", "Situación", nullable=True),
        _column("applied_on", "date", "Day of the application.", "Solicitud", nullable=True),
        _column(
            "valid_from", "date", "First day in force; unknown where empty.", "Vigente desde", nullable=True
        ),
        _column(
            "valid_to",
            "date",
            "First day no longer in force; open or unknown where empty.",
            "Vigente hasta",
            nullable=True,
        ),
        _column("dates_known", "bool", "Whether the source dates the right at all.", "Fechas conocidas"),
        _column("document", "text", "Legal document.", "Documento", nullable=True),
        _column("ha_legal", "float", "Hectares in the document.", "Área legal", unit="ha", nullable=True),
        _column("ha_gis", "float", "Hectares of the geometry.", "Área cartográfica", unit="ha"),
        _column("snapshot_date", "date", "Day the layer was taken.", "Fecha de la capa"),
        _column("snapshot_sha256", "text", "Digest of the layer's file.", "Huella de la capa"),
        _column("geometry", "geometry", "Polygon in the site's pixel CRS.", "Contorno", tier=_R),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in (EVENTS, CELLS, RIGHTS)}
"""Tables by name."""
