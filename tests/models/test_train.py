import copy

import pytest
import torch

from frugal_lib.core import precision
from frugal_lib.core.machine import Unsupported
from frugal_lib.core.runs import Diverged
from frugal_lib.metrics import likelihood
from frugal_lib.models import train
from frugal_lib.models.train import Objective, Schedule

TEXTS = ["the rose is red\nthe violet is blue", "sugar is sweet", "and so art thou, my love, and so art thou"]


def schedule(**changes):
    return Schedule(**({"learning_rate": 3e-3, "epochs": 6, "batch_size": 2, "patience": 6} | changes))


def fine_tune(model, examples, dev, schedule, device="cpu"):
    """Fine-tuning on language, judged by the loss on `dev`."""
    objective = Objective(
        lambda rows: likelihood.collate(rows, 0), lambda m: {"dev_loss": likelihood.mean_loss(m, dev)}
    )
    return train.fine_tune(model, examples, schedule, objective, device)


@pytest.fixture
def examples(tokenizer):
    return likelihood.language_examples(TEXTS, tokenizer)


def test_fine_tuning_lowers_the_loss_and_keeps_the_best_epoch(tiny, examples):
    before = likelihood.mean_loss(tiny, examples)
    history, _ = fine_tune(tiny, examples, examples, schedule())
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    best = min(row["dev_loss"] for row in history)
    assert best < before - 1
    assert likelihood.mean_loss(tiny, examples) == pytest.approx(best, abs=1e-6)


def test_the_best_epoch_is_kept_also_when_it_is_not_the_last(tiny, examples, tokenizer):
    other = likelihood.language_examples(["quite another text, of ships and wars"], tokenizer)
    history, _ = fine_tune(tiny, examples, other, schedule(learning_rate=3e-2, epochs=8, patience=2))
    losses = [row["dev_loss"] for row in history]
    assert len(losses) < 8 and losses[-1] > min(losses)  # it stopped early
    assert likelihood.mean_loss(tiny, other) == pytest.approx(min(losses), abs=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny, examples):
    weights = []
    for seed in (0, 0, 1):
        model = copy.deepcopy(tiny)
        fine_tune(model, examples, examples, schedule(seed=seed, epochs=2))
        weights.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_loss_that_is_not_a_number_is_a_divergence_with_its_history(tiny, examples):
    with pytest.raises(Diverged) as problem:
        fine_tune(tiny, examples, examples, schedule(learning_rate=1e30))
    assert problem.value.history


def test_the_kept_epoch_is_the_least_bad_by_the_objective(tiny, examples):
    """Here the worse the loss the better: the last epoch before training stops is never the kept one."""
    judged = []

    def judge(model):
        judged.append(likelihood.mean_loss(model, examples))
        return {"dev_loss": judged[-1]}

    objective = Objective(
        lambda rows: likelihood.collate(rows, 0), judge, selection_metric=lambda metrics: -metrics["dev_loss"]
    )
    train.fine_tune(tiny, examples, schedule(epochs=4, patience=2), objective)
    assert len(judged) == 3 and judged[0] == max(judged)
    assert likelihood.mean_loss(tiny, examples) == pytest.approx(judged[0], abs=1e-6)


def test_a_model_can_be_judged_by_steps_and_stop_after_some(tiny, examples):
    history, _ = fine_tune(tiny, examples, examples, schedule(max_steps=5, judge_steps=2, epochs=0, patience=9))
    assert [row["step"] for row in history] == [2, 4, 5]  # the last step is judged too
    assert history[0]["epoch"] == pytest.approx(1.0) and all("train_loss" in row for row in history[:2])
    best = min(row["dev_loss"] for row in history)
    assert likelihood.mean_loss(tiny, examples) == pytest.approx(best, abs=1e-6)


def test_the_last_weights_are_kept_where_the_schedule_says_so(tiny, examples, tokenizer):
    other = likelihood.language_examples(["quite another text, of ships and wars"], tokenizer)
    history, _ = fine_tune(tiny, examples, other, schedule(learning_rate=3e-2, epochs=8, patience=8, keep="last"))
    losses = [row["dev_loss"] for row in history]
    assert len(losses) == 8 and losses[-1] > min(losses) + 0.1
    assert likelihood.mean_loss(tiny, other) == pytest.approx(losses[-1], abs=1e-6)


@pytest.fixture
def in_parts(monkeypatch):
    """Every model counts as a large one, and takes in about two texts at once."""
    monkeypatch.setattr(train, "LARGE", 0)
    monkeypatch.setattr(train, "TOKENS_AT_ONCE", 24)


def test_a_batch_is_cut_into_parts_of_like_length_and_loses_nothing(examples):
    batch = likelihood.collate([*examples, *examples], 0)
    found = train.parts(batch, 2 * batch["input_ids"].shape[1])
    assert len(found) == 3 and [len(part["labels"]) for part in found] == [2, 2, 2]
    assert [int(part["attention_mask"].sum()) for part in found] == sorted(2 * len(e["input_ids"]) for e in examples)
    assert all(part["attention_mask"].all() for part in found)  # so no padding is left
    assert train.parts(batch, batch["input_ids"].numel()) == [batch]


def test_training_in_parts_is_training_on_the_whole_batch(tiny, examples, request):
    """The loss is over all labels of a batch, of whatever length its texts are, also of a last, smaller one."""
    whole, cut = copy.deepcopy(tiny), copy.deepcopy(tiny)
    before, _ = fine_tune(whole, [*examples, *examples[:2]], examples, schedule(batch_size=3, epochs=2))
    request.getfixturevalue("in_parts")
    after, _ = fine_tune(cut, [*examples, *examples[:2]], examples, schedule(batch_size=3, epochs=2))
    for one, other in zip(before, after, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_a_classifier_in_parts_weighs_every_example_alike(examples, request):
    from frugal_lib.models import heads

    rows = [{"input_ids": e["input_ids"], "labels": i % 2} for i, e in enumerate([*examples, *examples[:2]])]
    objective = Objective(heads.collate, lambda m: {"dev_loss": float(heads.predict(m, rows).sum())})
    found = []
    for name in (None, "in_parts"):
        if name:
            request.getfixturevalue(name)
        model = heads.classifier("nano", 2, 0.0, 0)
        found.append(train.fine_tune(model, rows, schedule(batch_size=5, epochs=1), objective)[0][0])
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_only_large_models_on_a_cpu_are_trained_in_parts(tiny, monkeypatch):
    assert train.tokens_at_once(tiny, "cpu") == float("inf")
    monkeypatch.setattr(train, "LARGE", 1000)
    assert train.tokens_at_once(tiny, "cpu") == train.TOKENS_AT_ONCE
    assert train.tokens_at_once(tiny, "cuda") == float("inf")


def test_under_autocast_training_is_in_half_precision_and_evaluation_in_fp32(tiny, examples, monkeypatch):
    """Here on a CPU, by the same path as on a GPU: `Trainer`'s own."""
    seen, layer = {}, tiny.transformer.h[0].mlp.c_fc
    layer.register_forward_hook(lambda module, _, out: seen.setdefault(module.training, set()).add(out.dtype))
    plain, before = copy.deepcopy(tiny), tiny.forward
    history, _ = fine_tune(tiny, examples, examples, schedule(epochs=3, precision="bf16"))
    assert seen == {True: {torch.bfloat16}, False: {torch.float32}}
    assert tiny.forward == before and {p.dtype for p in tiny.parameters()} == {torch.float32}
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")  # as `accelerate launch` leaves it: a run is what it says
    seen.clear()
    exact, _ = fine_tune(plain, examples, examples, schedule(epochs=3))
    assert seen == {True: {torch.float32}, False: {torch.float32}}
    for half, full in zip(history, exact, strict=True):
        assert half["dev_loss"] == pytest.approx(full["dev_loss"], abs=0.02) and half != full


def test_fp16_scales_its_loss_and_bf16_does_not(tmp_path):
    """Asked of `Trainer`, which has the scaler: it cannot be tried without a GPU."""
    found = {name: train.arguments(schedule(precision=name), False, str(tmp_path), "cpu")
             for name in ("fp32", "bf16", "fp16")}  # fmt: skip
    assert {name: (a.bf16, a.fp16, a.mixed_precision) for name, a in found.items()} == {
        "fp32": (False, False, "no"), "bf16": (True, False, "bf16"), "fp16": (False, True, "fp16")
    }  # fmt: skip


@pytest.mark.cuda
@pytest.mark.parametrize("name", precision.PRECISIONS)
def test_a_gpu_trains_in_every_precision_that_it_has(tiny, examples, name):
    try:
        precision.check(name, "cuda")
    except Unsupported as reason:
        pytest.skip(str(reason))
    exact, _ = fine_tune(copy.deepcopy(tiny), examples, examples, schedule())
    found, _ = fine_tune(tiny.to("cuda"), examples, examples, schedule(precision=name), device="cuda")
    assert found[-1]["dev_loss"] == pytest.approx(exact[-1]["dev_loss"], abs=1e-3 if name == "fp32" else 0.1)
    assert {p.dtype for p in tiny.parameters()} == {torch.float32}
