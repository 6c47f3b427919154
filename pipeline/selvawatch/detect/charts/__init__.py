"""Detectors of others on the same baselines and observations, to compare ours with: EWMA, CUSUM, MOSUM and
bayts.
"""
