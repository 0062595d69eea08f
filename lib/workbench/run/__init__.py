"""Profiles, strict parameters, execution, statuses, reports and the index of runs."""

import sys

# Importing nbformat makes jsonschema compile a grammar of IRIs, nearly 3 s in the command and again in every stage.
# No notebook's schema has an IRI, and jsonschema does without the check where this optional package is absent.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
