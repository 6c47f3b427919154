"""The earlier states of a tier that a bulletin is compared with."""

import io
from collections.abc import Sequence

import geopandas as gpd

from selvawatch.core.tier import Tier
from selvawatch.events.comparison import remains_of
from selvawatch.store.contents import ALERTS_FILE
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_files import keeps_tracked, read_published, read_tracked
from selvawatch.store.seal import SealedFolder, read_seal
from selvawatch.write.bulletin.bulletin_changes import Earlier


def earlier_state(
    store: Store, runs: Sequence[RunRow], tier: Tier, now: gpd.GeoDataFrame | None = None
) -> Earlier | None:
    """The state of a tier as the last of some runs gave it; None where there is no run.

    runs: of the ledger, from the first. now: EVENTS of the tier in the state that it is compared with; None:
    where events of it lie now is not known.

    Raises
    ------
    DamagedError
        When the folder of the run is missing, or a file is not what the run wrote.
    """
    if not runs:
        return None
    run = runs[-1]
    folder = store.run(run.run_id)
    alerts = _alerts(read_seal(folder), tier)
    remains = (
        remains_of(read_tracked(folder, tier).events, now)
        if now is not None and keeps_tracked(folder, tier)
        else {}
    )
    return Earlier(
        run_id=run.run_id,
        data_day=run.until_day,
        alerts=alerts,
        published=published_until(store, runs, tier),
        remains=remains,
    )


def published_until(store: Store, runs: Sequence[RunRow], tier: Tier) -> frozenset[str]:
    """Ids of all events that a tier was given in some runs, from the first; DamagedError as `earlier_state`.

    What runs of an earlier version did not note is read of their alerts.
    """
    found: frozenset[str] = frozenset()
    for run in reversed(runs):
        folder = store.run(run.run_id)
        noted = read_published(folder, tier)
        if noted is not None:
            return found | noted
        found |= ids_of(_alerts(read_seal(folder), tier))
    return found


def ids_of(alerts: gpd.GeoDataFrame) -> frozenset[str]:
    """Ids of events that ALERTS tell of, those merged into them among them."""
    merged = (name for names in alerts["merged_from"].dropna() for name in str(names).split())
    return frozenset([*alerts["event_id"].astype(str), *merged])


def _alerts(run: SealedFolder, tier: Tier) -> gpd.GeoDataFrame:
    return gpd.read_parquet(io.BytesIO(run.read(f"{tier.name.lower()}/{ALERTS_FILE}")))
