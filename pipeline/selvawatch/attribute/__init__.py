"""Whose ground: the register of rights, planar faces, accountings, legal context and tables."""
