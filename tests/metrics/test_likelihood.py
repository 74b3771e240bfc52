import math

import pytest
import torch
from fakes.families import greedy_tokenizer

from frugal_lib.data.sonnets import Sonnet
from frugal_lib.metrics import likelihood
from frugal_lib.metrics.likelihood import IGNORED

TEXTS = ["the rose is red\nthe violet is blue", "sugar is sweet", "and so art thou, my love, and so art thou"]
SHALL = (
    "Shall I compare thee to a summer's day?",
    "Thou art more lovely and more temperate:",
    "Rough winds do shake the darling buds of May,",
    "And summer's lease hath all too short a date:",
    "Sometime too hot the eye of heaven shines,",
)


def test_given_text_is_read_but_not_scored(tokenizer):
    (example,) = likelihood.language_examples(["one line\nanother"], tokenizer, ["one line\n"])
    given = len(tokenizer.encode("one line\n"))
    assert example["labels"][:given] == [IGNORED] * given
    assert example["labels"][given:] == example["input_ids"][given:]
    assert example["input_ids"][-1] == tokenizer.eos_token_id


@pytest.mark.parametrize("begins", [False, True])
def test_a_token_across_the_end_of_the_opening_is_scored(begins):
    tokenizer = greedy_tokenizer(begins)
    given, text = "of love,\n", "of love,\nAnd of a dove,\nAnd"
    (example,) = likelihood.language_examples([text], tokenizer, [given])
    unscored = example["labels"].count(IGNORED)
    assert ",\nAnd" in tokenizer.decode(example["input_ids"][unscored])
    assert given.startswith(tokenizer.decode(example["input_ids"][int(begins) : unscored]))
    assert unscored < len(tokenizer.encode(given))  # what the opening alone would have come to
    assert example["input_ids"][-1] == tokenizer.eos_token_id and example["labels"][-1] != IGNORED


def test_the_embedded_tokenizer_cuts_at_the_end_of_a_line(tokenizer, sonnets):
    for sonnet in (*sonnets.train, *sonnets.dev, *sonnets.test):
        given = sonnet.given + "\n"
        assert likelihood.tokens_within(tokenizer, sonnet.text, given) == len(tokenizer.encode(given))


def test_an_opening_of_another_text_is_refused(tokenizer):
    with pytest.raises(ValueError, match="the text does not begin with 'a lily'"):
        likelihood.language_examples(["a rose"], tokenizer, ["a lily"])


def test_losses_are_those_of_the_model_whatever_the_padding(tiny, tokenizer):
    examples = likelihood.language_examples(TEXTS, tokenizer)
    together = likelihood.example_losses(tiny, examples)
    for example, (nll, count) in zip(examples, together, strict=True):
        ids = torch.tensor([example["input_ids"]])
        assert count == ids.shape[1] - 1
        assert nll / count == pytest.approx(tiny(ids, labels=ids).loss.item(), rel=1e-5)


def test_continuation_losses_add_up_to_the_whole_text(tiny, tokenizer):
    sonnet = Sonnet(18, tuple(SHALL))
    (row,) = likelihood.continuation_losses(tiny, tokenizer, [sonnet])
    ((whole, _),) = likelihood.example_losses(tiny, likelihood.language_examples([sonnet.text], tokenizer))
    given_ids = likelihood.language_examples([sonnet.given + "\n"], tokenizer)[0]["input_ids"][:-1]
    ((given, _),) = likelihood.example_losses(tiny, [{"input_ids": given_ids, "labels": given_ids}])
    assert row["nll"] == pytest.approx(whole - given, rel=1e-5)
    assert row["characters"] == len("\n".join(SHALL[3:]))
    assert likelihood.per_token([row]) == pytest.approx(row["nll"] / row["tokens"])
    assert likelihood.bits_per_character([row]) == pytest.approx(row["nll"] / math.log(2) / row["characters"])
