"""Figures of the tasks with labels, and of all data sets."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frugal_lib.chapters.baseline.figures import draw_curves
from frugal_lib.chapters.baseline.labelled import METHODS, TASK_NAMES, LabelledRow
from frugal_lib.core.runs import Record
from frugal_lib.core.select import best, main_records
from frugal_lib.data.labelled import CLASSES, TASKS
from frugal_lib.report.cells import rate_text
from frugal_lib.report.drawing import COLOURS, FLOOR, OURS, PAPER, STYLE, unique_handles

SPLITS = ("train", "dev", "test")


def accuracy_chart(rows: Sequence[LabelledRow]) -> Figure:
    """Accuracy of every method, a panel a task; the paper's values and the majority class drawn in."""
    names = list(METHODS.values())
    with matplotlib.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(TASKS), figsize=(9.5, 3.2), sharey=True)
        for axes, task in zip(panels, TASKS, strict=True):
            chosen = [row for row in rows if row.task == task]
            for row in chosen:
                draw_accuracy(axes, row, names.index(METHODS[row.method]))
            axes.set_title(chosen[0].data, loc="left", fontsize=10)
            axes.set_xlabel("accuracy")
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(-0.6, len(names) - 0.4)
        handles = dict(zip(*reversed(all_handles(panels)), strict=True))
        figure.legend(handles.values(), handles, loc="outside upper left", ncols=4)
        figure.set_layout_engine("constrained")
    return figure


def all_handles(panels: Sequence[Axes]) -> tuple[list, list[str]]:
    """Legend handles and labels of several panels, one after the other."""
    found = [unique_handles(axes) for axes in panels]
    return [h for handles, _ in found for h in handles], [name for _, labels in found for name in labels]


def draw_accuracy(axes: Axes, row: LabelledRow, y: int) -> None:
    """Points with intervals, dev above test, and the paper's values."""
    colour = FLOOR if row.is_floor else OURS
    for split, offset, marker, fill in (("dev", 0.13, "o", None), ("test", -0.13, "s", "white")):
        interval = row.intervals.get(f"{split}_accuracy")
        if interval:
            label = None if row.is_floor else f"ours, {split}"
            axes.plot([interval.low, interval.high], [y + offset] * 2, color=colour, lw=1.6)
            axes.plot(interval.mean, y + offset, marker, color=colour, mfc=fill or colour, ms=6, label=label, ls="")
        if row.paper[split] is not None:
            label, fill = f"paper (GPT-2), {split}", fill or PAPER
            axes.plot(row.paper[split], y + 2.4 * offset, "D", color=PAPER, mfc=fill, ms=6, ls="", label=label)


def data_chart(records: Sequence[Record], task: str) -> Figure:
    """One data set, as in the paper's figures 6 to 9: examples by split, labels by split, lengths."""
    record = main_records(records, task, "data")[0]
    classes = CLASSES.get(task, ())
    with matplotlib.rc_context(STYLE):
        figure, panels = plt.subplots(1, 3 if classes else 2, figsize=(9.5, 2.7))
        draw_sizes(panels[0], record)
        if classes:
            draw_labels(panels[1], record, classes)
        draw_lengths(panels[-1], record)
        figure.set_layout_engine("constrained")
    return figure


def draw_sizes(axes: Axes, record: Record) -> None:
    """A bar a split, its height written on it."""
    counts = [int(record.metrics[f"{split}_examples"]) for split in SPLITS]
    bars = axes.bar(SPLITS, counts, color=COLOURS[:3])
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=2)
    axes.margins(y=0.15)
    axes.set_title("examples", loc="left", fontsize=10)
    axes.grid(axis="x", visible=False)


def draw_labels(axes: Axes, record: Record, classes: Sequence[str]) -> None:
    """The share of each label in the splits that have labels."""
    rows = [e for e in record.examples if e["kind"] == "label" and e["label"] is not None]
    splits = [split for split in SPLITS if any(e["split"] == split for e in rows)]
    width = 0.8 / len(splits)
    for i, split in enumerate(splits):
        counts = {e["label"]: e["count"] for e in rows if e["split"] == split}
        shares = [100 * counts.get(k, 0) / sum(counts.values()) for k in range(len(classes))]
        axes.bar(np.arange(len(classes)) + (i + 0.5) * width - 0.4, shares, width, color=COLOURS[i], label=split)
    axes.set_xticks(range(len(classes)), [name.replace(" ", "\n") for name in classes])
    axes.tick_params(axis="x", labelsize=8 if len(classes) > 2 else 10)
    axes.set_title("labels, % of a split", loc="left", fontsize=10)
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
    axes.set_title("tokens, % of a split", loc="left", fontsize=10)
    axes.set_xlabel(f"tokens of `{record.run.base}`".replace("`", ""))


def confusion_chart(rows: Sequence[LabelledRow]) -> Figure:
    """What full fine-tuning answers for each true class, in % of that class; dev, seeds averaged."""
    tuned = [row for row in rows if row.method == "full"]
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure, panels = plt.subplots(1, len(tuned), figsize=(9.5, 3.4), width_ratios=[1.7, 1, 1])
        for axes, row in zip(panels, tuned, strict=True):
            draw_confusion(axes, confusion(row), CLASSES[row.task])
            axes.set_title(row.data, loc="left", fontsize=10)
        panels[0].set_ylabel("true")
        figure.set_layout_engine("constrained")
    return figure


def confusion(row: LabelledRow) -> np.ndarray:
    """Share of each true class (rows) that gets each answer (columns), all seeds together, on dev."""
    size = len(CLASSES[row.task])
    counts = np.zeros((size, size))
    for example in (e for record in row.records for e in record.examples if e["split"] == "dev"):
        counts[example["label"], example["prediction"]] += 1
    return counts / counts.sum(axis=1, keepdims=True)


def draw_confusion(axes: Axes, shares: np.ndarray, classes: Sequence[str]) -> None:
    """A square a pair of classes with its per cent written in."""
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", color="white" if share > 0.55 else "black")
    names = [name.replace(" ", "\n") for name in classes]
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("answer, % of the true class")
    axes.spines[:].set_visible(False)


def labelled_curves(records: Sequence[Record]) -> Figure:
    """Full fine-tuning by epoch, a column a task: loss of train and dev above, dev accuracy below."""
    with matplotlib.rc_context(STYLE):
        figure, panels = plt.subplots(3, len(TASKS), figsize=(9.5, 6.2), sharex="col")
        for column, task in zip(panels.T, TASKS, strict=True):
            draw_task_curves(column, records, task)
            column[0].set_title(TASK_NAMES[task], loc="left", fontsize=10)
            column[-1].set_xlabel("epoch")
            column[-1].xaxis.get_major_locator().set_params(integer=True)
        for axes, name in zip(panels[:, 0], ("train loss, nats", "dev loss, nats", "dev accuracy"), strict=True):
            axes.set_ylabel(name)
        figure.set_layout_engine("constrained")
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
