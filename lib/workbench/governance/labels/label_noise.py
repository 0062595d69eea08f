"""Labels that are probably wrong, found from the texts themselves.

Every text gets class probabilities from models that have not seen it (cross-validation). From these, two opinions:

- `confident`: confident learning as cleanlab does it (Northcutt, Jiang & Chuang 2021, Confident Learning: Estimating
  Uncertainty in Dataset Labels, JAIR 70), pruned by class and by noise rate at once;
- `quality`: the probability that the label is the true one, under a model of the noise: P(label y | text) =
  Σ_k p_k N[k, y], with p the class probabilities, sharpened by a temperature (Guo et al. 2017, On Calibration of Modern
  Neural Networks), and N[k, y] the share of true k labelled y. Temperature and N are estimated on the out-of-sample
  probabilities by expectation-maximisation (as Dawid & Skene 1979 do for annotators), so no clean set is needed.
  The prior of N is symmetric noise, in which a flipped label is any other class alike: without it, classes that read
  alike would look mislabelled.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_union

from workbench.spelling import nearest

COLUMNS = ("text_id", "label", "suggested", "self_confidence", "quality", "confident", "flagged")
METHODS = ("posterior", "both", "prune_by_noise_rate", "prune_by_class", "confident_learning", "predicted_neq_given")
"""What decides a flag: `posterior` is `quality`, the others are cleanlab's `filter_by`."""
CHARACTERS = 2000  # of a text that are read: what a review is about is said by then, and work stays bounded
TERMS = 100_000  # of each kind that are kept at most
HAN, HAN_SHARE = "[\u3400-\u9fff]", 0.1
TEMPERATURES, NEAR = np.geomspace(0.1, 4, 14), np.geomspace(0.87, 1.15, 5)
PRIOR = 100.0  # rows a class that the symmetric prior weighs
STEPS = 25  # of expectation-maximisation
SMALLEST = 1e-9  # of a probability


class LabelNoiseError(ValueError):
    """The labelled texts cannot be judged; the message says what to do."""


@dataclass(frozen=True)
class Noise:
    """The fitted noise.

    Args:
        share: of labels that are wrong.
        temperature: below 1, the probabilities were too flat.
        matrix: N [true class, label], rows sum to 1.
        probabilities: p [rows, classes], from the text alone.
        true: [rows, classes], probability of each class being the true one, from the text and the label.

    """

    share: float
    temperature: float
    matrix: np.ndarray
    probabilities: np.ndarray
    true: np.ndarray


def find(
    texts: pd.DataFrame,
    *,
    folds: int = 5,
    seed: int = 0,
    method: str = "posterior",
    threshold: float = 0.5,
    train_rows: int = 20_000,
) -> pd.DataFrame:
    """Judge every label; same rows and seed give the same judgement, in whatever order the rows come.

    Args:
        texts: text_id, text, label; further columns are ignored.
        folds: of the cross-validation.
        seed: of the folds.
        method: one of `METHODS`.
        threshold: method `posterior`: probability of a flip from which a row is flagged.
        train_rows: texts that a fold's model is trained on at most, drawn within classes; bounds the time.

    Returns:
        Frame in the order of `texts` with `COLUMNS`, see `judge`. Rows of a class with fewer rows than `folds` cannot
        be judged: their numbers are missing, and they are not flagged.

    Raises:
        LabelNoiseError: a column, a value or a second class is missing, ids repeat, or a setting is unknown.

    """
    _check(texts, folds, method, threshold)
    ordered = texts.sort_values("text_id", kind="stable")
    judged = ordered[ordered.groupby("label")["label"].transform("size") >= folds]
    codes, classes = pd.factorize(judged["label"], sort=True)
    if len(classes) < 2:
        raise LabelNoiseError(f"label noise needs two classes of at least {folds} texts: add texts or lower folds")
    probabilities = out_of_sample(judged["text"], codes, folds=folds, seed=seed, train_rows=train_rows)
    found = judge(judged, probabilities, method=method, threshold=threshold)
    result = texts[["text_id", "label"]].reset_index(drop=True).merge(found.drop(columns="label"), "left", "text_id")
    for column in ("confident", "flagged"):
        result[column] = result[column].eq(True)
    return result[list(COLUMNS)]


def judge(
    texts: pd.DataFrame, probabilities: np.ndarray, *, method: str = "posterior", threshold: float = 0.5
) -> pd.DataFrame:
    """Judge labels by class probabilities of any model, such as the fine-tuned one, that has not seen the text.

    Args:
        texts: text_id, label.
        probabilities: [rows, classes] above 0, the classes in the order of their names.
        method: see `find`.
        threshold: see `find`.

    Returns:
        Frame in the order of `texts`: text_id, label, suggested (the likeliest true class), self_confidence
        (probability of the label from the text alone), quality, confident (cleanlab's opinion), flagged.

    """
    codes, classes = pd.factorize(texts["label"], sort=True)
    noise, rows = fit_noise(probabilities, codes), np.arange(len(codes))
    likeliest, quality = noise.true.argmax(axis=1), noise.true[rows, codes]
    opinions = {
        name: find_label_issues(codes, probabilities, filter_by=name, n_jobs=1)
        for name in {"both", method} - {METHODS[0]}
    }
    opinions["posterior"] = (quality <= 1 - threshold) & (likeliest != codes)
    return pd.DataFrame(
        {
            "text_id": texts["text_id"].to_numpy(),
            "label": texts["label"].to_numpy(),
            "suggested": np.asarray(classes)[likeliest],
            "self_confidence": noise.probabilities[rows, codes],
            "quality": quality,
            "confident": opinions["both"],
            "flagged": opinions[method],
        }
    )


def out_of_sample(
    texts: pd.Series, labels: np.ndarray, *, folds: int = 5, seed: int = 0, train_rows: int = 20_000
) -> np.ndarray:
    """Class probabilities [rows, classes] of each text by a model that was trained without its fold.

    Args:
        texts: [rows].
        labels: [rows] 0 … classes - 1, each class with at least `folds` rows.
        folds: of the cross-validation, stratified by label.
        seed: of the folds, and of the drawing.
        train_rows: texts that a model is trained on at most.

    """
    matrix = features(texts)
    probabilities = np.full((len(labels), labels.max() + 1), SMALLEST)
    order = np.random.default_rng(seed).permutation(len(labels))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(matrix, labels):
        train = _drawn(order[np.isin(order, train)], labels, train_rows)
        # one class against the rest by a trust-region Newton method: nothing random, and with few classes quick
        model = OneVsRestClassifier(LogisticRegression(C=2.0, solver="liblinear", tol=0.05))
        model.fit(matrix[train], labels[train])
        probabilities[np.ix_(test, model.classes_)] = model.predict_proba(matrix[test])
    probabilities = probabilities.clip(min=SMALLEST)
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def features(texts: pd.Series) -> sparse.csr_matrix:
    """TF-IDF [rows, terms] of words, and of character n-grams: short ones anywhere where Chinese is written."""
    texts = texts.astype("str").str.slice(0, CHARACTERS)
    try:
        return _vectorizer(texts).fit_transform(texts).tocsr()
    except ValueError as error:
        raise LabelNoiseError("the texts share no words: give the column of the text, not one of ids") from error


def fit_noise(probabilities: np.ndarray, labels: np.ndarray) -> Noise:
    """Temperature and noise matrix by penalised maximum likelihood.

    The temperatures are tried one by one, roughly and then near the best: together with the noise the likelihood has
    more than one maximum.

    Args:
        probabilities: [rows, classes] out of sample, above 0.
        labels: [rows] as given.

    """
    logs = np.log(probabilities)
    given = sparse.csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=probabilities.shape[::-1])
    best, noise = max((_expect(logs, given, labels, float(at)) for at in TEMPERATURES), key=lambda pair: pair[0])
    near = [_expect(logs, given, labels, float(at)) for at in noise.temperature * NEAR]
    return max([(best, noise), *near], key=lambda pair: pair[0])[1]


def _expect(logs: np.ndarray, given: sparse.csr_matrix, labels: np.ndarray, temperature: float) -> tuple[float, Noise]:
    """The noise at one temperature, with its log-likelihood less the divergence of its matrix from the prior.

    The share of the prior follows the rows (empirical Bayes).
    """
    sharpened = softmax(logs / temperature, axis=1).clip(min=SMALLEST)
    rows, classes = np.arange(len(labels)), logs.shape[1]
    share = 0.1
    prior = matrix = _symmetric(share, classes)
    for _ in range(STEPS):
        true = sharpened * matrix[:, labels].T
        likelihood = true.sum(axis=1, keepdims=True)
        true /= likelihood
        share = float(np.clip(1 - true[rows, labels].mean(), 1e-4, 0.5))
        prior = _symmetric(share, classes)
        counts = np.asarray(given @ true).T + PRIOR * prior
        matrix = counts / counts.sum(axis=1, keepdims=True)
    penalty = PRIOR * float((prior * np.log(prior / matrix)).sum())
    return float(np.log(likelihood).sum()) - penalty, Noise(share, temperature, matrix, sharpened, true)


def _symmetric(share: float, classes: int) -> np.ndarray:
    """The matrix of flips to any other class alike."""
    matrix = np.full((classes, classes), share / (classes - 1))
    np.fill_diagonal(matrix, 1 - share)
    return matrix


def by_class(found: pd.DataFrame) -> pd.DataFrame:
    """Labels by class, worst first: label, rows, flagged, share, suggested (most often instead; None without flags)."""
    table = found.groupby("label")["flagged"].agg(rows="size", flagged="sum").astype(int).reset_index()
    table["share"] = table["flagged"] / table["rows"]
    flagged = found[found["flagged"]]
    instead = flagged.groupby("label")["suggested"].agg(lambda names: names.mode().iloc[0])
    table["suggested"] = table["label"].map(instead).astype(object).where(table["flagged"] > 0, None)
    return table.sort_values(["share", "label"], ascending=[False, True], ignore_index=True)


def plant(texts: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Move a share of the labels to another class, each alike, to see what `find` finds of them.

    Returns:
        The texts with the labels moved, and which rows were [rows].

    """
    rng = np.random.default_rng(seed)
    codes, names = pd.factorize(texts["label"], sort=True)
    moved = np.zeros(len(codes), bool)
    moved[rng.choice(len(codes), round(share * len(codes)), replace=False)] = True
    codes = np.where(moved, (codes + rng.integers(1, len(names), len(codes))) % len(names), codes)
    return texts.assign(label=np.asarray(names)[codes]), moved


def _vectorizer(texts: pd.Series) -> FeatureUnion:
    common = {"sublinear_tf": True, "min_df": 2, "max_features": TERMS, "dtype": np.float64}
    if texts.str.count(HAN).sum() > HAN_SHARE * texts.str.len().sum():  # no spaces, so no words without a dictionary
        return make_union(TfidfVectorizer(analyzer="char", ngram_range=(1, 3), **common))
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\b\w+\b", **common)
    return make_union(words, TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **common))


def _drawn(rows: np.ndarray, labels: np.ndarray, most: int) -> np.ndarray:
    """At most about `most` of the shuffled rows, the same share of each class but ten rows where it has them."""
    if len(rows) <= most:
        return np.sort(rows)
    frame = pd.DataFrame({"row": rows, "label": labels[rows]})
    place, size = frame.groupby("label").cumcount(), frame.groupby("label")["row"].transform("size")
    return np.sort(frame.loc[place < np.maximum(size * most / len(rows), 10), "row"].to_numpy())


def _check(texts: pd.DataFrame, folds: int, method: str, threshold: float) -> None:
    if missing := [name for name in ("text_id", "text", "label") if name not in texts]:
        raise LabelNoiseError(f"the labelled texts lack the column {', '.join(missing)}")
    if texts[["text_id", "text", "label"]].isna().any(axis=None):
        raise LabelNoiseError("a text_id, text or label is missing: quarantine such rows first")
    if texts["text_id"].duplicated().any():
        raise LabelNoiseError("a text_id repeats: give every text an id of its own")
    if method not in METHODS:
        raise LabelNoiseError(f"unknown method '{method}'{nearest(method, METHODS)}; known are {', '.join(METHODS)}")
    if folds < 2 or not 0 < threshold <= 1:
        raise LabelNoiseError("folds must be 2 or more, and threshold above 0 and at most 1")
