"""The sonnets of chapter 1: one row per method, with intervals and the paper's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from frugal_lib.core import select
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.data.sonnets import Sonnet, available_edition, load_sonnets
from frugal_lib.paper import published
from frugal_lib.report.arm import Arm
from frugal_lib.report.cells import NONE, cell, framed
from frugal_lib.report.length_floor import LengthFloor
from frugal_lib.report.measures import bpc_matrix, chrf_matrix, completion_scores

NAMES = {
    "floor-given": "given lines only",
    "floor-words": "given lines + random words",
    "floor-lines": "given lines + random training lines",
    "base": "base, not fine-tuned",
    "full": "full fine-tuning",
}


@dataclass(frozen=True)
class ScoreRow(Arm):
    """One method on the sonnets: intervals by metric, the spread of single draws, the paper's chrF by split."""

    method: str
    intervals: dict[str, Interval]
    draw_spread: dict[str, float]
    paper: dict[str, float | None]

    @property
    def name(self) -> str:
        return NAMES.get(self.method, self.method)

    @property
    def is_floor(self) -> bool:
        return self.method.startswith("floor")


def row_of(rows: Sequence[ScoreRow], method: str) -> ScoreRow:
    """The row of a method."""
    return next(row for row in rows if row.method == method)


def method_records(records: Sequence[Record], method: str) -> list[Record]:
    """What the chapter shows of a method: all seeds, of full fine-tuning those at its best learning rate.

    Raises:
        ValueError: no run of the method has finished.
    """
    if method == "full":
        return select.chosen(records, "sonnets", method)
    return select.main_records(records, "sonnets", method) or [select.best(records, "sonnets", method)]


def difference(row: ScoreRow, other: ScoreRow, split: str, metric: str) -> Interval:
    """Interval of `metric` (`chrf` or `bpc`) of `row` minus that of `other`, sonnet by sonnet.

    `other` is averaged over its seeds and draws first, so that it counts as known.
    """

    def matrix(records: Sequence[Record]) -> np.ndarray:
        return bpc_matrix(records, split) if metric == "bpc" else chrf_matrix(records, split, f"corpus_{metric}")

    return mean_interval(matrix(row.records) - matrix(other.records).mean(axis=0))


def length_floor(records: Sequence[Record]) -> LengthFloor:
    """What random training lines score by length."""
    return LengthFloor(next(record for record in records if record.run.method == "floor-lengths"))


def score_rows(records: Sequence[Record]) -> list[ScoreRow]:
    """One row per method of the chapter, the floors first."""
    return [score_row(method, records) for method in NAMES]


def score_row(method: str, records: Sequence[Record]) -> ScoreRow:
    """The row of one method; a `ValueError` where none of its runs has finished."""
    return row_from(method_records(records, method), method, paper_values("sonnets", NAMES[method]))


def row_from(found: Sequence[Record], method: str, paper: dict[str, float | None]) -> ScoreRow:
    """A row of some records, one a seed."""
    intervals, spread = {}, {}
    for split in ("dev", "test"):
        for column in ("chrf", "chrf_continuation"):
            key = f"{split}_{column}"
            intervals[key] = mean_interval(chrf_matrix(found, split, f"corpus_{column}"))
            draws = pd.concat([completion_scores(r, split, f"corpus_{column}").mean(axis=1) for r in found])
            spread[key] = float(draws.std()) if len(draws) > 1 else 0.0
        if f"{split}_bpc" in found[0].metrics:
            intervals[f"{split}_bpc"] = mean_interval(bpc_matrix(found, split))
    return ScoreRow(found[0].run.base, tuple(found), method, intervals, spread, paper)


def paper_values(dataset: str, method: str) -> dict[str, float | None]:
    """The paper's score on dev and test (Table 1); None where it gives none."""
    given = published.table("table1_baseline").set_index(["dataset", "method"])
    if (dataset, method) not in given.index:
        return {"dev": None, "test": None}
    row = {"dataset": dataset, "method": method}
    return {split: published.value("table1_baseline", split, **row) for split in ("dev", "test")}


@framed
def chrf_table(rows: Sequence[ScoreRow], lengths: LengthFloor) -> Iterator[dict]:
    """chrF over the whole sonnet, ours with intervals, the paper's beside it, and random lines of equal length."""
    floor = row_of(rows, "floor-lines")
    for row in rows:
        paper = {split: NONE if value is None else f"{value:.2f}" for split, value in row.paper.items()}
        spread = row.draw_spread["dev_chrf"]
        yield {
            "method": row.name,
            "dev": cell(row.intervals["dev_chrf"]),
            "paper, dev": paper["dev"],
            "test": cell(row.intervals["test_chrf"]),
            "paper, test": paper["test"],
            "dev, minus random lines": NONE if row is floor else cell(difference(row, floor, "dev", "chrf"), sign="+"),
            "written of the true length": f"{100 * lengths.share(row.records):.0f} %",
            "random lines as long": f"{lengths.at(row.records):.2f}",
            "spread of a draw": f"{spread:.2f}" if spread else NONE,
            "runs × draws": f"{len(row.records)} × {row.records[0].run.samples}",
        }


@framed
def other_table(rows: Sequence[ScoreRow]) -> Iterator[dict]:
    """Lines 4-14 alone, the likelihood of the true ones, the form of a sonnet."""
    for row in rows:
        form = {
            name: float(np.mean([record.metrics[f"dev_{name}"] for record in row.records]))
            for name in ("lines", "rhyme_share", "perfect")
        }
        yield {
            "method": row.name,
            "chrF of lines 4–14, dev": cell(row.intervals["dev_chrf_continuation"]),
            "bits per character, dev": cell(row.intervals.get("dev_bpc"), 3),
            "bits per character, test": cell(row.intervals.get("test_bpc"), 3),
            "lines": f"{form['lines']:.1f}",
            "rhyming pairs of 7": f"{7 * form['rhyme_share']:.2f}",
            "perfect sonnets": f"{100 * form['perfect']:.1f} %",
        }


def readings(records: Sequence[Record], count: int) -> list[tuple[Sonnet, dict[str, str]]]:
    """The first `count` dev sonnets, each with a completion by the tuned model and one of random lines.

    Where this machine cannot have the edition of the records, the sonnets are shown in the other one.
    """
    methods = {"fine-tuned": "full", "random lines": "floor-lines"}
    shown = {name: method_records(records, method)[0] for name, method in methods.items()}
    edition = available_edition()
    edition = edition if edition == shown["fine-tuned"].run.edition else "public-domain"
    pairs = []
    for sonnet in load_sonnets(edition).dev[:count]:
        texts = {}
        for name, record in shown.items():
            row = next(e for e in record.examples if (e["id"], e.get("sample")) == (sonnet.id, 0))
            texts[f"{name} (chrF {row['chrf']:.1f})"] = row["text"]
        pairs.append((sonnet, texts))
    return pairs
