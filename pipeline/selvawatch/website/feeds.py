"""Feeds that anyone can follow without an account: Atom (RFC 4287), one for each area and language."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree import ElementTree

import pandas as pd

from selvawatch.core.days import iso
from selvawatch.website.history import History
from selvawatch.website.website_content import Website, page_names
from selvawatch.write.bulletin.cautions import DISCLAIMER, tier_notes
from selvawatch.write.bulletin.presentation import AlertView
from selvawatch.write.language.i18n import LOCALES, N_, Language
from selvawatch.write.language.phrases import row_text
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word

FOLDER = "feeds"
MOST_ENTRIES = 100
"""Most alerts of a feed: those that changed last."""
AUTHORITY = "selvawatch.invalid,2026"
"""Who mints the ids (RFC 4151): a name that nobody can own, since a site may be laid anywhere."""
_ATOM = "http://www.w3.org/2005/Atom"
_GEORSS = "http://www.georss.org/georss"
_TEXT_LENGTH, _TITLE_LENGTH = 900, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed of the alerts of an area in one language."""

    path: str
    """Where it lies below the site."""
    title: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    """An alert of a feed."""

    view: AlertView
    row: pd.Series
    page: str
    """Name of its page."""
    history: History
    day: int
    """Day of what happened last."""


def feeds(website: Website, views: Iterable[AlertView], lang: Language) -> list[Feed]:
    """The feed of all alerts of the tier, and one for each area that has one of its own.

    views: of every alert of the bulletin, in the same language.
    """
    rows = {str(row["alert_id"]): row for _, row in website.alerts.iterrows()}
    names, last = website.page_names, website.bulletin.run.data_day
    entries = []
    for view in views:
        row = rows[view.key]
        history = website.histories.get(str(row["event_id"]), History())
        entries.append(_Entry(view, row, names[view.key], history, history.changed_day or last))
    bulletin = website.bulletin
    made = [_feed(website, bulletin.area_name, bulletin.area_title, entries, lang)]
    for name, title in sorted(website.areas.items()):
        if name != bulletin.area_name:
            inside = [entry for entry in entries if row_text(entry.row, "area_name") == name]
            made.append(_feed(website, name, title, inside, lang))
    return made


def feed_path(website: Website, area: str, code: str) -> str:
    """Where the feed of an area lies below a site: it names tier, area and language."""
    known = page_names([website.bulletin.area_name, *website.areas])
    return f"{FOLDER}/{website.bulletin.tier.name.lower()}-{known[area]}-{code}.xml"


def _feed(website: Website, area: str, title: str, entries: list[_Entry], lang: Language) -> Feed:
    bulletin, tier = website.bulletin, website.bulletin.tier.name.lower()
    kept = sorted(entries, key=lambda entry: -entry.day)[:MOST_ENTRIES]
    path = feed_path(website, area, lang.code)
    about = lang.text(N_("Forest loss: %(area)s")) % {"area": single_line(title, 80)}
    root = ElementTree.Element("feed", {"xmlns": _ATOM, "xmlns:georss": _GEORSS, "xml:lang": lang.code})
    _add(root, "id", f"tag:{AUTHORITY}:feed/{tier}/{_tagged(area)}/{lang.code}")
    _add(root, "title", about)
    _add(root, "subtitle", single_line(" ".join(tier_notes(bulletin, lang)), _TEXT_LENGTH))
    _add(root, "updated", _moment(max([bulletin.run.data_day, *(entry.day for entry in kept)])))
    _add(ElementTree.SubElement(root, "author"), "name", "selvawatch")
    ElementTree.SubElement(
        root, "generator", {"version": single_line(bulletin.run.version, 40)}
    ).text = "selvawatch"
    _add(root, "rights", lang.text(DISCLAIMER[0]))
    _link(root, "self", path.removeprefix(f"{FOLDER}/"), "application/atom+xml", lang.code)
    home = "index.html" if lang.code == next(iter(LOCALES)) else f"{lang.code}/index.html"
    _link(root, "alternate", f"../{home}", "text/html", lang.code)
    for entry in kept:
        root.append(_entry(entry, tier, lang))
    text = ElementTree.tostring(root, encoding="unicode")
    content = f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()
    return Feed(path=path, title=about, content=content)


def _entry(entry: _Entry, tier: str, lang: Language) -> ElementTree.Element:
    view, row = entry.view, entry.row
    made = ElementTree.Element("entry")
    _add(made, "id", f"tag:{AUTHORITY}:alert/{tier}/{_tagged(str(row['event_id']))}/{lang.code}")
    lead = view.leads[0] if view.leads else view.location
    title = " · ".join(part for part in (view.hectares, view.cause, view.status, lead) if part)
    _add(made, "title", single_line(title, _TITLE_LENGTH))
    _add(made, "updated", _moment(entry.day))
    if (first_day := entry.history.first_day) is not None:
        _add(made, "published", _moment(first_day))
    page = f"events/{entry.page}.html"
    first = next(iter(LOCALES))
    _link(
        made,
        "alternate",
        f"../{page if lang.code == first else f'{lang.code}/{page}'}",
        "text/html",
        lang.code,
    )
    for code in (view.cause_code, view.status_code):
        ElementTree.SubElement(made, "category", {"term": single_line(code, 40)})
    _add(made, "summary", single_line(". ".join(_lines(entry, lang)) + ".", _TEXT_LENGTH))
    if view.latitude is not None and view.longitude is not None:
        point = ElementTree.SubElement(made, "georss:point")
        point.text = view.coordinates.replace(",", "")
    return made


def _lines(entry: _Entry, lang: Language) -> list[str]:
    """What a reader is told of an alert, in words."""
    view = entry.view
    coordinates = (
        f"{view.coordinates} ({view.coordinates_note})" if view.coordinates_note else view.coordinates
    )
    parts = [
        f"{view.change}, {view.confidence}",
        f"{lang.text('Area')}: {view.bounds}",
        ", ".join((*view.leads, *(part for part in (view.location, *view.near) if part))),
        *(f"{label}: {words}" for label, words in view.days),
        view.withdrawn,
        f"{lang.text('Coordinates')}: {coordinates}" if coordinates else "",
        f"{lang.text('Identifier')}: {view.alert_id}",
    ]
    if entry.history.answers:
        verdict = word(lang, "review", entry.history.answers[0].verdict)
        parts.append(f"{lang.text('What people saw')}: {verdict}")
    return [part for part in parts if part]


def _tagged(text: str) -> str:
    """Text as a part of a tag: what is no letter, digit or plain mark as per cent and number."""
    return quote(re.sub("[\ud800-\udfff]", "\ufffd", text), safe="")


def _moment(day: int) -> str:
    """The beginning of a day (UTC), as RFC 3339 writes it."""
    return f"{iso(day)}T00:00:00Z"


def _add(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _link(parent: ElementTree.Element, rel: str, href: str, kind: str, code: str) -> None:
    ElementTree.SubElement(parent, "link", {"rel": rel, "href": href, "type": kind, "hreflang": code})
