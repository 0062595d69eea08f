"""Corrections of labels by a person: a CSV file that the labelling widget writes and the next run reads.

The file keeps what the person saw, so that a decision about a text or a label that has changed since is told from one
that still holds.
"""

from collections.abc import Callable, Mapping, Sequence
from csv import QUOTE_ALL
from dataclasses import dataclass, field
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table
from pyarrow import csv

from workbench.artifacts import write_text
from workbench.governance.cleaning import Cleaned, record
from workbench.governance.cleaning.amendments import Amendment, amend
from workbench.governance.labels import reviews
from workbench.spelling import nearest

COLUMNS = ("text_id", "text", "label", "suggested", "decision", "new_label", "who", "when")
LABELLED = ("text_id", "text", "label")
DECISIONS = ("keep", "fix", "drop")
LARGEST = 2**31 - 1  # bytes that are read at once
RULE, DROP_RULE = "label corrected by a person", "text dropped by a person"
GONE = "the row is gone"


class CorrectionsError(ValueError):
    """The file of corrections cannot be used; the message says what to change in it."""


@dataclass(frozen=True)
class Applied(Amendment):
    """What corrections did.

    Args:
        outdated: corrections that were not applied, with the column `problem`: the row is gone, or its text or label
            is no longer what the person saw.

    """

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


def apply(texts: Table, corrections: pd.DataFrame) -> Applied:
    """Apply corrections to labelled texts.

    Rows in = rows out + dropped. What no correction names stays as it is.

    Args:
        texts: with text_id, text and label (all text), further columns are kept.
        corrections: as `read` gives them.

    Raises:
        CorrectionsError: a correction is not as it should be, or the table lacks a column.

    """
    if missing := [column for column in LABELLED if column not in texts.columns]:
        raise CorrectionsError(f"table 'texts' lacks the column {', '.join(missing)}, so no correction can be applied")
    return _apply(texts, texts.select(*LABELLED), corrections, "texts", "text_id", "label", lambda new: new)


def apply_to_reviews(events: Table, corrections: pd.DataFrame) -> Applied:
    """Apply corrections to reviews, whose label is that of their stars (`reviews.from_reviews`).

    A fix gives a review the stars of its new label (`reviews.STARS`); a dropped review is a dropped event.

    Args:
        events: event_id, event_type, value, text; further columns are kept, and so are all other events.
        corrections: as `read` gives them; text_id is the event_id.

    Raises:
        CorrectionsError: a correction is not as it should be, or its label is none that stars stand for.

    """
    labelled = reviews.from_reviews(events)

    def stars(new: pd.Series) -> pd.Series:
        if strange := sorted(set(new) - set(reviews.STARS)):
            raise CorrectionsError(f"unknown label '{strange[0]}' of a review{nearest(strange[0], reviews.STARS)}; "
                                   f"write {', '.join(reviews.STARS)}")  # fmt: skip
        return new.map(reviews.STARS).astype("str")

    return _apply(events, labelled, corrections, "events", "event_id", "value", stars)


def onto(con: ibis.BaseBackend, cleaned: Cleaned, path: str | Path) -> tuple[Cleaned, pd.DataFrame]:
    """Clean texts and reviews with their labels corrected; what changed joins the record, and the sums stay true.

    Args:
        con: the engine, which keeps the corrected tables.
        cleaned: with a table `texts`, or `events` with reviews. A correction holds for the one of the two that has its
            row, as the person saw it.
        path: the file of corrections.

    Returns:
        What is clean now, and the corrections that no longer hold, as in `Applied.outdated`.

    Raises:
        CorrectionsError: there are neither texts nor reviews, or the file is not as it should be.

    """
    given = read(path)
    problems: dict[str, str] = {}
    left, found = given, {}
    for name, how in _correctable(cleaned.tables, path).items():
        found[name] = how(cleaned.tables[name], left)
        outdated = found[name].outdated
        told = zip(outdated["text_id"], outdated["problem"], strict=True)
        problems |= {key: problem for key, problem in told if problems.get(key, GONE) == GONE}
        left = outdated[list(COLUMNS)]
    still = given[given["text_id"].isin(left["text_id"])]
    still = still.assign(problem=still["text_id"].map(problems).astype("object")).reset_index(drop=True)
    return amend(con, cleaned, found), still


def _correctable(tables: Mapping[str, Table], path: str | Path) -> dict[str, Callable[[Table, pd.DataFrame], Applied]]:
    """What applies corrections to each table that has labels."""
    found: dict[str, Callable[[Table, pd.DataFrame], Applied]] = {"texts": apply} if "texts" in tables else {}
    if "events" in tables and {*reviews.NEEDED} <= {*tables["events"].columns}:
        found["events"] = apply_to_reviews
    if not found:
        raise CorrectionsError(f"{path} corrects labels of texts or reviews, and this source has none: "
                               "leave the parameter empty")  # fmt: skip
    return found


def _apply(
    table: Table, labelled: Table, corrections: pd.DataFrame, name: str, key: str, column: str,
    value: Callable[[pd.Series], pd.Series],
) -> Applied:  # fmt: skip
    """Apply corrections to the rows of `labelled` (text_id, text, label), which show the labels that `column` holds.

    Args:
        table: whose rows are changed.
        labelled: all or some of its rows.
        corrections: as `read` gives them.
        name: of the table.
        key: its column with what the corrections call text_id.
        column: what a fix changes.
        value: from new labels to values of the column, as text.

    """
    check(corrections)
    asked = _memtable(corrections)
    if table.semi_join(asked, table[key] == asked.text_id)[key].execute().duplicated().any():
        raise CorrectionsError(f"table '{name}': '{key}' repeats, so a correction cannot tell the rows apart")
    current = labelled.semi_join(asked, labelled.text_id == asked.text_id).execute().set_index("text_id")
    problem = _problems(corrections, current)
    valid = corrections[problem == ""]
    fixed, dropped = (valid[valid["decision"] == decision] for decision in ("fix", "drop"))
    news = pd.DataFrame({"_at": fixed["text_id"], "_new": value(fixed["new_label"])}, dtype="str")
    new, gone = ibis.memtable(news, schema={"_at": "string", "_new": "string"}), _memtable(dropped)
    joined = table.left_join(new, table[key] == new["_at"])
    after = record.from_text(joined["_new"], table[column].type())
    changed = joined.mutate(**{column: joined["_at"].notnull().ifelse(after, joined[column])}).select(*table.columns)
    repairs = joined.filter(joined["_at"].notnull()).select(
        rule=ibis.literal(RULE), table=ibis.literal(name), key=joined[key], column=ibis.literal(column),
        before=record.as_text(joined[column]), after=record.as_text(after),
    )  # fmt: skip
    lost = table.semi_join(gone, table[key] == gone.text_id)
    rejected = lost.select(table=ibis.literal(name), key=lost[key], reasons=ibis.literal(DROP_RULE),
                           row=record.as_json(lost, lost.columns))  # fmt: skip
    return Applied(
        changed.anti_join(gone, changed[key] == gone.text_id),
        repairs.order_by("key").execute(),
        rejected.order_by("key").execute(),
        corrections[problem != ""].assign(problem=problem[problem != ""]).reset_index(drop=True),
    )


def _problems(corrections: pd.DataFrame, current: pd.DataFrame) -> pd.Series:
    """Why each correction does not hold any more; "" where it does."""
    ids = corrections["text_id"]
    text, label = (ids.map(current[column]) for column in ("text", "label"))
    conditions = [~ids.isin(current.index), text.ne(corrections["text"]), label.ne(corrections["label"])]
    reasons = [GONE, "the text has changed since", "the label has changed since"]
    problem = pd.Series("", index=corrections.index, dtype="object")
    for condition, reason in reversed(list(zip(conditions, reasons, strict=True))):
        problem = problem.mask(condition, reason)
    return problem


def _fields(corrections: pd.DataFrame) -> zip:
    return zip(*(corrections[name] for name in ("text_id", "decision", "label", "new_label")), strict=True)


def _memtable(corrections: pd.DataFrame) -> Table:
    return ibis.memtable(corrections[list(COLUMNS)].astype("str"), schema=dict.fromkeys(COLUMNS, "string"))
