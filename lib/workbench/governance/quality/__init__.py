"""Quality: rules as data, how much of each table passes them, the gate, and what changes from run to run."""

from workbench.governance.quality.copies import Repeats
from workbench.governance.quality.measuring import RULE, applicable, by_dimension, compare, gate, measure
from workbench.governance.quality.rule import DIMENSIONS, Action, Dimension, Rule, Severity, Tables

__all__ = [
    "DIMENSIONS", "RULE", "Action", "Dimension", "Repeats", "Rule", "Severity", "Tables",
    "applicable", "by_dimension", "compare", "gate", "measure",
]  # fmt: skip
