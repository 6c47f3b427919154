"""Tiers: who may see a column or a product."""

from enum import IntEnum

from selvawatch.errors import TableError


class Tier(IntEnum):
    """Who may see a column or a product; each tier sees all below it."""

    PUBLIC = 0
    """Anyone: delayed, on a 1 km grid, no holders."""
    PARTNER = 1
    """Named partners under agreement."""
    RESTRICTED = 2
    """Authorities with jurisdiction: full coordinates."""


LEAST_RIGHTS = 5
"""Rights that a row below the partner tier tells of at least, where a site does not say otherwise."""


def tier_named(text: str) -> Tier:
    """The tier of that name in small letters, as commands and the Python call take it.

    Raises
    ------
    TableError
        When there is no such tier.
    """
    tiers = {tier.name.lower(): tier for tier in Tier}
    if text not in tiers:
        raise TableError("unknown tier", got=text, needed=list(tiers))
    return tiers[text]
