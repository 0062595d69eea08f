"""Protocols, slices and comparisons of rankings."""
