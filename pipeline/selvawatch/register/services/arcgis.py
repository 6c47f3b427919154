"""Layers of ArcGIS map services (REST)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from selvawatch.errors import SourceError
from selvawatch.register.coordinate_reference import crs_of_esri, resolved_crs
from selvawatch.register.coordinate_shapes import esri_shape
from selvawatch.register.services.layer_parts import LayerParts
from selvawatch.register.services.replies import TooLargeError
from selvawatch.register.services.service import Client, LayerRequest, below, public_address

MOST_RECORDS = 2_000
"""Most features that are asked for at once, whatever a service allows."""

_NO_LAYERS = ("Group Layer", "Raster Layer", "Mosaic Layer", "Annotation Layer", "Network Layer", "Table")
_KINDS = {"esriFieldTypeDate": "date", "esriFieldTypeDouble": "real", "esriFieldTypeSingle": "real"}
_LEAST_SHARE = 16


def arcgis_layer(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
    """All features of a layer of an ArcGIS map service, WGS 84, dates as dates, domains as `<field>_label`.

    Features are asked for by ranges of object ids, since many servers cannot page, and each must come once.

    Raises
    ------
    SourceError
        For a layer that is not there, or other features than the service lists.
    LayerError
        Where it is not known in which CRS they come.
    """
    address = below(request.url, _layer_number(client, request.url, request.layer))
    about = client.get_json(address, {"f": "json"})
    if about.get("type") in _NO_LAYERS:
        raise SourceError(
            "no layer of features", where=public_address(address), got=about["type"], needed="a feature layer"
        )
    query = below(address, "query")
    condition = request.where or "1=1"
    listed = client.get_json(query, {"where": condition, "returnIdsOnly": "true", "f": "json"})
    ids = _object_ids(listed, public_address(address), client.limits.features)
    if not ids:
        return LayerParts(request=request, limits=client.limits).frame()
    key = str(listed.get("objectIdFieldName") or about.get("objectIdField") or _oid_field(about, address))
    asked = _Query(
        client=client,
        address=query,
        condition=condition,
        key=key,
        parts=LayerParts(request=request, limits=client.limits),
        kinds=_kinds(about),
        requests_left=_most_requests(len(ids), _record_limit(about), client.limits.spare_requests),
    )
    size = _record_limit(about)
    for start in range(0, len(ids), size):
        _range(asked, ids[start : start + size])
    frame = asked.parts.frame()
    return _labelled(frame, about)


@dataclass(kw_only=True, slots=True)
class _Query:
    """A query under way."""

    client: Client
    address: str
    condition: str
    key: str
    parts: LayerParts
    kinds: dict[str, str]
    requests_left: int


def _most_requests(count: int, size: int, spare: int) -> int:
    """Requests that a layer may cost: as if the service gave a sixteenth of what it says."""
    return spare + 2 * _LEAST_SHARE * -(-count // size)


def _range(asked: _Query, ids: list[int]) -> None:
    """Add the features of a run of object ids; a run that comes back cut is asked for in halves."""
    if asked.requests_left <= 0:
        raise SourceError(
            "the service needs too many requests", where=public_address(asked.address), do="nothing was kept"
        )
    asked.requests_left -= 1
    parameters = {
        "where": f"({asked.condition}) AND {asked.key} >= {ids[0]} AND {asked.key} <= {ids[-1]}",
        "outFields": "*",
        "returnGeometry": "true",
        "outSR": "4326",
        "f": "json",
    }
    try:
        reply = asked.client.get_json(asked.address, parameters)
    except TooLargeError:
        if len(ids) == 1:
            raise
        reply = {}
    features = reply.get("features") or []
    if not isinstance(features, list):
        raise SourceError("the answer is no features", where=public_address(asked.address))
    is_cut = len(features) < len(ids) and len(ids) > 1
    if is_cut and (features or not reply or reply.get("exceededTransferLimit")):
        middle = len(ids) // 2
        _range(asked, ids[:middle])
        _range(asked, ids[middle:])
        return
    _add(asked, reply, features, ids)


def _add(asked: _Query, reply: Mapping[str, Any], features: Sequence[Any], ids: list[int]) -> None:
    """Add the features of one reply, each listed id once."""
    where = public_address(asked.address)
    if not all(isinstance(one, dict) and isinstance(one.get("attributes"), dict) for one in features):
        raise SourceError("the answer is no features of ArcGIS", where=where)
    rows = [dict(feature["attributes"]) for feature in features]
    key = _key_of(rows, asked.key, ids)
    got = [_integer(row.get(key)) for row in rows] if key else []
    if sorted(number for number in got if number is not None) != ids:
        raise SourceError(
            "the service gave other features than it listed",
            where=where,
            got=f"{len(set(got) & set(ids))} of {len(ids)}" if key or not rows else f"no {asked.key} in them",
            needed="every feature once",
            do="try again later; nothing was kept",
        )
    order = np.argsort(np.array(got, np.int64), kind="stable").tolist()
    crs = None
    if any(feature.get("geometry") for feature in features):
        crs = resolved_crs(crs_of_esri(reply.get("spatialReference")), asked.parts.request.crs, where)
    shapes = asked.parts.shapes([features[index].get("geometry") for index in order], esri_shape)
    asked.parts.add([rows[index] for index in order], shapes, crs, asked.kinds | _kinds(reply))


def _key_of(rows: list[dict[str, Any]], key: str, ids: list[int]) -> str:
    """The attribute that holds the object ids: by its name, in any case, or since it holds just these."""
    if not rows:
        return ""
    for name in rows[0]:
        if name.casefold() == key.casefold():
            return name
    for name in rows[0]:
        if sorted(filter(None, (_integer(row.get(name)) for row in rows))) == ids:
            return name
    return ""


def _object_ids(listed: Mapping[str, Any], where: str, most: int) -> list[int]:
    """The object ids that a service lists, in order, each once."""
    if "objectIds" not in listed:
        got = "features" if listed.get("features") else f"only {sorted(map(str, listed))[:5]}"
        raise SourceError("the service lists no object ids", where=where, got=got)
    given = listed["objectIds"]
    if given is None:
        return []
    ids = [_integer(one) for one in given] if isinstance(given, list) else [None]
    if any(number is None for number in ids):
        raise SourceError("the object ids are no whole numbers", where=where)
    if len(ids) > most:
        raise SourceError(
            "the layer is too large", where=where, got=f"{len(ids)} features", needed=f"{most} or less"
        )
    return sorted({number for number in ids if number is not None})


def _integer(value: Any) -> int | None:
    """A whole number of at most 63 bits, or None; some services write 17 as 17.0 or as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    exact = isinstance(value, str) or number == value
    return number if exact and abs(number) < 2**63 else None


def _record_limit(about: Mapping[str, Any]) -> int:
    """How many features to ask for at once."""
    stated = _integer(about.get("maxRecordCount"))
    return min(stated, MOST_RECORDS) if stated is not None and stated > 0 else 1000


def _layer_number(client: Client, url: str, layer: str) -> int:
    """Number of a layer by its name, since numbers move; a number is taken as it is."""
    if layer.isdigit():
        return int(layer)
    listed = client.get_json(url, {"f": "json"}).get("layers")
    layers = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    named: dict[str, list[int]] = {}
    for one in layers:
        number = _integer(one.get("id"))
        if number is not None and not one.get("subLayerIds"):
            named.setdefault(_plain(str(one.get("name", ""))), []).append(number)
    wanted = _plain(layer)
    close = named.get(wanted) or [number for name in named if wanted in name for number in named[name]]
    if len(close) == 1:
        return close[0]
    raise SourceError(
        "several layers of that name" if close else "no such layer",
        where=public_address(url),
        got=f"{layer} ({close})" if close else layer,
        needed=f"one of {sorted(named)[:50]}",
    )


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


def _fields(about: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    stated = about.get("fields")
    return [one for one in stated if isinstance(one, dict)] if isinstance(stated, list) else []


def _kinds(about: Mapping[str, Any]) -> dict[str, str]:
    """Kind of each field that is of a declared kind, by its name."""
    stated = {str(one.get("name")): str(one.get("type")) for one in _fields(about)}
    return {name: _KINDS[kind] for name, kind in stated.items() if kind in _KINDS}


def _oid_field(about: Mapping[str, Any], address: str) -> str:
    for one in _fields(about):
        if one.get("type") == "esriFieldTypeOID":
            return str(one.get("name"))
    raise SourceError("the layer has no object id", where=public_address(address))


def _labelled(frame: gpd.GeoDataFrame, about: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """The frame with a column `<field>_label` for each field that has a domain of coded values."""
    for one in _fields(about):
        domain = one.get("domain")
        coded = domain.get("codedValues") if isinstance(domain, dict) else None
        name = str(one.get("name"))
        if isinstance(coded, list) and coded and name in frame:
            pairs = [pair for pair in coded if isinstance(pair, dict) and "code" in pair and "name" in pair]
            labels = {str(pair["code"]): str(pair["name"]) for pair in pairs}
            frame[f"{name}_label"] = pd.Series(
                [labels.get(_code(value)) for value in frame[name].tolist()], frame.index, dtype="str"
            )
    return frame


def _code(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
