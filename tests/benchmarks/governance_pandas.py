"""The grocery rules as one would write them in pandas, for the benchmark of speed: same rules, same results.

Vectorised throughout; what several steps read is computed once, and only rows that share a key are grouped or sorted.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.data.sources.complete_journey import weeks

Frames = dict[str, pd.DataFrame]
Condition = Callable[[pd.DataFrame], pd.Series]
LEVELS = ["department", "product_category", "product_type"]
PROMOTED = ["item_id", "store_id", "week"]
SIZE, UNTIDY, CATCH_ALL = r"^[0-9]*\.?[0-9]+ [A-Z]+$", r"  |\*|^ | $", r"^(?:MISC|OTHER|UNKNOWN|NO )"
FREE, FUEL = "money paid for quantity 0", "fuel counted in thousandths of a gallon"
TILL, NEGATIVE, LATE = (
    "till entry: no goods and no money", "negative quantity or value", "time outside the week it names",
)  # fmt: skip
TWICE, ADDED, UNTIDY_SIZE = (
    "one event id twice", "purchased product missing from the catalogue", "package size untidy",
)  # fmt: skip
NEITHER, MERGED = "promotion neither displayed nor mailed", "one product, store and week twice"

EVENT_RULES: dict[str, Condition] = {
    TILL: lambda t: (t["quantity"] == 0) & (t["value"] == 0),
    NEGATIVE: lambda t: (t["quantity"] < 0) | (t["value"] < 0),
    FREE: lambda t: (t["quantity"] == 0) & (t["value"] > 0),
    FUEL: lambda t: (
        t["product_type"].str.startswith("GASOLINE", na=False) & (t["value"] > 0) & (t["value"] < 0.1 * t["quantity"])
    ),
    "unit price far from its category's": lambda t: t["off"] > 6.0 * t["spread"].clip(lower=0.1),
    "goods for nothing": lambda t: (t["quantity"] > 0) & (t["value"] == 0),
    "event names an unknown product": lambda t: ~t["known"],
    LATE: lambda t: t["begins"].isna() | (t["timestamp"] < t["begins"]) | (t["timestamp"] >= t["ends"]),
    "store without promotion records": lambda t: ~t["covered"],
    "event outside the calendar": lambda t: t["begins"].isna(),
}
ITEM_RULES: dict[str, Condition] = {
    "no product category": lambda t: t["product_category"].isna(),
    "no package size": lambda t: t["package_size"].isna(),
    UNTIDY_SIZE: lambda t: t["package_size"].str.contains(UNTIDY, na=False),
    "package size is no measure": lambda t: ~t["package_size"].str.contains(SIZE, na=True),
    "product type says little (misc, other)": lambda t: t["product_type"].str.contains(CATCH_ALL, na=True),
}


def run(files: Mapping[str, Path]) -> Frames:
    """Clean tables, the record of cleaning, and the failing rows of every rule before and after."""
    raw = collect(files)
    table = seen(raw)
    before = failing(raw, table)
    clean, log = cleaned(raw, table)
    after = failing(clean, seen(clean))
    counts = pd.DataFrame({"rule": list(before), "failing_before": before.values(), "failing_after": after.values()})
    return {**{name: clean[name] for name in ("events", "items", "promotions")}, **log, "counts": counts}


def collect(files: Mapping[str, Path]) -> Frames:
    """The raw files of all households in the contract's columns."""
    raw = {name: pd.read_parquet(path) for name, path in files.items()}
    bought, shown, products, people = (
        raw[name] for name in ("transactions", "promotions", "products", "demographics")
    )  # fmt: skip
    basket, product = bought["basket_id"].astype(str), bought["product_id"].astype(str)
    events = pd.DataFrame({
        "event_id": basket + "-" + product, "user_id": bought["household_id"].astype(str), "session_id": basket,
        "order_id": basket, "item_id": product, "event_type": "purchase",
        "timestamp": bought["transaction_timestamp"].dt.tz_localize("UTC"),
        "quantity": bought["quantity"].astype(float), "value": bought["sales_value"], "currency": "USD",
        "store_id": bought["store_id"].astype(str), "week": bought["week"].astype("int32"),
    })  # fmt: skip
    path = products["department"].fillna("")
    for level in LEVELS[1:]:
        path += (" > " + products[level]).fillna("")
    items = pd.DataFrame({
        "item_id": products["product_id"].astype(str), "category": path.str.removeprefix(" > "),
        "brand": products["brand"], **products[LEVELS], "package_size": products["package_size"],
        "manufacturer_id": products["manufacturer_id"].astype(str),
    })  # fmt: skip
    promotions = pd.DataFrame({
        "item_id": shown["product_id"].astype("int32"), "store_id": shown["store_id"].astype("int32"),
        "week": shown["week"].astype("int32"), "display": shown["display_location"] != "0",
        "mailer": shown["mailer_location"] != "0",
    })  # fmt: skip
    people = people.assign(user_id=people["household_id"].astype(str))
    users = pd.DataFrame({"user_id": pd.concat([events["user_id"], people["user_id"]]).unique()})
    users = users.merge(people.drop(columns="household_id"), on="user_id", how="left")
    offers = raw["coupons"].merge(raw["campaign_descriptions"], on="campaign_id")
    offers["valid_to"] = offers["end_date"].dt.tz_localize("UTC") + pd.Timedelta(days=1)
    return {"events": events, "items": items, "promotions": promotions, "users": users,
            "offers": offers, "calendar": weeks()}  # fmt: skip


def seen(tables: Frames) -> pd.DataFrame:
    """Events with their product, its category's usual price, their week's bounds, and whether the store is covered."""
    kinds = tables["items"][["item_id", "product_category", "product_type"]].assign(known=True)
    events = tables["events"].merge(kinds, on="item_id", how="left")
    events["known"] = events["known"].notna()
    price = log_price(events)
    usual = price.groupby(events["product_category"]).transform("median")
    events["off"] = (price - usual).abs()
    events["spread"] = 1.4826 * events.groupby("product_category")["off"].transform("median")
    events = events.merge(tables["calendar"], on="week", how="left")
    events["covered"] = events["store_id"].isin(tables["promotions"]["store_id"].unique().astype(str))
    return events


def log_price(events: pd.DataFrame) -> pd.Series:
    """Logarithm of the unit price; missing where quantity or value is not positive."""
    priced = (events["quantity"] > 0) & (events["value"] > 0)
    return np.log(events["value"].where(priced) / events["quantity"].where(priced))


def failing(tables: Frames, events: pd.DataFrame) -> dict[str, int]:
    """Failing rows of every rule by its name; `events` is as `seen` gives it."""
    items, users, promotions = tables["items"], tables["users"], tables["promotions"]
    aged = users["age"].notna()
    unknown = users["home_ownership"].isna() | users["marital_status"].isna()
    promoted = promotions["item_id"].isin(items["item_id"].astype("int32"))
    outlives = tables["offers"]["valid_to"] > tables["calendar"]["ends"].max()
    return {
        **{name: int(condition(events).sum()) for name, condition in EVENT_RULES.items()},
        **{name: int(condition(items).sum()) for name, condition in ITEM_RULES.items()},
        TWICE: repeats(events, ["event_id"]),
        ADDED: events.loc[~events["known"], "item_id"].nunique(),
        "one product id twice": repeats(items, ["item_id"]),
        "same maker, brand, category and size": repeats(
            items, ["manufacturer_id", "brand", "category", "package_size"]
        ),
        "household without demographics": int((~aged).sum()),
        "home ownership or marital status missing": int((aged & unknown).sum()),
        NEITHER: int((~promotions["display"] & ~promotions["mailer"]).sum()),
        "promotion of an unknown product": int((~promoted).sum()),
        MERGED: repeats(promotions, PROMOTED),
        "offer outlives the log": int(outlives.sum()),
    }  # fmt: skip


def repeats(frame: pd.DataFrame, key: list[str]) -> int:
    """Rows beyond the first of each key; keys with a null in them repeat nothing."""
    return int(frame[key].dropna().duplicated().sum())


def cleaned(raw: Frames, table: pd.DataFrame) -> tuple[Frames, Frames]:
    """Repair, quarantine and merge: all tables, and the record of it. `table` is the events as `seen` gives them."""
    events, repairs, rejected = clean_events(table, list(raw["events"].columns))
    items, more = clean_items(raw["items"], events)
    promotions, unshown, merges = clean_promotions(raw["promotions"])
    tables = {**raw, "events": events, "items": items, "promotions": promotions}
    log = {
        "repairs": pd.concat([*repairs, *more], ignore_index=True),
        "quarantine": pd.concat([*rejected, unshown], ignore_index=True),
        "merges": merges,
    }
    return tables, log


def clean_events(t: pd.DataFrame, columns: list[str]) -> tuple[pd.DataFrame, list[pd.DataFrame], list[pd.DataFrame]]:
    """Clean events of these columns, their repairs, and what was set aside."""
    t, free = change(t, EVENT_RULES[FREE](t), "quantity", lambda rows: 1.0, FREE, "events", "event_id")
    t, fuel = change(
        t, EVENT_RULES[FUEL](t), "quantity", lambda rows: rows["quantity"] / 1000, FUEL, "events", "event_id"
    )
    failed = {name: EVENT_RULES[name](t) for name in (TILL, NEGATIVE, LATE)}
    t, rejected = set_aside(t, failed, "events", "event_id", columns)
    shared = t[t["event_id"].duplicated(keep=False)]
    order = [column for column in t.columns if column != "event_id"]
    later = shared.sort_values(order).duplicated("event_id")
    twice = t.index.isin(later.index[later])
    t, copies = set_aside(t, {TWICE: pd.Series(twice, index=t.index)}, "events", "event_id", columns)
    return t[columns].reset_index(drop=True), [free, fuel], [rejected, copies]


def clean_items(items: pd.DataFrame, events: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Items with a bare row for each product that events name and items lack, sizes tidied; and the repairs."""
    missing = events.loc[~events["item_id"].isin(items["item_id"]), "item_id"].unique()
    bare = [{**dict.fromkeys(items.columns), "item_id": item} for item in missing]
    whole = [json.dumps(row, separators=(",", ":")) for row in bare]
    added = pd.DataFrame({
        "rule": ADDED, "table": "items", "key": missing, "column": "(row)", "before": None, "after": whole,
    })  # fmt: skip
    items = pd.concat([items, pd.DataFrame(bare, columns=items.columns).astype(items.dtypes)], ignore_index=True)
    untidy = ITEM_RULES[UNTIDY_SIZE](items)
    items, tidied = change(items, untidy, "package_size", tidy, UNTIDY_SIZE, "items", "item_id")
    return items, [added, tidied]


def tidy(rows: pd.DataFrame) -> pd.Series:
    """Package sizes without stars and needless blanks."""
    plain = rows["package_size"].str.replace("*", "", regex=False)
    return plain.str.replace(" +", " ", regex=True).str.strip()


def clean_promotions(shown: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Promotions of which each key is there once, what was set aside, and the keys that were merged."""
    neither = ~shown["display"] & ~shown["mailer"]
    shown, unshown = set_aside(shown, {NEITHER: neither}, "promotions", "item_id", list(shown.columns))
    many = shown.duplicated(PROMOTED, keep=False)
    merged = shown[many].groupby(PROMOTED, as_index=False)[["display", "mailer"]].max()
    return pd.concat([shown[~many], merged], ignore_index=True), unshown, merged.assign(rule=MERGED)


def change(
    t: pd.DataFrame, bad: pd.Series, column: str, value: Callable, rule: str, name: str, key: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table with new values in failing rows, and a record of those that differ."""
    rows = t[bad]
    new = pd.Series(value(rows), index=rows.index)
    log = pd.DataFrame({
        "rule": rule, "table": name, "key": rows[key], "column": column,
        "before": rows[column].astype(str), "after": new.astype(str),
    })  # fmt: skip
    t = t.copy(deep=False)
    t.loc[bad, column] = new
    return t, log[new != rows[column]]


def set_aside(
    t: pd.DataFrame, failed: Mapping[str, pd.Series], name: str, key: str, columns: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table without the rows that fail, and these whole, as JSON, with their reasons."""
    flags = pd.DataFrame(failed)
    out = flags.any(axis=1)
    rows = t.loc[out, columns]
    reasons = ["; ".join(flags.columns[row]) for row in flags[out].to_numpy()]
    whole = rows.to_json(orient="records", lines=True, date_format="iso").strip().splitlines()
    log = pd.DataFrame({"table": name, "key": rows[key].astype(str), "reasons": reasons, "row": whole}, dtype="str")
    return t[~out], log
