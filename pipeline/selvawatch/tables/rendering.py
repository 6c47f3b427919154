"""Shares as people read them, on any table with a column `ha`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from selvawatch.attribute.rounding import largest_remainder


def rendered(
    table: pd.DataFrame,
    *,
    within: Sequence[str],
    of: str,
    total_ha: pd.Series | float | None = None,
    additive: bool = True,
) -> pd.DataFrame:
    """The table with `share`, `share_pct` and `share_of`: parts of the whole of each `within` group.

    `total_ha` is the whole where rows do not add up to it (inclusive accounting); None: the sum of the rows.
    Shown shares of rows that add up are rounded by largest remainder, so that they add up to 100; a row
    without a number has none.
    """
    table = table.copy()
    group = table.groupby(list(within), dropna=False)["ha"] if within else None
    divisor: pd.Series | float
    if total_ha is not None:
        divisor = total_ha
    else:
        divisor = group.transform("sum") if group is not None else float(table["ha"].sum())
    total = np.broadcast_to(np.asarray(divisor, np.float64), len(table))
    share = np.full(len(table), np.nan)
    np.divide(np.asarray(table["ha"], np.float64), total, out=share, where=total > 0)
    table["share"] = share
    table["share_pct"] = np.round(share * 100, 0)
    if additive and len(table):
        table["share_pct"] = _shown(table["ha"]) if group is None else group.transform(_shown)
        table.loc[table["share"].isna(), "share_pct"] = np.nan
    table["share_of"] = of
    return table


def _shown(ha: pd.Series) -> pd.Series:
    shown = pd.Series(np.nan, ha.index)
    known = ha.notna()
    shown[known] = largest_remainder(ha[known].to_numpy())
    return shown
