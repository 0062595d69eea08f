"""CSV and its kin: DuckDB reads a regular file, a careful reader of lines reads one that is not."""

import csv
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import duckdb
import ibis

from workbench.data.collected import SourceError
from workbench.data.raw.batches import Batches
from workbench.data.raw.sql import load_numbered, quoted

DELIMITERS = (",", "\t", ";", "|")
ONE_COLUMN = "\x1f"  # splits nothing: for a file of one column, whose texts may hold every other delimiter
SAMPLE_ROWS, SAMPLE_LINES = 50, 500
ROW_BYTES = 8_000_000  # a longer row is left to the careful reader; the engine's buffers are multiples of it
RECORD_LINES, RECORD_CHARS = 10_000, 64_000_000  # a quote still open after so much was never closed
REJECTS = ("key", "reasons", "text")


@dataclass(frozen=True)
class Layout:
    """How a delimited file is laid out; `named` says whether its first record holds the names."""

    delimiter: str
    header: tuple[str, ...]
    named: bool


def layout(path: Path, delimiter: str, names: Sequence[str], label: str) -> Layout:
    """The delimiter and the columns of a delimited file in UTF-8.

    Args:
        path: the file.
        delimiter: one character, or "" to detect it.
        names: the columns of a file without a header; else empty.
        label: what to call the file.

    Raises:
        SourceError: the file is empty or has a header only, its names are doubled, or the delimiter does not split it.

    """
    csv.field_size_limit(sys.maxsize)
    if len(delimiter) > 1:
        raise SourceError(f"{label}: the delimiter '{delimiter}' is longer than one character")
    rows = {one: _sample(path, one) for one in ([delimiter] if delimiter else DELIMITERS)}
    best = max(rows, key=lambda one: _fit(rows[one]))
    if not delimiter and _fit(rows[best])[1] == 1:
        best, rows = ONE_COLUMN, {ONE_COLUMN: _sample(path, ONE_COLUMN)}
    sample = rows[best]
    if not any(value.strip() for row in sample for value in row):
        raise SourceError(f"{label} is empty: give a file with rows, or take it out of `files`")
    if delimiter and len(sample[0]) == 1:
        likely = max(DELIMITERS, key=lambda one: _fit(_sample(path, one)))
        if likely != delimiter and _fit(_sample(path, likely))[1] > 1:
            raise SourceError(f"{label} is one column when split at {delimiter!r}: its delimiter is rather {likely!r}")
    if names:
        if len(names) != len(sample[0]):
            raise SourceError(f"{label} has {len(sample[0])} columns and `header` names {len(names)}: name all of them")
        return Layout(best, tuple(names), False)
    header = tuple(name.strip() for name in sample[0])
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise SourceError(f"{label} has the column '{twice[0]}' {header.count(twice[0])} times: rename all but one")
    if len(sample) == 1:
        raise SourceError(f"{label} has a header and no rows: give a file with rows, or take it out of `files`")
    return Layout(best, header, True)


def load(
    con: ibis.BaseBackend, name: str, path: Path, how: Layout, wanted: Sequence[int], scratch: Path, label: str
) -> tuple[int, str]:
    """Read the wanted columns as text into the engine's table `name`: row, v0, v1, …; row counts from 1 in the file.

    Returns:
        How many rows could not be read, and what the engine reads them from (key, reasons, text), if there are any.

    """
    chosen = ", ".join(f"c{column} AS v{i}" for i, column in enumerate(wanted))
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(how.header)))
    options = (
        f"delim={quoted(how.delimiter)}, quote='\"', escape='\"', header={str(how.named).lower()}, "
        f"columns={{{columns}}}, auto_detect=false, strict_mode=true, "
        f"max_line_size={ROW_BYTES}, buffer_size={2 * ROW_BYTES}"
    )
    try:
        if _begins_blank(path):  # the engine would take the blank line for the header
            raise duckdb.InvalidInputException
        load_numbered(con, name, chosen, f"read_csv({quoted(path)}, {options})")
        return 0, ""
    except duckdb.InvalidInputException:  # rows that are ragged, too long, or quoted wrongly
        clean, rejected = scratch / f"{name}.parquet", scratch / f"{name}.rejected"
        count = _read_carefully(path, how, wanted, clean, rejected, label)
        con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM read_parquet({quoted(clean)})")
        return count, f"read_parquet({quoted(rejected)})"


def _sample(path: Path, delimiter: str) -> list[list[str]]:
    """The first records as a lenient reader splits them, blank lines left out."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(islice(file, SAMPLE_LINES), delimiter=delimiter) if "".join(row).strip())
        return list(islice(rows, SAMPLE_ROWS))


def _begins_blank(path: Path) -> bool:
    with path.open(encoding="utf-8-sig") as file:
        return not file.readline().strip(" \r\n")


def _fit(rows: list[list[str]]) -> tuple[float, int]:
    """How well a delimiter splits: the share of rows as wide as the first where that is over one column, the width."""
    width = len(rows[0]) if rows else 0
    return (sum(len(row) == width for row in rows) / len(rows), width) if width > 1 else (0.0, width)


def _read_carefully(path: Path, how: Layout, wanted: Sequence[int], clean: Path, rejected: Path, label: str) -> int:
    """Write the rows that parse to the Parquet file `clean`, the others to `rejected`; how many those are."""
    columns = ["row", *(f"v{i}" for i in range(len(wanted)))]
    with (
        path.open(encoding="utf-8-sig", newline="") as file,
        Batches(clean, columns) as good,
        Batches(rejected, REJECTS) as bad,
    ):
        records = _records(file, how.delimiter, len(how.header), how.named)
        for number, (line, text, values, problem) in enumerate(records, 1):
            if problem:
                bad.add(f"{label}:{line}", problem, text.rstrip("\r\n"), size=len(text))
            else:
                good.add(number, *(values[column] for column in wanted), size=len(text))
    return bad.count


def _records(file: TextIO, delimiter: str, width: int, named: bool) -> Iterator[tuple[int, str, list[str], str]]:
    """Every record: its first line's number, its text, its values, and what is wrong with it, or ""."""
    lines = _Lines(file)
    while named and lines.more():
        _split(lines.record(), delimiter, width)
        named = not "".join(lines.taken).strip(" \r\n")  # the header is the first line that is not blank
    while lines.more():
        number = lines.number + 1
        if '"' not in lines.next():  # most lines, and csv.reader would cost three times as much
            text = lines.take()
            if width == 1 or text.strip(" \r\n"):
                yield number, text, *_fitted(text.rstrip("\r\n").split(delimiter), width)
            continue
        values, problem = _split(lines.record(), delimiter, width)
        if problem and len(lines.taken) > 1:  # a quote that is not closed takes the lines after it: give them back
            lines.give_back(1)
            values, problem = _split(list(lines.taken), delimiter, width)
        text = "".join(lines.taken)
        if width == 1 or text.strip(" \r\n"):
            yield number, text, values, problem


class _Lines:
    """Lines of a file, some of which may be given back."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._back = file, deque[str]()
        self.taken: list[str] = []
        self.number = 0

    def more(self) -> bool:
        """Whether there is another line."""
        if not self._back and (line := self._file.readline()):
            self._back.append(line)
        return bool(self._back)

    def next(self) -> str:
        """The next line, not taken yet."""
        return self._back[0]

    def take(self) -> str:
        """Take one line."""
        self.number += 1
        return self._back.popleft()

    def record(self) -> Iterator[str]:
        """The lines from here on, until a quote stays open for so long that it was never closed."""
        self.taken, size = [], 0
        while self.more() and len(self.taken) < RECORD_LINES and size < RECORD_CHARS:
            self.taken.append(self.take())
            size += len(self.taken[-1])
            yield self.taken[-1]

    def give_back(self, kept: int) -> None:
        """Give back all lines taken but the first `kept`."""
        self._back.extendleft(reversed(self.taken[kept:]))
        self.number -= len(self.taken) - kept
        self.taken = self.taken[:kept]


def _split(lines: Iterator[str] | list[str], delimiter: str, width: int) -> tuple[list[str], str]:
    """The values of the record that begins the lines, and what is wrong with it, or ""."""
    try:
        values = next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return [], f"quotes or line ends do not parse: {error}"
    return _fitted(values or [""], width)


def _fitted(values: list[str], width: int) -> tuple[list[str], str]:
    """The values without the empty one that a delimiter at the end of a line makes; and what is wrong with them."""
    if len(values) == width:
        return values, ""
    if len(values) == width + 1 and values[-1] == "":
        return values[:-1], ""
    return values, f"{len(values)} values where the header has {width}"
