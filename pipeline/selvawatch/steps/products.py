"""What the current run gave to a tier: its files and its alerts."""

import datetime as dt
import io
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from selvawatch.attribute.rank import explain
from selvawatch.core.days import iso, to_day
from selvawatch.core.files import write_checked
from selvawatch.core.tier import Tier, tier_named
from selvawatch.errors import StoreError
from selvawatch.returns.reviewed_alerts import (
    ReviewedAlerts,
    cached_page,
    reviewed_alerts_of,
    reviewed_page,
    write_reviewed,
)
from selvawatch.site import Site
from selvawatch.steps.ended_alerts import going_on
from selvawatch.steps.published.current_bulletin import bulletin_since, keeps_bulletin
from selvawatch.steps.run.pictures import picture_square
from selvawatch.store.contents import ALERTS_FILE, PUBLIC, RESTRICTED, picture_path
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_files import read_tracked
from selvawatch.store.seal import SealedFolder, read_seal
from selvawatch.write.bulletin.pdf import write_pdf
from selvawatch.write.encodings import ENCODINGS
from selvawatch.write.formats.desktop.qgis_project import data_of_project
from selvawatch.write.formats.endings import format_of_file, path_of_parts
from selvawatch.write.formats.field.field_rows import field_alerts
from selvawatch.write.formats.field.mbtiles import PlacedPicture, write_mbtiles
from selvawatch.write.formats.field.xlsform import write_xlsform
from selvawatch.write.formats.format_table import KMZ, Content, Format, formats_of
from selvawatch.write.formats.kml import write_kmz
from selvawatch.write.language.i18n import language

PEOPLE = "people"
"""What the formats with heads and words in a language are called before their ending."""
FORM, MAP = "xlsform", "mbtiles"
"""Formats of `alerts export` that are no rows: the form for answers, and the pictures as a map."""
PROJECTS = ("qgs", "qgz")
"""Formats with a GeoPackage of the same name."""
_OF_PARTS = (*PROJECTS, "shp")
TIERS = (PUBLIC, RESTRICTED)
"""Tiers that every run publishes."""


def product_path(store: str, tier: str, name: str) -> Path:
    """Where a product of the current run is.

    Raises
    ------
    StoreError
        When the store has no run, or the tier or product does not exist.
    DamagedError
        When the run's folder is missing, or the file is not what the run wrote.
    """
    opened, current = _current(store)
    if tier not in TIERS:
        raise StoreError("the tier is not published", got=tier, needed=", ".join(TIERS))
    folder = opened.run(current.run_id) / tier
    path = folder / name
    run = read_seal(folder.parent)
    if not run.holds(f"{tier}/{name}"):
        known = sorted(one.name for one in folder.glob(f"{name.split('.')[0].split('-')[0]}*"))
        raise StoreError("there is no such product", where=folder, got=name, needed=", ".join(known))
    run.read(f"{tier}/{name}")
    return path


def _current(store: str) -> tuple[Store, RunRow]:
    """A store and its current run; StoreError when it has none."""
    opened = open_store(store)
    current = opened.ledger.current()
    if current is None:
        raise StoreError("the store has no run", where=opened.folder, do="run `selvawatch monitor` first")
    return opened, current


def read_file(product: Path) -> bytes:
    """The bytes of a product that `product_path` found; DamagedError when it is not what the run wrote."""
    run = product.parents[1]
    return read_seal(run).read(product.relative_to(run).as_posix())


def copy_product(store: str, tier: str, name: str, out: Path) -> Path:
    """Copy a product of the current run to a file and return it; StoreError as `product_path`."""
    content = read_file(product_path(store, tier, name))
    return write_checked(out, content)


def export_formats() -> dict[str, Format]:
    """The formats that alerts go out in, by what `alerts export` and subscriptions call them."""
    by_ending = (*formats_of(Content.ALERTS), *formats_of(Content.DEMAND))
    known = {form.suffix.removeprefix("."): form for form in by_ending}
    by_name = (*formats_of(Content.PEOPLE), *formats_of(Content.WORDED), *formats_of(Content.FIELD))
    return known | {form.name: form for form in by_name if form not in by_ending}


def export_format(given: str | None, out: Path) -> str:
    """The format of a file of alerts, by name: the given one, else as its ending says; `gpkg` for none.

    Raises
    ------
    TableError
        For an ending of no format, or of another one than the given.
    """
    known = export_formats()
    meant = {name: form.suffix for name, form in known.items() if form.suffix == f".{name}"}
    named = {name: form.suffix for name, form in known.items()} | dict.fromkeys(ENCODINGS, ".tif")
    endings = meant | {MAP: ".mbtiles"}
    return format_of_file(given, out, endings if given is None else endings | named | {FORM: ".xlsx"}, "gpkg")


def copy_alerts(store: str, tier: str, name: str, out: Path, words: str = "") -> Path:
    """Copy the alerts of the current run in a format of `export_format`, and return the file.

    words: language of a file for people, whose `csv` and `xlsx` then have its heads and words; empty: as the
    run wrote it, which is Spanish where people read it.

    Raises
    ------
    StoreError
        For a format that alerts do not go out in, or that the tier has none of, or as `product_path`.
    """
    known = export_formats()
    if words and f"{PEOPLE}.{name}" in known:
        name = f"{PEOPLE}.{name}"
    elif words and not (name in known and known[name].speaks):
        raise StoreError("the format has no words", got=f"--format {name}", needed=f"no --lang {words}")
    if name == FORM:
        export_format(name, out)
        return write_xlsform(out)
    if name not in {*known, MAP}:
        raise StoreError(
            "unknown format", where="alerts", got=name, needed=", ".join([*known, FORM, MAP, *ENCODINGS])
        )
    if tier in TIERS and (Tier.RESTRICTED if name == MAP else known[name].tier) > tier_named(tier):
        raise StoreError(
            "the format tells exact places",
            where=f"--format {name}",
            got=f"tier {tier}",
            needed="tier restricted",
            do="give --tier restricted, and do not publish the file",
        )
    export_format(name, out)
    if name in _OF_PARTS:
        out = path_of_parts(out, known[name].suffix)
    if name in PROJECTS:
        data_of_project(out)
    alerts = alerts_now(store, tier)
    if name == MAP:
        return _write_map(store, alerts, out)
    if known[name].name == KMZ:
        return write_kmz(out, alerts.released, language(words or "es"), _pictures(store, alerts))
    if words or alerts.is_reviewed or Content.ALERTS not in known[name].contents:
        return write_reviewed(alerts, known[name].name, out, words or "es")
    return copy_product(store, tier, f"alerts.{name}", out)


def _pictures(store: str, alerts: ReviewedAlerts) -> dict[str, bytes]:
    """The pictures of the current run's alerts by name; none below the restricted tier."""
    frame = alerts.released.frame
    if alerts.released.tier is not Tier.RESTRICTED:
        return {}
    opened, current = _current(store)
    run = read_seal(opened.run(current.run_id))
    names = [name for column in ("before_picture", "after_picture") for name in frame[column].dropna()]
    return {name: run.read(f"{RESTRICTED}/{name}") for name in names}


def _write_map(store: str, alerts: ReviewedAlerts, out: Path) -> Path:
    """Write the newest clear pictures of the current run's alerts, with their outlines, as MBTiles."""
    field_alerts(alerts.released, language("es"))  # refuses lower tiers
    opened, current = _current(store)
    run, frame = read_seal(opened.run(current.run_id)), alerts.released.frame
    pictures = [
        PlacedPicture(
            content=_newest(run, str(row.alert_id), str(row.after_picture)),
            bounds=picture_square(row.geometry),
            crs=str(frame.crs),
        )
        for row in frame[frame["after_picture"].notna()].sort_values("rank").itertuples()
    ]
    title = f"selvawatch {current.area} {iso(current.until_day)}"
    return write_mbtiles(out, pictures, title, f"run {current.run_id[:12]}; restricted, not to be published")


def _newest(run: SealedFolder, alert_id: str, after: str) -> bytes:
    """The picture of now of an alert where the run has one, else that after the loss."""
    now = f"{RESTRICTED}/{picture_path(alert_id, 'now')}"
    return run.read(now if run.holds(now) else f"{RESTRICTED}/{after}")


def alerts_now(store: str, tier: str) -> ReviewedAlerts:
    """Alerts of the current run as a tier sees them today (UTC): with the reviews that it may know of.

    Raises
    ------
    StoreError
        As `product_path`.
    """
    product_path(store, tier, ALERTS_FILE)
    opened, current = _current(store)
    return reviewed_alerts_of(opened, current, tier_named(tier), to_day(dt.datetime.now(dt.UTC)))


def bulletin_now(store: str, tier: str, name: str, out: Path | None = None) -> Path:
    """The bulletin of the current run of that name, with what people answered since: written to `out`, or
    where the store keeps it; StoreError as `product_path`.
    """
    path = product_path(store, tier, name)
    alerts = alerts_now(store, tier)
    if not alerts.is_newer:
        return path if out is None else copy_product(store, tier, name, out)
    content = _page_now(store, tier, name, path, alerts)
    if out is not None:
        return write_checked(out, content)
    opened, current = _current(store)
    return cached_page(opened, name, content, alerts, current)


def write_bulletin_pdf(store: str, tier: str, lang: str, out: Path) -> Path:
    """Write the bulletin of the current run as PDF and return the file; StoreError as `product_path`.

    Raises
    ------
    TableError
        When the extra `pdf` is not installed.
    """
    name = f"bulletin-{lang}.html"
    path, alerts = product_path(store, tier, name), alerts_now(store, tier)
    page = _page_now(store, tier, name, path, alerts) if alerts.is_newer else read_file(path)
    return write_pdf(out, page.decode(), path.parent.parent.name)


def _page_now(store: str, tier: str, name: str, path: Path, alerts: ReviewedAlerts) -> bytes:
    """A bulletin (`bulletin-es.html`, `-es.txt`, `-es-message.txt`) with other reviews than its run had."""
    if not keeps_bulletin(read_seal(path.parents[1]), tier_named(tier)):  # a run of an earlier version
        return reviewed_page(read_file(path), name, alerts)
    form = "message" if name.endswith("-message.txt") else name.rpartition(".")[2]
    made = bulletin_since(store, tier_named(tier))
    return made.written(form, language(name.removeprefix("bulletin-")[:2])).encode()


def read_alerts(store: str, tier: str) -> list[dict[str, Any]]:
    """Alerts of the current run without their outlines, with their reviews; dates as ISO text, what is empty
    as None.
    """
    plain = pd.DataFrame(alerts_now(store, tier).released.frame.drop(columns="geometry"))
    for name in plain.columns:
        if pd.api.types.is_datetime64_any_dtype(plain[name]):
            plain[name] = plain[name].dt.strftime("%Y-%m-%d")
    plain = plain.astype(object).where(plain.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def explain_ranks(site: Site, store: str, tier: str) -> pd.DataFrame:
    """What gave each alert of the current run its score, by rank: `attribute.rank.explain`.

    Raises
    ------
    StoreError
        As `product_path`, and where the site ranks otherwise than the run did.
    """
    path = product_path(store, tier, ALERTS_FILE)
    alerts = gpd.read_parquet(io.BytesIO(read_file(path)))
    current = open_store(store).ledger.runs()[-1]
    day = current.until_day - (site.config.tiers.delay_days if tier == PUBLIC else 0)
    cells = read_tracked(path.parents[1], Tier[tier.upper()]).cells
    made = explain(alerts, cells, site.ranking_rule, day)
    if (wrong := made[(made["made_score"] - made["score"]).abs() > 0.02]).size:
        raise StoreError(
            "the weights do not give the scores that the run published",
            where=str(wrong["alert_id"].iloc[0]),
            got=f"{wrong['made_score'].iloc[0]}",
            needed=f"{wrong['score'].iloc[0]}",
            do="run `selvawatch monitor` with this site, or give the site of the run",
        )
    return made


def find_alert(store: str, tier: str, name: str) -> dict[str, Any]:
    """The alert of an id, or of an event; of one that has ended the alert that goes on, with `ended_id`.

    Raises
    ------
    StoreError
        When there is none in the tier.
    """
    alerts = read_alerts(store, tier)
    for row in alerts:
        if name in (row["alert_id"], row["event_id"]):
            return row
    event = re.sub(r"\.v\d+$", "", name)
    heir = {old: row["event_id"] for row in alerts for old in (row["merged_from"] or "").split()}
    known = event in {row["event_id"] for row in alerts}
    goes_on = event if known else heir.get(event) or going_on(open_store(store), event)
    for row in alerts:
        if row["event_id"] == goes_on:
            return {"ended_id": name, **row}
    raise StoreError(
        "no such alert in the current run",
        got=name,
        needed="an id of `selvawatch alerts list`",
        do="withheld and superseded alerts are not listed in this tier",
    )
