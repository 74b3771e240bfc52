import dataclasses

import pytest
import torch
from fakes.runs import first_runs
from transformers import GPT2Config, GPT2LMHeadModel

from frugal_lib.chapters import common
from frugal_lib.chapters.lora import plan as lora_plan
from frugal_lib.core import runs
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.metrics import chrf, floors
from frugal_lib.models import bases
from frugal_lib.profiles import load_profile
from frugal_lib.tasks import completion, registry


@pytest.fixture
def plan():
    profile = dataclasses.replace(load_profile("smoke"), edition="public-domain")
    return {run.method: run for run in first_runs(profile) if run.task == "sonnets"}


def compute(run):
    """The record of a run, computed as a sweep does it: on one thread."""
    record = runs.execute(run, registry.compute, "cpu")
    assert record.status == "ok", record.error
    return record


def test_the_floors_are_where_the_facts_say(plan):
    """Given lines alone 24.8, random words 41.5, random training lines 42.0, on all twelve dev sonnets."""
    for method, expected, slack in (("floor-given", 24.8, 0.3), ("floor-words", 41.5, 0.6), ("floor-lines", 42.0, 0.6)):
        run = dataclasses.replace(plan[method], train_limit=None, held_out_limit=None, samples=10)
        assert compute(run).metrics["dev_chrf"] == pytest.approx(expected, abs=slack)


def test_random_lines_score_by_their_length(plan, sonnets):
    run = dataclasses.replace(plan["floor-lines"], method="floor-lengths", samples=3)
    result = compute(run)
    true = {row["id"]: row["characters"] for row in result.examples if row["kind"] == "true"}
    held_out = [*sonnets.dev[: run.held_out_limit], *sonnets.test[: run.held_out_limit]]
    assert true == {s.id: len(s.continuation) for s in held_out if s.continuation}
    by_share = {r["share"]: r for r in result.examples if (r["kind"], r["split"]) == ("floor", "dev")}
    assert list(by_share) == list(floors.SHARES)
    assert by_share[0.0]["chrf"] == pytest.approx(compute(plan["floor-given"]).metrics["dev_chrf"], abs=1e-6)
    assert by_share[0.8]["chrf"] + 1 < by_share[1.0]["chrf"] == pytest.approx(result.metrics["dev_chrf"])


def test_floors_differ_by_seed_and_are_repeatable(plan, sonnets):
    run = plan["floor-lines"]
    first = completion.floor_texts(run, "dev", sonnets.dev, sonnets.train)
    assert first == completion.floor_texts(run, "dev", sonnets.dev, sonnets.train)
    assert first != completion.floor_texts(dataclasses.replace(run, seed=1), "dev", sonnets.dev, sonnets.train)
    known = {line for sonnet in sonnets.train for line in sonnet.lines}
    assert set(first[0][0].splitlines()) <= known and len(first[0][0].splitlines()) == 11


def test_a_fine_tuning_run_has_all_a_record_needs(plan):
    run = plan["full"]
    result = compute(run)
    assert {"dev_chrf", "test_chrf", "dev_nll", "dev_bpc", "test_bpc", "dev_lines", "parameters"} <= set(result.metrics)
    assert [row["epoch"] for row in result.history] == [0, 1, 2]
    assert result.history[-1]["dev_loss"] < result.history[0]["dev_loss"]
    completions = [e for e in result.examples if e["kind"] == "completion"]
    assert len(completions) == 2 * run.held_out_limit * run.samples
    assert all(e["text"] and 0 <= e["chrf"] <= 100 for e in completions)
    dev = sonnet_data.load_sonnets("public-domain").dev[: run.held_out_limit]
    by_hand = []
    for k in range(run.samples):
        texts = [e["text"] for e in completions if e["split"] == "dev" and e["sample"] == k]
        by_hand.append(chrf.chrf([f"{s.given}\n{t}" for s, t in zip(dev, texts, strict=True)], [s.text for s in dev]))
    assert result.metrics["dev_chrf"] == pytest.approx(sum(by_hand) / len(by_hand))


def test_the_same_run_gives_the_same_result(plan):
    run = dataclasses.replace(plan["full"], epochs=1, train_limit=8, held_out_limit=2)
    first, second = (compute(run) for _ in range(2))
    first.metrics.pop("train_seconds"), second.metrics.pop("train_seconds")
    assert (first.metrics, first.examples, first.history) == (second.metrics, second.examples, second.history)


def test_the_papers_profile_runs_at_full_size(monkeypatch, tokenizer):
    """Without a hub: a randomly initialised GPT-2 of 124 M parameters, one step, a few tokens."""

    def random_gpt2(base, dropout):
        assert base == "gpt2"
        torch.manual_seed(0)
        model = GPT2LMHeadModel(GPT2Config(resid_pdrop=dropout, bos_token_id=0, eos_token_id=0, pad_token_id=0))
        model.loss_type = "ForCausalLM"
        return bases.linearize(model).eval()

    monkeypatch.setattr(bases, "load_model", random_gpt2)
    monkeypatch.setattr(bases, "load_tokenizer", lambda base: tokenizer)
    profile = dataclasses.replace(load_profile("paper"), edition="public-domain")
    adapted = next(run for run in lora_plan.grid_runs(profile, "gpt2", 0) if run.rank == 8)
    little = {"train_limit": 2, "held_out_limit": 2, "epochs": 1, "samples": 1, "max_new_tokens": 4}
    record = compute(dataclasses.replace(common.full_run(profile, seed=0, learning_rate=1e-4), **little))
    assert record.metrics["trainable_parameters"] == 124_439_808
    assert record.history[1]["dev_loss"] < record.history[0]["dev_loss"]
    record = compute(dataclasses.replace(adapted, **little, learning_rate=1e-2))
    assert record.metrics["trainable_parameters"] == 165_888 * 8
    assert record.metrics["saved_bytes"] < 6e6 and record.metrics["parameters"] == 124_439_808
    assert record.history[1]["dev_loss"] < record.history[0]["dev_loss"]


def test_a_prompt_without_a_known_ending_is_completed_but_not_scored():
    whole = sonnet_data.Sonnet(1, tuple(f"line {i} of it" for i in range(14)))
    prompt = sonnet_data.Sonnet(155, whole.lines[:3])
    rows = completion.score_sample("test", [whole, prompt], ["line 3 of it", "line 3 of it"], 0)
    assert "chrf" in rows[0] and "chrf" not in rows[1]
    assert rows[1]["lines"] == 4
