"""A grocer's products in words, short and readable: titles, and kinds of product for contexts."""

import ibis
from ibis.expr.types import StringValue, Table


def words(value: StringValue) -> StringValue:
    """Lower case, letters and digits only, single spaces: 'BREAD:ITALIAN/FRENCH' becomes 'bread italian french'."""
    return value.lower().re_replace("[^a-z0-9%$]+", " ").strip()


def type_text(items: Table) -> StringValue:
    """What kind of product it is; its category or department where the type is missing."""
    return words(ibis.coalesce(items.product_type, items.product_category, items.department, "unknown product"))


def item_text(items: Table) -> StringValue:
    """Type, package size and whether it is the shop's own brand: 'yogurt not multi packs 6 oz private'."""
    size = items.package_size.lower().re_replace("[^a-z0-9./]+", " ").strip()
    own = (items.brand == "Private").ifelse("private", ibis.null("string"))
    return ibis.literal(" ").join([type_text(items), size, own])  # a part that is null is left out


def finish(items: Table) -> Table:
    """Clean items with the contract's title and attributes, and `type_text` for contexts.

    The price stays null: the log knows no list price, only what was paid, and what was paid belongs to a time;
    `aggregates` gives it as of a week.
    """
    attributes = ibis.struct({"manufacturer_id": items.manufacturer_id, "package_size": items.package_size})
    return items.mutate(
        title=item_text(items),
        type_text=type_text(items),
        attributes=attributes.cast("json").cast("string"),
        language=ibis.literal("en"),
    ).drop("manufacturer_id", "package_size")
