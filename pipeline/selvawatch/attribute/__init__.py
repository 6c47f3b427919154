"""Whose ground: a dated register of rights, exact overlay, accountings, legal context, and tables."""
