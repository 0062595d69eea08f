"""What the readers write in the engine's own SQL."""

import ibis


def quoted(text: object) -> str:
    """A text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


def load_numbered(con: ibis.BaseBackend, name: str, columns: str, source: str, where: str = "true") -> None:
    """Read into the engine's table `name`: row, the number (from 1) that a row has in the file, and the columns.

    The engine promises that an empty window follows the order of the file only while it preserves insertion order
    (DuckDB's documentation, "Order Preservation"), so that is set for as long as it reads.

    Args:
        con: the engine.
        name: of the table, made anew.
        columns: what to select.
        source: a table function that reads one file.
        where: which of the numbered rows to keep.

    """
    setting = "preserve_insertion_order"
    before = con.raw_sql(f"SELECT current_setting('{setting}')").fetchone()[0]
    con.raw_sql(f"SET {setting} = true")
    try:
        numbered = f"SELECT row_number() OVER () AS row, {columns} FROM {source}"
        con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM ({numbered}) WHERE {where}")
    finally:
        con.raw_sql(f"SET {setting} = {before}")
