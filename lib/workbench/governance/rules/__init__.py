"""Rule sets: `shop` for any shop and `grocery` for one, made of the rules by table; and rules that a shop declares."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ibis.expr.types import Table

from workbench.governance.quality import Rule, Tables
from workbench.governance.rules import declared, grocery, shop
from workbench.spelling import nearest

SETS = {"grocery": grocery, "shop": shop}


@dataclass(frozen=True)
class RuleSet:
    """What a shop's tables are held to.

    Args:
        rules: the set's own, then the shop's.
        order: the key column of each table to clean, in the order of cleaning.
        min_quality: least quality by dimension.
        seen: con, tables, a word of its own for each call → the tables as the rules see them.

    """

    rules: tuple[Rule, ...]
    order: Mapping[str, str]
    min_quality: Mapping[str, float]
    seen: Callable[..., dict[str, Table]]


def find(name: str, own: Iterable[str | Mapping[str, Any]] = (), tables: Tables | None = None) -> RuleSet:
    """The rule set of that name with the shop's own rules.

    Args:
        name: one of `SETS`.
        own: rules as data, see `declared.declare`, or paths of Python modules that define `RULES`.
        tables: the shop's tables, if known: then the columns that own rules name must be in them.

    Raises:
        ValueError: the set is unknown, a rule is not right, or two rules have one name.

    """
    if name not in SETS:
        raise ValueError(f"unknown rule set '{name}'{nearest(name, SETS)}; known are {', '.join(SETS)}")
    found, given = SETS[name], list(own)
    rows = [dict(each) for each in given if not isinstance(each, str)]
    modules = [rule for each in given if isinstance(each, str) for rule in declared.load_module(each)]
    rules = (*found.RULES, *declared.declare(rows, tables), *modules)
    declared.check_names(rules)
    return RuleSet(rules, found.CLEANING_ORDER, found.MIN_QUALITY, found.seen)
