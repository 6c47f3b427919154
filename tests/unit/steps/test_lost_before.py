"""What the small archive lost in the last months of its history is in no alert, and its ground says so."""

import numpy as np
import rasterio
from scipy import ndimage

from detect_made import fused
from selvawatch.core.status import Reason, Status
from selvawatch.store.folders import Store
from selvawatch.store.run_files import read_tracked
from selvawatch.store.tile_state import current_state, open_layers


def test_what_fell_in_the_history_is_lost_before_the_monitoring_and_in_no_alert(small_run, small_plan):
    store, first_day = Store(small_run.store), small_plan.days[1]
    state = current_state(store, small_run.tile.id)
    layers = open_layers(store, small_run.tile.id, state.state)
    with rasterio.open(small_run.archive.parent / "truth" / "onset.tif") as opened:
        lost_on = opened.read(1).astype(np.int64)
    reason, status = layers["reason"].to_numpy(), layers["status"].to_numpy()
    before = reason == Reason.LOST_BEFORE
    fell = (lost_on > 0) & (lost_on < first_day)
    alerted = np.isin(status, [Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED])
    assert fell.sum() > 100 and before.any()
    assert ndimage.binary_dilation(fell, np.ones((3, 3)))[before].all()
    assert not (alerted & fell).any()
    assert (status[before] == Status.NODATA).all()
    onset = layers["onset"].to_numpy()[before].astype(np.int64)
    assert (onset >= first_day - fused().lead_days).all() and (onset < first_day).all()
    (current,) = store.ledger.runs()
    events = read_tracked(store.run(current.run_id)).events
    assert (events["first_detected"] >= np.datetime64(first_day, "D")).all()
