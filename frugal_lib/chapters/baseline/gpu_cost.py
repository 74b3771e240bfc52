"""What the grids of profile `paper` would take on a GPU: a calculation, not a measurement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from frugal_lib.chapters.baseline.labelled import TASK_NAMES
from frugal_lib.core.runs import Record
from frugal_lib.core.select import main_records
from frugal_lib.paper import published
from frugal_lib.profiles import Profile, load_profile
from frugal_lib.report.cells import framed


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
KEPT_PER_TOKEN = 34  # numbers of `width` kept per token and block for the backward pass (Korthikanti et al. 2022)


def training_flops(model: Architecture, tokens: float, answers: float) -> float:
    """Operations to train on `tokens`: 6 per parameter of the blocks and token, and 6 per weight of the
    output layer for each of `answers`, the tokens that are predicted (Kaplan et al. 2020)."""
    return 6 * (model.backbone * tokens + model.vocabulary * model.width * answers)


def minutes(flops: float, gpu: Gpu) -> float:
    """How long `flops` take at the assumed utilisation."""
    return flops / (gpu.tflops * 1e12 * UTILISATION) / 60


def memory_gb(model: Architecture, batch: int, length: int, answers: int) -> float:
    """Peak memory of full fine-tuning in FP32: weights and optimizer, activations, and the logits of
    `answers` tokens per text, with their gradient. Attention is assumed to be fused."""
    kept = KEPT_PER_TOKEN / 2 * 4 * model.width * model.layers * batch * length  # 34 counts bytes of FP16
    scores = 2 * 4 * model.vocabulary * batch * answers
    return (BYTES_PER_PARAMETER * model.parameters + kept + scores) / 1e9


QUORA_DEV = 40_429  # pairs of the paper's dev split; the rest is taken as training pairs, which is too many


def grid_cost(profile: Profile, about: Record) -> tuple[int, int, float, float, float]:
    """Runs, epochs, tokens per epoch, operations of all runs, GB of the largest batch: of full fine-tuning of one task.

    Under `profile`, if no run stops early. Lengths are those of the task's data record `about`; Quora has the paper's
    number of pairs, as long as ours.
    """
    task, ours, read = about.run.task, about.metrics["train_examples"], about.metrics["train_characters"]
    sizes = published.published()["figure6_to_9_datasets"]["sizes"]
    examples = sizes["Quora"] - QUORA_DEV if task == "quora" else ours
    tokens = read * examples / ours / CHARACTERS_PER_TOKEN
    ratio = read / CHARACTERS_PER_TOKEN / about.metrics["train_tokens"]
    longest = max(e["tokens"] for e in about.examples if (e["split"], e["kind"]) == ("train", "length"))
    longest = min(GPT2.context, round(longest * ratio))
    if task == "sonnets":
        grid = search = profile.sonnets
        batches, answers, per_text = (grid.batch_size,), tokens, longest
    else:
        grid, search = profile.labelled[task], profile.labelled[task].methods["full"]
        batches = search.batch_sizes
        answers, per_text = (examples, 1) if task == "quora" else (0, 0)
    runs = len(search.learning_rates) * len(batches) + grid.seeds - 1
    flops = runs * search.epochs * training_flops(GPT2, tokens, answers)
    return runs, search.epochs, tokens, flops, memory_gb(GPT2, max(batches), longest, per_text)


def hours(records: Sequence[Record], gpu: Gpu) -> dict[str, float]:
    """Hours of all runs of each task's grid in profile `paper` on one GPU."""
    profile = load_profile("paper")
    costs = {task: grid_cost(profile, main_records(records, task, "data")[0]) for task in (*TASK_NAMES, "sonnets")}
    return {task: minutes(cost[3], gpu) / 60 for task, cost in costs.items()}


@framed
def cost_table(records: Sequence[Record]) -> Iterator[dict]:
    """Runs, tokens, memory, and minutes on each GPU, for the grids of profile `paper`."""
    profile = load_profile("paper")
    for task in (*TASK_NAMES, "sonnets"):
        runs, epochs, tokens, flops, memory = grid_cost(profile, main_records(records, task, "data")[0])
        line = {
            "task": TASK_NAMES.get(task, task),
            "runs × epochs": f"{runs} × {epochs}",
            "tokens per epoch": f"{tokens / 1e6:.2f} M",
            "PFLOP per run": f"{flops / runs / 1e15:,.1f}",
            "memory": f"{memory:.1f} GB",
        }
        for gpu in GPUS:
            total, fits = minutes(flops, gpu), "" if memory < gpu.memory_gb else ", too little memory"
            line[f"minutes on {gpu.name}"] = f"{total:,.0f} ({total / runs:,.1f} per run{fits})"
        yield line
