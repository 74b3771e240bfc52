"""Fine-tuning, one function for all tasks, on Hugging Face `Trainer`."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from frugal_lib.core.runs import Diverged

# On a CPU a model of more parameters takes in a batch in parts of about so many tokens, the parts of like length. A
# token of a model of 135 M keeps about 2 MB for the backward pass (1.3 in the blocks, 0.6 for 49,152 scores), so
# that a whole batch of sixteen sonnets would take 6 GB beside the 2.2 of weights, gradients and optimizer.
LARGE = 50_000_000
TOKENS_AT_ONCE = 256


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train. Optimizer as in the paper: AdamW, constant rate, clipping at 1.

    The model is evaluated after every epoch, or every `judge_steps` steps where that is set, and trained for
    `epochs`, or for `max_steps` steps where that is set. `patience` is the
    number of times in a row without a better held-out loss before training stops. `keep` says which
    weights are kept: those of the `best` evaluation, or the `last` ones. For `precision` see `core.precision`.
    """

    learning_rate: float
    epochs: int
    batch_size: int
    patience: int
    weight_decay: float = 0.01
    seed: int = 0
    judge_steps: int = 0
    max_steps: int = 0
    keep: str = "best"
    precision: str = "fp32"


@dataclass(frozen=True)
class Objective:
    """What a task is to `fine_tune`: how its examples become a batch, and how a model is evaluated.

    Attributes:
        collate: examples → the arguments of the model's `forward`.
        evaluate: model → held-out metrics, among them `dev_loss`.
        selection_metric: from those metrics to the number that is lowest at the kept epoch.
        by_length: put texts of like length into a batch, which spares padding.
    """

    collate: Callable[[Sequence[dict]], dict[str, torch.Tensor]]
    evaluate: Callable[[nn.Module], dict[str, float]]
    selection_metric: Callable[[dict[str, float]], float] = lambda metrics: metrics["dev_loss"]
    by_length: bool = False


def tokens_at_once(model: nn.Module, device: str) -> float:
    """How many tokens a step computes with at once: all of them where that fits into memory."""
    large = sum(p.numel() for p in model.parameters()) > LARGE
    return TOKENS_AT_ONCE if large and device == "cpu" else math.inf


def parts(batch: dict[str, torch.Tensor], limit: float) -> list[dict[str, torch.Tensor]]:
    """A batch that is padded on the right, as batches of texts of like length, about `limit` tokens in each."""
    mask = batch.get("attention_mask")
    if mask is None or mask.numel() <= limit:
        return [batch]
    lengths = mask.sum(dim=1)
    return [
        {name: v[rows] if v.dim() == 1 else v[rows, : int(lengths[rows].max())] for name, v in batch.items()}
        for rows in lengths.argsort().chunk(math.ceil(mask.numel() / limit))
    ]


@contextmanager
def in_fp32(model: nn.Module) -> Iterator[None]:
    """Let a model compute without the autocast that `Trainer` puts around its forward pass, within the block."""
    if "_original_forward" not in vars(model):  # nothing was put around it
        yield
        return
    cast = vars(model).pop("forward")
    try:
        yield
    finally:
        model.forward = cast


class EvaluatedTrainer(Trainer):
    """`Trainer` whose evaluation is the objective's: exact values, no means of batch means.

    A step computes with `limit` tokens at once. Its loss is that of the whole batch: over all its labels.
    """

    def __init__(self, evaluation: Callable[[nn.Module], dict[str, float]], limit: float, **settings):
        super().__init__(**settings)
        self.evaluation, self.limit, self.share = evaluation, limit, 1.0

    def training_step(self, model: nn.Module, inputs: dict, num_items_in_batch=None) -> torch.Tensor:
        losses = []
        for part in parts(inputs, self.limit):
            self.share = len(part["labels"]) / len(inputs["labels"])
            losses.append(super().training_step(model, part, num_items_in_batch))
        return torch.stack(losses).sum()

    def compute_loss(self, model: nn.Module, inputs: dict, *args, **kwargs) -> torch.Tensor:
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        # A language model is told the labels of the whole batch; a classifier gives the mean of its part.
        return loss if self.model_accepts_loss_kwargs or self.share == 1 else loss * self.share

    def evaluate(self, *args, **kwargs) -> dict[str, float]:
        with in_fp32(self.model):
            metrics = self.evaluation(self.model)
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class KeepBest(TrainerCallback):
    """Keeps the trained weights of the best epoch in a file, and ends a run that no longer improves.

    A value that is not a number is never better than another, and a run that has come to one is over.
    """

    def __init__(self, patience: int, selection_metric: Callable[[dict[str, float]], float], folder: str):
        self.patience, self.selection_metric = patience, selection_metric
        self.worse, self.best, self.file = 0, math.inf, Path(folder) / "best.pt"

    def on_evaluate(self, args, state, control, metrics=None, model=None, **kwargs):
        if (value := self.selection_metric(metrics)) < self.best:
            self.best, self.worse = value, 0
            torch.save({n: p.detach() for n, p in model.named_parameters() if p.requires_grad}, self.file)
        else:
            self.worse += 1
        control.should_training_stop |= self.worse >= self.patience or not math.isfinite(value)


def arguments(schedule: Schedule, by_length: bool, folder: str, device: str) -> TrainingArguments:
    """The schedule in the words of `Trainer`: evaluate and log at the same steps, save nothing."""
    when = "steps" if schedule.judge_steps else "epoch"
    made = TrainingArguments(
        output_dir=folder,
        num_train_epochs=schedule.epochs,
        max_steps=schedule.max_steps or -1,
        learning_rate=schedule.learning_rate,
        per_device_train_batch_size=schedule.batch_size,
        weight_decay=schedule.weight_decay,
        lr_scheduler_type="constant",
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        seed=schedule.seed,
        train_sampling_strategy="group_by_length" if by_length else "random",
        remove_unused_columns=False,
        eval_strategy=when,
        eval_steps=schedule.judge_steps or None,
        logging_strategy=when,
        logging_steps=schedule.judge_steps or 500,
        save_strategy="no",
        logging_nan_inf_filter=False,
        bf16=schedule.precision == "bf16",
        fp16=schedule.precision == "fp16",
        use_cpu=device == "cpu",
        dataloader_pin_memory=device != "cpu",
        report_to="none",
        disable_tqdm=True,
    )
    if schedule.precision == "fp32":
        made.mixed_precision = "no"  # whatever the environment says (ACCELERATE_MIXED_PRECISION)
    made._n_gpu = min(made.n_gpu, 1)  # a worker has one GPU; several would share every batch
    return made


def evaluations(log: Sequence[dict], by_steps: bool = False) -> list[dict]:
    """`Trainer`'s log as one row per evaluation: `{epoch, train_loss, dev_loss, …}`, losses in nats.

    Evaluated by steps, an epoch is a fraction and a row has its `step` too.
    """
    rows: dict[int, dict] = {}
    for entry in log:
        step = entry["step"] if by_steps else round(entry["epoch"])
        new = {"epoch": entry["epoch"], "step": step} if by_steps else {"epoch": step}
        row = rows.setdefault(step, new)
        row |= {name: float(value) for name, value in entry.items() if name.startswith("dev_")}
        if "loss" in entry:
            row["train_loss"] = float(entry["loss"])
    return [rows[number] for number in sorted(rows) if number > 0 and "dev_loss" in rows[number]]


def fine_tune(
    model: nn.Module, train: Sequence[dict], schedule: Schedule, objective: Objective, device: str = "cpu"
) -> tuple[list[dict], float]:
    """Fine-tune `model` in place, and leave it with the weights of its best epoch (or `schedule.keep`).

    The best epoch is the one with the lowest `objective.selection_metric` on the dev split. That is a
    choice made on held-out text, as in the paper: the `dev` score of the result is optimistic,
    the `test` score is not.

    Returns:
        one row per evaluation (`evaluations`), and the seconds it took.

    Raises:
        Diverged: the loss was not finite.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        best = KeepBest(schedule.patience, objective.selection_metric, folder)
        trainer = EvaluatedTrainer(
            objective.evaluate,
            tokens_at_once(model, device),
            model=model,
            args=arguments(schedule, objective.by_length, folder, device),
            train_dataset=list(train),
            eval_dataset=list(train[:1]),  # never read, but `Trainer` needs one
            data_collator=objective.collate,
            callbacks=[best],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        history = evaluations(trainer.state.log_history, schedule.judge_steps > 0)
        losses = [loss for row in history for key, loss in row.items() if key not in ("epoch", "step")]
        if not all(map(math.isfinite, losses)):
            raise Diverged(history)
        if schedule.keep == "best":
            model.load_state_dict(torch.load(best.file), strict=False)  # what is frozen has not changed
    for name in ("forward", "_original_forward"):  # evaluation is in FP32
        vars(model).pop(name, None)
    model.eval()
    return history, time.perf_counter() - started
