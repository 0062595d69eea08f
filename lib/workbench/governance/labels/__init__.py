"""Labels: exposure, examination by position, graded relevance, splits, label noise, and what a person corrects."""
