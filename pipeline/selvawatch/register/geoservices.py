"""Vector layers from public services: ArcGIS REST, WFS, and files; all of a layer, or an error."""

import json
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pyogrio.errors

from selvawatch.errors import SourceError
from selvawatch.register.drivers import foreign_driver

log = logging.getLogger(__name__)

_WGS84 = 4326


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How services are asked: patiently, and saying who asks."""

    contact: str
    """Address or page that a service's keeper can turn to."""
    version: str
    timeout_s: float = 60.0
    """Seconds one reply may take."""
    tries: int = 4
    """Times a request is made before it fails."""
    wait_s: float = 2.0
    """Seconds before the second try; doubled before each further one."""
    sleep: Callable[[float], None] = time.sleep

    @property
    def user_agent(self) -> str:
        """Browser-like, since public services turn other clients away, and honest."""
        return f"Mozilla/5.0 (compatible; selvawatch/{self.version}; +{self.contact})"

    def get(self, url: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The body of a reply.

        Raises
        ------
        SourceError
            When the service does not answer, breaks off or refuses, after all tries.
        """
        parts = urllib.parse.urlsplit(url)
        path = urllib.parse.quote(urllib.parse.unquote(parts.path))
        query = urllib.parse.urlencode(parameters or {}) or parts.query
        if parts.scheme not in ("http", "https"):
            raise SourceError("not an address of the web", got=url, needed="http or https")
        address = urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, query, ""))
        request = urllib.request.Request(address, headers={"User-Agent": self.user_agent})
        why: object = ""
        for attempt in range(self.tries):
            if attempt:
                self.sleep(self.wait_s * 2 ** (attempt - 1))
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:
                    return bytes(reply.read())
            except urllib.error.HTTPError as error:
                why = f"{error.code} {error.reason}"
                if error.code in (400, 401, 403, 404, 418):
                    break
            except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
                why = error
            log.info("%s: try %d of %d: %s", address, attempt + 1, self.tries, why)
        raise SourceError("the service does not answer", where=f"{parts.netloc}{parts.path}", got=why)

    def get_json(self, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """A JSON object; a half answer is asked for again, an error inside a good reply is an error."""
        for attempt in range(self.tries):
            body = self.get(url, parameters)
            try:
                value = json.loads(body.decode("utf-8-sig"))
                break
            except (UnicodeDecodeError, json.JSONDecodeError) as error:
                log.info("%s: half an answer: %s", url, error)
                if attempt + 1 == self.tries:
                    raise SourceError(
                        "the answer is no JSON", where=url, got=body[:60], do="try again later"
                    ) from error
                self.sleep(self.wait_s * 2**attempt)
        if not isinstance(value, dict):
            raise SourceError("the answer is no JSON object", where=url, got=type(value).__name__)
        if "error" in value:
            stated = value["error"]
            message = stated.get("message", stated) if isinstance(stated, dict) else stated
            raise SourceError("the service refuses", where=url, got=message)
        return value


def arcgis_layer(client: Client, url: str, layer: str, where: str) -> gpd.GeoDataFrame:
    """All features of a layer of an ArcGIS map service, WGS 84, dates as dates, domains as `<field>_label`.

    Features are asked for by ranges of object ids, since many servers cannot page, and counted.

    Raises
    ------
    SourceError
        For a layer that is not there, or fewer features than the service says it has.
    """
    number = _layer_number(client, url, layer)
    address = f"{url}/{number}"
    about = client.get_json(address, {"f": "json"})
    key = str(about.get("objectIdField") or _oid_field(about, address))
    size = max(1, int(about.get("maxRecordCount") or 1000))
    condition = where or "1=1"
    listed = client.get_json(f"{address}/query", {"where": condition, "returnIdsOnly": "true", "f": "json"})
    ids = sorted(int(one) for one in listed.get("objectIds") or [])
    parts = [
        part
        for start in range(0, len(ids), size)
        for part in _range(client, address, condition, key, ids[start : start + size])
    ]
    if not parts:
        return gpd.GeoDataFrame({"geometry": []}, geometry="geometry", crs=_WGS84)
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
    return _labelled(gpd.GeoDataFrame(frame, geometry="geometry", crs=_WGS84), about)


def _range(client: Client, address: str, where: str, key: str, ids: list[int]) -> list[gpd.GeoDataFrame]:
    """Features of a run of object ids; a run that comes back cut is asked for in halves."""
    reply = client.get_json(
        f"{address}/query",
        {
            "where": f"({where}) AND {key} >= {ids[0]} AND {key} <= {ids[-1]}",
            "outFields": "*",
            "returnGeometry": "true",
            "outSR": str(_WGS84),
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
    reply.setdefault("spatialReference", {"wkid": _WGS84})
    try:
        content = json.dumps(reply).encode()
        if (driver := foreign_driver(content)) is not None:
            raise SourceError("the answer is no features", where=address, got=driver)
        frame = pyogrio.read_dataframe(content)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.GeometryError) as error:
        raise SourceError("features cannot be read", where=address, got=error) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise SourceError("the layer has no geometry", where=address)
    return [frame.to_crs(_WGS84)]


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


def wfs_layer(client: Client, url: str, layer: str, where: str) -> gpd.GeoDataFrame:
    """All features of a WFS 2.0 feature type as WGS 84, page by page, and counted.

    Raises
    ------
    SourceError
        When the server gives fewer features than it says match, or twice the same.
    """
    asked = {
        "service": "WFS",
        "version": "2.0.0",
        "request": "GetFeature",
        "typeNames": layer,
        "outputFormat": "application/json",
        "srsName": "EPSG:4326",
        **({"CQL_FILTER": where} if where else {}),
    }
    features: list[dict[str, Any]] = []
    matched: int | None = None
    while matched is None or len(features) < matched:
        page = client.get_json(url, {**asked, "startIndex": str(len(features)), "count": "1000"})
        total = page.get("numberMatched", page.get("totalFeatures"))
        new = page.get("features") or []
        if matched is None:
            stated = str(total)
            matched = int(stated) if stated.isdigit() else len(new)
        if not new:
            break
        features += new
    ids = [str(one.get("id")) for one in features]
    if len(features) != (matched or 0) or len(set(ids)) != len(ids):
        raise SourceError(
            "the service gave other features than it counted",
            where=url,
            got=f"{len(set(ids))} of {matched}",
            do="try again later; nothing was kept",
        )
    if not features:
        return gpd.GeoDataFrame({"geometry": []}, geometry="geometry", crs=_WGS84)
    features.sort(key=lambda feature: str(feature.get("id")))
    return gpd.GeoDataFrame.from_features(features, crs=_WGS84)


def fetch_layer(client: Client, kind: str, url: str, layer: str, where: str) -> gpd.GeoDataFrame:
    """All features of a layer, WGS 84, by the kind of service (`arcgis` or `wfs`)."""
    if kind == "arcgis":
        return arcgis_layer(client, url, layer, where)
    if kind == "wfs":
        return wfs_layer(client, url, layer, where)
    raise SourceError("not a service of features", got=kind, needed="arcgis or wfs")
