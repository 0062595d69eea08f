"""The labelling widget, driven by clicks: what is decided is in the file, and what the file says is not asked again."""

from datetime import UTC, datetime
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import yaml

from workbench.artifacts import StageError
from workbench.display.labelling import (
    Labeller,
    advice,
    checked,
    doubted,
    learned,
    noise_by_class,
    noise_table,
    some,
    table_of,
)  # fmt: skip
from workbench.governance.labels import corrections

HOSTILE = "<img src=x onerror=alert(1)>"
CLASSES = ["bad", "good", "neutral"]


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text_id": ["1", "2", HOSTILE],
            "text": ["fits well", HOSTILE, "红鞋, so so"],
            "label": ["bad", "good", "good"],
            "suggested": ["good", "bad", "neutral"],
            "self_confidence": [0.01, 0.02, 0.125],
            "quality": [0.1, 0.2, 0.3],
        }
    )


def opened(rows: pd.DataFrame, path: Path) -> Labeller:
    return Labeller(rows, path, CLASSES, who="me", clock=lambda: datetime(2026, 1, 2, tzinfo=UTC))


def decisions(path: Path) -> dict[str, tuple[str, str]]:
    file = corrections.read(path, CLASSES)
    return {row.text_id: (row.decision, row.new_label) for row in file.itertuples()}


def test_each_decision_is_in_the_file_before_the_next_row_shows(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    box = opened(rows, path)
    assert not path.exists()
    assert "fits well" in box.page.value
    assert "1.0%" in box.page.value
    box.fix.click()
    assert decisions(path) == {"1": ("fix", "good")}
    assert "2 of 3" in box.page.value
    box.keep.click()
    assert decisions(path) == {"1": ("fix", "good"), "2": ("keep", "")}
    box.drop.click()
    assert decisions(path)[HOSTILE] == ("drop", "")
    assert box.progress.value == box.progress.max == 3
    assert "All decided" in box.note.value
    file = corrections.read(path)
    assert file.loc[0, ["text", "label", "suggested", "who", "when"]].tolist() == [
        "fits well", "bad", "good", "me", "2026-01-02T00:00:00+00:00",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(box.corrections(), file)
    assert [p.name for p in tmp_path.iterdir()] == ["corrections.csv"]


def test_it_goes_on_where_one_stopped_and_a_decision_can_be_changed(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    opened(rows, path).keep.click()
    box = opened(rows, path)
    assert "2 of 3" in box.page.value
    assert box.progress.value == 1
    box.back.click()
    assert "1 of 3" in box.page.value
    assert "Decided: keep" in box.note.value
    assert box.back.disabled
    box.choice.value = "neutral"
    box.fix.click()
    assert decisions(path) == {"1": ("fix", "neutral")}
    box.next.click()
    assert "3 of 3" in box.page.value
    assert box.next.disabled
    assert decisions(path) == {"1": ("fix", "neutral")}


def test_a_fix_to_the_label_it_has_is_refused(rows: pd.DataFrame, tmp_path: Path) -> None:
    box = opened(rows, tmp_path / "c.csv")
    box.choice.value = "bad"
    box.fix.click()
    assert "choose another one" in box.note.value
    assert not (tmp_path / "c.csv").exists()


def test_what_changed_since_is_asked_again_and_the_rest_of_the_file_stays(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    box = opened(rows, path)
    box.keep.click()
    box.keep.click()
    later = opened(rows.drop(index=0).assign(text=["another text", "红鞋, so so"]), path)
    assert "another text" in later.page.value
    assert later.progress.value == 0
    later.drop.click()
    assert decisions(path) == {"1": ("keep", ""), "2": ("drop", "")}


def test_a_row_that_has_its_new_label_is_settled(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    opened(rows, path).fix.click()
    box = opened(rows.assign(label=["good", "good", "good"]), path)
    assert box.progress.max == 2
    box.keep.click()
    assert decisions(path) == {"1": ("fix", "good"), "2": ("keep", "")}


def test_a_file_that_cannot_be_written_keeps_the_row_open(rows: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder is needed")
    box = opened(rows, tmp_path / "taken" / "c.csv")
    with pytest.raises(OSError, match="taken"):
        box._decide(box.keep)
    assert "1 of 3" in box.page.value
    assert box.progress.value == 0


def test_nothing_from_data_becomes_markup(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows = rows.assign(label=HOSTILE)
    box = opened(rows, tmp_path / f"{HOSTILE}.csv".replace("/", ""))
    for _ in range(3):
        assert "<img" not in box.page.value + box.note.value
        box.keep.click()
    assert "<img" not in box.page.value + box.note.value
    assert "<img" not in noise_table(rows).to_html()


def test_no_doubts_and_wrong_rows(rows: pd.DataFrame, tmp_path: Path) -> None:
    box = opened(rows.head(0), tmp_path / "c.csv")
    assert "No label is doubted" in box.page.value
    assert box.keep.disabled
    with pytest.raises(ValueError, match="lack the column suggested"):
        opened(rows.drop(columns="suggested"), tmp_path / "c.csv")
    with pytest.raises(ValueError, match="repeats"):
        opened(pd.concat([rows, rows]), tmp_path / "c.csv")


def test_the_most_doubted_comes_first_and_long_texts_are_cut(rows: pd.DataFrame) -> None:
    found = rows.drop(columns="text").assign(flagged=[True, False, True], quality=[0.3, 0.1, 0.2])
    ordered = doubted(found, rows[["text_id", "text"]])
    assert ordered["text_id"].tolist() == [HOSTILE, "1"]
    table = noise_table(ordered.assign(text="word\n" * 100), n=1, length=20)
    assert table["text"].tolist() == ["word word word word…"]


def test_the_figure_names_share_and_suggestion() -> None:
    classes = pd.DataFrame(
        {"label": ["b$", "a"], "rows": [4, 5], "flagged": [1, 0], "share": [0.25, 0.0], "suggested": ["红鞋", None]}
    )
    axes = noise_by_class(classes).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1 of 4, mostly → 红鞋", "0 of 5"]
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.0]
    assert "11.1% of all" in axes.get_title(loc="left")
    plt.close("all")


def test_the_advice_is_what_a_profile_needs() -> None:
    lines = advice(12, "corrections/spring.csv").partition("\n\n")[2]
    assert yaml.safe_load(lines) == {"01_governance": {"corrections_file": "corrections/spring.csv"}}
    assert "01_governance" not in advice(0, "corrections/spring.csv")


class Handed:
    """A stage whose `01_governance` handed on one table."""

    def table(self, stage: str, file: str) -> str:
        if file != "data/events.parquet":
            raise StageError(f"stage {stage} handed on no '{file}', only data/events.parquet")
        return file


def test_without_labels_the_parameter_is_named() -> None:
    assert table_of(Handed(), "reviews") == "data/events.parquet"
    with pytest.raises(StageError, match=r"labelled is 'texts', but .* handed on no .*: set labelled"):
        table_of(Handed(), "texts")
    with pytest.raises(StageError, match="labelled is 'review', did you mean 'reviews'"):
        table_of(Handed(), "review")
    with pytest.raises(StageError, match="labelled is 'reviews', but 01_governance handed on none"):
        some(pd.DataFrame({"text": []}), "reviews")


def test_what_was_learned_says_so_where_nothing_is_flagged(rows: pd.DataFrame) -> None:
    classes = pd.DataFrame({"label": ["good", "bad"], "share": [0.5, 0.0]})
    found = rows.assign(flagged=[True, False, False])
    said = learned(found, classes, checked(0.8, 0.9, 10), corrections.empty())
    assert "In doubt are 1 of 3 labels (33.3%); most in **good** (50.0% of it)." in said
    assert "Of 10 labels moved on purpose 90% are found; 80% of what is flagged then was moved." in said
    none = learned(found.assign(flagged=False), classes.assign(share=0.0), checked(None, 0.0, 10), corrections.empty())
    assert "In doubt are 0 of 3 labels.\n" in none
    assert "0% are found; nothing is flagged then." in none
    assert "nan" not in none + checked(None, None, 0)


def test_each_profile_has_a_file_of_its_own() -> None:
    notebook = nbformat.read(Path(__file__).parents[2] / "notebooks/01b_labels.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells}
    line = next(line for line in cells["open"].splitlines() if line.startswith("place = "))
    places = []
    for name in ("spring", "my.v2", "parameters/spring.yaml"):
        known: dict = {"Path": Path}
        exec(f"{cells['parameters']}\nprofile = '{name}'\n{line}", known)
        places.append(known["place"])
    assert places == ["corrections/spring.csv", "corrections/my.v2.csv", "corrections/spring.csv"]
