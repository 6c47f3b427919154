"""The current run of a store as a static site for one tier."""

import datetime as dt
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from selvawatch.core.days import to_day
from selvawatch.core.tier import Tier, tier_named
from selvawatch.errors import StoreError
from selvawatch.returns.known_reviews import known_reviews
from selvawatch.steps.published.current_bulletin import bulletin_since
from selvawatch.store.contents import ALERTS_FILE, PUBLIC, RESTRICTED
from selvawatch.store.folders import Store, open_store
from selvawatch.store.seal import read_seal
from selvawatch.store.site_copy import read_site_copy
from selvawatch.website.history import VERSION_COLUMNS, PublishedState, answers_of, histories
from selvawatch.website.pages import website_files
from selvawatch.website.web_folder import check_folder, write_website
from selvawatch.website.website_content import Website


def write_site(store: str, tier: str, folder: Path) -> Path:
    """Write the static site of the current run for a tier into a folder, and return its start page.

    tier: name of a published one.

    Raises
    ------
    StoreError
        When the store has no run or the tier is not published.
    WebsiteError, DiskError
        As `write_website`.
    DamagedError
        When a file of a run is not what the run wrote.
    """
    if tier not in (PUBLIC, RESTRICTED):
        raise StoreError("the tier is not published", got=tier, needed=f"{PUBLIC}, {RESTRICTED}")
    opened = open_store(store)
    check_folder(folder, opened.folder, tier_named(tier))
    write_website(folder, website_files(website_of(opened, tier_named(tier))), tier_named(tier))
    return folder / "index.html"


def website_of(store: Store, tier: Tier) -> Website:
    """What the static site of the current run tells a tier today (UTC); errors as `write_site`."""
    day = to_day(dt.datetime.now(dt.UTC))
    made = bulletin_since(str(store.folder), tier, day=day)
    content = made.content
    known = known_reviews(store, tier, day).of_events(content.alerts.frame["event_id"])
    reviews = known.reviews if tier is Tier.RESTRICTED else tuple(known.deciding.values())
    return Website(
        bulletin=content,
        histories=histories(_states(store, tier), answers_of(reviews, tier, content.delay_days)),
        reviewed_since_run=not made.counts_reviews,
        areas=_areas(store, content.area_name),
    )


def _areas(store: Store, name: str) -> dict[str, str]:
    """Titles by name of the single areas of a run over all, as the store's copy of its site has them; none of
    another run, or where the store keeps no copy.
    """
    copied = read_site_copy(store) if name == "all" else None
    if copied is None:
        return {}
    titles = {area: area for area in copied.outlines}
    if "areas" in copied.files:
        for feature in json.loads(copied.files["areas"].text)["features"]:
            about = feature["properties"]
            titles[str(about["name"])] = str(about.get("title") or about["name"])
    return titles


def _states(store: Store, tier: Tier) -> Iterator[PublishedState]:
    """What each run gave to a tier, from the first; runs whose folders were removed are left out."""
    name = f"{tier.name.lower()}/{ALERTS_FILE}"
    for run in store.ledger.runs():
        folder = store.run(run.run_id)
        if folder.is_dir() and (sealed := read_seal(folder)).holds(name):
            rows = pq.ParquetFile(io.BytesIO(sealed.read(name)))
            names = [column for column in VERSION_COLUMNS if column in rows.schema_arrow.names]
            yield PublishedState(run.until_day, rows.read(columns=names).to_pandas())
