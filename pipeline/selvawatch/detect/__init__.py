"""Change detection: baseline, evidence, fusion into state, and status.

`baseline.fit_baselines` fits a history by a `model.Model`; `common_shift.without_common_shift` clears an
observation; `past_runs.raised_levels` says where more is asked of it; `fusion.start`, `advance` and `layers`
are the state of a tile; `charts.chart_models` holds the detectors of others. Kernels are for this package
alone, but for `kernels.since`.
"""
