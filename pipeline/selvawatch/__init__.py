"""selvawatch: monitoring of mining-driven forest loss, from satellite scenes to attributed alerts."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from selvawatch.core.table_options import TableOptions, TableRequest, listed
from selvawatch.core.tier import tier_named
from selvawatch.version import __version__

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["__version__", "table"]

_DEFAULT = TableOptions()


def table(
    name: str,
    *,
    site: Path | str | None = None,
    store: Path | str = "outputs",
    by: str | Iterable[str] = _DEFAULT.by,
    accounting: str = _DEFAULT.accounting,
    clock: str = _DEFAULT.clock,
    measure: str = _DEFAULT.measure,
    scale: str = _DEFAULT.scale,
    periods: str = _DEFAULT.periods,
    area: str = _DEFAULT.area,
    as_of: str = "",
    product: str = "",
    against: str = "",
    sample: Path | str = "",
    tier: str = "public",
) -> "pd.DataFrame":
    """A table by name as `selvawatch table NAME` makes it, with the same options; `table("list")` names them.

    Parameters
    ----------
    site
        Folder with `aoi/` and `models/`; None: the current one if it has them, else the copy that the store
        keeps of the site of its last run. A site that is not the store's is refused.
    store
        Folder with the results.
    by
        Dimensions to split by: `"year"`, `"year,area"` or `["year", "area"]`.

    Raises
    ------
    SelvawatchError
        For an unknown table, option, product or tier, an option that the table does not use, or a store
        without a run.
    """
    from selvawatch.steps.tables import table_frame  # a caller that asks for no table waits for no pandas

    options = TableOptions(
        by=listed(by),
        accounting=accounting,
        clock=clock,
        measure=measure,
        scale=scale,
        periods=periods,
        area=area,
    )
    request = TableRequest(
        name=name,
        options=options,
        tier=tier_named(tier),
        as_of=as_of,
        product=product,
        sample=str(sample),
        against=against,
    )
    return table_frame(request, site, store)
