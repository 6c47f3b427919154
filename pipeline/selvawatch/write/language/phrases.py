"""Phrases that every format prints of a row of events or alerts: its days, its coordinate."""

import pandas as pd

from selvawatch.write.language.i18n import N_, Language


def row_text(row: pd.Series, name: str) -> str:
    """A text of a row; empty where it is missing or the tier has no such column."""
    value = row.get(name)
    return "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value)


def row_number(row: pd.Series, name: str) -> float | None:
    """A number of a row; None where it is missing or the tier has no such column."""
    value = row.get(name)
    return None if value is None or pd.isna(value) else float(value)


def row_day(language: Language, row: pd.Series, name: str) -> str:
    """A day of a row in words; empty where it is missing."""
    value = row.get(name)
    return "" if value is None or pd.isna(value) else language.day(pd.Timestamp(value).date())


def began(language: Language, row: pd.Series) -> str:
    """When the loss of a row began: between two observations, or by the one that shows it."""
    earliest, latest = row_day(language, row, "onset_earliest"), row_day(language, row, "onset_latest")
    if earliest and latest:
        return language.text(N_("between %(first)s and %(last)s")) % {"first": earliest, "last": latest}
    return language.text(N_("%(day)s at the latest")) % {"day": latest or row_day(language, row, "onset")}


def days_of(language: Language, row: pd.Series) -> list[tuple[str, str]]:
    """What is known of a row's days, label and words, in the order of the days.

    When the loss began, when it was first seen, when it was confirmed, and when it last grew, where that is
    after it was first seen.
    """
    days = [
        (language.text(N_("Loss began")), began(language, row)),
        (language.text(N_("First seen")), row_day(language, row, "first_detected")),
        (language.text(N_("Confirmed")), row_day(language, row, "confirmed_on")),
    ]
    seen, grown = row.get("first_detected"), row.get("last_grown")
    if pd.notna(seen) and pd.notna(grown) and grown > seen:
        days.append((language.text(N_("Last growth")), row_day(language, row, "last_grown")))
    return [(label, words) for label, words in days if words]


def point_of(row: pd.Series) -> tuple[float, float]:
    """Longitude and latitude of a row, as its table has them: the one coordinate that every format gives."""
    return float(row["lon"]), float(row["lat"])
