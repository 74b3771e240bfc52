"""Table 1 of the paper: every row of it, ours beside, each number a link to its records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from frugal_lib.chapters.baseline.labelled import METHODS, LabelledRow
from frugal_lib.chapters.baseline.sonnets import ScoreRow
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval
from frugal_lib.paper import published
from frugal_lib.report.cells import cell
from frugal_lib.report.html import linked, published_link

LATER = {"best LoRA": 2, "best model quantization": 3, "best data augmentation": 4}
NONE = "–"


def table1(labelled: Sequence[LabelledRow], sonnets: Sequence[ScoreRow], results: str | Path) -> pd.DataFrame:
    """Accuracy on the tasks with labels and chrF on the sonnets, floors included."""
    lines = [labelled_line(row, results) for row in labelled]
    shown = [row for row in sonnets if row.records[0].run.method in ("floor-lines", "base", "full")]
    lines += [sonnet_line(row, results) for row in shown]
    return pd.DataFrame(lines + [later_line(method, chapter) for method, chapter in LATER.items()]).set_index("data")


def number(interval: Interval | None, digits: int, records: Sequence[Record], results: str | Path) -> HTML | str:
    """An interval that opens to its records, or a dash."""
    return NONE if interval is None else linked(cell(interval, digits), records, results)


def paper_number(value: float | None, digits: int) -> HTML | str:
    """A value of the paper, or a dash."""
    return NONE if value is None else published_link(f"{value:.{digits}f}")


def labelled_line(row: LabelledRow, results: str | Path) -> dict[str, object]:
    """One line of accuracies."""
    values = {
        name: number(row.intervals.get(key), 3, row.records, results)
        for name, key in (("dev", "dev_accuracy"), ("test", "test_accuracy"), ("balanced accuracy", "dev_balanced"))
    }
    return {
        "data": f"{row.data}, accuracy",
        "method": METHODS[row.method],
        "dev": values["dev"],
        "paper, dev": paper_number(row.paper["dev"], 3),
        "test": values["test"],
        "paper, test": paper_number(row.paper["test"], 3),
        "balanced accuracy, dev": values["balanced accuracy"],
    }


def sonnet_line(row: ScoreRow, results: str | Path) -> dict[str, object]:
    """One line of chrF."""
    return {
        "data": "sonnets, chrF",
        "method": row.name,
        "dev": number(row.intervals["dev_chrf"], 2, row.records, results),
        "paper, dev": paper_number(row.paper["dev"], 2),
        "test": number(row.intervals["test_chrf"], 2, row.records, results),
        "paper, test": paper_number(row.paper["test"], 2),
        "balanced accuracy, dev": NONE,
    }


def later_line(method: str, chapter: int) -> dict[str, object]:
    """A row of the paper that a later chapter is about."""
    paper = {
        split: published.value("table1_baseline", split, dataset="sonnets", method=method) for split in ("dev", "test")
    }
    return {
        "data": "sonnets, chrF",
        "method": f"{method} (chapter {chapter})",
        "dev": NONE,
        "paper, dev": paper_number(paper["dev"], 2),
        "test": NONE,
        "paper, test": paper_number(paper["test"], 2),
        "balanced accuracy, dev": NONE,
    }
