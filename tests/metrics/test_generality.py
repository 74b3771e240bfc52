import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes.runs import RUN

from frugal_lib.data import labelled, unrelated
from frugal_lib.data.standins import Example
from frugal_lib.metrics import generality

has_data = pytest.mark.skipif(not os.environ.get("FRUGAL_DATA_DIR"), reason="needs FRUGAL_DATA_DIR")
CHECKED = replace(RUN, pairs=12, pair_sets="quora/written mrpc/edited")


def rows_of(model, tokenizer, run=CHECKED):
    return generality.measure(model, tokenizer, run)


@pytest.fixture
def found(tiny, tokenizer):
    return rows_of(tiny, tokenizer)


def test_every_check_is_there_and_leaves_the_model_as_it_was(tiny, tokenizer, found):
    pairs = [row for row in found if row["kind"] == "pairs"]
    assert [(row["task"], row["edition"]) for row in pairs] == [("quora", "written"), ("mrpc", "edited")]
    for row in pairs:
        assert len(row["labels"]) == len(row["cloze"]) == len(row["probe"]) == 12
        assert len(row["heads_accuracy"]) == len(row["heads_yes"]) == generality.HEADS
    assert {row["genre"] for row in found if row["kind"] == "text"} == {"prose", "verse"}
    assert rows_of(tiny, tokenizer) == found
    other = rows_of(tiny, tokenizer, replace(CHECKED, seed=5))
    assert other[0]["cloze"] == found[0]["cloze"] and other[0]["heads_accuracy"] != found[0]["heads_accuracy"]


def test_metrics_are_those_of_the_rows():
    rows = [
        {"kind": "pairs", "task": "quora", "labels": [0, 0, 1, 1], "cloze": [-1, 0.2, 0.1, 2], "probe": [0, 1, 2, 3]},
        {"kind": "text", "genre": "prose", "nll": 2 * np.log(2), "characters": 1},
        {"kind": "text", "genre": "prose", "nll": 2 * np.log(2), "characters": 3},
        {"kind": "text", "genre": "verse", "nll": np.log(2), "characters": 2},
    ]
    assert generality.metrics_of(rows) == pytest.approx({
        "quora_cloze_auroc": 0.75,
        "quora_cloze_balanced_accuracy": 0.75,
        "quora_probe_auroc": 1.0,
        "prose_bpc": 1.0,
        "verse_bpc": 0.5,
    })  # fmt: skip


def test_the_cloze_score_follows_the_answer_that_the_model_leans_to(tiny, tokenizer):
    """Twice the weight of "yes" moves every score by as much as its score was."""
    model = generality.reader(tiny, tokenizer)
    hidden = torch.randn(7, 32)
    before = generality.yes_bias(model, hidden)
    logits = hidden @ tiny.lm_head.weight.T
    no, yes = (tokenizer.encode(word)[0] for word in (" no", " yes"))
    assert np.allclose(before, (logits[:, yes] - logits[:, no]).detach().numpy(), atol=1e-5)


def test_calibration_takes_off_what_prompts_without_content_score(found):
    """A leaning to one answer, whatever is asked, is in `content_free` and not in the scores."""
    (quora, _) = (row for row in found if row["kind"] == "pairs")
    assert abs(np.mean(quora["cloze"])) < 0.5 and quora["content_free"] != 0


def test_a_probe_finds_what_is_in_the_features_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    signal = rng.normal(size=(400, 6)) + labels[:, None] * np.array([2, 0, 0, 0, 0, 0])
    scores = generality.probe_scores(signal[:200], labels[:200], signal[200:])
    assert ((scores > 0) == labels[200:]).mean() > 0.8
    noise = rng.normal(size=(400, 6))
    scores = generality.probe_scores(noise[:200], labels[:200], noise[200:])
    assert 0.35 < ((scores > 0) == labels[200:]).mean() < 0.65


def test_an_untrained_head_on_states_that_are_all_alike_answers_all_alike():
    """The paper's coin: where states hardly differ, a random head gives one answer to everything."""
    rng = np.random.default_rng(0)
    alike = rng.normal(size=64) * 5 + 0.01 * rng.normal(size=(50, 64))
    yes = generality.untrained_heads(alike, seed=1).mean(axis=1)
    assert ((yes == 0) | (yes == 1)).mean() > 0.95 and 0.3 < yes.mean() < 0.7
    apart = generality.untrained_heads(rng.normal(size=(50, 64)), seed=1).mean(axis=1)
    assert ((apart > 0.2) & (apart < 0.8)).mean() > 0.95


def test_prose_and_verse_are_long_enough_and_are_always_the_same():
    prose, verse = unrelated.prose(), unrelated.verse()
    assert len(prose) == unrelated.ARTICLES and sum(map(len, prose.values())) > 30_000
    assert len(verse) > 20 and all(len(text.splitlines()) <= 16 for text in verse.values())
    assert min(map(len, (*prose.values(), *verse.values()))) >= unrelated.SHORTEST


def test_no_line_of_the_prose_or_verse_is_in_a_sonnet(sonnets):
    lines = {line.lower() for part in ("train", "dev", "test") for s in sonnets.split(part) for line in s.lines}
    others = [
        line.lower()
        for text in (*unrelated.prose().values(), *unrelated.verse().values())
        for line in text.splitlines()
    ]
    assert not lines & set(others)


def test_the_stand_in_for_mrpc_has_both_answers_and_shares_no_pair_between_splits():
    splits = labelled.load("mrpc", "edited")
    labels = [example.label for example in splits.train]
    assert len(labels) > 500 and 0.45 < np.mean(labels) < 0.55
    yes = next(example for example in splits.train if example.label == 1)
    assert set(yes.pair.split()) < set(yes.text.split())
    assert not {e.id for e in splits.train} & {e.id for e in splits.test}


@has_data
def test_mrpc_has_as_many_pairs_as_its_authors_say():
    splits = labelled.load("mrpc", "released")
    assert (len(splits.train), len(splits.dev), len(splits.test)) == (4076, 0, 1725)
    assert 0.66 < np.mean([e.label for e in splits.test]) < 0.67


def test_statements_are_asked_about_as_statements():
    assert generality.statement_prompt(Example("1", "A.", 1, "B.")) == (
        "First sentence: A.\nSecond sentence: B.\nDo both say the same, yes or no?"
    )
