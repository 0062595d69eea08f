"""Aggregates released with differential privacy, and the ledger of what that costs.

The unit of privacy is the user: what is released would have come out nearly as likely without any one of them, with all
that they did (Dwork & Roth, "The algorithmic foundations of differential privacy", 2014, definition 2.4).
"""

from workbench.governance.privacy.releases import questions
from workbench.governance.privacy.releases.bounding import Query, QueryError, totals
from workbench.governance.privacy.releases.budget import Budget
from workbench.governance.privacy.releases.ledger import Ledger, LedgerError, OverBudget, at, home
from workbench.governance.privacy.releases.releasing import release

__all__ = [
    "Budget",
    "Ledger",
    "LedgerError",
    "OverBudget",
    "Query",
    "QueryError",
    "at",
    "home",
    "questions",
    "release",
    "totals",
]
