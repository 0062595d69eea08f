"""Rule sets: `shop` for any shop and `grocery` for one, made of the rules by table; and rules that a shop declares."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ibis.expr.types import Table

from workbench.governance.quality import Rule, Tables
from workbench.governance.rules import declared, grocery, shop
from workbench.spelling import nearest

SETS = {"grocery": grocery, "shop": shop}
INSTEAD = ("warn", "off")
"""What a rule may do instead of its action: be counted only, or not be there."""


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


def find(
    name: str,
    own: Iterable[str | Mapping[str, Any]] = (),
    tables: Tables | None = None,
    actions: Mapping[str, str] | None = None,
) -> RuleSet:
    """The rule set of that name with the shop's own rules.

    Args:
        name: one of `SETS`.
        own: rules as data, see `declared.declare`, or paths of Python modules that define `RULES`.
        tables: the shop's tables, if known: then the columns that own rules name must be in them.
        actions: what rules of the set do instead, by their names: one of `INSTEAD`.

    Raises:
        ValueError: the set is unknown, a rule is not right, two rules have one name, or an action is for no rule.

    """
    if name not in SETS:
        raise ValueError(f"unknown rule set '{name}'{nearest(name, SETS)}; known are {', '.join(SETS)}")
    found, given = SETS[name], list(own)
    rows = [dict(each) for each in given if not isinstance(each, str)]
    modules = [rule for each in given if isinstance(each, str) for rule in declared.load_module(each)]
    rules = (*found.RULES, *declared.declare(rows, tables), *modules)
    declared.check_names(rules)
    rules = _instead(rules, actions or {})
    return RuleSet(rules, found.CLEANING_ORDER, found.MIN_QUALITY, found.seen)


def _instead(rules: tuple[Rule, ...], actions: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rules with the actions that a shop chose for them; without those that it turned off."""
    names = {rule.name for rule in rules}
    for name, action in actions.items():
        if name not in names:
            raise ValueError(f"rule_actions names no rule '{name}'{nearest(name, names)}: write its name as reports do")
        if action not in INSTEAD:
            raise ValueError(f"rule_actions: '{action}' is no action for '{name}': write one of {', '.join(INSTEAD)}")
    chosen = (replace(rule, action="warn", repair=None) if actions.get(rule.name) == "warn" else rule for rule in rules)
    return tuple(rule for rule in chosen if actions.get(rule.name) != "off")
