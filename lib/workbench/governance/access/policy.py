"""Which role may read which columns and what for: a policy file that casbin enforces.

All that no line allows is denied, and a line that denies overrides all that allow. The file is one of casbin's own
format (`policy.csv` beside this module explains it); it is read here and not by casbin's adapter, which passes over a
line that it does not know, so that a misspelt denial would deny nothing. The matching is casbin's alone.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

import casbin

from workbench.spelling import nearest

GROUPS = ("ids", "quasi", "text", "measures")
"""Column groups; each has a key of its own."""
PURPOSES = ("governance", "training", "evaluation", "reporting", "reidentification", "erasure")
EFFECTS = ("allow", "deny")
ANY = "*"
SHIPPED = Path(__file__).with_name("policy.csv")
MODEL = """
[request_definition]
r = role, table, group, purpose
[policy_definition]
p = role, table, group, purpose, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.role == p.role && (p.table == "*" || r.table == p.table) && \
(p.group == "*" || r.group == p.group) && (p.purpose == "*" || r.purpose == p.purpose)
"""
_NAME = re.compile(r"\w[\w.-]*")
_REMEMBERED = 2**16  # requests whose decision is kept: casbin takes about 0.1 ms for each


class PolicyError(ValueError):
    """A policy file that cannot be understood; the message names the line."""


@dataclass(frozen=True)
class Line:
    """A line of the file; `*` stands for every table, column group or purpose."""

    number: int
    role: str
    table: str
    group: str
    purpose: str
    effect: str

    @property
    def about(self) -> tuple[str, str, str, str]:
        """What the line allows or denies."""
        return self.role, self.table, self.group, self.purpose


@dataclass(frozen=True)
class Decision:
    """Whether a request is granted, and by which line of the policy."""

    allowed: bool
    reason: str


class Policy:
    """A policy that was understood; it never changes."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = tuple(lines)
        self.roles = tuple(sorted({line.role for line in self.lines}))
        enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL))
        enforcer.add_policies([[*line.about, line.effect] for line in self.lines])
        self._enforce = lru_cache(_REMEMBERED)(enforcer.enforce_ex)
        self._numbers = {(*line.about, line.effect): line.number for line in self.lines}

    def decide(self, role: str, table: str, group: str, purpose: str) -> Decision:
        """Judge a request for one column group of one table; what names none, such as `*`, is denied.

        The names are checked before casbin sees them: a request for `*` would pass by a line for `*` that a denial of
        one table should have stopped.
        """
        if group not in GROUPS:
            return Decision(False, f"{group!r} is none of the column groups {', '.join(GROUPS)}")
        if purpose not in PURPOSES:
            return Decision(False, f"{purpose!r} is none of the purposes {', '.join(PURPOSES)}")
        for kind, name in (("role", role), ("table", table)):
            if not _NAME.fullmatch(name):
                return Decision(False, f"{name!r} is no name of a {kind}")
        allowed, rule = self._enforce(role, table, group, purpose)
        if not rule:
            return Decision(False, "no line of the policy allows it")
        verb = "allows" if allowed else "denies"
        return Decision(allowed, f"line {self._numbers[tuple(rule)]} of the policy {verb} it")

    def groups(self, role: str) -> frozenset[str]:
        """Column groups whose keys the role's key file holds: all that it may read of some table for some purpose."""
        return frozenset(group for group in GROUPS if any(self._may(role, table, group) for table in self._tables()))

    def beyond_keys(self, role: str) -> list[tuple[str, str]]:
        """Table and column group of what the role is denied for every purpose though its keys decrypt it.

        Keys go by column group. Where a policy gives a role some tables of a group and not others, the others are held
        back by this policy alone; `*` stands for all tables that no line names.
        """
        held = sorted(self.groups(role))
        *named, other = self._tables()
        names = {**{table: table for table in named}, other: ANY}
        return [
            (name, group) for (table, name), group in product(names.items(), held) if not self._may(role, table, group)
        ]

    def _may(self, role: str, table: str, group: str) -> bool:
        return any(self.decide(role, table, group, purpose).allowed for purpose in PURPOSES)

    def _tables(self) -> list[str]:
        """Every table that a line names, and one that none names: all others are decided as that one is."""
        named = sorted({line.table for line in self.lines} - {ANY})
        return [*named, max([*named, "table"], key=len) + "_"]


def read(path: Path | None = None, tables: Collection[str] = ()) -> Policy:
    """Read a policy file, or the shipped one.

    Args:
        path: the file, UTF-8.
        tables: names that a line may give a table; any if empty, and then a misspelt table is not noticed.

    Raises:
        PolicyError: the file cannot be read or understood; the message names the line.

    """
    file = path or SHIPPED
    try:
        return parse(file.read_bytes().decode("utf-8-sig"), str(file), tables)
    except OSError as error:
        raise PolicyError(f"{file} cannot be read ({error.strerror}): name a policy file that is there") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{file} is not UTF-8 ({error.reason}): save it as UTF-8") from error


def parse(text: str, name: str = "the policy", tables: Collection[str] = ()) -> Policy:
    """Understand the text of a policy file; `name` is what errors call it."""
    lines: dict[tuple[str, str, str, str], Line] = {}
    for number, raw in enumerate(text.split("\n"), start=1):  # no rarer sign ends a line: nothing hides in a comment
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        where = f"{name}, line {number}"
        line = _line(number, raw, where, tables)
        if earlier := lines.get(line.about):
            how = "repeats" if earlier.effect == line.effect else "contradicts"
            raise PolicyError(f"{where} ({raw.strip()}) {how} line {earlier.number}: delete one of the two")
        lines[line.about] = line
    _check_roles(lines.values(), name)
    return Policy(lines.values())


def _line(number: int, raw: str, where: str, tables: Collection[str]) -> Line:
    kind, *fields = (field.strip() for field in raw.split(","))
    if kind != "p" or len(fields) != 5:
        raise PolicyError(
            f"{where} ({raw.strip()}) should be six fields 'p, role, table, column group, purpose, effect' "
            f"and has {len(fields) + 1}, the first of them '{kind}'"
        )
    role, table, group, purpose, effect = fields
    if not _NAME.fullmatch(role):
        raise PolicyError(f"{where}: '{role}' is no name of a role: use letters, digits, '_', '-' and '.'")
    if tables:
        _check(where, "table", table, [*tables, ANY])
    elif table != ANY and not _NAME.fullmatch(table):
        raise PolicyError(f"{where}: '{table}' is no name of a table, nor '*'")
    _check(where, "column group", group, [*GROUPS, ANY])
    _check(where, "purpose", purpose, [*PURPOSES, ANY])
    _check(where, "effect", effect, EFFECTS)
    return Line(number, role, table, group, purpose, effect)


def _check(where: str, what: str, given: str, known: Collection[str]) -> None:
    if given not in known:
        raise PolicyError(f"{where}: unknown {what} '{given}'{nearest(given, known)} (known: {', '.join(known)})")


def _check_roles(lines: Collection[Line], name: str) -> None:
    """A role that only denials name is a misspelt one, and its denials would deny nothing."""
    allowed = {line.role for line in lines if line.effect == "allow"}
    if not allowed:
        raise PolicyError(f"{name} allows nobody anything: add a line 'p, role, table, column group, purpose, allow'")
    for line in lines:
        if line.role not in allowed:
            raise PolicyError(
                f"{name}, line {line.number}: nothing is allowed to the role '{line.role}'"
                f"{nearest(line.role, allowed)}, so there is nothing to deny it: name another role, or delete the line"
            )
