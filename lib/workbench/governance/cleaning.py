"""Apply quality rules: every repair and merge is recorded, every rejected row is kept whole with its reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import or_

import ibis
import pandas as pd
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance import merging, record
from workbench.governance.copies import COPY, KEY, Repeats, later_copies, numbered, split_repeated
from workbench.governance.folding import fold
from workbench.governance.quality import Rule, Tables, measure
from workbench.governance.repairs import changed_columns, repair
from workbench.governance.scratch import Scratch

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
    """What has become of the tables so far, and the record of it."""

    con: ibis.BaseBackend
    scratch: Scratch
    seen: dict[str, Table]
    keys: Mapping[str, str]
    columns: Mapping[str, list[str]]
    repeats: Repeats
    measured: Tables = field(init=False)
    done: dict[str, Table] = field(default_factory=dict)
    repairs: list[Table] = field(default_factory=list)
    rejected: list[Table] = field(default_factory=list)
    merges: list[Table] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    step: int = 1

    def __post_init__(self) -> None:
        self.measured = dict(self.seen)

    def tables(self) -> Tables:
        return {**self.seen, **self.done}


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
        tables: the tables as collected.
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
    state = _State(con, Scratch(con), {**tables, **seen}, keys, columns, repeats or Repeats(con))
    state.repairs.append(record.conversions(conversions))
    unread = engine.keep(con, "unread", record.unread(rejected))
    for name in keys:
        acting = _acting(state, name, [rule for rule in rules if rule.table == name], failing)
        if acting:
            _apply(state, name, acting, columns[name])
        elif name in state.moved:
            state.done[name] = engine.keep(con, f"clean_{name}", state.seen[name].select(*columns[name]))
        else:
            state.done[name] = tables[name]
    result = Cleaned(
        tables={**tables, **state.done},
        repairs=engine.keep(con, "repairs", record.together(state.repairs, record.REPAIRS)),
        quarantine=engine.keep(con, "quarantine", record.together([unread, *state.rejected], record.QUARANTINE)),
        merges=engine.keep(con, "merges", record.together(state.merges, record.MERGES)),
        balance=pd.DataFrame(),
    )
    state.scratch.clear()
    if repeats is None:
        state.repeats.clear()
    return replace(result, balance=_balance(tables, result, unread, keys))


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
        again = measure(state.tables(), others, state.repeats)
        needed = [rule for rule in acting if rule.name in failing | set(again.loc[again["failing"] > 0, "rule"])]
    return acting if any(rule.action == "repair" for rule in needed) else needed


def _reads_the_same(rule: Rule, state: _State) -> bool:
    """Whether all that a condition reads is still as it was measured."""
    if rule.failing is None:
        return False
    tables = state.tables()
    read = rule.reads(tables[rule.table], tables)
    return all(tables.get(name) is state.measured.get(name) for name in read)


def _apply(state: _State, name: str, rules: list[Rule], columns: list[str]) -> None:
    """Repair, then quarantine, then merge; the result is kept in the engine as `clean_<name>`."""
    table, key = state.seen[name], state.keys[name]
    extra = [column for column in table.columns if column not in (KEY, COPY)]
    among = {columns: state.repeats.among(table, columns) for columns in ((key,), *(rule.key for rule in rules))}
    by_action = {action: [rule for rule in rules if rule.action == action] for action in ACTIONS}
    if by_action["repair"]:
        given, named = state.tables(), among[(key,)]
        changed = changed_columns(by_action["repair"], table, given)
        among = {each: None if changed & set(each) else found for each, found in among.items()}
        table, logs = repair(state.scratch, table, by_action["repair"], given, key, columns, state.step, named)
        table, state.repairs = table.select(*extra), [*state.repairs, *logs]
        state.step += len(by_action["repair"])
    if by_action["quarantine"]:
        table = _quarantine(state, table, name, by_action["quarantine"], columns, among)
    copies = [rule for rule in by_action["merge"] if rule.survivors]
    if not copies:  # columns that only rules see are then of no more use
        table = table.select(*columns)
    for rule in by_action["merge"]:
        if rule.key:
            table, logs = merging.merge_by_key(state.scratch, table, rule, columns, state.step, among[rule.key])
            among = {each: found if each == rule.key or not logs else None for each, found in among.items()}
            state.merges, state.step = [*state.merges, *logs], state.step + 1
    for rule in copies:
        table = _merge_copies(state, table, name, rule)
    state.done[name] = engine.keep(state.con, f"clean_{name}", table.select(*columns))
    for each in (each for each in among if set(each) <= set(columns)):
        state.repeats.note(state.done[name], each, among[each])


def _quarantine(
    state: _State, table: Table, name: str, rules: list[Rule], columns: list[str], among: Mapping[Key, Table | None]
) -> Table:
    """Set failing rows aside; only what remains is asked for keys that repeat, so that a sound copy stays."""
    conditions = {rule.name: rule.condition(table, state.tables()) for rule in rules if rule.failing}
    if conditions:
        flags = {f"_flag{i}": condition for i, condition in enumerate(conditions.values())}
        judged = table.mutate(**flags)
        bad = fold(or_, (judged[flag] for flag in flags))
        failed = judged.filter(bad)
        reasons = [failed[flag].ifelse(rule, ibis.null("string")) for flag, rule in zip(flags, conditions, strict=True)]
        _set_aside(state, failed, name, ibis.literal("; ").join(reasons), columns)
        table = judged.filter(~bad).drop(*flags)
    for rule in (rule for rule in rules if rule.key):
        if (parts := split_repeated(state.scratch, table, rule.key, among[rule.key])) is None:
            continue
        sole, shared = parts
        judged = state.scratch.keep("judged", shared.mutate(_later=later_copies(shared, rule.key)))
        _set_aside(state, judged.filter(judged["_later"]), name, ibis.literal(rule.name), columns)
        table = sole.union(judged.filter(~judged["_later"]).drop("_later"))
    return table


def _set_aside(state: _State, rows: Table, name: str, reasons: ibis.Value, columns: list[str]) -> None:
    """Keep rows whole, as JSON, with their reasons."""
    log = rows.select(
        table=ibis.literal(name),
        key=rows[state.keys[name]].cast("string"),
        reasons=reasons,
        row=record.as_json(rows, columns),
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
    for other, id_column in state.keys.items():
        if other == name:
            continue
        before = state.tables()[other]
        if other not in state.done and COPY not in before.columns:  # numbers are by what was collected
            before = numbered(state.scratch, before, id_column, state.columns[other])
        after, logs = merging.repoint(state.scratch, before, other, id_column, links, key, rule, state.step + 1)
        state.repairs += logs
        if logs and other in state.done:
            state.done[other] = engine.keep(state.con, f"clean_{other}", after)
        elif logs:
            state.seen[other] = state.scratch.keep("repointed", after)
            state.moved.add(other)
    state.step += 2
    return table


def _balance(tables: Tables, result: Cleaned, unread: Table, keys: Iterable[str]) -> pd.DataFrame:
    """Rows of each table, each sum from its own record."""
    added = _by_table(result.repairs.filter(result.repairs.column == record.ROW))
    merged = result.merges.group_by("table").agg(n=result.merges.rows.sum()).execute().set_index("table")["n"]
    lost, quarantined = _by_table(unread), _by_table(result.quarantine)
    rows = [
        {
            "table": name,
            "collected": _count(tables, name) + int(lost.get(name, 0)),
            "added": int(added.get(name, 0)),
            "clean": _count(result.tables, name),
            "quarantined": int(quarantined.get(name, 0)),
            "merged": int(merged.get(name, 0)),
        }
        for name in dict.fromkeys([*keys, *lost.index])
    ]
    return pd.DataFrame(rows)


def _by_table(table: Table) -> "pd.Series[int]":
    return table.group_by("table").agg(n=table.count()).execute().set_index("table")["n"]


def _count(tables: Tables, name: str) -> int:
    return int(tables[name].count().execute()) if name in tables else 0
