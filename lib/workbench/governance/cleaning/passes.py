"""Apply quality rules: every repair and merge is recorded, every rejected row is kept whole with its reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import or_

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance.cleaning import merging, record
from workbench.governance.cleaning.repairs import changed_columns, looks_around, repair
from workbench.governance.quality import Rule, Tables, measure
from workbench.governance.quality.copies import COPY, KEY, Repeats, later_copies, numbered, split_repeated
from workbench.governance.quality.folding import fold
from workbench.governance.quality.scratch import Scratch

COLLECTED = "_collected_"  # begins the name of a column's values before another table's copies were merged
ACTIONS = ("repair", "quarantine", "merge")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Cleaned:
    """Clean tables by name, the record of it (`record`), and the `balance` of rows by table.

    In the balance, collected + added = clean + quarantined + merged; each of the five is counted by itself.
    """

    tables: dict[str, Table]
    repairs: Table
    quarantine: Table
    merges: Table
    balance: pd.DataFrame


@dataclass
class _State:
    """What has become of the tables so far, and the record of it.

    `seen` and `rows` hold the same rows of each table: with what rules see beside them, and without it; of a table that
    is cleaned, `rows` holds what came of it.
    """

    con: ibis.BaseBackend
    scratch: Scratch
    seen: dict[str, Table]
    rows: dict[str, Table]
    keys: Mapping[str, str]
    columns: Mapping[str, list[str]]
    repeats: Repeats
    measured: Tables = field(init=False)
    collected: Tables = field(init=False)
    done: set[str] = field(default_factory=set)
    repairs: list[Table] = field(default_factory=list)
    rejected: list[Table] = field(default_factory=list)
    merges: list[Table] = field(default_factory=list)
    links: list[tuple[Rule, str, Table]] = field(default_factory=list)
    moved: dict[str, set[str]] = field(default_factory=dict)
    step: int = 1

    def __post_init__(self) -> None:
        self.measured, self.collected = dict(self.seen), dict(self.rows)

    def tables(self) -> Tables:
        return {**self.seen, **{name: self.rows[name] for name in self.done}}

    def finish(self, name: str, table: Table) -> None:
        self.rows[name] = table
        self.done.add(name)


def clean(
    con: ibis.BaseBackend,
    tables: Tables,
    seen: Tables,
    rules: Iterable[Rule],
    keys: Mapping[str, str],
    measured: pd.DataFrame,
    conversions: Sequence[tuple[str, str, str, str]] = (),
    rejected: Table | None = None,
    repeats: Repeats | None = None,
) -> Cleaned:
    """Repair, quarantine and merge, table by table in the order of `keys`.

    Args:
        con: the engine.
        tables: the tables as collected; what a reader changed (the table `unparsed`) joins the repairs.
        seen: the same tables as rules see them: same rows, perhaps more columns.
        rules: what to apply; rules that only warn or stop change nothing here.
        keys: the key column of each table to clean (names without a table are passed over); a table later in the order
            sees the earlier ones clean and with the columns as collected. Where rows of a table are merged into
            survivors, the others of these tables that name them in a column of the same name (or `next_<key>`, or the
            list `<key>s`) name the survivor from then on.
        measured: the failing rows of each rule, as `quality.measure` counted them; a table whose acting rules all
            passed is left as it is.
        conversions: (table, column, before, after): changes of whole columns by the source, one repair each.
        rejected: raw rows that could not be read (`Collected.rejected`); they count as collected and quarantined.
        repeats: what `quality.measure` remembered while it counted `measured`; else cleaning finds repeated keys anew.

    """
    keys = {name: key for name, key in keys.items() if name in tables}
    rules, failing = list(rules), set(measured.loc[measured["failing"] > 0, "rule"])
    columns = {name: list(tables[name].columns) for name in keys}
    state = _State(con, Scratch(con), {**tables, **seen}, dict(tables), keys, columns, repeats or Repeats(con))
    state.repairs += [record.conversions(conversions), record.readings(tables.get("unparsed"))]
    unread = engine.keep(con, "unread", record.unread(rejected))
    for name in keys:
        if acting := _acting(state, name, [rule for rule in rules if rule.table == name], failing):
            _apply(state, name, acting)
        elif name in state.moved:
            state.finish(name, engine.keep(con, f"clean_{name}", state.rows[name]))
        else:
            state.finish(name, tables[name])
    result = Cleaned(
        tables=state.rows,
        repairs=engine.keep(con, "repairs", record.together(state.repairs, record.REPAIRS)),
        quarantine=engine.keep(con, "quarantine", record.together([unread, *state.rejected], record.QUARANTINE)),
        merges=engine.keep(con, "merges", record.together(state.merges, record.MERGES)),
        balance=pd.DataFrame(),
    )
    lost = unread.group_by("table").agg(n=_.count()).execute().set_index("table")["n"]
    collected = {name: _count(tables, name) + int(lost.get(name, 0)) for name in dict.fromkeys([*keys, *lost.index])}
    state.scratch.clear()
    if repeats is None:
        state.repeats.clear()
    return replace(
        result, balance=record.balance(result.tables, result.repairs, result.quarantine, result.merges, collected)
    )


def _acting(state: _State, name: str, rules: list[Rule], failing: set[str]) -> list[Rule]:
    """Rules with something to do; where one of them repairs, all that act, because a repaired row may fail another.

    Once another table has changed, rules that passed before are measured again; not those whose condition reads what it
    read when they passed.
    """
    acting = [rule for rule in rules if rule.action in ACTIONS]
    needed = [rule for rule in acting if rule.name in failing]
    others = [rule for rule in acting if rule.name not in failing]
    others = [rule for rule in others if not _reads_the_same(rule, state)]
    if others and not any(rule.action == "repair" for rule in needed) and state.step > 1:
        again = measure(state.tables(), others, state.repeats, state.rows)
        needed = [rule for rule in acting if rule.name in failing | set(again.loc[again["failing"] > 0, "rule"])]
    return acting if any(rule.action == "repair" for rule in needed) else needed


def _reads_the_same(rule: Rule, state: _State) -> bool:
    """Whether all that a rule judges by is still as it was measured."""
    if rule.failing is None and not rule.key:
        return False
    tables = state.tables()
    read = {rule.table} if rule.key else rule.reads(tables[rule.table], tables)
    same = {name for name in state.done if state.rows[name] is state.collected.get(name)}
    return all(name in same or tables.get(name) is state.measured.get(name) for name in read)


def _apply(state: _State, name: str, rules: list[Rule]) -> None:
    """Repair, then quarantine, then merge; the result is kept in the engine as `clean_<name>`.

    Conditions are asked of every row once more, to take aside those that fail any; what happens to these few costs
    little. Keys are then sought in the rows without what rules see beside them.
    """
    by_action = {action: [rule for rule in rules if rule.action == action] for action in ACTIONS}
    judging = [rule for rule in by_action["quarantine"] if rule.failing]
    copies = [rule for rule in by_action["merge"] if rule.survivors]
    extra = [column for column in state.seen[name].columns if not column.startswith((KEY, COPY, COLLECTED))]
    kept = extra if copies else state.columns[name]  # columns that only rules see are then of no more use
    aside, others = _aside(state, name, by_action["repair"], judging, bare=not copies)
    changed = changed_columns(by_action["repair"], aside, state.tables())
    if by_action["repair"]:
        key, columns = state.keys[name], state.columns[name]
        aside, logs = repair(state.scratch, aside, by_action["repair"], state.tables(), key, columns, state.step)
        state.repairs, state.step = [*state.repairs, *logs], state.step + len(by_action["repair"])
        aside = _repointed(state, aside, name, changed)
    if judging:
        aside = _quarantine(state, aside, name, judging)
    aside = state.scratch.keep("mended", aside.select(*kept))
    among = _among(state, name, [rule.key for rule in rules if rule.key], None if others is None else aside, changed)
    table = aside if others is None else others.select(*kept).union(aside)
    if any(known is None for known in among.values()):  # all rows are then looked through more than once
        table = state.scratch.keep("judged", table)
    for rule in (rule for rule in by_action["quarantine"] if rule.key):
        table = _without_copies(state, table, name, rule, among[rule.key])
    for rule in (rule for rule in by_action["merge"] if rule.key):
        table, logs = merging.merge_by_key(
            state.scratch, table, rule, state.columns[name], state.step, among[rule.key]
        )  # fmt: skip
        among = {each: found if each == rule.key or not logs else None for each, found in among.items()}
        state.merges, state.step = [*state.merges, *logs], state.step + 1
    for rule in copies:
        table = _merge_copies(state, table, name, rule)
    state.finish(name, engine.keep(state.con, f"clean_{name}", table.select(*state.columns[name])))
    for each in (each for each in among if set(each) <= set(state.columns[name])):
        state.repeats.note(state.rows[name], each, among[each])


def _aside(
    state: _State, name: str, repairs: list[Rule], judging: list[Rule], bare: bool
) -> tuple[Table, Table | None]:
    """Rows that one of these rules fails, numbered if any is to be repaired; and all others, which pass them all.

    There are no others where a rule looks at more than a row. The others are wanted `bare`: without what rules see.
    """
    table, given, key = state.seen[name], state.tables(), state.keys[name]
    if not repairs and not judging:
        return table.limit(0), table
    if any(looks_around(rule, table, given) for rule in (*repairs, *judging)):
        return _numbered(state, name, table), None
    bad = fold(or_, (rule.condition(table, given) for rule in (*repairs, *judging)))
    if repairs:  # rows of one key are numbered together
        own = table[_as_collected(table, key)]
        bad |= own.isnull() | (own.cast("string") == "")
        many = state.repeats.find(state.collected[name], (key,))
        bad |= own.isin(many[key]) if state.scratch.count(many) else False
    aside = state.scratch.keep("aside", table.filter(bad))
    if not repairs:
        return aside, table.filter(~bad)
    if bare and key not in state.moved.get(name, ()):  # all rows of a key are on one side, and no rule is asked again
        others = state.rows[name].filter(_[key].notnull()).anti_join(aside.select(key).distinct(), key)
    else:
        others = table.filter(~bad)
    return _numbered(state, name, aside), others


def _numbered(state: _State, name: str, table: Table) -> Table:
    """Rows numbered as those of the collected table are, whatever merges of other tables have changed since."""
    order = [_as_collected(table, column) for column in state.columns[name]]
    return numbered(state.scratch, table, _as_collected(table, state.keys[name]), order)


def _as_collected(table: Table, column: str) -> str:
    return before if (before := f"{COLLECTED}{column}") in table.columns else column


def _among(
    state: _State, name: str, keys: list[Key], aside: Table | None, changed: set[str]
) -> dict[Key, Table | None]:
    """For each key those among which are all that may repeat: what repeated before, and what the rows set aside have.

    None where nothing is known, or the rows set aside are all.
    """
    found: dict[Key, Table | None] = {}
    for key in keys:
        found[key] = state.repeats.among(state.collected[name], key)
        if aside is None or state.moved.get(name, set()) & set(key):
            found[key] = None
        elif (known := found[key]) is not None and aside is not None and changed & set(key):
            found[key] = state.repeats.keep(known.select(*key).union(aside.select(*key), distinct=True))
    return found


def _repointed(state: _State, table: Table, name: str, changed: set[str]) -> Table:
    """The rows with the survivors that were merged into before, where a repair led back to a row that is no more."""
    for rule, key, links in state.links:
        if not changed & set(merging.naming(key)):
            continue
        news, logs = merging.renamed(state.scratch, table, name, state.keys[name], links, key, rule, state.step)
        if news:
            table = merging.repoint(table, news)
            state.repairs, state.step = [*state.repairs, *logs], state.step + 1
    return table


def _quarantine(state: _State, table: Table, name: str, rules: list[Rule]) -> Table:
    """Set aside the rows that fail a condition, and return the others."""
    conditions = {rule.name: rule.condition(table, state.tables()) for rule in rules}
    flags = {f"_flag{i}": condition for i, condition in enumerate(conditions.values())}
    judged = table.mutate(**flags)
    bad = fold(or_, (judged[flag] for flag in flags))
    failed = judged.filter(bad)
    reasons = [failed[flag].ifelse(rule, ibis.null("string")) for flag, rule in zip(flags, conditions, strict=True)]
    _set_aside(state, failed, name, ibis.literal("; ").join(reasons))
    return judged.filter(~bad).drop(*flags)


def _without_copies(state: _State, table: Table, name: str, rule: Rule, among: Table | None) -> Table:
    """Set aside all but one of the rows with one key; asked of what the conditions left, so that a sound one stays."""
    if (parts := split_repeated(state.scratch, table, rule.key, among)) is None:
        return table
    sole, shared = parts
    judged = state.scratch.keep("judged", shared.mutate(_later=later_copies(shared, rule.key)))
    _set_aside(state, judged.filter(judged["_later"]), name, ibis.literal(rule.name))
    return sole.union(judged.filter(~judged["_later"]).drop("_later"))


def _set_aside(state: _State, rows: Table, name: str, reasons: ibis.Value) -> None:
    """Keep rows whole, as JSON, with their reasons."""
    log = rows.select(
        table=ibis.literal(name),
        key=rows[state.keys[name]].cast("string"),
        reasons=reasons,
        row=record.as_json(rows, state.columns[name]),
        step=ibis.literal(state.step, "int64"),
    )
    state.rejected.append(state.scratch.keep("rejected", log))
    state.step += 1


def _merge_copies(state: _State, table: Table, name: str, rule: Rule) -> Table:
    """Drop rows that are copies of another, and let every other cleaned table name the survivors."""
    key, table = state.keys[name], state.scratch.keep("merging", table)
    links = merging.copies(state.scratch, table, rule, state.tables(), key)
    if not state.scratch.count(links):
        return table
    table, log = merging.drop_copies(state.scratch, table, links, rule, key, state.step)
    state.merges.append(log)
    state.links.append((rule, key, links))
    for other, id_column in state.keys.items():
        if other == name:
            continue
        news, logs = merging.renamed(
            state.scratch, state.rows[other], other, id_column, links, key, rule, state.step + 1
        )
        if not news:
            continue
        state.repairs += logs
        state.rows[other] = merging.repoint(state.rows[other], news)
        if other in state.done:
            state.rows[other] = engine.keep(state.con, f"clean_{other}", state.rows[other])
        else:  # rows of one key are numbered by what was collected
            before = {f"{COLLECTED}{column}": state.seen[other][column] for column in news}
            state.seen[other] = merging.repoint(
                state.seen[other].mutate(**{c: v for c, v in before.items() if c not in state.seen[other].columns}),
                news,
            )
        state.moved.setdefault(other, set()).update(news)
    state.step += 2
    return table


def _count(tables: Tables, name: str) -> int:
    return int(tables[name].count().execute()) if name in tables else 0
