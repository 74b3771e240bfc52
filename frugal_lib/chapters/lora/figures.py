"""Figures of chapter 2: the paper's own, redrawn from its file beside ours, and what its scores can show."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.lora.paper_sweep import LEARNED, correlation, learned, loss_and_chrf, scores_of
from frugal_lib.chapters.lora.results import LoraResults, gain, last, method_name
from frugal_lib.chapters.lora.steps import MEMORY, WANTED, factors
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import best_quantile, expected_best
from frugal_lib.paper import published
from frugal_lib.paper.released import grid_at_16
from frugal_lib.report.arm import chrf_gap, gap
from frugal_lib.report.drawing import (
    COLOURS,
    FLOOR,
    FULL,
    PAPER,
    base_colour,
    draw_interval,
    legend_above,
    unique_handles,
)
from frugal_lib.report.verdict import MARGIN

RANKS = matplotlib.colormaps["viridis"]


def points(found: LoraResults) -> dict[str, pd.DataFrame]:
    """The grid at one batch size, the paper's 16 and our own, by source: a row a run; rank 0 is full fine-tuning.

    Losses are those of the last epoch.
    """
    names = ["rank", "rate", "chrf", "train_loss", "dev_loss"]
    rows = {"the paper, GPT-2 Small": [
        (r.rank, r.learning_rate, r.dev_chrf, r.train_loss, r.dev_loss) for r in grid_at_16(found.paper)]}  # fmt: skip
    for base in found.bases:
        tried = [(arm.rank, r) for arm in (found.full(base), *found.ranks(base)) for r in arm.tried]
        rows[f"ours, {base}"] = [
            (rank, r.run.learning_rate, r.metrics["dev_chrf"], last(r)["train_loss"], last(r)["dev_loss"])
            for rank, r in tried
        ]
    return {name: pd.DataFrame(lines, columns=names).sort_values("rate") for name, lines in rows.items()}


def draw_by_rate(axes: Axes, drawn: pd.DataFrame, column: str) -> None:
    """One line a rank along the learning rates, from dark to bright, full fine-tuning last, thick and black."""
    for rank, line in sorted(drawn.groupby("rank"), key=lambda group: group[0] or 1e9):
        style = {"lw": 1.3, "ms": 3.5, "marker": "o"} if rank else {"lw": 2.2, "ms": 4.5, "marker": "s"}
        colour = RANKS(np.log2(rank) / 8.5) if rank else "black"
        axes.plot(line.rate, line[column], color=colour, label=f"{rank or 'full'}", **style)
    axes.set(xscale="log", xlabel="learning rate")


def rank_legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend for all panels: every rank once, in order, and whatever else is drawn."""
    handles, labels = unique_handles(*panels)
    both = zip(labels, handles, strict=True)
    found = dict(sorted(both, key=lambda one: int(one[0]) if one[0].isdigit() else 1e9 + (one[0] != "full")))
    figure.legend(found.values(), found, loc="outside upper left", ncols=len(found), title="rank",
                  columnspacing=1.0, handletextpad=0.3, handlelength=1.4, alignment="left")  # fmt: skip


def chrf_by_rate(found: LoraResults) -> Figure:
    """The paper's Figure 10 beside ours: dev chrF by learning rate, the floor's range behind it."""
    drawn = points(found)
    figure, panels = plt.subplots(1, len(drawn), figsize=(9.5, 3.8), sharex=True, sharey=True, squeeze=False)
    for axes, (name, chosen) in zip(panels[0], drawn.items(), strict=True):
        axes.axhspan(*np.quantile(found.draws, [0.025, 0.975]), color=FLOOR, alpha=0.2, lw=0, label="random lines")
        draw_by_rate(axes, chosen, "chrf")
        axes.set_title(name)
    panels[0][0].set_ylabel("dev chrF, whole sonnet")
    rank_legend(figure, panels[0])
    return figure


def losses_by_rate(found: LoraResults) -> Figure:
    """The paper's Figure 4 beside ours: train and dev loss at the last epoch by learning rate."""
    drawn = points(found)
    figure, panels = plt.subplots(2, len(drawn), figsize=(9.5, 6.2), sharex=True, sharey="row", squeeze=False)
    for (upper, lower), (name, chosen) in zip(panels.T, drawn.items(), strict=True):
        draw_by_rate(upper, chosen, "train_loss")
        draw_by_rate(lower, chosen, "dev_loss")
        upper.set(title=name, xlabel="")
    panels[0][0].set_ylabel("train loss, nats per token")
    panels[1][0].set_ylabel("dev loss, nats per token")
    rank_legend(figure, panels[0])
    return figure


def rank_gaps(found: LoraResults) -> Figure:
    """LoRA minus full fine-tuning by rank: test loss, where a match is shaded, and dev chrF."""
    figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.6))
    for place, base in enumerate(found.bases):
        margin = MARGIN * gain(found, base, "test").mean
        panels[0].axhspan(-margin, margin, color=FLOOR, alpha=0.1, lw=0, label="a match")
        for axes, measure, split in zip(panels, (gap, chrf_gap), ("test", "dev"), strict=True):
            for arm in found.ranks(base):
                interval, x = measure(arm, found.full(base), split), arm.rank * (1 + 0.12 * place)
                draw_interval(axes, x, interval, base_colour(base), ms=6, label=base)
    for axes, name in zip(panels, ("test loss, nats per token, minus full", "dev chrF, minus full"), strict=True):
        axes.axhline(0, color="black", lw=1)
        rank_axis(axes)
        axes.set_ylabel(name)
    legend_above(figure, panels[0], ncols=4)
    return figure


def rank_axis(axes: Axes) -> None:
    """Ranks on a logarithmic axis."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("rank")


def best_of_chart(found: LoraResults) -> Figure:
    """Expected best chrF of so many trials: random lines, and the paper's runs drawn from its sweep."""
    series = {
        "random training lines": (found.draws, FLOOR),
        "the paper's LoRA runs": (scores_of(found, True), PAPER),
        "the paper's full fine-tuning": (scores_of(found, False), FULL),
    }
    longest = min(len(found.draws), len(series["the paper's LoRA runs"][0]))
    figure, axes = plt.subplots(figsize=(9.5, 3.6))
    for name, (scores, colour) in series.items():
        trials = np.unique(np.geomspace(1, min(len(scores), longest), 60).astype(int))
        axes.plot(trials, [expected_best(scores, k) for k in trials], color=colour, lw=2, label=name)
        if colour == FLOOR:
            low, high = ([best_quantile(scores, k, q) for k in trials] for q in (0.025, 0.975))
            axes.fill_between(trials, low, high, color=FLOOR, alpha=0.2, lw=0)
    printed = published.value("table1_baseline", "dev", dataset="sonnets", method="best LoRA")
    axes.plot(longest, printed, "D", color=PAPER, ms=7, ls="", label="the paper's best LoRA, as printed")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="number of trials from which the best is kept", ylabel="expected best dev chrF")
    axes.legend(loc="lower right")
    return figure


def agreement_chart(found: LoraResults) -> Figure:
    """dev chrF against dev loss, a dot a run, for the runs whose loss is near the lowest."""
    pairs = loss_and_chrf(found)
    figure, panels = plt.subplots(1, len(pairs), figsize=(9.5, 3.6), sharey=True, squeeze=False)
    colours = [PAPER, *map(base_colour, found.bases)]
    for axes, (name, runs), colour in zip(panels[0], pairs.items(), colours, strict=False):
        near = learned(runs)
        axes.plot(*zip(*near, strict=True), "o", color=colour, ms=4.5, alpha=0.6)
        axes.set_title(f"{name}\nρ = {correlation(near)}", fontsize=9)
        lowest = min(loss for loss, _ in near)
        axes.set(xlim=(lowest - 0.02, lowest + LEARNED + 0.02), xlabel="dev loss, nats per token")
    panels[0][0].set_ylabel("dev chrF, whole sonnet")
    return figure


def step_chart(records: Sequence[Record]) -> Figure:
    """Speed of a LoRA step by rank beside a full step's, and memory by part on the first base."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), width_ratios=[1, 1.3])
    for record in records:
        colour, base = base_colour(record.run.base), record.run.base
        left.plot(*zip(*factors(record).items(), strict=True), "o-", color=colour, label=base)
    left.axhline(1, color="black", lw=1)
    left.axhline(WANTED, color=FLOOR, ls="--", lw=1)
    rank_axis(left)
    left.set_ylabel("times as fast as a full step")
    left.legend()
    draw_memory(right, records[0])
    return figure


def draw_memory(axes: Axes, record: Record) -> None:
    """Bars of memory by part, one a method."""
    rows = record.examples[::-1]
    left = [0.0] * len(rows)
    for (name, key), colour in zip(MEMORY.items(), COLOURS, strict=False):
        sizes = [row[key] / 1e6 for row in rows]
        axes.barh(range(len(rows)), sizes, left=left, color=colour, label=name, height=0.7)
        left = [a + b for a, b in zip(left, sizes, strict=True)]
    axes.set_yticks(range(len(rows)), [method_name(row["rank"], row["modules"]) for row in rows])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"memory of a step on {record.run.base}, MB")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=4, fontsize=8, columnspacing=0.8, handlelength=1)
