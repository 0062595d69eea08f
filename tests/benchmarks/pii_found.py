"""Is all personal data found where it stands, and nothing else? Labelled texts in both languages, to the character.

A find is right if its place and its kind are those of the label. Intervals are 95 %, by resampling templates, for texts
of one template are right or wrong together. The set that nobody looked at while the recognisers were written is the
one that counts: each later set was that, once, and has been looked at since; the next measurement wants a new one.
`--half visible --errors 40` prints what went wrong. Beside it Presidio as it comes, with a blank model, on the kinds
that it then knows: where it is installed, by `pip install presidio-analyzer==2.2.*`.
"""

import argparse
from collections.abc import Iterable
from random import Random

import numpy as np
import pandas as pd

from workbench.governance.privacy import pii
from workbench.governance.privacy.pii.presidio import KINDS as PRESIDIO_KINDS
from workbench.governance.privacy.pii.presidio import Presidio, PresidioError

from .pii_lists import HALVES, LANGUAGES, LATER, Half, Language
from .pii_texts import KINDS, Labelled, Span, generate
from .record import record

F1, RECALL = 0.98, 0.99
UNSEEN: Half = LATER[-1]
RESAMPLES = 2000
AROUND = 30  # characters shown on either side of an error
KIND = {"URL_CREDENTIALS": "URL", "CN_ID": "ID"}
"""The labels' kinds by the package's, where they differ."""
BLANK_KINDS = tuple(kind for kind in PRESIDIO_KINDS.values() if kind != "NAME")  # a blank model knows no names

Spans = set[Span]


def main() -> None:
    """Measure each language, print a table by kind, record F1 and recall."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--language", choices=LANGUAGES, action="append", help="default: all")
    parser.add_argument("--half", choices=HALVES, default=UNSEEN)
    parser.add_argument("--count", type=int, default=5000, help="texts of each language")
    parser.add_argument("--seed", type=int, default=20270101)
    parser.add_argument("--errors", type=int, default=0, help="print so many misses and false finds, of visible texts")
    parser.add_argument("--kind", choices=KINDS, help="print errors of this kind alone")
    given = parser.parse_args()
    if given.errors and given.half == UNSEEN:
        parser.error(f"the {UNSEEN} set stays unseen: add --half visible to --errors")
    for language in given.language or LANGUAGES:
        texts = generate(language, given.count, given.seed, given.half)
        found = [_spans(pii.find(each.text, language)) for each in texts]
        table = scores(texts, found, KINDS)
        print(
            f"\n{language}, {given.half} half: {len(texts)} texts of {len({each.template for each in texts})} templates"
        )
        print(shown(table), flush=True)
        print("\n".join(errors(texts, found, given.errors, given.kind)), end="\n" * bool(given.errors))
        beside = _presidio(language, texts, found)
        if given.half == UNSEEN:
            for number, target in (("f1", F1), ("recall", RECALL)):
                value, low, high = table.loc["all", [number, f"{number}_low", f"{number}_high"]]
                within = f"{low:.4f} to {high:.4f} over templates; {beside}"
                record(
                    f"pii_{number}_{language}", float(value), number, target=target, higher_is_better=True, rival=within
                )
        else:
            print(f"Beside: {beside}")


def scores(texts: list[Labelled], found: list[Spans], kinds: tuple[str, ...], seed: int = 0) -> pd.DataFrame:
    """Precision, recall and F1 of all kinds together and of each, with intervals; other kinds do not count."""
    templates = {template: row for row, template in enumerate(dict.fromkeys(each.template for each in texts))}
    counts = np.zeros((len(templates), len(kinds), 3))  # right, false, missed
    for each, spans in zip(texts, found, strict=True):
        for column, some in enumerate((spans & {*each.spans}, spans - {*each.spans}, {*each.spans} - spans)):
            for span in some:
                if span.kind in kinds:
                    counts[templates[each.template], kinds.index(span.kind), column] += 1
    draw = np.random.default_rng(seed)
    times = draw.multinomial(len(templates), np.full(len(templates), 1 / len(templates)), size=RESAMPLES)
    rows = {}
    parts = {"all": counts.sum(axis=1)} | {kind: counts[:, place] for place, kind in enumerate(kinds)}
    for name, part in parts.items():
        right, false, missed = part.sum(axis=0).astype(int)
        row = {"labels": right + missed, "right": right, "false": false, "missed": missed}
        resampled = _rates(times @ part)
        for number, value in _rates(part.sum(axis=0)).items():
            known = resampled[number][~np.isnan(resampled[number])]
            low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
            row |= {number: value, f"{number}_low": low, f"{number}_high": high}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def shown(table: pd.DataFrame) -> str:
    """Scores for reading, each with its interval."""
    lines = table[["labels", "right", "false", "missed"]].astype(int)
    for number in ("precision", "recall", "f1"):
        bounds = table[[number, f"{number}_low", f"{number}_high"]].itertuples(index=False)
        lines[number] = [f"{value:.4f} ({low:.4f} to {high:.4f})" for value, low, high in bounds]
    return lines.to_string()


def _rates(counts: np.ndarray) -> dict[str, np.ndarray]:
    """From right, false and missed along the last axis; no number where there is nothing to divide by."""
    right, false, missed = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        return {
            "precision": right / (right + false),
            "recall": right / (right + missed),
            "f1": 2 * right / (2 * right + false + missed),
        }


def errors(texts: list[Labelled], found: list[Spans], most: int, kind: str | None, seed: int = 0) -> list[str]:
    """Some misses and false finds, drawn evenly, with the text around them."""
    lines = [
        f"{word} {span.kind:<8}{_around(each.text, span)}"
        for each, spans in zip(texts, found, strict=True)
        for word, some in (("missed", {*each.spans} - spans), ("false ", spans - {*each.spans}))
        for span in some
        if kind in (None, span.kind)
    ]
    return sorted(Random(seed).sample(lines, min(most, len(lines))))


def _around(text: str, span: Span) -> str:
    before, after = text[max(0, span.start - AROUND) : span.start], text[span.end : span.end + AROUND]
    return f"{before}⟦{text[span.start : span.end]}⟧{after}".replace("\n", "¶")


def _spans(found: Iterable[pii.Span]) -> Spans:
    return {Span(span.start, span.end, KIND.get(span.kind, span.kind)) for span in found}


def _presidio(language: Language, texts: list[Labelled], ours: list[Spans]) -> str:
    """F1 of Presidio with a blank model and of the recognisers here, on the kinds that both know."""
    try:
        rival = Presidio(language=language)
    except PresidioError as reason:
        return f"Presidio, which was not measured: {reason}"
    found = [_spans(span for span in pii.spans.resolved(rival.find(each.text))) for each in texts]
    of_rival, of_ours = (scores(texts, each, BLANK_KINDS) for each in (found, ours))
    print(f"Presidio with a blank model, which knows {', '.join(BLANK_KINDS)}")
    print(shown(of_rival))
    return (
        f"Presidio with a blank model: F1 {of_rival.loc['all', 'f1']:.3f}, recall {of_rival.loc['all', 'recall']:.3f} "
        f"on {', '.join(BLANK_KINDS)}; this package on these {of_ours.loc['all', 'f1']:.3f}, "
        f"{of_ours.loc['all', 'recall']:.3f}"
    )


if __name__ == "__main__":
    main()
