"""Layers of rights and zones: how the columns of a source become rows of the register."""

import datetime as dt
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

from selvawatch.core.hectares import hectares
from selvawatch.core.tables import RIGHTS
from selvawatch.errors import LayerError
from selvawatch.register.dating.date_forms import LAYER_LIMITS, DateRule, read_dates
from selvawatch.register.entries import LayerEntry
from selvawatch.register.expected_zones import misfits
from selvawatch.register.vector_files import Repair, polygons, read_vector

_COMPANY = re.compile(
    r"\b(s\.?\s?a\.?\s?c|s\.?\s?a\.?\s?a|s\.?\s?a|e\.?\s?i\.?\s?r\.?\s?l|s\.?\s?r\.?\s?l|s\.?\s?m\.?\s?r\.?\s?l"
    r"|s\.?\s?c\.?\s?r\.?\s?l|ltda|inc|corp|ltd|llc|cia|compania|empresa|consorcio|corporacion|asociacion"
    r"|cooperativa|ong|fundacion|sociedad|minera|inversiones|grupo)\b",
)
_COMMUNITY = re.compile(r"\b(comunidad|cc\.?\s?nn|c\.n\.|comunidades)\b")
_STATE = re.compile(r"\b(estado peruano|gobierno|ministerio|municipalidad|sernanp|instituto geologico)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSnapshot:
    """A layer snapshot: a layer as its publisher had it on one day."""

    entry: LayerEntry
    date: dt.date
    """Day the snapshot was taken."""
    sha256: str
    """Digest of the snapshot's file."""
    rights: gpd.GeoDataFrame
    """Rows of `core.tables.RIGHTS`."""
    repairs: tuple[Repair, ...] = ()
    order: int = 0
    """Of several of one day the one with the highest number stands: what was imported last."""
    doubts: tuple[str, ...] = ()
    """Of a layer that tells of isolated peoples: why nobody may rely on it for who is not among them."""
    vague: frozenset[str] = frozenset()
    """Rights whose application is not dated to the day, by `right_id`."""


def read_layer(
    file: str | Path,
    entry: LayerEntry,
    *,
    crs: str | CRS,
    equal_area: CRS,
    date: dt.date,
    sha256: str,
    salt: bytes = b"",
) -> LayerSnapshot:
    """One snapshot of a layer as rows of the register, in `crs`, on the 1 mm grid.

    Parameters
    ----------
    equal_area
        Projection in which `ha_here` is measured: the site's (see `core.hectares`).
    date, sha256
        Of the snapshot: they decide what the rows may be attributed to and prove where they come from.
    salt
        Secret for the hash of holders; without it no hash is made. The name itself is never kept.

    Raises
    ------
    LayerError
        For a file that cannot be read, lacks a CRS or lacks a column that the entry names.
    """
    frame = read_vector(file, crs=crs, declared_crs=entry.crs, encoding=entry.encoding)
    layer = normalise_layer(
        frame, entry, equal_area=equal_area, date=date, sha256=sha256, salt=salt, where=str(file)
    )
    return replace(layer, doubts=misfits(frame, entry)) if entry.tells_isolated else layer


def normalise_layer(
    frame: gpd.GeoDataFrame,
    entry: LayerEntry,
    *,
    equal_area: CRS,
    date: dt.date,
    sha256: str,
    salt: bytes = b"",
    where: str = "",
) -> LayerSnapshot:
    """A frame of a source, in the pixel CRS, as one snapshot of a layer (see `read_layer`)."""
    replaced = {entry.holder_column} if "holder_type" in frame.columns else set()
    if missing := [name for name in entry.columns if name not in {*frame.columns, *replaced}]:
        raise LayerError(
            "columns that the manifest names are missing",
            where=where or entry.name,
            got=", ".join(sorted(str(name) for name in frame.columns if name != "geometry"))
            or "no column but the geometry",
            needed=", ".join(missing),
            do=f"correct the entry {entry.name} of zones.toml",
        )
    frame = frame.reset_index(drop=True)
    types = _types(frame, entry)
    frame, types = frame[types != "skip"].reset_index(drop=True), types[types != "skip"]
    geometry, repairs = polygons(frame.geometry.to_numpy(), [str(index) for index in range(len(frame))])
    kept = np.array([one is not None for one in geometry], bool)
    frame, types, geometry = frame[kept].reset_index(drop=True), types[kept], geometry[kept]
    rows = _rows(frame, types.tolist(), entry, pd.Timestamp(date), salt)
    rights = gpd.GeoDataFrame(rows, geometry=geometry, crs=frame.crs)
    rights["source_key"] = _keys(frame, rights, entry)
    rights["right_id"] = [f"{entry.name}:{key}" for key in rights["source_key"]]
    rights["ha_here"] = hectares(geometry, frame.crs, equal_area)
    rights["snapshot_date"] = rights["recorded_from"] = pd.Timestamp(date)
    rights["recorded_to"] = pd.NaT
    rights["snapshot_sha256"] = sha256
    vague = frozenset(rights["right_id"][_vague_applications(frame, entry)])
    rights = gpd.GeoDataFrame(RIGHTS.check(rights), crs=frame.crs).sort_values("right_id")
    return LayerSnapshot(
        entry=entry,
        date=date,
        sha256=sha256,
        rights=rights.reset_index(drop=True),
        repairs=repairs,
        vague=vague,
    )


def _types(frame: gpd.GeoDataFrame, entry: LayerEntry) -> np.ndarray:
    if not entry.type_column:
        return np.full(len(frame), entry.type, object)

    def of(value: str | None) -> str:
        for pattern, kind in entry.type_by_pattern.items():
            if value is not None and re.search(pattern, value):
                return kind
        return entry.types.get(value or "", entry.type)

    return np.array([of(value) for value in texts(frame[entry.type_column])], object)


def _rows(
    frame: gpd.GeoDataFrame, types: list[str], entry: LayerEntry, snapshot_day: pd.Timestamp, salt: bytes
) -> pd.DataFrame:
    holder_types, holder_hashes = _holders(frame, entry, salt)
    status = _text_column(frame, entry.status_column)
    applied, applied_latest = _date_spans(frame, entry.applied_column, entry)
    start, start_latest = _date_spans(frame, entry.from_column, entry)
    end_earliest, end = _date_spans(frame, entry.to_column, entry)
    to_the_day = (start.isna() | (start == start_latest)) & (end.isna() | (end_earliest == end))
    end = end + pd.Timedelta(days=1)
    if entry.valid_from is not None:
        start = start.fillna(pd.Timestamp(entry.valid_from))
    if entry.valid_to is not None:
        end = end.fillna(pd.Timestamp(entry.valid_to))
    asked = start.isna() & applied.notna()
    application = pd.Series([one == "mining_application" for one in types], index=frame.index, dtype=bool)
    start = start.where(~asked, applied)
    known = start.notna() & (~asked | application) & (end.notna() | entry.open_ended | application)
    known &= to_the_day & (~asked | (applied == applied_latest))
    ended = pd.Series([one in entry.ended_statuses for one in status], dtype=bool) & end.isna()
    end = end.where(~ended, snapshot_day)
    return pd.DataFrame(
        {
            "kind": entry.kind,
            "type": types,
            "subtype": _text_column(frame, entry.subtype_column or entry.type_column),
            "name": _text_column(frame, entry.name_column),
            "layer": entry.name,
            "source": entry.source,
            "holder_type": holder_types,
            "holder_hash": holder_hashes,
            "status": status,
            "applied_on": applied,
            "valid_from": start,
            "valid_to": end,
            "dates_known": known & ~ended,
            "listed_is_valid": entry.listed_is_valid,
            "document": _text_column(frame, entry.document_column),
            "ha_legal": _number_column(frame, entry.ha_column),
            "ha_register": _number_column(frame, entry.ha_register_column),
        },
        index=frame.index,
    )


def _holders(
    frame: gpd.GeoDataFrame, entry: LayerEntry, salt: bytes
) -> tuple[list[str | None], list[str | None]]:
    """Type and hash of each holder: made of the name, or as a snapshot already has them."""
    if entry.holder_column and entry.holder_column not in frame:
        types = [one or "unknown" for one in texts(frame["holder_type"])]
        return list(types), texts(frame["holder_hash"])
    names = _text_column(frame, entry.holder_column)
    return [holder_type(one) for one in names], [holder_hash(one, salt) for one in names]


def _keys(frame: gpd.GeoDataFrame, rights: gpd.GeoDataFrame, entry: LayerEntry) -> list[str]:
    """Keys of the source, made unique in an order that the order of rows does not decide."""
    outlines = [hashlib.sha256(one).hexdigest()[:12] for one in rights.geometry.normalize().to_wkb()]
    if entry.id_columns:
        parts = [texts(frame[name]) for name in entry.id_columns]
        keys = ["/".join(one or "-" for one in row) for row in zip(*parts, strict=True)]
        if entry.id_with_outline:
            keys = [f"{key}/{outline}" for key, outline in zip(keys, outlines, strict=True)]
    else:
        persons = {entry.holder_column, "holder_type", "holder_hash"}
        plain = frame.drop(columns=["geometry", *(one for one in frame.columns if one in persons)])
        rows = ["|".join(str(value) for value in row) for row in plain.itertuples(index=False)]
        keys = [
            hashlib.sha256(f"{row}|{outline}".encode()).hexdigest()[:16]
            for row, outline in zip(rows, outlines, strict=True)
        ]
    order = sorted(range(len(keys)), key=lambda index: (keys[index], outlines[index]))
    seen: dict[str, int] = {}
    unique = list(keys)
    for index in order:
        count = seen[keys[index]] = seen.get(keys[index], 0) + 1
        if count > 1:
            unique[index] = f"{keys[index]}#{count}"
    return unique


def texts(values: pd.Series) -> list[str | None]:
    """Text without outer blanks; None for empty, blank or missing. Whole numbers lose their `.0`."""

    def clean(value: object) -> str | None:
        if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).strip() or None

    return [clean(value) for value in values.tolist()]


def _text_column(frame: pd.DataFrame, name: str) -> list[str | None]:
    return texts(frame[name]) if name else [None] * len(frame)


def _number_column(frame: pd.DataFrame, name: str) -> pd.Series:
    if not name:
        return pd.Series(np.nan, frame.index)
    return pd.to_numeric(frame[name], errors="coerce").astype("float64")


def _date_spans(frame: pd.DataFrame, name: str, entry: LayerEntry) -> tuple[pd.Series, pd.Series]:
    """First and last day that each date of a column may mean; NaT: unknown, or no column."""
    if not name:
        nothing = pd.Series(pd.NaT, frame.index, dtype="datetime64[ms]")
        return nothing, nothing
    return column_dates(frame[name], entry)


def _vague_applications(frame: pd.DataFrame, entry: LayerEntry) -> np.ndarray:
    """Whether the application of each row may have come on several days; bool (rows,)."""
    first, last = _date_spans(frame, entry.applied_column, entry)
    return (first < last).to_numpy(bool)


def check_dates(frame: pd.DataFrame, entry: LayerEntry) -> None:
    """Refuse a layer whose dates no later command could read; LayerError as `column_dates`."""
    for name in (entry.applied_column, entry.from_column, entry.to_column):
        _date_spans(frame, name, entry)


def column_dates(values: pd.Series, entry: LayerEntry) -> tuple[pd.Series, pd.Series]:
    """First and last day (datetime64[ms], NaT = unknown) that each date of a layer's column may mean.

    Raises
    ------
    LayerError
        For values that fit no form of dates, or several (see `register.dating.date_forms`).
    """
    unknown = [pd.Timestamp(day) for day in entry.unknown_dates]
    limits = replace(LAYER_LIMITS, earliest=min([LAYER_LIMITS.earliest, *entry.unknown_dates]))
    rule = DateRule(
        form=entry.date_form, limits=limits, option=f"`date_form` of the entry {entry.name} of zones.toml:"
    )
    spans = read_dates(values, rule, where=f"layer {entry.name}, column {values.name}")
    known = ~spans.first.isin(unknown)
    return spans.first.where(known), spans.last.where(known)


def holder_type(name: str | None) -> str:
    """Kind of holder by its name; who does not look like a body is taken for a natural person."""
    if name is None:
        return "unknown"
    plain = _plain(name)
    if _COMMUNITY.search(plain):
        return "community"
    if _STATE.search(plain):
        return "state"
    return "company" if _COMPANY.search(plain) else "natural_person"


def holder_hash(name: str | None, salt: bytes) -> str | None:
    """Salted hash (HMAC-SHA256, 32 hex) of a holder's name, blind to accents and case; None without salt."""
    if name is None or not salt:
        return None
    return hmac.new(salt, _plain(name).encode(), hashlib.sha256).hexdigest()[:32]


def _plain(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name)
    return " ".join("".join(one for one in plain if not unicodedata.combining(one)).lower().split())
