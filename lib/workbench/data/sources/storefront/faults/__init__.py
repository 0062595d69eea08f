"""Planted faults: what goes wrong in real shops' tables, put into clean ones, with the truth of what was touched."""

from workbench.data.sources.storefront.faults.planting import HELD_OUT, KINDS, plant

__all__ = ["HELD_OUT", "KINDS", "plant"]
