"""Names of platforms in one spelling."""

import re

_PLATFORM = re.compile(r"(sentinel|landsat)[\s_-]*(\d)")


def platform_spelled(text: str) -> str:
    """A platform or constellation in lower case with dashes: `Sentinel 2` and `LANDSAT_9` become `sentinel-2`
    and `landsat-9`.
    """
    plain = _PLATFORM.sub(r"\1-\2", text.strip().lower())
    return re.sub(r"[\s_]+", "-", plain)
