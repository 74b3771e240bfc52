"""Figures of chapter 1: scores and learning curves on the sonnets."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.baseline.sonnets import ScoreRow
from frugal_lib.core.runs import Record
from frugal_lib.core.select import best, main_records
from frugal_lib.report.cells import rate_text
from frugal_lib.report.drawing import COLOURS, FLOOR, OURS, PAPER, STYLE, unique_handles


def score_chart(rows: Sequence[ScoreRow]) -> Figure:
    """chrF of every method on dev and test, the paper's values and the floor's range drawn in;
    beside it bits per character, where a method has a likelihood."""
    with matplotlib.rc_context(STYLE):
        widths = {"width_ratios": [2, 1]}
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4), sharey=True, gridspec_kw=widths)
        draw_metric(left, rows, "chrf")
        draw_metric(right, rows, "bpc")
        draw_paper(left, rows)
        floor = next(row for row in rows if row.records[0].run.method == "floor-lines").intervals["dev_chrf"]
        left.axvspan(floor.low, floor.high, color=FLOOR, alpha=0.15, lw=0, label="floor: random lines, dev")
        left.set_yticks(range(len(rows)), [row.name for row in rows])
        left.set_xlabel("chrF over the whole sonnet (higher is better)")
        right.set_xlabel("bits per character,\nlines 4–14 (lower is better)")
        left.set_ylim(-0.6, len(rows) - 0.4)
        figure.legend(*unique_handles(left), loc="outside upper left", ncols=5, columnspacing=1.2, handletextpad=0.3)
        figure.set_layout_engine("constrained")
    return figure


def draw_metric(axes: Axes, rows: Sequence[ScoreRow], metric: str) -> None:
    """Points with 95 % intervals, dev above test, one line of the chart per method."""
    for y, row in enumerate(rows):
        colour = FLOOR if row.is_floor else OURS
        for split, offset, marker, fill in (("dev", 0.13, "o", None), ("test", -0.13, "s", "white")):
            interval = row.intervals.get(f"{split}_{metric}")
            if interval is None:
                continue
            label = None if row.is_floor else f"ours, {split}"
            axes.plot([interval.low, interval.high], [y + offset] * 2, color=colour, lw=1.6)
            axes.plot(interval.mean, y + offset, marker, color=colour, mfc=fill or colour, ms=6, label=label, ls="")


def draw_paper(axes: Axes, rows: Sequence[ScoreRow]) -> None:
    """The paper's values as diamonds in the same places."""
    for y, row in enumerate(rows):
        for split, offset, fill in (("dev", 0.32, PAPER), ("test", -0.32, "white")):
            if row.paper[split] is not None:
                label = f"paper (GPT-2 Small), {split}"
                axes.plot(row.paper[split], y + offset, "D", color=PAPER, mfc=fill, ms=6, ls="", label=label)


def learning_curves(records: Sequence[Record]) -> Figure:
    """Loss on train and dev by epoch, a colour per learning rate, a thin line per seed.

    The thick line is the mean of the seeds, as far as all of them went; the ring is the epoch
    whose weights were kept. Epoch 0 is the base.
    """
    tuned = main_records(records, "sonnets", "full")
    rates = sorted({record.run.learning_rate for record in tuned})
    kept = best(records, "sonnets", "full").run.learning_rate
    with matplotlib.rc_context(STYLE):
        figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.6))
        for axes, column, name in zip(panels, ("train_loss", "dev_loss"), ("train", "dev, lines 4–14"), strict=True):
            for colour, rate in zip(COLOURS, rates, strict=False):
                chosen = [record for record in tuned if record.run.learning_rate == rate]
                draw_curves(
                    axes, chosen, column, colour, rate_text(rate) + (" (lowest dev loss)" if rate == kept else "")
                )
            axes.set_title(name, loc="left", fontsize=10)
            axes.set_xlabel("epoch")
            axes.set_ylabel("nats per token")
            axes.xaxis.get_major_locator().set_params(integer=True)
        panels[0].legend(title="learning rate")
        figure.set_layout_engine("constrained")
    return figure


def draw_curves(
    axes: Axes, records: Sequence[Record], column: str, colour, label: str, best_by: str = "dev_loss"
) -> None:
    """All seeds of one setting, their mean, and the epochs that were kept: of least loss or most accuracy."""
    curves = [[(row["epoch"], row[column]) for row in record.history if column in row] for record in records]
    for record, curve in zip(records, curves, strict=True):
        axes.plot(*zip(*curve, strict=True), color=colour, lw=0.7, alpha=0.5)
        sign = 1 if best_by == "dev_loss" else -1
        kept = min(record.history, key=lambda row: sign * row[best_by] if row["epoch"] else float("inf"))
        axes.plot(kept["epoch"], kept[column], "o", color=colour, mfc="white", ms=5)
    together = list(zip(*curves, strict=False))  # as far as all seeds went
    means = [sum(value for _, value in points) / len(points) for points in together]
    axes.plot([points[0][0] for points in together], means, color=colour, lw=2, label=label)
