import itertools

import numpy as np
import pytest

from frugal_lib.models.kneser_ney import KneserNey, discounts

TEXT = np.random.default_rng(0).integers(0, 6, 400) * np.random.default_rng(1).integers(0, 2, 400)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_probabilities_after_any_context_sum_to_one(order):
    model = KneserNey(TEXT, 6, order)
    for context in [(), (0,), (3, 0), (5, 5, 5), (0, 0, 0, 0), (1, 2, 3, 4)]:
        total = sum(model.probabilities(np.array([*context, token]))[-1] for token in range(6))
        assert total == pytest.approx(1, abs=1e-6)


def test_a_bigram_model_is_what_the_formula_says():
    """Chen & Goodman by hand, with dictionaries."""
    model = KneserNey(TEXT, 6, 2)
    pairs = list(itertools.pairwise(TEXT.tolist()))
    counts = {pair: pairs.count(pair) for pair in set(pairs)}
    before = {w: len({a for a, b in counts if b == w}) for w in range(6)}
    d2, d1 = discounts(np.array([*counts.values()])), discounts(np.array([n for n in before.values() if n]))

    def unigram(w):
        freed = sum(d1[min(n, 3)] for n in before.values()) / sum(before.values())
        return max(0, before[w] - d1[min(before[w], 3)]) / sum(before.values()) + freed / 6

    def bigram(a, w):
        total = sum(n for (x, _), n in counts.items() if x == a)
        freed = sum(d2[min(n, 3)] for (x, _), n in counts.items() if x == a) / total
        n = counts.get((a, w), 0)
        return max(0, n - d2[min(n, 3)]) / total + freed * unigram(w)

    for a, w in itertools.product(range(6), repeat=2):
        assert model.probabilities(np.array([a, w]))[1] == pytest.approx(bigram(a, w), rel=1e-5)


def test_an_unseen_context_falls_back_to_the_shorter_one():
    text = np.array([0, 1, 2, 0, 1, 3, 0, 1, 2, 4, 5] * 3)
    model = KneserNey(text, 8, 3)
    assert model.probabilities(np.array([7, 0, 1]))[-1] == pytest.approx(model.probabilities(np.array([0, 1]))[-1])
    assert model.probabilities(np.array([7, 7, 6]))[-1] > 0


def test_a_longer_memory_predicts_a_repeating_text_better():
    text = np.array([0, 1, 2, 0, 1, 3, 0, 2, 1, 3] * 30)
    assert np.mean(KneserNey(text, 8, 3).nats(text[:60])) < np.mean(KneserNey(text, 8, 1).nats(text[:60])) / 2


@pytest.mark.parametrize(("tokens", "vocab", "order"), [(TEXT, 8192, 5), (TEXT[:2], 6, 3)])
def test_what_cannot_be_counted_is_one_sentence(tokens, vocab, order):
    with pytest.raises(ValueError, match=r"does not fit .* or the text is too short\.$"):
        KneserNey(tokens, vocab, order)
