"""How often each test of `stats` rejects at 5 % where nothing is to be found: data of the shapes that the book has."""

from collections import defaultdict

import numpy as np
import pytest
from fakes.book import NO_FOLDS

from frugal_lib.chapters import registry
from frugal_lib.chapters.baseline import sonnets
from frugal_lib.chapters.lora import tables as lora_tables
from frugal_lib.chapters.quantization import tables
from frugal_lib.chapters.synthetic import tables as synthetic_tables
from frugal_lib.chapters.what_breaks import claims
from frugal_lib.core import runs, stats
from frugal_lib.core.cross_validation import Differences, fold_interval
from frugal_lib.profiles import load_profile

TRIALS = 2000


def about_five_in_a_hundred(rejected):
    found = list(rejected)
    assert 0.03 <= np.mean(found) <= 0.07, f"rejects {100 * np.mean(found):.1f} % of {len(found)} nulls"


def excludes(interval, truth=0.0):
    return not interval.low <= truth <= interval.high


def mean_squares(values):
    """Mean squares of items, seeds and rest: [seeds, items] in, three numbers out."""
    seeds, items = values.shape
    by_item, by_seed = values.mean(axis=0), values.mean(axis=1)
    rest = values - by_item - by_seed[:, None] + values.mean()
    return (
        seeds * by_item.var(ddof=1),
        items * by_seed.var(ddof=1),
        (rest**2).sum() / ((seeds - 1) * (items - 1)),
    )


@pytest.fixture(scope="module")
def parts():
    """Of every interval behind the book's scores and verdicts: its shape, and the effects of items and seeds.

    The effects are standard deviations, in units of what is left when both are taken out; they come from
    the committed records, as the book's own code asks for its intervals.
    """
    profile, found, asked = load_profile("micro"), defaultdict(list), stats.crossed_variance

    def sweep(wanted):
        return [record for run in wanted if (record := runs.read(run, profile.results_folder()))]

    def noted(values, by_item):
        items, seeds, rest = mean_squares(values)
        if rest > 1e-12:
            ratios = (items / rest - 1) / len(values), (seeds / rest - 1) / values.shape[1]
            found[values.shape].append(np.sqrt(np.maximum(ratios, 0)))
        return asked(values, by_item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "crossed_variance", noted)
        names = ("baseline", "lora", "quantization", "synthetic")
        records = {name: registry.plan_of(name).records(profile, 0, sweep) for name in names}
        book, folder = claims.book_of(records, NO_FOLDS), profile.results_folder()
        claims.evaluated(book)
        sonnets.score_rows(records["baseline"])
        lora_tables.likelihood_table(book.lora, folder)
        tables.format_table(book.quantization, folder)
        synthetic_tables.student_table(book.synthetic, folder)
    return found


@pytest.mark.parametrize("shape", [(3, 10), (3, 12), (3, 245), (3, 500), (3, 1101), (3, 2000)])
def test_an_interval_over_seeds_and_items(parts, shape):
    """Each null has the effects of items and seeds that one of the book's comparisons of this shape has."""
    rng, (seeds, items) = np.random.default_rng(shape), shape

    def null():
        item_sd, seed_sd = parts[shape][rng.integers(len(parts[shape]))]
        values = rng.normal(size=shape) + item_sd * rng.normal(size=(1, items))
        return values + seed_sd * rng.normal(size=(seeds, 1))

    assert len(parts[shape]) >= 4
    about_five_in_a_hundred(excludes(stats.mean_interval(null())) for _ in range(TRIALS))


@pytest.mark.parametrize("folds, seeds", [(6, 2), (6, 3), (4, 2), (3, 1)])
def test_an_interval_over_folds(parts, folds, seeds):
    """Each null is of 154 sonnets, with the effects that sonnets and models have in one of the book's comparisons."""
    rng, fold_of = np.random.default_rng([folds, seeds]), np.arange(154) % folds

    def null():
        sonnet_sd, model_sd = parts[3, 22][rng.integers(len(parts[3, 22]))]
        values = rng.normal(size=(seeds, 154)) + sonnet_sd * rng.normal(size=154)
        return Differences(values + model_sd * rng.normal(size=(seeds, folds))[:, fold_of], fold_of)

    about_five_in_a_hundred(excludes(fold_interval(null())) for _ in range(3 * TRIALS))  # 3.6 to 4.2 %, ± 0.25


@pytest.mark.parametrize("items", [3, 10, 11, 12, 500])
def test_an_interval_over_items(items):
    rng = np.random.default_rng(1)
    about_five_in_a_hundred(excludes(stats.mean_interval(rng.normal(size=items))) for _ in range(TRIALS))


@pytest.mark.parametrize("items", [10, 11, 12])
@pytest.mark.parametrize("draw", ["normal", "standard_cauchy", "laplace"])
def test_sign_flips(draw, items):
    rng = np.random.default_rng(2)
    about_five_in_a_hundred(stats.sign_flip_p(getattr(rng, draw)(size=items)) <= 0.05 for _ in range(TRIALS))


@pytest.mark.parametrize("pairs", [26, 50, 61, 248, 360])
def test_a_rank_correlation(pairs):
    rng = np.random.default_rng(3)
    about_five_in_a_hundred(
        excludes(stats.rank_correlation(rng.normal(size=pairs), rng.normal(size=pairs))) for _ in range(TRIALS)
    )


def test_the_difference_of_two_aurocs():
    rng, labels = np.random.default_rng(4), np.arange(500) % 2

    def null():
        shared = rng.normal(size=500) + labels
        one, other = (stats.auroc_values(shared + rng.normal(size=500), labels) for _ in range(2))
        return one - other

    about_five_in_a_hundred(excludes(stats.mean_interval(null())) for _ in range(TRIALS))


def test_the_difference_of_two_balanced_accuracies():
    rng, labels = np.random.default_rng(5), (np.arange(500) % 3 == 0).astype(int)

    def null():
        one, other = (stats.balanced_values(rng.random(500) < 0.7, labels) for _ in range(2))
        return one - other

    about_five_in_a_hundred(excludes(stats.mean_interval(null())) for _ in range(TRIALS))


@pytest.mark.parametrize("items", [10, 12, 24])
def test_the_difference_of_two_ratios(items):
    """Bits per character of two models on the same sonnets, whose lengths differ as sonnets' do."""
    rng = np.random.default_rng(6)

    def null():
        lengths = rng.normal(480, 25, size=items)
        shared = rng.normal(2, 0.1, size=items)
        one, other = (stats.ratio_values((shared + rng.normal(0, 0.05, items)) * lengths, lengths) for _ in range(2))
        return one - other

    about_five_in_a_hundred(excludes(stats.mean_interval(null())) for _ in range(TRIALS))
