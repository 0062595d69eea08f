"""Strict notebook parameters: names, types and defaults come from the literals of the parameters cell."""

import ast
import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.run.project import InputError
from workbench.spelling import nearest

SET_BY_RUNNER = ("profile", "run_dir", "upstream_run")
TYPES = (bool, int, float, str, list, dict)


@dataclass(frozen=True)
class Notebook:
    """A notebook as the runner sees it: its code, its parameters, the stages it needs."""

    path: Path

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.path.stem

    @cached_property
    def cells(self) -> list[tuple[str, bool]]:
        """Source of every code cell, and whether it is tagged as the parameters cell.

        Read as JSON: every stage opens its notebook, and importing nbformat would cost each a second.
        """
        try:
            cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
            code = [cell for cell in cells if cell["cell_type"] == "code"]
            return [("".join(cell["source"]), "parameters" in cell["metadata"].get("tags", [])) for cell in code]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.path} is no notebook of format 4: open and save it in JupyterLab") from error

    @property
    def code(self) -> list[str]:
        """Sources of the code cells, the parameters cell apart."""
        return [source for source, tagged in self.cells if not tagged]

    @property
    def n_code(self) -> int:
        """Number of the cells that execute, the parameters cell among them."""
        return sum(bool(source.strip()) for source, _ in self.cells)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Parameter names and their default literals.

        Raises:
            InputError: there is not exactly one parameters cell, it holds more than literals, or it lacks one of
                the parameters that the runner sets.

        """
        tagged = [source for source, tagged in self.cells if tagged]
        if len(tagged) != 1:
            raise InputError(f"{self.path} has {len(tagged)} cells with the tag 'parameters': give it exactly one")
        defaults = dict(self._literals(tagged[0]))
        for name in SET_BY_RUNNER:
            if not isinstance(defaults.get(name), str):
                raise InputError(f'{self.path} lacks the parameter {name}: add `{name} = ""` to its parameters cell')
        return defaults

    @cached_property
    def needs(self) -> list[str]:
        """Stages named by `open_stage(…, needs=[…])` in the code."""
        for source in self.code:
            for call in (node for node in ast.walk(tree_of(source)) if isinstance(node, ast.Call)):
                if getattr(call.func, "id", getattr(call.func, "attr", "")) == "open_stage":
                    given = [keyword.value for keyword in call.keywords if keyword.arg == "needs"] or call.args[2:3]
                    try:
                        return list(ast.literal_eval(given[0])) if given else []
                    except ValueError as error:
                        raise InputError(f"{self.path}: write open_stage's needs as a list of names") from error
        return []

    def _literals(self, source: str) -> Iterator[tuple[str, Any]]:
        try:
            statements = ast.parse(source).body
        except SyntaxError as error:
            raise InputError(f"line {error.lineno} of {self.path}'s parameters cell does not parse") from error
        for statement in statements:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
            try:
                value = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
            except (AttributeError, ValueError):
                value = None
            if not isinstance(target, ast.Name) or not isinstance(value, TYPES):
                line = f"line {statement.lineno} of {self.path}'s parameters cell"
                raise InputError(f"{line} is not `name = literal` (bool, int, float, str, list or dict)")
            yield target.id, value


def tree_of(source: str) -> ast.Module:
    """Syntax tree of a cell; lines of IPython's magics are left out, a cell that does not parse gives an empty tree."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:  # the kernel will say so, in the cell where it happens
        return ast.Module(body=[], type_ignores=[])


def check_name(name: str, names: Mapping[str, Any], where: str, who_lacks: str) -> None:
    """Raise InputError unless a profile may set the parameter `name`."""
    if name in SET_BY_RUNNER:
        raise InputError(f"{where}: '{name}' is set by the runner, delete it from the profile")
    if name not in names:
        raise InputError(f"{where}: {who_lacks} parameter '{name}'{nearest(name, names)}")


def typed(value: Any, default: Any, where: str) -> Any:
    """`value` in the type of `default`: an int becomes a float where one is wanted, nothing else is converted.

    A list's elements and a dict's values are checked against those of the default, and so are the keys of a dict that
    is a record (see `is_record`).

    Raises:
        InputError: the type is another; the message begins with `where`.

    """
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        kinds = f"is {_kind_name(value)}, not {_kind_name(default)}"
        raise InputError(f"{where}: {value!r} {kinds}{_advice(value, kind)}")
    if kind is list and default:
        return [typed(item, _example(default, item), f"{where}, element {i + 1}") for i, item in enumerate(value)]
    if kind is dict:
        for key in value:
            typed(key, "", f"{where}, key {key!r}")
            if is_record(default) and key not in default:
                raise InputError(f"{where} has no key '{key}'{nearest(key, default)}: use {', '.join(default)}")
        items = ((key, item, _like(default, key, item)) for key, item in value.items())
        return {key: item if like is None else typed(item, like, f"{where}, key '{key}'") for key, item, like in items}
    return value


def is_record(default: Any) -> bool:
    """Whether a default is a dict whose keys are fixed.

    The keys of an empty dict are the user's own, and so are those of one that holds nothing but lists or dicts: names
    of methods, each with what belongs to it.
    """
    return isinstance(default, dict) and not all(isinstance(value, list | dict) for value in default.values())


def completed(value: Any, before: Any, default: Any) -> Any:
    """A checked value, of a record with what it had `before` under the keys that `value` leaves out."""
    if not is_record(default):
        return value
    return {
        key: completed(value[key], before[key], like) if key in value else before[key] for key, like in default.items()
    }


def _like(default: dict, key: str, item: Any) -> Any:
    """What the value of a dict's key should be like; None where nothing is known of it.

    Under a key of the user's own that is what stands under the others; but what keys a record among them has says
    nothing of this one's.
    """
    if key in default or not default:
        return default.get(key)
    like = _example(list(default.values()), item)
    return None if is_record(like) and isinstance(item, dict) else like


def _example(default: list, item: Any) -> Any:
    """The default's element that `item` should be like: one of its own type if there is any."""
    return next((element for element in default if type(element) is type(item)), default[0])


def _kind_name(value: Any) -> str:
    if isinstance(value, datetime.date):
        return "date"
    return {"NoneType": "null", "str": "text (str)"}.get(type(value).__name__, type(value).__name__)


def _advice(value: Any, kind: type) -> str:
    if kind is float and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        mantissa, _, exponent = f"{number:e}".partition("e")
        digits = mantissa.rstrip("0")
        return f": write {digits}{'0' if digits.endswith('.') else ''}e{int(exponent):+d}"
    if kind is str and not isinstance(value, list | dict):
        return ": put it in quotes"
    if kind is bool:
        return ": write true or false"
    return ""
