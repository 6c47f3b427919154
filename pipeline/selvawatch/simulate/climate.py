"""The year in the south-western Amazon: rains from November to April, smoke in August and September."""

import datetime as dt
import math

from selvawatch.core.days import to_date


def day_of_year(day: int) -> int:
    """Day of the year, from 1."""
    return to_date(day).timetuple().tm_yday


def wetness(day: int) -> float:
    """How much a day is of the rainy season: near 1 from November to April, near 0 from June to September."""
    return 0.5 * (1 + math.tanh(2.5 * math.cos(2 * math.pi * (day_of_year(day) - 31) / 365.25)))


def smokiness(day: int) -> float:
    """How much of the burning season a day belongs to: 1 at the end of August, 0 outside July to October."""
    distance = abs(day_of_year(day) - 242)
    return max(0.0, 1 - distance / 45) ** 0.7


def season(day: int) -> tuple[float, float]:
    """Cosine and sine of the year, counted from the first of March."""
    angle = 2 * math.pi * (day_of_year(day) - 60) / 365.25
    return math.cos(angle), math.sin(angle)


def sun(day: int, latitude: float) -> tuple[float, float]:
    """Sun elevation and azimuth (clockwise from north) at about half past ten in the morning, degrees."""
    declination = math.radians(-23.44 * math.cos(2 * math.pi * (day_of_year(day) + 10) / 365.25))
    phi, hour = math.radians(latitude), math.radians(-22.5)
    up = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour)
    east = -math.cos(declination) * math.sin(hour)
    north = math.cos(phi) * math.sin(declination) - math.sin(phi) * math.cos(declination) * math.cos(hour)
    return math.degrees(math.asin(up)), math.degrees(math.atan2(east, north)) % 360


def at(day: int, hour: int, minute: int, second: int) -> dt.datetime:
    """A time of a day, UTC."""
    date = to_date(day)
    return dt.datetime(date.year, date.month, date.day, hour, minute, second, tzinfo=dt.UTC)
