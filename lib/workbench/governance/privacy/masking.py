"""Rows to look at without seeing whose they are: user ids as pseudonyms, personal data in any text as placeholders.

A report is read by more people than the data are. So what it shows goes through here, whichever table it comes from.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.governance.privacy.pii.redaction import redact
from workbench.governance.privacy.pseudonyms import PERSONAL, pseudonym

UNREAD = "(a raw row that could not be read; it is kept in the quarantine)"
RAW = "row"
CHANGED = ("before", "after")  # what a record of repairs and merges tells of a row
NAMED = ("key", "survivor")
NOT_PERSONAL = {"rule", "table", "column", "reasons", "how", "item_id", "candidate_id"}


@dataclass(frozen=True)
class Mask:
    """Masks frames that are going to be shown.

    Args:
        secret: of the pseudonyms.
        keys: the key column of each table, by which a record names its rows.

    """

    secret: bytes = field(repr=False)
    keys: Mapping[str, str] = field(default_factory=dict)

    def frame(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The same rows, masked: of a table, or of a record of repairs, merges or quarantine."""
        masked = rows.copy()
        each_row: list[dict[str, Any]] = [dict(zip(rows.columns, row, strict=True)) for row in rows.to_numpy(object)]
        for name in masked.columns.difference(list(NOT_PERSONAL)):
            if pd.api.types.is_string_dtype(masked[name]) or masked[name].dtype == object:
                masked[name] = pd.Series([self._value(name, row) for row in each_row], masked.index)
        return masked

    def _value(self, name: str, row: Mapping[str, Any]) -> Any:
        """What is shown in one cell."""
        value = row[name]
        if not isinstance(value, str):
            return value
        if name == RAW and "reasons" in row:
            return self._object(value) or UNREAD
        if name in NAMED and "table" in row:
            return self._object(value) or self._field(self.keys.get(row["table"], ""), value)
        if name in CHANGED and "column" in row:
            return self._object(value) or self._field(row["column"], value)
        return self._field(name, value, _owners(row))

    def _object(self, text: str) -> str | None:
        """A row that is written as JSON, masked field by field; None for other texts."""
        try:
            fields = json.loads(text)
        except ValueError:
            return None
        if not isinstance(fields, dict):
            return None
        owners = _owners(fields)
        return json.dumps(
            {name: self._field(name, value, owners) if isinstance(value, str) else value
             for name, value in fields.items()},
            ensure_ascii=False,
        )  # fmt: skip

    def _field(self, name: str, value: str, owners: Sequence[str] = ()) -> str:
        """A field of a row: an id of a person, an id that begins with one of these, or a text."""
        if name in PERSONAL:
            return pseudonym(self.secret, value)
        if name.endswith("_id"):
            for owner in (each for each in owners if f"{value}-".startswith(f"{each}-")):
                return pseudonym(self.secret, owner) + value[len(owner) :]
        return str(redact([value]).texts[0])


def _owners(row: Mapping[str, Any]) -> list[str]:
    """A row's ids of a person."""
    return [value for name in PERSONAL if isinstance(value := row.get(name), str)]
