"""The pages for readers say what the code says: columns, keys of a rule, sources, and examples that hold."""

import re
from pathlib import Path

import pytest
import yaml

from workbench.data import contract, sources
from workbench.data.raw import mapping
from workbench.data.sources import tables
from workbench.governance.rules import declared

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of the table with this head."""
    lines = read(page).partition(f"\n| {head} |")[2].splitlines()[2:]
    end = next(number for number, line in enumerate(lines) if not line.startswith("|"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[:end]]


def test_the_readme_has_the_columns_of_the_contract() -> None:
    found = {name.strip("`"): re.sub(r"\([^)]*\)", "", columns) for name, columns in rows("README.md", "table")}
    assert set(found) == set(tables.TABLES)
    for name, said in found.items():
        made, needed = (set(re.findall(rf"(?<!\*){sign}(\w+){sign}(?!\*)", said)) for sign in (r"\*", r"\*\*"))
        assert made == set(mapping.MADE.get(name, ())), name
        assert needed == contract.REQUIRED[name] - made, name
        words = {word.strip("* ") for word in said.split(",")}
        assert words - {"and what you know of them"} == set(contract.COLUMNS[name]), name


def test_the_readme_links_to_pages_that_exist() -> None:
    for page in PAGES:
        for place in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page)):
            assert (ROOT / page).parent.joinpath(place).exists(), f"{page}: {place}"


def test_every_key_of_a_rule_is_told_once() -> None:
    told = [key for name, _ in rows("docs/rules.md", "key of a rule") for key in re.findall(r"`(\w+)`", name)]
    assert sorted(told) == sorted(declared.KEYS)


def examples() -> list[str]:
    """Own rules as the pages and the template write them."""
    template = read("parameters/my_shop.yaml").partition("  # own_rules:")[2].partition("  # min_quality")[0]
    lines = [line.replace("#", " ", 1) for line in template.splitlines()[1:]]
    [block] = re.findall(r"```yaml\n(.*?)```", read("docs/rules.md"), re.DOTALL)
    return ["own_rules:\n" + "\n".join(lines), block]


@pytest.mark.parametrize("text", examples(), ids=["template", "page"])
def test_an_example_of_own_rules_holds(text: str) -> None:
    content = yaml.safe_load(text)
    given = content.get("01_governance", content)["own_rules"]
    rules = declared.declare(rule for rule in given if isinstance(rule, dict))
    assert rules
    assert all(Path(rule).suffix == ".py" for rule in given if isinstance(rule, str))


def test_every_source_is_told_with_its_terms() -> None:
    told = {name.strip("`") for name, *_ in rows("docs/data.md", "source")}
    assert told == set(sources.SOURCES) - {"tables"}
