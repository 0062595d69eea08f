"""Rows that fail a quality rule, and what became of them: as tables for the report, and as a widget for JupyterLab."""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape

import ipywidgets as widgets
import pandas as pd

from workbench.display.browser import html_table

SHOWN = 50
LONGEST = 200  # characters of a value; a cell may hold megabytes
INNER = ["step", "copy"]  # what a record needs for its replay, and no reader
CAPTIONS = {"failing": "fail the rule", "repairs": "repaired", "quarantine": "in quarantine", "merges": "merged"}


def failing_page(
    found: Mapping[str, pd.DataFrame], limit: int = SHOWN, nothing: str = "No row fails this rule.", title: str = ""
) -> str:
    """The first rows of each kind as HTML tables, escaped and cut to a readable length.

    Args:
        found: frames by kind: failing, repairs, quarantine, merges.
        limit: rows of each.
        nothing: what to say where there are no rows.
        title: what stands above the tables.

    """
    parts = []
    for kind, frame in found.items():
        if len(frame):
            shown = frame.head(limit).drop(columns=INNER, errors="ignore")
            parts.append(html_table(shown.map(_short), f"{CAPTIONS.get(kind, kind)}: first {len(shown)}"))
    head = f"<p><b>{escape(title)}</b></p>" if title else ""
    return head + ("<br>".join(parts) or f"<p>{escape(nothing)}</p>")


def failing_browser(rules: Sequence[str], find: Callable[[str], Mapping[str, pd.DataFrame]]) -> widgets.Widget:
    """Choose a rule and read the rows that fail it.

    Args:
        rules: names of the rules to choose from.
        find: name → frames by kind, as `failing_page` reads them; called when the rule is chosen.

    """
    if not rules:
        return widgets.HTML("<p>No rule to choose from.</p>")
    choice = widgets.Dropdown(options=list(rules), description="rule", layout=widgets.Layout(width="max-content"))
    page = widgets.HTML(failing_page(find(rules[0])))
    choice.observe(lambda change: setattr(page, "value", failing_page(find(change["new"]))), "value")
    return widgets.VBox([choice, page])


def _short(value: object) -> str:
    """A value as text that a table has room for, and in which a line may break between the fields of a raw row."""
    if value is None or value is pd.NA or value != value:
        return "–"
    text = _visible(str(value))
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
    return cut.replace('","', '",\u200b"')


def _visible(text: str) -> str:
    """The text with signs for what a browser hides, which is what many repairs change: stray spaces, control signs."""
    spaced = re.sub(r"^ +| +$| {2,}", lambda found: "␣" * len(found.group()), text)
    return "".join(sign if sign.isprintable() else f"⟨U+{ord(sign):04X}⟩" for sign in spaced)
