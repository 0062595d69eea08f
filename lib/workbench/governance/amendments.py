"""Changes after cleaning, such as a person's: they join its record, so that it still leads to the clean tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance import record
from workbench.governance.cleaning import Cleaned
from workbench.governance.copies import COPY, KEY, numbered
from workbench.governance.scratch import Scratch


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


def amend(
    con: ibis.BaseBackend, cleaned: Cleaned, amendments: Mapping[str, Amendment], keys: Mapping[str, str]
) -> Cleaned:
    """What is clean once these changes are made to it.

    Args:
        con: the engine, which keeps each changed table as `amended_<name>`.
        cleaned: what cleaning left.
        amendments: the changes of each table, all of which are one step of the record, its last.
        keys: the key column of each of these tables.

    """
    step, scratch = _last_step(cleaned) + 1, Scratch(con)
    tables, repairs, dropped = dict(cleaned.tables), [cleaned.repairs], [cleaned.quarantine]
    for name, done in amendments.items():
        if len(done.repairs) or len(done.dropped):
            tables[name] = engine.keep(con, f"amended_{name}", done.table)
            named = _as_collected(scratch, cleaned, name, keys[name], done.repairs).assign(step=step)
            repairs.append(ibis.memtable(named, schema=record.REPAIRS))
            dropped.append(ibis.memtable(done.dropped.assign(step=step), schema=record.QUARANTINE))
    scratch.clear()
    logs = {"repairs": record.together(repairs, record.REPAIRS),
            "quarantine": record.together(dropped, record.QUARANTINE)}  # fmt: skip
    after = replace(cleaned, tables=tables, **logs)
    return replace(after, balance=_balance(after))


def _last_step(cleaned: Cleaned) -> int:
    logs = (cleaned.repairs, cleaned.quarantine, cleaned.merges)
    return max(int(log.step.max().fill_null(0).execute()) for log in logs)


def _as_collected(scratch: Scratch, cleaned: Cleaned, name: str, key: str, repairs: pd.DataFrame) -> pd.DataFrame:
    """Repairs with the rows named as all of the record names them: by key as collected, and number (`copies.numbered`).

    A key that was repaired is looked up in the record. Where others of the same key went to the quarantine, they are
    numbered with the one that stayed: that is its number among the collected rows as long as no repair reordered them.
    """
    table, ids = cleaned.tables[name], repairs["key"].tolist()
    log, lost = cleaned.repairs, cleaned.quarantine
    respelt = log.filter(log.table == name, log.column == key, log.after.isin(ids)).order_by("step").execute()
    lost = lost.filter(lost.table == name, lost.step > 0, lost.key.isin(ids))
    others = record.from_json(lost, "row", {column: table[column].type() for column in table.columns})
    stayed = table.filter(table[key].isin(others[key]) & table[key].isin(ids)).mutate(_stayed=True)
    both = stayed.union(others.select(*table.columns).mutate(_stayed=False))
    rows = numbered(scratch, both, key, list(table.columns)).filter(_["_stayed"]).execute()
    known = {at: (at, int(copy)) for at, copy in zip(rows[KEY], rows[COPY], strict=True)}
    known |= {row.after: (row.key, row.copy) for row in respelt.itertuples()}
    found = [known.get(at, (at, 0)) for at in ids]
    return repairs.assign(key=[at for at, _copy in found], copy=pd.array([copy for _at, copy in found], "Int64"))


def _balance(cleaned: Cleaned) -> pd.DataFrame:
    """The rows of each table, each figure counted anew in the tables and the record; what was collected stays."""
    added = cleaned.repairs.filter(cleaned.repairs.column == record.ROW)
    sums = {
        "added": added.group_by("table").agg(n=_.count()),
        "quarantined": cleaned.quarantine.group_by("table").agg(n=_.count()),
        "merged": cleaned.merges.group_by("table").agg(n=_.rows.sum()),
    }
    counts = {what: table.execute().set_index("table")["n"] for what, table in sums.items()}
    names = cleaned.balance["table"]
    counts["clean"] = pd.Series({name: table.count().execute() for name, table in cleaned.tables.items()
                                 if name in set(names)}, dtype="int64")  # fmt: skip
    columns = {what: names.map(found).fillna(0).astype("int64") for what, found in counts.items()}
    return cleaned.balance.assign(**columns)
