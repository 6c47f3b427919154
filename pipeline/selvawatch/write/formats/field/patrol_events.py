"""Alerts as EarthRanger events, one each."""

import json
from pathlib import Path

from selvawatch.core.files import write_text
from selvawatch.write.formats.field.field_rows import field_alerts
from selvawatch.write.language.i18n import Language
from selvawatch.write.tiers import Released

EVENT_TYPE = "selvawatch_alert"
"""Type of the events; an EarthRanger site must define it, with the details as its fields."""


def write_earthranger(path: Path, released: Released, lang: Language) -> Path:
    """Write a JSON list with one event for each alert, and return the path.

    Keys as Gundi sends them (github.com/PADAS/gundi-integration-gfw, app/actions/handlers.py); recorded on
    the day of the first detection, at midnight UTC.
    """
    events = [
        {
            "title": alert.title,
            "event_type": EVENT_TYPE,
            "recorded_at": f"{alert.facts['first_detected']}T00:00:00+00:00",
            "location": {"lat": alert.lat, "lon": alert.lon},
            "event_details": alert.facts,
        }
        for alert in field_alerts(released, lang)
    ]
    return write_text(path, json.dumps(events, indent=1, ensure_ascii=False) + "\n")
