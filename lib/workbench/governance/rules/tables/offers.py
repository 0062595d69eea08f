"""What goes wrong with offers: a product, for whom, from when to when."""

from workbench.governance.quality import Rule
from workbench.governance.rules.strings import id_rules

RULES: tuple[Rule, ...] = (
    *id_rules("offers", "item_id", required=True),
    Rule("offer ends before it begins", "consistency", "offers", lambda t, _: t.valid_to < t.valid_from,
         severity="high", columns=("valid_from", "valid_to"), needs=("offers.valid_from", "offers.valid_to")),
)  # fmt: skip
