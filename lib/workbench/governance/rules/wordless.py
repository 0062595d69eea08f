"""Texts without words: one letter or word over and over, and letters struck at random.

No dictionary is needed: what a language's words look like is taken from the other texts of the log.
"""

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, StringValue, Table

from workbench.data import engine
from workbench.governance.signals.characters import HAN, KANA_HANGUL

LETTERS, DIFFERENT = 8, 2  # a text of so many letters or digits, of which at most so many differ
WORDS = 3  # words, or pairs of characters, below which nothing can be told
TEXTS = 100  # different texts from which on a log says what its words look like
STRANGE = 0.7  # share of words, or pairs of characters, that no other text has
UNLIKE, PAIRS = 0.45, 8  # the same of the pairs of letters in strange words, and of how many; another language has less
VOCABULARY = 200  # words of several texts from which on nearly all pairs of letters that people write are known
KNOWN = 0.5  # share of a text's letters that the log's common words have; below it, it is another script
USUAL = 0.3  # the same share in the 95th percentile of texts, up to which strange words are against the log's habit
BREAK = r"[^\p{L}\p{M}\p{N}]+"
UNSPACED = rf"{HAN}|{KANA_HANGUL}"


def monotonous(text: StringValue) -> BooleanValue:
    """Whether a text is one or two characters, or one word three times or more, and nothing else."""
    lower = text.lower()
    letters = lower.re_replace(BREAK, "")
    few = (letters.length() >= LETTERS) & (letters.split("").unique().length() <= DIFFERENT)
    words = _words(lower)
    return few | ((words.length() >= WORDS) & (words.unique().length() == 1))


def gibberish(con: ibis.BaseBackend, said: Table, name: str) -> Table:
    """Texts nearly all of whose words no other text has, and whose words are put together like no other's: text.

    Texts are taken apart into words or, where a script sets no spaces, into pairs of characters. A text with many new
    words may still be right (a name, another language): so the pairs of letters in its words must be new too.
    Texts of another writing than most of the log's (with spaces or without), or of letters that it hardly knows, are
    left alone, and so is all in a log whose texts mostly have words of their own.

    Args:
        con: the engine.
        said: anything with a column text.
        name: of the kept tables.

    """
    texts = said.filter(_.text.notnull()).select("text").distinct()
    lower = texts.text.lower()
    words = lower.re_search(UNSPACED).ifelse(_runs(lower.re_replace(BREAK, ""), 2), _words(lower))
    split = engine.keep(con, f"{name}_words", texts.select("text", word=words.unnest()).distinct())
    held = split.group_by("word").agg(texts=_.count())
    both = split.join(held, "word")
    shares = both.group_by("text").agg(n=_.count(), own=(_.texts == 1).mean())
    shares = engine.keep(con, f"{name}_shares", shares.filter(_.n >= WORDS))
    unspaced = shares.text.re_search(UNSPACED)
    usual = con.to_pandas(
        shares.agg(n=_.count(), high=_.own.quantile(0.95), unspaced=unspaced.cast("int64").mean())
    ).iloc[0]
    if usual["n"] < TEXTS or usual["high"] > USUAL:
        return shares.select("text").limit(0)
    pairs = bool(usual["unspaced"] > 1 / 2)
    odd = shares.filter((shares.own >= STRANGE) & (unspaced == pairs)).select("text")
    known = held.filter(_.texts > 1)
    if not pairs and con.to_pandas(known.count()) < VOCABULARY:
        return shares.select("text").limit(0)
    mine = split.semi_join(odd, "text")
    letters = mine.select("text", letter=mine.word.split("").unnest()).distinct()
    alphabet = known.select(letter=known.word.split("").unnest()).distinct().mutate(common=True)
    seen = letters.left_join(alphabet, "letter").group_by("text").agg(seen=_.common.notnull().mean())
    judged = odd.semi_join(seen.filter(_.seen >= KNOWN), "text")
    if pairs:
        return judged
    runs = mine.select("text", run=_runs(mine.word, 2).unnest()).distinct()
    common = known.select(run=_runs(known.word, 2).unnest()).distinct().mutate(common=True)
    new = runs.left_join(common, "run").group_by("text").agg(n=_.count(), new=_.common.isnull().mean())
    return judged.semi_join(new.filter((_.n >= PAIRS) & (_.new >= UNLIKE)), "text")


def _words(text: StringValue) -> ibis.expr.types.ArrayValue:
    return text.re_replace(BREAK, " ").strip().split(" ").filter(lambda word: word != "")


def _runs(text: StringValue, length: int) -> ibis.expr.types.ArrayValue:
    """All runs of so many characters in a row; none where the text is shorter."""
    ends = ibis.range(0, ibis.greatest(text.length() - length + 1, 0))
    return ends.map(lambda start: text.substr(start, length))
