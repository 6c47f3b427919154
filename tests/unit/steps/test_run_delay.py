"""The public tier learns of a run what a run to an earlier day would have found."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from selvawatch.core.tier import Tier
from selvawatch.store.run_files import read_tracked
from small_site import Place

pytestmark = pytest.mark.slow

DELAY = 60
PUBLISHED = ["version", "change", "alert_id", "score", "rank", "rank_reasons"]
"""Columns that tell of what was published before."""
OF_THE_SITE = ["parameters_digest"]


def delayed(place: Place, folder: Path, days: int) -> Place:
    """The same site, with a delay of its own, and a store with its baseline."""
    site = folder / "site"
    (site / "aoi").mkdir(parents=True)
    for path in (place.site / "aoi").iterdir():
        text = path.read_text(encoding="utf-8")
        (site / "aoi" / path.name).write_text(
            text.replace("delay_days = 0 ", f"delay_days = {days} "), encoding="utf-8"
        )
    assert f"delay_days = {days} " in (site / "aoi" / "site.toml").read_text(encoding="utf-8")
    return replace(place.fitted(folder / "store"), site=site)


def public_alerts(place: Place) -> gpd.GeoDataFrame:
    """The public alerts of the current run, by event."""
    frame = gpd.read_parquet(place.products / "public" / "alerts.parquet")
    return frame.drop(columns=OF_THE_SITE).sort_values("event_id", ignore_index=True)


@pytest.fixture(scope="module")
def late(small_run: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run to the last day, told `DELAY` days later."""
    place = delayed(small_run, tmp_path_factory.mktemp("late"), DELAY)
    place.run()
    return place


@pytest.fixture(scope="module")
def early(small_run: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A run to `DELAY` days before the last day, told at once."""
    until = dt.date.fromisoformat(small_run.until) - dt.timedelta(days=DELAY)
    place = replace(delayed(small_run, tmp_path_factory.mktemp("early"), 0), until=until.isoformat())
    place.run()
    return place


def test_the_public_tier_says_what_a_run_to_the_delayed_day_says(late: Place, early: Place) -> None:
    told, said = public_alerts(late), public_alerts(early)
    assert len(told) > 3
    pd.testing.assert_frame_equal(told, said)
    mine, theirs = (read_tracked(one.products, Tier.PUBLIC) for one in (late, early))
    pd.testing.assert_frame_equal(mine.cells, theirs.cells)


def test_the_public_tables_count_what_a_run_to_the_delayed_day_counts(late: Place, early: Place) -> None:
    for path in sorted((early.products / "public" / "tables").glob("*.parquet")):
        told = pd.read_parquet(late.products / "public" / "tables" / path.name)
        pd.testing.assert_frame_equal(told, pd.read_parquet(path))


def test_the_public_tier_of_many_runs_says_what_that_of_one_says(
    late: Place, small_run: Place, tmp_path: Path
) -> None:
    place = delayed(small_run, tmp_path, DELAY)
    last = dt.date.fromisoformat(small_run.until)
    for days in (70, 6, 0):
        place.run((last - dt.timedelta(days=days)).isoformat())
    told, said = (public_alerts(one).drop(columns=PUBLISHED) for one in (place, late))
    pd.testing.assert_frame_equal(told, said)
