"""What a radar item is, as it says itself: terrain-corrected or raw, on which track, in which direction.

OPERA RTC-S1 items of CMR-STAC state neither orbit nor track; both follow from the burst in their id (OPERA
RTC-S1 Product Specification, JPL D-108758, https://www.jpl.nasa.gov/go/opera/products/rtc-product/). Burst
numbers: ESA, Sentinel-1 Level 1 Detailed Algorithm Definition, DI-MPC-IPFDPM, section 9.25
(https://sentinels.copernicus.eu/documents/247904/1877131/S1-TN-MDA-52-7445). Planetary Computer's
`sentinel-1-rtc` items call themselves GRD, after what they were made from; they state the UTM grid that raw
ones have not (https://planetarycomputer.microsoft.com/dataset/sentinel-1-rtc).
"""

import math
import re
from collections.abc import Mapping
from typing import Any

CORRECTED = ("RTC", "NRB")
"""Product types that are terrain-corrected backscatter in power: radiometric terrain correction, and CEOS
normalised radar backscatter.
"""

TRACKS = 175
"""Tracks (relative orbits) of Sentinel-1 in its cycle of 12 days."""

_ORBIT_S = 12 * 86_400 / TRACKS
_BURST_S = 2.758273
"""Seconds between two bursts of a sub-swath, DI-MPC-IPFDPM table 9-7."""
_PREAMBLE_S = 2.299849
_OFFSETS = {"A": 73, "B": 27, "C": 172, "D": 42}
"""Absolute orbit less track, modulo 175, by satellite (https://forum.step.esa.int/t/7042 for A and B); that
of D agrees with what Copernicus Data Space states of orbits 4689 (track 98) and 4762 (track 171).
"""
_MOVED = {"C": "20260609"}
"""First day from which a satellite's offset is another one and not known here: Sentinel-1C was moved between
9 and 23 June 2026 (https://dataspace.copernicus.eu/news/2026-5-28-sentinel-1-orbital-reconfiguration-dates).
"""
_OPERA_ID = re.compile(r"OPERA_L2_RTC-S1_T(\d{3})-(\d{6})-(IW\d)_\d{8}T\d{6}Z_(\d{8}T\d{6}Z)_(S1[A-D])_")
_PRODUCT_ID = re.compile(r"S1([A-D])_\w\w_(?:GRD[HMF]|SLC|RAW|OCN)_\w{4}_(\d{8})T\d{6}_\d{8}T\d{6}_(\d{6})_")
_RAW_ID = re.compile(r"(?<![A-Z0-9])(GRD[HMF]?|SLC|RAW|OCN)(?![A-Z0-9])", re.IGNORECASE)
_DEGREES = "EPSG:4326"


def raw_reason(properties: Mapping[str, Any], name: str, grid: str, listed: bool) -> str:
    """Why a radar item is no terrain-corrected backscatter; empty where it is.

    grid: CRS that the item states for its files, empty where it states none. listed: whether its collection
    is one of backscatter, by name.
    """
    kind = str(properties.get("sar:product_type") or "").strip().upper()
    corrected = kind in CORRECTED or name.lower().endswith("_rtc")
    projected = grid not in ("", _DEGREES)
    if kind and kind not in (*CORRECTED, "GRD"):
        return f"it is {kind[:20]}, needed {' or '.join(CORRECTED)}"
    if listed and (corrected or projected or not kind):
        return ""
    if kind == "GRD":
        return f"it is GRD, needed {' or '.join(CORRECTED)}"
    if corrected:
        return ""
    if raw := _RAW_ID.search(name):
        return f"it is {raw[1].upper()} by its id, needed {' or '.join(CORRECTED)}"
    return "" if projected else "it states no projected grid, and is not known to be terrain-corrected"


def track_of(properties: Mapping[str, Any], name: str) -> str:
    """Track (relative orbit) of a radar item, `1` to `175`; empty where nothing says it."""
    said = properties.get("sat:relative_orbit")
    if isinstance(said, int | float) and not isinstance(said, bool) and said == int(said):
        return str(int(said)) if 1 <= said <= TRACKS else ""
    if isinstance(said, str) and said.strip().isdigit() and 1 <= int(said) <= TRACKS:
        return str(int(said))
    if burst := _OPERA_ID.match(name):
        return str(int(burst[1])) if 1 <= int(burst[1]) <= TRACKS else ""
    product = _PRODUCT_ID.match(name)
    if product and product[2] < _MOVED.get(product[1], "99999999"):
        return str((int(product[3]) - _OFFSETS[product[1]]) % TRACKS + 1)
    return ""


def direction_of(properties: Mapping[str, Any], name: str) -> str:
    """Direction of flight as an item states it, lower case, or as the burst in an OPERA id gives it; empty
    where neither does.

    A satellite flies north in the quarters of its orbit on either side of the ascending node.
    """
    said = str(properties.get("sat:orbit_state") or "").strip().lower()
    burst = _OPERA_ID.match(name)
    if said or burst is None or not 1 <= int(burst[1]) <= TRACKS:
        return said
    since_node = (int(burst[2]) - 1) * _BURST_S + _PREAMBLE_S - (int(burst[1]) - 1) * _ORBIT_S
    return "ascending" if math.cos(2 * math.pi * since_node / _ORBIT_S) > 0 else "descending"


def platform_of(name: str) -> str:
    """Satellite in an OPERA id, such as `sentinel-1a`; empty for any other id."""
    burst = _OPERA_ID.match(name)
    return f"sentinel-1{burst[5][-1].lower()}" if burst else ""


def made_of(name: str) -> str:
    """When the product of an OPERA id was made, `20240113T113128Z`; empty for any other id."""
    burst = _OPERA_ID.match(name)
    return burst[4] if burst else ""


def burst_of(name: str) -> str:
    """Burst of an OPERA id, `T035-073251-IW2`; empty for any other id."""
    burst = _OPERA_ID.match(name)
    return f"T{burst[1]}-{burst[2]}-{burst[3]}" if burst else ""
