"""Candidates, features and rankers, and their fusion."""
