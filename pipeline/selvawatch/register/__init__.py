"""The register of rights: layers fetched or imported, kept as dated snapshots, read as one history.

Public: `register` (IN_FORCE, NOT_IN_FORCE, Register, UNKNOWN, Validity, validity), `manifest` (Manifest,
References, Snapshot, read_register, site_snapshots), `entries` (LayerEntry, RoadMark,
columns_by_role), `layer_rows` (read_layer), `dating.date_forms` (DateRule, DateSpans, LANDSAT_BEGAN,
read_date_columns, read_dates), `dating.timelines` (EVER, Timelines, dated_by_application, last_rows,
runs, timelines),
`snapshots` (ACCEPTED, Origin, SnapshotRecord,
accept, keep, read_record, records, stored_snapshots), `snapshot_index` (INDEX, add_to_index, indexed),
`raster_files` (Bounds, RasterLimits, open_raster, windows_on),
`vector_files` (Reading, Repair, check_file, check_mendable, polygons, read_vector, split_layer),
`archives` (read_file), `readers.isolated_reading` (limits_for), `site_extent` (extent_of_areas),
`services.kinds` (SERVICES), `services.service` (Client, LayerRequest, public_address, without_secrets).
"""
