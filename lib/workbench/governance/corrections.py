"""Corrections of labels by a person: a CSV file that the labelling widget writes and the next run reads.

The file keeps what the person saw, so that a decision about a text or a label that has changed since is told from one
that still holds.
"""

from collections.abc import Sequence
from csv import QUOTE_ALL
from dataclasses import dataclass, field, replace
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
from ibis import _
from ibis.expr.types import Table
from pyarrow import csv

from workbench.artifacts import write_text
from workbench.data import engine
from workbench.governance import record
from workbench.governance.cleaning import Cleaned
from workbench.spelling import nearest

COLUMNS = ("text_id", "text", "label", "suggested", "decision", "new_label", "who", "when")
DECISIONS = ("keep", "fix", "drop")
REPAIRS = ("rule", "table", "key", "column", "before", "after")
DROPPED = ("table", "key", "reasons", "row")
LARGEST = 2**31 - 1  # bytes that are read at once
RULE, DROP_RULE = "label corrected by a person", "text dropped by a person"


class CorrectionsError(ValueError):
    """The file of corrections cannot be used; the message says what to change in it."""


@dataclass(frozen=True)
class Applied:
    """What corrections did.

    Args:
        texts: the table with its labels corrected and the dropped rows taken out.
        repairs: one row a changed label: rule, table, key, column, before, after.
        dropped: rows for the quarantine: table, key, reasons, row (JSON of the columns).
        outdated: corrections that were not applied, with the column `problem`: the row is gone, or its text or label
            is no longer what the person saw.

    """

    texts: Table
    repairs: pd.DataFrame
    dropped: pd.DataFrame
    outdated: pd.DataFrame = field(repr=False)


def empty() -> pd.DataFrame:
    """No corrections."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})


def read(path: str | Path, classes: Sequence[str] = ()) -> pd.DataFrame:
    """The corrections in a file, one row a text, in the file's order; all columns are text, an empty one is "".

    Args:
        path: CSV in UTF-8 with the columns of `COLUMNS`.
        classes: labels that a fix may give; empty: any.

    Raises:
        CorrectionsError: the file, a column, a decision or a label is not as it should be, or a text comes twice.

    """
    path = Path(path)
    if not path.is_file():
        raise CorrectionsError(f"{path} does not exist: label some rows first, or leave the parameter empty")
    how = csv.ReadOptions(block_size=min(path.stat().st_size + 1, LARGEST))
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False)
    try:
        table = csv.read_csv(path, how, csv.ParseOptions(newlines_in_values=True), as_text)
    except pa.ArrowInvalid as error:
        raise CorrectionsError(
            f"{path} is not a CSV file in UTF-8 ({str(error).splitlines()[0]}): repair it"
        ) from error
    if len(set(table.column_names)) < table.num_columns:
        raise CorrectionsError(f"{path}: a column comes twice: leave each of {', '.join(COLUMNS)} once")
    columns = zip(table.column_names, table.columns, strict=True)
    rows = pd.DataFrame({name: column.to_pylist() for name, column in columns}, dtype="str")
    check(rows, classes, str(path))
    return rows[list(COLUMNS)]


def write(path: str | Path, corrections: pd.DataFrame) -> Path:
    """Write corrections at once: a reader sees the old file or the new one, never a part."""
    check(corrections)
    # everything in quotes: else a lone carriage return in a text would end its line
    text = corrections[list(COLUMNS)].to_csv(index=False, lineterminator="\n", quoting=QUOTE_ALL)
    return write_text(Path(path), text)


def check(corrections: pd.DataFrame, classes: Sequence[str] = (), place: str = "the corrections") -> None:
    """Raise CorrectionsError unless columns, decisions and labels are as they should be."""
    if unknown := [str(name) for name in corrections if name not in COLUMNS]:
        raise CorrectionsError(f"{place}: unknown column '{unknown[0]}'{nearest(unknown[0], COLUMNS)}")
    if missing := [name for name in COLUMNS if name not in corrections]:
        raise CorrectionsError(f"{place}: the column {', '.join(missing)} is missing")
    for text_id, decision, label, new in _fields(corrections):
        where = f"{place}: text '{text_id}'"
        if decision not in DECISIONS:
            raise CorrectionsError(f"{where}: unknown decision '{decision}'{nearest(decision, DECISIONS)}; "
                                   f"write {', '.join(DECISIONS)}")  # fmt: skip
        if decision == "fix" and new in ("", label):
            raise CorrectionsError(f"{where}: a fix needs a new_label that differs from the label '{label}'")
        if decision != "fix" and new:
            raise CorrectionsError(f"{where}: only a fix has a new_label: empty it, or write fix")
        if new and classes and new not in classes:
            raise CorrectionsError(f"{where}: unknown label '{new}'{nearest(new, classes)}")
    if corrections["text_id"].duplicated().any():
        twice = corrections.loc[corrections["text_id"].duplicated(), "text_id"].iloc[0]
        raise CorrectionsError(f"{place}: text '{twice}' comes twice: leave one decision for it")


def apply(texts: Table, corrections: pd.DataFrame, *, name: str = "texts", key: str = "text_id") -> Applied:
    """Apply corrections to labelled texts.

    Rows in = rows out + dropped. What no correction names stays as it is.

    Args:
        texts: with `key`, text and label (all text), further columns are kept.
        corrections: as `read` gives them.
        name: of the table in the records.
        key: the column that holds what the corrections call text_id, such as pair_id.

    Raises:
        CorrectionsError: a correction is not as it should be, or the table lacks a column.

    """
    check(corrections)
    if missing := [column for column in (key, "text", "label") if column not in texts.columns]:
        raise CorrectionsError(f"table '{name}' lacks the column {', '.join(missing)}, so no correction can be applied")
    asked = _memtable(corrections)
    current = texts.semi_join(asked, texts[key] == asked.text_id).execute()
    if current[key].duplicated().any():
        raise CorrectionsError(f"table '{name}': '{key}' repeats, so a correction cannot tell the rows apart")
    problem = _problems(corrections, current.set_index(key))
    valid = corrections[problem == ""]
    fixed, dropped = (valid[valid["decision"] == decision] for decision in ("fix", "drop"))
    outdated = corrections[problem != ""].assign(problem=problem[problem != ""]).reset_index(drop=True)
    rejected = current[current[key].isin(dropped["text_id"])].sort_values(key)
    return Applied(
        _changed(texts, fixed, dropped, key), _repairs(fixed, name), _rejected(rejected, name, key), outdated
    )


def onto(con: ibis.BaseBackend, cleaned: Cleaned, path: str | Path) -> tuple[Cleaned, pd.DataFrame]:
    """Clean texts with their labels corrected; what changed joins the record, and the sums stay true.

    Args:
        con: the engine, which keeps the corrected texts.
        cleaned: with a table `texts`.
        path: the file of corrections.

    Returns:
        What is clean now, and the corrections that no longer hold, as in `Applied.outdated`.

    Raises:
        CorrectionsError: there are no texts, or the file is not as it should be.

    """
    if "texts" not in cleaned.tables:
        raise CorrectionsError(f"{path} corrects labels of texts, and this source has none: leave the parameter empty")
    done = apply(cleaned.tables["texts"], read(path))
    tables = {**cleaned.tables, "texts": engine.keep(con, "corrected_texts", done.texts)}
    last = int(cleaned.repairs.step.max().execute() or 0) + 1
    repairs = done.repairs.assign(step=last, copy=pd.Series(pd.NA, index=done.repairs.index, dtype="Int64"))
    changed = ibis.memtable(repairs, schema=record.REPAIRS)
    dropped = ibis.memtable(done.dropped.assign(step=last), schema=record.QUARANTINE)
    logs = {
        "repairs": record.together([cleaned.repairs, changed], record.REPAIRS),
        "quarantine": record.together([cleaned.quarantine, dropped], record.QUARANTINE),
    }
    balance = cleaned.balance.set_index("table")
    balance.loc["texts", ["clean", "quarantined"]] += [-len(done.dropped), len(done.dropped)]
    return replace(cleaned, tables=tables, balance=balance.reset_index(), **logs), done.outdated


def _changed(texts: Table, fixed: pd.DataFrame, dropped: pd.DataFrame, key: str) -> Table:
    new = _memtable(fixed).select(corrected_id=_.text_id, corrected_label=_.new_label)
    gone = _memtable(dropped)
    joined = texts.anti_join(gone, texts[key] == gone.text_id).left_join(new, [(_[key], new.corrected_id)])
    return joined.mutate(label=ibis.coalesce(joined.corrected_label, joined.label)).select(*texts.columns)


def _problems(corrections: pd.DataFrame, current: pd.DataFrame) -> pd.Series:
    """Why each correction does not hold any more; "" where it does."""
    ids = corrections["text_id"]
    text, label = (ids.map(current[column]) for column in ("text", "label"))
    conditions = [~ids.isin(current.index), text.ne(corrections["text"]), label.ne(corrections["label"])]
    reasons = ["the row is gone", "the text has changed since", "the label has changed since"]
    problem = pd.Series("", index=corrections.index, dtype="object")
    for condition, reason in reversed(list(zip(conditions, reasons, strict=True))):
        problem = problem.mask(condition, reason)
    return problem


def _repairs(fixed: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = fixed.sort_values("text_id")
    values = {"rule": RULE, "table": name, "key": rows["text_id"], "column": "label", "before": rows["label"]}
    return pd.DataFrame({**values, "after": rows["new_label"]}, columns=list(REPAIRS)).reset_index(drop=True)


def _rejected(rows: pd.DataFrame, name: str, key: str) -> pd.DataFrame:
    whole = [row.to_json(force_ascii=False, date_format="iso", date_unit="us") for _, row in rows.iterrows()]
    values = {"table": name, "key": rows[key].to_numpy(), "reasons": DROP_RULE, "row": whole}
    return pd.DataFrame(values, columns=list(DROPPED)).reset_index(drop=True)


def _fields(corrections: pd.DataFrame) -> zip:
    return zip(*(corrections[name] for name in ("text_id", "decision", "label", "new_label")), strict=True)


def _memtable(corrections: pd.DataFrame) -> Table:
    return ibis.memtable(corrections[list(COLUMNS)].astype("str"), schema=dict.fromkeys(COLUMNS, "string"))
