"""What people receive: rasters, tables, catalogues, bulletins and maps, each through the tiers."""
