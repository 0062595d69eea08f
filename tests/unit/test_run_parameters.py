"""Parameters cells and types."""

import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from toy import ToyProject
from workbench.run.parameters import Notebook, tree_of, typed
from workbench.run.project import InputError


def test_defaults_are_read_from_literals(toy: ToyProject) -> None:
    cell = 'rate: float = 2e-5  # = learning rate\nname = "a=b"\nnames = ["a", "b"]\nweights = {"x": 1.0}\nlow = -1\n'
    defaults = Notebook(toy.notebook("01_a", parameters=cell)).defaults
    assert {key: defaults[key] for key in ("rate", "name", "names", "weights", "low")} == {
        "rate": 2e-5, "name": "a=b", "names": ["a", "b"], "weights": {"x": 1.0}, "low": -1,
    }  # fmt: skip


@pytest.mark.parametrize("line", ["b = seed + 1", "b = None", "print(1)", "a, b = 1, 2", "x.y = 1", "b = (1, 2)"])
def test_a_parameters_cell_holds_literals_only(toy: ToyProject, line: str) -> None:
    with pytest.raises(InputError, match=r"line 5 of .*01_a.ipynb.* is not `name = literal`"):
        _ = Notebook(toy.notebook("01_a", parameters=line)).defaults


def test_parameters_cell_is_exactly_one_and_complete(toy: ToyProject) -> None:
    path = toy.notebook("01_a")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source = 'profile = "x"\nrun_dir = ""'
    nbformat.write(notebook, path)
    with pytest.raises(InputError, match="lacks the parameter upstream_run"):
        _ = Notebook(path).defaults
    notebook.cells[1].metadata = {}
    nbformat.write(notebook, path)
    with pytest.raises(InputError, match="0 cells with the tag 'parameters'"):
        _ = Notebook(path).defaults


def test_broken_notebook_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "01_a.ipynb").write_text("{")
    with pytest.raises(InputError, match="is no notebook of format 4"):
        _ = Notebook(tmp_path / "01_a.ipynb").cells


def test_needs_are_read_from_the_opening(toy: ToyProject) -> None:
    assert Notebook(toy.notebook("02_b", needs=("01_a",))).needs == ["01_a"]
    assert Notebook(toy.notebook("01_a")).needs == []
    path = toy.notebook("03_c")
    path.write_text(path.read_text().replace("needs=[]", "needs=others"))
    with pytest.raises(InputError, match="write open_stage's needs as a list of names"):
        _ = Notebook(path).needs


def test_magics_do_not_hide_the_rest_of_a_cell() -> None:
    assert len(tree_of("%matplotlib inline\n!ls\nimport os\n").body) == 1
    assert tree_of("def (").body == []


@pytest.mark.parametrize(
    ("value", "default", "result"),
    [
        (3, 0.5, 3.0),
        (True, False, True),
        ([1, 2.5], [0.5], [1.0, 2.5]),
        (["x"], [], ["x"]),
        ({"b": 2}, {"a": 0.5, "b": 1.0}, {"b": 2.0}),
        ({"b": [2]}, {"a": [1.0]}, {"b": [2.0]}),
        ({"b": {"x": 1}}, {"a": {}}, {"b": {"x": 1}}),
        ({"b": {"c": 1}}, {}, {"b": {"c": 1}}),
        ([[1, 2]], [[0.0, 0.0]], [[1.0, 2.0]]),
        (["a", 1], ["b", 2], ["a", 1]),
    ],
)
def test_right_values(value: Any, default: Any, result: Any) -> None:
    given = typed(value, default, "x")
    assert given == result
    assert type(given) is type(result)


@pytest.mark.parametrize("value", [{"lora": {"rank": 8}}, {"lora": {}}, {"full": {"layers": 1}, "lora": {"rank": 8}}])
def test_what_one_name_knows_says_nothing_of_another(value: Any) -> None:
    assert typed(value, {"full": {"layers": 3}}, "here") == value


@pytest.mark.parametrize("value", [{"alpha": [8, 16]}, {"alpha": {"low": 1, "high": 9, "step": 2}}])
def test_values_of_a_free_key_are_like_one_of_the_others(value: Any) -> None:
    assert typed(value, {"rate": {"low": 0.1, "high": 0.2}, "rank": [4, 8]}, "here") == value


@pytest.mark.parametrize(
    ("value", "default", "message"),
    [
        (True, 1, "True is bool, not int"),
        (1, True, "1 is int, not bool: write true or false"),
        (1.5, 1, "1.5 is float, not int"),
        ("2.0e5", 0.5, r"write 2\.0e\+5"),  # YAML 1.1 wants the sign
        ("1e-4", 0.5, "write 1.0e-4"),
        ("2e5", 0.5, r"write 2\.0e\+5"),
        ("2.5e-5", 0.5, "write 2.5e-5"),
        ("fast", 0.5, r"'fast' is text \(str\), not float$"),
        (7, "a", "put it in quotes"),
        (datetime.date(2017, 1, 1), "a", "is date, not text .*put it in quotes"),
        (None, "a", "None is null"),
        ("a", ["a"], "is text .*, not list"),
        ([1, "2"], [1], "element 2: '2' is text"),
        ([True], [1], "element 1: True is bool"),
        ({"a": "x"}, {"a": 1}, "key 'a': 'x' is text"),
        ({"b": ["x"]}, {"a": [1]}, "key 'b', element 1: 'x' is text"),
        ({"b": 1}, {"a": 1}, "here has no key 'b': use a"),
        ({"patiense": 3}, {"warmup": 0.1, "patience": 2}, "has no key 'patiense', did you mean 'patience'"),
        ({"of": {"b": 1}}, {"of": {"a": 1}, "c": 1}, "here, key 'of' has no key 'b': use a"),
        ({1: 1}, {"a": 1}, "key 1: 1 is int"),
        ({"lora": 8}, {"full": {"layers": 3}}, "key 'lora': 8 is int, not dict"),
        ({"full": {"layer": 3}}, {"full": {"layers": 3}}, "key 'full' has no key 'layer'"),
    ],
)
def test_wrong_values(value: Any, default: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        typed(value, default, "here")
