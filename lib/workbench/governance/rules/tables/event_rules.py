"""How rules on events are written down."""

from ibis.expr.types import BooleanValue, Table

from workbench.governance.quality import Rule


def rule(name: str, dimension: str, failing, columns: str, **more) -> Rule:  # type: ignore[no-untyped-def]
    """A rule on events; what it judges is what it needs, ids and times apart, which every log has."""
    judged = tuple(columns.split())
    needs = more.pop("needs", tuple(f"events.{column}" for column in judged))
    return Rule(name, dimension, "events", failing, columns=judged, needs=needs, **more)  # type: ignore[arg-type]


def is_type(t: Table, *types: str) -> BooleanValue:
    """Whether an event is of one of these types."""
    return t.event_type.isin(types)
