"""The bulletin: one self-contained page, a long text, and a message short enough for a phone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from selvawatch.core.files import write_text
from selvawatch.sources.sensors.reasons import SCENE_REASONS
from selvawatch.write.bulletin.bulletin_model import (
    Bulletin,
    largest_mines,
    largest_shown,
    shown_in_full,
)
from selvawatch.write.bulletin.cautions import (
    GLOSSARY,
    alarms,
    fallback_note,
    observed_line,
    short_alarms,
    tier_notes,
    warnings,
    watched_line,
)
from selvawatch.write.bulletin.changes_view import changes_view
from selvawatch.write.bulletin.overview import Mark, overview_svg
from selvawatch.write.bulletin.presentation import AlertView, alert_views, facts, table_views
from selvawatch.write.bulletin.shell import common_values, environment, is_nothing, packaged_file, policy
from selvawatch.write.bulletin.whereabouts import NAME_LENGTH
from selvawatch.write.language.i18n import LOCALES, N_, Language, language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word

MESSAGE_LENGTH = 1000
"""Most characters of a message."""
UNREAD_SHOWN = 8
"""Most unread scenes named one by one."""


def html(content: Bulletin, lang: Language) -> str:
    """The bulletin as one HTML page that loads nothing; under 100 kB without its pictures."""
    return _html(content, page_values(content, alert_views(content, lang), lang), lang)


def text(content: Bulletin, lang: Language) -> str:
    """The bulletin as plain text."""
    return _text(page_values(content, alert_views(content, lang), lang), lang)


def message(content: Bulletin, lang: Language) -> str:
    """The bulletin in at most `MESSAGE_LENGTH` characters: numbers, what is new, alerts as they fit, caution.

    The largest confirmed mines come first, then the alerts by rank, each with its code and what decides who
    goes.
    """
    return _message(content, alert_views(content, lang), lang)


def _html(content: Bulletin, values: Mapping[str, Any], lang: Language) -> str:
    style = packaged_file("templates", "bulletin.css")
    of_page = {"style": style, "policy": policy((style,)), "map": area_map(content, values["alerts"], lang)}
    return environment(lang.code).get_template("bulletin.html.j2").render({**values, **of_page})


def _text(values: Mapping[str, Any], lang: Language) -> str:
    return environment(lang.code, escape=False).get_template("bulletin.txt.j2").render(values)


def _message(content: Bulletin, alerts: Sequence[AlertView], lang: Language) -> str:
    views, known = {view.key: view for view in alerts}, facts(content, lang)
    head = [f"selvawatch · {single_line(content.area_title, 40)} · {known['since']} – {known['until']}"]
    head += short_alarms(content, lang)
    if is_nothing(content):
        head.append(lang.text(N_("No new alert in this period")) + ".")
    else:
        head.append(
            lang.text("Possible mining: %(ha)s (%(bounds)s)")
            % {"ha": known["mining"], "bounds": known["mining_bounds"]}
        )
        head.append(f"{known['confirmed']}, {known['provisional']}, {known['closed']}")
    if (changes := changes_view(content, lang)) is not None:
        head.append(changes.short)
    tail = [
        f"{observed_line(content, lang)}. {lang.text('Absence of an alert is not absence of mining.')}",
        lang.text(N_("Possible causes; a holder is not thereby the author.")),
        f"run {content.run.run_id[:12]}",
    ]
    frame = pd.DataFrame(content.alerts.frame)
    large = largest_shown(frame)
    others = [name for name in shown_in_full(frame, content.top) if name not in large]
    parts = [(N_("Largest confirmed mines:"), large), (N_("By priority:"), others)]
    lines: list[str] = []
    for label, names in parts:
        for number, name in enumerate(names):
            added = [*([lang.text(label)] if number == 0 else []), _message_line(views[name])]
            if len("\n".join([*head, *lines, *added, *tail])) > MESSAGE_LENGTH:
                break
            lines += added
    return "\n".join([*head, *lines, *tail])[:MESSAGE_LENGTH]


def _message_line(alert: AlertView) -> str:
    first = single_line(alert.leads[0], 50) if alert.leads else single_line(alert.location, 50)
    parts = (first, alert.coordinates, alert.alert_id)
    title = f"{alert.number}) {alert.hectares}, {alert.cause}, {alert.status}"
    return " · ".join([title, *(part for part in parts if part)])


def write_bulletin(folder: Path, content: Bulletin, stem: str = "bulletin") -> dict[str, Path]:
    """Write page, text and message in every language: `stem-<es|en>.html`, `.txt`, `-message.txt`.

    Returns paths by `es.html`, `es.txt`, `es.message`, `en.html`, and so on.
    """
    paths = {}
    for code in LOCALES:
        lang = language(code)
        views = alert_views(content, lang)
        values = page_values(content, views, lang)
        for kind, suffix, made in (
            ("html", ".html", _html(content, values, lang)),
            ("txt", ".txt", _text(values, lang)),
            ("message", "-message.txt", _message(content, views, lang)),
        ):
            paths[f"{code}.{kind}"] = write_text(folder / f"{stem}-{code}{suffix}", made)
    return paths


def page_values(content: Bulletin, views: Sequence[AlertView], lang: Language) -> dict[str, Any]:
    """What the templates of a bulletin print, by name; views: of all its alerts, in the same language."""
    frame = pd.DataFrame(content.alerts.frame)
    shown = set(shown_in_full(frame, content.top))
    full = [view for view in views if view.key in shown]
    large = {view.key: view for view in views}
    seen = content.coverage
    return common_values(content, lang) | {
        "tier_notes": tier_notes(content, lang),
        "watched": watched_line(content, lang),
        "observed_bar": round(100 * seen.lately_observed_share, 1),
        "alarms": alarms(content, lang),
        "warnings": warnings(content, lang),
        "causes": list(dict.fromkeys((view.cause, view.colour) for view in full)),
        "alerts": full,
        "pages": {},
        "more": len(full) < (frame["status"] != "withdrawn").sum(),
        "total": int((frame["status"] != "withdrawn").sum()),
        "largest": [large[str(name)] for name in largest_mines(frame)["alert_id"]],
        "changes": changes_view(content, lang),
        "withdrawn": [view for view in views if view.status_code == "withdrawn"]
        if content.changes is None
        else [],
        "tables": table_views(content, lang),
        "sensors": [
            {
                "name": word(lang, "sensor", sensor.sensor),
                "searched": sensor.searched,
                "why": single_line(sensor.why, 160),
                "read": lang.number(sensor.scenes_read),
                "unread": lang.number(sensor.scenes_unread),
                "last": lang.day(sensor.last_day) or "–",
            }
            for sensor in seen.sensors
        ],
        **_unread(content, lang),
        "unmonitored": [
            (word(lang, "unmonitored", reason.name.lower()), lang.hectares(hectares))
            for reason, hectares in sorted(seen.unmonitored_ha.items())
            if hectares > 0
        ],
        "fallback": fallback_note(content, lang),
        "layers": [
            {
                "title": single_line(layer.title, NAME_LENGTH),
                "source": single_line(layer.source, NAME_LENGTH),
                "day": lang.day(layer.day) or "–",
                "age": lang.plural("%(num)s day", "%(num)s days", layer.age_days) if layer.day else "–",
                "old": layer.old,
            }
            for layer in content.layers
        ],
        "glossary": [(lang.text(term), lang.text(meaning)) for term, meaning in GLOSSARY],
        "method": single_line(content.method, 300),
        "provenance": list(content.run.provenance.items()),
    }


def _unread(content: Bulletin, lang: Language) -> dict[str, Any]:
    scenes = sorted(content.coverage.unread, key=lambda scene: (-scene.day, scene.scene_id))
    rows = [
        {
            "day": lang.day(scene.day),
            "sensor": word(lang, "sensor", scene.sensor),
            "id": single_line(scene.scene_id, NAME_LENGTH),
            "reason": _why(scene.reason, lang),
        }
        for scene in scenes[:UNREAD_SHOWN]
    ]
    rest = len(scenes) - len(rows)
    more = lang.plural("and %(num)s more", "and %(num)s more", rest) if rest else ""
    return {"unread": rows, "unread_more": more} | _superseded(content, lang)


def _why(reason: str, lang: Language) -> str:
    """Words for a code; other text may tell of the machine and is not given out."""
    return word(lang, "scene_reason", reason if reason in SCENE_REASONS else "unreadable")


def _superseded(content: Bulletin, lang: Language) -> dict[str, Any]:
    scenes = sorted(content.coverage.superseded, key=lambda scene: (-scene.day, scene.scene_id))
    rows = [
        {
            "day": lang.day(scene.day),
            "sensor": word(lang, "sensor", scene.sensor),
            "id": single_line(scene.scene_id, NAME_LENGTH),
            "by": single_line(scene.by, NAME_LENGTH),
        }
        for scene in scenes[:UNREAD_SHOWN]
    ]
    rest = len(scenes) - len(rows)
    more = lang.plural("and %(num)s more", "and %(num)s more", rest) if rest else ""
    return {"superseded": rows, "superseded_more": more}


def area_map(
    content: Bulletin, views: Sequence[AlertView], lang: Language, pages: Mapping[str, str] | None = None
) -> Markup:
    """The drawing of the area with marks of some alerts; pages: addresses that marks lead to, by alert id."""
    marks = tuple(
        Mark(
            number=view.number,
            lon=view.longitude,
            lat=view.latitude,
            colour=view.colour,
            status=view.status_code,
            address=(pages or {}).get(view.key, ""),
            words=f"{view.hectares} · {view.cause} · {view.status}",
        )
        for view in views
        if view.longitude is not None and view.latitude is not None
    )
    title = lang.text(N_("Map of %(area)s")) % {"area": content.area_title}
    drawn = overview_svg(content.area, content.coverage.tiles, content.references, marks, title)
    return Markup(drawn)  # noqa: S704  (built as XML, texts escaped there)
