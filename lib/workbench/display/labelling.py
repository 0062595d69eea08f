"""Rows whose label is doubted: as a table and a figure for the report, and as a widget to decide on them one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from workbench.artifacts import Stage, StageError
from workbench.display.style import MUTED
from workbench.governance.labels import corrections
from workbench.spelling import nearest

SHOWN = ("text", "label", "suggested", "self_confidence", "quality")
FILES = {"texts": "data/texts.parquet", "reviews": "data/events.parquet"}  # by the parameter `labelled`
OTHERWISE = (
    "set labelled to texts where the source has labelled texts, to reviews where its log has reviews with stars, or "
    "work on another profile, such as banking77"
)
TEXT = (
    "white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid #ccc;padding:4px 12px;margin:8px 0;"
    "max-height:240px;overflow-y:auto"
)


class Labeller(widgets.VBox):
    """Decide on doubted labels one by one; every decision is in the file before the next row shows.

    Reopened on the same file, it goes on at the first row without a decision. A decision about a row whose text or
    label has changed since is asked for again; a row that already has the label which the file gives it is not shown.
    What the file says of other rows stays in it.

    Args:
        doubted: text_id, text, label, suggested, self_confidence, in the order to show; `doubted` makes it.
        path: the file of corrections, made with the first decision.
        classes: labels to choose from.
        who: name or initials, written beside each decision.
        clock: gives the time of a decision.

    Raises:
        CorrectionsError: the file is there and cannot be used.
        ValueError: `doubted` lacks a column or repeats an id.

    """

    def __init__(
        self,
        doubted: pd.DataFrame,
        path: str | Path,
        classes: Sequence[str],
        *,
        who: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        _check(doubted)
        self.path, self.who, self.clock = Path(path), who, clock
        written = corrections.read(self.path) if self.path.exists() else corrections.empty()
        self.decided = {str(row["text_id"]): {str(k): str(v) for k, v in row.items()}
                        for row in written.to_dict("records")}  # fmt: skip
        rows = doubted.astype({"text_id": "str", "text": "str", "label": "str", "suggested": "str"})
        fixed = zip(rows["text_id"], rows["text"], rows["label"], strict=True)
        settled = written[written["decision"] == "fix"].set_index("text_id")[["text", "new_label"]].T.to_dict("list")
        shown = [settled.get(key) != [text, label] for key, text, label in fixed]
        self.rows = rows[np.array(shown, dtype=bool)].reset_index(drop=True)
        self.progress = widgets.IntProgress(max=max(len(self.rows), 1), description="decided")
        self.page, self.note = widgets.HTML(), widgets.HTML()
        self.choice = widgets.Dropdown(
            options=sorted({*map(str, classes), *self.rows["suggested"], *self._new_labels()}), description="label"
        )
        self.keep, self.fix, self.drop = (
            widgets.Button(description=name, button_style=style, tooltip=tip)
            for name, style, tip in (
                ("keep", "success", "the label is right"),
                ("fix", "warning", "the label becomes the one chosen here"),
                ("drop", "danger", "the text teaches nothing: to the quarantine"),
            )
        )
        self.back, self.next = widgets.Button(description="back"), widgets.Button(description="next")
        for button in (self.keep, self.fix, self.drop):
            button.on_click(self._decide)
        self.back.on_click(lambda _: self._show(self.at - 1))
        self.next.on_click(lambda _: self._show(self.at + 1))
        super().__init__(
            [
                self.progress,
                self.page,
                widgets.HBox([self.keep, self.choice, self.fix, self.drop]),
                widgets.HBox([self.back, self.next, self.note]),
            ]
        )
        self._show(min(self._open(), default=len(self.rows) - 1))

    def corrections(self) -> pd.DataFrame:
        """All decisions so far, as in the file."""
        return pd.DataFrame(list(self.decided.values()), columns=list(corrections.COLUMNS), dtype="str")

    def _new_labels(self) -> set[str]:
        return {given["new_label"] for given in self.decided.values() if given["new_label"]}

    def _given(self, at: int) -> dict[str, str] | None:
        """The decision on a row, if it was about the text and the label that the row has now."""
        row = self.rows.iloc[at]
        given = self.decided.get(row["text_id"])
        return given if given and (given["text"], given["label"]) == (row["text"], row["label"]) else None

    def _open(self) -> list[int]:
        return [at for at in range(len(self.rows)) if self._given(at) is None]

    def _decide(self, button: widgets.Button) -> None:
        row, decision = self.rows.iloc[self.at], button.description
        if decision == "fix" and self.choice.value == row["label"]:
            self.note.value = "The chosen label is the one it has: choose another one, or keep."
            return
        entry = {name: str(row[name]) for name in ("text_id", "text", "label", "suggested")}
        entry |= {"decision": decision, "new_label": self.choice.value if decision == "fix" else "", "who": self.who}
        entry["when"] = self.clock().isoformat(timespec="seconds")
        after = {**self.decided, entry["text_id"]: entry}
        corrections.write(self.path, pd.DataFrame(list(after.values()), columns=list(corrections.COLUMNS), dtype="str"))
        self.decided = after
        self._show(self.at + 1)

    def _show(self, at: int) -> None:
        self.at = min(max(at, 0), max(len(self.rows) - 1, 0))
        left = len(self._open())
        self.progress.value = len(self.rows) - left
        for button in (self.keep, self.fix, self.drop):
            button.disabled = self.rows.empty
        self.back.disabled, self.next.disabled = self.at == 0, self.at >= len(self.rows) - 1
        if self.rows.empty:
            self.page.value, self.note.value = "<p>No label is doubted.</p>", ""
            return
        row = self.rows.iloc[self.at]
        given = self._given(self.at)
        self.choice.value = (given or {}).get("new_label") or row["suggested"]
        self.page.value = _page(row, f"{self.at + 1} of {len(self.rows)}")
        ended = f"{left} open." if left else f"All decided; they are in {self.path}."
        self.note.value = escape(f"Decided: {_words(given)}. {ended}" if given else ended)


def doubted(found: pd.DataFrame, texts: pd.DataFrame) -> pd.DataFrame:
    """Flagged rows with their texts, most doubted first: text_id, text, label, suggested, self_confidence, quality.

    Args:
        found: what `label_noise.find` gave.
        texts: text_id, text.

    """
    flagged = found[found["flagged"]].merge(texts[["text_id", "text"]], on="text_id", validate="one_to_one")
    ordered = flagged.sort_values(["quality", "self_confidence", "text_id"], ignore_index=True)
    return ordered[["text_id", *SHOWN]]


def noise_table(rows: pd.DataFrame, n: int = 10, length: int = 160) -> pd.DataFrame:
    """The first `n` doubted rows for a report; texts longer than `length` characters are cut. pandas escapes them."""
    table = rows.head(n)[list(SHOWN)].reset_index(drop=True)
    text = table["text"].astype("str").str.replace(r"\s+", " ", regex=True)
    table["text"] = text.where(text.str.len() <= length, text.str.slice(0, length - 1) + "…")
    return table.round({"self_confidence": 3, "quality": 3})


def noise_by_class(classes: pd.DataFrame, n: int = 20) -> Figure:
    """Share of flagged rows by class, the worst `n` of `label_noise.by_class`; beside each what is suggested most."""
    worst = classes.head(n)
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(worst) + 1.4))
    rows = np.arange(len(worst))[::-1]
    axes.barh(rows, worst["share"], color=["C0" if flagged else MUTED for flagged in worst["flagged"]])
    for row, (flagged, total, share, instead) in zip(
        rows, worst[["flagged", "rows", "share", "suggested"]].itertuples(index=False), strict=True
    ):
        note = f"{flagged} of {total}" + (f", mostly → {_plain(instead)}" if flagged else "")
        axes.annotate(note, (share, row), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8)
    axes.grid(False, axis="y")
    overall = classes["flagged"].sum() / max(classes["rows"].sum(), 1)
    axes.axvline(overall, color=MUTED, linestyle=":")
    widest = max(float(worst["share"].max()) if len(worst) else 0.0, 0.01)
    axes.set(yticks=rows, yticklabels=[_plain(name) for name in worst["label"]], xlim=(0, widest * 2))
    axes.set(xlabel="share of the class that is flagged", title=f"Labels in doubt by class ({overall:.1%} of all)")
    return figure


def table_of(stage: Stage, labelled: str) -> pa.Table:
    """The table of `01_governance` whose labels are judged.

    Raises:
        StageError: the parameter `labelled` has no such value, or that stage handed on no such table.

    """
    if labelled not in FILES:
        raise StageError(f"labelled is '{labelled}'{nearest(labelled, FILES)}: set it to {' or '.join(FILES)}")
    try:
        return stage.table("01_governance", FILES[labelled])
    except StageError as error:
        raise StageError(f"labelled is '{labelled}', but {error}: {OTHERWISE}") from error


def some(texts: pd.DataFrame, labelled: str) -> pd.DataFrame:
    """The labelled texts themselves, if there are any; else StageError, which names the parameter `labelled`."""
    if texts.empty:
        raise StageError(f"labelled is '{labelled}', but 01_governance handed on none with text and label: {OTHERWISE}")
    return texts


def checked(precision: float | None, recall: float | None, moved: int) -> str:
    """What the check on labels moved on purpose found, as a sentence.

    Args:
        precision: share of what was flagged that had been moved; None if nothing was flagged.
        recall: share of what was moved that was flagged; None if nothing was moved.
        moved: how many labels were.

    """
    if recall is None:
        return "No label was moved on purpose, so nothing is known of the detector: raise planted."
    of = "nothing is flagged then" if precision is None else f"{precision:.0%} of what is flagged then was moved"
    return f"Of {moved:,} labels moved on purpose {recall:.0%} are found; {of}."


def learned(found: pd.DataFrame, classes: pd.DataFrame, check: str, written: pd.DataFrame) -> str:
    """What the search for wrong labels says, as Markdown.

    Args:
        found: as `label_noise.find` gives it.
        classes: as `label_noise.by_class` gives it.
        check: as `checked` gives it.
        written: the corrections so far.

    """
    worst, flagged = classes.iloc[0], int(found["flagged"].sum())
    name = escape(str(worst["label"])).translate({ord(sign): f"\\{sign}" for sign in "*_`[]#"})
    most = f" ({found['flagged'].mean():.1%}); most in **{name}** ({worst['share']:.1%} of it)" if flagged else ""
    decided = written["decision"].value_counts()
    return "\n".join([
        f"- In doubt are {flagged:,} of {len(found):,} labels{most}.",
        f"- {check}",
        f"- {len(written):,} labels were decided by a person: {decided.get('keep', 0):,} kept, "
        f"{decided.get('fix', 0):,} fixed, {decided.get('drop', 0):,} dropped.",
    ])  # fmt: skip


def advice(decided: int, place: str) -> str:
    """What to write into the profile so that its next run applies the decisions in the file at `place`."""
    if not decided:
        return f"Nothing is decided yet; decisions go to {place}."
    lines = f"01_governance:\n  corrections_file: {place}"
    return f"Labels decided in {place}: {decided:,}. The profile's next run applies them by these lines:\n\n{lines}"


def _plain(name: object) -> str:
    """A label in which matplotlib reads no formula."""
    return str(name).replace("$", r"\$")


def _page(row: pd.Series, place: str) -> str:
    facts = (("label", row["label"]), ("suggested", row["suggested"]))
    lines = "".join(f"<tr><td>{name}</td><td><b>{escape(str(value))}</b></td></tr>" for name, value in facts)
    confidence = f"<tr><td>confidence in the label&nbsp;&nbsp;</td><td>{row['self_confidence']:.1%}</td></tr>"
    head = f"<b>{place}</b> · {escape(str(row['text_id']))}"
    return f"<div>{head}<div style='{TEXT}'>{escape(str(row['text']))}</div><table>{lines}{confidence}</table></div>"


def _words(given: dict[str, str]) -> str:
    return f"fix to {given['new_label']}" if given["decision"] == "fix" else given["decision"]


def _check(rows: pd.DataFrame) -> None:
    needed = ("text_id", "text", "label", "suggested", "self_confidence")
    if missing := [name for name in needed if name not in rows]:
        raise ValueError(f"the doubted rows lack the column {', '.join(missing)}: make them with `doubted`")
    if rows["text_id"].astype("str").duplicated().any():
        raise ValueError("a text_id repeats among the doubted rows: decisions could not be told apart")
