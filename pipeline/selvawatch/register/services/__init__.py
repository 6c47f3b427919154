"""Services that publish layers: one module a kind, one table."""
