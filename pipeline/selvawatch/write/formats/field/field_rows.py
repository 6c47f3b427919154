"""What files for field tools share: a point in each alert, and its plain facts."""

from dataclasses import dataclass

import pandas as pd

from selvawatch.core.tier import Tier
from selvawatch.errors import TableError
from selvawatch.write.formats.placemarks import field_rows, title
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word
from selvawatch.write.tiers import Released


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldAlert:
    """An alert as somebody takes it to the field."""

    alert_id: str
    event_id: str
    title: str
    """Rank, hectares and possible cause, for people."""
    lon: float
    lat: float
    """A point inside, WGS 84 degrees to six decimals."""
    first_day: str
    """ISO day after which the loss began: the last observation without it, else its onset."""
    last_day: str
    """ISO day until which it began: the first observation of all of it, else its onset."""
    facts: dict[str, str | float | int]
    """Flat values by name: status, cause, hectares, days, district."""


def field_alerts(released: Released, lang: Language) -> list[FieldAlert]:
    """The alerts that are not withdrawn, by rank.

    Raises
    ------
    TableError
        Below the restricted tier: field tools take points, and lower tiers have squares alone.
    """
    if released.tier is not Tier.RESTRICTED:
        raise TableError(
            "files for field tools tell exact places",
            where=f"table {released.table.name}",
            got=f"tier {released.tier.name.lower()}",
            needed="tier restricted",
            do="give --tier restricted, and do not publish the file",
        )
    return [_alert(row, lang) for row, _ in field_rows(released) if row["status"] != "withdrawn"]


def _alert(row: pd.Series, lang: Language) -> FieldAlert:
    first = row["onset"] if pd.isna(row["onset_earliest"]) else row["onset_earliest"]
    last = row["onset"] if pd.isna(row["onset_latest"]) else row["onset_latest"]
    facts: dict[str, str | float | int] = {
        "alert_id": str(row["alert_id"]),
        "event_id": str(row["event_id"]),
        "version": int(row["version"]),
        "rank": int(row["rank"]),
        "ha": round(float(row["ha"]), 4),
        "status": str(row["status"]),
        "cause": str(row["cause"]),
        "cause_words": word(lang, "cause", row["cause"]),
        "first_detected": _day(row["first_detected"]),
        "onset": _day(row["onset"]),
    }
    if isinstance(row["district"], str):
        facts["district"] = single_line(row["district"], 80)
    return FieldAlert(
        alert_id=str(row["alert_id"]),
        event_id=str(row["event_id"]),
        title=f"{title(row, lang)} · {row['event_id']}",
        lon=round(float(row["lon"]), 6),
        lat=round(float(row["lat"]), 6),
        first_day=_day(min(first, last)),
        last_day=_day(max(first, last)),
        facts=facts,
    )


def _day(value: pd.Timestamp) -> str:
    return pd.Timestamp(value).date().isoformat()
