"""A process that reads layers for another: requests come as lines, and so do its answers."""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import pyogrio
import shapely

from selvawatch.errors import LayerError, SelvawatchError
from selvawatch.register.columns import storable
from selvawatch.register.readers.vector_reader import read_source

NO_NETWORK = {
    "GDAL_HTTP_PROXY": "127.0.0.1:9",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "OGR_SQLITE_LOAD_EXTENSIONS": "NO",
    "GML_DOWNLOAD_SCHEMA": "NO",
}
"""Settings of GDAL that leave a file nothing to lead to on the network."""


def serve() -> None:
    """Answer requests of the standard input until it ends."""
    pyogrio.set_gdal_config_options(NO_NETWORK)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(_answer(request)) + "\n")
        answers.flush()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Remarks on a layer that was read and lies in the file asked for, or the error in one line."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if (size := _size()) is not None:
        resource.setrlimit(resource.RLIMIT_AS, (size + int(request["memory_bytes"]), hard))
    try:
        frame, remarks = read_source(
            Path(request["path"]),
            request["layer"],
            declared=request["declared"],
            encoding=request["encoding"],
        )
        vertices = int(shapely.get_num_coordinates(frame.geometry.to_numpy()).sum())
        if vertices > request["vertices"]:
            raise LayerError(
                "the layer is too large",
                where=request["path"],
                got=f"{vertices} vertices",
                needed=f"{request['vertices']} or less",
            )
        storable(frame).to_parquet(request["out"], index=False)
    except SelvawatchError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": f"{request['path']}: the layer needs too much memory", "is_spent": True}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return {"remarks": remarks}


def _size() -> int | None:
    """Bytes of address space in use; None where the system does not tell, and memory is not limited then."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return None
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    serve()
