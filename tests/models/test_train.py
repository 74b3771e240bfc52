import copy

import pytest
import torch

from frugal_lib.core.runs import Diverged
from frugal_lib.metrics import likelihood
from frugal_lib.models import train
from frugal_lib.models.train import Objective, Schedule

TEXTS = ["the rose is red\nthe violet is blue", "sugar is sweet", "and so art thou, my love, and so art thou"]


def schedule(**changes):
    return Schedule(**({"learning_rate": 3e-3, "epochs": 6, "batch_size": 2, "patience": 6} | changes))


def fine_tune(model, examples, dev, schedule):
    """Fine-tuning on language, judged by the loss on `dev`."""
    objective = Objective(
        lambda rows: likelihood.collate(rows, 0), lambda m: {"dev_loss": likelihood.mean_loss(m, dev)}
    )
    return train.fine_tune(model, examples, schedule, objective)


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
