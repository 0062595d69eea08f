"""Whom promotions and offers reach: what every source and every reader of its tables agrees on."""

from ibis.expr.types import Table

REACH = 8  # weeks for which a store that a household visited may still send it its mailer


def personal_offers(offers: Table, audience: Table) -> Table:
    """The contract's `offers` as a view: each coupon's product for each household that its campaign addresses.

    Args:
        offers: the contract's columns but user_id, and campaign_id.
        audience: campaign_id, user_id.

    Returns:
        The columns of `offers` and user_id. Filter it before you execute it: it can have very many rows.

    """
    return offers.join(audience.select("campaign_id", "user_id"), "campaign_id")
