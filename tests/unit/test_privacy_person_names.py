"""Names of persons, by lists of many countries and by how family names end."""

import pytest

from workbench.governance.privacy.pii.person_names import given_names, is_family
from workbench.governance.privacy.pii.words import words


@pytest.mark.parametrize("name", ["anna", "kwame", "yusuke", "siobhan", "małgorzata", "priya", "mehmet", "jin-woo"])
def test_given_names_of_many_countries_are_known(name):
    assert name in given_names()


@pytest.mark.parametrize("word", ["golden", "price", "my", "size", "london", "street"])
def test_other_words_are_no_given_names(word):
    assert word not in given_names()


@pytest.mark.parametrize(
    "name", ["smith", "garcía", "kowalski", "whitfield", "o'donoghue", "al-sayed", "park-wilson", "kanazawa"]
)
def test_family_names_are_known_by_lists_ends_and_beginnings(name):
    assert is_family(name)


@pytest.mark.parametrize("word", ["lamp", "refund", "blue", "anna-lamp"])
def test_other_words_are_no_family_names(word):
    assert not is_family(word)


def test_few_wares_look_like_family_names():
    wares = words("wares")
    assert len([word for word in wares if is_family(word)]) < 0.1 * len(wares)
