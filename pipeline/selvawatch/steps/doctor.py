"""What an operator must do next: versions, site, layers, keys, store, last run, files, scheduler, disk."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from selvawatch.errors import SelvawatchError
from selvawatch.health.finding import Finding, doubtful, fine, wrong
from selvawatch.health.layer_findings import layer_findings
from selvawatch.health.online import ask_archives
from selvawatch.health.setup_findings import prefect_finding, source_finding, version_findings
from selvawatch.health.store_findings import store_findings
from selvawatch.site import Site
from selvawatch.steps.register import unchecked_note, zones_status
from selvawatch.steps.tile.water_counts import counts_of
from selvawatch.store.folders import open_store


def examine(
    folder: Path,
    store: str,
    *,
    file: str = "aoi/site.toml",
    today: dt.date | None = None,
    deep: bool = False,
) -> list[Finding]:
    """Findings in a fixed order; nothing is changed.

    folder, file: of the site. today: day that ages are counted to; None: this one (UTC). deep: the content of
    every file of the store is compared with what was written, else names, numbers and sizes.
    """
    day = dt.datetime.now(dt.UTC).date() if today is None else today
    found = [*version_findings()]
    site = None
    try:
        site = Site.load(folder, file)
    except SelvawatchError as error:
        found.append(wrong(f"site: {error}"))
    if site is not None:
        found += [*_site(site, store, day)]
    stored = store_findings(store, site, day, deep=deep, wanted_counts=counts_of)
    return [*found, *stored, prefect_finding()]


def examine_online(folder: Path, *, file: str = "aoi/site.toml") -> list[Finding]:
    """What each archive of scenes gives today, a finding each; nothing where the site cannot be loaded."""
    try:
        site = Site.load(folder, file)
    except SelvawatchError:
        return []  # `examine` says why
    return [
        fine(answer.line)
        if answer.works
        else doubtful(f"{answer.line}: {answer.failed} failed", "try again later, or see [sources]")
        for answer in ask_archives(site)
    ]


def _site(site: Site, store: str, today: dt.date) -> Iterator[Finding]:
    yield fine(f"site {site.config.name} in {site.folder}: {len(site.areas)} areas, model {site.model.name}")
    yield from _layers(site, store, today)
    if not site.config.sources:
        yield doubtful(f"sources: none in [sources] of {site.file}", "give --source to every command")
    listed = [
        (sensor, one) for sensor in sorted(site.config.sources) for one in site.config.sources_of(sensor)
    ]
    for sensor, source in listed:
        yield source_finding(sensor, source)


def _layers(site: Site, text: str, today: dt.date) -> Iterator[Finding]:
    try:
        store = open_store(text)
    except (SelvawatchError, OSError, ValueError):
        return  # `store_findings` says why
    try:
        reports, note = zones_status(site, store, today=today), unchecked_note(site, store)
    except SelvawatchError as error:
        yield wrong(f"layers: {error}")
        return
    yield from layer_findings(site, reports, note)
