"""Fits the estimator's profiles and measures how far off they are. Needs the data of ../shared/latency."""
