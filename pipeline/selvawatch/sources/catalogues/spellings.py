"""What an item says in other words than this program: platforms, bands by name, collections, times."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

_LANDSAT_ID = re.compile(r"L[COTEM]0(\d)_L2S[PR]_")
_PICTURES = ("thumbnail", "overview", "visual")
_SUFFIX = re.compile(r"\.tiff?$", re.IGNORECASE)
_HLS = {"HLSS30": "HLSS30_2.0", "HLSL30": "HLSL30_2.0"}
LONGEST = dt.timedelta(hours=1)
"""Longest acquisition between a start and an end; a longer span is a composite's."""


def platform_of(properties: Mapping[str, Any], name: str) -> str:
    """Platform of an item: STAC 1.x's `platform`, the older `eo:platform`, or that of a Landsat id."""
    said = properties.get("platform") or properties.get("eo:platform")
    dated = _LANDSAT_ID.match(name)
    return str(said or (f"landsat-{dated[1]}" if dated else ""))


def collection_of(item: Mapping[str, Any]) -> str:
    """Collection that an item is recognised by: its own, or that of the HLS product that it names."""
    said = str(item["properties"].get("hls:product") or "").upper()
    return _HLS.get(said, str(item.get("collection") or ""))


def by_band_name(assets: Mapping[str, Any]) -> dict[str, Any]:
    """Assets by key and, where no key is that, by the name of their one band (`eo:bands` of STAC 1.0,
    `bands` of 1.1), and by the key without `.TIF`.

    A name that several assets have, as the sizes of one band do, or that a picture has, stands for none.
    """
    named: dict[str, list[Any]] = {}
    for key, entry in assets.items():
        if not isinstance(entry, Mapping):
            continue
        if (plain := _SUFFIX.sub("", key)) != key:
            named.setdefault(plain, []).append(entry)
        roles = entry.get("roles")
        if isinstance(roles, list) and any(role in _PICTURES for role in roles):
            continue
        for form in ("eo:bands", "bands"):
            bands = entry.get(form)
            if isinstance(bands, list) and len(bands) == 1 and isinstance(bands[0], Mapping):
                name = bands[0].get("name")
                if isinstance(name, str) and name and not any(entry is one for one in named.get(name, ())):
                    named.setdefault(name, []).append(entry)
    single = {name: entries[0] for name, entries in named.items() if len(entries) == 1}
    return {**single, **assets}


def middle_of(properties: Mapping[str, Any]) -> str | None:
    """Middle of an acquisition that states start and end instead of a `datetime`; None where it states
    neither, or they are further apart than `LONGEST`.

    Raises
    ------
    ValueError, TypeError
        When one of them is no time, or they differ in time zone.
    """
    ends = [properties.get(key) for key in ("start_datetime", "end_datetime")]
    if not all(isinstance(end, str) and end for end in ends):
        return None
    start, end = (dt.datetime.fromisoformat(str(end)) for end in ends)
    if not dt.timedelta(0) <= end - start <= LONGEST:
        return None
    return (start + (end - start) / 2).isoformat()
