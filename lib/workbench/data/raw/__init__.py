"""Raw files of any kind, read whole: every row is parsed, or kept as rejected with its reason."""
