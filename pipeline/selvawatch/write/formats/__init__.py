"""The file formats that tables, rasters and catalogues go out in."""
