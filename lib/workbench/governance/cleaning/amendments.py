"""Changes after cleaning, such as a person's: they join its record, so that it still leads to the clean tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ibis
import pandas as pd
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance.cleaning import Cleaned, record


@dataclass(frozen=True)
class Amendment:
    """A table as it is after changes, and what they were.

    Args:
        table: the rows with their new values, and without the dropped ones.
        repairs: one row a changed value: rule, table, key, column, before, after.
        dropped: rows for the quarantine: table, key, reasons, row (JSON of the columns).

    """

    table: Table
    repairs: pd.DataFrame
    dropped: pd.DataFrame


def amend(con: ibis.BaseBackend, cleaned: Cleaned, amendments: Mapping[str, Amendment]) -> Cleaned:
    """What is clean once these changes are made to it.

    Args:
        con: the engine, which keeps each changed table as `amended_<name>`.
        cleaned: what cleaning left.
        amendments: the changes of each table, all of which are one step of the record, its last.

    """
    step = _last_step(cleaned) + 1
    tables, repairs, dropped = dict(cleaned.tables), [cleaned.repairs], [cleaned.quarantine]
    for name, done in amendments.items():
        if len(done.repairs) or len(done.dropped):
            tables[name] = engine.keep(con, f"amended_{name}", done.table)
            repairs.append(ibis.memtable(done.repairs.assign(step=step, copy=record.BY_THEN), schema=record.REPAIRS))
            dropped.append(ibis.memtable(done.dropped.assign(step=step), schema=record.QUARANTINE))
    logs = {"repairs": record.together(repairs, record.REPAIRS),
            "quarantine": record.together(dropped, record.QUARANTINE)}  # fmt: skip
    collected = {str(name): int(n) for name, n in cleaned.balance.set_index("table")["collected"].items()}
    counted = record.balance(tables, logs["repairs"], logs["quarantine"], cleaned.merges, collected)
    return replace(cleaned, tables=tables, balance=counted, **logs)


def _last_step(cleaned: Cleaned) -> int:
    logs = (cleaned.repairs, cleaned.quarantine, cleaned.merges)
    return max(int(log.step.max().fill_null(0).execute()) for log in logs)
