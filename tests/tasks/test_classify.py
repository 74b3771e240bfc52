import dataclasses

import numpy as np
import pytest
import torch
from fakes.runs import first_runs
from transformers import GPT2Config, GPT2LMHeadModel

from frugal_lib.core import runs
from frugal_lib.data import labelled
from frugal_lib.data.labelled import Labelled
from frugal_lib.data.standins import Example
from frugal_lib.models import bases, heads, tfidf
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import classify, data_summary, registry

EDITIONS = {"sst": "vader", "cfimdb": "vader", "quora": "written"}


@pytest.fixture(scope="module")
def plan():
    """The runs of smoke by task and method, on the stand-ins."""
    profile = load_profile("smoke")
    tasks = {name: dataclasses.replace(task, edition=EDITIONS[name]) for name, task in profile.labelled.items()}
    planned = first_runs(dataclasses.replace(profile, labelled=tasks, edition="public-domain"))
    return {(run.task, run.method): run for run in planned}


def compute(run):
    """The record of a run, computed as a sweep does it."""
    record = runs.execute(run, registry.compute, "cpu")
    assert record.status == "ok", record.error
    return record


@pytest.mark.parametrize("pair", [("sst", "full"), ("cfimdb", "last-layer"), ("quora", "full"), ("sst", "tfidf")])
def test_a_record_has_an_answer_to_every_held_out_example(plan, pair):
    run = dataclasses.replace(plan[pair], train_limit=32, held_out_limit=12)
    record = compute(run)
    data = labelled.load(run.task, run.edition)
    for split in ("dev", "test"):
        rows = [e for e in record.examples if e["split"] == split]
        labels = {e.id: e.label for e in data.split(split)}
        assert len(rows) == 12 and all(labels[row["id"]] == row["label"] for row in rows)
        right = np.mean([row["label"] == row["prediction"] for row in rows])
        assert record.metrics[f"{split}_accuracy"] == pytest.approx(right)
        assert all(row["prediction"] == int(np.argmax(row["logits"])) for row in rows)
    if run.learning_rate:
        assert [row["epoch"] for row in record.history] == list(range(run.epochs + 1))


def test_only_the_head_learns_with_the_last_layer_and_everything_with_full(plan):
    head = compute(dataclasses.replace(plan["sst", "last-layer"], train_limit=16, held_out_limit=4))
    full = compute(dataclasses.replace(plan["sst", "full"], train_limit=16, held_out_limit=4))
    assert head.metrics["trainable_parameters"] == 5 * (128 + 1)
    assert full.metrics["trainable_parameters"] == full.metrics["parameters"] > 1.5e6


def test_the_head_on_kept_features_is_the_head_on_texts():
    model = heads.classifier("micro", 5, 0.0, seed=0)
    rows = heads.encode(labelled.load("sst", "vader").dev[:7], bases.load_tokenizer("micro"), 512)
    straight, kept = heads.predict(model, rows), heads.predict(model, heads.with_features(model, rows))
    assert np.allclose(straight, kept, atol=1e-4)
    alone = np.concatenate([heads.predict(model, [row]) for row in rows])  # no padding, in the order of the rows
    assert np.allclose(straight, alone, atol=1e-4)


def test_the_same_run_gives_the_same_answers(plan):
    run = dataclasses.replace(plan["quora", "full"], train_limit=24, held_out_limit=6)
    first, second = compute(run), compute(run)
    assert first.examples == second.examples and first.history == second.history
    assert compute(dataclasses.replace(run, seed=1)).examples != first.examples


def test_a_text_too_long_loses_its_end_and_a_pair_keeps_its_question():
    tokenizer = bases.load_tokenizer("micro")
    long = Example("1", "word " * 900, 0)
    (row,) = heads.encode([long], tokenizer, 512)
    assert row["input_ids"] == tokenizer.encode(long.text)[:512]
    (row,) = heads.encode([Example("2", "word " * 900, 0, "And this?")], tokenizer, 512)
    assert len(row["input_ids"]) == 512
    assert tokenizer.decode(row["input_ids"]).endswith("Do both ask the same, yes or no?")


def test_balanced_accuracy_and_auroc_see_what_accuracy_does_not():
    labels = np.array([0] * 9 + [1])
    always_no = classify.measure(np.tile([1.0, 0.0], (10, 1)), labels)
    assert (always_no["accuracy"], always_no["balanced_accuracy"], always_no["auroc"]) == (0.9, 0.5, 0.5)
    assert always_no["loss"] == pytest.approx(0.9 * np.log(1 + np.exp(-1)) + 0.1 * np.log(1 + np.exp(1)))


def test_the_majority_class_is_that_of_train(plan):
    run = plan["cfimdb", "majority"]
    train = classify.cut(labelled.load("cfimdb", "vader"), run).train
    most = int(sum(e.label for e in train) * 2 > len(train))
    assert {row["prediction"] for row in compute(run).examples} == {most}


def test_a_class_that_train_lacks_is_no_answer_but_no_error_either(plan):
    examples = tuple(Example(str(i), f"text {i}", 4 * (i % 2)) for i in range(8))
    rare = (*examples[:3], Example("9", "text", 3))
    data = Labelled("sst", "vader", examples, rare, ())
    for method in classify.FLOORS:
        result = classify.collect(data, classify.FLOORS[method](data))
        assert {row["prediction"] for row in result.examples} <= {0, 4}
        assert all(len(row["logits"]) == 5 for row in result.examples)


def test_limits_take_examples_by_lot_and_unlabelled_ones_are_not_measured(plan):
    many = tuple(Example(str(i), f"text {i}", i % 2) for i in range(50))
    bare = tuple(Example(f"t{i}", "text", None) for i in range(5))
    run = dataclasses.replace(plan["sst", "tfidf"], train_limit=20, held_out_limit=10)
    cut = classify.cut(Labelled("sst", "vader", many, many[:30], bare), run)
    assert (len(cut.train), len(cut.dev), len(cut.test)) == (20, 10, 0)
    assert [e.id for e in cut.train] != [str(i) for i in range(20)]


def test_counting_words_finds_what_is_plain():
    words = ("dreadful", "splendid")
    examples = tuple(Example(str(i), f"a {words[i % 2]} film number {i}", i % 2) for i in range(40))
    data = Labelled("cfimdb", "vader", examples[:20], examples[20:30], examples[30:])
    answers = tfidf.fit_and_predict(data)
    assert set(answers) == {"dev", "test"}
    assert (answers["test"].argmax(axis=1) == [e.label for e in data.test]).all()


def test_counting_words_compares_the_two_of_a_pair():
    same = [Example(str(i), f"how to cook dish{i % 7}", 1, f"how to cook dish{i % 7}") for i in range(30)]
    other = [Example(str(i + 99), f"how to cook dish{i % 7}", 0, f"how to cook dish{(i + 1) % 7}") for i in range(30)]
    examples = tuple(e for pair in zip(same, other, strict=True) for e in pair)
    data = Labelled("quora", "written", examples[:40], examples[40:], ())
    assert (tfidf.fit_and_predict(data)["dev"].argmax(axis=1) == [e.label for e in data.dev]).all()


def test_the_data_in_numbers(plan):
    record = runs.execute(plan["cfimdb", "data"], registry.compute, "cpu")
    data = labelled.load("cfimdb", "vader")
    for split in ("train", "dev", "test"):
        assert record.metrics[f"{split}_examples"] == len(data.split(split))
        for kind in ("label", "length"):
            rows = [e for e in record.examples if (e["split"], e["kind"]) == (split, kind)]
            assert sum(row["count"] for row in rows) == len(data.split(split))
    assert record.metrics["train_truncated"] == 0
    sonnets = runs.execute(plan["sonnets", "data"], registry.compute, "cpu")
    assert [sonnets.metrics[f"{s}_examples"] for s in ("train", "dev", "test")] == [131, 12, 10]


def test_the_share_of_texts_that_are_cut():
    assert data_summary.sizes(["a", "bb", "ccc", "d"], [600, 512, 513, 3], 512) == {
        "examples": 4,
        "characters": 7,
        "tokens": 1628,
        "truncated": 0.5,
    }


def test_dropout_reaches_backbone_and_head():
    model = heads.classifier("micro", 2, 0.5, seed=0).train()
    rows = heads.encode([Example("1", "a fine film", 1)], bases.load_tokenizer("micro"), 512)
    with torch.no_grad():
        first, second = (model(**heads.collate(rows))["logits"] for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("task", ["sst", "quora"])
def test_the_papers_profile_runs_at_full_size(task, monkeypatch, tokenizer):
    """Without a hub: a randomly initialised GPT-2 of 124 M parameters, one step."""

    def random_gpt2(base, dropout):
        assert base == "gpt2"
        torch.manual_seed(0)
        ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0)
        model = GPT2LMHeadModel(GPT2Config(resid_pdrop=dropout, activation_function=bases.FUSED_GELU, **ids))
        return bases.linearize(model).eval()

    monkeypatch.setattr(bases, "load_model", random_gpt2)
    monkeypatch.setattr(bases, "load_tokenizer", lambda base: tokenizer)
    planned = first_runs(load_profile("paper"))
    run = next(run for run in planned if (run.task, run.method) == (task, "full"))
    little = {"edition": EDITIONS[task], "train_limit": 4, "held_out_limit": 4, "epochs": 1}
    record = compute(dataclasses.replace(run, **little))
    head = 5 * 769 if task == "sst" else 0  # the words of the paraphrase are the language model's own
    assert record.metrics["trainable_parameters"] == 124_439_808 + head
    assert record.history[1]["train_loss"] > 0
