"""Where scenes come from: sensors as data, quality masks, one protocol of sources, reading onto the grid."""
