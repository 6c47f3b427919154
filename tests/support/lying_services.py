"""Replies of services that are wrong, and a client that gets them without a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from selvawatch.register.services.replies import Limits
from selvawatch.register.site_extent import SiteExtent

HERE = SiteExtent(west=-70.7, south=-13.1, east=-69.8, north=-12.2)
"""The areas of a made-up site."""


def ring(number: int, side: float = 0.01) -> list[list[float]]:
    west, south = -70.2 + 0.02 * number, -12.9
    return [
        [west, south],
        [west, south + side],
        [west + side, south + side],
        [west + side, south],
        [west, south],
    ]


@dataclass
class Answering:
    """A client whose replies are what a function makes of an address and its parameters."""

    answer: Callable[[str, Mapping[str, str]], dict[str, Any]]
    limits: Limits = field(default_factory=Limits)
    requests: list[Mapping[str, str]] = field(default_factory=list)

    def get_json(self, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        self.requests.append({"url": url, **parameters})
        return self.answer(url, parameters)


def arcgis(
    features: list[dict[str, Any]] | None = None,
    ids: Any = None,
    about: Mapping[str, Any] | None = None,
    page: Mapping[str, Any] | None = None,
    most: int = 1000,
) -> Callable[[str, Mapping[str, str]], dict[str, Any]]:
    """Answers of layer 0 of an ArcGIS service; `page` and `about` replace parts of what it gives."""
    if features is None:
        features = [esri(number) for number in range(4)]

    def answer(url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        if not url.endswith("/query"):
            fields = [{"name": "OBJECTID", "type": "esriFieldTypeOID"}]
            return {"type": "Feature Layer", "maxRecordCount": 1000, "fields": fields, **(about or {})}
        if parameters.get("returnIdsOnly"):
            known = [one["attributes"].get("OBJECTID") for one in features]
            return {"objectIdFieldName": "OBJECTID", "objectIds": known if ids is None else ids}
        low, high = (int(part.split()[0]) for part in parameters["where"].split("= ")[-2:])
        within = [one for one in features if low <= one["attributes"].get("OBJECTID", low) <= high]
        return {"spatialReference": {"wkid": 4326}, "features": within[:most], **(page or {})}

    return answer


def esri(number: int, geometry: Any = "ring", **attributes: Any) -> dict[str, Any]:
    """Feature `number` of a layer, a square."""
    shape = {"rings": [ring(number)]} if geometry == "ring" else geometry
    return {"attributes": {"OBJECTID": number + 1, **attributes}, "geometry": shape}


def geojson(number: int, coordinates: Any = None, **rest: Any) -> dict[str, Any]:
    """Feature `number` of a collection, a square."""
    shape = {"type": "Polygon", "coordinates": [ring(number)] if coordinates is None else coordinates}
    return {"type": "Feature", "id": f"a.{number}", "properties": {"n": number}, "geometry": shape, **rest}


def wfs(
    features: list[dict[str, Any]], most: int = 1000, **page: Any
) -> Callable[[str, Mapping[str, str]], dict[str, Any]]:
    """Answers of a WFS that pages; `page` is what its replies say beside their features."""

    def answer(url: str, parameters: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG001
        start, count = int(parameters["startIndex"]), min(int(parameters["count"]), most)
        return {"type": "FeatureCollection", "features": features[start : start + count], **page}

    return answer
