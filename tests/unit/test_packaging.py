"""The environment's files agree with each other, with the package and with what is installed."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGE = "ecommerce-workbench"
LONGEST_MODULE = 350
EXTRAS = {
    "spark": "lib/workbench/data/spark/",
    "tracking": "lib/workbench/models/tracking.py",
}  # where each is imported


def read_lock() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}


def pinned(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def holds(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


@pytest.fixture(scope="module")
def lock() -> dict[str, Requirement]:
    return read_lock()


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def declared(project) -> dict[str, Requirement]:
    given = [Requirement(text) for text in project["project"]["dependencies"]]
    return {canonicalize_name(requirement.name): requirement for requirement in given}


def test_lock_pins_every_line_exactly_once_and_names_no_place(lock):
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = [canonicalize_name(re.split("[= ]", line)[0]) for line in lines]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"==[\w.!]+", str(pin.specifier)) for pin in lock.values())
    assert not re.search(r"://|@|--|(^|\s)-e\s", "\n".join(lines))


def test_torch_is_pinned_so_that_a_cpu_build_satisfies_it(lock):
    assert str(lock["torch"].specifier) == "==2.13.0"


def test_lock_satisfies_the_ranges_of_pyproject(project, lock, declared):
    extras = project["project"].get("optional-dependencies", {})
    wanted = [*declared.values(), *(Requirement(text) for extra in extras.values() for text in extra)]
    wanted += [Requirement(text) for text in project["build-system"]["requires"]]
    for requirement in wanted:
        pin = lock[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned(pin)), f"{requirement} is not satisfied by {pin}"


def test_lock_holds_all_that_its_packages_require(lock):
    """What a pinned package requires on this Python is pinned too; CUDA's libraries are torch's own affair."""
    todo, seen = [(PACKAGE, frozenset({"dev", *EXTRAS}))], set()
    while todo:
        name, extras = todo.pop()
        for requirement in map(Requirement, requires(name) or []):
            found = canonicalize_name(requirement.name)
            if not any(holds(requirement, extra) for extra in {"", *extras}) or (name == "torch" and found not in lock):
                continue
            assert found in lock, f"{name} requires {requirement}, which requirements.lock does not pin"
            assert requirement.specifier.contains(pinned(lock[found])), f"{name} requires {requirement}"
            if (found, frozenset(requirement.extras)) not in seen:
                seen.add((found, frozenset(requirement.extras)))
                todo.append((found, frozenset(requirement.extras)))


def test_installed_is_what_the_lock_pins(lock):
    differing = {
        name: (version(name), pinned(pin))
        for name, pin in lock.items()
        if holds(pin) and version(name).partition("+")[0] != pinned(pin)
    }
    assert not differing, "run `make`, which installs requirements.lock again"


def test_conda_takes_everything_but_python_from_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    [pip] = [entry for entry in environment["dependencies"] if not isinstance(entry, str)]
    assert plain == ["python=3.11", "libgomp", "pip"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}


def test_python_of_conda_is_one_that_the_package_supports(project):
    supported = Requirement(f"python{project['project']['requires-python']}").specifier
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert supported.contains(environment["dependencies"][0].partition("=")[2])


def imported(tree: ast.AST) -> set[str]:
    """Top-level names that the code imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def sources() -> dict[str, str]:
    """Code of every module of the lib and of every notebook, by path."""
    found = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in ROOT.glob("lib/**/*.py")}
    for file in ROOT.glob("notebooks/*.ipynb"):
        cells = nbformat.read(file, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        found[str(file.relative_to(ROOT))] = re.sub(r"(?m)^\s*[%!].*$", "", code)
    return found


def test_every_import_of_lib_and_notebooks_is_a_declared_dependency(project, declared):
    owners = packages_distributions()
    own = {*sys.stdlib_module_names, "workbench"}
    extras = project["project"]["optional-dependencies"]
    optional = {(Requirement(text).name, place) for extra, place in EXTRAS.items() for text in extras[extra]}
    found = {(name, path) for path, source in sources().items() for name in imported(ast.parse(source)) - own}
    undeclared = [
        (name, path)
        for name, path in sorted(found)
        for owner in [{canonicalize_name(each) for each in owners.get(name, [])}]
        if not declared.keys() & owner
        and not any(package in owner and path.startswith(place) for package, place in optional)
    ]
    assert not undeclared, "add these to the dependencies of pyproject.toml"


def test_no_module_outgrows_its_limit():
    lengths = {path: source.count("\n") for path, source in sources().items() if path.endswith(".py")}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE} == {}


@pytest.mark.parametrize("file", sorted(ROOT.glob("parameters/*.yaml")), ids=lambda file: file.stem)
def test_profile_is_accepted(file):
    from workbench.run.profile import load_profile
    from workbench.run.project import Project

    profile = load_profile(Project.find(ROOT), file.stem)
    assert profile.headline
    assert file.stem != "quickstart" or not any(profile.values.values()), "the notebooks' defaults are the quickstart"
