"""The tables of chapter 3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frugal_lib.chapters.quantization.results import FORMAT_NAMES, PAPER_FORMATS, FormatArm, QuantizationResults
from frugal_lib.core.runs import Record
from frugal_lib.core.stats import balanced_values, mean_interval
from frugal_lib.models.formats import FORMATS
from frugal_lib.paper import published
from frugal_lib.report.arm import gap
from frugal_lib.report.cells import NONE, cell, framed, megabytes, signed
from frugal_lib.report.generality import MEASURES, pair_row
from frugal_lib.report.html import linked, published_link

NEAR = 0.01  # accuracies within a point of each other count as equal
ALIKE = 0.99  # a head that gives this share of the pairs the same answer counts as constant
MOSTLY_ONE = 0.8  # and with this share it is on one side


def paper_cells(format: str) -> dict[str, object]:
    """What the paper's Figure 2 has of a format."""
    rows = published.table("figure2_quantization").set_index("format")
    columns = {"paper: MB": ("size_mb", 1), "paper: chrF": ("ptq_chrf", 2), "paper: chrF, QAFT": ("qaft_chrf", 2)}
    values = {name: rows[column].get(PAPER_FORMATS.get(format, "")) for name, (column, _) in columns.items()}
    return {n: NONE if pd.isna(v) else published_link(f"{v:.{columns[n][1]}f}") for n, v in values.items()}


@framed
def format_table(found: QuantizationResults, results: str | Path) -> Iterator[dict]:
    """Figure 2 as a table: bytes of the file and by bits x parameters, and quality without and with QAFT."""
    for arm in (arm for base in found.bases for arm in found.formats(base)):
        full, trained = found.full(arm.base), found.arm(arm.base, "qaft", arm.format)
        yield {
            "base": arm.base,
            "format": FORMAT_NAMES[arm.format],
            **paper_cells(arm.format),
            "file, MB": megabytes(arm.fact("file_bytes")),
            "bits × parameters, MB": megabytes(arm.nominal_bytes),
            "dev chrF": linked(cell(arm.chrf()), arm.records, results),
            "random lines as long": f"{found.lengths.at(arm.records):.2f}",
            "dev chrF, QAFT": linked(cell(trained.chrf()), trained.records, results) if trained else NONE,
            "test loss": cell(arm.nats("test"), 3),
            "minus FP32": NONE if arm is full else cell(gap(arm, full, "test"), 3, "+"),
            "QAFT minus FP32": cell(gap(trained, full, "test"), 3, "+") if trained else NONE,
        }


@framed
def int4_table(found: QuantizationResults, results: str | Path) -> Iterator[dict]:
    """The same fine-tuned model in four bits, by granularity: loss on the true lines, in nats per token."""
    for base in found.bases:
        full, untuned = found.full(base), found.untuned(base)
        four = [arm for arm in found.formats(base) if FORMATS[arm.format].bits == 4]
        for arm in (full, *four, untuned):
            yield {
                "base": base,
                "model": arm.name,
                "dev": linked(cell(arm.nats("dev"), 3), arm.records, results),
                "test": cell(arm.nats("test"), 3),
                "test, minus FP32": NONE if arm is full else cell(gap(arm, full, "test"), 3, "+"),
                "test, minus the base never tuned": NONE if arm is untuned else cell(gap(arm, untuned, "test"), 3, "+"),
                "file, MB": megabytes(arm.fact("file_bytes")),
            }


@framed
def speed_table(records: Sequence[Record], results: str | Path) -> Iterator[dict]:
    """Table 2: tokens per second by format. The paper's on a GPU, ours on the device of the record, if there is one."""
    paper = published.table("table2_inference_speed").set_index("format")
    names = PAPER_FORMATS | {"fp16": "FP16"}
    rates = {row["format"]: row for record in records for row in record.examples}
    for format in (name for name in FORMATS if name in rates):
        row, printed = rates[format], names.get(format, "")
        known, trials = printed in paper.index, row.get("trials", {}).get("12")
        ours = {count: f"{row[f'prompts_{count}']:,.0f}" for count in (1, 12) if trials}
        yield {
            "format": FORMAT_NAMES[format],
            "paper: MB": published_link(f"{paper.size_mb[printed]:.1f}") if known else NONE,
            "paper: tokens per s": published_link(f"{paper.tokens_per_s[printed]:.1f}") if known else NONE,
            "ours, 1 prompt": linked(ours[1], records, results) if trials else NONE,
            "ours, 12 prompts": linked(ours[12], records, results) if trials else NONE,
            "slowest to fastest of 12": f"{min(trials):,.0f} to {max(trials):,.0f}" if trials else NONE,
        }


def checked(found: QuantizationResults) -> list[FormatArm]:
    """The arms whose generality was checked, on every base."""
    return [arm for base in found.bases for arm in found.checked(base)]


@framed
def generality_table(found: QuantizationResults, results: str | Path) -> Iterator[dict]:
    """Every measure of generality of every model that was checked, with 95 % intervals."""
    for arm in checked(found):
        cells = {f"{m.name}, {m.unit}": cell(m.of(arm), 3) for m in MEASURES}
        first = next(iter(cells))
        cells[first] = linked(cells[first], arm.records, results)
        yield {"base": arm.base, "model": arm.name} | cells


@framed
def balanced_table(found: QuantizationResults) -> Iterator[dict]:
    """Balanced accuracy of the calibrated yes or no, and the yes-bias that calibration takes off."""
    for arm in checked(found):
        line: dict[str, str] = {"base": arm.base, "model": arm.name}
        for task, name in (("quora", "Quora"), ("mrpc", "MRPC")):
            scores = mean_interval(np.stack([balanced(record, task) for record in arm.records]))
            bias = np.mean([pair_row(record, task)["content_free"] for record in arm.records])
            line |= {f"{name}: balanced accuracy": cell(scores, 3), f"{name}: yes-bias": signed(bias)}
        yield line


def balanced(record: Record, task: str) -> np.ndarray:
    """Values whose mean is the balanced accuracy of the calibrated yes or no: [pairs]."""
    row = pair_row(record, task)
    labels, answers = np.array(row["labels"]), np.array(row["cloze"]) > 0
    return balanced_values(answers == labels, labels)


def heads(arm: FormatArm) -> dict[str, np.ndarray]:
    """Untrained heads on Quora's pairs, all seeds together: accuracy, and share of pairs given the commoner answer."""
    rows = [pair_row(record, "quora") for record in arm.records]
    yes = np.concatenate([row["heads_yes"] for row in rows])
    return {"accuracy": np.concatenate([row["heads_accuracy"] for row in rows]), "same": np.maximum(yes, 1 - yes)}


def majority_share(found: QuantizationResults) -> float:
    """The share of pairs that are no paraphrases: the accuracy of a head that says no to all of them."""
    labels = pair_row(found.full(found.bases[0]).records[0], "quora")["labels"]
    return 1 - float(np.mean(labels))


def head_shares(arm: FormatArm, no: float) -> dict[str, float]:
    """Shares of heads that give one answer, and that score within `NEAR` of a constant no, a constant yes, either."""
    accuracy, same = heads(arm).values()
    says_no, says_yes = (np.abs(accuracy - value) <= NEAR for value in (no, 1 - no))
    either = says_no | (np.abs(accuracy - 1 + no) <= NEAR)  # as first published; rounds otherwise at the very edge
    found = {"alike": same >= ALIKE, "no": says_no, "yes": says_yes, "either": either}
    return {name: float(np.mean(which)) for name, which in found.items()}


def turned_heads(one: FormatArm, other: FormatArm) -> tuple[int, int, float]:
    """How many untrained heads turn from one answer to the other between two models, of how many; and drawn anew.

    A seed's heads are the same on both models. One turns that gives one answer to at least `MOSTLY_ONE` of the pairs
    before, and the other answer after. The third number is the share among heads drawn anew: those of another seed.
    """
    before, after = (np.stack([pair_row(r, "quora")["heads_yes"] for r in arm.records]) for arm in (one, other))
    seeds = range(min(len(before), len(after)))

    def turned(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        no, yes = 1 - MOSTLY_ONE, MOSTLY_ONE
        return ((first <= no) & (second >= yes)) | ((first >= yes) & (second <= no))

    same = np.concatenate([turned(before[k], after[k]) for k in seeds])
    anew = [turned(before[j], after[k]).mean() for j in seeds for k in seeds if j != k]
    return int(same.sum()), len(same), float(np.mean(anew)) if anew else np.nan


@framed
def head_table(found: QuantizationResults) -> Iterator[dict]:
    """The paper's zero-shot protocol with many untrained heads: how often one scores as a constant answer does."""
    no = majority_share(found)
    for arm in checked(found):
        accuracy, shares = heads(arm)["accuracy"], head_shares(arm, no)
        low, high = np.quantile(accuracy, [0.025, 0.975])
        yield {
            "base": arm.base,
            "model": arm.name,
            "heads": f"{len(accuracy):,}",
            f"give one answer to {100 * ALIKE:.0f} % of pairs": f"{100 * shares['alike']:.0f} %",
            f"score {no:.3f} ± {NEAR}": f"{100 * shares['no']:.0f} %",
            f"score {1 - no:.3f} ± {NEAR}": f"{100 * shares['yes']:.0f} %",
            "mean accuracy": f"{accuracy.mean():.3f}",
            "95 % of heads": f"{low:.3f} to {high:.3f}",
        }
