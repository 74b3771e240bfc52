"""Intervals for differences in which every item was held out in one fold, by models trained once a fold and seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from frugal_lib.core.stats import Interval, detectable_errors, t_interval

# Folds are taken to differ where a test of that finds it at this level: the one at which the interval misses a true
# zero in 3.0 to 7.0 of 100 cases with three folds, 3.1 to 5.9 with four and 3.1 to 5.3 with six, by a million draws of
# the mean squares for every effect of folds and models. At 0.2 it is 4.0 to 10.8 with three folds, at 0.5 2.5 to 5.6.
POOLED_ABOVE = 0.39


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
    items, (_, fold_of) = found.items, np.unique(found.fold_of, return_inverse=True)
    sizes = np.bincount(fold_of)
    means = np.bincount(fold_of, items) / sizes
    between = (sizes * (means - items.mean()) ** 2).sum() / (len(sizes) - 1)
    within = ((items - means[fold_of]) ** 2).sum() / (len(items) - len(sizes))
    return float(between), float(within)


def fold_interval(found: Differences, level: float = 0.95) -> Interval:
    """Confidence interval of the mean difference: items, folds, and the models trained for each as random draws.

    Each item lies in one fold, so that the effects of a fold, and of the models trained for it, are part of
    the mean square between folds. Where an F test does not find that larger than within folds (p above
    `POOLED_ABOVE`) both are pooled, and the interval is the t-interval over items; else it rests on the mean
    square between folds and its few degrees of freedom, never on less than what items alone would give. Source:
    Bancroft 1944, "On biases in estimation due to the use of preliminary tests of significance"; Searle, Casella &
    McCulloch 1992, chapter 3.

    A 95 % interval misses a true zero in 3 to 7 of 100 cases with 154 items and six folds (two or three seeds), four
    (two seeds) or three (one seed), whatever the effects of folds and models. What else was tried, with effects whose
    variance is 0 to 0.09 of the items': the t-interval over items misses it in 5 to 39; that over the means of folds
    in 5 always, and is as wide on average, but by luck narrower than items alone would give; the wider of these two in
    1 to 5; Nadeau & Bengio's correction in 1 to 2; variance components of models without folds in 4 to 25.

    It takes the models of different folds as independent, which they are not: they share most of their training
    text, for which no unbiased estimate exists (Bengio & Grandvalet 2004, "No unbiased estimator of the variance of
    k-fold cross-validation"; Nadeau & Bengio 2003, "Inference for the generalization error"). What a seed does alike
    in every fold is not in it, and it speaks of models trained on so many sonnets, not of more.

    Raises:
        ValueError: fewer than two folds, or a value that is not finite.
    """
    (seeds, count), folds = found.values.shape, len(np.unique(found.fold_of))
    if folds < 2 or not np.isfinite(found.values).all():
        raise ValueError("an interval of a cross-validation needs at least two folds and finite values.")
    between, within = mean_squares(found)
    variance, freedom = float(found.items.var(ddof=1)), count - 1
    if within == 0 or special.fdtrc(folds - 1, count - folds, between / within) <= POOLED_ABOVE:
        variance, freedom = max(between, variance), folds - 1
    return t_interval(float(found.items.mean()), variance / count, freedom, (seeds, count), level)


def bootstrap_interval(found: Differences, draws: int = 2000, seed: int = 0, level: float = 0.95) -> Interval:
    """Percentile interval of the mean difference over resamples of the items of each fold and of the seeds.

    Source: Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 8 (stratified resampling).
    """
    rng, (seeds, count) = np.random.default_rng(seed), found.values.shape
    times = np.empty((draws, count))  # how often each item is drawn
    for fold in np.unique(found.fold_of):
        here = np.flatnonzero(found.fold_of == fold)
        times[:, here] = rng.multinomial(len(here), np.full(len(here), 1 / len(here)), draws)
    rows = rng.multinomial(seeds, np.full(seeds, 1 / seeds), draws) @ found.values / seeds
    low, high = np.quantile((rows * times).sum(axis=1) / count, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(found.items.mean()), float(low), float(high), seeds, count)


def detectable(found: Differences, power: float = 0.8) -> float:
    """The smallest true difference that a test of these differences finds with a chance of `power`."""
    interval = fold_interval(found)
    return interval.error * detectable_errors(interval.freedom, power=power)
