"""The tasks with labels: one row per task and method, with intervals and the paper's values; and Table 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from IPython.display import HTML

from frugal_lib.chapters.baseline.sonnets import ScoreRow, paper_values
from frugal_lib.core.runs import Record, Run
from frugal_lib.core.select import best, chosen, main_records
from frugal_lib.core.stats import Interval, balanced_values, detectable_difference, mean_interval
from frugal_lib.data.labelled import CLASSES, SOURCES, TASKS
from frugal_lib.paper import published
from frugal_lib.report.arm import Arm
from frugal_lib.report.cells import NONE, cell, framed
from frugal_lib.report.html import linked, published_link

TASK_NAMES = {"sst": "SST", "cfimdb": "CFIMDB", "quora": "Quora"}
METHODS = {
    "majority": "majority class",
    "tfidf": "TF-IDF + logistic regression",
    "last-layer": "last linear layer",
    "full": "full fine-tuning",
}
PAPER_FIGURES = {"sst": 6, "cfimdb": 7, "quora": 8, "sonnets": 9}  # which show its data
STAND_INS = ("vader", "written")
SPLITS = ("train", "dev", "test")
LATER = {"best LoRA": 2, "best model quantization": 3, "best data augmentation": 4}  # the chapters of Table 1's rest


@dataclass(frozen=True)
class LabelledRow(Arm):
    """One method on one task: accuracies by split, and the paper's."""

    task: str
    method: str
    intervals: dict[str, Interval]
    paper: dict[str, float | None]

    @property
    def is_floor(self) -> bool:
        return not self.records[0].run.learning_rate

    @property
    def data(self) -> str:
        """The data set's name; a stand-in is called one."""
        return TASK_NAMES[self.task] + (" (stand-in)" if self.records[0].run.edition in STAND_INS else "")

    def auroc(self, split: str) -> float:
        """Mean AUROC of the seeds; not a number where the split has examples of one class alone."""
        return float(np.mean([record.metrics.get(f"{split}_auroc", np.nan) for record in self.records]))


def labelled_rows(records: Sequence[Record]) -> list[LabelledRow]:
    """One row per task and method that has runs, floors first."""
    return [
        labelled_row(records, task, method)
        for task in TASKS
        for method in METHODS
        if any((record.run.task, record.run.method) == (task, method) for record in records)
    ]


def labelled_row(records: Sequence[Record], task: str, method: str) -> LabelledRow:
    """The row of one method; a `ValueError` where none of its runs has finished."""
    found = tuple(chosen(records, task, method))
    intervals = {}
    for split in ("dev", "test"):
        if f"{split}_accuracy" in found[0].metrics:
            labels, right = outcomes(found, split)
            balanced = np.stack([balanced_values(row, labels) for row in right])
            intervals[f"{split}_accuracy"] = share_interval(right)
            intervals[f"{split}_balanced"] = share_interval(balanced)
    paper = paper_values(TASK_NAMES[task], METHODS[method])
    return LabelledRow(found[0].run.base, found, task, method, intervals, paper)


def share_interval(values: np.ndarray) -> Interval:
    """The interval of a mean that cannot leave 0 to 1: [seeds, examples]."""
    found = mean_interval(values)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def outcomes(records: Sequence[Record], split: str) -> tuple[np.ndarray, np.ndarray]:
    """True labels [examples], and whether each prediction is right [seeds, examples]."""
    rows = [[e for e in record.examples if e["split"] == split] for record in records]
    labels = np.array([e["label"] for e in rows[0]])
    return labels, np.array([[e["prediction"] for e in each] for each in rows]) == labels


def row_of(rows: Sequence[LabelledRow], task: str, method: str) -> LabelledRow:
    """The row of a task and method."""
    return next(row for row in rows if (row.task, row.method) == (task, method))


def stands(one: Interval, other: Interval) -> str:
    """Two accuracies in words: above or below only where their intervals do not overlap."""
    if one.low > other.high:
        return "above"
    return "below" if one.high < other.low else "not distinguishable from"


@framed
def table1(
    rows: Sequence[LabelledRow],
    scores: Sequence[ScoreRow],
    results: str | Path,
    later: Mapping[str, ScoreRow] | None = None,
) -> Iterator[dict]:
    """Table 1: accuracy on the tasks with labels and chrF on the sonnets, floors included.

    Each number of ours opens to its records, each of the paper's to the file that holds them. `later` has ours for the
    rows of chapters 2 to 4, as far as they have been computed.
    """
    for row in rows:
        yield line(f"{row.data}, accuracy", METHODS[row.method], row.paper, 3, results, row)
    for row in (row for row in scores if row.method in ("floor-lines", "base", "full")):
        yield line("sonnets, chrF", row.name, row.paper, 2, results, row)
    for method, chapter in LATER.items():
        row = (later or {}).get(method)
        name = f"{method} (chapter {chapter}{f'; ours: {row.name}' if row else ''})"
        yield line("sonnets, chrF", name, paper_values("sonnets", method), 2, results, row)


def line(
    data: str,
    method: str,
    paper: dict[str, float | None],
    digits: int,
    results: str | Path,
    row: LabelledRow | ScoreRow | None = None,
) -> dict[str, HTML | str]:
    """One line of `table1`; without a `row` the paper's values alone."""
    metric = "chrf" if isinstance(row, ScoreRow) else "accuracy"
    found = {"data": data, "method": method}
    for name, key in (("dev", f"dev_{metric}"), ("test", f"test_{metric}"), ("balanced accuracy, dev", "dev_balanced")):
        interval = row.intervals.get(key) if row else None
        found[name] = linked(cell(interval, digits), row.records, results) if interval else NONE
        if name in paper:
            printed = paper[name]
            found[f"paper, {name}"] = NONE if printed is None else published_link(f"{printed:.{digits}f}")
    return found


@framed
def detectable_table(rows: Sequence[LabelledRow]) -> Iterator[dict]:
    """The smallest difference in accuracy each dev set can show between two models that are about as good.

    How often such models disagree is taken from seeds of one setting.
    """
    for row in (row for row in rows if row.method == "full"):
        _, right = outcomes(row.records, "dev")
        pairs = list(combinations(right.astype(float), 2))
        items, head = right.shape[1], paper_values(TASK_NAMES[row.task], METHODS["last-layer"])["dev"]
        differ, smallest = NONE, NONE
        if pairs:
            spread = np.sqrt(np.mean([(a - b).var(ddof=1) for a, b in pairs]))
            differ = f"{100 * np.mean([a != b for a, b in pairs]):.1f} %"
            smallest = f"{detectable_difference(float(spread), items):.3f}"
        yield {
            "dev set": row.data,
            "examples": f"{items:,}",
            "two seeds differ in being right on": differ,
            "smallest difference with 80 % power": smallest,
            "paper: full minus last layer": NONE if head is None else f"{row.paper['dev'] - head:.3f}",
        }


@dataclass(frozen=True)
class TaskData:
    """What one task was measured on. By split: examples used, most frequent label with its share, share cut off."""

    source: str
    available: int  # training examples
    used: dict[str, int]
    most_frequent: dict[str, tuple[str, float]]
    truncated: dict[str, float]


def task_data(records: Sequence[Record], task: str) -> TaskData:
    """The data of a task as full fine-tuning used it; a split without labels is left out."""
    about, tuned = main_records(records, task, "data")[0], best(records, task, "full")
    available = int(about.metrics["train_examples"])
    held_out = {split: sum(e["split"] == split for e in tuned.examples) for split in ("dev", "test")}
    used = {"train": min(available, tuned.run.train_limit or available)} | held_out
    used = {split: count for split, count in used.items() if count}
    return TaskData(
        SOURCES[task, tuned.run.edition],
        available,
        used,
        {split: most_frequent(about, split) for split in used},
        {split: about.metrics[f"{split}_truncated"] for split in ("train", "dev")},
    )


def most_frequent(about: Record, split: str) -> tuple[str, float]:
    """The most frequent label of a split and its share."""
    counts = {e["label"]: e["count"] for e in about.examples if (e["split"], e["kind"]) == (split, "label")}
    label = max(counts, key=counts.get)
    return CLASSES[about.run.task][label], counts[label] / sum(counts.values())


def data_sizes(records: Sequence[Record]) -> dict[str, tuple[int, int]]:
    """How many examples each data set has in all splits, and the paper's count."""
    paper = published.published()["figure6_to_9_datasets"]["sizes"]
    found = {}
    for task, name in {**TASK_NAMES, "sonnets": "sonnets"}.items():
        about = main_records(records, task, "data")[0]
        found[name] = sum(int(about.metrics[f"{split}_examples"]) for split in SPLITS), paper[name]
    return found


def kept_settings(records: Sequence[Record], task: str) -> dict[str, tuple[Run, list[float]]]:
    """By method that is trained: the run of the kept setting, and the learning rates that were tried."""
    found = {}
    for method in ("last-layer", "full"):
        if runs := [record.run for record in main_records(records, task, method)]:
            found[METHODS[method]] = best(records, task, method).run, sorted({run.learning_rate for run in runs})
    return found
