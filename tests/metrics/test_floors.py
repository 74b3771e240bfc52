import random

import pytest

from frugal_lib.metrics import chrf, floors

TRUE = ["One line here,\nanother line there,\nthe end of it.", "What should be said?\nNothing at all\nor little."]
PROMPTS = ["One line here,", "What should be said?"]
LINES = ["a line of a sonnet", "a longer line of another sonnet", "short"]


def test_random_text_is_of_whole_lines_but_the_last_and_exactly_as_long():
    text = floors.random_text(LINES, 45, random.Random(0))
    assert len(text) == 45 and set(text.split("\n")[:-1]) <= set(LINES)
    assert floors.random_text(LINES, 10, random.Random(0)) == text[:10]


def test_a_floor_is_the_mean_of_its_draws_and_comes_out_again():
    first = floors.equal_length(PROMPTS, TRUE, LINES, [30, 0], 2, seed=1)
    rng, scores = random.Random(1), []
    for _ in range(2):
        texts = [f"{PROMPTS[0]}\n{floors.random_text(LINES, 30, rng)}", PROMPTS[1]]
        scores.append(chrf.chrf(texts, TRUE))
    assert first.mean == pytest.approx(sum(scores) / 2)
    assert first.sd == pytest.approx(abs(scores[0] - scores[1]) / 2**0.5) and first.draws == 2
    assert floors.equal_length(PROMPTS, TRUE, LINES, [30, 0], 2, seed=1) == first
    assert floors.equal_length(PROMPTS, TRUE, LINES, [30, 0], 2, seed=2) != first


def test_shorter_text_has_a_lower_floor(sonnets):
    """Four fifths of the characters: the floor of dev falls from 42.1 to 40.3."""
    lines = [line for sonnet in sonnets.train for line in sonnet.lines]
    prompts, true = [s.given for s in sonnets.dev], [s.text for s in sonnets.dev]
    means = []
    for share in (1.0, 0.8):
        lengths = [round(share * len(s.continuation)) for s in sonnets.dev]
        means.append(floors.equal_length(prompts, true, lines, lengths, 20, seed=0).mean)
    assert means[0] == pytest.approx(42.1, abs=0.4) and means[0] - means[1] == pytest.approx(1.8, abs=0.3)


@pytest.mark.parametrize(("lines", "lengths", "draws"), [([], [1, 1], 2), (LINES, [1, 1], 1), (LINES, [1], 2)])
def test_what_cannot_be_drawn_is_refused(lines, lengths, draws):
    with pytest.raises(ValueError):
        floors.equal_length(PROMPTS, TRUE, lines, lengths, draws, seed=0)
