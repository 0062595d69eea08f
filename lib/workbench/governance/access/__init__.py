"""Who may read which columns: keys, encryption at rest, roles, and the log of what was granted and denied."""
