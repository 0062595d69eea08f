"""The honest rivals: TF-IDF and logistic regression, tuned on the same pairs, and a model that knows the rate alone."""

import time
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from workbench.models.batching import only_texts
from workbench.models.tasks import Task, check_differ, row_weights

CHOICES = tuple((ngrams, C) for ngrams in (1, 2) for C in (0.1, 1.0, 10.0))


@dataclass(frozen=True)
class TfidfModel:
    """Logistic regression over both texts of a pair and what they share."""

    vectorizer: TfidfVectorizer
    regression: LogisticRegression
    ngrams: int
    C: float
    seconds: float = 0.0  # that fitting and choosing took, all settings together

    def score(self, pairs: pd.DataFrame) -> np.ndarray:
        """The logit of every pair."""
        return self.regression.decision_function(features(self.vectorizer, pairs))

    @property
    def megabytes(self) -> float:
        """Of its weights and of the words that they belong to."""
        words = sum(len(word.encode()) for word in self.vectorizer.vocabulary_)
        return float((self.regression.coef_.nbytes + words) / 1e6)


def constant(pairs: pd.DataFrame) -> np.ndarray:
    """The same score of every pair: once it is calibrated on valid, a model that says valid's natural rate of each."""
    return np.zeros(len(pairs))


def constant_loss(valid: pd.DataFrame) -> float:
    """The log-loss of `constant` on valid, by its weights: what a model has to stay below to have learned anything."""
    task = Task("binary")
    return task.numbers(task.targets(valid["label"]), constant(valid), row_weights(valid))["log_loss"]


def fit_tfidf(
    pairs: pd.DataFrame, valid: pd.DataFrame, *, use_weights: bool = False
) -> tuple[TfidfModel, pd.DataFrame]:
    """Fit on `pairs`, choose word n-grams and C by the log-loss on `valid`; also returns the table of all choices.

    Raises:
        TaskError: labels that are not 0 and 1, or are all alike; a weight that is none.
        ValueError: a text that is missing, or no word that two texts of `pairs` share.

    """
    began = time.perf_counter()
    check_differ(pairs["label"], "train")
    check_differ(valid["label"], "valid")
    task = Task("binary")
    weights = row_weights(pairs) if use_weights else np.ones(len(pairs))
    labels, truth, natural = task.targets(pairs["label"]), task.targets(valid["label"]), row_weights(valid)
    models, rows = [], []
    for longest in sorted({ngrams for ngrams, _ in CHOICES}):
        vectorizer = TfidfVectorizer(ngram_range=(1, longest), min_df=2, sublinear_tf=True, token_pattern=r"[^\s;]+")
        _learn_words(vectorizer, pairs)
        train, held_out = features(vectorizer, pairs), features(vectorizer, valid)
        for C in (C for ngrams, C in CHOICES if ngrams == longest):
            regression = LogisticRegression(C=C, solver="liblinear").fit(train, labels, sample_weight=weights)
            models.append(TfidfModel(vectorizer, regression, longest, C))
            numbers = task.numbers(truth, regression.decision_function(held_out), natural)
            rows.append({"ngrams": longest, "C": C, **numbers})
    table = pd.DataFrame(rows)
    return replace(models[int(np.argmin(table["log_loss"]))], seconds=time.perf_counter() - began), table


def features(vectorizer: TfidfVectorizer, pairs: pd.DataFrame) -> sparse.csr_matrix:
    """Per pair: TF-IDF of the context, of the candidate, their product word by word, and two numbers on the whole.

    The numbers are the cosine of the two texts and whether the candidate begins with something the context names.
    """
    for column in ("context", "candidate"):
        only_texts(pairs[column].tolist(), column)
    context, candidate = (_rows(vectorizer, pairs[column]) for column in ("context", "candidate"))
    shared = context.multiply(candidate).tocsr()
    known = zip(pairs["context"], pairs["candidate"], strict=True)
    inside = [any(candidate.startswith(part) for part in context.split("; ")) for context, candidate in known]
    whole = np.column_stack([np.asarray(shared.sum(1)).ravel(), np.array(inside, dtype=float)])
    return sparse.hstack([context, candidate, shared, sparse.csr_matrix(whole)], format="csr")


def _learn_words(vectorizer: TfidfVectorizer, pairs: pd.DataFrame) -> None:
    for column in ("context", "candidate"):
        only_texts(pairs[column].tolist(), column)
    try:
        vectorizer.fit(pd.concat([pairs["context"], pairs["candidate"]]).unique())
    except ValueError as error:
        raise ValueError("No word is in two texts of train, so TF-IDF has nothing to go by: take more rows.") from error


def _rows(vectorizer: TfidfVectorizer, texts: pd.Series) -> sparse.csr_matrix:
    """TF-IDF of a column, each distinct text computed once."""
    number, distinct = pd.factorize(texts)
    return vectorizer.transform(distinct)[number]
