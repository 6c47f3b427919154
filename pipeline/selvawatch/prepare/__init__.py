"""From scenes to observations: masks, one reflectance space, indices, same-day merge, files.

`ingest.ingest_scenes` makes observation files of scenes by a `scene_indices.Recipe`, `observation_files`
reads them, `observation_keys` says from which scenes each was made, `water_counts` counts open water of a
year, `clear_view` says which of them shows an outline best.
"""
