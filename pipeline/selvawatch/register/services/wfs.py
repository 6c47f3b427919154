"""Layers of WFS 2.0 services."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
from pyproj import CRS

from selvawatch.errors import SourceError
from selvawatch.register.coordinate_reference import WGS84, crs_of_member, resolved_crs
from selvawatch.register.coordinate_shapes import geojson_shape
from selvawatch.register.services.layer_parts import LayerParts
from selvawatch.register.services.replies import TooLargeError
from selvawatch.register.services.service import Client, LayerRequest, public_address

PAGE = 1000
"""Features that are asked for at once."""

LEAST_PAGE = 25
"""Features that a page must bring on average, beyond the requests that any layer may cost."""


def wfs_layer(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
    """All features of a WFS 2.0 feature type as WGS 84, page by page, and counted.

    A service that does not say how many features match is asked until a page is empty.

    Raises
    ------
    SourceError
        When the server gives other features than it counts, or the same again.
    LayerError
        Where it is not known in which CRS they come.
    """
    parts, where = LayerParts(request=request, limits=client.limits), public_address(request.url)
    keys: list[str] = []
    count, requests, matched = PAGE, 0, None
    while matched is None or len(keys) < matched:
        requests += 1
        if requests > client.limits.spare_requests + len(keys) // LEAST_PAGE:
            raise SourceError("the service needs too many requests", where=where, do="nothing was kept")
        try:
            page = client.get_json(request.url, _parameters(request, len(keys), count))
        except TooLargeError:
            if count == 1:
                raise
            count = max(1, count // 10)
            continue
        new = _features(page, where)
        matched = _count(page, where, client.limits.features) if not keys else matched
        if not new:
            break
        keys += _keys(new, keys, where)
        shapes = parts.shapes([feature.get("geometry") for feature in new], geojson_shape)
        parts.add([dict(feature.get("properties") or {}) for feature in new], shapes, _crs(page, new, parts))
    if matched is not None and len(keys) != matched:
        raise _miscounted(where, f"{len(keys)} of {matched}")
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return parts.frame().iloc[order].reset_index(drop=True)


def _parameters(request: LayerRequest, start: int, count: int) -> dict[str, str]:
    return {
        "service": "WFS",
        "version": "2.0.0",
        "request": "GetFeature",
        "typeNames": request.layer,
        "outputFormat": "application/json",
        "srsName": "EPSG:4326",
        **({"CQL_FILTER": request.where} if request.where else {}),
        "startIndex": str(start),
        "count": str(count),
    }


def _features(page: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """The features of a page; SourceError where it holds anything else, or other than it says."""
    features = page.get("features")
    if features is None and page.get("type") == "FeatureCollection":
        features = []
    if not isinstance(features, list):
        raise SourceError(
            "the answer is no collection of features", where=where, got=sorted(map(str, page))[:5]
        )
    for number, feature in enumerate(features):
        properties = feature.get("properties", {}) if isinstance(feature, dict) else 0
        if (
            not isinstance(properties, (dict, type(None)))
            or "attributes" in feature
            and "properties" not in feature
        ):
            raise SourceError("the answer is no features of GeoJSON", where=where, got=f"feature {number}")
    returned = page.get("numberReturned")
    if isinstance(returned, int) and returned != len(features):
        raise _miscounted(where, f"{len(features)} of {returned} in a page")
    return features


def _count(page: Mapping[str, Any], where: str, most: int) -> int | None:
    """How many features match, as a first page says; None where it does not."""
    for name in ("numberMatched", "totalFeatures"):
        stated = page.get(name)
        if isinstance(stated, str) and stated.isascii() and stated.isdigit() and len(stated) < 20:
            stated = int(stated)
        if isinstance(stated, (int, float)) and not isinstance(stated, bool) and stated >= 0:
            if stated > most:
                raise SourceError(
                    "the layer is too large",
                    where=where,
                    got=f"{stated:.6g} features",
                    needed=f"{most} or less",
                    do="ask for less of it by `where` in its entry",
                )
            return int(stated)
    return None


def _keys(features: Sequence[Mapping[str, Any]], before: list[str], where: str) -> list[str]:
    """Id of each feature, or a digest of what it says where it has none.

    Raises
    ------
    SourceError
        For an id that comes twice, and for a feature without one that came in an earlier page: the service
        gives the same page again, or pages in no fixed order.
    """
    keys = [_key(feature) for feature in features]
    ids = [key for key in keys if key.startswith("id ")]
    if len(set(ids)) != len(ids) or not set(before).isdisjoint(keys):
        raise SourceError(
            "the service gave features twice",
            where=where,
            got=f"{len(set(before) | set(keys))} of {len(before) + len(keys)} are distinct",
            needed="every feature once",
            do="it pages in no fixed order, or not at all; nothing was kept",
        )
    return keys


def _key(feature: Mapping[str, Any]) -> str:
    if feature.get("id") is not None:
        return f"id {feature['id']}"
    content = [feature.get("properties"), feature.get("geometry")]
    return f"content {hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}"


def _crs(page: Mapping[str, Any], features: Sequence[Mapping[str, Any]], parts: LayerParts) -> CRS | None:
    """The CRS of a page: what it names, else what the entry declares, else what was asked for."""
    located = next((feature for feature in features if feature.get("geometry")), None)
    if located is None:
        return None
    declared = parts.request.crs
    for holder in (page, located, located["geometry"]):
        if "crs" in holder:
            return resolved_crs(crs_of_member(holder["crs"]), declared, parts.where)
    return resolved_crs(None, declared, parts.where) if declared else WGS84


def _miscounted(where: str, got: str) -> SourceError:
    return SourceError(
        "the service gave other features than it counted",
        where=where,
        got=got,
        do="try again later; nothing was kept",
    )
