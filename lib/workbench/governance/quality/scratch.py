"""Tables that a computation keeps in the engine for a while, because several of its steps read them."""

import ibis
from ibis.expr.types import Table

from workbench.data import engine


class Scratch:
    """Tables kept under names of their own until `clear`."""

    def __init__(self, con: ibis.BaseBackend) -> None:
        self.con = con
        self.names: list[str] = []

    def keep(self, what: str, table: Table) -> Table:
        """Compute a table once; `what` makes its name readable."""
        self.names.append(f"scratch_{ibis.util.gen_name(what)}")
        return engine.keep(self.con, self.names[-1], table)

    def drop(self, table: Table) -> None:
        """Drop one kept table; expressions over it are no longer of use."""
        name = table.op().name  # get_name() gives catalog and schema too
        self.con.drop_table(name)
        self.names.remove(name)

    def count(self, table: Table) -> int:
        """Rows of a table."""
        return int(table.count().execute())

    def clear(self) -> None:
        """Drop what was kept; expressions over it are no longer of use."""
        for name in self.names:
            self.con.drop_table(name, force=True)
        self.names = []
