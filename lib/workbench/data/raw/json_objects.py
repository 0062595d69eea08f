"""JSON as publishers write it: one object a line, objects one after another, or one array of them; plain or gzip.

Objects are read one by one, so memory holds a batch and not the file. What cannot be read is handed on with its place
and its reason, and the reading goes on at the next object.
"""

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from workbench.data.collected import REJECTED, SourceError

CHUNK = 1 << 20
LONGEST = 1 << 26  # bytes that one object may take
BATCH = 10_000  # rows
HOPELESS = 10_000  # rejected objects after which a file that has more bad than good ones is taken for another layout
GAP = re.compile(r"[\s,\[\]\ufeff]*")  # what may stand between objects; brackets and commas are those of an array
NEXT = re.compile(r"[}\n]\s*,?\s*(?=\{)")
DECODER = json.JSONDecoder()
Row = Mapping[str, Any]
Convert = Callable[[dict[str, Any], str], Iterable[tuple[str, Row]]]


class Record(NamedTuple):
    """One object of a file: its line (from 1) and value, or, without a value, the reason and the text as it stands."""

    line: int
    value: dict[str, Any] | None
    reason: str = ""
    text: str = ""


def records(path: Path) -> Iterator[Record]:
    """Read the objects of a file, in its order.

    Raises:
        SourceError: the file is a damaged gzip file.

    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
            file = cast(BinaryIO, handle)
            lines = _one_a_line(file.read(CHUNK))
            file.seek(0)
            yield from (_lines if lines else _stream)(file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{path} is cut off or damaged ({error}): delete it and fetch it again") from error


def load(
    con: ibis.BaseBackend, paths: Iterable[Path], schemas: Mapping[str, pa.Schema], convert: Convert
) -> tuple[dict[str, Table], list[tuple[str, str, str]]]:
    """Read files of JSON objects into tables of the engine, a batch at a time.

    Args:
        con: the engine.
        paths: the files, read one after another.
        schemas: columns of each table to fill.
        convert: an object and its place (`file:line`) in; names of tables and rows for them out, none to pass over
            it. It raises `ValueError`, `TypeError` or `OverflowError` for an object to reject.

    Returns:
        The tables by name, and what was rejected: place, reason, text.

    Raises:
        SourceError: nothing could be read, or most could not.

    """
    tables = {
        name: con.create_table(name, schema=ibis.Schema.from_pyarrow(schema), overwrite=True)
        for name, schema in schemas.items()
    }
    waiting: dict[str, list[Row]] = {name: [] for name in schemas}
    rejected: list[tuple[str, str, str]] = []
    good = 0
    for place, record in ((f"{path.name}:{record.line}", record) for path in paths for record in records(path)):
        made, reason = _converted(record, place, convert)
        if reason:
            rejected.append((place, reason, record.text or json.dumps(record.value)))
            _hopeless(rejected, good, HOPELESS)
            continue
        good += 1
        for name, row in made:
            waiting[name].append(row)
            if len(waiting[name]) >= BATCH:
                append(con, name, waiting[name], schemas[name])
    for name, rows in waiting.items():
        append(con, name, rows, schemas[name])
    if not good:
        _hopeless(rejected, good, 1)
    return tables, rejected


def rejects(rejected: Iterable[tuple[str, str, str]], table: str) -> Table | None:
    """Rejected rows (place, reason, text) of a table as `Collected.rejected` wants them; None if there are none."""
    rows = [(table, *one) for one in rejected]
    return ibis.memtable(pa.table(dict(zip(REJECTED, zip(*rows, strict=True), strict=True)))) if rows else None


def _converted(record: Record, place: str, convert: Convert) -> tuple[list[tuple[str, Row]], str]:
    if record.value is None:
        return [], record.reason
    try:
        return list(convert(record.value, place)), ""
    except (ValueError, TypeError, OverflowError) as error:
        return [], str(error) or type(error).__name__


def _hopeless(rejected: list[tuple[str, str, str]], good: int, least: int) -> None:
    if len(rejected) >= least and len(rejected) > good:
        place, reason, _ = rejected[0]
        raise SourceError(
            f"{len(rejected)} of the first {len(rejected) + good} objects cannot be read, first at {place}: {reason}; "
            "is this the file that the source expects?"
        )


def append(con: ibis.BaseBackend, name: str, rows: list[Row], schema: pa.Schema) -> None:
    """Add rows to a table of the engine and empty their list."""
    if rows:  # not `con.insert`, which keeps every batch registered as long as the connection lives
        con.con.register("batch", pa.Table.from_pylist(rows, schema=schema))
        con.raw_sql(f'INSERT INTO "{name}" SELECT * FROM batch')
        con.con.unregister("batch")
        rows.clear()


def _one_a_line(head: bytes) -> bool:
    """Whether the objects are divided by line ends; an array never counts as such, whose lines end in commas."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    return not text.startswith("[") and any(_read(line).value is not None for line in text.split("\n")[:-1][:20])


def _read(text: str, line: int = 0) -> Record:
    try:
        return _checked(json.loads(text), text, line)
    except json.JSONDecodeError as error:
        return Record(line, None, f"not JSON: {error.msg}", text)
    except RecursionError:
        return Record(line, None, "not JSON: nested too deep", text)


def _checked(value: Any, text: str, line: int) -> Record:
    if not isinstance(value, dict):
        return Record(line, None, "not a JSON object", text)
    if "\\u" in text and re.search(r"[\ud800-\udfff]", json.dumps(value, ensure_ascii=False)):
        return Record(line, None, "holds half a surrogate pair, which is no character", text)
    return Record(line, value)


def _lines(handle: BinaryIO) -> Iterator[Record]:
    for number, raw in enumerate(iter(lambda: handle.readline(LONGEST), b""), 1):
        try:
            text = raw.decode("utf-8").strip("\ufeff \t\r\n")
        except UnicodeDecodeError:
            yield Record(number, None, "not UTF-8", raw.decode("utf-8", "backslashreplace"))
            continue
        if not text:
            continue
        record = _read(text, number)
        several = record.reason.endswith("Extra data")  # more than one object in a line
        yield from (one._replace(line=number) for one in _stream(io.BytesIO(raw))) if several else (record,)


def _stream(handle: BinaryIO) -> Iterator[Record]:
    """Objects without line ends between them; a broken one ends where the next `{` follows a `}` or a line end."""
    utf8 = codecs.getincrementaldecoder("utf-8")("backslashreplace")  # a wrong byte becomes an escape that JSON lacks
    text, at, line, ended = "", 0, 1, False
    while True:
        begin = GAP.match(text, at).end()  # type: ignore[union-attr]
        line += text.count("\n", at, begin)
        at, record = begin, None
        if at < len(text):
            record, end, whole = _object(text, at, line)
            if not whole and not ended and len(text) - at < LONGEST:
                record = None
        elif ended:
            return
        if record is None:
            raw = handle.read(max(CHUNK, len(text) - at))
            text, at, ended = text[at:] + utf8.decode(raw, final=not raw), 0, not raw
            continue
        yield record
        line += text.count("\n", at, end)
        at = end


def _object(text: str, at: int, line: int) -> tuple[Record, int, bool]:
    """The object at a place, where it ends, and whether more text could change that."""
    try:
        value, end = DECODER.raw_decode(text, at)
    except (json.JSONDecodeError, RecursionError) as error:
        message, place = getattr(error, "msg", "nested too deep"), getattr(error, "pos", at)
        cut = message.startswith("Unterminated string") or place >= len(text) - 12  # an escape takes 12 characters
        following = NEXT.search(text, at + 1)
        end = following.end() if following else len(text)
        return Record(line, None, f"not JSON: {message}", text[at:end].rstrip()), end, not cut
    return _checked(value, text[at:end], line), end, True
