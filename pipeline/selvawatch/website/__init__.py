"""A static site of a run for one tier: pages, feeds, GeoJSON, and what makes it work without a line.

Everything in it comes from a bulletin's content and from what runs before gave to the same tier; nothing is
computed again. `pages` gives all files as bytes by path; `web_folder` lays them down.
"""
