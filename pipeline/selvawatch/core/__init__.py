"""The base of all others: days, grid, scenes, stack contract, statuses, and the tables of layers and columns.

Everything here is for every package: `days` and `hectares` convert, `settings` reads TOML, `files` writes and
digests, `scene`, `observation` and `stack` are what is passed on, `schema` and `tables` say what files hold.
"""
