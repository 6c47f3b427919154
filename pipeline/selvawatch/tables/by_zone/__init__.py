"""Tables by zone: each zone by its name, zone upon zone, and two products beside each other.

`SPECS` are the tables of its modules.
"""

from selvawatch.tables.by_zone import named_zones, products_compared, zone_overlaps

SPECS = (*named_zones.SPECS, *products_compared.SPECS, *zone_overlaps.SPECS)

__all__ = ["SPECS"]
