"""Intervals for differences in which every item was held out in one fold, by models trained once a fold and seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from frugal_lib.core.stats import Interval, detectable_errors, t_interval

# Folds are taken to differ where a test of that finds it at this level: at a lower one the interval is too short
# where they differ a little, at a higher one too long where they do not (`tests/core/test_cross_validation.py`).
POOLED_ABOVE = 0.35


@dataclass(frozen=True)
class Differences:
    """Paired differences: `values` is [seeds, items], `fold_of` the fold in which each item was held out, [items]."""

    values: np.ndarray
    fold_of: np.ndarray

    @property
    def items(self) -> np.ndarray:
        """Each item's difference, the mean over seeds: [items]."""
        return self.values.mean(axis=0)

    def without_fold(self, fold: int) -> Differences:
        """The same without the items of one fold."""
        rest = self.fold_of != fold
        return Differences(self.values[:, rest], self.fold_of[rest])

    def without_seed(self, seed: int) -> Differences:
        """The same without one seed (a row of `values`)."""
        return Differences(np.delete(self.values, seed, axis=0), self.fold_of)


def mean_squares(found: Differences) -> tuple[float, float]:
    """Mean square between folds, and within them: of items, seeds averaged."""
    items, fold_of = found.items, found.fold_of
    names, sizes = np.unique(fold_of, return_counts=True)
    means = np.array([items[fold_of == name].mean() for name in names])
    between = (sizes * (means - items.mean()) ** 2).sum() / (len(names) - 1)
    within = sum(((items[fold_of == n] - m) ** 2).sum() for n, m in zip(names, means, strict=True))
    return float(between), float(within / (len(items) - len(names)))


def fold_interval(found: Differences, level: float = 0.95) -> Interval:
    """Confidence interval of the mean difference: items, folds, and the models trained for each as random draws.

    Each item lies in one fold, so that the effects of a fold, and of the models trained for it, are part of
    the mean square between folds. Where an F test finds that no larger than within folds (p above
    `POOLED_ABOVE`) both are pooled, and the interval is the t-interval over items; else it rests on the mean
    square between folds and its few degrees of freedom, never on less than that within. Source: Bancroft
    1944, "On biases in estimation due to the use of preliminary tests of significance"; Searle, Casella &
    McCulloch 1992, chapter 3.

    A 95 % interval misses a true zero in 3 to 7 of 100 cases with six folds and two or three seeds, and four
    folds and two seeds, whatever the effects of folds are up to 0.3 of the items' spread (the book's are at most
    0.2); with three folds and one seed in 3 to 8. It takes the models of different folds as independent, which
    they are not: they share most of their training text, for which no unbiased estimate exists (Bengio &
    Grandvalet 2004, "No unbiased estimator of the variance of k-fold cross-validation"; Nadeau & Bengio 2003).
    It speaks of models trained on so many sonnets, not of more.

    Raises:
        ValueError: fewer than two folds, or a value that is not finite.
    """
    if len(set(found.fold_of)) < 2 or not np.isfinite(found.values).all():
        raise ValueError("an interval of a cross-validation needs at least two folds and finite values.")
    (seeds, count), folds = found.values.shape, len(set(found.fold_of))
    between, within = mean_squares(found)
    if between <= within or stats.f.sf(between / within, folds - 1, count - folds) > POOLED_ABOVE:
        variance, freedom = found.items.var(ddof=1), count - 1
    else:
        variance, freedom = between, folds - 1
    return t_interval(float(found.items.mean()), variance / count, freedom, (seeds, count), level)


def bootstrap_interval(found: Differences, draws: int = 2000, seed: int = 0, level: float = 0.95) -> Interval:
    """Percentile interval of the mean difference over resamples of the items of each fold and of the seeds.

    Source: Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 8 (stratified resampling).
    """
    rng, (seeds, count) = np.random.default_rng(seed), found.values.shape
    parts = [np.flatnonzero(found.fold_of == fold) for fold in np.unique(found.fold_of)]
    means = np.empty(draws)
    for k in range(draws):
        columns = np.concatenate([rng.choice(part, len(part)) for part in parts])
        means[k] = found.values[rng.integers(seeds, size=seeds)][:, columns].mean()
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(found.items.mean()), float(low), float(high), seeds, count)


def detectable(found: Differences, power: float = 0.8) -> float:
    """The smallest true difference that a test of these differences finds with a chance of `power`."""
    interval = fold_interval(found)
    return interval.error * detectable_errors(interval.freedom, power=power)
