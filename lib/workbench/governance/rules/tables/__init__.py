"""The rules of a shop, a module for each table of the contract or, where a table has many, for each concern."""
