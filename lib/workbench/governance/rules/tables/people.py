"""What goes wrong with the users of any shop; their columns are the shop's own, so each is judged by what it holds."""

from itertools import permutations

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import BooleanValue, Table, Value

from workbench.governance.quality import Rule, Tables
from workbench.governance.rules import ids
from workbench.governance.rules.strings import id_rules, placeholder
from workbench.governance.rules.vocabulary import FEW, among, any_of, counts, rare, variants
from workbench.governance.signals import characters

CUSTOM = 0.05  # a column that is null in at most this share of the users is one that the shop fills
OUTLIER = 8.0  # robust standard deviations of a number, for ages and counts of any distribution
AGES = (5.0, 110.0)  # where a column is called age and holds numbers
ODD = 0.01  # share up to which "unknown" is a slip, and beyond which it is an answer that the shop offers
ENOUGH = 50  # users below which nothing is usual
MACHINE = 0.5  # share of a user's steps on days on which he acts like a machine


def seen(con: ibis.BaseBackend, tables: Tables, name: str, log_ends: Value) -> dict[str, Table]:
    """The users with what stands out: variant, strange, untidy, filler, gap, number_far, later, machine,
    farm.

    Also the table `user_twins`: ids that are another spelling of another user's.
    """
    users = tables["users"]
    own = [column for column in users.columns if column != "user_id"]
    texts = [column for column in own if users[column].type().is_string()]
    numbers = [column for column in own if users[column].type().is_numeric()]
    times = [column for column in own if users[column].type().is_timestamp() or users[column].type().is_date()]
    variant, strange, filler = [], [], []
    for column in texts:
        counted = counts(con, users[column])
        words = counts(con, users.filter(placeholder(users[column]))[column])
        filler.append(among(users[column], words.loc[words["n"] <= max(2, ODD * counted["n"].sum()), "value"]))
        if len(counted) > 20 * FEW or len(counted) > 0.5 * counted["n"].sum():
            continue  # names, addresses: every value is its own
        meant = variants(counted)
        variant.append(among(users[column], meant))
        strange.append(among(users[column], set(rare(counted)) - set(meant)))
    later = [users[column].cast("timestamp('UTC', 6)") > log_ends for column in times]
    seen = users.mutate(
        variant=any_of(variant),
        strange=any_of(strange),
        untidy=any_of([characters.untidy(users[c]) | characters.invisible(users[c]) | characters.mojibake(users[c])
                       | characters.markup(users[c]) | characters.wide(users[c]) | characters.undecodable(users[c])
                       for c in texts]),
        filler=any_of(filler),
        gap=any_of(_gaps(con, users, own)),
        number_far=any_of(_far(con, users, numbers)),
        later=any_of(later),
    )  # fmt: skip
    seen = seen.mutate(conflict=any_of(_conflicts(con, users, texts)))
    pattern = ids.form(con, users.user_id)
    twins = ids.twins(con, users, "user_id", pattern, f"{name}_user_twins")
    seen = seen.mutate(user_id_unlike=ids.unlike(users.user_id, pattern))
    return {"users": _farmers(_machines(seen, tables), tables), "user_twins": twins}


def _machines(users: Table, tables: Tables) -> Table:
    """Who acts like a machine on most of his days, as the events' rules found."""
    if "robot_days" not in tables or "robot_steps" not in tables:
        return users.mutate(machine=ibis.literal(False))
    days = tables["robot_days"].group_by("user_id", "day").agg(n=_.n.max())
    days = days.group_by("user_id").agg(odd=_.n.sum())
    both = days.join(tables["robot_steps"], "user_id")
    machines = both.filter(both.odd >= MACHINE * both.total).select(robot_id=both.user_id)
    joined = users.left_join(machines, users.user_id == machines.robot_id)
    return joined.mutate(machine=joined.robot_id.notnull()).drop("robot_id")


def _farmers(users: Table, tables: Tables) -> Table:
    """Who took part in a click farm and did nothing else."""
    if "farms" not in tables:
        return users.mutate(farm=ibis.literal(False))
    farmers = tables["farms"].select(farm_id="user_id").distinct()
    joined = users.left_join(farmers, users.user_id == farmers.farm_id)
    return joined.mutate(farm=joined.farm_id.notnull()).drop("farm_id")


def _conflicts(con: ibis.BaseBackend, users: Table, columns: list[str]) -> list[BooleanValue]:
    """Values that contradict another column on which they otherwise depend, such as a city in another region."""
    found = []
    for one, other in permutations(columns, 2):
        both = users.filter(users[one].notnull() & users[other].notnull())
        pairs = con.to_pandas(both.group_by(one=both[one], other=both[other]).agg(n=_.count()))
        if len(pairs) > 20 * FEW or pairs["one"].nunique() < 5 or pairs["other"].nunique() < 3:
            continue
        own = pairs.groupby("one")["n"].transform("sum")
        main = pairs["n"] >= 0.8 * own
        if pairs.loc[main, "n"].sum() < (1 - CUSTOM) * pairs["n"].sum():
            continue
        odd = pairs[~main & (own >= 5)]
        found += [(users[one] == row.one) & (users[other] == row.other) for row in odd.head(FEW).itertuples()]
    return found


def _gaps(con: ibis.BaseBackend, users: Table, columns: list[str]) -> list[BooleanValue]:
    """Nulls in columns that the shop customarily fills."""
    if not columns:
        return []
    shares = con.to_pandas(
        users.agg(n=users.count(), **{f"c{i}": users[c].isnull().mean() for i, c in enumerate(columns)})
    )
    row = shares.iloc[0]
    if row["n"] < ENOUGH:
        return []
    return [users[c].isnull() for i, c in enumerate(columns) if 0 < float(row[f"c{i}"]) <= CUSTOM]


def _far(con: ibis.BaseBackend, users: Table, columns: list[str]) -> list[BooleanValue]:
    """Numbers far from all others, below 0 where hardly any is, or impossible as an age."""
    found = []
    for column in columns:
        values = users[column].cast("float64")
        row = con.to_pandas(users.agg(n=values.count(), middle=values.median(), below=(values < 0).mean())).iloc[0]
        if row["n"] < ENOUGH or pd.isna(row["middle"]):
            continue
        middle = float(row["middle"])
        spread = float(con.to_pandas(users.agg(s=1.4826 * (values - middle).abs().median())).iloc[0, 0])
        far = (values - middle).abs() > OUTLIER * spread if spread else ibis.literal(False)
        age = column.lower() == "age" and AGES[0] < middle < AGES[1]
        found += [far, (values < 0) if float(row["below"]) < CUSTOM else ibis.literal(False)]
        found += [~values.between(*AGES)] if age else []
    return found


def _own(name: str, dimension: str, fact: str, severity: str = "low") -> Rule:
    return Rule(name, dimension, "users", lambda t, _: t[fact], severity=severity,  # type: ignore[arg-type]
                columns=("user_id",))  # fmt: skip


RULES: tuple[Rule, ...] = (
    *id_rules("users", "user_id", required=True),
    ids.form_rule("users", "user_id"),
    _own("user's value spelled unlike its usual form", "consistency", "variant"),
    _own("user's value that hardly any user has", "accuracy", "strange"),
    _own("user's value with stray or broken characters", "consistency", "untidy"),
    _own("placeholder in a user's value", "completeness", "filler"),
    _own("user lacks a value that nearly all have", "completeness", "gap"),
    _own("user's values contradict each other", "consistency", "conflict"),
    _own("user's number far from all others", "accuracy", "number_far", "medium"),
    _own("user's date after the log was collected", "timeliness", "later", "medium"),
    _own("user who acts like a machine", "usability", "machine", "medium"),
    _own("user of a click farm", "usability", "farm", "medium"),
    Rule("user id is another spelling of another's", "uniqueness", "users", action="merge", severity="high",
         survivors=lambda t, tables: ids.standing(tables["user_twins"], t, "user_id"), columns=("user_id",)),
    Rule("one user id twice", "uniqueness", "users", key=("user_id",), action="quarantine", severity="high",
         columns=("user_id",)),
)  # fmt: skip
