"""Alerts as lists that forms choose from: an entity list of ODK Central, and a media file of KoboToolbox."""

import csv
from io import StringIO
from pathlib import Path

from selvawatch.core.files import write_checked
from selvawatch.write.formats.field.field_rows import field_alerts
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.sanitise import cell
from selvawatch.write.tiers import Released

PROPERTIES = ("alert_id", "event_id", "rank", "ha", "status", "cause", "first_detected", "onset", "district")
"""Properties of an entity; names of ODK: letters, digits and underscores, neither `name` nor `label`."""


def write_entity_list(path: Path, released: Released, lang: Language) -> Path:
    """Write the alerts as CSV for an entity list of ODK Central (`label`, `geometry`, properties); the path.

    Central gives each entity its id. `geometry` is a geopoint, so that forms may choose on a map.
    """
    return _write(path, released, lang, ("label", "geometry"))


def write_choice_list(path: Path, released: Released, lang: Language) -> Path:
    """Write the alerts as the CSV of a KoboToolbox form (`name`, then as an entity list); the path."""
    return _write(path, released, lang, ("name", "label", "geometry"))


def _write(path: Path, released: Released, lang: Language, first: tuple[str, ...]) -> Path:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*first, *PROPERTIES])
    for alert in field_alerts(released, lang):
        head = {"name": alert.alert_id, "label": alert.title, "geometry": f"{alert.lat} {alert.lon} 0 0"}
        values = [alert.facts.get(name, "") for name in PROPERTIES]
        writer.writerow([*(_safe(head[name], name) for name in first), *(_safe(value) for value in values)])
    return write_checked(path, text.getvalue().encode())


def _safe(value: str | float | int, name: str = "") -> str | float | int:
    """A cell that no sheet runs; a geopoint as it is, since it holds numbers alone."""
    return cell(value) if isinstance(value, str) and name != "geometry" else value
