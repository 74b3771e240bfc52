"""Logistic regression on words and word pairs weighted by TF-IDF: what counting words is good for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from frugal_lib.data.labelled import CLASSES, Labelled
from frugal_lib.data.standins import Example

STRENGTHS = (0.1, 1.0, 10.0)  # inverse of the L2 penalty; the best on dev is kept, as a learning rate is
LEAST = 1e-12  # the probability of what cannot be, so that its logarithm is a number


def features(vectorizer: TfidfVectorizer, examples: Sequence[Example]) -> sparse.csr_matrix:
    """[examples, features]: the weights of a text; of a pair what both share and what only one has."""
    first = vectorizer.transform([example.text for example in examples])
    if not examples[0].pair:
        return first
    second = vectorizer.transform([example.pair for example in examples])
    return sparse.hstack([first.multiply(second), abs(first - second)]).tocsr()


def fit_and_predict(data: Labelled) -> dict[str, np.ndarray]:
    """Fit on train; log probabilities of dev and, where it has labels, test: [examples, classes]."""
    texts = [text for example in data.train for text in (example.text, example.pair) if text]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts)
    splits = {name: data.split(name) for name in ("train", "dev", "test") if data.split(name)}
    matrices = {name: features(vectorizer, examples) for name, examples in splits.items()}
    labels = {name: [example.label for example in examples] for name, examples in splits.items()}
    fitted = [LogisticRegression(C=c, max_iter=2000).fit(matrices["train"], labels["train"]) for c in STRENGTHS]
    best = max(fitted, key=lambda model: model.score(matrices["dev"], labels["dev"]))
    size = len(CLASSES[data.task])
    return {
        name: over_all_classes(best.predict_proba(matrix), best.classes_, size)
        for name, matrix in matrices.items()
        if name != "train"
    }


def over_all_classes(probabilities: np.ndarray, classes: Sequence[int], size: int) -> np.ndarray:
    """Log probabilities over all `size` classes, [examples, size]; a class that train lacks is all but impossible."""
    spread = np.full((len(probabilities), size), LEAST)
    spread[:, list(classes)] = probabilities
    return np.log(np.maximum(spread, LEAST))
