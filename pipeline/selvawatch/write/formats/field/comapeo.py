"""Alerts as CoMapeo takes them: bodies of `POST /projects/<id>/remoteDetectionAlerts`."""

import json
from pathlib import Path

from selvawatch.core.files import write_text
from selvawatch.write.formats.field.field_rows import field_alerts
from selvawatch.write.language.i18n import Language
from selvawatch.write.tiers import Released


def write_comapeo(path: Path, released: Released, lang: Language) -> Path:
    """Write a JSON list with one body for each alert, and return the path.

    `sourceId` is the alert's id, `metadata` flat, the detection the days between which the loss began (as the
    API documents it: github.com/ConservationMetrics/gc-scripts-hub, f/connectors/comapeo/README.md).
    """
    bodies = [
        {
            "detectionDateStart": f"{alert.first_day}T00:00:00Z",
            "detectionDateEnd": f"{alert.last_day}T23:59:59Z",
            "sourceId": alert.alert_id,
            "metadata": {"alert_type": alert.title, **alert.facts},
            "geometry": {"type": "Point", "coordinates": [alert.lon, alert.lat]},
        }
        for alert in field_alerts(released, lang)
    ]
    return write_text(path, json.dumps(bodies, indent=1, ensure_ascii=False) + "\n")
