"""The register of rights: layers fetched or imported, kept as dated snapshots, read as one history.

Public: `register` (IN_FORCE, NOT_IN_FORCE, Register, UNKNOWN, Validity, validity), `manifest` (Manifest,
References, Snapshot, read_register, site_snapshots), `entries` (LayerEntry, RoadMark), `layer_rows`
(date_spans, read_layer), `snapshots` (ACCEPTED, SnapshotRecord, accept, keep, records, stored_snapshots),
`vector_files` (polygons, read_vector, split_layer), `archives` (PACKED, read_archive), `services.kinds`
(SERVICES), `services.service` (Client, LayerRequest).
"""
