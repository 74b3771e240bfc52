"""What the grids of profile `paper` would take on a GPU: a calculation, not a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from frugal_lib.chapters.baseline.labelled import TASK_NAMES
from frugal_lib.core.runs import Record
from frugal_lib.core.select import main_records
from frugal_lib.paper import published
from frugal_lib.profiles import Profile, load_profile


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet: FP32 in TFLOP/s (without tensor cores) and memory in GB."""

    name: str
    tflops: float
    memory_gb: float


@dataclass(frozen=True)
class Architecture:
    """A GPT-2: blocks, width, vocabulary, context."""

    layers: int
    width: int
    vocabulary: int = 50_257
    context: int = 1024

    @property
    def backbone(self) -> int:
        """Parameters of the blocks: 12 width² each, and biases and norms."""
        return self.layers * (12 * self.width**2 + 13 * self.width)

    @property
    def parameters(self) -> int:
        """All parameters; the embedding serves as the output layer too."""
        return self.backbone + (self.vocabulary + self.context) * self.width + 2 * self.width


GPUS = (Gpu("L4", 30.3, 24), Gpu("T4", 8.1, 16))  # NVIDIA's data sheets
GPT2 = Architecture(layers=12, width=768)
UTILISATION = 0.4  # of the data sheet's rate; an assumption
CHARACTERS_PER_TOKEN = 4.2  # of GPT-2's tokenizer on English: 117 MB of the corpus are about 28 M tokens
BYTES_PER_PARAMETER = 16  # FP32 weight, gradient, and AdamW's two moments
KEPT_PER_TOKEN = 34  # numbers of `width` kept a token and block for the backward pass (Korthikanti et al. 2022)


def training_flops(model: Architecture, tokens: float, answers: float) -> float:
    """Operations to train on `tokens`: 6 a parameter of the blocks and token, and 6 a weight of the
    output layer for each of `answers`, the tokens that are predicted (Kaplan et al. 2020)."""
    return 6 * (model.backbone * tokens + model.vocabulary * model.width * answers)


def minutes(flops: float, gpu: Gpu) -> float:
    """How long `flops` take at the assumed utilisation."""
    return flops / (gpu.tflops * 1e12 * UTILISATION) / 60


def memory_gb(model: Architecture, batch: int, length: int, answers: int) -> float:
    """Peak memory of full fine-tuning in FP32: weights and optimizer, activations, and the scores of
    `answers` tokens a text over the vocabulary, with their gradient. Attention is taken to be fused."""
    kept = KEPT_PER_TOKEN / 2 * 4 * model.width * model.layers * batch * length  # 34 counts bytes of FP16
    scores = 2 * 4 * model.vocabulary * batch * answers
    return (BYTES_PER_PARAMETER * model.parameters + kept + scores) / 1e9


@dataclass(frozen=True)
class Cost:
    """One task's grid: runs, tokens an epoch, operations of all runs, memory of the largest batch."""

    task: str
    runs: int
    epochs: int
    tokens: float
    flops: float
    memory_gb: float


def grid_cost(task: str, profile: Profile, examples: int, characters: float, longest: int) -> Cost:
    """What full fine-tuning of one task takes under `profile`, if no run stops early.

    Args:
        examples: in the training split.
        characters: of all of them together.
        longest: tokens of the longest, at most the context.
    """
    tokens = characters / CHARACTERS_PER_TOKEN
    if task == "sonnets":
        grid = profile.sonnets
        settings, sizes, epochs, answers, per_text = (
            len(grid.learning_rates),
            (grid.batch_size,),
            grid.epochs,
            tokens,
            longest,
        )
    else:
        grid, search = profile.labelled[task], profile.labelled[task].methods["full"]
        settings, sizes, epochs = (
            len(search.learning_rates) * len(search.batch_sizes),
            search.batch_sizes,
            search.epochs,
        )
        answers, per_text = (examples, 1) if task == "quora" else (0, 0)
    runs = settings + grid.seeds - 1
    flops = runs * epochs * training_flops(GPT2, tokens, answers)
    return Cost(task, runs, epochs, tokens, flops, memory_gb(GPT2, max(sizes), longest, per_text))


QUORA_DEV = 40_429  # pairs of the paper's dev split; the rest is taken as training pairs, which is too many


def grid_costs(records: Sequence[Record]) -> list[Cost]:
    """The cost of each task's grid, from the lengths in the data records."""
    profile = load_profile("paper")
    return [
        task_cost(task, profile, main_records(records, task, "data")[0])
        for task in ("sst", "cfimdb", "quora", "sonnets")
    ]


def task_cost(task: str, profile, about: Record) -> Cost:
    """One task's cost; for Quora the paper's number of pairs, as long as ours are."""
    ours = int(about.metrics["train_examples"])
    examples = ours
    if task == "quora":
        examples = published.published()["figure6_to_9_datasets"]["sizes"]["Quora"] - QUORA_DEV
    characters = about.metrics["train_characters"] * examples / ours
    ratio = about.metrics["train_characters"] / CHARACTERS_PER_TOKEN / about.metrics["train_tokens"]
    longest = max(e["tokens"] for e in about.examples if (e["split"], e["kind"]) == ("train", "length"))
    return grid_cost(task, profile, examples, characters, min(GPT2.context, round(longest * ratio)))


def cost_table(records: Sequence[Record]) -> pd.DataFrame:
    """Runs, tokens, memory, and minutes on each GPU."""
    lines = []
    for cost in grid_costs(records):
        line = {
            "task": TASK_NAMES.get(cost.task, cost.task),
            "runs × epochs": f"{cost.runs} × {cost.epochs}",
            "tokens an epoch": f"{cost.tokens / 1e6:.2f} M",
            "PFLOP a run": f"{cost.flops / cost.runs / 1e15:,.1f}",
            "memory": f"{cost.memory_gb:.1f} GB",
        }
        for gpu in GPUS:
            total = minutes(cost.flops, gpu)
            fits = "" if cost.memory_gb < gpu.memory_gb else ", too little memory"
            line[f"minutes on an {gpu.name}" if gpu.name == "L4" else f"minutes on a {gpu.name}"] = (
                f"{total:,.0f} ({total / cost.runs:,.1f} a run{fits})"
            )
        lines.append(line)
    return pd.DataFrame(lines).set_index("task")


def cost_how() -> str:
    """The calculation in words; Markdown."""
    rates = ", ".join(f"{gpu.name} {gpu.tflops:g} TFLOP/s and {gpu.memory_gb:g} GB" for gpu in GPUS)
    blocks, output = GPT2.backbone / 1e6, GPT2.vocabulary * GPT2.width / 1e6
    return (
        f"*Calculated, not measured* (`frugal_lib/costs.py`). Operations: 6 × {blocks:.1f} M parameters of GPT-2 "
        f"Small's blocks × tokens, and 6 × {output:.1f} M of its output layer for every predicted token (all on "
        f"the sonnets, one a pair on Quora, none on the others). Tokens: characters of our data ÷ "
        f"{CHARACTERS_PER_TOKEN}; for Quora all pairs of the paper but its dev split. Time: operations ÷ "
        f"({UTILISATION:g} × the FP32 rate of the data sheet: {rates}). Memory, at the largest batch and the "
        f"longest text: {BYTES_PER_PARAMETER} bytes a parameter (weight, gradient, AdamW's two moments), "
        f"{KEPT_PER_TOKEN * 2} bytes × width a token and block for the backward pass, and the scores over the "
        f"vocabulary. Every run is taken to its last epoch; early stopping makes it less. The last linear layer alone "
        f"costs one pass over the data a run."
    )
