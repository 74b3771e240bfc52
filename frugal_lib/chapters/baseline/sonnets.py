"""The sonnet part of chapter 1 as data: one row per method, with intervals and the paper's values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from frugal_lib.core import select
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, mean_interval
from frugal_lib.data.sonnets import EDITIONS, TRAIN, Sonnet, available_edition, load_sonnets
from frugal_lib.metrics.chrf import chrf_signature
from frugal_lib.paper import published
from frugal_lib.report.cells import cell, compared, rate_text
from frugal_lib.report.measures import bpc_matrix, chrf_matrix, completion_scores

NAMES = {
    "floor-given": "given lines only",
    "floor-words": "given lines + random words",
    "floor-lines": "given lines + random training lines",
    "base": "base, not fine-tuned",
    "full": "full fine-tuning",
}


@dataclass(frozen=True)
class ScoreRow:
    """All that the book says of one method: intervals by metric, the paper's value, its records."""

    name: str
    records: tuple[Record, ...]
    intervals: dict[str, Interval]
    draw_spread: dict[str, float]
    paper: dict[str, float | None]

    @property
    def is_floor(self) -> bool:
        return self.records[0].run.method.startswith("floor")


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


def score_rows(records: Sequence[Record]) -> list[ScoreRow]:
    """One row per method of the chapter, the floors first."""
    return [score_row(method, records) for method in NAMES]


def score_row(method: str, records: Sequence[Record]) -> ScoreRow:
    """The row of one method; a `ValueError` where none of its runs has finished."""
    found = method_records(records, method)
    intervals, spread = {}, {}
    for split in ("dev", "test"):
        for column in ("chrf", "chrf_continuation"):
            key = f"{split}_{column}"
            intervals[key] = mean_interval(chrf_matrix(found, split, f"corpus_{column}"))
            draws = pd.concat([completion_scores(r, split, f"corpus_{column}").mean(axis=1) for r in found])
            spread[key] = float(draws.std()) if len(draws) > 1 else 0.0
        if f"{split}_bpc" in found[0].metrics:
            intervals[f"{split}_bpc"] = mean_interval(bpc_matrix(found, split))
    return ScoreRow(NAMES[method], tuple(found), intervals, spread, paper_values(method))


def paper_values(method: str) -> dict[str, float | None]:
    """The paper's chrF on dev and test for a method; None where it gives none."""
    if method != "full":
        return {"dev": None, "test": None}
    row = {"dataset": "sonnets", "method": "full fine-tuning"}
    return {split: published.value("table1_baseline", split, **row) for split in ("dev", "test")}


def chrf_table(rows: Sequence[ScoreRow]) -> pd.DataFrame:
    """The sonnet row of Table 1: chrF over the whole sonnet, ours with intervals, the paper's beside it."""
    floor = next(row for row in rows if row.name == NAMES["floor-lines"])
    return pd.DataFrame([chrf_cells(row, floor) for row in rows]).set_index("method")


def chrf_cells(row: ScoreRow, floor: ScoreRow) -> dict[str, str]:
    """One line of `chrf_table`."""
    paper = {split: "–" if value is None else f"{value:.2f}" for split, value in row.paper.items()}
    spread = row.draw_spread["dev_chrf"]
    return {
        "method": row.name,
        "dev": cell(row.intervals["dev_chrf"]),
        "paper, dev": paper["dev"],
        "test": cell(row.intervals["test_chrf"]),
        "paper, test": paper["test"],
        "dev, minus random lines": "–" if row is floor else cell(difference(row, floor, "dev", "chrf"), sign="+"),
        "spread of a draw": f"{spread:.2f}" if spread else "–",
        "runs × draws": f"{len(row.records)} × {row.records[0].run.samples}",
    }


def other_table(rows: Sequence[ScoreRow]) -> pd.DataFrame:
    """What else can be measured: lines 4-14 alone, the likelihood of the true ones, the form of a sonnet."""
    return pd.DataFrame([other_cells(row) for row in rows]).set_index("method")


def other_cells(row: ScoreRow) -> dict[str, str]:
    """One line of `other_table`."""

    def mean(name: str) -> float:
        return float(np.mean([record.metrics[f"dev_{name}"] for record in row.records]))

    return {
        "method": row.name,
        "chrF of lines 4–14, dev": cell(row.intervals["dev_chrf_continuation"]),
        "bits per character, dev": cell(row.intervals.get("dev_bpc"), 3),
        "bits per character, test": cell(row.intervals.get("test_bpc"), 3),
        "lines": f"{mean('lines'):.1f}",
        "rhyming pairs of 7": f"{7 * mean('rhyme_share'):.2f}",
        "perfect sonnets": f"{100 * mean('perfect'):.1f} %",
    }


def question() -> str:
    """What the paper reports for this task, in a sentence."""
    paper = paper_values("full")
    return (
        f"The paper fine-tunes GPT-2 Small on Shakespeare's sonnets 1–131, gives it the first three lines of each "
        f"held-out sonnet and scores what it writes with chrF: {paper['dev']:.2f} on dev, {paper['test']:.2f} on test."
    )


def finding(rows: Sequence[ScoreRow]) -> str:
    """What the chapter found, in sentences whose numbers and words come from the records."""
    by_name = {row.name: row for row in rows}
    full, lines, base = (by_name[NAMES[key]] for key in ("full", "floor-lines", "base"))
    gap, gain = difference(full, lines, "dev", "chrf"), difference(full, base, "test", "bpc")
    return (
        f"On the dev sonnets, full fine-tuning scores a chrF of {cell(full.intervals['dev_chrf'])}. That is "
        f"{compared(gap)} eleven random lines of training sonnets, which score "
        f"{cell(lines.intervals['dev_chrf'])} (difference, paired by sonnet: {cell(gap, sign='+')}). The paper's "
        f"fine-tuned GPT-2 Small scores {full.paper['dev']:.2f}. The likelihood of the true lines is another matter: "
        f"on the test sonnets, on which nothing was chosen, the tuned model needs "
        f"{cell(full.intervals['test_bpc'], 3)} bits per character, {compared(gain)} the "
        f"base, which needs {cell(base.intervals['test_bpc'], 3)} (difference: {cell(gain, 3, sign='+')})."
    )


def how_measured(records: Sequence[Record]) -> str:
    """What was run on what, and how the numbers of the chapter are to be read."""
    full = select.main_records(records, "sonnets", "full")
    run, rates = full[0].run, sorted({record.run.learning_rate for record in full})
    seeds = len({record.run.seed for record in full})
    sizes = {split: completion_scores(full[0], split, "corpus_chrf").shape[1] for split in ("dev", "test")}
    return (
        f"*How it was measured.* Base model `{run.base}` ({full[0].metrics['parameters'] / 1e6:.1f} M parameters, "
        f"`{run.base_digest}`). Sonnets: {EDITIONS[run.edition]}; {run.train_limit or len(TRAIN)} to train on, "
        f"{sizes['dev']} dev, {sizes['test']} test whose true ending is known (for test it comes from the "
        f"public-domain text). {seeds} seeds and {run.samples} samples a prompt at temperature {run.temperature:g}, "
        f"top-k {run.top_k}, top-p {run.top_p:g}. Batch size {run.batch_size}, dropout {run.dropout:g}. "
        f"Learning rate: the one with the lowest dev loss at the first seed, of {', '.join(map(rate_text, rates))}, so "
        f"that dev is optimistic and test is not. Intervals are 95 %, with sonnets and seeds both taken as random; the "
        f"spread of one draw is the standard deviation of the corpus score over single samples. "
        f"chrF: `{chrf_signature()}`."
    )


def readings(records: Sequence[Record], count: int) -> list[tuple[Sonnet, dict[str, str]]]:
    """The first `count` dev sonnets, each with a completion by the tuned model and one of random lines.

    Where this machine cannot have the edition of the records, the sonnets are shown in the other one.
    """
    shown = {
        "fine-tuned": method_records(records, "full")[0],
        "random lines": method_records(records, "floor-lines")[0],
    }
    edition = shown["fine-tuned"].run.edition
    edition = edition if edition == available_edition() else "public-domain"
    pairs = []
    for sonnet in load_sonnets(edition).dev[:count]:
        texts = {}
        for name, record in shown.items():
            row = next(e for e in record.examples if (e["id"], e.get("sample")) == (sonnet.id, 0))
            texts[f"{name} (chrF {row['chrf']:.1f})"] = row["text"]
        pairs.append((sonnet, texts))
    return pairs
