"""What goes wrong with the behaviour log of any shop."""

import ibis
from ibis.expr.types import BooleanValue, Table, Value

from workbench.governance.quality import Rule, Tables
from workbench.governance.rules import ids, wordless
from workbench.governance.rules.prices import FAR, MONEY, TOLERANCE
from workbench.governance.rules.strings import ADDRESS, CODE, CONTACT, NO_ID, guarded, id_rules, text_rules
from workbench.governance.rules.suspects import ORDER_SECONDS, SHARE_SECONDS
from workbench.governance.rules.tables import lists, sessions
from workbench.governance.rules.tables.event_rules import is_type, rule
from workbench.governance.rules.tables.log import FORMED, TYPES
from workbench.governance.signals.characters import HAN

QUANTITY = 12.0  # times what is usually bought of a product; wholesale buys alike in all its orders
LONG_QUERY = 150  # characters: a text pasted into the search box
CENTS = 4.60517  # log 100
SHIFT = 0.1  # how near the logarithm of a ratio must be to that of 100
STEPS = ("impression", "click", "cart")
CODES = r"^[A-Z]{3}$"  # ISO 4217


def _apart(word: str, column: str) -> Value:
    """Rows of a group of two owners that are not of its main one; all of them where neither is the main one."""

    def failing(t: Table, _: Tables) -> BooleanValue:
        odd, main = t[f"{word}_odd"].fill_null(False), t[f"{word}_main"]
        return odd & t[column].notnull() & (main.isnull() | (t[column] != main))

    return failing


def _lacks(t: Table, column: str) -> BooleanValue:
    """Whether a row has no value, or one that cleaning takes away because it stands for none."""
    if column.endswith("_id"):
        return t[column].isnull() | guarded(t, f"{column}_odd", t[column].strip().re_search(NO_ID))
    return t[column].isnull() | (_improper(t) if column == "propensity" else ibis.literal(False))


def _improper(t: Table) -> BooleanValue:
    return (t.propensity <= 0) | (t.propensity > 1) | t.propensity.isnan()


def _missing(column: str) -> Rule:
    return rule(f"event without {column}, which its type always has", "completeness",
                 lambda t, _: t[f"{column}_usual"] & _lacks(t, column), column, severity="medium")  # fmt: skip


def _needless(column: str) -> Rule:
    return rule(f"event with {column}, which its type never has", "consistency",
                 lambda t, _: t[f"{column}_unusual"] & t[column].notnull(), column, severity="low")  # fmt: skip


def _respelt(column: str) -> Rule:
    """Ids that are another spelling of a known one get that one; ids.meant says which."""
    return rule(f"events.{column}: another spelling of a known id", "consistency",
                 lambda t, _: t[f"{column}_meant"].notnull(), column, action="repair", severity="high",
                 needs=({"item_id": "items", "user_id": "users"}[column],),
                 repair=lambda t, _: {column: ibis.coalesce(t[f"{column}_meant"], t[column])})  # fmt: skip


def _copied(t: Table, tables: Tables) -> BooleanValue:
    """Whether an event names a product that stands twice, and not the one of the two that survives."""
    return t.item_id.notnull() & t.item_id.isin(tables["item_copies"].key)


def _robot(name: str, reason: str) -> Rule:
    return rule(f"robot: {name}", "usability", lambda t, _: t[f"robot_{reason}"], "user_id",
                 action="quarantine", severity="high")  # fmt: skip


def _apart_by(t: Table, moment: Value) -> Value:
    """Seconds between an event and a moment in seconds of the epoch."""
    return (t.timestamp.epoch_seconds().cast("float64") - moment).abs()


RULES: tuple[Rule, ...] = (
    *(rule for column in FORMED for rule in id_rules("events", column, column in FORMED[:3], f"{column}_odd")),
    *(ids.form_rule("events", column) for column in ("event_id", "session_id", "request_id", "order_id")),
    *(_respelt(column) for column in ("item_id", "user_id")),
    # type
    rule("event type spelled unlike the contract's", "consistency",
         lambda t, _: ~t.event_type.isin(TYPES) & t.event_type_meant.notnull(), "event_type", action="repair",
         repair=lambda t, _: {"event_type": ibis.coalesce(t.event_type_meant, t.event_type)}, severity="medium"),
    rule("unknown event type", "accuracy", lambda t, _: ~t.event_type.isin(TYPES), "event_type",
         action="quarantine", severity="high"),
    rule("event without type", "completeness", lambda t, _: t.event_type.isnull(), "event_type",
         action="quarantine", severity="high", needs=()),
    # time
    rule("event without time", "completeness", lambda t, _: t.timestamp.isnull(), "timestamp", action="quarantine",
         severity="high", needs=()),
    rule("time after the log was collected", "timeliness", lambda t, _: t.timestamp > t.log_ends, "timestamp",
         action="quarantine", severity="high"),
    rule("time before the log begins", "timeliness", lambda t, _: t.timestamp < t.log_begins, "timestamp",
         action="quarantine", severity="high"),
    rule("time exactly at midnight, as of a date without an hour", "accuracy",
         lambda t, _: t.log_has_hours & (t.timestamp == t.timestamp.truncate("D")), "timestamp", severity="low"),
    rule("event before its product existed", "timeliness", lambda t, _: t.timestamp < t.item_from, "timestamp item_id",
         needs=("items", "items.available_from"), severity="medium"),
    rule("act before its list was shown", "timeliness",
         lambda t, _: ~is_type(t, "impression") & (t.timestamp < t.unshown_shown_at), "timestamp request_id",
         severity="medium"),
    rule("opinion of someone who never bought the product", "consistency",
         lambda t, _: is_type(t, "rating", "review") & t.early_never.fill_null(False), "user_id item_id",
         severity="low"),
    rule("opinion before the purchase", "timeliness",
         lambda t, _: is_type(t, "rating", "review") & (t.timestamp < t.early_bought_at), "timestamp", severity="low"),
    rule("event of a request on another day", "timeliness",
         lambda t, _: guarded(t, "request_times_odd", _apart_by(t, t.request_times_middle) > SHARE_SECONDS / 2),
         "timestamp request_id", severity="low"),
    rule("line of an order at another time", "consistency",
         lambda t, _: is_type(t, "purchase")
         & guarded(t, "order_times_odd", _apart_by(t, t.order_times_middle) > ORDER_SECONDS / 2),
         "timestamp order_id"),
    # whose and of what
    rule("event names an unknown product", "consistency",
         lambda t, others: ids.unknown(t, others, "items", "item_id"), "item_id",
         needs=("items",), severity="high", action="quarantine"),
    rule("event names a product that stands twice in the catalogue", "uniqueness", _copied, "item_id",
         needs=("items",), severity="low"),
    rule("event names an unknown user", "consistency",
         lambda t, others: ids.unknown(t, others, "users", "user_id"), "user_id",
         needs=("users",), severity="high", action="quarantine"),
    rule("session of two users", "consistency", _apart("session_user_id", "user_id"), "session_id", severity="high"),
    rule("request of two users", "consistency", _apart("request_user_id", "user_id"), "request_id", severity="high"),
    rule("request in two sessions", "consistency", _apart("request_visit", "visit"),
         "request_id session_id"),
    rule("request with two queries", "consistency", _apart("request_query", "query"), "request_id query"),
    rule("order of two users", "consistency", _apart("order_user_id", "user_id"), "order_id", severity="high"),
    rule("order in two currencies", "consistency", _apart("order_currency", "currency"), "order_id currency"),
    rule("order in two sessions", "consistency", _apart("order_visit", "visit"), "order_id session_id"),
    rule("session goes on after 30 minutes of silence", "consistency", lambda t, _: t.part.notnull(), "session_id",
         action="repair", severity="low",
         repair=lambda t, _: {"session_id": t.session_id + "#" + t.part.cast("string")}),
    # lists and sessions
    *lists.RULES,
    *sessions.RULES,
    rule("propensity is no probability above 0", "accuracy",
         lambda t, _: _improper(t), "propensity", severity="high",
         action="repair", repair=lambda t, _: {"propensity": ibis.null("float64")}),
    rule("propensity that hardly any event has", "accuracy", lambda t, _: t.propensity_rare, "propensity",
         severity="low"),
    # quantities and money
    rule("quantity is not above 0", "accuracy", lambda t, _: (t.quantity <= 0) | t.quantity.isnan(), "quantity",
         severity="high", action="quarantine"),
    rule("quantity is no whole number where prices are by the piece", "consistency",
         lambda t, _: (t.quantity % 1 != 0) & (t.usual_quantity % 1 == 0) & (t.quantity > 0), "quantity",
         severity="low"),
    rule("quantity far above what is usual", "accuracy", lambda t, _: t.quantity > QUANTITY * t.usual_quantity,
         "quantity", severity="medium"),
    rule("value is negative or no number", "accuracy",
         lambda t, _: ((t.value < 0) & is_type(t, *MONEY)) | t.value.isnan() | t.value.isinf(), "value",
         severity="high",
         action="quarantine"),
    rule("purchase for nothing", "usability", lambda t, _: is_type(t, *MONEY) & (t.value == 0), "value",
         severity="low"),
    rule("paid in cents", "consistency", lambda t, _: is_type(t, *MONEY) & ((t.unit_off - CENTS).abs() < SHIFT),
         "value quantity",
         action="repair", repair=lambda t, _: {"value": (t.value / 100).round(2)}, severity="high"),
    rule("paid is not price times quantity", "consistency",
         lambda t, _: is_type(t, *MONEY) & (t.unit_off.abs() > ibis.greatest(FAR * t.unit_spread, TOLERANCE)),
         "value quantity", severity="medium"),
    rule("currency is no code", "consistency", lambda t, _: ~t.currency.re_search(CODES)
         & ~t.currency.strip().upper().re_search(CODES), "currency", severity="medium"),
    rule("currency written untidily", "consistency",
         lambda t, _: ~t.currency.re_search(CODES) & t.currency.strip().upper().re_search(CODES), "currency",
         action="repair", repair=lambda t, _: {"currency": t.currency.strip().upper()}, severity="low"),
    rule("another currency than the shop's", "consistency",
         lambda t, _: (t.currency != t.own_currency) | t.currency_rare, "currency", severity="medium"),
    # missing, and known from the product
    rule("value missing where others pay one price for the product", "completeness",
         lambda t, _: t.value_usual & t.value.isnull() & t.value_due.notnull(), "value quantity", action="repair",
         repair=lambda t, _: {"value": t.value_due}),
    rule("currency missing where the product's is known", "completeness",
         lambda t, _: t.currency_usual & t.currency.isnull() & t.item_currency.notnull()
         & (t.own_currency.isnull() | (t.item_currency == t.own_currency)), "currency", action="repair",
         repair=lambda t, _: {"currency": t.item_currency}, needs=("items", "items.currency", "events.currency")),
    *(_missing(column) for column in (
        "session_id", "request_id", "order_id", "position", "propensity", "quantity", "value", "currency")),
    *(_needless(column) for column in (
        "order_id", "position", "quantity", "value", "currency", "text", "propensity", "request_id", "query")),
    rule("purchase without order", "completeness", lambda t, _: is_type(t, "purchase") & _lacks(t, "order_id"),
         "order_id", severity="medium"),
    # opinions
    rule("rating off the scale", "accuracy",
         lambda t, _: is_type(t, "rating", "review") & (
             (t.value > t.rating_top) | (t.value < t.rating_bottom) | (t.rating_whole & (t.value % 1 != 0))),
         "value", severity="medium"),
    rule("review with neither words nor rating", "completeness",
         lambda t, _: is_type(t, "review", "comment") & (
             (t.text.isnull() | (t.text.strip() == "")) & (t.value.isnull() | t.text_usual)),
         "text", severity="medium"),
    rule("rating without a value", "completeness", lambda t, _: is_type(t, "rating") & t.value.isnull(), "value"),
    rule("same words from several users", "usability", lambda t, _: t.words_odd.fill_null(False), "text",
         severity="medium"),
    rule("advertising in a review", "usability",
         lambda t, _: t.text.re_search(ADDRESS) | t.text.re_search(CONTACT), "text", severity="medium"),
    rule("review says nothing or says it without end", "usability",
         lambda t, _: (t.text.strip().length() == 1) | (t.text.length() > 5000) | ~t.text.re_search(r"\p{L}|\p{N}"),
         "text", severity="low"),
    rule("review of one letter or word over and over", "usability", lambda t, _: wordless.monotonous(t.text), "text",
         severity="low"),
    rule("review of letters that are no words", "usability", lambda t, _: t.gibberish_odd.fill_null(False), "text",
         severity="low"),
    *text_rules("events", "text", "review or comment", required=False, typed=True),
    # queries
    *text_rules("events", "query", "query", required=False, guard="query_odd", typed=True),
    rule("query is an address, code or far too long", "usability",
         lambda t, _: t.query_odd.fill_null(False).ifelse(
             t.query.re_search(ADDRESS) | t.query.re_search(CODE) | t.query.re_search(CONTACT)
             | (t.query.length() > LONG_QUERY) | (t.query.re_search(HAN) & (t.query.length() > LONG_QUERY / 3)),
             False),
         "query", severity="low"),
    # machines and games
    _robot("pauses too short for a person", "fast"),
    _robot("pauses all alike", "even"),
    _robot("at it around the clock", "sleepless"),
    _robot("far more steps than anybody else", "heavy"),
    _robot("many products, each clicked once", "broad"),
    rule("robot: clicks nearly all that it is shown", "usability",
         lambda t, _: t.greedy_odd.fill_null(False), "user_id", action="quarantine", severity="high"),
    rule("far more of one act on a product than on its other days", "usability",
         lambda t, _: t.rush_odd.fill_null(False), "item_id", severity="medium"),
    rule("one user and one product beyond all measure", "usability",
         lambda t, _: t.devoted_odd.fill_null(False), "user_id item_id", severity="medium"),
    rule("click farm: many come for one product within minutes, and for nothing else", "usability",
         lambda t, _: t.farm_odd.fill_null(False), "user_id item_id", severity="high"),
    rule("burst of clicks on one product", "usability",
         lambda t, _: is_type(t, "click") & t.burst_odd.fill_null(False), "item_id", severity="high"),
    rule("one user clicks one product again and again", "usability",
         lambda t, _: is_type(t, "click", "cart") & t.again_odd.fill_null(False), "user_id", severity="high"),
    rule("more orders or opinions in a day than people have", "usability",
         lambda t, _: t.often_odd.fill_null(False) & ~is_type(t, *STEPS), "user_id", severity="medium"),
    rule("more searches, clicks or carts in a day than people make", "usability",
         lambda t, _: t.often_odd.fill_null(False) & is_type(t, *STEPS), "user_id", severity="medium"),
    # uniqueness
    rule("same act twice", "uniqueness", lambda t, _: t.double_odd.fill_null(False), "event_id", severity="medium"),
    rule("purchase or opinion repeated within the hour", "uniqueness", lambda t, _: t.encore_odd.fill_null(False),
         "event_id",
         severity="low"),
    Rule("one event id twice", "uniqueness", "events", key=("event_id",), action="quarantine", severity="high",
         columns=("event_id",)),
)  # fmt: skip
