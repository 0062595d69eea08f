"""A vocabulary of a shop's own: the same texts give the same pieces, and every text can be written with them."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from workbench.models.vocabulary import KINDS, SPECIAL, continues, train_tokenizer

WORDS = [
    "unbelievable", "unbreakable", "breakable", "believing", "running", "runner", "shoes", "shoe", "red", "reddish",
    "großes", "Café",
]  # fmt: skip
TEXTS = [f"{a} {b}, {i % 37} 红鞋很好看" for i in range(40) for a in WORDS for b in WORDS[::3]]


def tokenizer(kind: str, size: int = 400) -> PreTrainedTokenizerBase:
    return train_tokenizer(TEXTS, kind, size, max_length=64)


def pieces(of: PreTrainedTokenizerBase, text: str) -> list[str]:
    return of.convert_ids_to_tokens(of(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_vocabulary_which_a_folder_keeps(kind: str, tmp_path: Path) -> None:
    one = tokenizer(kind)
    assert one.get_vocab() == tokenizer(kind).get_vocab()
    assert len(one) <= 400
    one.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.get_vocab() == one.get_vocab()
    assert again.model_max_length == 64
    assert [again.convert_tokens_to_ids(token) for token in SPECIAL.values()] == [0, 1, 2, 3, 4]
    for text in ("unbelievable running", "believable unrunning"):
        assert pieces(again, text) == pieces(one, text)


@pytest.mark.parametrize("kind", KINDS)
def test_words_that_are_new_are_made_of_known_pieces(kind: str) -> None:
    own = tokenizer(kind)
    found = pieces(own, "unrunnable reddening")
    assert own.unk_token not in found
    assert 2 < len(found) < len("unrunnable reddening")
    assert own.decode(own("red shoes", add_special_tokens=False)["input_ids"]).strip() == "red shoes"


def test_a_chinese_character_is_a_word_and_case_and_accents_go() -> None:
    own = tokenizer("wordpiece")
    assert pieces(own, "红鞋") == ["红", "鞋"]
    assert pieces(own, "CAFÉ") == pieces(own, "cafe")
    exact = train_tokenizer(TEXTS, "wordpiece", 400, max_length=64, lowercase=False)
    assert pieces(exact, "Café") == ["Café"] != pieces(exact, "café")


def test_bytes_write_what_was_never_seen() -> None:
    own = tokenizer("bpe")
    assert own.decode(own("ü☃ 新", add_special_tokens=False)["input_ids"]).strip() == "ü☃ 新"


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_inside_a_word_are_known_as_such(kind: str) -> None:
    own = tokenizer(kind)
    ids = own("red unrunnable", add_special_tokens=False)["input_ids"]
    inside = [continues(own)[number] for number in ids]
    begins = [place for place, goes_on in enumerate(inside) if not goes_on]
    assert begins[0] == 0
    assert len(begins) == 2


def test_words_are_told_by_what_the_tokenizer_is_and_not_by_what_its_texts_hold() -> None:
    hashed = train_tokenizer([f"{text} ##x ##y" for text in TEXTS], "bpe", 500, max_length=64)
    ids = hashed("red ##x", add_special_tokens=False)["input_ids"]
    assert any("##" in piece for piece in hashed.get_vocab())
    assert not continues(hashed)[ids[0]]
    unmarked = Tokenizer(models.BPE())
    unmarked.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, show_progress=False))
    with pytest.raises(ValueError, match="does not mark where words begin"):
        continues(PreTrainedTokenizerFast(tokenizer_object=unmarked))


def test_what_makes_no_vocabulary_is_said() -> None:
    for texts, kind, size, said in (
        (TEXTS, "unigram", 400, "no vocabulary of the kind 'unigram': use wordpiece or bpe"),
        (["", " "], "bpe", 400, "no text to train a vocabulary on"),
        (TEXTS, "wordpiece", 100, "A vocabulary of 100 has no room"),
    ):
        with pytest.raises(ValueError, match=said):
            train_tokenizer(texts, kind, size, max_length=64)
