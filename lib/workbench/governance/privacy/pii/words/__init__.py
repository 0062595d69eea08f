"""Lists of words, one file each; a line that begins with # is a remark."""

from importlib.resources import files


def words(name: str) -> frozenset[str]:
    """The words of the list `name`."""
    text = files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())
