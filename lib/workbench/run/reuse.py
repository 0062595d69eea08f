"""Whether a stage need not run: same code, lib, parameters, packages and inputs as one that ended ok."""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import grimp

from workbench.artifacts import HashCache, StageError, check_unaltered, verified
from workbench.run.parameters import Notebook, tree_of
from workbench.run.status import Run, StageFolder, all_runs
from workbench.versions import versions

LIB = "workbench"
# what these do changes how results look or where they lie, never what they are
WITHOUT_INFLUENCE = ("workbench.display", "workbench.run", "workbench.cli")
NOT_IN_KEY = ("profile", "run_dir", "upstream_run")


def key(notebook: Notebook, parameters: dict[str, Any], lib: str = LIB) -> str:
    """Hash of all that decides a stage's results, its inputs apart."""
    facts = {
        "notebook": notebook.code,
        "lib": {module: source_hash(module) for module in lib_modules(notebook.code, lib)},
        "parameters": {name: value for name, value in parameters.items() if name not in NOT_IN_KEY},
        "versions": {name: number for name, number in versions().items() if name != "workbench"},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def lib_modules(code: Iterable[str], lib: str = LIB) -> list[str]:
    """Modules of the lib that the code imports, directly or not, without those of no influence."""
    graph = graph_of(lib)
    direct = {name for source in code for name in _imported(source) if name in graph.modules}
    every = direct.union(*(graph.find_upstream_modules(name) for name in direct))
    packages = {name.rpartition(".")[0] for name in every} - {""}
    return sorted(name for name in every | packages if not name.startswith(WITHOUT_INFLUENCE))


@cache
def graph_of(lib: str) -> grimp.ImportGraph:
    """The lib's import graph, built once."""
    return grimp.build_graph(lib, cache_dir=None)


@cache
def source_hash(module: str) -> str:
    """Hash of a module's source file."""
    spec = importlib.util.find_spec(module)
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest() if spec and spec.origin else ""


def candidate(outputs: Path, run: Run, stage: str, wanted: str) -> StageFolder | None:
    """The newest stage of another run with this key whose inputs are the present ones and whose files are intact."""
    cache = HashCache(outputs)
    for other in all_runs(outputs):
        found = other.stage(stage)
        status = found.status
        if status.get("key") != wanted or status["status"] != "ok" or status.get("reused_from") or other == run:
            continue
        if _inputs_equal(found, run, cache) and intact(found, cache):
            return found
    return None


def _inputs_equal(found: StageFolder, run: Run, cache: HashCache) -> bool:
    for entry in found.read("manifest.json", {"inputs": []})["inputs"]:
        if "stage" in entry:
            present = verified(run.stage(entry["stage"]).folder).get(entry["path"], {})
            if _content(present) != _content(entry):
                return False
        elif not Path(entry["path"]).is_file() or cache.sha256(Path(entry["path"])) != entry["sha256"]:
            return False
    return True


def _content(entry: dict[str, Any]) -> str | None:
    """What a file is known by: equal tables differ on the disk each time that they are encrypted."""
    return entry.get("content", entry.get("sha256"))


def intact(stage: StageFolder, cache: HashCache) -> bool:
    """Whether the stage ended ok and everything that it handed on is still as it left it."""
    try:
        check_unaltered(stage.folder, cache)
    except StageError:
        return False
    return True


def _imported(source: str) -> Iterable[str]:
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
