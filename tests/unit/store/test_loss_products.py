"""Loss products that a store keeps: replaced in one step, and never read as another."""

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from selvawatch.attribute.loss_products import Product
from selvawatch.errors import DamagedError
from selvawatch.store import loss_products
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import keep_product, product_damages, read_product

PRODUCT = Product(name="other", version="1", cause="mining")


def cells(ha):
    return gpd.GeoDataFrame(
        {"cell_id": ["a"], "ha": [ha], "onset_latest": pd.to_datetime(["2020-01-05"])},
        geometry=[shapely.box(0, 0, 50, 50)],
        crs="EPSG:32719",
    )


def kept(store):
    return float(read_product(store, "other")[1]["ha"].iloc[0])


def test_a_product_is_replaced_by_the_next_and_again(tmp_path):
    store = Store(tmp_path)
    for number, name in enumerate(("cells.parquet", "cells-2.parquet", "cells.parquet"), 1):
        folder = keep_product(store, PRODUCT, cells(number))
        assert kept(store) == number and product_damages(store, "other") == []
        assert sorted(path.name for path in folder.iterdir()) == sorted([name, "product.json"])


def test_a_replacement_that_is_killed_before_the_last_step_leaves_the_old_product(tmp_path, monkeypatch):
    store = Store(tmp_path)
    keep_product(store, PRODUCT, cells(1.0))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loss_products, "write_checked_json", killed)
    with pytest.raises(KeyboardInterrupt):
        keep_product(store, PRODUCT, cells(2.0))
    assert kept(store) == 1.0


def test_a_product_whose_record_is_gone_is_named(tmp_path):
    store = Store(tmp_path)
    (keep_product(store, PRODUCT, cells(1.0)) / "product.json").unlink()
    with pytest.raises(DamagedError, match="register it again"):
        read_product(store, "other")
