"""Tables that rest on a reference sample, which the caller hands in.

`SPECS` are the tables of its modules.
"""

from selvawatch.tables.sampled import area_estimates

SPECS = area_estimates.SPECS

__all__ = ["SPECS"]
