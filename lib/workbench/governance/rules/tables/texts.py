"""What goes wrong with labelled texts."""

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table, Value

from workbench.data import contract, engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.rules.language import LANGUAGE, other_script
from workbench.governance.rules.strings import id_rules, text_rules
from workbench.governance.rules.vocabulary import COMMONER, counts, lookup, rare, variants


def seen(con: ibis.BaseBackend, tables: Tables, name: str, log_ends: Value) -> dict[str, Table]:
    """The texts with which others say the same, and which spelling of their label is meant.

    Args:
        con: the engine, which keeps what several rules read.
        tables: texts.
        name: a word of its own for each call.
        log_ends: the moment of collection.

    """
    texts = contract.conform(tables["texts"], "texts")
    folded = texts.mutate(folded=texts.text.lower().re_replace(r"[\s\p{P}]+", " ").strip())
    given = folded.filter((_.folded != "") & _.folded.notnull())
    twice = given.group_by("folded").agg(n=_.count(), low=_.label.min(), high=_.label.max()).filter(_.n > 1)
    twice = engine.keep(con, f"{name}_texts_twice", twice.select(same="folded", n="n", low="low", high="high"))
    joined = folded.left_join(twice, folded.folded == twice.same).drop("same", "folded")
    labels = counts(con, texts.label)
    meant = {value: right for value, right in variants(labels).items() if _much(labels, value, right)}
    seldom = sorted(set(rare(labels)) - set(meant))
    judged = joined.mutate(
        label_meant=lookup(joined.label, meant, "string"),
        label_rare=joined.label.isin(seldom) if seldom else ibis.literal(False),
        log_ends=log_ends,
    )
    return {"texts": judged}


def _much(labels: pd.DataFrame, value: str, right: str) -> bool:
    """Labels such as "top up failed" and "top up failing" are both common: only a hardly used one is a variant."""
    n = dict(zip(labels["value"], labels["n"], strict=True))
    return n[right] >= COMMONER * n[value]


RULES: tuple[Rule, ...] = (
    *id_rules("texts", "text_id", required=True),
    *text_rules("texts", "text", "labelled text", required=True, typed=True),
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
)  # fmt: skip
