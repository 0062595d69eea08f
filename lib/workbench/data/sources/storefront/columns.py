"""From the generator's numbers to Arrow tables; numbers that repeat become dictionaries, which costs least."""

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.sources.storefront.events import TYPES, Columns
from workbench.data.sources.storefront.sessions import Visits

TIME = pa.timestamp("us", tz="UTC")
WORD = pa.dictionary(pa.int32(), pa.string())
EVENTS = pa.schema({
    "event_id": pa.string(), "user_id": WORD, "session_id": WORD, "request_id": WORD, "order_id": WORD,
    "item_id": WORD, "event_type": WORD, "timestamp": TIME, "query": WORD, "position": pa.int64(),
    "propensity": pa.float64(), "quantity": pa.float64(), "value": pa.float64(), "currency": WORD, "text": WORD,
})  # fmt: skip
PLAIN_EVENTS = pa.schema([field.with_type(pa.string()) if field.type == WORD else field for field in EVENTS])
IMPRESSIONS = pa.schema({
    "request_id": WORD, "item_id": WORD, "position": pa.int16(), "examination": pa.float32(), "relevance": pa.float32(),
})  # fmt: skip
BLOCK = 4  # digits that are looked up at once
WIDTHS = {"e": 12, "s": 12, "r": 12, "o": 12, "u": 7, "p": 6}  # digits of an id by its first letter
LOOKUP = np.array([list(f"{number:04d}".encode()) for number in range(10**BLOCK)], np.uint8)


def ids(letter: str, numbers: np.ndarray) -> pa.Array:
    """[n] strings of a letter and the number with leading zeros."""
    width = WIDTHS[letter]
    blocks = -(-width // BLOCK)
    digits = np.empty((len(numbers), blocks * BLOCK), np.uint8)
    rest = numbers.astype(np.int64)
    for block in reversed(range(blocks)):
        rest, part = np.divmod(rest, 10**BLOCK)
        digits[:, block * BLOCK : (block + 1) * BLOCK] = LOOKUP[part]
    letters = np.full((len(numbers), 1), ord(letter), np.uint8)
    text = np.ascontiguousarray(np.concatenate([letters, digits[:, blocks * BLOCK - width :]], axis=1))
    offsets = np.arange(0, (len(numbers) + 1) * (width + 1), width + 1, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))


def repeated(letter: str, numbers: np.ndarray, base: int = 0) -> pa.DictionaryArray:
    """[n] ids of the numbers and `base`, null where the number is negative."""
    values, codes = _compact(numbers)
    return pa.DictionaryArray.from_arrays(codes, ids(letter, values + base))


def worded(words: list[str], numbers: np.ndarray) -> pa.DictionaryArray:
    """[n] words by number, null where the number is negative."""
    values, codes = _compact(numbers)
    return pa.DictionaryArray.from_arrays(codes, pa.array([words[value] for value in values], pa.string()))


def _compact(numbers: np.ndarray) -> tuple[np.ndarray, pa.Array]:
    """The numbers that occur, from 0, and each one's place among them; null where it is negative."""
    missing = numbers < 0
    if missing.all():
        return numbers[:0], pa.nulls(len(numbers), pa.int32())
    low = int(numbers.min(where=~missing, initial=np.iinfo(numbers.dtype).max))
    there = np.zeros(int(numbers.max()) - low + 1, bool)
    offset = np.where(missing, 0, numbers - low)
    there[numbers[~missing] - low] = True
    place = np.cumsum(there, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(there) + low, pa.array(place[offset], pa.int32(), mask=missing)


def events(columns: Columns, texts: list[str], queries: list[str], currency: str, base: int) -> pa.Table:
    """The contract's `events`; ids of events, sessions, requests and orders are numbered from `base`."""
    kind = columns["type"]

    def amount(name: str) -> pa.Array:
        return pa.array(columns[name], mask=np.isnan(columns[name]))

    return pa.table({
        "event_id": ids("e", base + np.arange(len(kind))),
        "user_id": repeated("u", columns["user"]),
        "session_id": repeated("s", columns["session"], base),
        "request_id": repeated("r", columns["request"], base),
        "order_id": repeated("o", columns["order"], base),
        "item_id": repeated("p", columns["item"]),
        "event_type": worded(list(TYPES), kind),
        "timestamp": pa.array(columns["time"], pa.int64()).cast(TIME),
        "query": worded(queries, columns["query"]),
        "position": pa.array(columns["position"], pa.int64(), mask=columns["position"] == 0),
        "propensity": amount("propensity"), "quantity": amount("quantity"), "value": amount("value"),
        "currency": worded([currency], np.where(np.isnan(columns["quantity"]), -1, 0)),
        "text": worded(texts, columns["text"]),
    }, schema=EVENTS)  # fmt: skip


def impressions(visits: Visits, kept: np.ndarray, base: int) -> pa.Table:
    """The truth of every shown product: what governance estimates from the log, and cannot know."""
    row, place = np.nonzero((visits.items >= 0) & kept[visits.session][:, None])
    return pa.table({
        "request_id": repeated("r", row, base), "item_id": repeated("p", visits.items[row, place]),
        "position": pa.array(place + 1, pa.int16()),
        "examination": pa.array(visits.examination[row, place].astype(np.float32)),
        "relevance": pa.array(visits.relevance[row, place].astype(np.float32)),
    }, schema=IMPRESSIONS)  # fmt: skip


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Events as a frame of plain strings, as someone who changes them expects."""
    return table.cast(PLAIN_EVENTS).to_pandas()


def from_pandas(frame: pd.DataFrame) -> pa.Table:
    """The frame's events in the form in which they are written."""
    plain = pa.Table.from_pandas(frame[EVENTS.names], PLAIN_EVENTS, preserve_index=False)
    coded = [
        column.combine_chunks().dictionary_encode() if field.type == WORD else column
        for field, column in zip(EVENTS, plain.columns, strict=True)
    ]
    return pa.table(coded, schema=EVENTS)
