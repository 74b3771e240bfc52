import numpy as np
import pytest
from scipy import stats as scipy_stats

from frugal_lib.stats import balanced_values, detectable_difference, mean_interval, ratio_values


def test_one_row_is_the_t_interval():
    values = np.array([1.0, 2.0, 4.0, 7.0])
    ours = mean_interval(values)
    low, high = scipy_stats.t.interval(0.95, 3, values.mean(), scipy_stats.sem(values))
    assert (ours.mean, ours.low, ours.high) == pytest.approx((3.5, low, high))
    assert (ours.seeds, ours.items) == (1, 4)


@pytest.mark.parametrize(("seed_sd", "item_sd", "seeds"), [(0, 1, 3), (1, 0, 3), (0.5, 1, 3), (1, 1, 5), (0, 0, 3)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(seed_sd, item_sd, seeds):
    rng = np.random.default_rng(0)
    trials, items = 1000, 12
    hits = 0
    for _ in range(trials):
        values = rng.normal(size=(seeds, items)) + seed_sd * rng.normal(size=(seeds, 1))
        values += item_sd * rng.normal(size=(1, items))
        interval = mean_interval(values)
        hits += interval.low <= 0 <= interval.high
    assert hits / trials >= 0.93  # never too short; with no effect of either kind it is on the long side


def test_equal_values_have_an_interval_of_no_length():
    interval = mean_interval(np.full((3, 12), 42.0))
    assert interval.low == interval.high == 42


@pytest.mark.parametrize("values", [[1.0], [[1.0, np.nan]], [[1.0], [2.0]]])
def test_too_little_or_broken_data_is_refused(values):
    with pytest.raises(ValueError, match="at least two items and finite values"):
        mean_interval(np.array(values))


def test_shares_of_a_ratio_have_it_as_their_mean():
    tops, bottoms = np.array([3.0, 8.0, 1.0]), np.array([2.0, 4.0, 1.0])
    assert ratio_values(tops, bottoms).mean() == pytest.approx(12 / 7)


def test_balanced_values_have_balanced_accuracy_as_their_mean():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    correct = np.array([1, 1, 1, 0, 0, 1, 1, 0])
    assert balanced_values(correct, labels).mean() == pytest.approx((4 / 6 + 1 / 2) / 2)


@pytest.mark.parametrize("items", [5, 12, 60])
def test_a_detectable_difference_is_detected_as_often_as_it_says(items):
    difference = detectable_difference(2.0, items)
    draws = np.random.default_rng(0).normal(difference, 2.0, size=(4000, items))
    found = scipy_stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_more_items_show_smaller_differences_and_one_shows_none():
    assert detectable_difference(1, 1000) < detectable_difference(1, 100) / 3
    with pytest.raises(ValueError, match="at least two items"):
        detectable_difference(1, 1)
