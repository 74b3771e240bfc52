"""Figures of chapter 1: scores, accuracies, confusions, learning curves, and the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.baseline.labelled import METHODS, SPLITS, TASK_NAMES, LabelledRow, data_sizes
from frugal_lib.chapters.baseline.sonnets import ScoreRow, row_of
from frugal_lib.core.runs import Record
from frugal_lib.core.select import best, main_records
from frugal_lib.data.labelled import CLASSES, TASKS
from frugal_lib.report.cells import rate_text
from frugal_lib.report.drawing import COLOURS, FLOOR, OURS, PAPER, TEACHERS, draw_interval, legend_above

MARKERS = {"dev": (0.13, "o", None), "test": (-0.13, "s", "white")}  # by split: height, marker, filling


def score_chart(rows: Sequence[ScoreRow]) -> Figure:
    """chrF of every method on dev and test, the paper's values and the floor's range drawn in;
    beside it bits per character, where a method has a likelihood."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4), sharey=True, width_ratios=[2, 1])
    places = [(row, y, split) for y, row in enumerate(rows) for split in MARKERS]
    for place in places:
        draw_own(left, *place, "chrf")
        draw_own(right, *place, "bpc")
    for place in places:
        draw_paper(left, *place, 0.32, "paper (GPT-2 Small)")
    floor = row_of(rows, "floor-lines").intervals["dev_chrf"]
    left.axvspan(floor.low, floor.high, color=FLOOR, alpha=0.15, lw=0, label="floor: random lines, dev")
    left.set_yticks(range(len(rows)), [row.name for row in rows])
    left.set(xlabel="chrF over the whole sonnet (higher is better)", ylim=(-0.6, len(rows) - 0.4))
    right.set_xlabel("bits per character,\nlines 4–14 (lower is better)")
    legend_above(figure, left, ncols=5, columnspacing=1.2, handletextpad=0.3)
    return figure


def draw_own(axes: Axes, row: ScoreRow | LabelledRow, y: int, split: str, metric: str) -> None:
    """A point with its interval, grey for a method without a language model; nothing where there is no value."""
    interval, (offset, marker, fill) = row.intervals.get(f"{split}_{metric}"), MARKERS[split]
    if interval:
        colour, label = (FLOOR, None) if row.is_floor else (OURS, f"ours, {split}")
        point = {"marker": marker, "mfc": fill or colour, "ms": 6, "label": label}
        draw_interval(axes, y + offset, interval, colour, across=True, **point)


def draw_paper(axes: Axes, row: ScoreRow | LabelledRow, y: int, split: str, height: float, name: str) -> None:
    """The paper's value as a diamond, `height` above for dev and below for test."""
    if row.paper[split] is not None:
        sign, fill = (1, PAPER) if split == "dev" else (-1, "white")
        style = {"color": PAPER, "mfc": fill, "ms": 6, "ls": "", "label": f"{name}, {split}"}
        axes.plot(row.paper[split], y + sign * height, "D", **style)


def learning_curves(records: Sequence[Record]) -> Figure:
    """Loss on train and dev by epoch, a colour per learning rate, a thin line per seed.

    The thick line is the mean of the seeds, as far as all of them went; the ring is the epoch
    whose weights were kept. Epoch 0 is the base.
    """
    tuned = main_records(records, "sonnets", "full")
    rates = sorted({record.run.learning_rate for record in tuned})
    kept = best(records, "sonnets", "full").run.learning_rate
    figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.6))
    for axes, column, name in zip(panels, ("train_loss", "dev_loss"), ("train", "dev, lines 4–14"), strict=True):
        for colour, rate in zip(COLOURS, rates, strict=False):
            chosen = [record for record in tuned if record.run.learning_rate == rate]
            draw_curves(axes, chosen, column, colour, rate_text(rate) + " (lowest dev loss)" * (rate == kept))
        axes.set(title=name, xlabel="epoch", ylabel="nats per token")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0].legend(title="learning rate")
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


def accuracy_chart(rows: Sequence[LabelledRow]) -> Figure:
    """Accuracy of every method, one panel per task; the paper's values and the majority class drawn in."""
    names = list(METHODS.values())
    figure, panels = plt.subplots(1, len(TASKS), figsize=(9.5, 3.2), sharey=True)
    for axes, task in zip(panels, TASKS, strict=True):
        chosen = [row for row in rows if row.task == task]
        for place in ((row, names.index(METHODS[row.method]), split) for row in chosen for split in MARKERS):
            draw_own(axes, *place, "accuracy")
            draw_paper(axes, *place, 0.312, "paper (GPT-2)")
        axes.set(title=chosen[0].data, xlabel="accuracy")
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(-0.6, len(names) - 0.4)
    legend_above(figure, *panels, ncols=4)
    return figure


def data_chart(records: Sequence[Record], task: str, synthetic: Mapping[str, int] | None = None) -> Figure:
    """One data set, as in the paper's figures 6 to 9: examples by split, labels by split, lengths.

    `synthetic` has the number of sonnets by each teacher, which the paper adds to the training split of the sonnets.
    """
    record = main_records(records, task, "data")[0]
    classes = CLASSES.get(task, ())
    ratios = [1, 1.4, 1] if classes else [1, 1.4]
    figure, panels = plt.subplots(1, len(ratios), figsize=(9.5, 3), width_ratios=ratios)
    draw_sizes(panels[0], record, synthetic or {})
    ours, paper = data_sizes(records)[TASK_NAMES.get(task, task)]
    panels[0].set_title(f"examples: {ours:,}\n(the paper: {paper:,})")
    if classes:
        draw_labels(panels[1], record, classes)
    draw_lengths(panels[-1], record)
    return figure


def draw_sizes(axes: Axes, record: Record, synthetic: Mapping[str, int]) -> None:
    """One bar per split, its height written on it; synthetic sonnets are stacked on those to train on."""
    counts = [int(record.metrics[f"{split}_examples"]) for split in SPLITS]
    bars = axes.bar(SPLITS, counts, color=COLOURS[:3])
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=2)
    height = counts[0]
    for teacher, count in synthetic.items():
        name = f"by {teacher.replace('-', ' ').title()}: {count:,}"
        axes.bar(SPLITS[:1], count, bottom=height, color=TEACHERS[teacher], label=name)
        height += count
    if synthetic:
        axes.legend(fontsize=8, loc="upper right", title="synthetic sonnets", title_fontsize=8)
    axes.margins(y=0.15)
    axes.grid(axis="x", visible=False)


def draw_labels(axes: Axes, record: Record, classes: Sequence[str]) -> None:
    """How many examples have each label in the splits that have labels, in counts, and in % on the bars."""
    rows = [e for e in record.examples if e["kind"] == "label" and e["label"] is not None]
    splits = [split for split in SPLITS if any(e["split"] == split for e in rows)]
    width = 0.8 / len(splits)
    for i, split in enumerate(splits):
        by_label = {e["label"]: e["count"] for e in rows if e["split"] == split}
        counts = [by_label.get(k, 0) for k in range(len(classes))]
        places = np.arange(len(classes)) + (i + 0.5) * width - 0.4
        bars = axes.bar(places, counts, width, color=COLOURS[i], label=split)
        axes.bar_label(bars, [f"{100 * count / sum(counts):.0f} %" for count in counts], padding=1, fontsize=7)
    axes.set_xticks(range(len(classes)), [name.replace(" ", "\n") for name in classes])
    axes.tick_params(axis="x", labelsize=8 if len(classes) > 2 else 10)
    axes.set_title("labels: examples, and % of a split")
    axes.margins(y=0.35)
    axes.legend(ncols=3, fontsize=8, loc="upper left", columnspacing=1, handlelength=1)
    axes.grid(axis="x", visible=False)


def draw_lengths(axes: Axes, record: Record) -> None:
    """How many tokens the examples of each split have, as a density."""
    rows = [e for e in record.examples if e["kind"] == "length"]
    edges = np.linspace(0, max(e["tokens"] for e in rows) + 1, 31)
    for colour, split in zip(COLOURS, SPLITS, strict=False):
        chosen = [e for e in rows if e["split"] == split]
        weights = np.array([e["count"] for e in chosen]) / max(1, sum(e["count"] for e in chosen))
        settings = {"bins": edges, "weights": 100 * weights, "histtype": "step", "color": colour, "lw": 1.6}
        axes.hist([e["tokens"] for e in chosen], label=split, **settings)
    axes.set(title="lengths, % of a split", xlabel=f"tokens of {record.run.base}")
    axes.legend(fontsize=8)


def confusion_chart(rows: Sequence[LabelledRow]) -> Figure:
    """What full fine-tuning answers for each true class, in % of that class; dev, seeds averaged."""
    tuned = [row for row in rows if row.method == "full"]
    figure, panels = plt.subplots(1, len(tuned), figsize=(9.5, 3.4), width_ratios=[1.7, 1, 1])
    for axes, row in zip(panels, tuned, strict=True):
        draw_confusion(axes, confusion(row), CLASSES[row.task])
        axes.set(title=row.data, xlabel="answer, % of the true class")
    panels[0].set_ylabel("true")
    return figure


def confusion(row: LabelledRow) -> np.ndarray:
    """Share of each true class (rows) that gets each answer (columns), all seeds together, on dev."""
    size = len(CLASSES[row.task])
    counts = np.zeros((size, size))
    for example in (e for record in row.records for e in record.examples if e["split"] == "dev"):
        counts[example["label"], example["prediction"]] += 1
    return counts / counts.sum(axis=1, keepdims=True)


def draw_confusion(axes: Axes, shares: np.ndarray, classes: Sequence[str]) -> None:
    """One square per pair of classes, its percentage written in."""
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", color="white" if share > 0.55 else "black")
    names = [name.replace(" ", "\n") for name in classes]
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def labelled_curves(records: Sequence[Record]) -> Figure:
    """Full fine-tuning by epoch, one column per task: loss of train and dev above, dev accuracy below."""
    figure, panels = plt.subplots(3, len(TASKS), figsize=(9.5, 6.2), sharex="col")
    for column, task in zip(panels.T, TASKS, strict=True):
        draw_task_curves(column, records, task)
        column[0].set_title(TASK_NAMES[task])
        column[-1].set_xlabel("epoch")
        column[-1].xaxis.get_major_locator().set_params(integer=True)
    for axes, name in zip(panels[:, 0], ("train loss, nats", "dev loss, nats", "dev accuracy"), strict=True):
        axes.set_ylabel(name)
    return figure


def draw_task_curves(column: Sequence[Axes], records: Sequence[Record], task: str) -> None:
    """A colour per learning rate and batch size, a thin line per seed, their mean thick."""
    tuned, kept = main_records(records, task, "full"), best(records, task, "full").run
    settings = sorted({(record.run.learning_rate, record.run.batch_size) for record in tuned})
    for colour, (rate, size) in zip(COLOURS, settings, strict=False):
        chosen = [r for r in tuned if (r.run.learning_rate, r.run.batch_size) == (rate, size)]
        mark = " (kept)" if (rate, size) == (kept.learning_rate, kept.batch_size) else ""
        for axes, name in zip(column, ("train_loss", "dev_loss", "dev_accuracy"), strict=True):
            draw_curves(axes, chosen, name, colour, rate_text(rate) + mark, best_by="dev_accuracy")
    column[0].legend(title="learning rate", fontsize=8, title_fontsize=8)
