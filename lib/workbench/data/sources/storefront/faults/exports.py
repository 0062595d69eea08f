"""Planted faults of exports and loads: columns that slid, files cut or joined wrongly, ids through a spreadsheet."""

from workbench.data.sources.storefront.faults.items import item_with
from workbench.data.sources.storefront.faults.lists import again, later, shown
from workbench.data.sources.storefront.faults.shop import Shop, fault, present
from workbench.data.sources.storefront.faults.steps import event, leaves

HOUR = 3600.0


@fault("events", "consistency")
def event_columns_shifted(shop: Shop) -> None:
    """The ids slid one column to the right: the session is the user's id, the request a session, the order a list."""
    ids = ("user_id", "session_id", "request_id")
    mask = shop.typed("impression", "click") & ~shop.has("events", "order_id")
    for column in ids:
        mask = mask & shop.has("events", column)
    row = shop.take("events", mask, prefer=leaves(shop), need="an untouched event with a session and a request")
    user, session, request = (shop.get("events", row, column) for column in ids)
    shop.edit("events", row, session_id=user, request_id=session, order_id=request)


@fault("items", "consistency")
def item_columns_shifted(shop: Shop) -> None:
    """An unquoted separator cut the title in two: its end is the description, which is the category, and so on."""
    row = item_with(shop, "title", "description", "category", test=lambda i: len(shop.get("items", i, "title")) > 5)
    title = shop.get("items", row, "title")
    head, comma, tail = title.rpartition(shop.turn([", ", " ", ","]))
    if not (comma and head and tail):
        head, tail = title[: len(title) // 2], title[len(title) // 2 :]
    own = {"description": "category", "category": "brand"}
    shop.edit("items", row, title=head, description=tail, **{to: shop.get("items", row, c) for c, to in own.items()})


@fault("items", "completeness")
def item_description_truncated(shop: Shop) -> None:
    """The description breaks off in the middle of a word, as at the width of a column."""
    row = item_with(shop, "description", test=lambda i: len(shop.get("items", i, "description")) > 12)
    text = shop.get("items", row, "description").strip()
    at = int(len(text) * shop.between(0.35, 0.75))
    while at > 4 and not (text[at - 1].isalnum() and text[at].isalnum()):
        at -= 1
    shop.edit("items", row, description=text[:at] + shop.turn(["", "...", "", "…"]))


@fault("events", "usability")
def event_text_swallowed_record(shop: Shop) -> None:
    """A quote was not closed: after the opinion its text goes on with ids and time of another record."""
    row = event(shop, shop.turn(["review", "comment"]), "text")
    text = shop.get("events", row, "text")
    other = shop.row("events", int(shop.rng.integers(len(shop.tables["events"]))))
    time = other["timestamp"].isoformat() if present(other["timestamp"]) else ""
    cells = [other["event_id"], other["user_id"], other["item_id"], other["event_type"], time]
    forms = [",", "\t", "|", ";"]
    mark = shop.turn(forms)
    shop.edit("events", row, text=f'{text}"{mark}' + mark.join(str(cell) for cell in cells if present(cell)))


@fault("items", "accuracy")
def item_header_repeated(shop: Shop) -> None:
    """The header line of a second file stands among the products: every cell is the name of its column."""
    styles = [
        str,
        str.upper,
        lambda c: c.replace("_", " ").title(),
        lambda c: c.replace("_", "-"),
        lambda c: c.replace("_", ""),
        lambda c: f"items.{c}",
    ]
    write = shop.turn(styles)
    frame = shop.tables["items"]
    if frame.empty:
        raise shop.too_small("items", "a product")
    texts = {str(c) for c in frame.columns if isinstance(shop.array("items", str(c))[0], str)}
    shop.add("items", {str(c): write(str(c)) if c in texts | {"item_id", "title"} else None for c in frame.columns})


@fault("events", "uniqueness")
def block_replayed(shop: Shop) -> None:
    """A queue was read again: a list and its clicks come once more, request and gaps the same, hours later."""
    last = shop.tables["events"]["timestamp"].max()
    hours = shop.turn([1.0, 24.0, 2.0])
    seen, rest = shown(shop, test=lambda row: later(shop.get("events", row, "timestamp"), (hours + 1) * HOUR) < last)
    clicks = [row for row in rest if shop.typed("click")[row]]
    again(shop, seen + clicks, hours * HOUR)


@fault("events", "usability")
def order_id_scientific(shop: Shop) -> None:
    """A spreadsheet rounded the order's number: it stands there as 1.02E+11, or as a row of hashes."""
    row = event(shop, "purchase", "order_id", prefer=leaves(shop))
    digits = "".join(c for c in shop.get("events", row, "order_id") if c in "0123456789")
    number = 10.0**11 + float(digits[-11:] or shop.rng.integers(10**9))
    shop.edit("events", row, order_id=shop.turn([f"{number:.2E}", f"{number:.5e}", "#######", f"{number:.1E}"]))


@fault("events", "completeness")
def session_placeholder(shop: Shop) -> None:
    """Events of several users stand in one session that is a filler, not an id."""
    filler = shop.turn(["(not set)", "00000000-0000-0000-0000-000000000000", "undefined", "-1", "unknown"])
    for _ in range(shop.size(3, 12, 0.0001)):
        row = shop.take(
            "events", shop.typed("impression", "click") & shop.has("events", "session_id"), None, leaves(shop)
        )
        shop.edit("events", row, session_id=filler)


@fault("events", "consistency")
def event_type_contradicts(shop: Shop) -> None:
    """The event holds an order, a quantity and a value, and yet is typed as something that is free."""
    row = event(shop, "purchase", "order_id", "quantity", "value", prefer=leaves(shop))
    shop.edit("events", row, event_type=shop.turn(["impression", "click", "share", "comment"]))


@fault("events", "timeliness")
def reviews_one_moment(shop: Shop) -> None:
    """Reviews of several users bear the moment of their import, the same to the microsecond."""
    rows = [event(shop, "review", "timestamp") for _ in range(shop.size(4, 12, 0.0001))]
    latest = max(shop.get("events", row, "timestamp") for row in rows)
    for row in rows:
        shop.edit("events", row, timestamp=later(latest, 60.0))
