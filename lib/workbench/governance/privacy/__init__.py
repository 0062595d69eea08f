"""What protects the people in the data: pseudonyms, personal data in texts, anonymity of tables, noisy releases."""
