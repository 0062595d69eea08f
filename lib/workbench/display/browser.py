"""A user and their list: as tables for the report, and as a widget to browse in JupyterLab."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets
import pandas as pd

from workbench.evaluation.cases import Case

TABLE = "border-collapse:collapse;font-size:13px"
CAPTION = "text-align:left;font-weight:600;padding:8px 0;white-space:nowrap"
CELL = "padding:3px 10px;text-align:left;border-bottom:1px solid #ddd"


def html_table(frame: pd.DataFrame, caption: str) -> str:
    """A frame as HTML; every text in it is escaped, because it comes from data."""
    head = "".join(f"<th style='{CELL}'>{escape(str(name))}</th>" for name in frame)
    rows = "".join(
        "<tr>" + "".join(f"<td style='{CELL}'>{escape(str(value))}</td>" for value in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    caption = f"<caption style='{CAPTION}'>{escape(caption)}</caption>"
    return f"<table style='{TABLE}'>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def user_page(case: Case, user_id: str, length: int = 10) -> str:
    """History, ranked list and coupons of one user, one table under the other."""
    coupons = case.coupons(user_id, length)
    return "<br>".join([
        html_table(case.history(user_id), f"User {user_id}: bought most often"),
        html_table(case.ranked(user_id, length), "Recommended next"),
        html_table(coupons, "Coupons that fit") if len(coupons) else "<p>No coupon fits this list.</p>",
    ])  # fmt: skip


def browser(users: list[str], show: Callable[[str], str]) -> widgets.Widget:
    """Choose a user and read its page.

    Args:
        users: ids to choose from.
        show: user_id → HTML, already escaped.
    """
    choice = widgets.Combobox(options=users, value=users[0], description="user", ensure_option=True)
    page = widgets.HTML(show(users[0]))
    choice.observe(
        lambda change: setattr(page, "value", show(change["new"])) if change["new"] in users else None, "value"
    )
    return widgets.VBox([choice, page])
