"""Our statuses in the encodings of other alert systems, so that their users can load ours beside theirs.

Dates are onsets: the day of the first observation of the run that raised the alert, which is what the others
call the date of first detection. Withdrawn pixels are no alerts there.
"""

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from selvawatch.core.days import to_day
from selvawatch.core.status import Status
from selvawatch.errors import LayerError

GFW_EPOCH = to_day("2014-12-31")
"""Day 0 of the date in `date_conf`: 20001 is low confidence on 2015-01-01."""

DIST_EPOCH = to_day("2020-12-31")
"""Day 0 of VEG-DIST-DATE."""

_GFW_LAST_DAY = 9_999


def gfw_date_conf(layers: xr.Dataset) -> xr.DataArray:
    """GFW integrated alerts `date_conf`, (y, x) uint16: confidence * 10000 + days since 2014-12-31; 0: none.

    Confidence 2 low (provisional), 3 high (confirmed), 4 highest (confirmed by optical and by radar).

    layers: (y, x) as `detect.fusion.layers` gives them.

    Raises
    ------
    LayerError
        For an onset outside 2015-01-01 to 2042-05-17, which the encoding cannot say.
    """
    alert = _alerts(layers)
    days = _days_since(layers, alert, GFW_EPOCH, _GFW_LAST_DAY, "date_conf")
    value = np.where(alert, layers["confidence"].to_numpy().astype(np.int64) * 10_000 + days, 0)
    return _layer(layers, value, np.uint16, "date_conf", 0)


def radd_alert(layers: xr.Dataset) -> xr.DataArray:
    """RADD `Alert`, (y, x) uint8: 2 unconfirmed, 3 confirmed; 0 = no alert. layers: (y, x) as
    `detect.fusion.layers` gives them.
    """
    status = layers["status"].to_numpy()
    value = np.where(_alerts(layers), np.where(status == Status.PROVISIONAL, 2, 3), 0)
    return _layer(layers, value, np.uint8, "Alert", 0)


def radd_date(layers: xr.Dataset) -> xr.DataArray:
    """RADD `Date`, (y, x) uint16: YYDOY (24184 = day 184 of 2024); 0 = no alert.

    layers: (y, x) as `detect.fusion.layers` gives them.

    Raises
    ------
    LayerError
        For an onset outside 2000-2064, which the encoding cannot say.
    """
    alert = _alerts(layers)
    onset = np.where(alert, layers["onset"].to_numpy().astype(np.int64), to_day("2000-01-01"))
    dates = onset.astype("datetime64[D]")
    years = dates.astype("datetime64[Y]")
    year = years.astype(np.int64) + 1970
    if ((year < 2000) | (year > 2064)).any():
        raise LayerError(
            "an onset lies outside what the encoding can say",
            where="Date",
            got=f"years {year.min()} to {year.max()}",
            needed="2000 to 2064",
            do="check the dates of the archive's items",
        )
    of_year = (dates - years.astype("datetime64[D]")).astype(np.int64) + 1
    return _layer(layers, np.where(alert, (year - 2000) * 1000 + of_year, 0), np.uint16, "Date", 0)


def dist_status(layers: xr.Dataset) -> xr.DataArray:
    """DIST-ALERT VEG-DIST-STATUS, (y, x) uint8, in the classes of half the vegetation and more; 255: no data.

    0 none, 4 first observation, 5 provisional, 6 confirmed, 8 confirmed and finished (closed). Our evidence
    knows no fraction of vegetation, so the classes below half (1-3, 7) are never given.

    layers: (y, x) as `detect.fusion.layers` gives them.
    """
    status, observations = layers["status"].to_numpy(), layers["looks"].to_numpy()
    value = np.select(
        [
            status == Status.NODATA,
            (status == Status.PROVISIONAL) & (observations <= 1),
            status == Status.PROVISIONAL,
            status == Status.CONFIRMED,
            status == Status.CLOSED,
        ],
        [255, 4, 5, 6, 8],
        0,
    )
    return _layer(layers, value, np.uint8, "VEG-DIST-STATUS", 255)


def dist_date(layers: xr.Dataset) -> xr.DataArray:
    """DIST-ALERT VEG-DIST-DATE, (y, x) int16: days since 2020-12-31; 0 = no alert, -1 = no data.

    layers: (y, x) as `detect.fusion.layers` gives them.

    Raises
    ------
    LayerError
        For an onset before 2021-01-01, which the encoding cannot say.
    """
    alert = _alerts(layers)
    days = _days_since(layers, alert, DIST_EPOCH, 32_767, "VEG-DIST-DATE")
    blind = layers["status"].to_numpy() == Status.NODATA
    return _layer(layers, np.where(blind, -1, np.where(alert, days, 0)), np.int16, "VEG-DIST-DATE", -1)


ENCODINGS: Mapping[str, tuple[Callable[[xr.Dataset], xr.DataArray], ...]] = {
    "gfw": (gfw_date_conf,),
    "radd": (radd_alert, radd_date),
    "dist": (dist_status, dist_date),
}
"""Layers of each encoding by its name. Attributes of a layer: `nodata`, and `says`, its values in words."""


def _alerts(layers: xr.Dataset) -> np.ndarray:
    return np.isin(layers["status"].to_numpy(), (Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED))


def _days_since(layers: xr.Dataset, alert: np.ndarray, epoch: int, last: int, name: str) -> np.ndarray:
    days = layers["onset"].to_numpy().astype(np.int64) - epoch
    if (alert & ((days < 1) | (days > last))).any():
        outside = days[alert & ((days < 1) | (days > last))]
        raise LayerError(
            "an onset lies outside what the encoding can say",
            where=name,
            got=f"{int(outside.min())} to {int(outside.max())} days after its epoch",
            needed=f"1 to {last}",
            do="use the encoding radd, whose dates reach from 2000 to 2064",
        )
    return days


_CONVENTIONS = {
    "date_conf": "confidence (2 low, 3 high, 4 highest) * 10000 + days since 2014-12-31; 0: no alert",
    "Alert": "2 unconfirmed, 3 confirmed; 0: no alert",
    "Date": "first detection as YYDOY: year - 2000, day of the year; 0: no alert",
    "VEG-DIST-STATUS": "4 first observation, 5 provisional, 6 confirmed, 8 finished; 0: none, 255: no data",
    "VEG-DIST-DATE": "first detection, days since 2020-12-31; 0: no alert, -1: no data",
}


def _layer(layers: xr.Dataset, value: np.ndarray, dtype: type, name: str, nodata: int) -> xr.DataArray:
    attributes = {"nodata": nodata, "says": _CONVENTIONS[name]}
    return xr.DataArray(
        value.astype(dtype), dims=("y", "x"), coords=layers.coords, name=name, attrs=attributes
    )
