"""Every notebook keeps one shape, so that who knows one knows them all."""

import ast
import io
import re
import tokenize
from itertools import groupby
from pathlib import Path

import nbformat
import pytest

from workbench.run.parameters import Notebook

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MAIN_LINE = ["01_governance", "02_pretraining", "03_finetuning", "04_evaluation", "case_personalised"]
MOST_CELLS, MOST_LINES, MOST_CODE_CELLS_IN_A_ROW = 40, 20, 3
PURPOSES = {"governance", "training", "evaluation", "reporting"}
FIRST_PARAMETERS = {"profile": "quickstart", "run_dir": "", "upstream_run": "", "seed": 20170101}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def cells(path) -> list:
    return nbformat.read(path, as_version=4).cells


@pytest.fixture
def code(cells) -> list[str]:
    return [cell.source for cell in cells if cell.cell_type == "code"]


@pytest.fixture
def text(cells) -> str:
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def is_parameters(cell) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def introduction(cells) -> str:
    """All markdown before the first code cell."""
    first = next(number for number, cell in enumerate(cells) if cell.cell_type == "code")
    return "\n\n".join(cell.source for cell in cells[:first])


def imports_something(source: str) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(ast.parse(source)))


def calls(source: str, name: str) -> list[ast.Call]:
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call for call in found if getattr(call.func, "id", getattr(call.func, "attr", "")) == name]


def test_main_line_is_complete():
    assert set(MAIN_LINE) <= {path.stem for path in NOTEBOOKS}


def test_is_valid_and_runs_on_any_python_kernel(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_is_kept_without_outputs(cells):
    executed = [cell for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
    assert not executed, "run `nbstripout --keep-id` on the notebook"


def test_its_tables_are_under_custody(code):
    """Between opening the stage and the first table that it reads or saves."""
    opened, guarded = ([n for n, source in enumerate(code) if calls(source, name)] for name in ("open_stage", "guard"))
    assert guarded == opened
    [call] = calls(code[guarded[0]], "guard")
    assert call.args[1].value in PURPOSES


def test_begins_with_its_title_and_question(cells, text):
    assert cells[0].cell_type == "markdown"
    title, *rest = [part for part in cells[0].source.split("\n\n") if part.strip()]
    assert re.match(r"# \S", title)
    assert rest, "one paragraph on the question that the notebook answers follows its title"
    assert len(re.findall(r"(?m)^# ", text)) == 1


def test_says_its_aims_in_three_to_five_points(cells):
    _, found, after = introduction(cells).partition("Aims")
    assert found
    lines = [line for line in after.splitlines()[1:] if line.strip()]
    bullets = [line for line in lines if re.match(r"[-*] ", line)]
    assert 3 <= len(bullets) <= 5
    assert lines[0] == bullets[0]


@pytest.mark.parametrize("said", ["reads|inputs", "hands on|writes|outputs", "CPU", "GPU"])
def test_says_what_it_reads_and_writes_and_how_long_it_takes(cells, said):
    assert re.search(rf"\b({said})\b", introduction(cells), re.IGNORECASE)


def test_imports_come_once_and_first(cells, code):
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert imports_something(first.source)
    assert not is_parameters(first)
    assert not [source for source in code[1:] if imports_something(source)], "move these imports to the first code cell"


def test_parameters_follow_the_imports_and_begin_alike(path, cells):
    second = [cell for cell in cells if cell.cell_type == "code"][1]
    assert is_parameters(second)
    defaults = Notebook(path).defaults  # raises unless there is one such cell, of literals only
    assert dict(list(defaults.items())[: len(FIRST_PARAMETERS)]) == FIRST_PARAMETERS


def test_each_parameter_has_a_comment(cells):
    [source] = [cell.source for cell in cells if is_parameters(cell)]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    commented = {token.start[0] for token in tokens if token.type == tokenize.COMMENT and len(token.string) > 5}
    for statement in ast.parse(source).body:
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        assert commented & {*lines}, f"{ast.unparse(statement)} lacks a comment"


def test_opens_the_stage_of_its_own_name_after_the_parameters(path, code):
    opening = [(number, call) for number, source in enumerate(code) for call in calls(source, "open_stage")]
    [(number, call)] = opening
    assert number == 2
    assert ast.literal_eval(call.args[0]) == path.stem
    for need in Notebook(path).needs:
        assert (FOLDER / f"{need}.ipynb").is_file()


def test_sections_are_numbered_from_one(text):
    numbers = [int(number) for number in re.findall(r"(?m)^## (\d+)\b", text)]
    assert len(numbers) >= 2
    assert numbers == list(range(1, len(numbers) + 1))


def test_text_comes_between_the_code(cells):
    kinds = [(kind, len(list(group))) for kind, group in groupby(cells[6:], key=lambda cell: cell.cell_type)]
    assert max(length for kind, length in kinds if kind == "code") <= MOST_CODE_CELLS_IN_A_ROW


def test_says_what_was_learned_from_the_results(cells):
    heads = [n for n, cell in enumerate(cells) if re.search(r"(?m)^## .*What we learned", cell.source)]
    [head] = heads
    after = [cell.source for cell in cells[head:] if cell.cell_type == "code"]
    assert len(after) >= 2, "a code cell that states the results comes between this heading and the last cell"


def test_last_cell_completes_the_stage_and_nothing_else_does(cells, code):
    assert cells[-1].cell_type == "code"
    last = ast.parse(cells[-1].source).body[-1]
    assert ast.unparse(last) == "stage.complete()"
    assert sum(len(calls(source, "complete")) for source in code) == 1


def test_is_short(path, cells, code):
    assert len(cells) <= MOST_CELLS or path.stem not in MAIN_LINE
    assert all(source.strip() for source in code)
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    longest = max(sources, key=lambda source: len(source.splitlines()))
    assert len(longest.splitlines()) <= MOST_LINES, longest


def test_defines_no_class_and_catches_nothing_silently(code):
    nodes = [node for source in code for node in ast.walk(ast.parse(source))]
    assert not [node for node in nodes if isinstance(node, ast.ClassDef | ast.Global | ast.Try)]


FORBIDDEN = r"""
    sys\.path | sys\.exit | pip\ install | os\.environ | getenv | get_ipython | ^\s*[%!]
    | \bpickle\b | \bjoblib\b | widgets\.Output\b | \binteract(_manual|ive|ive_output)?\(
"""


def test_leaves_alone_what_belongs_to_the_runner_or_hangs_under_it(code):
    assert not [source for source in code if re.search(FORBIDDEN, source, re.VERBOSE | re.MULTILINE)]


def test_names_no_absolute_path(code):
    nodes = [node for source in code for node in ast.walk(ast.parse(source))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [text for text in texts if re.match(r"(/|~/|[A-Za-z]:\\)\w", text)]
