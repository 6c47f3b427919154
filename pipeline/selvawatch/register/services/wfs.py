"""Layers of WFS 2.0 services."""

from typing import Any

import geopandas as gpd

from selvawatch.errors import SourceError
from selvawatch.register.services.service import WGS84, Client, LayerRequest


def wfs_layer(client: Client, request: LayerRequest) -> gpd.GeoDataFrame:
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
        "typeNames": request.layer,
        "outputFormat": "application/json",
        "srsName": "EPSG:4326",
        **({"CQL_FILTER": request.where} if request.where else {}),
    }
    features: list[dict[str, Any]] = []
    matched: int | None = None
    while matched is None or len(features) < matched:
        page = client.get_json(request.url, {**asked, "startIndex": str(len(features)), "count": "1000"})
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
            where=request.url,
            got=f"{len(set(ids))} of {matched}",
            do="try again later; nothing was kept",
        )
    if not features:
        return gpd.GeoDataFrame({"geometry": []}, geometry="geometry", crs=WGS84)
    features.sort(key=lambda feature: str(feature.get("id")))
    return gpd.GeoDataFrame.from_features(features, crs=WGS84)
