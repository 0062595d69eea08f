"""Rule sets, one module a kind of shop: `RULES`, the order of cleaning, and the tables as these rules see them."""
