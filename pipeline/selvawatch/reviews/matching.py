"""Which alert an entry is about: by its id first, by its point only where that lies in one outline alone."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.core.days import NO_DAY, day_numbers
from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry, Naming, field_names, folded

_ID = re.compile(
    r"(?<![\w-])([A-Za-z][A-Za-z0-9-]{0,40}-\d{6}-[0-9A-Za-z]{6})(?:\.[vV](\d{1,9}))?(?![\w]|[.-]\w)"
)
"""How an event id looks, and that of an alert with its version; nothing else hangs on it."""

_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""What word processors write for a hyphen, and marks that nobody sees."""

_DEGREES = re.compile(r"[+-]?\d{1,3}(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The alert that an entry is about."""

    event_id: str
    version: int
    by: str
    """`id` or `coordinate`."""
    remarks: tuple[str, ...] = ()
    """What of the entry could not be used, or changes nothing, a line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """The alerts that answers may be about."""

    current: gpd.GeoDataFrame
    """ALERTS rows of the current run, with their outlines."""
    versions: Mapping[str, frozenset[int]]
    """Versions that were published, by event, of all runs."""
    data_day: int
    """Data day of the current run."""
    earlier_days: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """Data day of the last run that published a version, by event and version, of versions that the current
    run did not.
    """

    def until(self, event_id: str, version: int) -> int:
        """The last day that a version of an event speaks of; `NO_DAY` where no run that published it is at
        hand.
        """
        rows = self.current.loc[self.current["event_id"] == event_id, "version"]
        if len(rows) and int(rows.iloc[0]) == version:
            return self.data_day
        return self.earlier_days.get((event_id, version), NO_DAY)

    def heir(self, event_id: str) -> str:
        """The event of the current run that one has merged into; empty: none."""
        merged = self.current.get("merged_from")
        if merged is None or event_id in set(self.current["event_id"]):
            return ""
        names = zip(self.current["event_id"], merged, strict=True)
        return next((str(event) for event, old in names if event_id in str(old or "").split()), "")

    def latest(self, event_id: str) -> int:
        """The version of an event that the current run published, else the last one that any run did."""
        rows = self.current.loc[self.current["event_id"] == event_id, "version"]
        return int(rows.iloc[0]) if len(rows) else max(self.versions[event_id])

    def first_day(self, event_id: str) -> int | None:
        """The first day on which the loss of an event may have begun; None: the current run does not say."""
        rows = self.current[self.current["event_id"] == event_id]
        if not len(rows):
            return None
        earliest = rows["onset_earliest"].fillna(rows["onset"])
        day = int(day_numbers(earliest, NO_DAY)[0])
        return None if day == NO_DAY else day


def published_versions(rows: Iterable[tuple[str, int]]) -> dict[str, frozenset[int]]:
    """Versions by event, of pairs of event and version."""
    found: dict[str, set[int]] = {}
    for event, version in rows:
        found.setdefault(event, set()).add(version)
    return {event: frozenset(versions) for event, versions in found.items()}


def match_entry(entry: Entry, alerts: Alerts, naming: Naming) -> Match:
    """The alert that an entry is about.

    Raises
    ------
    LayerError
        Where its id is unknown or says two alerts, where id and point disagree, where it has neither, or
        where its point is half of one, none at all, or not inside one outline alone.
    """
    named = field_names(entry, "alert", naming)
    texts = [entry.fields[name] for name in named]
    found = _ids(texts, alerts, entry) or _mentioned(entry, alerts)
    fault = ""
    inside: list[str] = []
    points: list[shapely.Point] = []
    try:
        points = _points(entry, naming)
        inside = sorted({event for point in points for event in _inside(point, alerts.current)})
    except LayerError as error:
        fault = str(error)
    if not found:
        if fault:
            raise LayerError(fault)
        return _by_point(entry, points, inside, alerts)
    event, version = found
    if inside and event not in inside:
        raise LayerError(
            "its id and its point say two alerts",
            where=entry.where,
            got=f"{event}, and a point in {' '.join(inside)}",
            do="correct the id; nothing was kept of the entry",
        )
    remarks = [f"{fault}; the review stands by its id"] if fault else []
    if heir := alerts.heir(event):
        remarks.append(
            f"{entry.where}: {event} has merged into {heir}; the review is kept of it, and changes nothing of"
            f" {heir}: give that an answer of its own"
        )
    return Match(event_id=event, version=version or alerts.latest(event), by="id", remarks=tuple(remarks))


def _ids(texts: list[str], alerts: Alerts, entry: Entry) -> tuple[str, int] | None:
    """Event and version (0: not named) of the texts of fields for ids; None where they are empty."""
    known = {event.upper(): event for event in alerts.versions}
    found: dict[str, int] = {}
    for text in map(_plain, texts):
        tokens = _ID.findall(text)
        for token, number in tokens:
            event = known.get(token.upper())
            version = int(number) if number else 0
            if event is None or (version and version not in alerts.versions[event]):
                raise _unknown(entry, f"{token}.v{number}" if number else token)
            found[event] = max(version, found.get(event, 0))
    if not found and any(text.strip() for text in texts):
        raise _unknown(entry, next(text for text in texts if text.strip()))
    if len(found) > 1:
        raise LayerError(
            "the entry names several alerts",
            where=entry.where,
            got=" ".join(sorted(found)),
            needed="one",
            do="give an entry for each",
        )
    return next(iter(found.items()), None)


def _plain(text: str) -> str:
    """A text with plain letters, digits and hyphens where another program put its own."""
    return _UNSEEN.sub("", _DASHES.sub("-", unicodedata.normalize("NFKC", text)))


def _mentioned(entry: Entry, alerts: Alerts) -> tuple[str, int] | None:
    """Event and version that some other field mentions; unknown ids of the same kind are errors."""
    prefixes = {event.rsplit("-", 2)[0].upper() for event in alerts.versions}
    texts = [
        text
        for text in entry.fields.values()
        if any(token.rsplit("-", 2)[0].upper() in prefixes for token, _ in _ID.findall(_plain(text)))
    ]
    return _ids(texts, alerts, entry) if texts else None


def _unknown(entry: Entry, got: str) -> LayerError:
    return LayerError(
        "no alert has this id",
        where=entry.where,
        got=got[:80],
        needed="an id of `selvawatch alerts list --tier restricted`",
        do="correct it and read the file again; what is known is not added twice",
    )


def _by_point(entry: Entry, points: list[shapely.Point], inside: list[str], alerts: Alerts) -> Match:
    if not points:
        raise LayerError(
            "the entry names no alert and has no point",
            where=entry.where,
            needed="an id of an alert, or latitude and longitude",
        )
    if len(inside) != 1:
        raise LayerError(
            "its point lies in no outline of an alert" if not inside else "its point lies in several alerts",
            where=entry.where,
            got=" ".join(inside) or ", ".join(f"{point.y:.5f} {point.x:.5f}" for point in points),
            needed="a point inside one outline alone, or an id",
        )
    return Match(event_id=inside[0], version=alerts.latest(inside[0]), by="coordinate")


def _points(entry: Entry, naming: Naming) -> list[shapely.Point]:
    """The points of an entry, WGS 84; LayerError for half of one, or an impossible one."""
    lat, lon = entry.lat, entry.lon
    if not (lat or lon):
        lat, lon = (_first(entry, role, naming) for role in ("lat", "lon"))
    if not (lat or lon):
        parts = _first(entry, "point", naming).replace(",", " ").split()
        if len(parts) >= 2 and all(_DEGREES.fullmatch(part) for part in parts[:2]):
            lat, lon = parts[:2]
    pairs = [(lon, lat), *entry.more_points]
    return [_point(x, y, entry) for x, y in pairs if x or y]


def _point(lon: str, lat: str, entry: Entry) -> shapely.Point:
    if not (lat and lon):
        half = "latitude" if lat else "longitude"
        raise LayerError(
            "half a coordinate", where=entry.where, got=f"only a {half}", needed="latitude and longitude"
        )
    try:
        y, x = float(lat), float(lon)
    except ValueError:
        y = x = float("nan")
    if not (-90 <= y <= 90 and -180 <= x <= 180):
        raise LayerError(
            "no coordinate of the earth", where=entry.where, got=f"{lat} {lon}"[:60], needed="degrees, WGS 84"
        )
    return shapely.Point(x, y)


def _first(entry: Entry, role: str, naming: Naming) -> str:
    return next((entry.fields[name] for name in field_names(entry, role, naming)), "")


def _inside(point: shapely.Point, current: gpd.GeoDataFrame) -> list[str]:
    """Events whose outline holds a point; withdrawn ones hold none."""
    if not len(current):
        return []
    x, y = Transformer.from_crs("EPSG:4326", current.crs, always_xy=True).transform(point.x, point.y)
    if not (np.isfinite(x) and np.isfinite(y)):
        return []
    live = (current["status"] != "withdrawn").to_numpy(bool)
    holds = shapely.covers(np.asarray(current.geometry, object), shapely.Point(x, y)) & live
    return sorted(pd.Series(current["event_id"].to_numpy()[holds]).astype(str))


def used_fields(entry: Entry, naming: Naming) -> set[str]:
    """Names of the fields that say alert, verdict, role, time or point; others are not kept."""
    names = {
        name
        for role in ("alert", "verdict", "role", "time", "lon", "lat", "point")
        for name in field_names(entry, role, naming)
    }
    coordinates = {name for name in entry.fields if folded(name).endswith(("latitude", "longitude"))}
    return names | coordinates
