"""Subscriptions held against what their store has: areas, zones, tiers, formats."""

from collections.abc import Sequence
from pathlib import Path

from selvawatch.core.tier import tier_named
from selvawatch.deliver.subscriptions import Subscription, Subscriptions
from selvawatch.errors import DeliveryError
from selvawatch.site import Site
from selvawatch.steps.delivery.attached_files import PAGE, formats_of_tier
from selvawatch.steps.products import TIERS
from selvawatch.steps.run.attribute_events import read_zones, zones_of_tier
from selvawatch.store.contents import PUBLIC
from selvawatch.store.folders import Store


def check_asked(asked: Subscriptions, site: Site, store: Store) -> None:
    """Refuse subscriptions to what the store does not have; DeliveryError for the first in the file."""
    areas = [area.name for area in site.areas]
    zones = _zones_of(asked, site, store)
    for one in asked.subscriptions:
        _refuse_absent(asked, one, "tier", [one.tier], TIERS)
        _refuse_absent(asked, one, "areas", one.areas, areas)
        _refuse_absent(asked, one, "formats", one.formats, [*formats_of_tier(one.tier), PAGE])
        if PAGE in one.formats and one.is_narrowed:
            raise DeliveryError(
                f"{one.name}: formats: the bulletin's page tells of every alert of its tier",
                where=asked.path,
                got=PAGE,
                needed="a subscription without areas, zones, types, causes and least_ha",
            )
        _refuse_absent(asked, one, "zones", one.zones, zones.get(one.tier, ()))
        folder = Path(one.to)
        if asked.kind_of(one.channel) == "folder" and store.folder.absolute() in (folder, *folder.parents):
            raise DeliveryError(f"{one.name}: its folder lies in the store", where=asked.path)


def _zones_of(asked: Subscriptions, site: Site, store: Store) -> dict[str, list[str]]:
    """Types of zone and names of protected areas and communities by tier; none where nobody asks for one."""
    tiers = {one.tier for one in asked.subscriptions if one.zones} & set(TIERS)
    if not tiers:
        return {}
    zones, found = read_zones(site, store), {}
    for tier in sorted(tiers):
        rights = zones_of_tier(zones, tier_named(tier)).register.rights
        named = rights[rights["type"].isin(["protected_core", "buffer"])]
        if tier != PUBLIC:
            named = rights[rights["type"].isin(["protected_core", "buffer", "native_community"])]
        types = rights.loc[rights["kind"] == "zone", "type"]
        found[tier] = sorted({*types, *named["name"].dropna()})
    return found


def _refuse_absent(
    asked: Subscriptions, wanted_by: Subscription, key: str, wanted: Sequence[str], known: Sequence[str]
) -> None:
    folded = {name.casefold() for name in known}
    for name in wanted:
        if name.casefold() not in folded:
            raise DeliveryError(
                f"{wanted_by.name}: {key}: it is not there",
                where=asked.path,
                got=name,
                needed=", ".join(known[:12]) or "a store that has any",
            )
