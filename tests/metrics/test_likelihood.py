import math

import pytest
import torch

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
