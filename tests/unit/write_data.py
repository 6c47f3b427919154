"""Made-up alerts for the tests of `write`: every column of the table, some texts meant to harm."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.days import to_day
from selvawatch.core.table import Table, Tier
from selvawatch.core.tables import ALERTS, CELLS
from selvawatch.write.tiers import TierRule

CRS = "EPSG:32719"
DATA_DAY = to_day("2026-06-30")
RULE = TierRule(delay_days=60, grid_m=1000.0, isolated_buffer_m=5000.0, withhold_unchecked=True)
OPEN_RULE = TierRule(delay_days=0, grid_m=1000.0, isolated_buffer_m=5000.0, withhold_unchecked=False)
ORIGIN = (368_640.0, 8_581_120.0)
PROVENANCE = {"run_id": "0123456789abcdef" * 4, "model": "ab" * 32, "version": "0.1.0"}

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><b>x",
    '=HYPERLINK("http://x.example")',
    "+1",
    "-1+2",
    "@SUM(A1)",
    "dos\nlíneas, \"comillas\"; y 'más'",
    "abc\u202etxt.exe\u200f",
    "x" * 10_240,
    "]]>&amp;{{7*7}}{% raw %}",
    "cero\x00 y campana\x07",
)
"""Texts that a layer from outside may carry."""


def _value(table: Table, name: str, number: int) -> object:
    column = table.column(name)
    if column.choices:
        return column.choices[number % len(column.choices)]
    day = dt.date(2026, 1, 10) + dt.timedelta(days=9 * number)
    return {
        "text": f"{name} {number}",
        "date": pd.Timestamp(day),
        "int": number + 1,
        "float": 1.5 + number,
        "bool": number % 2 == 0,
        "geometry": None,
    }[column.dtype]


def alerts(count: int = 6, *, table: Table = ALERTS, **columns: list) -> gpd.GeoDataFrame:
    """Alerts one after another to the north-east, 1.7 km apart; `columns` replaces whole columns."""
    rows = {column.name: [_value(table, column.name, n) for n in range(count)] for column in table.columns}
    outlines = [
        shapely.Point(ORIGIN[0] + 1730 * n, ORIGIN[1] + 1730 * n).buffer(60 + 15 * n, 4) for n in range(count)
    ]
    rows["geometry"] = outlines
    if "lon" in rows:
        points = gpd.GeoSeries(shapely.point_on_surface(np.array(outlines, object)), crs=CRS)
        degrees = points.to_crs("EPSG:4326")
        rows |= {"lon": degrees.x, "lat": degrees.y, "utm_e": points.x, "utm_n": points.y}
    if "isolated_peoples" in rows:
        rows["isolated_peoples"] = ["no"] * count
    rows |= columns
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS)


def cells(count: int = 8) -> gpd.GeoDataFrame:
    """Loss cells of the same kind."""
    return alerts(count, table=CELLS)


def restricted_names(table: Table) -> set[str]:
    """Columns that only the restricted tier may see as they are."""
    return {column.name for column in table.columns if column.tier == Tier.RESTRICTED}
