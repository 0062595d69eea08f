import json

import pytest

from workbench.data.timetable import Timetable, TimetableError, check_window

WEEKS = {
    "text_train": 38, "text_valid": 43, "fusion_fit": 43, "fusion_label": 48, "test_fit": 48, "test_label": 53,
}  # fmt: skip


def test_every_fit_window_ends_before_its_labels_begin():
    windows = Timetable.from_dict(WEEKS).windows()
    assert windows["test"] == (48, 49, 53)
    assert windows["fusion"] == (43, 44, 48)
    for window in windows.values():
        assert window.fit_until < window.label_from <= window.label_until


def test_text_pairs_never_reach_the_final_test_weeks():
    timetable = Timetable.from_dict(WEEKS)
    splits = timetable.splits()
    assert splits == {"train": (1, 38), "valid": (39, 43), "test": (44, 48)}
    assert max(last for _, last in splits.values()) < timetable.windows()["test"].label_from


@pytest.mark.parametrize(
    "change",
    [
        {"text_train": 43}, {"text_valid": 44}, {"fusion_label": 43}, {"fusion_label": 49}, {"test_label": 48},
        {"text_train": 0}, {"text_train": 38.5},
    ],
)  # fmt: skip
def test_overlapping_backward_or_senseless_weeks_are_refused(change):
    with pytest.raises(TimetableError, match="timetable"):
        Timetable.from_dict(WEEKS | change)


def test_a_fit_that_reaches_its_labels_is_named():
    check_window(43, 44, "popularity")
    with pytest.raises(TimetableError, match=r"popularity is fitted on weeks up to 44 but labelled from week 44"):
        check_window(44, 44, "popularity")


def test_it_survives_json_and_names_a_wrong_part(tmp_path):
    path = tmp_path / "timetable.json"
    path.write_text(json.dumps(Timetable.from_dict(WEEKS).to_dict()), encoding="utf-8")
    assert Timetable.from_json(path).test_fit == 48
    with pytest.raises(TimetableError, match="fusion_fti"):
        Timetable.from_dict(WEEKS | {"fusion_fti": 1})


@pytest.mark.parametrize("weeks", [1, 2, 3])
def test_a_log_of_a_few_weeks_has_no_timetable(weeks):
    assert Timetable.spread(weeks) is None
    assert Timetable.spread(4).to_dict() == {
        "text_train": 1, "text_valid": 2, "fusion_fit": 2, "fusion_label": 3, "test_fit": 3, "test_label": 4,
    }  # fmt: skip
