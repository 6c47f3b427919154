"""Layers of ArcGIS map services (REST)."""

import json
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pyogrio.errors

from selvawatch.errors import SourceError
from selvawatch.register.drivers import foreign_driver
from selvawatch.register.services.service import WGS84, Client, LayerRequest


def arcgis_layer(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
    """All features of a layer of an ArcGIS map service, WGS 84, dates as dates, domains as `<field>_label`.

    Features are asked for by ranges of object ids, since many servers cannot page, and counted.

    Raises
    ------
    SourceError
        For a layer that is not there, or fewer features than the service says it has.
    """
    number = _layer_number(client, request.url, request.layer)
    address = f"{request.url}/{number}"
    about = client.get_json(address, {"f": "json"})
    key = str(about.get("objectIdField") or _oid_field(about, address))
    size = max(1, int(about.get("maxRecordCount") or 1000))
    condition = request.where or "1=1"
    listed = client.get_json(f"{address}/query", {"where": condition, "returnIdsOnly": "true", "f": "json"})
    ids = sorted(int(one) for one in listed.get("objectIds") or [])
    parts = [
        part
        for start in range(0, len(ids), size)
        for part in _range(client, address, condition, key, ids[start : start + size])
    ]
    if not parts:
        return gpd.GeoDataFrame({"geometry": []}, geometry="geometry", crs=WGS84)
    frame = pd.concat(parts, ignore_index=True)
    got = frame[key].astype(int)
    if sorted(got) != ids:
        raise SourceError(
            "the service gave other features than it listed",
            where=address,
            got=f"{got.nunique()} of {len(ids)}",
            needed="every feature once",
            do="try again later; nothing was kept",
        )
    frame = frame.sort_values(key, kind="stable").reset_index(drop=True)
    return _labelled(gpd.GeoDataFrame(frame, geometry="geometry", crs=WGS84), about)


def _range(client: Client, address: str, where: str, key: str, ids: list[int]) -> list[gpd.GeoDataFrame]:
    """Features of a run of object ids; a run that comes back cut is asked for in halves."""
    reply = client.get_json(
        f"{address}/query",
        {
            "where": f"({where}) AND {key} >= {ids[0]} AND {key} <= {ids[-1]}",
            "outFields": "*",
            "returnGeometry": "true",
            "outSR": str(WGS84),
            "f": "json",
        },
    )
    features = reply.get("features") or []
    if len(features) < len(ids) and len(ids) > 1:
        middle = len(ids) // 2
        return [
            *_range(client, address, where, key, ids[:middle]),
            *_range(client, address, where, key, ids[middle:]),
        ]
    if not features:
        return []
    reply.setdefault("spatialReference", {"wkid": WGS84})
    try:
        content = json.dumps(reply).encode()
        if (driver := foreign_driver(content)) is not None:
            raise SourceError("the answer is no features", where=address, got=driver)
        frame = pyogrio.read_dataframe(content)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.GeometryError) as error:
        raise SourceError("features cannot be read", where=address, got=error) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise SourceError("the layer has no geometry", where=address)
    return [frame.to_crs(WGS84)]


def _layer_number(client: Client, url: str, layer: str) -> int:
    """Number of a layer by its name, since numbers move; a number is taken as it is."""
    if layer.isdigit():
        return int(layer)
    listed = client.get_json(url, {"f": "json"})
    named = {_plain(str(one.get("name", ""))): int(one["id"]) for one in listed.get("layers") or []}
    wanted = _plain(layer)
    if wanted in named:
        return named[wanted]
    close = [number for name, number in named.items() if wanted in name]
    if len(close) == 1:
        return close[0]
    raise SourceError("no such layer", where=url, got=layer, needed=f"one of {sorted(named)}")


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


def _oid_field(about: Mapping[str, Any], address: str) -> str:
    for field in about.get("fields") or []:
        if field.get("type") == "esriFieldTypeOID":
            return str(field["name"])
    raise SourceError("the layer has no object id", where=address)


def _labelled(frame: gpd.GeoDataFrame, about: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """The frame with a column `<field>_label` for each field that has a domain of coded values."""
    for field in about.get("fields") or []:
        coded = (field.get("domain") or {}).get("codedValues")
        name = str(field.get("name"))
        if coded and name in frame:
            labels = {str(one["code"]): str(one["name"]) for one in coded}
            frame[f"{name}_label"] = [labels.get(_code(value)) for value in frame[name].tolist()]
    return frame


def _code(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
