"""Intervals that know about both the items (sonnets, sentences) and the seeds; what a data set can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special, stats


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval, and how many seeds and items it rests on.

    `error` is the standard error, `freedom` the degrees of freedom of its t distribution, where it has them.
    """

    mean: float
    low: float
    high: float
    seeds: int
    items: int
    error: float = math.nan
    freedom: float = math.nan

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def about(self, mean: float) -> Interval:
        """One as wide about another mean."""
        return replace(self, mean=mean, low=self.low + mean - self.mean, high=self.high + mean - self.mean)

    @property
    def reversed(self) -> Interval:
        """The same of the second minus the first."""
        return replace(self, mean=-self.mean, low=-self.high, high=-self.low)

    def p_value(self, bound: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis that the true mean is `bound`."""
        away = abs(self.mean - bound)
        return float(2 * stats.t.sf(away / self.error, self.freedom)) if self.error else float(away == 0)


def t_interval(mean: float, variance: float, freedom: float, shape: tuple[int, int], level: float) -> Interval:
    """The interval about a mean whose own variance is `variance`; `shape` counts seeds and items."""
    error = float(np.sqrt(variance))
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, *shape, error, float(freedom))


def mean_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """Confidence interval of a mean over seeds and items (sonnets), both taken as random draws.

    `values` has one row per seed and one column per item. The variance of the mean under the
    crossed model value = mean + seed + item + rest is (MS_seed + MS_item - MS_rest) / (seeds ·
    items), with Satterthwaite's degrees of freedom (Searle, Casella & McCulloch 1992, chapter 4).
    It is not let below what the items or the seeds alone would give, so that a lucky draw of
    mean squares cannot make the interval too short. With a single row it is the t-interval over
    items (Miller 2024, "Adding error bars to evals", section 2).

    With three seeds, and effects as large as in the book's comparisons, a 95 % interval misses a true
    zero in 4 to 6 of 100 cases (`test_intervals_under_the_null.py`); where seeds and items have no effect of their
    own in 2, and with two seeds in up to 10.

    Args:
        values: [seeds, items], finite.
        level: coverage aimed at, between 0 and 1.

    Raises:
        ValueError: fewer than two items, or a value that is not finite.
    """
    values = np.atleast_2d(np.asarray(values, dtype=float))
    seeds, items = values.shape
    if items < 2 or not np.isfinite(values).all():
        raise ValueError("an interval needs at least two items and finite values.")
    mean = float(values.mean())
    by_item = seeds * values.mean(axis=0).var(ddof=1)  # mean square of items
    variance, freedom = by_item, items - 1
    if seeds > 1:
        variance, freedom = crossed_variance(values, by_item)
    return t_interval(mean, variance / values.size, freedom, (seeds, items), level)


def crossed_variance(values: np.ndarray, by_item: float) -> tuple[float, float]:
    """Variance of one value about the grand mean's error, times its size, and degrees of freedom."""
    seeds, items = values.shape
    by_seed = items * values.mean(axis=1).var(ddof=1)
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    by_rest = (rest**2).sum() / ((seeds - 1) * (items - 1))
    parts = [(by_item, items - 1), (by_seed, seeds - 1), (-by_rest, (seeds - 1) * (items - 1))]
    both = sum(part for part, _ in parts)
    spread = sum(part**2 / freedom for part, freedom in parts)
    choices = [(by_item, items - 1), (by_seed, seeds - 1)]
    if both > 0 and spread > 0:
        choices.append((both, both**2 / spread))
    return max(choices)


def ratio_values(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Per-item values of a ratio of sums: their mean is sum / sum.

    Linearised about the ratio, so that bits per character of several sonnets can be treated as a
    mean over sonnets. Source: Cochran 1977, Sampling Techniques, section 2.11.
    """
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    ratio = numerators.sum() / denominators.sum()
    return ratio + (numerators - ratio * denominators) / denominators.mean()


def balanced_values(correct: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Per-example values of balanced accuracy: their mean is the mean share found by class.

    Args:
        correct: 1 where the prediction is right, else 0, [examples].
        labels: the true class, [examples].
    """
    correct, classes = np.asarray(correct, float), np.unique(labels)
    parts = [ratio_values(correct * (labels == k), (labels == k).astype(float)) for k in classes]
    return np.mean(parts, axis=0)


def auroc_values(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Per-example values of the AUROC: their mean is the AUROC, their spread its uncertainty.

    The variance of their mean is that of DeLong, DeLong & Clarke-Pearson 1988, so that two models on
    the same examples can be compared by the differences of their values.

    Args:
        scores: higher for the second class, [examples].
        labels: 0 or 1, [examples], both of them there.

    Raises:
        ValueError: only one class is there.
    """
    scores, labels = np.asarray(scores, float), np.asarray(labels)
    yes, no = scores[labels == 1], scores[labels == 0]
    if not (len(yes) and len(no)):
        raise ValueError("an AUROC needs examples of both classes.")
    wins = (yes[:, None] > no).astype(float) + 0.5 * (yes[:, None] == no)
    auroc, values = wins.mean(), np.empty(len(scores))
    values[labels == 1] = auroc + len(scores) / len(yes) * (wins.mean(axis=1) - auroc)
    values[labels == 0] = auroc + len(scores) / len(no) * (wins.mean(axis=0) - auroc)
    return values


def detectable_difference(spread: float, items: int, level: float = 0.05, power: float = 0.8) -> float:
    """The smallest true difference that a paired test finds with a chance of `power`.

    For a two-sided t-test of `items` paired differences whose standard deviation is `spread`; with
    right and wrong as 1 and 0 its square is about the share of items on which two models disagree.
    Source: Card et al. 2020, "With little power comes great responsibility".

    Raises:
        ValueError: fewer than two items.
    """
    if items < 2:
        raise ValueError("a paired test needs at least two items.")
    return spread / np.sqrt(items) * detectable_errors(items - 1, level, power)


def detectable_errors(freedom: float, level: float = 0.05, power: float = 0.8) -> float:
    """How many standard errors a true difference has that a t-test finds with a chance of `power`."""
    threshold = stats.t.ppf(1 - level / 2, freedom)

    def lack(effect: float) -> float:  # finding the wrong sign is too rare to count
        return stats.nct.sf(threshold, freedom, effect) - power

    return optimize.brentq(lack, 0, 3 * threshold + 3)


def expected_best(values: Sequence[float], trials: int) -> float:
    """The mean of the largest of `trials` values drawn from `values` without replacement.

    What the best of a sweep is worth: a search that tries more has a higher best by luck alone.
    Source: Dodge et al. 2019, "Show your work", in the unbiased form of Tang et al. 2020.

    Raises:
        ValueError: fewer values than trials, or no trial.
    """
    return float(np.sort(np.asarray(values, float)) @ best_weights(len(values), trials))


def best_quantile(values: Sequence[float], trials: int, share: float) -> float:
    """The value that the largest of `trials` values stays below with probability `share`."""
    reached = np.cumsum(best_weights(len(values), trials))
    return float(np.sort(np.asarray(values, float))[min(np.searchsorted(reached, share), len(values) - 1)])


def best_weights(size: int, trials: int) -> np.ndarray:
    """How likely each of `size` values, in rising order, is to be the largest of `trials` of them: [size]."""
    if not 1 <= trials <= size:
        raise ValueError(f"the best of {trials} cannot be had from {size} values.")
    below = np.arange(size)
    logs = special.gammaln(below + 1) - special.gammaln(np.maximum(below - trials + 2, 1)) - special.gammaln(trials)
    chosen = special.gammaln(size + 1) - special.gammaln(size - trials + 1) - special.gammaln(trials + 1)
    return np.where(below >= trials - 1, np.exp(logs - chosen), 0.0)


def rank_correlation(first: Sequence[float], second: Sequence[float], level: float = 0.95) -> Interval:
    """Spearman's rank correlation with an interval by Fisher's transformation.

    Source of the standard error: Bonett & Wright 2000, "Sample size requirements for estimating
    Pearson, Kendall and Spearman correlations".

    Raises:
        ValueError: fewer than four pairs, or all values of one side are equal.
    """
    count = len(first)
    if count < 4 or len(set(first)) == 1 or len(set(second)) == 1:
        raise ValueError("a rank correlation needs at least four pairs that are not all alike.")
    found = float(stats.spearmanr(first, second).statistic)
    half = stats.norm.ppf(0.5 + level / 2) * np.sqrt((1 + found**2 / 2) / (count - 3))
    centre = np.arctanh(np.clip(found, -1 + 1e-12, 1 - 1e-12))
    return Interval(found, float(np.tanh(centre - half)), float(np.tanh(centre + half)), 1, count)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of paired differences: the share of all sign flips whose mean is as far from zero.

    Exact for any distribution that is symmetric about zero: all 2^n flips are enumerated (4,096 for twelve
    sonnets). Source: Fisher 1935, "The design of experiments", section 21.

    Raises:
        ValueError: no difference, or more than 20, of which there are too many flips.
    """
    values = np.asarray(differences, float)
    if not 1 <= len(values) <= 20:
        raise ValueError(f"{len(values)} differences cannot be flipped one by one; give 1 to 20.")
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= np.abs(values.sum()) - 1e-9 * np.abs(values).sum()))


def needed_items(effect: float, spread: float, level: float = 0.05, power: float = 0.8) -> int:
    """How many paired items a test needs to find a true difference of `effect`: the inverse of `detectable_difference`.

    Raises:
        ValueError: the effect is zero, which no number of items can show.
    """
    if not effect:
        raise ValueError("a difference of zero cannot be found.")
    low, high = 2, 4
    while detectable_difference(spread, high, level, power) > abs(effect):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if detectable_difference(spread, middle, level, power) > abs(effect) else (low, middle)
        )
    return low if detectable_difference(spread, low, level, power) <= abs(effect) else high


def variance_parts(values: np.ndarray) -> dict[str, float]:
    """The variance of one score, split into what prompts, training seeds, both together, and sampling add.

    The model is value = mean + seed + prompt + seed x prompt + sample, all of them random; the parts
    come from the mean squares (Searle, Casella & McCulloch 1992, chapter 4), and none is let below zero.

    Args:
        values: [seeds, prompts, samples], two or more of each.

    Returns:
        `seed`, `prompt`, `both` and `sample`, in squared units of the values.
    """
    values = np.asarray(values, float)
    seeds, prompts, samples = values.shape
    if min(values.shape) < 2:
        raise ValueError("a variance needs two seeds, prompts and samples at least.")
    cells, whole = values.mean(axis=2), values.mean()
    by_seed, by_prompt = cells.mean(axis=1), cells.mean(axis=0)
    rest = cells - by_seed[:, None] - by_prompt[None, :] + whole
    sample = values.var(axis=2, ddof=1).mean()
    both = samples * (rest**2).sum() / ((seeds - 1) * (prompts - 1))
    squares = {"seed": prompts * samples * by_seed.var(ddof=1), "prompt": seeds * samples * by_prompt.var(ddof=1)}
    return {
        "seed": max(0.0, float(squares["seed"] - both) / (prompts * samples)),
        "prompt": max(0.0, float(squares["prompt"] - both) / (seeds * samples)),
        "both": max(0.0, float(both - sample) / samples),
        "sample": float(sample),
    }
