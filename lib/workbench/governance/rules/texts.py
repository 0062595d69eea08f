"""What goes wrong with judged search results, labelled texts, histories and offers."""

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table, Value

from workbench.data import contract, engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.rules.items import LANGUAGE, other_script
from workbench.governance.rules.strings import ADDRESS, CODE, id_rules, text_rules
from workbench.governance.rules.vocabulary import COMMONER, counts, lookup, rare, variants

GRADES = 12  # distinct grades up to which they are a scale and not measurements
LONG_QUERY = 150  # characters
LONGEST = 10_000  # items of one history
ONE = 0.98  # share of one value from which another is suspect


def seen(con: ibis.BaseBackend, tables: Tables, name: str, log_ends: Value) -> dict[str, Table]:
    """The tables with what their other rows say about each."""
    found: dict[str, Table] = {}
    known = None
    if "items" in tables:
        known = tables["items"].filter(_.item_id.notnull()).select(known_item=_.item_id).distinct()
    if "judgments" in tables:
        found["judgments"] = _judgments(con, contract.conform(tables["judgments"], "judgments"), known, name)
    if "texts" in tables:
        found["texts"] = _texts(con, contract.conform(tables["texts"], "texts"), name, log_ends)
    if "histories" in tables:
        found["histories"] = _histories(con, contract.conform(tables["histories"], "histories"), known, name)
    return found


def _judgments(con: ibis.BaseBackend, judged: Table, known: Table | None, name: str) -> Table:
    clear = judged.filter(judged.grade.notnull())
    pairs = clear.group_by("query_id", "item_id").agg(n=_.count(), low=_.grade.min(), high=_.grade.max())
    pairs = engine.keep(con, f"{name}_judged_twice", pairs.filter(_.n > 1))
    names = judged.filter(_.query.notnull()).group_by("query_id").agg(low=_.query.min(), high=_.query.max())
    names = engine.keep(con, f"{name}_query_names", names.filter(_.low != _.high).select("query_id"))
    grades = counts(con, judged.grade)
    seldom = _off_scale(grades)
    judged = judged.left_join(pairs, ["query_id", "item_id"]).drop("query_id_right", "item_id_right")
    names = names.select(named_id=names.query_id)
    judged = judged.left_join(names, judged.query_id == names.named_id)
    judged = judged.mutate(renamed=judged.named_id.notnull(), off_scale=judged.grade.isin(seldom) if seldom else False)
    return _known(judged.drop("named_id"), known)


def _off_scale(grades: pd.DataFrame) -> list[float]:
    """Grades beyond those that nearly all judgments use, where these are a scale of few steps."""
    total = grades["n"].sum()
    common = grades[grades["n"] >= max(3, 0.002 * total)]
    if not 0 < len(common) <= GRADES or common["n"].sum() < ONE * total:
        return []
    low, high = common["value"].min(), common["value"].max()
    off = (grades["value"] < low) | (grades["value"] > high)
    if (common["value"] % 1 == 0).all():
        off |= grades["value"] % 1 != 0
    return [float(value) for value in grades.loc[off, "value"]]


def _known(table: Table, known: Table | None) -> Table:
    if known is None:
        return table.mutate(item_known=True)
    joined = table.left_join(known, table.item_id == known.known_item)
    return joined.mutate(item_known=joined.known_item.notnull()).drop("known_item")


def _texts(con: ibis.BaseBackend, texts: Table, name: str, log_ends: Value) -> Table:
    folded = texts.mutate(folded=texts.text.lower().re_replace(r"[\s\p{P}]+", " ").strip())
    given = folded.filter((_.folded != "") & _.folded.notnull())
    twice = given.group_by("folded").agg(n=_.count(), low=_.label.min(), high=_.label.max()).filter(_.n > 1)
    twice = engine.keep(con, f"{name}_texts_twice", twice.select(same="folded", n="n", low="low", high="high"))
    joined = folded.left_join(twice, folded.folded == twice.same).drop("same", "folded")
    labels = counts(con, texts.label)
    meant = {value: right for value, right in variants(labels).items() if _much(labels, value, right)}
    seldom = sorted(set(rare(labels)) - set(meant))
    return joined.mutate(
        label_meant=lookup(joined.label, meant, "string"),
        label_rare=joined.label.isin(seldom) if seldom else ibis.literal(False),
        log_ends=log_ends,
    )


def _much(labels: pd.DataFrame, value: str, right: str) -> bool:
    """Labels such as "top up failed" and "top up failing" are both common: only a hardly used one is a variant."""
    n = dict(zip(labels["value"], labels["n"], strict=True))
    return n[right] >= COMMONER * n[value]


def _histories(con: ibis.BaseBackend, histories: Table, known: Table | None, name: str) -> Table:
    histories = histories.mutate(n_items=histories.item_ids.length())
    if known is None:
        return histories.mutate(strangers=0, next_known=True)
    said = histories.select("history_id", item=histories.item_ids.unnest())
    strangers = said.anti_join(known, said.item == known.known_item).group_by("history_id").agg(strangers=_.count())
    strangers = engine.keep(con, f"{name}_strangers", strangers)
    joined = histories.left_join(strangers, "history_id").drop("history_id_right")
    joined = joined.left_join(known, joined.next_item_id == known.known_item)
    return joined.mutate(next_known=joined.known_item.notnull(), strangers=joined.strangers.fill_null(0)).drop(
        "known_item"
    )


RULES: tuple[Rule, ...] = (
    # judgments
    *id_rules("judgments", "query_id", required=True),
    *id_rules("judgments", "item_id", required=True),
    *text_rules("judgments", "query", "judged query", required=True),
    Rule("judgment without query", "completeness", "judgments", lambda t, _: t["query"].isnull(), action="quarantine",
         severity="high", columns=("query",)),
    Rule("judgment without grade", "completeness", "judgments", lambda t, _: t.grade.isnull() | t.grade.isnan(),
         action="quarantine", severity="high", columns=("grade",)),
    Rule("grade off the scale", "accuracy", "judgments", lambda t, _: t.off_scale, action="quarantine",
         severity="high", columns=("grade",)),
    Rule("judgment of an unknown product", "consistency", "judgments", lambda t, _: ~t.item_known & t.item_id.notnull(),
         severity="high", columns=("item_id",), needs=("items",)),
    Rule("one product judged twice for a query, alike", "uniqueness", "judgments",
         lambda t, _: (t.n > 1) & (t.low == t.high), severity="low", columns=("query_id", "item_id")),
    Rule("one product judged twice for a query, differently", "consistency", "judgments",
         lambda t, _: (t.n > 1) & (t.low != t.high), severity="medium", columns=("grade",)),
    Rule("one query id for two queries", "consistency", "judgments", lambda t, _: t.renamed, severity="medium",
         columns=("query_id", "query")),
    Rule("judged query is an address, code or far too long", "usability", "judgments",
         lambda t, _: t["query"].re_search(ADDRESS) | t["query"].re_search(CODE) | (t["query"].length() > LONG_QUERY),
         severity="low", columns=("query",)),
    # texts
    *id_rules("texts", "text_id", required=True),
    *text_rules("texts", "text", "labelled text", required=True),
    *text_rules("texts", "label", "label", required=True),
    Rule("labelled text without text", "completeness", "texts", lambda t, _: t.text.isnull(), action="quarantine",
         severity="high", columns=("text",)),
    Rule("labelled text without label", "completeness", "texts", lambda t, _: t.label.isnull(), action="quarantine",
         severity="high", columns=("label",)),
    Rule("same text twice", "uniqueness", "texts", lambda t, _: (t.n > 1) & (t.low == t.high), severity="low",
         columns=("text",)),
    Rule("same text with two labels", "consistency", "texts", lambda t, _: (t.n > 1) & (t.low != t.high),
         severity="high", columns=("label",)),
    Rule("label spelled unlike its usual form", "consistency", "texts", lambda t, _: t.label_meant.notnull(),
         action="repair", repair=lambda t, _: {"label": ibis.coalesce(t.label_meant, t.label)}, columns=("label",)),
    Rule("label that hardly any text has", "accuracy", "texts", lambda t, _: t.label_rare, severity="low",
         columns=("label",)),
    Rule("text without a letter, or of one character", "usability", "texts",
         lambda t, _: ~t.text.re_search(r"\p{L}|\p{So}") | (t.text.strip().length() == 1), severity="low",
         columns=("text",)),
    Rule("labelled text in another script than its language's", "consistency", "texts",
         lambda t, _: other_script(t.text, t.language), severity="low", columns=("language",),
           needs=("texts.language",)),
    Rule("labelled text's language is no code", "consistency", "texts", lambda t, _: ~t.language.re_search(LANGUAGE),
         severity="low", columns=("language",), needs=("texts.language",)),
    Rule("labelled text from the future", "timeliness", "texts", lambda t, _: t.timestamp > t.log_ends,
         severity="medium",
         columns=("timestamp",), needs=("texts.timestamp",)),
    Rule("one text id twice", "uniqueness", "texts", key=("text_id",), action="quarantine", severity="high",
         columns=("text_id",)),
    # histories
    *id_rules("histories", "history_id", required=True),
    *id_rules("histories", "next_item_id", required=True),
    Rule("history without items", "completeness", "histories", lambda t, _: t.n_items.fill_null(0) == 0,
         action="quarantine", severity="high", columns=("item_ids",)),
    Rule("history far too long", "usability", "histories", lambda t, _: t.n_items > LONGEST, columns=("item_ids",)),
    Rule("history names unknown products", "consistency", "histories", lambda t, _: t.strangers > 0, severity="medium",
         columns=("item_ids",), needs=("items",)),
    Rule("history goes on with an unknown product", "consistency", "histories", lambda t, _: ~t.next_known
         & t.next_item_id.notnull(),
         severity="high", columns=("next_item_id",), needs=("items",)),
    Rule("one history id twice", "uniqueness", "histories", key=("history_id",), action="quarantine", severity="high",
         columns=("history_id",)),
    # offers
    *id_rules("offers", "item_id", required=True),
    Rule("offer ends before it begins", "consistency", "offers", lambda t, _: t.valid_to < t.valid_from,
         severity="high", columns=("valid_from", "valid_to"), needs=("offers.valid_from", "offers.valid_to")),
)  # fmt: skip
