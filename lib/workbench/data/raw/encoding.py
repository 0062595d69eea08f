"""Text in any of the usual encodings, brought to UTF-8 line by line; what had to be repaired is recorded."""

import codecs
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import charset_normalizer

from workbench.data.collected import SourceError
from workbench.data.raw.batches import Batches

SAMPLE_LINES = 2000
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
WESTERN, CHINESE = "cp1252", "gb18030"  # what text that is no UTF-8 is taken for where nothing tells
ALPHABETS = WESTERN, "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256"
EAST_ASIAN = CHINESE, "big5", "cp932", "euc_jp", "cp949"
GB = "gb2312", "gbk", CHINESE
COHERENT = 0.3  # of 1, how far the letters' frequencies must be those of a language
AHEAD = 0.05  # how far the best reading must be ahead of the second, in disorder and, of alphabets, coherence
WIDE = 3  # characters that a reading as an East Asian encoding must show
REPAIR = ("line", "problem", "value")
NUL = "NUL bytes removed"


Origin = Literal["given", "detected", "guessed"]
"""How an encoding is known: the user gave it, the bytes show it, or nothing better is known."""


@dataclass(frozen=True)
class Text:
    """A text file in UTF-8, the encoding it had, and a Parquet file of its repaired lines, if any."""

    path: Path
    encoding: str
    origin: Origin
    repairs: Path | None = None
    repaired: int = 0


def as_utf8(path: Path, encoding: str, scratch: Path, label: str) -> Text:
    """The file itself where it is clean UTF-8, else a copy that is.

    A line that the encoding does not fit is decoded by the next that does, and NUL bytes are taken out; each such
    line is listed in `repairs` as line, problem and the line before.

    Args:
        path: the raw file.
        encoding: its encoding; "" to detect it: UTF-8 wherever most lines are, else what the bytes show, and where
            they show nothing, GB 18030 or Windows-1252 as a guess.
        scratch: a folder for the copy.
        label: what to call the file.

    Raises:
        SourceError: no such encoding is known, or it does not fit most lines that are not ASCII.

    """
    try:
        "a".encode(encoding or "utf-8")  # some codecs are not of text
        given = codecs.lookup(encoding).name if encoding else ""
    except LookupError as error:
        raise SourceError(f"{label}: there is no encoding '{encoding}': write utf-8, cp1252 or gb18030") from error
    with path.open("rb") as file:
        start = file.read(2)
    copy, repairs = scratch / f"{path.name}.utf8", scratch / f"{path.name}.repairs"
    origin: Origin = "given" if given else "detected"
    if start in UTF16 or given.startswith("utf-16"):
        repaired = _from_utf16(path, copy, repairs, given or "utf-16")
        return Text(copy, "utf-16", origin, repairs if repaired else None, repaired)
    ascii_only, utf8, nul = _scan(path)
    if not nul and (ascii_only or (utf8 and given in ("", "utf-8", "utf-8-sig"))):
        return Text(path, given or "utf-8", origin)
    sample = list(islice(_beyond_ascii(path), SAMPLE_LINES))
    if given:
        chosen, order = given, _order_of(given, sample, label)
    else:
        chosen, origin, order = _detect(sample)
    repaired = _rewrite(path, copy, repairs, chosen, order)
    return Text(copy, chosen, origin, repairs if repaired else None, repaired)


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


def _detect(sample: Sequence[bytes]) -> tuple[str, Origin, list[str]]:
    """The main encoding by a sample of the lines that are not ASCII, and the order in which lines try encodings."""
    other = [line for line in sample if not _decodes(line, "utf-8")]
    encoding, origin = _other_encoding(other)
    if 2 * len(other) <= len(sample):
        return "utf-8", "detected", ["utf-8", encoding]
    # East Asian bytes may by chance be UTF-8 as well; almost every byte is Windows-1252, so that comes last
    return encoding, origin, [encoding, "utf-8", WESTERN] if encoding in EAST_ASIAN else ["utf-8", encoding]


def _order_of(given: str, sample: Sequence[bytes], label: str) -> list[str]:
    """The order in which lines try encodings where the user gave one; refuses one that most lines contradict."""
    failing = [line for line in sample if not _fits(line, given)]
    encoding, _, order = _detect(failing)
    if 2 * len(failing) > len(sample):
        raise SourceError(
            f"{label} is not {given}: {len(failing):,} of {len(sample):,} lines that are not plain ASCII do not fit "
            f"it, they look like {encoding}: set `encoding: {encoding}`, or leave it out"
        )
    return [given, *order]


def _fits(line: bytes, given: str) -> bool:
    """Whether a line can have the encoding: it decodes, and is not UTF-8 that by chance decodes too."""
    if not _decodes(line, given):
        return False
    if given in GB:
        return _is_chinese(line) or not _decodes(line, "utf-8")
    a_byte_each = len("é".encode().decode(given, "replace")) == 2
    return not (a_byte_each and _decodes(line, "utf-8"))


def _other_encoding(lines: Sequence[bytes]) -> tuple[str, Origin]:
    """What lines that are no UTF-8 are taken for, and whether the bytes show it."""
    found = list(charset_normalizer.from_bytes(b"\n".join(lines), cp_isolation=[*ALPHABETS, *EAST_ASIAN]))
    if found and _is_sure(found):
        # encodings that read the lines alike are one answer
        return WESTERN if WESTERN in found[0].could_be_from_charset else found[0].encoding, "detected"
    chinese = sum(_is_chinese(line) for line in lines)
    return CHINESE if 2 * chinese > len(lines) else WESTERN, "guessed"


def _is_sure(found: Sequence[charset_normalizer.CharsetMatch]) -> bool:
    """Whether the best reading is text of a language, and clearly more so than the second."""
    best, second = found[0], found[1] if len(found) > 1 else None
    if best.encoding in ALPHABETS:
        ahead = second is None or best.coherence - best.chaos >= second.coherence - second.chaos + AHEAD
        return ahead and best.coherence >= COHERENT
    beyond = [sign for sign in str(best) if not sign.isascii()]
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in beyond)
    return (second is None or best.chaos + AHEAD <= second.chaos) and wide >= WIDE and 2 * wide > len(beyond)


def _is_chinese(line: bytes) -> bool:
    """Whether a line read as GB 18030 has the characters of everyday Chinese, those of GB 2312."""
    return _decodes(line, "gb2312")


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
