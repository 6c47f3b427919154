"""Mining ground of before, from the loss products that a store keeps."""

import hashlib
import io
from dataclasses import asdict
from pathlib import Path

import geopandas as gpd
import pandas as pd

from selvawatch.attribute.loss_products import Product
from selvawatch.core.files import read_checked_json, write_checked, write_checked_json
from selvawatch.errors import DamagedError, StoreError
from selvawatch.store.contents import CELLS_FILE, PRODUCT_FILE
from selvawatch.store.folders import Store, new_folder

OTHER_CELLS_FILE = "cells-2.parquet"
"""Where the cells of a product go while `cells.parquet` is the one that stands."""

_AGAIN = "register it again with `selvawatch attribute --register-as`"


def product_scars(store: Store, crs: str) -> gpd.GeoDataFrame:
    """Ground of the store's products of mining: seen_on (last day it may have been lost; NaT), geometry.

    Raises
    ------
    DamagedError
        For a product that is not what was written.
    """
    frames = [_cells(path, sha256, crs) for _, path, sha256 in _mining(store)]
    if not frames:
        return gpd.GeoDataFrame({"seen_on": pd.to_datetime([])}, geometry=[], crs=crs)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=crs)


def scar_digests(store: Store) -> list[tuple[str, str]]:
    """Name and digest of each product that `product_scars` reads: inputs of a run."""
    return [(product.name, sha256) for product, _, sha256 in _mining(store)]


def keep_product(store: Store, product: Product, cells: gpd.GeoDataFrame) -> Path:
    """Keep a loss product in the store and return its folder; the same name again is replaced in one step.

    A replaced product's cells go beside those that stand, and the product's own file says which are meant:
    whoever reads meets the old product or the new one, never half of each.

    cells: CELLS, in any CRS.
    """
    body = io.BytesIO()
    cells.to_parquet(body, index=False)
    sha256 = hashlib.sha256(body.getvalue()).hexdigest()
    folder = store.products / product.name
    record = asdict(product) | {"cells": CELLS_FILE, "sha256": sha256}
    if not folder.exists():
        with new_folder(folder, sealed=False) as part:
            (part / CELLS_FILE).write_bytes(body.getvalue())
            write_checked_json(part / PRODUCT_FILE, record)
            return folder
    name = CELLS_FILE if _cells_in(folder) != CELLS_FILE else OTHER_CELLS_FILE
    write_checked(folder / name, body.getvalue())
    write_checked_json(folder / PRODUCT_FILE, record | {"cells": name})
    for path in folder.glob("cells*.parquet"):
        if path.name != name:
            path.unlink()
    return folder


def _cells_in(folder: Path) -> str:
    """Name of the file of cells that a product's folder stands on; that of a new one where it is damaged."""
    try:
        return _record(folder / PRODUCT_FILE)[1].name
    except DamagedError:
        return CELLS_FILE


def read_product(store: Store, name: str) -> tuple[Product, gpd.GeoDataFrame, str]:
    """A loss product that the store keeps, its cells, and their digest (sha256).

    Raises
    ------
    StoreError
        When the store keeps no product of that name.
    DamagedError
        When a file of it is missing or not what was written.
    """
    known = product_names(store)
    if name not in known:
        raise StoreError(
            "unknown product", got=name, needed=known or "a name", do="see attribute --register-as"
        )
    product, path, sha256 = _record(store.products / name / PRODUCT_FILE)
    return product, gpd.read_parquet(io.BytesIO(_content(path, sha256))), sha256


def read_record(store: Store, name: str) -> Product:
    """What the store says of a loss product; its cells are not read.

    Raises
    ------
    DamagedError
        When its file is missing or not what was written.
    """
    return _record(store.products / name / PRODUCT_FILE)[0]


def product_names(store: Store) -> list[str]:
    """Names of the loss products kept in a store; of a damaged one too."""
    return sorted(path.name for path in store.products.glob("[!.]*") if path.is_dir())


def product_damages(store: Store, name: str) -> list[tuple[Path, str]]:
    """What is wrong with the files of a product, by file; empty where nothing is."""
    record = store.products / name / PRODUCT_FILE
    try:
        _, path, sha256 = _record(record)
    except DamagedError as error:
        return [(record, str(error))]
    try:
        _content(path, sha256)
    except DamagedError as error:
        return [(path, str(error))]
    return []


def _mining(store: Store) -> list[tuple[Product, Path, str]]:
    found = [_record(store.products / name / PRODUCT_FILE) for name in product_names(store)]
    return [record for record in found if record[0].cause == "mining"]


def _record(path: Path) -> tuple[Product, Path, str]:
    """A product, the file of its cells and that file's digest."""
    try:
        values = read_checked_json(path)
        cells, sha256 = values.pop("cells"), values.pop("sha256")
        covers = values.pop("covers", None)
        product = Product(**values, covers=None if covers is None else (covers[0], covers[1]))
        return product, path.with_name(Path(cells).name), sha256
    except (DamagedError, KeyError, TypeError, IndexError) as error:
        raise DamagedError("the product cannot be read", where=path, got=error, do=_AGAIN) from error


def _content(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedError("the product cannot be read", where=path, got=error.strerror, do=_AGAIN) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DamagedError(
            "the product is damaged", where=path, got=found[:12], needed=sha256[:12], do=_AGAIN
        )
    return content


def _cells(path: Path, sha256: str, crs: str) -> gpd.GeoDataFrame:
    cells = gpd.read_parquet(io.BytesIO(_content(path, sha256)), columns=["onset_latest", "geometry"])
    cells = cells.rename(columns={"onset_latest": "seen_on"})
    return cells if str(cells.crs) == crs else cells.to_crs(crs)
