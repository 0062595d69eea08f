"""Text in any of the usual encodings, brought to UTF-8 line by line; what had to be repaired is recorded."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import charset_normalizer

from workbench.data.collected import SourceError
from workbench.data.raw.batches import Batches

SAMPLE_LINES = 2000
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ASSUMED = "gb18030", "cp1252"  # what text that is no UTF-8 is taken for
REPAIR = ("line", "problem", "value")
NUL = "NUL bytes removed"


@dataclass(frozen=True)
class Text:
    """A text file in UTF-8, the encoding it had, and a Parquet file of its repaired lines, if any."""

    path: Path
    encoding: str
    detected: bool
    repairs: Path | None = None
    repaired: int = 0


def as_utf8(path: Path, encoding: str, scratch: Path, label: str) -> Text:
    """The file itself where it is clean UTF-8, else a copy that is.

    A line that the encoding does not fit is decoded by the next that does, and NUL bytes are taken out; each such
    line is listed in `repairs` as line, problem and the line before.

    Args:
        path: the raw file.
        encoding: its encoding; "" to detect it: UTF-8 wherever most lines are, else GB 18030 or Windows-1252.
        scratch: a folder for the copy.
        label: what to call the file.

    Raises:
        SourceError: no such encoding is known.

    """
    try:
        given = codecs.lookup(encoding).name if encoding else ""
    except LookupError as error:
        raise SourceError(f"{label}: there is no encoding '{encoding}': write utf-8, cp1252 or gb18030") from error
    with path.open("rb") as file:
        start = file.read(2)
    copy, repairs = scratch / f"{path.name}.utf8", scratch / f"{path.name}.repairs"
    if start in UTF16 or given.startswith("utf-16"):
        repaired = _from_utf16(path, copy, repairs, given or "utf-16")
        return Text(copy, "utf-16", not given, repairs if repaired else None, repaired)
    ascii_only, utf8, nul = _scan(path)
    if not nul and (ascii_only or (utf8 and given in ("", "utf-8", "utf-8-sig"))):
        return Text(path, given or "utf-8", not given)
    chosen, order = (given, [given, "utf-8", "cp1252"]) if given else (("utf-8", ["utf-8"]) if utf8 else _detect(path))
    repaired = _rewrite(path, copy, repairs, chosen, order)
    return Text(copy, chosen, not given, repairs if repaired else None, repaired)


def _scan(path: Path) -> tuple[bool, bool, bool]:
    """Whether the file is all ASCII, is valid UTF-8, and holds NUL bytes."""
    decoder, ascii_only, utf8, nul = codecs.getincrementaldecoder("utf-8")(), True, True, False
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            nul = nul or b"\0" in chunk
            if utf8 and not (ascii_only and chunk.isascii()):
                ascii_only = False
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    utf8 = False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        utf8 = False
    return ascii_only, utf8, nul


def _detect(path: Path) -> tuple[str, list[str]]:
    """The main encoding by a sample of the lines that are not ASCII, and the order in which lines try encodings."""
    sample = list(islice(_beyond_ascii(path), SAMPLE_LINES))
    other = [line for line in sample if not _decodes(line, "utf-8")]
    guess = _other_encoding(other) if other else "cp1252"
    if 2 * len(other) <= len(sample):
        return "utf-8", ["utf-8", guess]
    # bytes of Chinese may by chance be UTF-8 as well; almost every byte is Windows-1252, so that comes last
    return guess, [guess, "utf-8", "cp1252"] if guess == "gb18030" else ["utf-8", guess]


def _other_encoding(lines: list[bytes]) -> str:
    best = charset_normalizer.from_bytes(b"\n".join(lines), cp_isolation=list(ASSUMED)).best()
    if best and best.encoding in ASSUMED:
        return best.encoding
    chinese = sum(_is_chinese(line) for line in lines)
    return "gb18030" if 2 * chinese > len(lines) else "cp1252"


def _is_chinese(line: bytes) -> bool:
    """Whether a line read as GB 18030 has the characters of everyday Chinese, those of GB 2312."""
    return _decodes(line, "gb18030") and _decodes(line, "gb2312")


def _beyond_ascii(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line for line in file if not line.isascii())


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _rewrite(path: Path, copy: Path, repairs: Path, main: str, order: list[str]) -> int:
    """Write the file in UTF-8 and list the lines that were repaired; how many there were."""
    with (
        path.open("rb") as file,
        copy.open("w", encoding="utf-8", newline="") as out,
        Batches(repairs, REPAIR) as log,
    ):
        for number, line in enumerate(file, 1):
            raw = line.replace(b"\0", b"")
            text, used = _decoded(raw, order)
            out.write(text)
            problems = [NUL] if len(raw) < len(line) else []
            problems += [f"decoded as {used}, not {main}"] if used != main and not raw.isascii() else []
            if problems:
                before = line.decode("utf-8", "backslashreplace").replace("\0", "\\x00").rstrip("\r\n")
                log.add(number, "; ".join(problems), before, size=len(before))
    return log.count


def _decoded(line: bytes, order: list[str]) -> tuple[str, str]:
    """The line as text, and the first encoding that it fits; Latin-1 fits every byte."""
    for encoding in order:
        try:
            return line.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1"), "latin-1"


def _from_utf16(path: Path, copy: Path, repairs: Path, encoding: str) -> int:
    """Write the file in UTF-8 and list the lines that NUL was taken out of; how many there were."""
    try:
        with (
            path.open(encoding=encoding, newline="\n") as file,
            copy.open("w", encoding="utf-8", newline="") as out,
            Batches(repairs, REPAIR) as log,
        ):
            for number, line in enumerate(file, 1):
                out.write(line.replace("\0", ""))
                if "\0" in line:
                    before = line.replace("\0", "\\x00").rstrip("\r\n")
                    log.add(number, NUL, before, size=len(before))
    except UnicodeError as error:
        raise SourceError(f"{path.name} begins as UTF-16 and does not go on so: save it as UTF-8") from error
    return log.count
