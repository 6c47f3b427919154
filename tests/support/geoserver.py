"""An ArcGIS REST and WFS server on loopback with the manners of the real ones."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Layer:
    """One layer as a service keeps it."""

    name: str
    number: int
    features: list[dict]
    """Attributes with `OBJECTID`, and rings under `rings`."""
    fields: list[dict] = field(default_factory=list)
    record_limit: int = 1000


@dataclass
class Manners:
    """What a server does to its clients; counters say what they did."""

    needs_browser: bool = True
    drop_first: int = 0
    """Connections cut in the middle of the reply before any goes through."""
    half_answers: int = 0
    """Replies whose JSON stops half-way."""
    lose: int = 0
    """Features that queries leave out, though the list of ids has them."""
    down: bool = False
    busy_first: int = 0
    """Requests that are told to come back after `busy_s` seconds before any goes through."""
    busy_s: int = 1
    moved: dict[str, str] = field(default_factory=dict)
    """Where requests are redirected to, by the beginning of their path: a root, below /arcgis/."""
    error_in_reply: str = ""
    leads_to: str = ""
    """A local file that the features asked for are said to lie in, in words that GDAL follows."""
    refuse_paging: bool = True
    requests: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)


class GeoServer:
    """Serve layers under /arcgis/rest/services/Público/Capa/MapServer and /wfs."""

    def __init__(self, layers: list[Layer], manners: Manners | None = None) -> None:
        self.layers = layers
        self.manners = manners or Manners()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "GeoServer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def arcgis(self) -> str:
        return f"{self.root}/arcgis/rest/services/Público/Capa/MapServer"

    @property
    def wfs(self) -> str:
        return f"{self.root}/wfs"

    def answer(self, path: str, query: dict[str, str]) -> dict | bytes:
        if path.startswith("/files/"):
            return self.files[path.removeprefix("/files/")]
        if path == "/wfs":
            return self._wfs(query)
        parts = path.split("/MapServer")[1].strip("/").split("/")
        if self.manners.error_in_reply:
            return {"error": {"code": 500, "message": self.manners.error_in_reply}}
        if parts == [""]:
            return {"layers": [{"id": one.number, "name": one.name} for one in self.layers]}
        layer = next(one for one in self.layers if one.number == int(parts[0]))
        if len(parts) == 1:
            return {
                "name": layer.name,
                "maxRecordCount": layer.record_limit,
                "objectIdField": "OBJECTID",
                "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, *layer.fields],
                "advancedQueryCapabilities": {"supportsPagination": False},
            }
        return self._query(layer, query)

    files: dict[str, bytes] = {}

    def _query(self, layer: Layer, query: dict[str, str]) -> dict:
        if "resultOffset" in query and self.manners.refuse_paging:
            return {"error": {"code": 400, "message": "Pagination is not supported."}}
        ids = sorted(one["OBJECTID"] for one in layer.features)
        if query.get("returnIdsOnly") == "true":
            return {"objectIdFieldName": "OBJECTID", "objectIds": ids or None}
        low, high = (int(part.split()[-1]) for part in query["where"].split("AND OBJECTID")[-2:] if part)
        chosen = [one for one in layer.features if low <= one["OBJECTID"] <= high]
        chosen = chosen[: layer.record_limit]
        if self.manners.lose:
            chosen = [one for one in chosen if one["OBJECTID"] > self.manners.lose]
        read = f"gdal vector pipeline ! read {self.manners.leads_to} ! write --of=stream streamed_dataset"
        return {
            **({"type": "gdal_streamed_alg", "command_line": read} if self.manners.leads_to else {}),
            "objectIdFieldName": "OBJECTID",
            "geometryType": "esriGeometryPolygon",
            "spatialReference": {"wkid": 4326},
            "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, *layer.fields],
            "features": [
                {
                    "attributes": {key: value for key, value in one.items() if key != "rings"},
                    "geometry": {"rings": one["rings"]} if one["rings"] else None,
                }
                for one in chosen
            ],
        }

    def _wfs(self, query: dict[str, str]) -> dict:
        layer = next(one for one in self.layers if one.name == query["typeNames"])
        start, count = int(query["startIndex"]), min(int(query["count"]), layer.record_limit)
        page = layer.features[start : start + count][: None if not self.manners.lose else -self.manners.lose]
        return {
            "type": "FeatureCollection",
            "numberMatched": len(layer.features),
            "features": [
                {
                    "type": "Feature",
                    "id": f"{layer.name}.{one['OBJECTID']}",
                    "properties": {key: value for key, value in one.items() if key != "rings"},
                    "geometry": {"type": "Polygon", "coordinates": one["rings"]},
                }
                for one in page
            ],
        }


def _handler(served: GeoServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            manners = served.manners
            parts = urlsplit(self.path)
            path = unquote(parts.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            agent = self.headers.get("User-Agent", "")
            manners.requests.append(f"{path}?{unquote(parts.query)}")
            manners.agents.append(agent)
            if manners.down:
                self.send_error(503)
                return
            if manners.busy_first > 0:
                manners.busy_first -= 1
                self.send_response(429)
                self.send_header("Retry-After", str(manners.busy_s))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if start := next((start for start in manners.moved if path.startswith(start)), ""):
                self.send_response(302)
                self.send_header("Location", manners.moved[start] + self.path.replace(start, "/arcgis/", 1))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if manners.needs_browser and not agent.startswith("Mozilla/5.0"):
                self.send_error(418)
                return
            found = served.answer(path, query)
            body = found if isinstance(found, bytes) else b"\xef\xbb\xbf" + json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if manners.drop_first > 0:
                manners.drop_first -= 1
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.connection.close()
                return
            if manners.half_answers > 0:
                manners.half_answers -= 1
                body = body[: len(body) // 2] + b" " * (len(body) - len(body) // 2)
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    return Handler
