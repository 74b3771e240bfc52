"""What a training step costs, by method: time, memory by part, and where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.lora.steps import PARTS
from frugal_lib.core.runs import Record
from frugal_lib.models import adapt
from frugal_lib.report.cells import megabytes
from frugal_lib.report.drawing import COLOURS, FLOOR, STYLE
from frugal_lib.report.html import linked

WANTED = 1.2  # times as fast as a full step: what a LoRA step is asked to be
MEMORY = {"weights": "weight_bytes", "gradients": "gradient_bytes", "optimizer": "optimizer_bytes",
          "kept for backward": "activation_bytes"}  # fmt: skip


def step_name(row: dict) -> str:
    """A method in words."""
    where = ", attention only" if row["modules"] == adapt.ATTENTION else ""
    return f"LoRA, rank {row['rank']}{where}" if row["rank"] else "full fine-tuning"


def factor(record: Record, row: dict) -> float:
    """How many times as fast as a full step."""
    return record.examples[0]["seconds"] / row["seconds"]


def step_table(records: Sequence[Record], results: str | Path) -> pd.DataFrame:
    """Time and memory of one step by method; memory is counted part by part, the peak is measured."""
    lines = []
    for record in records:
        full = record.examples[0]
        for row in record.examples:
            spread = sorted(row["trials"])
            lines.append({
                "base": record.run.base,
                "method": step_name(row),
                "ms a step": linked(f"{1000 * row['seconds']:.0f}", [record], results),
                "fastest to slowest": f"{1000 * spread[0]:.0f} to {1000 * spread[-1]:.0f}",
                "times as fast": f"{factor(record, row):.2f}",
                "by operations": f"{full['operations'] / row['operations']:.2f}",
                **{f"{name}, MB": megabytes(row[key]) for name, key in MEMORY.items()},
                "peak, MB": f"{row['peak_mb']:.0f}",
                "saved file, MB": megabytes(row["saved_bytes"]),
            })  # fmt: skip
    return pd.DataFrame(lines, columns=None if lines else ["base"]).set_index("base")


def profile_table(records: Sequence[Record]) -> pd.DataFrame:
    """Where the time of one step goes, in ms: full fine-tuning beside LoRA of each rank."""
    lines = []
    for record in records:
        for row in record.examples:
            parts = {part: f"{1000 * row['profile'][part]:.0f}" for part in (*PARTS, "everything else")}
            head = {"base": record.run.base, "method": step_name(row)}
            lines.append(head | parts | {"number of products": f"{row['profile']['products']:.0f}"})
    return pd.DataFrame(lines, columns=None if lines else ["base"]).set_index("base")


def step_sentence(records: Sequence[Record]) -> str:
    """Is a LoRA step fast enough on every base, and what holds it back where it is not?"""
    parts = []
    for record in records:
        rows = [row for row in record.examples[1:] if row["modules"] == adapt.ALL]
        fast = [row["rank"] for row in rows if factor(record, row) >= WANTED]
        slow = [row["rank"] for row in rows if factor(record, row) < WANTED]
        each = ", ".join(f"{factor(record, row):.2f} at rank {row['rank']}" for row in rows)
        verdict = f"at least {WANTED} times as fast at rank {', '.join(map(str, fast))}" if fast else "at no rank"
        parts.append(f"on `{record.run.base}` {verdict}" + (f", not at {', '.join(map(str, slow))}" if slow else "")
                     + f" (times as fast: {each})")  # fmt: skip
    place = records[0].environment
    return (
        f"A LoRA step on the same batch of {records[0].run.batch_size} sonnets, beside a full step: "
        f"{'; '.join(parts)}. "
        f"Measured in turns on {place['threads']} thread of {place['device_name']}."
    )


def step_why(records: Sequence[Record]) -> str:
    """Why a LoRA step is not as fast as its operations would allow, from the profile; nothing without records."""
    if not records:
        return ""
    record = records[0]
    full, row = record.examples[0], record.examples[1]
    saved = full["profile"]["matrix products"] - row["profile"]["matrix products"]
    other = sum(full["profile"][part] for part in ("attention", "activation", "loss", "everything else"))
    return (
        f"Full fine-tuning multiplies matrices three times a layer (forward, and backward for inputs and for weights), "
        f"LoRA leaves the third out. On `{record.run.base}` a full step takes "
        f"{full['operations'] / row['operations']:.2f} times the operations of one at rank {row['rank']}, and "
        f"{1000 * saved:.0f} ms more of matrix products. What LoRA cannot spare is attention, activation and loss "
        f"({1000 * other:.0f} ms of a full step), and each adapter adds two thin products forward and four backward: "
        f"{row['profile']['products']:.0f} products a step in place of {full['profile']['products']:.0f}. Their time "
        f"grows with the rank."
    )


def step_chart(records: Sequence[Record]) -> Figure:
    """Speed of a LoRA step by rank beside a full step's, and memory by part on the first base."""
    with matplotlib.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), gridspec_kw={"width_ratios": [1, 1.3]})
        for record, colour in zip(records, COLOURS, strict=False):
            rows = [row for row in record.examples[1:] if row["modules"] == adapt.ALL]
            line = [(row["rank"], factor(record, row)) for row in rows]
            left.plot(*zip(*line, strict=True), "o-", color=colour, label=record.run.base)
        left.axhline(1, color="black", lw=1)
        left.axhline(WANTED, color=FLOOR, ls="--", lw=1)
        left.set_xscale("log", base=2)
        left.xaxis.set_major_formatter("{x:g}")
        left.set_xlabel("rank")
        left.set_ylabel("times as fast as a full step")
        left.legend()
        draw_memory(right, records[0])
        figure.set_layout_engine("constrained")
    return figure


def draw_memory(axes: Axes, record: Record) -> None:
    """Bars of memory by part, one a method."""
    rows = record.examples[::-1]
    left = [0.0] * len(rows)
    for (name, key), colour in zip(MEMORY.items(), COLOURS, strict=False):
        sizes = [row[key] / 1e6 for row in rows]
        axes.barh(range(len(rows)), sizes, left=left, color=colour, label=name, height=0.7)
        left = [a + b for a, b in zip(left, sizes, strict=True)]
    axes.set_yticks(range(len(rows)), [step_name(row) for row in rows])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"memory of a step on {record.run.base}, MB")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=4, fontsize=8, columnspacing=0.8, handlelength=1)
