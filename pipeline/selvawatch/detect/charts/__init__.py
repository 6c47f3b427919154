"""Detectors of others on the same baselines and looks, to compare ours with: EWMA, CUSUM, MOSUM and bayts."""
