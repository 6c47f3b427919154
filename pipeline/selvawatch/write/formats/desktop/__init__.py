"""Files for desktop GIS.

`gpkg.write_gpkg` (for programs) and `gpkg.write_people_gpkg` (with a style), `qgis_project.write_qgis`,
`shapefile.write_shapefile`.
"""
