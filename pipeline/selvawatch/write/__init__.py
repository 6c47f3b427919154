"""What people receive: rasters, tables, catalogues, bulletins and maps, each through the tiers.

`tiers` is the gate: `Gate`, `apply`, `release_attributed` and the `Released` they make; `register_of_tier`,
`references_of_tier` and `loss_of_tier` give what a tier may be told of layers and of the loss of others.
`formats` writes files of rows and layers, `encodings.ENCODINGS` says statuses as other alert systems do,
`bulletin` makes pages and pictures, `language` has the words. `run_provenance.Run` is what every file says of
its making, `legend` the one table of colours, `schemas` what `make schemas` writes.
"""
