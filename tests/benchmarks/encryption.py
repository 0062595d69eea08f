"""Does encryption at rest give back what was written, or nothing: attacks on whole files, and what protection costs.

Tables like events, users and pairs, in several row groups and pages, a sealed file and the folder's wrapped keys, with
a signed manifest of all of them. One byte is flipped at many places of each file (at every byte of a small folder's,
and of the manifest), files are cut and lengthened, put in the place of each other, of an older version and of another
folder's, and encrypted pages are copied to where others of the same column, file or schema stood. Whoever reads checks
the manifest and decrypts. Reading must be refused by one of them; data that are not as they were must never come out of
a file that was altered, whatever the manifest says; and nothing may end the process, for which it is one of its own.
"""

import argparse
import itertools
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.artifacts import sha256
from workbench.governance.access import keys, kms, vault
from workbench.governance.access.keys import Denied, KeyFile
from workbench.governance.access.kms import Tampered

from .record import FOLDER, record

HANGS = 120  # seconds after which a reader counts as hanging
WORKERS = 2
REFUSED = "refused by decryption"
REJECTED = "same data, rejected by the manifest"
REPLACED = "other data, rejected by the manifest"
GOOD = (REFUSED, REJECTED, REPLACED)
SEALED = "model/weights.bin"
GROUPS = {
    "event_id": "ids", "user_id": "ids", "pair_id": "ids", "item_id": "measures", "timestamp": "measures",
    "value": "measures", "label": "measures", "weight": "measures", "items": "measures", "age": "quasi",
    "city": "quasi", "query": "text", "context": "text", "candidate": "text",
}  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """What is done to a folder: files with other bytes than they had.

    Args:
        kind: as it is counted.
        file: the file that is attacked, and read.
        change: from its bytes to others.
        whole: whether it is replaced by another file that is whole: then the manifest alone can tell.

    """

    kind: str
    file: str
    change: Callable[[bytes], bytes]
    whole: bool = False


@dataclass(frozen=True)
class Flip:
    """One byte is not what it was."""

    place: int
    mask: int

    def __call__(self, data: bytes) -> bytes:
        return data[: self.place] + bytes([data[self.place] ^ self.mask]) + data[self.place + 1 :]


@dataclass(frozen=True)
class Put:
    """Bytes from elsewhere stand at a place, or are all of it."""

    other: bytes
    place: int | None = None

    def __call__(self, data: bytes) -> bytes:
        if self.place is None:
            return self.other
        return data[: self.place] + self.other + data[self.place + len(self.other) :]


@dataclass(frozen=True)
class Cut:
    """Some of the bytes are left, from the beginning or to the end."""

    begin: int
    end: int

    def __call__(self, data: bytes) -> bytes:
        return data[self.begin : self.end]


@dataclass(frozen=True)
class Folder:
    """Protected files, and what they hold."""

    path: Path
    owner: KeyFile
    tables: dict[str, pa.Table]
    sealed: dict[str, bytes]

    @property
    def files(self) -> list[str]:
        """All that the manifest lists."""
        return [*self.tables, *self.sealed, kms.MATERIAL]

    def read(self, file: str) -> bool:
        """Whether a file gives what was written; the wrapped keys, whether all files do. Raises what reading raises."""
        safe = vault.Vault(self.path, self.owner)
        if file in self.tables:
            return safe.read(file).equals(self.tables[file])
        if file in self.sealed:
            return safe.unseal(file) == self.sealed[file]
        return all(self.read(each) for each in (*self.tables, *self.sealed))


def main() -> int:
    """Attack and time, and record the rows; 1 if something was not detected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=12_000, help="in the large folder; the small one's are every byte")
    parser.add_argument("--rows", type=int, default=60_000, help="of the large folder; 20,000 fill a page")
    parser.add_argument("--seed", type=int, default=20270101)
    given = parser.parse_args()
    bad = measure(given.flips, given.rows, given.seed)
    speed(1_000_000, given.seed)
    rotation()
    return int(bool(bad))


def measure(flips: int, rows: int, seed: int, bench: Path = FOLDER) -> int:
    """Print how each kind of attack ended, and record what was not detected."""
    with tempfile.TemporaryDirectory() as place:
        owner, draw = keys.make(), random.Random(seed)
        small = made(Path(place) / "small", owner, 60, 30, seed)
        large = made(Path(place) / "large", owner, rows, rows // 2, seed)
        found: Counter[tuple[str, str]] = Counter()
        for folder, attacks in ((small, list(every_byte(small, draw))), (large, list(planned(large, flips, draw)))):
            found += attacked(folder, attacks)
        found += manifest_flips(large, draw)
    table = pd.Series(found).unstack(fill_value=0).rename_axis("attack")
    print(f"\n{table.assign(all=table.sum(axis=1)).to_string()}\n")
    flipped = sum(count for (kind, _), count in found.items() if kind.startswith("flip"))
    bad = sum(count for (_, outcome), count in found.items() if outcome not in GOOD)
    by_decryption = sum(count for (_, outcome), count in found.items() if outcome == REFUSED)
    record(
        "encryption_flips_undetected", bad, f"of {sum(found.values()):,} attacks", target=0, higher_is_better=False,
        rival=f"{flipped:,} flips; {by_decryption:,} refused by decryption, the rest by the manifest", folder=bench,
    )  # fmt: skip
    return bad


# ---- what is protected


def events(rows: int, seed: int) -> pa.Table:
    """A log; its numbers have the same length whatever the seed."""
    rng = np.random.default_rng(seed)
    words = np.array(["red", "blue", "shoes", "boots", "rain", "jacket", "size", "canvas", "kids", "wide"], object)
    return pa.table({
        "event_id": [f"{number:08d}" for number in range(rows)],
        "user_id": [f"canary-{number:06d}" for number in rng.integers(0, rows // 10 + 2, rows)],
        "timestamp": pa.array(np.sort(rng.integers(17e14, 18e14, rows)), pa.timestamp("us", "UTC")),
        "query": [" ".join(some) if hole else None for some, hole in zip(rng.choice(words, (rows, 3)),
                  rng.random(rows) < 0.8, strict=True)],
        "value": rng.random(rows),
        "items": [[f"i{number:05d}" for number in some] for some in rng.integers(0, 5000, (rows, 2))],
    })  # fmt: skip


def users(rows: int, seed: int) -> pa.Table:
    """A table of people, with holes."""
    rng = np.random.default_rng(seed)
    return pa.table({
        "user_id": [f"canary-{number:06d}" for number in range(rows)],
        "age": rng.choice(np.array(["18-24", "25-34", "65+", None], object), rows).tolist(),
        "city": rng.choice(np.array(["Leeds", "York", "杭州", None], object), rows).tolist(),
    })  # fmt: skip


def pairs(rows: int, seed: int) -> pa.Table:
    """Training pairs, with long texts."""
    rng = np.random.default_rng(seed)
    return pa.table({
        "pair_id": [f"p{number}" for number in range(rows)],
        "context": [f"bought canary {number} and 红鞋 {number // 7}" for number in rng.integers(0, 10**6, rows)],
        "candidate": [f"item {number} " * 5 for number in rng.integers(0, 900, rows)],
        "label": rng.integers(0, 2, rows).astype(bool), "weight": rng.random(rows).astype(np.float32),
    })  # fmt: skip


def made(path: Path, owner: KeyFile, rows: int, group: int, seed: int) -> Folder:
    """Write a folder; row groups have `group` rows."""
    safe = vault.Vault(path, owner)
    tables = {
        "data/events.parquet": events(rows, seed), "data/more_events.parquet": events(rows, seed + 1),
        "data/users.parquet": users(rows // 2, seed), "data/pairs.parquet": pairs(rows // 2, seed),
    }  # fmt: skip
    for name, table in tables.items():
        write(safe, name, table, group)
    sealed = {SEALED: random.Random(seed).randbytes(rows * 60)}
    safe.seal(SEALED, sealed[SEALED], "text")
    return Folder(path, owner, tables, sealed)


def write(safe: vault.Vault, name: str, table: pa.Table, group: int) -> Path:
    """Write a table in row groups of so many rows."""
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=group))
    return safe.write(name, reader, {column: GROUPS[column] for column in table.column_names})


# ---- attacks


def every_byte(folder: Folder, draw: random.Random) -> Iterator[Attack]:
    """A bit of every byte of every file."""
    for file in folder.files:
        for place in range((folder.path / file).stat().st_size):
            yield Attack(f"flip, every byte of {'keys' if file == kms.MATERIAL else 'small files'}", file,
                         Flip(place, 1 << draw.randrange(8)))  # fmt: skip


def planned(folder: Folder, flips: int, draw: random.Random) -> Iterator[Attack]:
    """Flips spread over whole files, cuts, replacements, and pages that were moved."""
    whole = {file: (folder.path / file).read_bytes() for file in folder.files}
    names = [*folder.tables, *folder.sealed]
    for number in range(flips):
        file = names[number % len(names)]
        yield Attack("flip, anywhere", file, Flip(draw.randrange(len(whole[file])), draw.randrange(1, 256)))
    for file in names:
        size = len(whole[file])
        for place in range(max(0, size - 400), size):
            yield Attack("flip, end of the file", file, Flip(place, draw.randrange(1, 256)))
        ends = {*range(200), *range(size - 100, size), *(draw.randrange(size) for _ in range(100))}
        yield from (Attack("cut", file, Cut(0, end)) for end in ends)
        yield from (Attack("cut at the beginning", file, Cut(begin, size)) for begin in (1, 4, 8, size // 2))
        yield from (Attack("lengthened", file, Put(whole[file] + more)) for more in (b"\0", b"PAR1", whole[file]))
        yield from (
            Attack("put in another's place", file, Put(whole[other]), whole=other in folder.tables)
            for other in names if other != file
        )  # fmt: skip
    yield from replaced(folder, whole)
    yield from moved(folder, whole)
    yield from rekeyed(whole[kms.MATERIAL])


def replaced(folder: Folder, whole: dict[str, bytes]) -> Iterator[Attack]:
    """Older versions by the same keys, and files of another folder by the same master keys."""
    name, table = next(iter(folder.tables.items()))
    older = folder.path.with_name("older")
    for file, data in whole.items():
        (older / file).parent.mkdir(parents=True, exist_ok=True)
        (older / file).write_bytes(data)
    safe = vault.Vault(older, folder.owner)
    write(safe, name, table.slice(0, len(table) // 2), len(table) // 8)
    safe.seal(SEALED, b"older weights", "text")
    later = json.loads((older / kms.MATERIAL).read_text())  # with the keys of the older ones, as a folder keeps them
    (folder.path / kms.MATERIAL).write_text(json.dumps(later, indent=1) + "\n")
    whole[kms.MATERIAL] = (folder.path / kms.MATERIAL).read_bytes()
    for file in (name, SEALED):
        yield Attack("an older version of it", file, Put((older / file).read_bytes()), whole=True)
    elsewhere = made(folder.path.with_name("elsewhere"), folder.owner, 2000, 500, 3)
    for file in elsewhere.files:
        yield Attack("another folder's", file, Put((elsewhere.path / file).read_bytes()))


def moved(folder: Folder, whole: dict[str, bytes]) -> Iterator[Attack]:
    """Encrypted column chunks and pages in the place of others: of the same file, of one of the same schema."""
    one, other = list(folder.tables)[:2]
    chunks, others = placed(folder, one), placed(folder, other)
    for (column, group), (begin, size) in chunks.items():
        for (same, away), (from_, length) in chunks.items():
            if same == column and away != group:
                yield Attack("a chunk of the column's other rows", one,
                             Put(whole[one][from_ : from_ + min(length, size)], begin))  # fmt: skip
        from_, length = others[column, group]
        yield Attack("a chunk of a like file", one, Put(whole[other][from_ : from_ + min(length, size)], begin))
        half = begin + size // 2
        turned = whole[one][half : begin + size] + whole[one][begin:half]
        yield Attack("halves of a chunk exchanged", one, Put(turned, begin))
    tail = min(len(whole[one]), len(whole[other])) // 10
    yield Attack("the footer of a like file", one, Put(whole[one][:-tail] + whole[other][-tail:]))


def placed(folder: Folder, file: str) -> dict[tuple[str, int], tuple[int, int]]:
    """Where each column chunk begins, and its size in bytes, by column and row group."""
    metadata = vault.Vault(folder.path, folder.owner)._open(file).metadata
    found = {}
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            begins = [chunk.data_page_offset] + [chunk.dictionary_page_offset] * bool(chunk.dictionary_page_offset)
            found[chunk.path_in_schema, group] = (min(begins), chunk.total_compressed_size)
    return found


def rekeyed(data: bytes) -> Iterator[Attack]:
    """Wrapped keys under each other's references, left out, or under the name of another master key."""
    wrapped = json.loads(data)
    references = list(wrapped)
    for one, other in itertools.pairwise(references):
        exchanged = wrapped | {one: wrapped[other], other: wrapped[one]}
        yield Attack("wrapped keys exchanged", kms.MATERIAL, Put(json.dumps(exchanged).encode()))
    for one in references:
        rest = {reference: text for reference, text in wrapped.items() if reference != one}
        yield Attack("a wrapped key left out", kms.MATERIAL, Put(json.dumps(rest).encode()))
        named = wrapped | {one: "manifest:" + wrapped[one].partition(":")[2]}
        yield Attack("a wrapped key of another name", kms.MATERIAL, Put(json.dumps(named).encode()))
    for text in ("", "[]", "{}", "null", '{"a": 1}', json.dumps(dict.fromkeys(references, 1)), "[" * 10**5):
        yield Attack("no wrapped keys at all", kms.MATERIAL, Put(text.encode()))


def attacked(folder: Folder, attacks: list[Attack]) -> Counter[tuple[str, str]]:
    """How often each kind of attack ended how."""
    if not folder.read(kms.MATERIAL):  # and so all files
        raise RuntimeError("the folder does not read as it was written: nothing to attack")
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [attacks[start::WORKERS] for start in range(WORKERS)]
        return sum(pool.map(lambda part: watched(folder, part), parts), Counter())


def watched(folder: Folder, attacks: list[Attack]) -> Counter[tuple[str, str]]:
    """The same for some of them, tried in a process that is begun anew after an attack that ended it."""
    found, spawn = Counter[tuple[str, str]](), multiprocessing.get_context("spawn")
    while attacks:
        here, there = spawn.Pipe(duplex=False)
        process = spawn.Process(target=try_all, args=(folder, attacks, there))
        process.start()
        there.close()
        done = 0
        try:
            while done < len(attacks):
                outcome = here.recv() if here.poll(HANGS) else "hangs"
                found[attacks[done].kind, outcome] += 1
                done += 1
                if outcome == "hangs":
                    break
        except EOFError:
            found[attacks[done].kind, "ends the process"] += 1
            done += 1
        process.kill()
        process.join()
        attacks = attacks[done:]
    return found


def try_all(folder: Folder, attacks: list[Attack], pipe: Connection) -> None:
    """Try attacks on a copy of the folder, and send how each ended."""
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as place:
        copy = replace(folder, path=Path(place) / "copy")
        shutil.copytree(folder.path, copy.path)
        signed = {file: sha256(copy.path / file) for file in copy.files}
        for attack in attacks:
            pipe.send(outcome(copy, attack, signed))


def outcome(folder: Folder, attack: Attack, signed: dict[str, str]) -> str:
    """One of `GOOD`, or what went wrong in words; `signed` is what the manifest says."""
    path = folder.path / attack.file
    before = path.read_bytes()
    path.write_bytes(attack.change(before))
    if sha256(path) == signed[attack.file]:
        raise RuntimeError(f"{attack.kind} on {attack.file} changed nothing: it is no attack")
    try:
        same = folder.read(attack.file)
    except (Tampered, Denied):
        return REFUSED
    except Exception as error:  # what else comes out of a reader is what is looked for here
        return f"{type(error).__name__} in {attack.file}: {error}"[:90]
    finally:
        path.write_bytes(before)
    return REJECTED if same else REPLACED if attack.whole else "CHANGED DATA"


def manifest_flips(folder: Folder, draw: random.Random) -> Counter[tuple[str, str]]:
    """A bit of every byte of a signed manifest."""
    manifest = {"outputs": [{"path": file, "sha256": sha256(folder.path / file)} for file in folder.files]}
    whole = json.dumps(manifest | {"signature": vault.sign(manifest, folder.owner)}, indent=1).encode()
    if not sound(whole, folder.owner):
        raise RuntimeError("the manifest is not as it was signed: nothing to attack")
    flips = [Flip(place, 1 << draw.randrange(8)) for place in range(len(whole))]
    return Counter(
        ("flip, every byte of the manifest", "UNDETECTED" if sound(flip(whole), folder.owner) else REPLACED)
        for flip in flips
    )


def sound(text: bytes, owner: KeyFile) -> bool:
    """Whether a manifest can be read and is as it was signed."""
    try:
        manifest = json.loads(text)
        return vault.verify(manifest, manifest["signature"], owner)
    except (ValueError, KeyError, Denied):
        return False


# ---- what it costs


def speed(rows: int, seed: int, repeats: int = 5, bench: Path = FOLDER) -> None:
    """Seconds of writing and reading a log, beside the same without encryption, one after the other."""
    table, owner = events(rows, seed), keys.make()
    groups = {column: GROUPS[column] for column in table.column_names}
    with tempfile.TemporaryDirectory() as place:
        safe, plain = vault.Vault(Path(place), owner), Path(place) / "plain.parquet"
        work = {
            "write": (lambda: safe.write("safe.parquet", table, groups), lambda: pq.write_table(table, plain)),
            "read": (lambda: vault.Vault(Path(place), owner).read("safe.parquet"), lambda: pq.read_table(plain)),
        }
        for name, both in work.items():
            taken = [[_seconds(each) for each in both] for _ in range(repeats)]
            ours, theirs = (median(column) for column in zip(*taken, strict=True))
            record(
                f"encryption_{name}", ours / theirs, "times the seconds", target=None, higher_is_better=False,
                rival=f"plain Parquet, {rows:,} events: {theirs:.2f} s, ours {ours:.2f} s", folder=bench,
            )  # fmt: skip
        size = (Path(place) / "safe.parquet").stat().st_size / plain.stat().st_size
        print(f"encrypted, the file is {size:.4f} times as long")


def rotation(count: int = 1000, bench: Path = FOLDER) -> None:
    """Seconds of wrapping the keys of a folder anew."""
    owner = keys.make()
    with tempfile.TemporaryDirectory() as place:
        material = kms.Material(Path(place), kms.LocalKms(owner))
        for number in range(count):
            material.add(keys.GROUPS[number % len(keys.GROUPS)], bytes(32))
        material.save()
        fresh = kms.LocalKms(owner.rotated(keys.GROUPS))
        began = time.perf_counter()
        if kms.rewrap([Path(place)], fresh) != count:
            raise RuntimeError("not all keys were wrapped anew")
        taken = time.perf_counter() - began
    record("encryption_rewrap", taken, f"s for {count:,} keys", target=None, higher_is_better=False,
           rival="writing the data anew", folder=bench)  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
