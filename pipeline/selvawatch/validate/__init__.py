"""Accuracy against a reference: series, rasters, the synthetic cube, loss maps and mining chips.

`judge_series`, `judge_raster`, `loss_map` and `mining_chips` have a `validate_...` each, which gives a
`report.ValidationReport`; `detection` runs any detector over observations. `area_sample` reads the sample of
an error-adjusted area, and `stratified.adjusted_area` estimates it.
"""
