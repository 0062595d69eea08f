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
from workbench.governance.labels import splits
from workbench.governance.recipes.documents import catalogue_documents, drawn

STEPS = ("exposure", "positions", "relevance", "pairs", "corpus", "aggregates", "timetable")
SPLIT_BY = ("time", "user", "query")
NEGATIVES = 20
UNKNOWN = "und"  # ISO 639-2: an undetermined language
BEYOND = "its group is beyond the pairs wanted of its split (pair_targets)"
NO_PRODUCT = "names a product that the catalogue lacks"
OUTSIDE = "of weeks outside the splits"
BOUGHT = "not taken then, and bought later in the split's weeks: no negative"


@dataclass(frozen=True)
class Wishes:
    """What the parameters ask of a recipe.

    Args:
        seed: another one draws another sample.
        timetable: last week of each part; empty for the same proportions over the weeks that the log has.
        negatives: sampled negatives of a group; other than `NEGATIVES` only where negatives are sampled.
        pair_targets: most pairs of each split.
        corpus_docs: most documents of train and of valid.
        split_by: one of `SPLIT_BY`: what keeps behaviour of train and test apart; other than "time" only where a recipe
            can keep them so.

    """

    seed: int
    timetable: Mapping[str, int]
    negatives: int
    pair_targets: Mapping[str, int]
    corpus_docs: Mapping[str, int]
    split_by: str = SPLIT_BY[0]


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
        con: the engine, which keeps tables of this recipe: one recipe for each engine.
        tables: the clean tables by name.
        wishes: what the parameters ask.

    """

    con: ibis.BaseBackend
    tables: Mapping[str, Table]
    wishes: Wishes

    group: ClassVar[str]  # what one group of pairs is
    unit: ClassVar[str]  # what the rows are that `left_out` counts
    omitted: ClassVar[Mapping[str, str]]  # steps that do not apply, and why
    splits_by: ClassVar[tuple[str, ...]] = SPLIT_BY[:1]
    drawing: ClassVar[str] = ""  # tables of this shape whose negatives are sampled, in words

    @property
    def draws(self) -> bool:
        """Whether negatives are sampled from these tables."""
        return bool(self.drawing)

    def keeps_apart(self, by: str) -> bool:
        """Whether train and test of these tables can be kept apart so, see `SPLIT_BY`."""
        return by in self.splits_by

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
        """The cuts in time; None where nothing has a time, or the log is too short for cuts."""
        return None

    def exposure(self) -> Exposed | None:
        """What was shown to whom; None where that does not apply."""
        return None

    def positions(self) -> pd.DataFrame | None:
        """Examination by position, as estimated; None where that does not apply."""
        return None

    def relevance(self) -> Table | None:
        """How well each product serves each query, by clicks corrected for position; None where that does not apply.

        See `grades.relevance` for its columns.
        """
        return None

    def pairs(self) -> Table | None:
        """The contract's pairs, and user_id, ordered by pair_id; None where that does not apply."""
        return None

    @abstractmethod
    def given(self) -> int:
        """How many rows of the `unit` the clean tables hold: those that pairs stand for, and those left out."""

    def left_out(self) -> pd.DataFrame:
        """The rows of the `unit` that no pair stands for: reason, rows, unit; most first.

        A row with several reasons counts under the first one, so that these rows and those that pairs stand for
        together are the rows `given`. Sampled negatives stand for no row.
        """
        return self._counted({self.omitted["pairs"]: self.given()})

    def corpus(self) -> Table | None:
        """The contract's corpus and its split, ordered by doc_id; equal texts once, none of valid's in train.

        None where that does not apply.
        """
        return None if "corpus" in self.omitted else self._corpus()

    def aggregates(self) -> dict[str, Table]:
        """Sums by dimension; empty where there is no behaviour."""
        return {}

    def _corpus(self) -> Table:
        return drawn(self._documents(), self.wishes.corpus_docs)

    def _documents(self) -> Table:
        """doc_id, text, language, split."""
        return catalogue_documents(self.items)

    def _counted(self, rows: Mapping[str, int]) -> pd.DataFrame:
        table = pd.DataFrame({"reason": list(rows), "rows": list(rows.values())}).astype({"rows": "int64"})
        table = table[table["rows"] > 0].assign(unit=self.unit)
        return table.sort_values(["rows", "reason"], ascending=[False, True], ignore_index=True)

    def _cuts(self, weeks: int) -> Timetable | None:
        """The timetable that was asked for, or one spread over the log's weeks; None for too few of them."""
        return Timetable.from_dict(dict(self.wishes.timetable)) if self.wishes.timetable else Timetable.spread(weeks)

    def _language(self) -> str:
        """The language that most of the catalogue has; undetermined where there is none."""
        counts = self.items.group_by("language").agg(items=_.count())
        first = counts.order_by([_["items"].desc(), "language"]).limit(1).execute()["language"]
        return str(first.iloc[0]) if len(first) else UNKNOWN

    def _described(self) -> Table:
        if "items" not in self.tables:  # no rows, but the columns that whoever looks a product up asks for
            columns = {"item_id": "string", "type_text": "string"}
            return contract.conform(self.con.create_table("no_items", schema=columns, overwrite=True), "items")
        kind = self.tables["items"].category.split(" > ")
        named = ibis.coalesce(kind[kind.length() - 1].nullif(""), _.title).lower()
        return self.tables["items"].mutate(type_text=named)


class Pairing(Recipe):
    """A recipe that makes pairs, unless `omitted` says otherwise."""

    def pairs(self) -> Table | None:
        """The contract's pairs, and user_id, ordered by pair_id: the groups that fit each split's target.

        None where that does not apply.

        Raises:
            ValueError: a split has none.

        """
        if "pairs" in self.omitted:
            return None
        if missing := set(self.wishes.pair_targets) - set(self._chosen.select("split").distinct().execute()["split"]):
            raise ValueError(f"no pairs for {', '.join(sorted(missing))}: raise pair_targets, or give more data")
        return self._made.semi_join(self._chosen, ["group_id", "split"]).order_by("pair_id")

    def left_out(self) -> pd.DataFrame:
        """The rows of the `unit` that no pair stands for, see `Recipe.left_out`."""
        if "pairs" in self.omitted:
            return super().left_out()
        counts = self._judged_rows().group_by("reason").agg(rows=_.count()).filter(_.reason.notnull()).execute()
        return self._counted(dict(zip(counts["reason"], counts["rows"], strict=True)))

    @abstractmethod
    def _pairs(self) -> Table:
        """All pairs, whatever their number."""

    @abstractmethod
    def _rows(self) -> Table:
        """Each row of the `unit`: group_id, and the reason why no pair stands for it, null where one does."""

    def _judged_rows(self) -> Table:
        rows = self._rows()
        chosen = self._chosen.select(group_id=_.group_id, chosen=True)
        told = rows.left_join(chosen, "group_id")
        return told.select(reason=ibis.coalesce(told.reason, told.chosen.isnull().ifelse(BEYOND, None)))

    @cached_property
    def _made(self) -> Table:
        return engine.keep(self.con, "all_pairs", self._pairs())

    @cached_property
    def _chosen(self) -> Table:
        """group_id, split of the groups that fit each split's target, drawn by digest."""
        sizes = self._made.group_by("group_id", "split").agg(pairs=_.count())
        order = engine.digest(sizes.group_id, salt=f"group{self.wishes.seed}")
        return engine.keep(self.con, "chosen_groups", splits.fill(sizes, ["group_id"], order, self.wishes.pair_targets))


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
