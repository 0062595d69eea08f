from collections import Counter

import pandas as pd
import pytest

from workbench.models.pretraining.knowledge import weighed, with_synonyms
from workbench.models.pretraining.material import Reading, material

CORPUS = pd.DataFrame(
    {
        "doc_id": [f"item-{n}" for n in range(400)] + [f"query-{n}-x" for n in range(400)],
        "text": [f"item {n}" for n in range(400)] + [f"query {n}" for n in range(400)],
    }
)


def kinds(texts):
    return Counter(text.split()[0] for text in texts)


def test_a_kind_of_text_is_read_as_often_as_it_weighs():
    assert weighed(CORPUS, {}, 1) == CORPUS["text"].tolist()
    found = weighed(CORPUS, {"item": 2, "query": 0.25}, 1)
    assert kinds(found)["item"] == 800
    assert 70 < kinds(found)["query"] < 130
    assert max(Counter(found).values()) == 2
    assert found == weighed(CORPUS, {"item": 2, "query": 0.25}, 1) != weighed(CORPUS, {"item": 2, "query": 0.25}, 2)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"querys": 2}, r"no texts of the kind 'querys'.*did you mean 'query'.*its kinds are item, query"),
        ({"item": -1}, "weight of item is -1"),
        ({"item": float("nan")}, "weight of item is nan"),
        ({"item": 0, "query": 0}, "All kinds of text weigh 0"),
    ],
)
def test_weights_that_mean_nothing_are_said(weights, said):
    with pytest.raises(ValueError, match=said):
        weighed(CORPUS, weights, 1)


def test_synonyms_are_read_in_the_company_of_each_other():
    groups = [["sofa", "couch", "settee"], ["红鞋", "红色鞋子"], ["running shoes", "trainers"]]
    texts = ["Red SOFA, two seats", "sofas", "买红鞋送袜", "running shoes for men", "a lamp"]
    read = with_synonyms(texts, groups, 1)
    assert [text for text in read if text in texts] == texts
    new = [text for text in read if text not in texts]
    assert new[0] in ("Red couch, two seats", "Red settee, two seats")
    assert new[1:] == ["买红色鞋子送袜", "trainers for men"]
    assert with_synonyms(texts, [], 1) == texts


@pytest.mark.parametrize(
    ("groups", "said"),
    [([["sofa"]], "fewer than two"), ([["a", "A "]], "fewer than two"), ([["a", "b"], ["b", "c"]], "'b' is in two")],
)
def test_groups_that_are_none_are_said(groups, said):
    with pytest.raises(ValueError, match=said):
        with_synonyms(["text"], groups, 1)


def test_what_is_held_out_is_read_as_it_is():
    corpus = pd.concat([CORPUS.assign(split="train"), CORPUS.assign(split="valid")])
    held = material(
        "mlm", lambda _: corpus, docs=40, seed=1, reading=Reading(weights={"query": 0}, synonyms=[["item", "thing"]])
    )
    assert kinds(held.train) == {"item": 400, "thing": 400}
    assert kinds(held.choosing + held.judging)["query"] > 0
    assert "thing" not in kinds(held.choosing + held.judging)
