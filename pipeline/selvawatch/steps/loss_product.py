"""Use case: a loss layer from elsewhere kept as a product, for tables."""

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from selvawatch.attribute.loss.loss_checks import (
    areas_of,
    dating_remarks,
)
from selvawatch.attribute.loss.loss_days import DATINGS, days_of_loss
from selvawatch.attribute.loss_products import Product, loss_cells
from selvawatch.core.hectares import hectares
from selvawatch.errors import DamagedError, LayerError, StoreError
from selvawatch.register.vector_files import Repair
from selvawatch.steps.loss_layer import LossLayer, fields_read, loss_remarks
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import product_names, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class LossProduct:
    """A loss layer as cells of a product, and what a reader must know of it."""

    product: Product
    """With the span it covers, and where it comes from."""
    cells: gpd.GeoDataFrame
    """CELLS, with `product` and `dating`."""
    remarks: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()


def loss_product(
    loss: LossLayer,
    product: Product,
    *,
    crs: str,
    equal_area: CRS,
    near: shapely.Geometry | None = None,
) -> LossProduct:
    """A loss layer as cells of a product, to be kept in the store and reported by `table --product`.

    near: the site's ground and what lies near, WGS 84.

    Raises
    ------
    LayerError
        For a file that cannot be read or used, or dates, areas or outlines that cannot.
    """
    features = loss.read(crs)
    lost = features.frame
    if not len(lost) and loss.dates.covers is None:
        raise LayerError(
            "there is no loss",
            where=loss.file,
            got="no features on the ground that was read",
            do="check the file and its CRS, or give --covers FROM TO where it was searched and nothing found",
        )
    days = days_of_loss(lost, loss.dates, features.spans, where=loss.file)
    covers = None if days.covers is None else (days.covers[0].isoformat(), days.covers[1].isoformat())
    cells = loss_cells(
        lost,
        product,
        days,
        equal_area=equal_area,
        area_field=loss.area_field,
        status=features.status,
    )
    counts = {
        f"{dating}_{name}": str(value)
        for dating in DATINGS
        for name, value in (
            ("n", int((cells["dating"] == dating).sum())),
            ("ha", f"{cells['ha'][cells['dating'] == dating].sum():.6f}"),
        )
    }
    ha = hectares(lost.geometry.to_numpy(), crs, equal_area, points_alone=True)
    remarks = [
        *features.remarks,
        *days.remarks,
        *loss_remarks(loss, lost, areas_of(lost, loss.area_field, loss.file), ha, near),
        *dating_remarks(cells["dating"].to_numpy(object), cells["ha"].to_numpy(np.float64)),
    ]
    source = {**fields_read(loss, days), "covers_declared": "yes" if loss.dates.covers else "no", **counts}
    return LossProduct(
        product=replace(product, covers=covers, source=source),
        cells=cells,
        remarks=tuple(remarks),
        repairs=features.repairs,
    )


def check_new_product(store: Store, product: Product, *, replace: bool) -> None:
    """Refuse to keep a product under a name that is in use, before its loss is read.

    replace: whether the product of that name may be replaced; one of a version never by one of none.

    Raises
    ------
    StoreError
        When it may not.
    """
    if product.name not in product_names(store):
        return
    try:
        kept = read_record(store, product.name)
    except DamagedError:
        kept = None
    label = kept.label if kept is not None else f"{product.name}, damaged"
    if not replace:
        raise StoreError(
            "the store keeps a product of that name",
            where=store.products / product.name,
            got=label,
            do="give another name to --register-as, or replace it with --replace",
        )
    if kept is not None and kept.version and not product.version:
        raise StoreError(
            "a product of a version cannot be replaced by one of none",
            where=store.products / product.name,
            got=label,
            needed="--product-version",
        )
