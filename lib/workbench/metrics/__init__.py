"""Metrics and their intervals, in plain NumPy."""
