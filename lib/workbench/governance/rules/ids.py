"""Ids as a shop writes them: their usual form, and other spellings of one that is known.

Nothing here knows a shop's ids: the form is what nearly all of them have in common, and a spelling is another only
where it leads to exactly one known id.
"""

import re
from itertools import groupby

import ibis
from ibis import _
from ibis.expr.types import StringColumn, StringValue, Table, Value

from workbench.data import engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.signals import characters

SAMPLE = 5000  # ids from which the form is read
ENOUGH = 50  # ids below which there is no usual form
NEARLY_ALL = 0.95  # share of the ids that have the usual form
CLASSES = {"a": "[a-z]", "A": "[A-Z]", "0": "[0-9]"}
RUN = r"(?:\{\d+\}|\+)"
PLAIN = re.compile(rf"\^\[[aA]-[zZ]\]{RUN}(?:(?:\[[aA0]-[zZ9]\]|\\-|_){RUN})*\$")
"""A form of letters, digits, hyphens and underscores that begins with a letter."""
LETTERS_AND_DIGITS = r"^\p{L}+[-_]?[0-9]+$"
TWINS = {"key": "string", "survivor": "string"}


def form(con: ibis.BaseBackend, ids: StringColumn) -> str:
    """The regular expression of nearly all ids, read from those that sort first; empty where they have no one form."""
    table = ids.as_table().rename(id=ids.get_name())
    some = table.filter(_.id.notnull()).order_by("id").limit(SAMPLE)
    shapes = some.mutate(shape=some.id.re_replace("[a-z]", "a").re_replace("[A-Z]", "A").re_replace("[0-9]", "0"))
    counted = con.to_pandas(shapes.group_by("shape").agg(n=_.count()))
    total = int(counted["n"].sum())
    if total < ENOUGH:
        return ""
    for loose in (False, True):
        patterns = counted["shape"].map(lambda shape, loose=loose: _pattern(shape, loose))
        sizes = counted["n"].groupby(patterns).sum()
        if sizes.max() >= NEARLY_ALL * total:
            return str(sizes.idxmax())
    return ""


def _pattern(shape: str, loose: bool) -> str:
    runs = [(char, len(list(run))) for char, run in groupby(shape)]
    parts = [CLASSES.get(char, re.escape(char)) + ("+" if loose else f"{{{size}}}") for char, size in runs]
    return f"^{''.join(parts)}$"


def unlike(ids: StringValue, pattern: str, share: float = 1.0) -> Value:
    """Whether ids lack the usual form; never where there is none, or where too few of all ids turned out to have it."""
    return ~ids.re_search(pattern) if pattern and share >= NEARLY_ALL else ibis.literal(False)


def plain(pattern: str, share: float = 1.0) -> bool:
    """Whether an id of the usual form needs no closer look: it is no number, no word, and has no space in it."""
    return share >= NEARLY_ALL and PLAIN.fullmatch(pattern) is not None and "[0-9]" in pattern


def folded(ids: StringValue) -> StringValue:
    """What spellings of one id share: no case, width, white space or signs, no zeros before a number, no '.0'."""
    narrow = characters.narrow(characters.visible(ids)).lower().re_replace(r"\.0+$", "")
    bare = narrow.re_replace(r"[^\p{L}\p{N}]+", "")
    return bare.re_replace(r"^0+([0-9])", r"\1").re_replace(r"(\p{L})0+([0-9])", r"\1\2")


def meant(con: ibis.BaseBackend, written: Table, known: Table, column: str, name: str) -> Table:
    """Which known id each unknown one is another spelling of, kept under `name`: written, meant.

    Also found by its digits alone, where its letters were lost ('123' for 'p000123') and these lead to one known id
    that is nothing but letters and these digits: '3000' may be anything, but not the variant 'A3000-XL'.

    Args:
        con: the engine.
        written: a table with `column`, the ids as they are used.
        known: a table with `column`, the ids as they are known.
        column: the id column.
        name: of the kept table.

    """
    given = known.filter(known[column].notnull()).select(id=known[column]).distinct()
    used = written.filter(written[column].notnull()).select(written=written[column]).distinct()
    strange = engine.keep(con, f"{name}_strange", used.anti_join(given, used.written == given.id))
    if not int(con.to_pandas(strange.count().name("n").as_table()).iloc[0, 0]):
        return engine.keep(con, name, strange.mutate(meant=strange.written))
    digits = folded(given.id).re_replace("[^0-9]", "").re_replace("^0+([0-9])", r"\1")
    plain_ones = given.filter(given.id.re_search(LETTERS_AND_DIGITS)).select("id", key=digits)
    keys = given.select("id", key=folded(given.id)).union(plain_ones, distinct=True)
    keys = keys.filter(keys.key != "").group_by("key").agg(low=_.id.min(), high=_.id.max())
    sole = keys.filter(keys.low == keys.high).select("key", meant=keys.low)
    asked = strange.mutate(key=folded(strange.written))
    return engine.keep(con, name, asked.join(sole, "key").select("written", "meant"))


def twins(con: ibis.BaseBackend, table: Table, column: str, pattern: str, name: str, says: str = "") -> Table:
    """Ids without the usual form that are another spelling of one that has it, kept under `name`: key, survivor.

    Args:
        con: the engine.
        table: whose rows the ids are of.
        column: the id column.
        pattern: the usual form (see `form`); without one there are no twins.
        name: of the kept table.
        says: a column that both rows must agree in, as a title: ids of two systems may have the same digits.

    """
    if not pattern:
        return engine.keep(con, name, ibis.memtable([], schema=TWINS))
    right = table.filter(table[column].re_search(pattern))
    found = meant(con, table, right, column, name + "_meant")
    found = found.select(key=found.written, survivor=found.meant)
    if says:
        said = engine.keep(
            con, f"{name}_said", table.select(id=table[column], said=table[says].strip().lower()).distinct()
        )
        own, other = said.select(key="id", own="said"), said.select(survivor="id", other="said")
        both = found.join(own, "key").join(other, "survivor")
        found = both.filter((both.own == both.other).fill_null(False)).select("key", "survivor").distinct()
    return engine.keep(con, name, found)


def standing(copies: Table, table: Table, column: str) -> Table:
    """Those of the copies (key, survivor) that are still in a table, and their survivors too."""
    known = table[column]
    return copies.filter(copies.key.isin(known) & copies.survivor.isin(known)).select("key", "survivor")


def unknown(table: Table, others: Tables, name: str, column: str) -> Value:
    """Whether an id is not in the table `name` as it is by now: cleaning of that table counts."""
    other = others[name]
    return table[column].notnull() & ~table[column].isin(other.filter(other[column].notnull())[column])


def form_rule(table: str, column: str) -> Rule:
    """The rule that an id is written as nearly all are; `<column>_unlike` of the table as rules see it says so."""
    return Rule(f"{table}.{column}: written unlike all others", "consistency", table,
                lambda t, _: t[f"{column}_unlike"], severity="low", columns=(column,),
                needs=(f"{table}.{column}",))  # fmt: skip
