"""The cost of profile `paper` on a GPU, as a table and the formula behind it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from frugal_lib import costs, published
from frugal_lib.choose import main_records
from frugal_lib.profiles import load_profile
from frugal_lib.report.labelled import TASK_NAMES
from frugal_lib.runs import Record

QUORA_DEV = 40_429  # pairs of the paper's dev split; the rest is taken as training pairs, which is too many


def grid_costs(records: Sequence[Record]) -> list[costs.Cost]:
    """The cost of each task's grid, from the lengths in the data records."""
    profile = load_profile("paper")
    return [
        task_cost(task, profile, main_records(records, task, "data")[0])
        for task in ("sst", "cfimdb", "quora", "sonnets")
    ]


def task_cost(task: str, profile, about: Record) -> costs.Cost:
    """One task's cost; for Quora the paper's number of pairs, as long as ours are."""
    ours = int(about.metrics["train_examples"])
    examples = ours
    if task == "quora":
        examples = published.published()["figure6_to_9_datasets"]["sizes"]["Quora"] - QUORA_DEV
    characters = about.metrics["train_characters"] * examples / ours
    ratio = about.metrics["train_characters"] / costs.CHARACTERS_PER_TOKEN / about.metrics["train_tokens"]
    longest = max(e["tokens"] for e in about.examples if (e["split"], e["kind"]) == ("train", "length"))
    return costs.grid_cost(task, profile, examples, characters, min(costs.GPT2.context, round(longest * ratio)))


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
        for gpu in costs.GPUS:
            total = costs.minutes(cost.flops, gpu)
            fits = "" if cost.memory_gb < gpu.memory_gb else ", too little memory"
            line[f"minutes on an {gpu.name}" if gpu.name == "L4" else f"minutes on a {gpu.name}"] = (
                f"{total:,.0f} ({total / cost.runs:,.1f} a run{fits})"
            )
        lines.append(line)
    return pd.DataFrame(lines).set_index("task")


def cost_how() -> str:
    """The calculation in words; Markdown."""
    rates = ", ".join(f"{gpu.name} {gpu.tflops:g} TFLOP/s and {gpu.memory_gb:g} GB" for gpu in costs.GPUS)
    blocks, output = costs.GPT2.backbone / 1e6, costs.GPT2.vocabulary * costs.GPT2.width / 1e6
    return (
        f"*Calculated, not measured* (`frugal_lib/costs.py`). Operations: 6 × {blocks:.1f} M parameters of GPT-2 "
        f"Small's blocks × tokens, and 6 × {output:.1f} M of its output layer for every predicted token (all on "
        f"the sonnets, one a pair on Quora, none on the others). Tokens: characters of our data ÷ "
        f"{costs.CHARACTERS_PER_TOKEN}; for Quora all pairs of the paper but its dev split. Time: operations ÷ "
        f"({costs.UTILISATION:g} × the FP32 rate of the data sheet: {rates}). Memory, at the largest batch and the "
        f"longest text: {costs.BYTES_PER_PARAMETER} bytes a parameter (weight, gradient, AdamW's two moments), "
        f"{costs.KEPT_PER_TOKEN * 2} bytes × width a token and block for the backward pass, and the scores over the "
        f"vocabulary. Every run is taken to its last epoch; early stopping makes it less. The last linear layer alone "
        f"costs one pass over the data a run."
    )
