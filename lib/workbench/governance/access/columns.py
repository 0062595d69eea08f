"""Which group a column belongs to: its group decides by which key it is encrypted, and so who can read it."""

from collections.abc import Collection

import pyarrow as pa

from workbench.governance.access.keys import IDENTITIES

RECORD = ("repairs", "merges", "quarantine", "unparsed", "identities")
"""Tables that hold rows as they were collected, or say who a pseudonym is: kept under the key of identities."""
PEOPLE = "users"  # or begins with it: anonymised ones
NO_TEXT = (
    "event_type", "currency", "category", "brand", "language", "split", "origin", "label", "rule", "dimension", "table",
    "column", "reading", "severity", "action", "kind", "slice", "subject", "metric", "ranker", "arm", "experiment",
)  # fmt: skip
"""Columns of words that are the shop's or the workbench's own, and no person's."""


def groups_of(table: str, schema: pa.Schema, quasi: Collection[str] = ()) -> dict[str, str]:
    """The group of each column, a name in `policy.GROUPS`, or the key of identities for `RECORD`.

    What is known of people is quasi-identifying, whether a source has declared it or not; of other tables, ids are
    ids, words are text (unless they are the shop's own), and all else measures.

    Args:
        table: name of the table.
        schema: its columns.
        quasi: quasi-identifiers and sensitive columns that the source declares, wherever they stand.

    """
    if table in RECORD:
        return dict.fromkeys(schema.names, IDENTITIES)
    return {field.name: _group(table, field, quasi) for field in schema}


def _group(table: str, field: pa.Field, quasi: Collection[str]) -> str:
    name = field.name
    if name.endswith(("_id", "_ids")) or name == "key":
        return "ids"
    if name in quasi or table.startswith(PEOPLE):
        return "quasi"
    return "text" if name not in NO_TEXT and _words(field.type) else "measures"


def _words(kind: pa.DataType) -> bool:
    """Whether values are text, or lists or dictionaries of it."""
    if pa.types.is_dictionary(kind):
        return _words(kind.value_type)
    if pa.types.is_nested(kind):
        return any(_words(kind.field(place).type) for place in range(kind.num_fields))
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
