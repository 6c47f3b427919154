"""Mining ground of before, from the loss products that a store keeps."""

import json
from dataclasses import asdict
from pathlib import Path

import geopandas as gpd
import pandas as pd

from selvawatch.attribute.loss_products import Product
from selvawatch.core.files import file_digest, replacing, write_text
from selvawatch.errors import StoreError
from selvawatch.store.folders import Store


def product_scars(store: Store, crs: str) -> gpd.GeoDataFrame:
    """Ground of the store's products of mining: seen_on (last day it may have been lost; NaT), geometry.

    Raises
    ------
    StoreError
        For a product that cannot be read.
    """
    frames = [_cells(path, crs) for path in _mining(store)]
    if not frames:
        return gpd.GeoDataFrame({"seen_on": pd.to_datetime([])}, geometry=[], crs=crs)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=crs)


def scar_digests(store: Store) -> list[tuple[str, str]]:
    """Name and digest of each product that `product_scars` reads: inputs of a run."""
    return [(path.parent.name, file_digest(path)) for path in _mining(store)]


def _mining(store: Store) -> list[Path]:
    found = []
    for path in sorted((store.folder / "products").glob("*/product.json")):
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(
                "a product cannot be read", where=path, got=error, do="register it again"
            ) from error
        if settings.get("cause") == "mining":
            found.append(path.with_name("cells.parquet"))
    return found


def _cells(path: Path, crs: str) -> gpd.GeoDataFrame:
    try:
        cells = gpd.read_parquet(path, columns=["onset_latest", "geometry"])
    except (OSError, ValueError) as error:
        raise StoreError("a product cannot be read", where=path, got=error, do="register it again") from error
    cells = cells.rename(columns={"onset_latest": "seen_on"})
    return cells if str(cells.crs) == crs else cells.to_crs(crs)


def keep_product(folder: Path, product: Product, cells: gpd.GeoDataFrame) -> Path:
    """Keep a loss product in the store and return its folder; the same name again is replaced whole."""
    product_folder = folder / "products" / product.name
    with replacing(product_folder / "cells.parquet") as part:
        cells.to_parquet(part, index=False)
    write_text(product_folder / "product.json", json.dumps(asdict(product), sort_keys=True) + "\n")
    return product_folder


def products(folder: Path) -> list[str]:
    """Names of the loss products kept in a store."""
    return sorted(path.parent.name for path in (folder / "products").glob("*/product.json"))
