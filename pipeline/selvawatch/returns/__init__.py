"""Use cases of what comes back from the field: reviews read in, given by hand, and as tiers know of them."""
