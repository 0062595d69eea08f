"""Profiles, strict parameters, execution, statuses, reports and the index of runs."""
