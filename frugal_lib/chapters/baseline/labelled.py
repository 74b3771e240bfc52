"""The tasks with labels as data: one row per task and method, with intervals and the paper's values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from frugal_lib.core.runs import Record
from frugal_lib.core.select import best, chosen, main_records
from frugal_lib.core.stats import Interval, balanced_values, detectable_difference, mean_interval
from frugal_lib.data.labelled import CLASSES, SOURCES, TASKS
from frugal_lib.paper import published
from frugal_lib.report.cells import cell, rate_text

TASK_NAMES = {"sst": "SST", "cfimdb": "CFIMDB", "quora": "Quora"}
METHODS = {
    "majority": "majority class",
    "tfidf": "TF-IDF + logistic regression",
    "last-layer": "last linear layer",
    "full": "full fine-tuning",
}
STAND_INS = ("vader", "written")


@dataclass(frozen=True)
class LabelledRow:
    """All that the book says of one method on one task."""

    task: str
    method: str
    records: tuple[Record, ...]
    intervals: dict[str, Interval]
    paper: dict[str, float | None]

    @property
    def is_floor(self) -> bool:
        return not self.records[0].run.learning_rate

    @property
    def data(self) -> str:
        """The data set's name; a stand-in is called one."""
        return TASK_NAMES[self.task] + (" (stand-in)" if self.records[0].run.edition in STAND_INS else "")


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
    return LabelledRow(task, method, found, intervals, paper_accuracy(task, method))


def share_interval(values: np.ndarray) -> Interval:
    """The interval of a mean that cannot leave 0 to 1: [seeds, examples]."""
    found = mean_interval(values)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def outcomes(records: Sequence[Record], split: str) -> tuple[np.ndarray, np.ndarray]:
    """True labels [examples], and whether each prediction is right [seeds, examples]."""
    rows = [[e for e in record.examples if e["split"] == split] for record in records]
    labels = np.array([e["label"] for e in rows[0]])
    return labels, np.array([[e["prediction"] for e in each] for each in rows]) == labels


def paper_accuracy(task: str, method: str) -> dict[str, float | None]:
    """The paper's accuracy on dev and test (Table 1); None where it gives none."""
    row = {"dataset": TASK_NAMES[task], "method": METHODS[method]}
    given = published.table("table1_baseline")
    if not ((given["dataset"] == row["dataset"]) & (given["method"] == row["method"])).any():
        return {"dev": None, "test": None}
    return {split: published.value("table1_baseline", split, **row) for split in ("dev", "test")}


def row_of(rows: Sequence[LabelledRow], task: str, method: str) -> LabelledRow:
    """The row of a task and method."""
    return next(row for row in rows if (row.task, row.method) == (task, method))


def stands(one: Interval, other: Interval) -> str:
    """Two accuracies in words: above or below only where their intervals do not overlap."""
    if one.low > other.high:
        return "above"
    return "below" if one.high < other.low else "not clear of"


def sentiment_finding(rows: Sequence[LabelledRow]) -> str:
    """Does full fine-tuning beat the last layer and counting words? In sentences, from the records."""
    parts = []
    for task in ("sst", "cfimdb"):
        full = row_of(rows, task, "full")
        ours = full.intervals["dev_accuracy"]
        others = [row_of(rows, task, method) for method in ("last-layer", "majority", "tfidf")]
        compared = [
            f"{stands(ours, row.intervals['dev_accuracy'])} the {METHODS[row.method]} "
            f"({cell(row.intervals['dev_accuracy'], 3)})".replace("the TF-IDF", "TF-IDF")
            for row in others
        ]
        parts.append(
            f"On {full.data}, full fine-tuning of `{full.records[0].run.base}` has a dev accuracy of "
            f"{cell(ours, 3)}: {', '.join(compared[:-1])} and {compared[-1]}. The paper's GPT-2 Small has "
            f"{full.paper['dev']:.3f}, with the last layer alone {others[0].paper['dev']:.3f}."
        )
    return " ".join(parts)


def paraphrase_finding(rows: Sequence[LabelledRow]) -> str:
    """The same for question pairs, where test has labels too."""
    full, majority, counted = (row_of(rows, "quora", method) for method in ("full", "majority", "tfidf"))
    ours, base = full.intervals["test_accuracy"], majority.intervals["test_accuracy"]
    auroc = np.mean([record.metrics["test_auroc"] for record in full.records])
    balanced = full.intervals["test_balanced"]
    return (
        f"On {full.data}, on the test pairs, on which nothing was chosen, full fine-tuning has an accuracy of "
        f"{cell(ours, 3)}: {stands(ours, base)} the majority class ({base.mean:.3f}) and "
        f"{stands(ours, counted.intervals['test_accuracy'])} TF-IDF ({cell(counted.intervals['test_accuracy'], 3)}). "
        f"Its balanced accuracy is {cell(balanced, 3)}, its AUROC {auroc:.3f}, where guessing has 0.5. "
        f"The paper has {full.paper['dev']:.3f} on dev and {full.paper['test']:.3f} on test, with a larger GPT-2 and "
        f"far more pairs to learn from."
    )


def detectable_table(rows: Sequence[LabelledRow]) -> pd.DataFrame:
    """The smallest difference in accuracy each dev set can show between two models that are about as good.

    How often such models disagree is taken from seeds of one setting.
    """
    return pd.DataFrame([detectable_cells(row) for row in rows if row.method == "full"]).set_index("dev set")


def detectable_cells(row: LabelledRow) -> dict[str, str]:
    """One line of `detectable_table`."""
    _, right = outcomes(row.records, "dev")
    pairs = list(combinations(right.astype(float), 2))
    items, head = right.shape[1], paper_accuracy(row.task, "last-layer")["dev"]
    differ, smallest = "–", "–"
    if pairs:
        spread = np.sqrt(np.mean([(a - b).var(ddof=1) for a, b in pairs]))
        differ = f"{100 * np.mean([a != b for a, b in pairs]):.1f} %"
        smallest = f"{detectable_difference(float(spread), items):.3f}"
    return {
        "dev set": row.data,
        "examples": f"{items:,}",
        "two seeds differ in being right on": differ,
        "smallest difference with 80 % power": smallest,
        "paper: full minus last layer": "–" if head is None else f"{row.paper['dev'] - head:.3f}",
    }


def labelled_how(records: Sequence[Record]) -> str:
    """Which data, how much of it, which settings won, and how to read the numbers; Markdown."""
    lines = []
    for task in TASKS:
        about, tuned = main_records(records, task, "data")[0], best(records, task, "full")
        there = int(about.metrics["train_examples"])
        measured = {split: len([e for e in tuned.examples if e["split"] == split]) for split in ("dev", "test")}
        tested = (
            f"{measured['test']:,} test ({label_rate(about, 'test')})" if measured["test"] else "no test with labels"
        )
        cut = "; ".join(f"{100 * about.metrics[f'{split}_truncated']:.1f} % of {split}" for split in ("train", "dev"))
        lines.append(
            f"- **{TASK_NAMES[task]}**: {SOURCES[task, tuned.run.edition]}. "
            f"{min(there, tuned.run.train_limit or there):,} of {there:,} to train on ({label_rate(about, 'train')}), "
            f"{measured['dev']:,} dev ({label_rate(about, 'dev')}), {tested}. Longer than "
            f"the base can read, and cut: {cut}. {settings_text(records, task)}"
        )
    rates = sorted({record.run.dropout for record in records if record.run.learning_rate})
    return "\n".join([*lines, "", f"Dropout {', '.join(f'{rate:g}' for rate in rates)}. {READING}"])


READING = (
    "The kept epoch and the kept setting are those with the highest dev accuracy (settings are compared at the first "
    "seed, the best one is repeated), so that dev is optimistic, as in the paper. For the last linear layer the rest "
    "of the model is asked once, without dropout. Intervals are 95 %, with examples and seeds both taken as random. "
    "Batches hold texts of like length."
)


def data_sizes(records: Sequence[Record]) -> str:
    """How many examples each data set has in all, beside the paper's count; Markdown."""
    paper = published.published()["figure6_to_9_datasets"]["sizes"]
    parts = []
    for task, name in {**TASK_NAMES, "sonnets": "sonnets"}.items():
        about = main_records(records, task, "data")[0]
        count = sum(int(about.metrics[f"{split}_examples"]) for split in ("train", "dev", "test"))
        parts.append(f"{name} {count:,} (the paper: {paper[name]:,})")
    return f"Examples in all splits: {', '.join(parts)}."


def label_rate(about: Record, split: str) -> str:
    """The most frequent label of a split and its share."""
    counts = {e["label"]: e["count"] for e in about.examples if (e["split"], e["kind"]) == (split, "label")}
    label = max(counts, key=counts.get)
    return f"most frequent: {100 * counts[label] / sum(counts.values()):.1f} % {CLASSES[about.run.task][label]}"


def settings_text(records: Sequence[Record], task: str) -> str:
    """The setting that was kept for each method, out of how many."""
    parts = []
    for method in ("last-layer", "full"):
        runs = main_records(records, task, method)
        if runs:
            run = best(records, task, method).run
            tried = sorted({(r.run.learning_rate, r.run.batch_size) for r in runs})
            rates = sorted({rate for rate, _ in tried})
            parts.append(
                f"{METHODS[method]}: learning rate {rate_text(run.learning_rate)} of "
                f"{', '.join(map(rate_text, rates))}, batch {run.batch_size}, up to {run.epochs} epochs"
            )
    return "; ".join(parts).capitalize() + "."
