"""Where scenes come from: sensors as data, quality masks, one protocol of sources, reading onto the grid.

Public: `open` (KNOWN, families_of, open_source), `source` (Duplicate, Problem, SearchResult, Source,
Superseded),
`scene_pixels` (BLOCKS, SWIR_BANDS, picture_bands, read_scene, read_window, shows_swir),
`clip` (is_here, keep_scene, write_catalogue),
`sensors.sensor_table` (DECIDED, SENSORS, STREAMS, TO_OLI, asset_of, indices_of, revisit_days_of, sensor_of,
stream_of),
`sensors.sensor` (Sensor), `sensors.quality` (QualityThresholds), `sensors.reasons` (OFF_PLACE,
SCENE_REASONS, TRACK, UNUSED),
`catalogues.public_archives` (ARCHIVES, collections_of, open_archive),
`catalogues.earth_engine` (EarthEngineSource), `catalogues.offsets` (DarkTargets, ArchiveRule,
resolve_offsets), `catalogues.ordered` (readable, with_known_first, with_least_cloud),
`catalogues.filling` (filling_reader),
`catalogues.superseded` (superseded_since), `catalogues.volume` (expected_bytes, measured_rate).
"""
