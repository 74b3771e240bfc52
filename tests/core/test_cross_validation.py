"""The interval of a cross-validation: known values, and how often it misses a true zero."""

import numpy as np
import pytest
from scipy import stats

from frugal_lib.core.cross_validation import (
    Differences,
    bootstrap_interval,
    detectable,
    fold_interval,
    mean_squares,
)
from frugal_lib.core.stats import mean_interval

SHAPES = [(6, 2), (6, 3), (4, 2), (3, 1)]  # folds and seeds
# Spreads of the effects of folds and of each trained model, in those of sonnets: none, and up to those of the book,
# whose largest is that of attention alone (half the spread of sonnets).
EFFECTS = [(0, 0), (0, 0.1), (0.1, 0.1), (0, 0.2), (0.2, 0.1), (0, 0.5)]


def fold_numbers(folds):
    return np.sort(np.arange(154) % folds)


def simulated(folds, seeds, of_fold, of_model, rng, mean=0.0):
    """Differences of 154 sonnets whose true mean is `mean`, and their own spread 1, beside noise of 0.6."""
    fold_of = fold_numbers(folds)
    models = of_model * rng.standard_normal((seeds, folds)) + of_fold * rng.standard_normal(folds)
    values = rng.standard_normal(154) + 0.6 * rng.standard_normal((seeds, 154)) + models[:, fold_of]
    return Differences(mean + values, fold_of)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_true_zero_is_missed_in_3_to_7_of_100_cases(shape, effects):
    rng = np.random.default_rng([*shape, *(int(100 * effect) for effect in effects)])
    intervals = [fold_interval(simulated(*shape, *effects, rng)) for _ in range(2000)]
    missed = np.mean([not one.low <= 0 <= one.high for one in intervals])
    spare = 2 * np.sqrt(0.05 * 0.95 / 2000)  # two standard errors of 2,000 simulations
    assert 0.03 - spare <= missed <= 0.07 + spare


def test_without_differences_between_folds_it_is_the_t_interval_over_items():
    rng = np.random.default_rng(5)
    values = rng.standard_normal((1, 30))
    fold_of = np.arange(30) % 3
    for fold in range(3):  # folds that are exactly alike
        values[0, fold_of == fold] -= values[0, fold_of == fold].mean()
    found = fold_interval(Differences(values + 2, fold_of))
    low, high = stats.t.interval(0.95, 29, 2, stats.sem(values[0]))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.items, found.seeds, found.freedom) == (30, 1, 29)


def test_folds_that_differ_make_it_rest_on_the_folds():
    fold_of = np.repeat(np.arange(4), 10)
    values = np.array([0.0, 1.0, 2.0, 3.0])[fold_of][None] + np.tile([-0.1, 0.1], 20)
    between, within = mean_squares(Differences(values, fold_of))
    assert between == pytest.approx(10 * 5 / 3) and within == pytest.approx(40 * 0.01 / 36)
    found = fold_interval(Differences(values, fold_of))
    low, high = stats.t.interval(0.95, 3, 1.5, stats.sem([0, 1, 2, 3]))
    assert (found.low, found.high, found.freedom) == pytest.approx((low, high, 3))


def test_it_is_never_narrower_than_items_alone_would_give():
    """Folds that are more alike than chance has them say nothing of the spread of items."""
    rng = np.random.default_rng(7)
    for shape in SHAPES:
        for _ in range(200):
            found = simulated(*shape, 0, 0.1, rng)
            alone = mean_interval(found.items[None])
            assert fold_interval(found).high - alone.high > -1e-12


def test_folds_of_other_sizes_and_names_are_weighed_by_their_items():
    fold_of = np.array([7, 7, 7, 2])
    between, within = mean_squares(Differences(np.array([[0.0, 3.0, 3.0, 6.0]]), fold_of))
    assert (between, within) == pytest.approx((3 * 1 + 1 * 9, 6 / 2))  # means 2 and 6 about 3


def test_models_that_do_not_differ_at_all_are_certain():
    """FP64 beside FP32, for one: no spread, no division by it."""
    found = fold_interval(Differences(np.zeros((2, 12)), np.arange(12) % 3))
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    assert (found.p_value(), found.p_value(0.01)) == (1, 0)


def test_a_fold_or_a_seed_can_be_left_out():
    found = simulated(6, 2, 0, 0, np.random.default_rng(0))
    assert found.without_fold(2).values.shape == (2, 154 - (found.fold_of == 2).sum())
    assert np.array_equal(found.without_seed(0).values, found.values[1:])


def test_the_bootstrap_agrees_with_it_where_folds_do_not_differ():
    found = simulated(6, 2, 0, 0, np.random.default_rng(3), mean=0.5)
    one, other = fold_interval(found), bootstrap_interval(found)
    assert other.mean == one.mean and bootstrap_interval(found) == other
    assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.05)


def test_the_bootstrap_of_two_seeds_has_the_spread_of_their_resamples():
    """Seeds 0 and 2, no other spread: means of 0, 1 and 2 in a quarter, a half and a quarter of the draws."""
    found = Differences(np.repeat([[0.0], [2.0]], 12, axis=1), np.arange(12) % 3)
    assert (bootstrap_interval(found).low, bootstrap_interval(found).high) == (0, 2)
    middle = bootstrap_interval(found, level=0.4)
    assert (middle.low, middle.mean, middle.high) == (1, 1, 1)


def test_a_difference_that_is_detectable_is_found_in_80_of_100_cases():
    rng = np.random.default_rng(8)
    effect = np.mean([detectable(simulated(6, 2, 0, 0, rng)) for _ in range(100)])
    found = np.mean([fold_interval(simulated(6, 2, 0, 0, rng, mean=effect)).low > 0 for _ in range(1000)])
    assert found == pytest.approx(0.8, abs=0.06)


def test_a_p_value_is_that_of_the_interval():
    one = fold_interval(simulated(6, 2, 0, 0, np.random.default_rng(1)))
    assert one.p_value(one.high) == pytest.approx(0.05) and one.reversed.p_value(-one.low) == pytest.approx(0.05)


def test_one_fold_or_a_value_that_is_not_finite_is_refused():
    for values, fold_of in ((np.ones((1, 4)), np.zeros(4)), (np.full((1, 4), np.nan), np.arange(4))):
        with pytest.raises(ValueError, match="at least two folds and finite values"):
            fold_interval(Differences(values, fold_of))
