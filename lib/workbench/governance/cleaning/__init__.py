"""Cleaning: repairs, merges and quarantine by the rules, and the record of what they did."""

from workbench.governance.cleaning.passes import Cleaned, clean

__all__ = ["Cleaned", "clean"]
