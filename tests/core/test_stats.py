import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from frugal_lib.core.stats import (
    auroc_values,
    balanced_values,
    best_quantile,
    detectable_difference,
    expected_best,
    mean_interval,
    needed_items,
    rank_correlation,
    ratio_values,
    sign_flip_p,
    variance_parts,
)


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


def test_the_expected_best_is_the_mean_over_all_choices():
    from itertools import combinations

    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6]
    for trials in range(1, 7):
        bests = [max(chosen) for chosen in combinations(values, trials)]
        assert expected_best(values, trials) == pytest.approx(np.mean(bests))
        assert best_quantile(values, trials, 0.5) in values
    assert expected_best(values, 1) == pytest.approx(np.mean(values)) and expected_best(values, 6) == 9
    assert best_quantile(values, 6, 0.01) == 9


def test_the_expected_best_of_normal_draws_is_where_order_statistics_say():
    values = scipy_stats.norm.ppf((np.arange(5000) + 0.5) / 5000)
    assert expected_best(values, 100) == pytest.approx(2.508, abs=0.03)  # of 100 standard normal draws
    low, high = (best_quantile(values, 100, share) for share in (0.025, 0.975))
    bests = np.random.default_rng(1).choice(values, size=(2000, 100)).max(axis=1)
    assert np.mean((bests >= low) & (bests <= high)) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("trials", [0, 4])
def test_the_best_of_more_than_there_are_is_refused(trials):
    with pytest.raises(ValueError, match=f"the best of {trials} cannot be had from 3 values"):
        expected_best([1.0, 2.0, 3.0], trials)


def test_a_rank_correlation_is_spearmans_and_its_interval_covers():
    same = rank_correlation([1, 2, 3, 4, 5], [10, 20, 30, 40, 50])
    assert same.mean == pytest.approx(1) and same.items == 5
    rng = np.random.default_rng(0)
    truth, hits = 6 / np.pi * np.arcsin(0.6 / 2), 0  # Spearman's rho of a normal pair with correlation 0.6
    for _ in range(500):
        first = rng.normal(size=40)
        found = rank_correlation(first, 0.6 * first + 0.8 * rng.normal(size=40))
        hits += found.low <= truth <= found.high
    assert hits / 500 == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("pairs", [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_too_few_or_equal_values_have_no_correlation(pairs):
    with pytest.raises(ValueError, match="at least four pairs that are not all alike"):
        rank_correlation(*pairs)


def test_auroc_values_average_to_the_auroc_and_spread_as_delong_says():
    rng = np.random.default_rng(0)
    labels = (rng.random(200) < 0.3).astype(int)
    scores = rng.normal(size=200) + labels
    assert auroc_values(scores, labels).mean() == pytest.approx(roc_auc_score(labels, scores))
    draws, errors = [], []
    for _ in range(400):  # the spread of AUROC over fresh draws of examples, and what one draw says of it
        fresh = rng.normal(size=200) + labels
        draws.append(roc_auc_score(labels, fresh))
        errors.append(auroc_values(fresh, labels).std(ddof=1) / np.sqrt(200))
    assert np.mean(errors) == pytest.approx(np.std(draws), rel=0.1)
    with pytest.raises(ValueError, match="both classes"):
        auroc_values([1, 2], [1, 1])


def test_a_sign_flip_test_enumerates_all_flips():
    assert sign_flip_p([1.0, 1.0, 1.0]) == 2 / 8
    assert sign_flip_p([1.0, -1.0]) == 1.0
    assert sign_flip_p([0.0, 0.0]) == 1.0
    differences = np.random.default_rng(0).normal(0.6, 1, size=10)
    theirs = scipy_stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(differences) == pytest.approx(theirs.pvalue)
    with pytest.raises(ValueError, match="give 1 to 20"):
        sign_flip_p([1.0] * 21)


def test_as_many_items_are_needed_as_detect_the_difference():
    for items in (2, 5, 12, 300):
        difference = detectable_difference(2.0, items)
        assert needed_items(difference * 1.0001, 2.0) == items
    assert needed_items(-0.5, 2.0) == needed_items(0.5, 2.0)
    with pytest.raises(ValueError, match="zero"):
        needed_items(0.0, 1.0)


def test_variance_falls_into_its_parts():
    rng = np.random.default_rng(0)
    sds = {"seed": 0.5, "prompt": 2.0, "both": 1.0, "sample": 3.0}
    found = {name: [] for name in sds}
    for _ in range(300):
        shape = (5, 12, 20)
        values = sds["seed"] * rng.normal(size=(5, 1, 1)) + sds["prompt"] * rng.normal(size=(1, 12, 1))
        values = values + sds["both"] * rng.normal(size=(5, 12, 1)) + sds["sample"] * rng.normal(size=shape)
        for name, part in variance_parts(values).items():
            found[name].append(part)
    for name, sd in sds.items():
        assert np.mean(found[name]) == pytest.approx(sd**2, rel=0.1), name
    with pytest.raises(ValueError, match="two seeds"):
        variance_parts(np.zeros((1, 12, 3)))
