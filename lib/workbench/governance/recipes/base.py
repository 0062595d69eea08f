"""What every recipe does, and what it says when a step does not apply."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import StringValue, Table

from workbench.data import contract, engine
from workbench.data.timetable import Timetable
from workbench.governance import splits

STEPS = ("exposure", "positions", "pairs", "corpus", "aggregates", "timetable")
LATER = 0.1  # share of the catalogue's texts that pretraining is judged by, where nothing has a time


@dataclass(frozen=True)
class Wishes:
    """What the parameters ask of a recipe.

    Args:
        seed: another one draws another sample.
        timetable: last week of each part; empty for the same proportions over the weeks that the log has.
        negatives: sampled negatives of a group.
        pair_targets: most pairs of each split.
        corpus_docs: most documents of train and of valid.
        split_by: "time", "user" or "query": what keeps behaviour of train and test apart.

    """

    seed: int
    timetable: Mapping[str, int]
    negatives: int
    pair_targets: Mapping[str, int]
    corpus_docs: Mapping[str, int]
    split_by: str = "time"


@dataclass(frozen=True)
class Exposed:
    """What was shown: the events to hand on, counts by channel, and what was measured on the way.

    Args:
        events: the contract's events, impressions among them.
        coverage: channel, events, share.
        facts: metric → value.
        findings: sentences for the report.

    """

    events: Table
    coverage: pd.DataFrame
    facts: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


@dataclass
class Recipe(ABC):
    """How the tables of one shape become pairs, corpus and aggregates.

    Args:
        con: the engine.
        tables: the clean tables by name.
        wishes: what the parameters ask.

    """

    con: ibis.BaseBackend
    tables: Mapping[str, Table]
    wishes: Wishes

    group: ClassVar[str]  # what one group of pairs is
    omitted: ClassVar[Mapping[str, str]]  # steps that do not apply, and why

    def plan(self) -> pd.DataFrame:
        """Each step of this notebook: whether it applies to these tables, and if not, why."""
        rows = [(step, step not in self.omitted, self.omitted.get(step, "")) for step in STEPS]
        return pd.DataFrame(rows, columns=["step", "applies", "because"])

    def why(self, step: str) -> str:
        """Why a step does not apply, as a sentence."""
        return f"Does not apply here: {self.omitted[step]}."

    @cached_property
    def items(self) -> Table:
        """The contract's items with `type_text`, the kind of product in words; kept in the engine."""
        return engine.keep(self.con, "final_items", contract.conform(self._described(), "items"))

    @cached_property
    def timetable(self) -> Timetable | None:
        """The cuts in time; None where nothing has a time."""
        return None

    def exposure(self) -> Exposed | None:
        """What was shown to whom; None where that does not apply."""
        return None

    def positions(self) -> pd.DataFrame | None:
        """Examination by position, as estimated; None where that does not apply."""
        return None

    @abstractmethod
    def pairs(self) -> Table:
        """The contract's pairs, and user_id, ordered by pair_id."""

    def corpus(self) -> Table:
        """The contract's corpus and its split, ordered by doc_id; equal texts once, none of valid's in train."""
        return drawn(self._documents(), self.wishes.corpus_docs)

    def aggregates(self) -> dict[str, Table]:
        """Sums by dimension; empty where there is no behaviour."""
        return {}

    def _cuts(self, weeks: int) -> Timetable:
        """The timetable that was asked for, or one spread over the log's weeks."""
        return Timetable.from_dict(dict(self.wishes.timetable)) if self.wishes.timetable else Timetable.spread(weeks)

    def _language(self) -> str:
        """The language that most of the catalogue has."""
        counts = self.items.group_by("language").agg(items=_.count())
        return str(counts.order_by([_["items"].desc(), "language"]).limit(1).execute()["language"].iloc[0])

    def _documents(self) -> Table:
        """doc_id, text, language, split."""
        return catalogue_documents(self.items)

    def _described(self) -> Table:
        kind = self.tables["items"].category.split(" > ")
        named = ibis.coalesce(kind[kind.length() - 1].nullif(""), _.title).lower()
        return self.tables["items"].mutate(type_text=named)

    def _targeted(self, pairs: Table) -> Table:
        """The groups of pairs that fit each split's target, drawn by digest; kept in the engine."""
        made = engine.keep(self.con, "all_pairs", pairs)
        sizes = made.group_by("group_id", "split").agg(pairs=_.count())
        order = engine.digest(sizes.group_id, salt=f"group{self.wishes.seed}")
        chosen = splits.fill(sizes, ["group_id"], order, self.wishes.pair_targets)
        if missing := set(self.wishes.pair_targets) - set(chosen.select("split").distinct().execute()["split"]):
            raise ValueError(f"no pairs for {', '.join(sorted(missing))}: raise pair_targets, or give more data")
        return made.semi_join(chosen, ["group_id", "split"]).order_by("pair_id")


def as_pairs(table: Table, **own: StringValue) -> Table:
    """The contract's columns of pairs, then user_id and what else is given."""
    kept = contract.conform(table.mutate(**own), "pairs")
    return kept.select(*contract.COLUMNS["pairs"], "user_id", *own)


def balance(pairs: Table) -> pd.DataFrame:
    """Each split's groups, pairs, positives, share of positives, and their natural rate by the weights."""
    table = pairs.group_by("split").agg(
        groups=_.group_id.nunique(), users=_.user_id.nunique(), pairs=_.count(), positives=(_.label > 0).sum(),
        share=(_.label > 0).mean(), natural_rate=((_.label > 0).cast("float64") * _.weight).sum() / _.weight.sum(),
    )  # fmt: skip
    return table.execute().set_index("split").reindex(list(contract.SPLITS)).dropna(how="all")


def catalogue_documents(items: Table) -> Table:
    """The catalogue's texts, category, title and description: doc_id, text, language, split (by digest)."""
    parts = [items.category.replace(" > ", " ").lower(), items.title, items.description]
    text = ibis.literal(" : ").join(parts)  # a part that is null is left out
    split = splits.by_digest(items.item_id, {"train": 1 - LATER, "valid": LATER})
    return items.select(doc_id="item-" + items.item_id, text=text, language=items.language, split=split)


def documents(rows: Table, kind: str, key: str, text: str, language: str) -> Table:
    """Rows with a split as documents: doc_id (kind and key), text, language, split."""
    return rows.select(
        doc_id=ibis.literal(f"{kind}-") + rows[key], text=rows[text], language=ibis.literal(language), split=rows.split
    )


def drawn(documents: Table, targets: Mapping[str, int]) -> Table:
    """The corpus out of documents (doc_id, text, language, split): no text twice, the smallest digests of each split.

    A text that train has is no text of valid; test's documents are left out.
    """
    known = documents.filter(_.text.notnull(), _.text.strip() != "")
    once = known.group_by("split", "text").agg(doc_id=_.doc_id.min(), language=_.language.min())
    train = _smallest(once.filter(_.split == "train"), targets["train"])
    valid = _smallest(once.filter(_.split == "valid").anti_join(train, "text"), targets["valid"])
    return train.union(valid).select("doc_id", "text", "language", "split").order_by("doc_id")


def _smallest(documents: Table, count: int) -> Table:
    return documents.order_by([engine.digest(documents.doc_id, salt="document"), documents.doc_id]).limit(count)
