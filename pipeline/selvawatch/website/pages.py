"""All files of a static site by path: pages in both languages, drawings, pictures, feeds, worker."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any

import pandas as pd

from selvawatch.core.days import iso, to_day
from selvawatch.core.schema import Tier
from selvawatch.website.event_map import event_maps
from selvawatch.website.feeds import Feed, feeds
from selvawatch.website.geojson_file import GEOJSON, geojson_file
from selvawatch.website.history import Answer, History, Version
from selvawatch.website.offline import ICON, WEB_MANIFEST, WORKER, web_manifest, worker_file
from selvawatch.website.picture_files import picture_files, picture_path
from selvawatch.website.website_content import Website
from selvawatch.write.bulletin.bulletin import area_map, page_values
from selvawatch.write.bulletin.bulletin_model import Picture
from selvawatch.write.bulletin.map_page import LEAFLET, map_values
from selvawatch.write.bulletin.presentation import AlertView, alert_views
from selvawatch.write.bulletin.reviews_part import shown_reviews
from selvawatch.write.bulletin.shell import environment, packaged_file
from selvawatch.write.language.i18n import LOCALES, N_, Language, language
from selvawatch.write.language.phrases import row_text
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
"""The content security policy of every page: the site's own files alone."""
PACKAGE = "selvawatch.website"
FIRST = next(iter(LOCALES))
"""Language whose pages lie at the top of a site; those of the others lie below a folder of its code."""
_NAMES = {"es": "Español", "en": "English"}
_NAVIGATION = (
    ("index.html", N_("Alerts")),
    ("map.html", N_("Map")),
    ("tables.html", N_("Tables")),
    ("about.html", N_("How to read this")),
)
_ROLES = {
    "ranger": N_("ranger"),
    "community": N_("community"),
    "prosecutor": N_("prosecutor's office"),
    "police": N_("police"),
    "authority": N_("authority"),
    "partner": N_("partner"),
    "technician": N_("technician"),
    "analyst": N_("analyst"),
}
_LISTED = (
    *("number", "key", "shape", "colour", "ink", "cause", "status", "status_code", "leads", "location"),
    *("change", "hectares", "seen_on"),
)
"""What the list of alerts prints of a view."""
_AROUND = {
    True: N_("Map around the alert, with its outline"),
    False: N_("Map around the alert, with the square in which it lies"),
}


@dataclass(frozen=True, slots=True)
class _Edition:
    """The site in one language: what all its pages print."""

    website: Website
    lang: Language
    views: Sequence[AlertView]
    names: Mapping[str, str]
    """Name of the page of each alert."""
    drawings: frozenset[str]
    """Paths of the drawings that there are."""
    shared: Mapping[str, Any]
    """Values of the templates that all pages share."""

    def page(self, template: str, path: str, values: Mapping[str, Any]) -> tuple[str, bytes]:
        """Path below the site and content of a page; path: below the folder of its language."""
        depth = path.count("/")
        own, others = self.lang.code, [code for code in LOCALES if code != self.lang.code]
        root = "../" * (depth + (own != FIRST))
        (other,) = others
        about = {
            "root": root,
            "base": "../" * depth,
            "twin": root + _placed(path, other),
            "twin_code": other,
            "twin_name": _NAMES[other],
            "navigation": [
                (self.lang.text(name), "../" * depth + address, address == path)
                for address, name in _NAVIGATION
            ],
        }
        made = environment(own, package=PACKAGE).get_template(template)
        return _placed(path, own), made.render({**self.shared, **about, **values}).encode()

    def addresses(self, prefix: str) -> dict[str, str]:
        """Address of the page of each alert, by alert id; prefix: from where it stands to the folder of its
        language.
        """
        return {alert: f"{prefix}{_event_path(name)}" for alert, name in self.names.items()}


def website_files(website: Website) -> dict[str, bytes]:
    """Every file of a static site, by path below its folder; equal contents, equal bytes."""
    names = website.page_names
    files = dict(event_maps(website)) | _assets()
    files[GEOJSON] = geojson_file(website)
    drawings = frozenset(path for path in files if path.endswith(".svg"))
    for code in LOCALES:
        lang = language(code)
        root = "../" if code == FIRST else "../../"
        views = alert_views(website.bulletin, lang, partial(_picture_address, names, root))
        made = feeds(website, views, lang)
        shared = _shared(website, views, made, lang)
        files |= {feed.path: feed.content for feed in made}
        files |= dict(_pages(_Edition(website, lang, views, names, drawings, shared)))
        if code == FIRST:
            files[WEB_MANIFEST] = web_manifest(website, shared["title"], lang)
    files |= picture_files(website.bulletin, names, sum(map(len, files.values())))
    files[WORKER] = worker_file(files)
    return dict(sorted(files.items()))


def _pages(edition: _Edition) -> Iterator[tuple[str, bytes]]:
    """Path and content of every page of a language."""
    website, lang, views = edition.website, edition.lang, edition.views
    live = [view for view in views if view.status_code != "withdrawn"]
    addresses = edition.addresses("")
    rows = {str(row["alert_id"]): row for _, row in website.alerts.iterrows()}
    yield edition.page(
        "start.html.j2",
        "index.html",
        {
            "pages": addresses,
            "map": area_map(website.bulletin, live, lang, addresses),
            "rows": [_listed(view, rows[view.key], lang) for view in live],
            "reviews": shown_reviews(website.bulletin.alerts, lang, since_run=website.reviewed_since_run),
            "gone": [view for view in views if view.status_code == "withdrawn"],
        },
    )
    yield edition.page("site_map.html.j2", "map.html", map_values(website.bulletin, lang, pages=addresses))
    yield edition.page("tables.html.j2", "tables.html", {})
    yield edition.page("about.html.j2", "about.html", {})
    paths = [_event_path(edition.names[view.key]).split("/")[1] for view in live]
    for number, view in enumerate(live):
        around = {
            "before": paths[number - 1] if number else "",
            "after": paths[number + 1] if number + 1 < len(paths) else "",
        }
        yield _event_page(edition, view, rows[view.key], around)
    for view in views:
        if view.status_code == "withdrawn":
            yield _event_page(edition, view, rows[view.key], {"before": "", "after": ""})


def _event_page(
    edition: _Edition, view: AlertView, row: pd.Series, around: Mapping[str, str]
) -> tuple[str, bytes]:
    lang, tier, name = edition.lang, edition.website.bulletin.tier, edition.names[view.key]
    history = edition.website.histories.get(str(row["event_id"]), History())
    drawing = f"maps/{name}.svg"
    values = {
        "alert": view,
        "drawing": drawing if drawing in edition.drawings else "",
        "around": lang.text(_AROUND[tier is Tier.RESTRICTED]),
        "merged": [single_line(one, 80) for one in row_text(row, "merged_from").split()],
        "exact": tier is Tier.RESTRICTED,
        "answers": [_answer(one, lang) for one in history.answers],
        "versions": [_version(one, lang) for one in history.versions],
        "cut": history.is_cut,
    }
    return edition.page("event.html.j2", _event_path(name), {**values, **around})


def _shared(
    website: Website, views: Sequence[AlertView], made: Sequence[Feed], lang: Language
) -> dict[str, Any]:
    return page_values(website.bulletin, views, lang) | {
        "policy": POLICY,
        "feeds": made,
        "newer": lang.text(N_("A newer version of these pages is ready: open the page again.")),
        "kept": lang.text(N_("These pages are kept on this device and open without a network.")),
    }


def _listed(view: AlertView, row: pd.Series, lang: Language) -> dict[str, Any]:
    """What the list of alerts prints of one."""
    seen = row.get("first_detected")
    day = "" if seen is None or pd.isna(seen) else lang.day(to_day(pd.Timestamp(seen).date()))
    return {name: getattr(view, name) for name in _LISTED} | {"seen_words": day}


def _version(version: Version, lang: Language) -> dict[str, Any]:
    return {
        "number": version.number,
        "value": iso(version.day),
        "day": lang.day(version.day),
        "change": word(lang, "change", version.change),
        "reason": word(lang, "withdrawn", version.withdrawn_reason) if version.withdrawn_reason else "",
        "status": word(lang, "status", version.status),
        "hectares": lang.hectares(version.ha),
        "cause": word(lang, "cause", version.cause),
    }


def _answer(answer: Answer, lang: Language) -> dict[str, Any]:
    return {
        "value": "" if answer.day is None else iso(answer.day),
        "day": "" if answer.day is None else lang.day(answer.day),
        "verdict": word(lang, "review", answer.verdict),
        "version": "–" if answer.version is None else answer.version,
        "role": lang.text(_ROLES[answer.role]) if answer.role in _ROLES else "",
    }


def _placed(path: str, code: str) -> str:
    """Where a page of a language lies below the site."""
    return path if code == FIRST else f"{code}/{path}"


def _event_path(name: str) -> str:
    return f"events/{name}.html"


def _picture_address(names: Mapping[str, str], root: str, alert: str, picture: Picture) -> str:
    return root + picture_path(names[alert], picture)


def _assets() -> dict[str, bytes]:
    """Style sheets, scripts and the icon, by path."""
    folder = resources.files(PACKAGE).joinpath("assets")
    own = {name: folder.joinpath(name).read_text("utf-8") for name in ("site.css", "map-site.css", "site.js")}
    texts = {
        "assets/site.css": str(packaged_file("templates", "bulletin.css")) + own["site.css"],
        "assets/site.js": own["site.js"],
        "assets/leaflet.js": packaged_file("assets", LEAFLET, "leaflet.js"),
        "assets/leaflet.css": packaged_file("assets", LEAFLET, "leaflet.css"),
        "assets/map.js": packaged_file("templates", "map.js"),
        "assets/map.css": str(packaged_file("templates", "map.css")) + own["map-site.css"],
        ICON: folder.joinpath("icon.svg").read_text("utf-8"),
    }
    return {path: str(text).encode() for path, text in texts.items()}
