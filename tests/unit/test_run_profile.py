"""Profiles: everything wrong is found before anything runs, and said in one line."""

import pytest

from toy import ToyProject
from workbench.run.profile import load_profile, read_yaml
from workbench.run.project import InputError, Project


@pytest.fixture
def two(toy: ToyProject) -> ToyProject:
    toy.notebook("01_a", parameters="size = 3\nrate = 0.5\n")
    toy.notebook("02_b", parameters='size = 4\nname = "x"\nkept = {"days": 2}\n', needs=("01_a",))
    return toy


def load(toy: ToyProject, **content: object):
    toy.profile(**content)
    return load_profile(Project.find(toy.root), "toy")


def test_common_reaches_every_notebook_that_has_the_name_and_a_section_wins(two: ToyProject) -> None:
    profile = load(two, **{"02_b": {"size": 9}, "common": {"size": 7, "name": "y"}})
    assert profile.values == {"01_a": {"size": 7}, "02_b": {"size": 9, "name": "y"}}
    assert profile.parameters("01_a") == {"profile": "toy", "seed": 1, "size": 7, "rate": 0.5}


def test_what_a_record_leaves_out_stays_as_it_was(toy: ToyProject) -> None:
    toy.notebook(
        "01_a", parameters='users = {"valid": 60, "test": 150, "of": {"a": 1, "b": 2}}\ncompared = {"full": {}}\n'
    )
    toy.profile(common={"users": {"valid": 5}}, **{"01_a": {"users": {"of": {"b": 3}}, "compared": {"lora": {"r": 4}}}})
    profile = load_profile(Project.find(toy.root), "toy", ("01_a.users={test: 7}",))
    assert profile.values["01_a"]["users"] == {"valid": 5, "test": 7, "of": {"a": 1, "b": 3}}
    assert profile.values["01_a"]["compared"] == {"lora": {"r": 4}}, "a map of names is the user's own"


def test_expected_seconds_and_order(two: ToyProject) -> None:
    profile = load(two, notebooks={"01_a": 90, "02_b": None})
    assert list(profile.notebooks) == ["01_a", "02_b"]
    assert profile.expected == {"01_a": 90.0}


def test_a_path_names_a_profile_too(two: ToyProject) -> None:
    file = two.profile("other")
    moved = file.rename(two.root / "mine.yaml")
    assert load_profile(Project.find(two.root), str(moved)).name == "mine"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"01_a": {"sise": 3}}, r"toy.yaml: 01_a: 01_a has no parameter 'sise', did you mean 'size'\?"),
        ({"common": {"seeed": 3}}, r"common: no notebook has a parameter 'seeed', did you mean 'seed'\?"),
        ({"01_aa": {"size": 3}}, r"toy.yaml: 01_aa: no notebook of this profile .*did you mean '01_a'\?"),
        ({"comon": {"size": 3}}, r"did you mean 'common'\?"),
        ({"02_b": {"kept": {"dayz": 3}}}, r"toy.yaml: 02_b: kept has no key 'dayz', did you mean 'days'\?: use days"),
        ({"01_a": {"size": "3"}}, r"toy.yaml: 01_a: size: '3' is text \(str\), not int"),
        ({"common": {"rate": "1e-4"}}, "write 1.0e-4"),
        ({"common": {"run_dir": "x"}}, "'run_dir' is set by the runner"),
        ({"01_a": [1]}, "give it as `name: value` lines"),
        ({"notebooks": []}, "give `notebooks:` as the list"),
        ({"notebooks": ["01_a", "01_a"]}, "'01_a' is given twice"),
        ({"notebooks": ["01_b"]}, r"no notebook '01_b' .*did you mean '0"),
        ({"notebooks": {"01_a": "long"}}, "give the seconds it takes as a number"),
        ({"notebooks": ["02_b"]}, "02_b needs 01_a: list 01_a before it"),
        ({"notebooks": ["02_b", "01_a"]}, "02_b needs 01_a: list 01_a before it"),
        ({"headline": ["ndcg"]}, "headline: write 'ndcg' as"),
        ({"headline": "a/b@x"}, "headline: write 'a/b@x' as"),
        ({"grid": {"01_a.size": 3}}, r"grid: give `section.name: \[value, value\]`"),
        ({"grid": {"01_a.size": [3, "x"]}}, "grid: 01_a.size: size: 'x' is text"),
        ({"grid": {"03_c.size": [3]}}, "'03_c' is no section"),
    ],
)
def test_wrong_profiles(two: ToyProject, content: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(two, **content)


def test_missing_profile_lists_those_that_exist(two: ToyProject) -> None:
    two.profile("quickstart")
    with pytest.raises(InputError, match=r"no profile 'quikstart', did you mean 'quickstart'\?.* holds quickstart"):
        load_profile(Project.find(two.root), "quikstart")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("notebooks: [01_a\ncommon:", "does not parse: line 2"),
        ("notebooks:\n  - 01_a\ncommon:\n  seed: 1\n  seed: 2\n", "line 5: 'seed' is given twice"),
        ("just text", "begin with `notebooks:`"),
        ("", "begin with `notebooks:`"),
        ("a: \x00", "does not parse"),
    ],
)
def test_yaml_that_is_no_profile(two: ToyProject, text: str, message: str) -> None:
    file = two.profile()
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_yaml(file)


def test_settings_override_the_file(two: ToyProject) -> None:
    two.profile(**{"01_a": {"size": 5}})
    project = Project.find(two.root)
    profile = load_profile(project, "toy", ("01_a.size=6", "common.seed=2", "02_b.name='7'"))
    assert profile.values == {"01_a": {"size": 6, "seed": 2}, "02_b": {"seed": 2, "name": "7"}}
    for setting, message in {
        "size=6": "write it as section.name=value",
        "01_a.size": "write it as section.name=value",
        "01_a.sise=6": "did you mean 'size'",
        "01_b.size=6": "'01_b' is no section",
        "01_a.size=six": "is text",
        "01_a.size=[": "does not parse",
    }.items():
        with pytest.raises(InputError, match=message):
            load_profile(project, "toy", (setting,))


def test_grid_gives_every_combination(two: ToyProject) -> None:
    profile = load(two, grid={"01_a.size": [1, 2], "02_b.name": ["p", "q"]})
    made = [(each.values["01_a"]["size"], each.values["02_b"]["name"]) for each in profile.combinations()]
    assert made == [(1, "p"), (1, "q"), (2, "p"), (2, "q")]
    assert load(two).combinations().__next__().combination == {}


def test_project_is_found_from_below_or_said_to_be_missing(two: ToyProject) -> None:
    assert Project.find(two.root / "notebooks").root == two.root
    with pytest.raises(InputError, match="lies in no project"):
        Project.find(two.root.parent)
