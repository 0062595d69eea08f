"""Personal data in the text columns of tables: found over all rows at once, replaced row by row.

Only distinct texts leave the engine, and of these only those that could hold personal data are looked at; so a log of
millions of queries is read once, and what is replaced is brought back by a join.
"""

from collections.abc import Mapping, Sequence

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import StringValue, Table

from workbench.data import engine
from workbench.governance.privacy.pii.redaction import redact, suspects

FOUND = ["table", "column", "kind", "finds", "texts"]
OWNER = "user_id"
NOBODY = ""  # the owner of texts of which nobody knows who wrote them
BATCH = 200_000  # texts that are looked at together


def declared(columns: Sequence[str], tables: Mapping[str, Table]) -> list[tuple[str, str]]:
    """Table and column of what a source declares as `table.column`, as far as it is there."""
    named = [(table, column) for table, _, column in (each.partition(".") for each in columns)]
    return [(table, column) for table, column in named if table in tables and column in tables[table].columns]


def redact_tables(
    con: ibis.BaseBackend, tables: Mapping[str, Table], columns: Sequence[str]
) -> tuple[dict[str, Table], pd.DataFrame]:
    """Put typed placeholders in the place of personal data.

    A value has the same placeholder in all texts of one user, whichever column they stand in.

    Args:
        con: the engine, in which tables that change are kept as `private_<name>`.
        tables: by name; those with a `user_id` have owners of their texts.
        columns: `table.column` of the free texts, such as a source's `PII`.

    Returns:
        The tables, and what was found in them: table, column, kind, finds, and distinct texts of a user that hold any.

    """
    places = declared(columns, tables)
    written = {place: _written(tables[place[0]], place[1]) for place in places}
    doubted = _doubted(list(written.values()))
    if not doubted:
        return dict(tables), pd.DataFrame(columns=FOUND)
    suspected = con.create_table("suspected_texts", pd.DataFrame({"text": doubted}), overwrite=True)
    rows = pd.concat(
        table.semi_join(suspected, "text").execute().assign(table=name, column=column)
        for (name, column), table in written.items()
    )
    rows = rows.sort_values(["owner", "table", "column", "text"], ignore_index=True)
    done = redact(rows["text"].tolist(), [owner or None for owner in rows["owner"]])
    rows["redacted"] = done.texts
    changed = rows.loc[rows["text"] != rows["redacted"], ["owner", "table", "column", "text", "redacted"]]
    return _replaced(con, tables, changed), _counted(rows, done.found)


def _written(table: Table, column: str) -> Table:
    """owner, text: each text of each user once."""
    return table.filter(table[column].notnull()).select(owner=_owner(table), text=table[column]).distinct()


def _owner(table: Table) -> StringValue:
    return table[OWNER].fill_null(NOBODY) if OWNER in table.columns else ibis.literal(NOBODY)


def _doubted(written: Sequence[Table]) -> list[str]:
    """Texts that could hold personal data, each once."""
    found: set[str] = set()
    for table in written:
        for batch in table.select("text").distinct().to_pyarrow_batches(chunk_size=BATCH):
            texts = batch.column(0).to_pylist()
            found.update(texts[place] for place in suspects(texts))
    return sorted(found)


def _replaced(con: ibis.BaseBackend, tables: Mapping[str, Table], changed: pd.DataFrame) -> dict[str, Table]:
    """The tables with the redacted texts; one without any is the one that was given."""
    result = dict(tables)
    for name, column in changed[["table", "column"]].drop_duplicates().itertuples(index=False):
        mine = changed[(changed["table"] == name) & (changed["column"] == column)]
        pairs = con.create_table(
            f"redacted_{name}_{column}", mine[["owner", "text", "redacted"]].reset_index(drop=True), overwrite=True
        )
        table = result[name]
        joined = table.left_join(pairs, [_owner(table) == pairs.owner, table[column] == pairs.text])
        result[name] = joined.select(*table.columns, "redacted").mutate(
            **{column: ibis.coalesce(_.redacted, _[column])}
        ).drop("redacted")  # fmt: skip
    for name in changed["table"].unique():
        result[name] = engine.keep(con, f"private_{name}", result[name])
    return result


def _counted(rows: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """See `FOUND`."""
    named = found.join(rows[["table", "column"]], on="row")
    counts = named.groupby(["table", "column", "kind"]).agg(finds=("row", "size"), texts=("row", "nunique"))
    return counts.reset_index().sort_values(["finds", "table", "column", "kind"], ascending=[False, True, True, True])
