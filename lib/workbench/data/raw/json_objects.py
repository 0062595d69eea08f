"""JSON objects in any arrangement: one a line, one after another, or in an array; plain or gzip.

Objects are read one by one, so memory holds a batch and not the file. What cannot be read is handed on with its place
and its reason, and the reading goes on at the next object.
"""

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from workbench.data.collected import SourceError

CHUNK = 1 << 20
LONGEST = 1 << 28  # bytes that one object may take
BLANK = "\ufeff \t\r\n"
GAP = re.compile(r"[\s,\[\]\ufeff]*")  # what may stand between objects; brackets and commas are those of an array
NEXT = re.compile(r"[}\n]\s*,?\s*(?=\{)")
DECODER = json.JSONDecoder()


class Record(NamedTuple):
    """One object of a file: its line (from 1), its value or, without one, the reason, and the text as it stands."""

    line: int
    value: dict[str, Any] | None
    reason: str
    text: str


def records(path: Path) -> Iterator[Record]:
    """Read the objects of a file, in its order.

    Raises:
        SourceError: the file is a damaged gzip file.

    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
            file = cast(BinaryIO, handle)
            lines = one_a_line(file)
            file.seek(0)
            yield from (_lines if lines else stream)(file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{path} is cut off or damaged ({error}): delete it and fetch it again") from error


def one_a_line(file: BinaryIO) -> bool:
    """Whether line ends divide the objects, by the first two lines that are not blank; never those of an array."""
    lines = (line.decode("utf-8", "replace").strip(BLANK) for line in iter(lambda: file.readline(LONGEST), b""))
    first = list(islice(filter(None, lines), 2))
    return len(first) == 2 and first[0][0] != "[" and any(read(line).value is not None for line in first)


def read(text: str, line: int = 0) -> Record:
    """The object that a text is as a whole."""
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
    return Record(line, value, "", text)


def _lines(handle: BinaryIO) -> Iterator[Record]:
    for number, raw in enumerate(iter(lambda: handle.readline(LONGEST), b""), 1):
        try:
            text = raw.decode("utf-8").strip(BLANK)
        except UnicodeDecodeError:
            yield Record(number, None, "not UTF-8", raw.decode("utf-8", "backslashreplace"))
            continue
        if not text:
            continue
        record = read(text, number)
        several = record.reason.endswith("Extra data")  # more than one object in a line
        yield from (one._replace(line=number) for one in stream(io.BytesIO(raw))) if several else (record,)


def stream(handle: BinaryIO) -> Iterator[Record]:
    """Read objects with or without line ends between them, of a file in UTF-8.

    A broken one ends where the next `{` follows a `}` or a line end.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")("backslashreplace")  # a wrong byte becomes an escape that JSON lacks
    text, at, line, ended = "", 0, 1, False
    while True:
        begin = GAP.match(text, at).end()  # type: ignore[union-attr]
        line += text.count("\n", at, begin)
        at, record = begin, None
        if at < len(text):
            record, end, whole = _object(text, at, line)
            if not whole and not ended:
                long = len(text) - at >= LONGEST
                record = record._replace(reason=f"not closed within {LONGEST:,} characters") if long else None
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
