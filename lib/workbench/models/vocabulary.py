"""A tokenizer of a shop's own, trained on its texts, for a language or for words that no base model knows."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from workbench.models.batching import only_texts

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
BEGIN, METASPACE, INSIDE = "Ġ", "▁", "##"  # byte-level BPE and SentencePiece mark begins, WordPiece what goes on
LETTERS = 0.9  # share of the vocabulary that single characters may take
KINDS = ("wordpiece", "bpe")
LONGEST = 100  # characters of a word: beyond them BERT knows none, and the time to learn one grows by their square
WITHOUT_END = re.compile(rf"\S{{{LONGEST}}}(?=\S)")


def train_tokenizer(
    texts: Sequence[str], kind: str, size: int, *, max_length: int, lowercase: bool = True
) -> PreTrainedTokenizerBase:
    """Train a tokenizer; the same texts give the same vocabulary.

    Args:
        texts: to learn from.
        kind: "wordpiece", BERT's: words are taken apart into pieces, and each Chinese character is a word (Devlin et
            al. 2019); or "bpe", GPT's: pieces of bytes, so that no text is unknown (Radford et al. 2019).
        size: of the vocabulary at most; a small corpus fills less.
        max_length: tokens of a row at most.
        lowercase: read capital letters as small ones, and letters without their accents; "wordpiece" only.

    Raises:
        ValueError: unknown kind, no text or one that is missing, or a size that has no room for more than single
            characters.

    """
    if kind not in KINDS:
        raise ValueError(f"There is no vocabulary of the kind {kind!r}: use {' or '.join(KINDS)}.")
    only_texts(texts, "text")
    if not any(text.strip() for text in texts):
        raise ValueError("There is no text to train a vocabulary on: the corpus is empty after its filters.")
    if size < 300:
        raise ValueError(f"A vocabulary of {size} has no room for pieces of words: give it 300 or more.")
    texts = [WITHOUT_END.sub(r"\g<0> ", " ".join(text.split())) for text in texts]
    made = _wordpiece(texts, size, lowercase) if kind == "wordpiece" else _bpe(texts, size)
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=max_length, **SPECIAL)


def continues(tokenizer: PreTrainedTokenizerBase) -> list[bool]:
    """Of each token of a vocabulary whether it goes on with the word of the token before it.

    Raises:
        ValueError: the tokenizer does not mark where a word begins or goes on, as WordPiece, byte-level BPE and
            SentencePiece do.

    """
    pieces = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_tokens)
    told = json.loads(tokenizer.backend_tokenizer.to_str())
    if told["model"]["type"] == "WordPiece":
        return [piece.startswith(told["model"]["continuing_subword_prefix"]) for piece in pieces]
    kinds = str(told["pre_tokenizer"])
    begin = BEGIN if "ByteLevel" in kinds else METASPACE if "Metaspace" in kinds else ""
    if not begin:
        raise ValueError(
            f"The tokenizer of {tokenizer.name_or_path} does not mark where words begin, so that none can be hidden as "
            "a whole: set whole_words to False."
        )
    return [not piece.startswith(begin) and piece not in special for piece in pieces]


def _bpe(texts: Iterable[str], size: int) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIAL.values()), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    ))  # fmt: skip
    return made


def _wordpiece(texts: Sequence[str], size: int, lowercase: bool) -> Tokenizer:
    """The pieces of a byte-pair encoding, each in the forms in which words use it: as their begin, or further inside.

    The library's own WordPiece trainer numbers pieces by the order of a hash, and gives another vocabulary each time.
    """
    normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=True)
    pairs = Tokenizer(models.BPE())
    pairs.normalizer, pairs.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    pairs.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, limit_alphabet=int(LETTERS * size), show_progress=False)
    )
    letters, longer = Counter[str](), Counter[str]()
    for encoding in pairs.encode_batch(list(texts)):
        word: int | None = None
        for piece, place in zip(encoding.tokens, encoding.word_ids, strict=True):
            begins, word = place != word, place
            letters[piece[0]] += 1  # one that is seen inside words may begin the next, so both its forms are known
            letters.update(INSIDE + letter for letter in piece[begins:])
            if len(piece) > 1:
                longer[piece if begins else INSIDE + piece] += 1
    pieces = [*SPECIAL.values(), *_common(letters)[: int(LETTERS * size)], *_common(longer)][:size]
    made = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token=SPECIAL["unk_token"]))
    made.normalizer, made.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    return made


def _common(pieces: Mapping[str, int]) -> list[str]:
    return sorted(pieces, key=lambda piece: (-pieces[piece], piece))
