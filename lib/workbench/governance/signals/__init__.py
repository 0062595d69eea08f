"""Signals that rules judge by and that take more than a condition: broken characters, near-duplicates, robots."""
