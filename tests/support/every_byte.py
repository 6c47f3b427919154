"""What anybody can read in a file or message, however packed: texts, and the corners of its outlines."""

import base64
import email
import email.policy
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

VECTORS = {".kml", ".kmz", ".gpx", ".gpkg", ".geojson", ".shp", ".parquet"}
"""Endings of files with outlines."""


def texts(name: str, content: bytes) -> Iterator[str]:
    """Everything in a file as text: its bytes, and what is packed in it, however deep."""
    yield f"{name}\n{content.decode('latin-1')}\n{content.decode('utf-8', 'ignore')}"
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from texts(f"{name}/{member}", archive.read(member))
    elif content.startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(content)
            tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
            for (table,) in connection.execute(tables).fetchall():
                if not table.startswith("rtree_"):
                    yield str(connection.execute(f'SELECT * FROM "{table}"').fetchall())
    elif content.startswith(b"PAR1"):
        frame = gpd.read_parquet(io.BytesIO(content))
        yield frame.to_csv()
    elif name.endswith(".eml"):
        message = email.message_from_bytes(content, policy=email.policy.default)
        for part in message.walk():
            if not part.is_multipart():
                yield from texts(f"{name}/{part.get_filename() or ''}", part.get_payload(decode=True))
    elif content.startswith(b'{"'):
        for file in json.loads(content).get("files", ()):
            yield from texts(f"{name}/{file['name']}", base64.b64decode(file["base64"]))


def parts(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The files that a message or a folder's file carries, by name: itself, where it carries none."""
    if name.endswith(".eml"):
        message = email.message_from_bytes(content, policy=email.policy.default)
        for part in message.iter_attachments():
            yield str(part.get_filename()), part.get_payload(decode=True)
    elif content.startswith(b'{"') and b'"files"' in content:
        for file in json.loads(content)["files"]:
            yield file["name"], base64.b64decode(file["base64"])
    else:
        yield name, content


def corners(path: Path, crs: str) -> np.ndarray:
    """Every vertex (n, 2) of every layer of a file with outlines, in a CRS, metres."""
    if path.suffix == ".parquet":
        frames = [gpd.read_parquet(path)]
    else:
        layers = [str(layer) for layer, kind in pyogrio.list_layers(path) if kind is not None]
        frames = [pyogrio.read_dataframe(path, layer=layer) for layer in layers]
    held = [frame.to_crs(crs) for frame in frames if len(frame)]
    if not held:
        return np.empty((0, 2))
    return shapely.get_coordinates(pd.concat([frame.geometry for frame in held]).to_numpy())
