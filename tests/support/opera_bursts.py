"""Two bursts of one pass of OPERA RTC-S1 over a small tile, with their masks."""

from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

import stac_folder

COLLECTION = "OPERA_L2_RTC-S1_V1_1"
BURSTS = (271498, 271499)
SHADOW_PX = 8
"""Columns, from the west, that lie in shadow in the north burst."""


def bursts(root: Path, day: str, power: np.ndarray, west: float, north: float) -> list[dict[str, Any]]:
    """Items of CMR-STAC over (48, 48) power on pixels of 10 m: rows 0 to 25, and 22 to 47; hrefs begin at
    the root.
    """
    items = []
    for number, rows in zip(BURSTS, (slice(0, 26), slice(22, 48)), strict=True):
        stamp = day.replace("-", "")
        name = f"OPERA_L2_RTC-S1_T127-{number}-IW2_{stamp}T100000Z_{stamp}T200000Z_S1A_30_v1.0"
        place = Affine(10, 0, west, 0, -10, north - 10 * rows.start)
        folder = stac_folder.item_folder(root, COLLECTION, name)
        shadow = np.zeros((26, 48), np.uint8)
        shadow[:, :SHADOW_PX] = 1 if number == BURSTS[0] else 0
        values = power[rows].astype(np.float32)
        layers = {"0_VV": values, "0_VH": values / 5, "0_mask": shadow}
        assets = {
            key: stac_folder.make_asset(folder, key, layer, "EPSG:32719", place)
            for key, layer in layers.items()
        }
        item = stac_folder.make_item(name, COLLECTION, f"{day}T10:00:00Z", assets, {})
        for key, asset in item["assets"].items():
            asset["href"] = f"/{COLLECTION}/{name}/{key}.tif"
        items.append(item)
    return items
