"""Where an alert lies, in words: what decides who goes, district and area, what is near, its coordinate."""

import re

import pandas as pd

from selvawatch.core.schema import Tier
from selvawatch.write.bulletin.bulletin_model import Bulletin
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.phrases import row_number, row_text
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word

NAME_LENGTH = 80
"""Most characters of a name that a layer brings."""

_DISTRICT = re.compile(r"^\s*distrito\s+(de\s+|del\s+)?", re.IGNORECASE)


def leads_of(language: Language, row: pd.Series) -> tuple[str, ...]:
    """What decides who goes: protected area or buffer zone, isolated peoples, native community, corridor."""
    parts = []
    protected = row_text(row, "protected")
    if protected in ("core", "buffer"):
        parts.append(
            _named(language, "protected_core" if protected == "core" else "buffer", row, "protected_name")
        )
    if row_text(row, "isolated_peoples") == "yes":
        parts.append(language.text(N_("near a reserve of isolated peoples")))
    if row_text(row, "in_native_community") == "in":
        parts.append(_named(language, "native_community", row, "native_community"))
    corridor = row_text(row, "corridor")
    if corridor in ("in", "out"):
        inside = language.text(N_("inside the mining corridor"))
        parts.append(inside if corridor == "in" else language.text(N_("outside the mining corridor")))
    return tuple(parts)


def _named(language: Language, kind: str, row: pd.Series, column: str) -> str:
    """The word for a kind of zone and its name, once where the name begins with the word."""
    words, name = word(language, "type", kind), single_line(row_text(row, column), NAME_LENGTH)
    if not name:
        return words
    return name if name.casefold().startswith(words.casefold()) else f"{words}: {name}"


def location_of(content: Bulletin, language: Language, row: pd.Series) -> str:
    """District and area; the area only where it is not the bulletin's own."""
    parts = []
    if district := single_line(_DISTRICT.sub("", row_text(row, "district")), NAME_LENGTH):
        parts.append(language.text(N_("%(name)s district")) % {"name": district})
    if (area := row_text(row, "area_name")) not in ("", content.area_name, content.area_title):
        parts.append(single_line(area, NAME_LENGTH))
    return ", ".join(parts)


def near_of(language: Language, row: pd.Series, coarse: bool) -> tuple[str, ...]:
    """Short phrases on what lies on or near the ground besides zones; coarse: distances in kilometres."""
    parts = []
    near_water = row_text(row, "near_water")
    if near_water in ("in_water", "under_50_m", "under_100_m", "under_500_m"):
        parts.append(word(language, "near_water", near_water))
    road, kilometre = row_number(row, "distance_road_m"), row_number(row, "road_km")
    if road is not None:
        distance = _distance(language, road, coarse)
        phrase = language.text(N_("%(distance)s from a road")) % {"distance": distance}
        parts.append(phrase + (f" (km {language.number(kilometre)})" if kilometre is not None else ""))
    if row_text(row, "remining") == "yes":
        parts.append(language.text(N_("in an old mining scar")))
    if (forest := row_text(row, "forest")) in ("primary", "secondary", "mixed"):
        parts.append(word(language, "forest", forest))
    return tuple(parts)


def _distance(language: Language, metres: float, coarse: bool) -> str:
    if coarse:
        return (
            f"{language.number(metres / 1000)} km" if metres >= 1000 else language.text(N_("less than 1 km"))
        )
    if metres < 1000:
        return f"{language.number(round(metres, -1))} m"
    return f"{language.number(metres / 1000, 1)} km"


def coordinates_of(content: Bulletin, language: Language, row: pd.Series) -> tuple[str, str]:
    """Latitude and longitude of a row, and a note: the same in the site's CRS, or the size of the square."""
    longitude, latitude = row_number(row, "lon"), row_number(row, "lat")
    if longitude is None or latitude is None:
        return "", ""
    if content.tier < Tier.RESTRICTED:
        cell = language.number(content.grid_m / 1000, 0 if content.grid_m % 1000 == 0 else 1)
        note = language.text(N_("centre of a square of %(side)s km")) % {"side": cell}
        return f"{latitude:.3f}, {longitude:.3f}", note
    east, north = row_number(row, "utm_e"), row_number(row, "utm_n")
    crs = content.alerts.frame.crs.to_authority() if hasattr(content.alerts.frame, "crs") else None
    grid = f"{':'.join(crs)} " if crs else ""
    utm = f"{grid}{east:.0f} E, {north:.0f} N" if east is not None and north is not None else ""
    return f"{latitude:.5f}, {longitude:.5f}", utm
