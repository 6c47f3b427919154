"""Coordinate references as sources state them: which tell where on Earth coordinates lie."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import pyproj.exceptions
from pyproj import CRS, Transformer

from selvawatch.errors import LayerError

WGS84 = CRS.from_epsg(4326)
"""Degrees of WGS 84: longitude first wherever this package keeps coordinates."""

_CRS84 = re.compile(r"(?i)\bCRS:?84h?$")
_CODE = re.compile(r"(?i)\b(EPSG|ESRI)(?:\.xml#|[:/]+(?:[\d.]+[:/])?|:+)(\d{4,6})$")
_WKT = re.compile(r"\s*[A-Z][A-Z0-9_]*\s*\[")


@functools.lru_cache(maxsize=256)
def is_located(crs: CRS) -> bool:
    """Whether it is known where on Earth coordinates of a CRS lie.

    Not so for a datum without name, of the ellipsoid alone, or that nobody here knows (PROJ would put it on
    WGS 84 as it is, hundreds of metres off), nor for a drawing without a datum.
    """
    try:
        Transformer.from_crs(crs, WGS84, always_xy=True, allow_ballpark=False)
    except pyproj.exceptions.ProjError:
        return False
    return True


def crs_named(text: str) -> CRS | None:
    """The CRS of a name (`EPSG:4248`, `urn:ogc:def:crs:EPSG::4248`, CRS84, WKT); None for any other text."""
    text = text.strip()
    if _CRS84.search(text):
        return WGS84
    try:
        if match := _CODE.search(text):
            return CRS.from_authority(match[1].upper(), match[2])
        return CRS.from_wkt(text) if _WKT.match(text) else None
    except pyproj.exceptions.CRSError:
        return None


def crs_of_member(member: Any) -> CRS | None:
    """The CRS that a GeoJSON member `crs` names; None where it names none that is known.

    A member that is a link is not followed.
    """
    if not isinstance(member, Mapping):
        return None
    properties = member.get("properties")
    if not isinstance(properties, Mapping):
        return None
    if member.get("type") == "EPSG":
        return crs_named(f"EPSG:{properties.get('code')}")
    return crs_named(str(properties.get("name", "")))


def crs_of_esri(reference: Any) -> CRS | None:
    """The CRS of an Esri `spatialReference`; None where it states none that is known."""
    if not isinstance(reference, Mapping):
        return None
    for key in ("latestWkid", "wkid"):
        code = reference.get(key)
        if not isinstance(code, (int, float)) or not 0 < code < 10**7:
            continue
        for authority in ("EPSG", "ESRI"):
            try:
                return CRS.from_authority(authority, str(int(code)))
            except pyproj.exceptions.CRSError:
                continue
    for key in ("wkt2", "wkt"):
        if isinstance(reference.get(key), str) and (found := crs_named(reference[key])) is not None:
            return found
    return None


def resolved_crs(stated: CRS | None, declared: str, where: object) -> CRS:
    """The CRS that a source states, or, where that tells nothing, the one its entry declares.

    Raises
    ------
    LayerError
        Where neither tells where on Earth the coordinates lie.
    """
    if stated is not None and is_located(stated):
        return stated
    if declared:
        found = declared_crs(declared)
        if is_located(found):
            return found
    raise LayerError(
        "the layer has no CRS" if stated is None else "the layer's CRS does not tell its datum",
        where=where,
        got="" if stated is None else f"{stated.name} ({_datum(stated)})",
        needed="a CRS with a known datum in the file, or `crs` in its entry of zones.toml",
        do='ask the publisher and declare it, as crs = "EPSG:24879" (PSAD56, UTM 19S); it is never guessed',
    )


def declared_crs(text: str) -> CRS:
    """The CRS of an entry's `crs`; LayerError where it is none."""
    try:
        return CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        raise LayerError(
            "`crs` of the entry is no CRS", got=text, needed="a code such as EPSG:32719"
        ) from error


def _datum(crs: CRS) -> str:
    return crs.datum.name if crs.datum is not None else crs.type_name
