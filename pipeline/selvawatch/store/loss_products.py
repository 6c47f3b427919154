"""Mining ground of before, from the loss products that a store keeps."""

import json
from dataclasses import asdict
from pathlib import Path

import geopandas as gpd
import pandas as pd

from selvawatch.attribute.loss_products import Product
from selvawatch.core.files import file_digest, replacing, write_text
from selvawatch.errors import StoreError
from selvawatch.store.contents import CELLS_FILE, PRODUCT, PRODUCT_FILE
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
    for path in sorted(store.products.glob(f"*/{PRODUCT_FILE}")):
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(
                "a product cannot be read", where=path, got=error, do="register it again"
            ) from error
        if settings.get("cause") == "mining":
            found.append(path.with_name(CELLS_FILE))
    return found


def _cells(path: Path, crs: str) -> gpd.GeoDataFrame:
    try:
        cells = gpd.read_parquet(path, columns=["onset_latest", "geometry"])
    except (OSError, ValueError) as error:
        raise StoreError("a product cannot be read", where=path, got=error, do="register it again") from error
    cells = cells.rename(columns={"onset_latest": "seen_on"})
    return cells if str(cells.crs) == crs else cells.to_crs(crs)


def keep_product(store: Store, product: Product, cells: gpd.GeoDataFrame) -> Path:
    """Keep a loss product in the store and return its folder; the same name again is replaced whole.

    cells: CELLS, in any CRS.
    """
    folder = store.products / product.name
    with replacing(folder / CELLS_FILE) as part:
        cells.to_parquet(part, index=False)
    write_text(folder / PRODUCT_FILE, json.dumps(asdict(product), sort_keys=True) + "\n")
    return folder


def read_product(store: Store, name: str) -> tuple[Product, Path]:
    """A loss product that the store keeps, and the file of its cells.

    Raises
    ------
    StoreError
        When the store keeps no product of that name.
    """
    folder = store.products / name
    if not PRODUCT.is_complete(folder):
        known = product_names(store)
        raise StoreError(
            "unknown product", got=name, needed=known or "a name", do="see attribute --register-as"
        )
    values = json.loads((folder / PRODUCT_FILE).read_text(encoding="utf-8"))
    return Product(**values), folder / CELLS_FILE


def product_names(store: Store) -> list[str]:
    """Names of the loss products kept in a store."""
    return sorted(path.parent.name for path in store.products.glob(f"*/{PRODUCT_FILE}"))
