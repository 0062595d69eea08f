"""Texts without words: one letter or word over and over, and letters struck at random.

No dictionary is needed: what a language's words look like is taken from the other texts of the log.
"""

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, StringValue, Table

from workbench.data import engine
from workbench.governance.characters import HAN, KANA_HANGUL

LETTERS, DIFFERENT = 8, 2  # a text of so many letters or digits, of which at most so many differ
WORDS = 3  # words, or pairs of characters, below which nothing can be told
TEXTS = 100  # different texts from which on a log says what its words look like
STRANGE = 0.7  # share of words, and of their runs of three letters, that no other text has
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
    words may still be right (a name, another language): so the runs of three letters of its words must be new too.
    Texts of characters that the log hardly knows are left alone, and so is all in a log whose texts mostly have words
    of their own.

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
    usual = con.to_pandas(shares.agg(n=_.count(), high=_.own.quantile(0.95))).iloc[0]
    if usual["n"] < TEXTS or usual["high"] > USUAL:
        return shares.select("text").limit(0)
    odd = shares.filter(_.own >= STRANGE).select("text")
    known = held.filter(_.texts > 1)
    mine = split.semi_join(odd, "text")
    runs = mine.select("text", run=_runs(mine.word, 3).unnest()).distinct()
    common = known.select(run=_runs(known.word, 3).unnest()).distinct().mutate(common=True)
    new = runs.left_join(common, "run").group_by("text").agg(new=_.common.isnull().mean())
    letters = mine.select("text", letter=mine.word.split("").unnest()).distinct()
    alphabet = known.select(letter=known.word.split("").unnest()).distinct().mutate(common=True)
    seen = letters.left_join(alphabet, "letter").group_by("text").agg(seen=_.common.notnull().mean())
    spaced = new.filter(_.new >= STRANGE).select("text")
    unspaced = odd.filter(odd.text.re_search(UNSPACED)).select("text")
    return spaced.union(unspaced, distinct=True).semi_join(seen.filter(_.seen >= STRANGE), "text")


def _words(text: StringValue) -> ibis.expr.types.ArrayValue:
    return text.re_replace(BREAK, " ").strip().split(" ").filter(lambda word: word != "")


def _runs(text: StringValue, length: int) -> ibis.expr.types.ArrayValue:
    """All runs of so many characters in a row; none where the text is shorter."""
    ends = ibis.range(0, ibis.greatest(text.length() - length + 1, 0))
    return ends.map(lambda start: text.substr(start, length))
