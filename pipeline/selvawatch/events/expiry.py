"""When what is provisional expires: it was not confirmed within a declared time.

Read from the day on which a pixel became provisional and the day that is asked for, so that it does not
matter when runs were. A tile's running state knows nothing of it: a pixel that is confirmed after all is loss
again on that day, and its event goes on under its id.
"""

from dataclasses import replace

import numpy as np
import xarray as xr

from selvawatch.core.status import Confidence, Status
from selvawatch.events.patches import EventRule, Pixels


def with_expired_pixels(pixels: Pixels, rule: EventRule, until_day: int) -> Pixels:
    """The pixels as of a day: those that expired by then are withdrawn, each since the day it expired.

    Their onset stays that of their evidence, so that each lies in the patch that it was live with.
    """
    expired = _expired(pixels.status, pixels.provisional_on, rule, until_day)
    if not expired.any():
        return pixels
    return replace(
        pixels,
        status=np.where(expired, np.uint8(Status.WITHDRAWN), pixels.status),
        confidence=np.where(expired, np.uint8(Confidence.NONE), pixels.confidence),
        withdrawn_on=np.where(
            expired, pixels.provisional_on + rule.expire_after_days + 1, pixels.withdrawn_on
        ),
        is_expired=expired,
    )


def with_expired_layers(layers: xr.Dataset, rule: EventRule, until_day: int) -> xr.Dataset:
    """Layers of `core.raster_layers.LAYERS`, (y, x), as of a day, as `with_expired_pixels`.

    A pixel that expired is shown as withdrawn ones are: its onset is the day it became provisional.
    """
    provisional_on = layers["provisional_on"].astype(np.int32)
    expired = _expired(layers["status"].to_numpy(), provisional_on.to_numpy(), rule, until_day)
    if not expired.any():
        return layers
    shown = {
        "status": int(Status.WITHDRAWN),
        "confidence": int(Confidence.NONE),
        "onset": provisional_on,
        "onset_earliest": 0,
        "onset_latest": provisional_on,
        "withdrawn_on": provisional_on + rule.expire_after_days + 1,
        "looks": 0,
    }
    kept = xr.DataArray(~expired, dims=("y", "x"))
    return layers.assign(
        {name: layers[name].where(kept, values).astype(layers[name].dtype) for name, values in shown.items()}
    )


def _expired(status: np.ndarray, provisional_on: np.ndarray, rule: EventRule, until_day: int) -> np.ndarray:
    """Which pixels are provisional and expired by a day, bool, of the shape given."""
    if not rule.expire_after_days:
        return np.zeros(status.shape, np.bool_)
    waited = until_day - provisional_on.astype(np.int64)
    return np.asarray((status == Status.PROVISIONAL) & (waited > rule.expire_after_days))
