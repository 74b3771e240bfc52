"""Minimal pairs, and the share of them that a model gets right."""

import math
import os

import pytest
import torch
from fakes.runs import RUN
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from frugal_lib.core import runs
from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Record
from frugal_lib.data import minimal_pairs
from frugal_lib.metrics import grammar
from frugal_lib.models import bases
from frugal_lib.verify import examples


def test_our_own_pairs_differ_in_one_word_and_are_the_same_everywhere():
    pairs = minimal_pairs.load("written", minimal_pairs.WRITTEN)
    assert len(pairs) == 12 * 30 == len(set(pairs))
    for pair in pairs:
        good, bad = pair.good.rstrip(".").split(), pair.bad.rstrip(".").split()
        assert sum(one != other for one, other in zip(good, bad, strict=True)) == 1, pair
    assert pairs[0] == minimal_pairs.Pair(
        "subject-verb agreement", "The teacher near the letters is old.", "The teacher near the letters are old."
    )


def test_too_many_pairs_and_unknown_ones_are_refused_in_one_sentence():
    with pytest.raises(DataError, match="a set has fewer than 31 pairs; ask for 30 at most"):
        minimal_pairs.load("written", 31)
    with pytest.raises(DataError, match="'spoken' are unknown; choose one of blimp, written"):
        minimal_pairs.load("spoken", 1)


def test_log_probabilities_are_those_of_one_sentence_read_alone():
    model, tokenizer = bases.load_model("nano"), bases.load_tokenizer("nano")
    sentences = ["The sailor has taken the house.", "No.", "The gardener can see the window, and the old song."]
    found = grammar.log_probabilities(model, tokenizer, sentences)
    for text, value in zip(sentences, found, strict=True):
        ids = torch.tensor([[tokenizer.eos_token_id, *tokenizer.encode(text)]])
        with torch.no_grad():
            true = torch.log_softmax(model(ids).logits[0, :-1].double(), dim=-1).gather(1, ids[0, 1:, None]).sum()
        assert value == pytest.approx(float(true), abs=1e-4)


def test_any_causal_language_model_can_be_asked_and_one_that_broke_is_wrong():
    tokenizer = bases.load_tokenizer("nano")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    llama = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes))
    found = grammar.rows(llama, tokenizer, "written", 2)
    assert 0 <= grammar.metrics_of(found)["grammar_accuracy"] <= 1 and not llama.training
    nn.init.constant_(llama.lm_head.weight, float("nan"))
    broken = runs.rounded(grammar.rows(llama, tokenizer, "written", 2))
    assert broken[0]["margins"] == [None, None] and grammar.metrics_of(broken) == {"grammar_accuracy": 0.0}


def test_a_share_that_does_not_follow_from_its_margins_is_named():
    """`verify` computes it again from a record's examples."""
    rows = [
        {"kind": grammar.KIND, "set": "a", "edition": "written", "margins": [0.5, -0.5, 2.0, 0.0]},
        {"kind": "text", "genre": "prose", "id": "1", "nll": math.log(2), "characters": 1},
        {"kind": "text", "genre": "verse", "id": "1", "nll": math.log(2), "characters": 2},
    ]
    metrics = {"grammar_accuracy": 0.5, "prose_bpc": 1.0, "verse_bpc": 0.5}
    record = Record(RUN, "ok", metrics, rows, [], {})
    assert examples.problems(record) == ([], set(), [])
    record.metrics["grammar_accuracy"] = 0.75
    (wrong,), _, _ = examples.problems(record)
    assert wrong == "metric grammar_accuracy: 0.75 in the file, 0.5 from its examples"


def test_an_embedded_base_knows_some_grammar():
    tokenizer = bases.load_tokenizer("nano")
    tuned = grammar.rows(bases.load_model("nano"), tokenizer, "written", 30)
    assert [len(row["margins"]) for row in tuned] == [30] * 12
    assert grammar.metrics_of(tuned)["grammar_accuracy"] == pytest.approx(0.619, abs=0.02)
    assert grammar.metrics_of([]) == {}


@pytest.mark.skipif(not os.environ.get("FRUGAL_DATA_DIR"), reason="needs BLiMP (FRUGAL_DATA_DIR)")
def test_blimp_gives_the_share_that_was_measured_before():
    found = grammar.rows(bases.load_model("nano"), bases.load_tokenizer("nano"), "blimp", 10)
    assert len(found) == 67
    assert grammar.metrics_of(found)["grammar_accuracy"] == pytest.approx(0.581, abs=0.002)
