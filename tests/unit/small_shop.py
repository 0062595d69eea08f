"""A small generated shop in the contract's tables, for the tests of governance."""

import numpy as np
import pandas as pd

from workbench.data.sources.complete_journey import weeks

TYPES = ("BANANAS", "FLUID MILK WHITE ONLY", "YOGURT NOT MULTI-PACKS", "SHREDDED CHEESE", "POTATO CHIPS", "HOT DOGS")


def calendar() -> pd.DataFrame:
    return weeks()


def items(count: int = 60) -> pd.DataFrame:
    number = np.arange(count)
    kind = np.array(TYPES)[number % len(TYPES)]
    frame = pd.DataFrame({"item_id": (number + 1000).astype(str), "product_type": kind})
    frame["department"] = "GROCERY"
    frame["product_category"] = pd.Series(kind).str.split().str[0]
    frame["category"] = "GROCERY > " + frame["product_category"] + " > " + frame["product_type"]
    frame["brand"] = np.where(number % 3 == 0, "Private", "National")
    frame["package_size"] = [f"{i % 5 + 1} OZ" for i in number]
    frame["manufacturer_id"] = (number % 7).astype(str)
    return frame


def promotions(last: int = 12, items: int = 60, stores: int = 3, rate: float = 0.5, seed: int = 0) -> pd.DataFrame:
    """Whole-number ids as the source has them; one row for each product, store and week."""
    rng = np.random.default_rng(seed)
    grid = pd.MultiIndex.from_product(
        [np.arange(items) + 1000, np.arange(stores) + 1, np.arange(last) + 1], names=["item_id", "store_id", "week"]
    ).to_frame(index=False)
    grid = grid[rng.random(len(grid)) < rate].astype("int32")
    channel = rng.integers(0, 3, len(grid))
    return grid.assign(display=channel != 1, mailer=channel != 0).reset_index(drop=True)


def events(households: int = 12, last: int = 12, items: int = 60, stores: int = 3, seed: int = 1) -> pd.DataFrame:
    """Every household makes one or two trips a week and buys four products each time, favourites more often."""
    rng = np.random.default_rng(seed)
    begins = calendar().set_index("week")["begins"]
    rows = []
    for household in range(households):
        for week in range(1, last + 1):
            for trip in range(rng.integers(1, 3)):
                store, basket = rng.integers(1, stores + 1), f"{household}{week:02}{trip}"
                when = begins[week] + pd.Timedelta(hours=30 + 24 * trip)
                for item in rng.choice(items, 4, replace=False) // (1 + household % 2):
                    rows.append((f"{household}", basket, f"{item + 1000}", when, f"{store}", week))
    frame = pd.DataFrame(rows, columns=["user_id", "order_id", "item_id", "timestamp", "store_id", "week"])
    frame = frame.drop_duplicates(["order_id", "item_id"], ignore_index=True)
    frame.insert(0, "event_id", frame["order_id"] + "-" + frame["item_id"])
    frame["timestamp"] = frame["timestamp"].dt.as_unit("us")
    quantity = rng.integers(1, 4, len(frame)).astype(float)
    price = (frame["item_id"].astype(int) % 10 + 1) / 2
    frame = frame.assign(quantity=quantity, value=(quantity * price).round(2), week=frame["week"].astype("int32"))
    return frame.assign(session_id=frame["order_id"], event_type="purchase", currency="USD")


def users(households: int = 12) -> pd.DataFrame:
    ages = [None if i % 3 == 0 else "35-44" for i in range(households)]
    frame = pd.DataFrame({"user_id": [str(i) for i in range(households)], "age": ages})
    return frame.assign(home_ownership="Homeowner", marital_status="Married")


def offers() -> pd.DataFrame:
    times = pd.to_datetime(["2017-02-01", "2017-03-01"], utc=True).as_unit("us")
    return pd.DataFrame({"offer_id": ["c1"], "item_id": ["1001"], "valid_from": times[:1], "valid_to": times[1:]})


def tables(con, **replaced: pd.DataFrame) -> dict:
    """All tables in the engine `con`; frames given by name take the place of the generated ones."""
    frames = {
        "items": items(), "users": users(), "events": events(), "promotions": promotions(), "offers": offers(),
        "calendar": calendar(),
    } | replaced  # fmt: skip
    return {name: con.create_table(f"shop_{name}", frame, overwrite=True) for name, frame in frames.items()}
