"""The measurement of the recognisers: what counts as right, intervals over templates, one set unseen."""

import math

import pytest

from benchmarks import pii_found
from benchmarks.pii_texts import Labelled, Span
from workbench.governance.privacy import pii

MAIL, NAME = Span(0, 5, "EMAIL"), Span(6, 9, "NAME")


def labelled(*spans: Span, template: str = "a") -> Labelled:
    return Labelled("a@b.c Bob and the rest", spans, template)


def test_place_and_kind_must_both_be_right():
    texts = [labelled(MAIL, NAME), labelled(MAIL), labelled()]
    found = [{MAIL, Span(6, 9, "PLATE")}, {Span(0, 4, "EMAIL")}, {NAME}]
    table = pii_found.scores(texts, found, ("EMAIL", "NAME", "PLATE"))
    assert table.loc["all", ["labels", "right", "false", "missed"]].tolist() == [3, 1, 3, 2]
    assert table.loc["all", ["precision", "recall", "f1"]].tolist() == pytest.approx([1 / 4, 1 / 3, 2 / 7])
    assert table.loc["EMAIL", ["precision", "recall", "f1"]].tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 2])
    assert math.isnan(table.loc["PLATE", "recall"])


def test_kinds_that_are_not_asked_for_do_not_count():
    table = pii_found.scores([labelled(MAIL, NAME)], [{MAIL}], ("EMAIL",))
    assert table.loc["all", ["labels", "right", "false", "missed"]].tolist() == [1, 1, 0, 0]


def test_intervals_are_over_templates():
    one = [labelled(MAIL) for _ in range(60)]
    many = [labelled(MAIL, template=str(i)) for i in range(60)]
    found = [{MAIL} if i % 2 else set() for i in range(60)]
    alone, apart = (pii_found.scores(texts, found, ("EMAIL",)).loc["all"] for texts in (one, many))
    assert alone["recall"] == apart["recall"] == 0.5
    assert alone["recall_low"] == alone["recall_high"] == 0.5
    assert 0.3 < apart["recall_low"] < 0.45 < 0.55 < apart["recall_high"] < 0.7


def test_names_of_kinds_become_those_of_the_labels():
    text = "see https://u:p@h.io/ and 11010519491231002X"
    assert {span.kind for span in pii_found._spans(pii.find(text, "en"))} == {"URL", "ID"}


def test_errors_show_what_is_around_them():
    assert pii_found.errors([labelled(NAME)], [set()], 9, None) == ["missed NAME    a@b.c ⟦Bob⟧ and the rest"]
    assert pii_found.errors([labelled(NAME)], [set()], 9, "EMAIL") == []


def test_errors_of_the_unseen_set_stay_unseen(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["pii_found", "--errors", "5"])
    with pytest.raises(SystemExit):
        pii_found.main()
    assert f"the {pii_found.UNSEEN} set stays unseen" in capsys.readouterr().err
