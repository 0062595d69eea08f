"""Writing a storefront to Parquet, chunk by chunk, so that a log of any size needs little memory.

Each chunk has its own slice of time and its own random stream, and so depends on no other chunk.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.collected import SourceError
from workbench.data.sources.storefront import catalogue, clicks, columns, events, intents, kinds, pages, people
from workbench.data.sources.storefront import sessions as visits
from workbench.data.sources.storefront.clock import Clock

FIRST_CHUNK, CHUNK = 200_000, 1_000_000  # events
NUMBERS = 10_000_000  # of ids that each chunk may use
FEWEST_EVENTS, MOST_EVENTS = 1_000, 1_000_000_000
CATALOGUE, PEOPLE, INTENTS, PAGES, PILOT, LOG = range(6)  # random streams
PILOT_SESSIONS = 2_000
MOST_FAULTS, EVENTS_PER_FAULT = 200, 100


@dataclass(frozen=True)
class Chunk:
    """Part of the log: its number, how many events at most, and which shares of all visits fall into it."""

    number: int
    events: int
    shares: tuple[float, float]


def name(options: Mapping[str, Any]) -> str:
    """Folder of a storefront: one for each set of options and state of the generator."""
    given = {key: options[key] for key in sorted(options)}
    code = sha256(repr(given).encode())
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        code.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{options['language']}-{options['events']}-{options['click_model']}-{code.hexdigest()[:12]}"


def check(options: Mapping[str, Any]) -> None:
    """Raise `SourceError` for an option that makes no shop."""
    if options["language"] not in kinds.LANGUAGES:
        raise SourceError(f"storefront: language is {options['language']!r}: give one of {', '.join(kinds.LANGUAGES)}")
    if options["click_model"] not in clicks.MODELS:
        raise SourceError(
            f"storefront: click_model is {options['click_model']!r}: give one of {', '.join(clicks.MODELS)}"
        )
    if not FEWEST_EVENTS <= options["events"] <= MOST_EVENTS:
        raise SourceError(f"storefront: events is {options['events']}: give {FEWEST_EVENTS:,} to {MOST_EVENTS:,}")
    for option, least in (("weeks", 2), ("users", 0), ("products", 0), ("seed", 0)):
        if options[option] < least:
            raise SourceError(f"storefront: {option} is {options[option]}: give {least} or more")


def world(options: Mapping[str, Any]) -> visits.World:
    """The shop that the log is drawn from: catalogue, users, intents and lists."""
    check(options)
    language, seed, count = options["language"], options["seed"], options["events"]
    clock = Clock(options["weeks"], kinds.words(language).UTC_OFFSET_HOURS)
    products = options["products"] or int(np.clip(6 * count**0.5, 200, 50_000))
    users = options["users"] or max(30, count // 150)
    goods = catalogue.build(products, clock, language, np.random.default_rng([seed, CATALOGUE]))
    wishes = intents.build(goods, np.random.default_rng([seed, INTENTS]))
    return visits.World(
        clock, goods,
        people.build(users, goods.categories, clock, language, np.random.default_rng([seed, PEOPLE])), wishes,
        pages.build(goods, wishes, clock, np.random.default_rng([seed, PAGES])), clicks.MODELS[options["click_model"]],
    )  # fmt: skip


def chunks(count: int) -> list[Chunk]:
    """The log in parts: a small first one, in which faults are planted, and equal ones."""
    rest = count - min(count, FIRST_CHUNK)
    parts = -(-rest // CHUNK)
    sizes = [count - rest] + [rest // parts + (place < rest % parts) for place in range(parts)]
    bounds = np.concatenate([[0], np.cumsum(sizes)]) / count
    return [Chunk(i, size, (float(bounds[i]), float(bounds[i + 1]))) for i, size in enumerate(sizes)]


def pilot(shop: visits.World, seed: int) -> tuple[float, float]:
    """Mean and standard deviation of the events of a session, from a trial."""
    rng = np.random.default_rng([seed, PILOT])
    log, _, _ = events.follow(shop, visits.draw(shop, PILOT_SESSIONS, (0.0, 1.0), rng), MOST_EVENTS, rng)
    sizes = np.bincount(log["visit"], minlength=PILOT_SESSIONS)
    return float(sizes.mean()), float(sizes.std())


def part(shop: visits.World, chunk: Chunk, size: tuple[float, float], seed: int) -> tuple[pa.Table, pa.Table]:
    """Events of a chunk, and the truth of its impressions; whole sessions, as many as fit into its number of events."""
    rng = np.random.default_rng([seed, LOG, chunk.number])
    mean, spread = size
    wanted = chunk.events / mean
    count = int(wanted + 5 * spread / mean * wanted**0.5 + 5)
    drawn = visits.draw(shop, count, chunk.shares, rng)
    log, texts, kept = events.follow(shop, drawn, chunk.events, rng)
    base = chunk.number * NUMBERS
    currency = kinds.words(shop.catalogue.language).CURRENCY
    return columns.events(log, texts, shop.intents.texts, currency, base), columns.impressions(drawn, kept, base)


def make(at: Path, options: Mapping[str, Any]) -> None:
    """Write a storefront into the folder `at`, which appears whole or not at all."""
    check(options)
    at.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".making-", dir=at.parent))
    try:
        _write(work, options)
        try:
            work.rename(at)
        except OSError:
            if not at.is_dir():  # else another process was faster, with the same bytes
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(at: Path, options: Mapping[str, Any]) -> None:
    seed, shop = options["seed"], world(options)
    size = pilot(shop, seed)
    parts: Iterator[tuple[pa.Table, pa.Table]]
    parts = (part(shop, chunk, size, seed) for chunk in chunks(options["events"]))
    if options["faults"]:
        first, seen = next(parts)
        parts = chain([(_with_faults(at, shop, first, seed), seen)], parts)
    else:
        _save(at / "items.parquet", shop.catalogue.frame)
        _save(at / "users.parquet", shop.people.frame)
    examined = _stream(at, parts)
    if options["click_model"] == "position":
        examined["examination"] = clicks.EXAMINATION[: len(examined)]
    _save(at / "truth_positions.parquet", examined)
    _save_truth(at, shop)


def _stream(at: Path, parts: Iterable[tuple[pa.Table, pa.Table]]) -> pd.DataFrame:
    """Write events and their truth; the mean examination of each position."""
    sums, counts = np.zeros(clicks.LONGEST), np.zeros(clicks.LONGEST)
    with (
        _writer(at / "events.parquet", columns.EVENTS) as log,
        _writer(at / "truth_impressions.parquet", columns.IMPRESSIONS) as truth,
    ):
        for done, seen in parts:
            log.write_table(done, row_group_size=2 * CHUNK)
            truth.write_table(seen, row_group_size=2 * CHUNK)
            place = seen["position"].to_numpy() - 1
            sums += np.bincount(place, seen["examination"].to_numpy(), clicks.LONGEST)
            counts += np.bincount(place, minlength=clicks.LONGEST)
            del done, seen  # before the next are made
    return pd.DataFrame({"position": np.arange(1, clicks.LONGEST + 1), "examination": sums / np.maximum(counts, 1)})


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    unique = [field.name for field in schema if field.type == columns.WORD]
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, use_dictionary=unique, store_schema=False
    )


def _save(path: Path, frame: pd.DataFrame) -> None:
    frame.to_parquet(path, index=False, compression="zstd")


def _with_faults(at: Path, shop: visits.World, first: pa.Table, seed: int) -> pa.Table:
    """Plant faults into catalogue, users and the first events; the events with them."""
    from workbench.data.sources.storefront import faults

    clean = {"items": shop.catalogue.frame, "users": shop.people.frame, "events": columns.to_pandas(first)}
    try:
        spoilt, planted = faults.plant(clean, seed, min(MOST_FAULTS, first.num_rows // EVENTS_PER_FAULT))
    except ValueError as error:
        raise SourceError(f"storefront: no faults can be planted: {error}; or set `faults: false`") from error
    _save(at / "items.parquet", spoilt["items"])
    _save(at / "users.parquet", spoilt["users"])
    _save(at / "truth_faults.parquet", planted)
    return columns.from_pandas(spoilt["events"])


def _save_truth(at: Path, shop: visits.World) -> None:
    _save(at / "truth_queries.parquet", shop.intents.truth())
    _save(at / "truth_robots.parquet", pd.DataFrame({"user_id": pd.Series([], dtype="str")}))
    own = shop.people
    tastes = {f"taste_{place}": own.taste[:, place] for place in range(catalogue.DIMENSIONS)}
    liked = np.array([kinds.path(i, shop.catalogue.language) for i in range(shop.catalogue.categories)], object)
    favourites = {f"favourite_{place + 1}": liked[own.favourites[:, place]]
                  for place in range(people.FAVOURITES)}  # fmt: skip
    joined = pd.to_datetime(own.joined, unit="us", utc=True)
    activity = np.diff(own.activity, prepend=0.0)
    known = {"user_id": own.frame["user_id"], "joined": joined, "activity": activity}
    _save(at / "truth_users.parquet", pd.DataFrame(known | favourites | tastes))
    vectors = {f"vector_{place}": shop.catalogue.vectors[:, place] for place in range(catalogue.DIMENSIONS)}
    products = {"item_id": shop.catalogue.frame["item_id"], "quality": shop.catalogue.quality}
    _save(at / "truth_items.parquet", pd.DataFrame(products | vectors))
