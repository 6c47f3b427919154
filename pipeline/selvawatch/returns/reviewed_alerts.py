"""The alerts of a store's current run as a tier sees them now: as written, with the reviews since."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq

from selvawatch.core.files import write_checked
from selvawatch.core.tier import Tier
from selvawatch.errors import StoreError
from selvawatch.returns.known_reviews import KnownReviews, known_reviews
from selvawatch.store.contents import ALERTS_FILE
from selvawatch.store.folders import Store, new_folder
from selvawatch.store.ledger import RunRow
from selvawatch.store.seal import SealedFolder, is_sound, read_seal
from selvawatch.write.bulletin.reviews_part import shown_reviews, with_reviews
from selvawatch.write.formats.format_table import FORMATS
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import Released, release_reviewed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedAlerts:
    """Alerts of a tier with the reviews that it may know of."""

    released: Released
    provenance: Mapping[str, str]
    known: KnownReviews
    judged_by_run: frozenset[str]
    """Events that had a review when the run was made."""
    is_newer: bool
    """Whether the reviews are others than those that the run was made with."""

    @property
    def is_reviewed(self) -> bool:
        """Whether any alert of the tier has a review."""
        return bool(self.released.frame["review"].notna().any())


def reviewed_alerts_of(store: Store, run: RunRow, tier: Tier, day: int) -> ReviewedAlerts:
    """Alerts of a run as a tier sees them on a day.

    Raises
    ------
    DamagedError
        When the run's files or the reviews are not what was written.
    """
    body = read_seal(store.run(run.run_id)).read(f"{tier.name.lower()}/{ALERTS_FILE}")
    kept = pq.read_schema(io.BytesIO(body)).metadata or {}
    rows = gpd.read_parquet(io.BytesIO(body))
    known = known_reviews(store, tier, day).of_events(rows["event_id"])
    provenance = json.loads(kept.get(b"selvawatch", b"{}"))
    judged = rows.loc[rows["review"].notna(), "event_id"] if "review" in rows else ()
    return ReviewedAlerts(
        released=release_reviewed(rows, tier, run.until_day, known.deciding),
        provenance=provenance | ({"reviews_sha256": known.digest} if known.digest else {}),
        known=known,
        judged_by_run=frozenset(judged),
        is_newer=known.digest != provenance.get("reviews_sha256", ""),
    )


def write_reviewed(alerts: ReviewedAlerts, form: str, out: Path, words: str = "es") -> Path:
    """Write alerts with their reviews in a format of the table of formats, and return the file.

    words: language of what people read in it.
    """
    return FORMATS[form].write(out, alerts.released, alerts.provenance, language(words))


def reviewed_page(page: bytes, name: str, alerts: ReviewedAlerts) -> bytes:
    """A bulletin as a run wrote it (`bulletin-es.html`, `-es.txt`, `-es-message.txt`) with what was answered
    since.
    """
    lang = language(name.removeprefix("bulletin-")[:2])
    text = with_reviews(page.decode(), name, shown_reviews(alerts.released, lang, since_run=True), lang)
    return text.encode()


def cached_page(store: Store, name: str, content: bytes, alerts: ReviewedAlerts, run: RunRow) -> Path:
    """Where a bulletin with reviews is kept, made anew for other reviews.

    Raises
    ------
    StoreError
        Where the cache of the store cannot be written.
    """
    tier = alerts.released.tier.name.lower()
    folder = (
        store.folder
        / "cache"
        / "bulletins"
        / f"{run.run_id[:16]}_{tier}_{alerts.known.digest[:16]}_{name[9:11]}"
    )
    folder = folder.with_name(
        f"{folder.name}_{name.rsplit('.', 1)[1]}{'_message' if 'message' in name else ''}"
    )
    try:
        if not (folder.is_dir() and is_sound(folder) and _holds(read_seal(folder), name, content)):
            with new_folder(folder) as part:
                write_checked(part / name, content)
    except OSError as error:
        raise StoreError(
            "the bulletin with its reviews cannot be kept in the store",
            where=folder,
            got=error.strerror or error,
            do="give --out FILE",
        ) from error
    return folder / name


def _holds(sealed: SealedFolder, name: str, content: bytes) -> bool:
    return sealed.holds(name) and sealed.read(name) == content
