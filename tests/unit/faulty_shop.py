"""Faults of many kinds, planted in a generated shop, with the rule that has to find each."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd

DAY = pd.Timedelta(days=1)
Frames = dict[str, pd.DataFrame]


class Planter:
    """Plants faults, each in a row of its own, and remembers which rule has to find which key."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.truth: list[tuple[str, str, str]] = []
        self.used: dict[str, set[int]] = {name: set() for name in frames}
        self.touched: set[str] = set()

    def row(self, table: str, where: Callable[[pd.DataFrame], pd.Series] | None = None) -> int:
        frame = self.frames[table]
        rows = frame.index if where is None else frame.index[where(frame).fillna(False).astype(bool)]
        free = [row for row in rows if row not in self.used[table]]
        row = free[len(free) // 3]
        self.used[table].add(row)
        return row

    def set(self, rule: str, table: str, column: str, value, where=None) -> int:
        """Change one value; `value` may be a function of the old one."""
        row, frame = self.row(table, where), self.frames[table]
        before = frame.at[row, column]
        frame.at[row, column] = value(before) if callable(value) else value
        self.truth.append((rule, table, str(frame.at[row, KEYS[table]])))
        return row

    def copy(self, rule: str, table: str, row: int, **changed) -> None:
        """Add a copy of a row with some values changed."""
        frame = self.frames[table]
        new = frame.loc[row].to_dict() | changed
        self.frames[table] = pd.concat([frame, pd.DataFrame([new])], ignore_index=True)
        self.used[table] |= {row, len(frame)}
        self.truth.append((rule, table, str(new[KEYS[table]])))


KEYS = {"items": "item_id", "users": "user_id", "events": "event_id"}


def of(*types: str):
    return lambda frame: frame["event_type"].isin(types)


def wrong(text: str, encoding: str = "latin-1") -> str:
    return text.encode().decode(encoding)


def plant_items(p: Planter) -> None:
    p.set("product title: read in a wrong encoding", "items", "title", lambda t: t + wrong(" – café"))
    p.set("product title: HTML in it", "items", "title", lambda t: f"<b>{t}</b>")
    p.set("product title: escape codes in it", "items", "title", lambda t: t.replace(" ", "%20"))
    p.set("product title: control or invisible characters", "items", "title", lambda t: t[:4] + "\u200b" + t[4:])
    p.set("product title: full-width letters, digits or signs", "items", "title", lambda t: t[:-1] + "Ａ")
    p.set("product title: not in Unicode form NFC", "items", "title", lambda t: t + " cafe\u0301")
    p.set("product title: stray white space", "items", "title", lambda t: f"  {t} ")
    p.set("product title: characters lost to an encoding", "items", "title", lambda t: t + "\ufffd")
    p.set("product title: a placeholder, no value", "items", "title", "Test product")
    p.set("product title: a template that nobody filled", "items", "title", "{{brand}} {{name}} for you and me")
    p.set("product title: one key held down", "items", "title", lambda t: t + " soooooooo good")
    p.set("product without title", "items", "title", None)
    p.set("title without a letter", "items", "title", "12345 678")
    p.set("title names another brand or attribute", "items", "brand", "Quite Another")
    p.set("title far shorter than others, or of one or two characters", "items", "title", "Xy")
    p.set("title far longer than others", "items", "title", lambda t: (t + " and more ") * 9)
    stuffed = "title stuffed with repeated or advertising words"
    p.set(stuffed, "items", "title", lambda t: f"{t} cheap best sale free shipping")
    p.set(stuffed, "items", "title", lambda t: t + " boots boots boots")
    p.set("title with emoji, stars or shouting marks", "items", "title", lambda t: "★★ " + t)
    p.set("description far longer or shorter than others", "items", "description", lambda t: t + " More of it." * 40)
    p.set("description far longer or shorter than others", "items", "description", "Nice.")
    p.set("description says one thing twice", "items", "description", lambda t: f"{t} {t}")
    p.set("title in capitals", "items", "title", str.upper)
    p.set("text cut off", "items", "description", lambda t: t[: len(t) // 2].rstrip(". ") + " and")
    p.set("title and another column swapped or repeated", "items", "title", "Shoes > Men > Boots")
    p.set("address or contact in a product's text", "items", "description", lambda t: t + " Mail me@shop.example.com.")
    p.set("product description: a placeholder, no value", "items", "description", "Lorem ipsum dolor sit amet.")
    p.set("product without description", "items", "description", None)
    p.set("brand spelled unlike its usual form", "items", "brand", lambda t: t.upper())
    p.set("brand spelled unlike its usual form", "items", "brand", lambda t: t[:3] + t[4] + t[3] + t[5:],
          where=lambda f: f["brand"].map(f["brand"].value_counts()) > 6)  # fmt: skip
    p.set("brand is no name", "items", "brand", "12.99")
    p.set("brand: a placeholder, no value", "items", "brand", "N/A")
    p.set("product without brand", "items", "brand", None)
    p.set("category path malformed", "items", "category", lambda t: t.replace(" > ", ">>"))
    p.set("category spelled unlike its usual form", "items", "category", str.lower)
    p.set("category of an unknown root", "items", "category", "Gadgets > Men > Ankle boots")
    p.set("category path deeper or shallower than all others", "items", "category", "Shoes")
    p.set("category repeats a level", "items", "category", "Shoes > Shoes > Boots")
    p.set("category is a number or an id", "items", "category", "4711")
    p.set("category: a placeholder, no value", "items", "category", "unknown")
    p.set("title does not fit the category", "items", "category", "Apparel > Women > Dresses",
          where=lambda f: f["category"].str.contains("Men > Ankle boots"))  # fmt: skip
    p.set("language is no code", "items", "language", "English")
    p.set("product without language", "items", "language", None)
    p.set("text in another script than its language's", "items", "language", "zh")
    p.set("text in another script than its language's", "items", "title", "红色跑步鞋 男士 透气")
    p.set("price is not a number above 0", "items", "price", -5.0)
    p.set("price is not a number above 0", "items", "price", 0.0)
    bought = p.frames["events"].query("event_type == 'purchase'")["item_id"].value_counts()
    sold = p.frames["items"]["item_id"].map(bought).fillna(0)
    for rule, where in (
        ("price in cents", sold >= 3),
        ("price a hundred times what is usual in its category", sold == 0),
    ):
        whole = p.set(rule, "items", "price", lambda v: round(v * 100), lambda frame, where=where: where)
        assert p.frames["items"].at[whole, "price"] > 500
    p.set("price a hundredth of what is usual", "items", "price", lambda v: v / 100)
    p.set("price far from its category's", "items", "price", 88_000.0)
    p.set("price that stands for none", "items", "price", 9_999_999.0)
    p.set("product without price", "items", "price", None)
    p.set("attributes are not a JSON object", "items", "attributes", "colour: red; size 4")
    p.set("attributes are not a JSON object", "items", "attributes", lambda t: t[:-2])
    p.set("attributes without content", "items", "attributes", "{}")
    p.set("attributes with broken characters", "items", "attributes", lambda t: t.replace('": "', '": "Ã©', 1))
    p.set("product without attributes", "items", "attributes", None)
    attribute = lambda change: lambda t: json.dumps(change(json.loads(t)))  # noqa: E731
    p.set(
        "attribute or value that hardly any product has",
        "items",
        "attributes",
        attribute(lambda a: a | {"wieght": "1"}),
    )
    p.set("attribute lacking that nearly all of the category have", "items", "attributes",
          attribute(lambda a: dict(list(a.items())[1:])))  # fmt: skip
    p.set(
        "product available before any shop or after the log",
        "items",
        "available_from",
        pd.Timestamp("2031-01-01", tz="UTC"),
    )
    p.set(
        "product available before any shop or after the log",
        "items",
        "available_from",
        pd.Timestamp("1970-01-01", tz="UTC"),
    )
    p.set("product without available_from", "items", "available_from", None)
    p.set("product without in_stock", "items", "in_stock", None)
    row = p.row("items")
    p.copy("product stands in the catalogue twice", "items", row, item_id="zz1", description=None,
           title=p.frames["items"].at[row, "title"].replace(",", " -").lower())  # fmt: skip
    p.copy(
        "product id is another spelling of another's",
        "items",
        p.row("items", lambda f: f["item_id"] == "p000017"),
        item_id="P-17",
    )
    p.copy("one product id twice", "items", p.row("items"), price=20.0)


def plant_ids(p: Planter) -> None:
    p.set("events.item_id: white space or invisible characters", "events", "item_id", lambda t: t + " ")
    p.set("events.item_id: a whole number written as a float", "events", "item_id", "1234.0")
    p.set("events.user_id: a word for no id", "events", "user_id", "null")
    p.set("events.item_id: missing", "events", "item_id", None)
    p.set("event names an unknown product", "events", "item_id", "p999999")
    p.set("event names an unknown user", "events", "user_id", "u9999999")
    p.set("events.item_id: another spelling of a known id", "events", "item_id", str.upper)
    p.set("events.item_id: another spelling of a known id", "events", "item_id", lambda t: t[1:].lstrip("0"))
    p.set("events.user_id: another spelling of a known id", "events", "user_id", lambda t: t[:1] + "-" + t[1:])
    for column in ("event_id", "session_id", "request_id"):
        p.set(f"events.{column}: written unlike all others", "events", column, lambda t: t.upper())
    p.set("act of a request that showed no list", "events", "request_id", "r999999999999", of("click"))
    p.set("act at another position than its list shows", "events", "position", lambda v: v % 20 + 1, of("click"))
    p.set("cart that no click precedes", "events", "item_id", "p000013", of("cart"))
    p.set("events.session_id: white space or invisible characters", "events", "session_id", lambda t: " " + t)
    p.copy("one event id twice", "events", p.row("events"), query="boots")
    for column in ("session_id", "request_id", "position", "propensity"):
        p.set(f"event without {column}, which its type always has", "events", column, None, of("impression"))
    for column in ("quantity", "value", "currency"):
        p.set(f"event without {column}, which its type always has", "events", column, None, of("purchase"))
    p.set("purchase without order", "events", "order_id", None, of("purchase"))
    p.set("event with order_id, which its type never has", "events", "order_id", "o1", of("impression"))
    p.set("event with value, which its type never has", "events", "value", 3.0, of("click"))


def plant_log(p: Planter) -> None:
    ends, begins = p.frames["events"]["timestamp"].max(), p.frames["events"]["timestamp"].min()
    p.set("event type spelled unlike the contract's", "events", "event_type", "Clik", of("click"))
    p.set("unknown event type", "events", "event_type", "teleport", of("impression"))
    p.set("event without type", "events", "event_type", None, of("impression"))
    p.set("event without time", "events", "timestamp", None, of("share"))
    p.set("time after the log was collected", "events", "timestamp", ends + 90 * DAY, of("share"))
    p.set(
        "time before the log begins", "events", "timestamp", pd.Timestamp("1970-01-01 00:00:01", tz="UTC"), of("share")
    )
    p.set(
        "time exactly at midnight, as of a date without an hour",
        "events",
        "timestamp",
        lambda t: t.floor("D"),
        of("impression"),
    )
    p.set("event before its product existed", "events", "timestamp", lambda t: begins - 3000 * DAY, of("comment"))
    p.set("act before its list was shown", "events", "timestamp", lambda t: t - DAY / 24, of("click"))
    p.set(
        "cart before the click, or purchase before the cart or click",
        "events",
        "timestamp",
        lambda t: t - DAY / 24,
        of("cart"),
    )
    p.set("event of a request on another day", "events", "timestamp", lambda t: t + 9 * DAY, of("impression"))
    p.set("session of two users", "events", "user_id", "u0000003", of("impression"))
    p.set("session goes on after 30 minutes of silence", "events", "timestamp", lambda t: t + DAY / 6, of("click"))
    p.set("request in two sessions", "events", "session_id", "s000000000001", of("impression"))
    p.set("request with two queries", "events", "query", "quite another query",
          lambda f: of("impression")(f) & f["query"].notna())  # fmt: skip
    row = p.row("events", of("impression"))
    p.copy("one product twice in one list", "events", row, event_id="double1", position=40)
    p.copy(
        "one position twice in one list",
        "events",
        p.row("events", of("impression")),
        event_id="double2",
        item_id="p000007",
    )
    p.set("act on a product that its list did not show", "events", "item_id", "p000011", of("click"))
    p.set("position below 1 or beyond any list", "events", "position", 90, of("impression"))
    p.set("product priced in another currency than all others", "items", "currency", "USD")
    p.set("position below 1 or beyond any list", "events", "position", 0, of("impression"))
    p.set("position below 1 or beyond any list", "events", "position", 99_999, of("impression"))
    for value in (0.0, 1.7, -0.2):
        p.set("propensity is no probability above 0", "events", "propensity", value, of("impression"))
    p.set("propensity that hardly any event has", "events", "propensity", 0.1234, of("impression"))
    p.set("quantity is not above 0", "events", "quantity", -1.0, of("purchase"))
    p.set("quantity is no whole number where prices are by the piece", "events", "quantity", 1.37, of("cart"))
    p.set("quantity far above what is usual", "events", "quantity", 500.0, of("cart"))
    p.set("value is negative or no number", "events", "value", -9.0, of("purchase"))
    p.set("purchase for nothing", "events", "value", 0.0, of("purchase"))
    p.set("paid in cents", "events", "value", lambda v: v * 100, of("purchase"))
    p.set("paid is not price times quantity", "events", "value", lambda v: v * 1.6, of("purchase"))
    p.set("currency is no code", "events", "currency", "€€", of("purchase"))
    p.set("currency written untidily", "events", "currency", str.lower, of("purchase"))
    p.set("another currency than the shop's", "events", "currency", "JPY", of("purchase"))
    p.set("rating off the scale", "events", "value", 11.0, of("rating"))
    p.set("rating without a value", "events", "value", None, of("rating"))
    p.set("review with neither words nor rating", "events", "text", None, of("comment"))
    p.set("advertising in a review", "events", "text", "Cheaper at https://spam.example.com now!", of("review"))
    p.set("review says nothing or says it without end", "events", "text", "x" * 2 + " y" * 3000, of("review"))
    p.set("review or comment: read in a wrong encoding", "events", "text", wrong("très bien, j’aime"), of("review"))
    users = iter(["u0000001", "u0000002", "u0000004", "u0000005", "u0000006"])
    for user in users:
        row = p.set(
            "same words from several users", "events", "text", "Best shop ever, buy here now.", of("review", "comment")
        )
        p.frames["events"].at[row, "user_id"] = user
    asked = lambda f: of("impression")(f) & f["query"].notna()  # noqa: E731
    p.set("query: HTML in it", "events", "query", "<i>boots</i>", asked)
    p.set("query: read in a wrong encoding", "events", "query", wrong("säcke"), asked)
    p.set("query: stray white space", "events", "query", lambda t: t + "  ", asked)
    p.set("query is an address, code or far too long", "events", "query", "https://shop.example.com/boots", asked)
    p.set("query is an address, code or far too long", "events", "query", "boots and " * 40, asked)
    p.set("query: a placeholder, no value", "events", "query", "???", asked)


def machine(p: Planter, rule: str, user: str, times: list[pd.Timestamp], items: list[str], kind: str = "click") -> None:
    frame = p.frames["events"]
    rows = pd.DataFrame({"event_id": [f"e9{len(frame) + i:011}" for i in range(len(times))], "user_id": user,
                         "item_id": items, "event_type": kind, "timestamp": times})  # fmt: skip
    rows["session_id"], rows["timestamp"] = (
        f"s9{user[1:]:0>11}",
        list(pd.to_datetime(rows["timestamp"], utc=True).dt.as_unit("us")),
    )
    p.frames["events"] = pd.concat([frame, rows], ignore_index=True)
    p.truth += [(rule, "events", key) for key in rows["event_id"]]


def plant_machines(p: Planter) -> None:
    start = pd.to_datetime(p.frames["events"]["timestamp"], utc=True).median().floor("D") + DAY / 3
    items = p.frames["items"]["item_id"].dropna().iloc[5:300].tolist()
    rng = np.random.default_rng(0)
    seconds = lambda steps: [start + pd.Timedelta(seconds=float(s)) for s in np.cumsum(steps)]  # noqa: E731
    machine(p, "robot: pauses too short for a person", "u0000001", seconds(rng.exponential(0.8, 40)), items[:40])
    machine(p, "robot: pauses all alike", "u0000002", seconds([30.0] * 40), items[:40])
    machine(p, "robot: at it around the clock", "u0000004", [start.floor("D") + i * DAY / 46 + DAY / 3000 * rng.random()
                                                               for i in range(46)], items[:46])  # fmt: skip
    machine(p, "robot: many products, each clicked once", "u0000005", seconds(rng.exponential(40.0, 150)), items[:150])
    machine(p, "robot: far more steps than anybody else", "u0000006", seconds(rng.exponential(20.0, 1200)),
            [items[i % 100] for i in range(1200)])  # fmt: skip
    machine(p, "more searches, clicks or carts in a day than people make", "u0000008",
            seconds(rng.exponential(90.0, 40)), items[:40], "cart")  # fmt: skip
    machine(p, "one user and one product beyond all measure", "u0000009",
            [start + i * DAY / 3 for i in range(30)], items[3:4] * 30)  # fmt: skip
    machine(
        p,
        "one user clicks one product again and again",
        "u0000007",
        seconds(rng.exponential(400.0, 12)),
        items[:1] * 12,
    )
    for i in range(30):
        machine(
            p,
            "burst of clicks on one product",
            f"u00000{20 + i}",
            [start + DAY / 6 + i * pd.Timedelta(minutes=1)],
            [items[200]],
        )


def plant_users(p: Planter) -> None:
    p.set("user's value spelled unlike its usual form", "users", "region", str.upper)
    p.set("user's value with stray or broken characters", "users", "city", lambda t: t + " ")
    p.set("placeholder in a user's value", "users", "city", "N/A")
    p.set("user's values contradict each other", "users", "region",
          lambda t: "Scotland" if t != "Scotland" else "Yorkshire",
            lambda f: f["city"] == f["city"].mode()[0])  # fmt: skip
    p.set("user lacks a value that nearly all have", "users", "age_band", None)
    p.copy("user id is another spelling of another's", "users", p.row("users"), user_id="U0000033")
    p.copy("one user id twice", "users", p.row("users"), city="Leeds")


def plant_all(frames: Frames) -> Planter:
    planter = Planter({name: frame.astype(object) for name, frame in frames.items()})
    for plant in (plant_items, plant_users, plant_ids, plant_log, plant_machines):
        plant(planter)
    return planter
