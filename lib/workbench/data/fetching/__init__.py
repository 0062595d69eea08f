"""Downloads of published sources."""
