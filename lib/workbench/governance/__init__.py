"""From collected tables to trusted ones: quality rules, cleaning, exposure, labels, aggregates."""
