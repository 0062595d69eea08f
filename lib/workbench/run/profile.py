"""Profiles: one YAML file is one scenario. Everything in it is checked before anything runs."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from workbench.run.parameters import Notebook, check_name, completed, typed
from workbench.run.project import InputError, Project
from workbench.spelling import nearest

KEYS = ("description", "notebooks", "common", "grid", "headline")
HEADLINE = re.compile(r"(?P<subject>[^/]+)/(?P<metric>[^@\[\]]+)(?:@(?P<k>\d+))?(?:\[(?P<slice>[^\]]+)\])?")


@dataclass(frozen=True)
class Profile:
    """A checked scenario: the notebooks in order, and what it sets in each."""

    name: str
    file: Path
    notebooks: dict[str, Notebook]
    values: dict[str, dict[str, Any]]  # per stage, only what differs from the notebook's defaults
    expected: dict[str, float] = field(default_factory=dict)  # seconds on 2 cores
    headline: tuple[str, ...] = ()
    grid: dict[str, list] = field(default_factory=dict)
    combination: dict[str, Any] = field(default_factory=dict)  # this one's values of the grid

    def parameters(self, stage: str) -> dict[str, Any]:
        """All parameters of a stage, defaults included, but for the folders, which are the runner's."""
        known = self.notebooks[stage].defaults | self.values.get(stage, {}) | {"profile": self.name}
        return {name: value for name, value in known.items() if name not in ("run_dir", "upstream_run")}

    def combinations(self) -> Iterator["Profile"]:
        """One profile for each combination of the grid's values; itself where there is no grid."""
        for values in itertools.product(*self.grid.values()):
            combination = dict(zip(self.grid, values, strict=True))
            chosen = replace(self, grid={}, combination=combination)
            for target, value in combination.items():
                chosen = chosen.with_value(target, value, f"{self.file.name}: grid: {target}")
            yield chosen

    def with_value(self, target: str, value: Any, where: str) -> "Profile":
        """This profile with `section.name` set to a checked value."""
        section, _, name = target.partition(".")
        if section != "common" and section not in self.notebooks:
            known = ["common", *self.notebooks]
            raise InputError(f"{where}: '{section}' is no section of this profile{nearest(section, known)}")
        return replace(self, values=_merged(self.values, self.notebooks, section, {name: value}, where))


def load_profile(project: Project, name: str, settings: tuple[str, ...] = (), also: str = "") -> Profile:
    """Read and check a profile.

    Args:
        project: where profiles and notebooks lie.
        name: of a file in parameters/, or a path to one.
        settings: `section.name=value` texts that override the file.
        also: a notebook that is opened by hand and need not be in the profile.

    Raises:
        InputError: whatever is wrong, in one sentence that names the file.

    """
    file = project.profile(name)
    raw = read_yaml(file)
    names, expected = _listed(raw.get("notebooks"), file)
    ordered = dict.fromkeys([*names, also] if also else names)
    notebooks = {name: Notebook(project.notebook(name)) for name in ordered}
    _check_needs({name: notebooks[name] for name in names}, file)
    values: dict[str, dict[str, Any]] = {}
    for section, content in raw.items():
        if section in KEYS and section != "common":
            continue
        where = f"{file.name}: {section}"
        if section != "common" and section not in notebooks:
            raise InputError(f"{where}: no notebook of this profile has this name{nearest(section, [*names, *KEYS])}")
        if not isinstance(content, dict | None):
            raise InputError(f"{where}: give it as `name: value` lines")
    for section in ("common", *notebooks):  # so that a notebook's own section wins over the common one
        values = _merged(values, notebooks, section, raw.get(section) or {}, f"{file.name}: {section}")
    headline, grid = _headline(raw, file), _grid(raw, file)
    profile = Profile(file.stem, file, notebooks, values, expected, headline, grid)
    for notebook in notebooks.values():
        notebook.defaults  # noqa: B018  (an unreadable parameters cell is found before anything runs)
    for setting in settings:
        profile = _with_setting(profile, setting)
    list(profile.combinations())  # checks every value of the grid
    return profile


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; a key given twice is an error."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise InputError(f"{file} does not parse: line {line}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file} does not parse: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} holds no `name: value` lines: begin with `notebooks:`")
    return content


class _StrictLoader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _listed(notebooks: Any, file: Path) -> tuple[list[str], dict[str, float]]:
    if isinstance(notebooks, dict) and notebooks:
        for name, seconds in notebooks.items():
            if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
                raise InputError(f"{file.name}: notebooks: {name}: give the seconds it takes as a number")
        return list(notebooks), {name: float(seconds) for name, seconds in notebooks.items() if seconds}
    if isinstance(notebooks, list) and notebooks and all(isinstance(name, str) for name in notebooks):
        twice = [name for name in notebooks if notebooks.count(name) > 1]
        if not twice:
            return notebooks, {}
        raise InputError(f"{file.name}: notebooks: '{twice[0]}' is given twice")
    raise InputError(f"{file.name}: give `notebooks:` as the list of notebooks to run, in order")


def _check_needs(notebooks: dict[str, Notebook], file: Path) -> None:
    before: set[str] = set()
    for name, notebook in notebooks.items():
        for need in notebook.needs:
            if need not in before:
                raise InputError(f"{file.name}: notebooks: {name} needs {need}: list {need} before it")
        before.add(name)


def _merged(
    values: dict[str, dict[str, Any]], notebooks: dict[str, Notebook], section: str, content: dict, where: str
) -> dict[str, dict[str, Any]]:
    """`values` with a section's content added, every name and type checked."""
    merged = {stage: dict(given) for stage, given in values.items()}
    for name, value in content.items():
        stages = notebooks if section == "common" else {section: notebooks[section]}
        having = [stage for stage, notebook in stages.items() if name in notebook.defaults]
        every = {known: None for notebook in stages.values() for known in notebook.defaults}
        check_name(str(name), every, where, "no notebook has a" if section == "common" else f"{section} has no")
        for stage in having:
            default, given = notebooks[stage].defaults[name], merged.setdefault(stage, {})
            given[name] = completed(typed(value, default, f"{where}: {name}"), given.get(name, default), default)
    return merged


def _headline(raw: dict[str, Any], file: Path) -> tuple[str, ...]:
    headline = raw.get("headline") or []
    for entry in headline if isinstance(headline, list) else [headline]:
        if not isinstance(entry, str) or not HEADLINE.fullmatch(entry):
            raise InputError(
                f"{file.name}: headline: write {entry!r} as subject/metric, subject/metric@10 or …@10[slice]"
            )
    return tuple(headline)


def _grid(raw: dict[str, Any], file: Path) -> dict[str, list]:
    grid = raw.get("grid") or {}
    if not isinstance(grid, dict) or not all(isinstance(values, list) and values for values in grid.values()):
        raise InputError(f"{file.name}: grid: give `section.name: [value, value]` lines")
    return grid


def _with_setting(profile: Profile, setting: str) -> Profile:
    target, equals, text = setting.partition("=")
    where = f"--set {setting}"
    if not equals or "." not in target:
        raise InputError(f"{where}: write it as section.name=value")
    try:
        return profile.with_value(target, yaml.safe_load(text), where)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: the value does not parse, put it in quotes") from error
