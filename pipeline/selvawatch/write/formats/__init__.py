"""One module a file format.

`format_table` is the table of formats for rows and the way to write them (`write_alerts`, `write_rows`).
`raster` (`write_layers`, `PRODUCT_LAYERS`) and `stac_catalogue` (`Product`, `write_stac`) write the rest of a
run, `companions.write_dictionary` the data dictionary of some tables; `rows.lonlat` gives outlines to pages.
"""
