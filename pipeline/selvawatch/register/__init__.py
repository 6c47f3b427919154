"""The register of rights: layers fetched or imported, kept as dated snapshots, read as one history."""
