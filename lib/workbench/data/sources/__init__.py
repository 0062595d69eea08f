"""One module a source: raw files in, canonical tables out."""

from types import ModuleType

from workbench.data.sources import complete_journey

SOURCES: dict[str, ModuleType] = {"complete_journey": complete_journey}


def find(name: str) -> ModuleType:
    """The source of that name: `folder`, `files` and `collect`, and what it declares about its columns."""
    if name not in SOURCES:
        raise ValueError(f"unknown source '{name}'; known are {', '.join(SOURCES)}")
    return SOURCES[name]
