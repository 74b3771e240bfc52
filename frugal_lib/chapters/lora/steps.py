"""What one training step costs, full fine-tuning beside LoRA of each rank: seconds, operations, memory by part."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from frugal_lib.chapters import common
from frugal_lib.chapters.lora import plan
from frugal_lib.core import machine, timing
from frugal_lib.core.runs import Record, Result, Run
from frugal_lib.data import sonnets as sonnet_data
from frugal_lib.metrics import likelihood
from frugal_lib.models import adapt, bases
from frugal_lib.profiles import Profile
from frugal_lib.report.measured import Benchmark

WARM_UP, TIMED = 2, 4
WANTED = 1.2  # times as fast as a full step: what is asked of a LoRA step
# Which of torch's operations are what; the rest is "everything else".
PARTS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "attention": ("scaled_dot_product", "attention"),
    "activation": ("gelu",),
    "loss": ("softmax", "nll_loss"),
    "optimizer": ("adam", "linalg_vector_norm"),
}
MEMORY = {"weights": "weight_bytes", "gradients": "gradient_bytes", "optimizer": "optimizer_bytes",
          "kept for backward": "activation_bytes"}  # fmt: skip


@dataclass
class Step:
    """A model ready for its training steps on one batch, always the same."""

    model: nn.Module
    batch: dict[str, torch.Tensor]
    optimizer: torch.optim.Optimizer

    @property
    def weights(self) -> list[nn.Parameter]:
        return [p for p in self.model.parameters() if p.requires_grad]

    def loss(self) -> torch.Tensor:
        """The forward pass."""
        return self.model(**self.batch).loss

    def run(self) -> None:
        """Forward, backward, clipping at 1, AdamW: what `train.fine_tune` does for a batch."""
        self.loss().backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()


def prepare(run: Run, device: str) -> Step:
    """The run's model, adapted, with the first batch of the training sonnets."""
    tokenizer = bases.load_tokenizer(run.base)
    model = adapt.adapt(bases.load_model(run.base, run.dropout).to(device), run).train()
    sonnets = sonnet_data.load_sonnets(run.edition).train[: run.batch_size]
    examples = likelihood.language_examples([sonnet.text for sonnet in sonnets], tokenizer)
    batch = {k: v.to(device) for k, v in likelihood.collate(examples, tokenizer.eos_token_id).items()}
    weights = [p for p in model.parameters() if p.requires_grad]
    return Step(model, batch, torch.optim.AdamW(weights, run.learning_rate, weight_decay=run.weight_decay, fused=True))


def size(tensors: Sequence[torch.Tensor]) -> int:
    """Bytes of some tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def kept_bytes(step: Step) -> int:
    """Bytes that a forward pass keeps for the backward pass, each block of memory once, weights left out."""
    known = {p.untyped_storage().data_ptr() for p in step.model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = step.loss()  # alive until the end, so that no block is used twice
        total = sum(kept.values())
    del loss
    return total


def memory(step: Step) -> dict[str, int]:
    """Bytes by part, once a step has been run: weights, gradients, optimizer state, what the forward pass keeps."""
    states = [t for state in step.optimizer.state.values() for t in state.values() if torch.is_tensor(t)]
    return {
        "weight_bytes": size(list(step.model.parameters())),
        "gradient_bytes": size([p.grad for p in step.weights]),
        "optimizer_bytes": size(states),
        "activation_bytes": kept_bytes(step),
        "saved_bytes": adapt.saved_bytes(step.model),
        "trainable_parameters": adapt.trainable_parameters(step.model),
    }


def part_of(operation: str) -> str:
    """Which of `PARTS` one of torch's operations belongs to."""
    return next((part for part, names in PARTS.items() if any(n in operation for n in names)), "everything else")


def profiled(step: Step) -> dict[str, float]:
    """Seconds of one step by part, as torch's profiler sees them on the CPU, and the count of matrix products."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        step.run()
    found = dict.fromkeys([*PARTS, "everything else"], 0.0) | {"products": 0}
    for event in seen.key_averages():
        found[part_of(event.key)] += event.self_cpu_time_total / 1e6
        found["products"] += event.count if event.key in PARTS["matrix products"] else 0
    return found


def operations(step: Step) -> int:
    """Floating-point operations of the matrix products and the attention of one step, counted by torch."""
    with FlopCounterMode(display=False) as counter:
        step.loss().backward()
    return counter.get_total_flops()


def measured(run: Run, device: str) -> tuple[Step, list[float], float]:
    """One method in one round: its step, seconds of each, and how many MB they took, the model included."""
    machine.reset_peak_memory(device)
    before = machine.memory_now_mb(device)
    step = prepare(run, device)
    for _ in range(WARM_UP):
        step.run()
    seconds = [timing.seconds_of(step.run, device) for _ in range(TIMED)]
    return step, seconds, machine.peak_memory_mb(device) - before


def methods(run: Run, ranks: Sequence[int], alpha: float) -> list[Run]:
    """Full fine-tuning, LoRA of every rank, and LoRA of the middle rank on attention alone."""
    adapters = [replace(run, method="lora", rank=rank, alpha=alpha, modules=adapt.ALL) for rank in ranks]
    middle = adapters[len(adapters) // 2]
    return [replace(run, method="full"), *adapters, replace(middle, modules=adapt.ATTENTION)]


def compute(run: Run, device: str, ranks: Sequence[int], alpha: float, rounds: int) -> Result:
    """A `steps` run: an example a method, measured in turns so that a slow minute hits all alike."""
    chosen = methods(run, ranks, alpha)
    seconds: dict[Run, list[float]] = {method: [] for method in chosen}
    facts: dict[Run, dict[str, Any]] = {}
    for turn in range(rounds):
        for method in chosen if turn % 2 == 0 else reversed(chosen):
            step, found, peak = measured(method, device)
            seconds[method] += found
            if method not in facts:
                about = {"peak_mb": peak, "operations": operations(step), "profile": profiled(step)}
                facts[method] = about | memory(step)
    tokens = int(prepare(chosen[0], device).batch["attention_mask"].sum())
    rows = [
        {"method": m.method, "rank": m.rank, "modules": m.modules, "seconds": statistics.median(seconds[m])}
        | {"trials": seconds[m]}
        | facts[m]
        for m in chosen
    ]
    return Result({"tokens": tokens, "gemm_gflops": timing.gemm_rate(device)}, rows)


def computing(profile: Profile, run: Run) -> Callable[[Run, str], Result]:
    """`compute` with the ranks and rounds of a profile."""
    grid = profile.lora.bases[run.base]
    return partial(compute, ranks=grid.ranks, alpha=grid.alpha, rounds=profile.lora.step_rounds)


def step_runs(profile: Profile) -> list[Run]:
    """A measurement a base, on the text that every machine has: which edition a batch is from does not matter here."""
    runs = []
    for base, grid in profile.lora.bases.items():
        start = plan.start(profile, base, seed=0)
        run = plan.tuned(start, grid, profile.sonnets.dropout, min(grid.full_learning_rates), max(grid.batch_sizes))
        runs.append(replace(common.on_public_domain(run), method="steps", samples=0, epochs=0, patience=0))
    return runs


BENCHMARK = Benchmark("lora", step_runs, computing)
measure, shown = BENCHMARK.measure, BENCHMARK.shown


def factor(record: Record, row: dict) -> float:
    """How many times as fast as a full step."""
    return record.examples[0]["seconds"] / row["seconds"]


def factors(record: Record) -> dict[int, float]:
    """How many times as fast as a full step, by rank, on attention and MLP."""
    return {row["rank"]: factor(record, row) for row in record.examples[1:] if row["modules"] == adapt.ALL}


def summary(record: Record) -> str:
    """The record in a sentence for the terminal."""
    spoken = ", ".join(f"rank {rank} {value:.2f}" for rank, value in factors(record).items())
    return f"{record.run.base}: a full step takes {record.examples[0]['seconds']:.3f} s; times as fast: {spoken}"
