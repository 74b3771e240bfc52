"""The paper's claims that chapter 1 tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from frugal_lib.chapters.baseline.labelled import TASK_NAMES, LabelledRow, outcomes, row_of
from frugal_lib.report.claim import Claim, told
from frugal_lib.report.measures import paired
from frugal_lib.report.verdict import HIGHER, Verdict

BEATS = "Full fine-tuning beats the last layer"


def beats_last_layer(rows: Sequence[LabelledRow], base: str, task: str) -> Verdict | None:
    """Full fine-tuning has a higher dev accuracy than the last layer alone, paired by example and seed."""
    of_task = [row for row in rows if row.task == task]
    if not of_task or row_of(of_task, task, "full").base != base:
        return None
    full, last = (row_of(of_task, task, method) for method in ("full", "last-layer"))
    difference = paired(full.records, last.records, lambda records: outcomes(records, "dev")[1].astype(float))
    paper = f"accuracy {full.paper['dev']:.3f} against {last.paper['dev']:.3f} on dev"
    return told(HIGHER, difference, base, "dev, full minus last layer", paper, "accuracy")


CLAIMS = tuple(
    Claim(
        f"full-beats-last-layer-{task}",
        f"{BEATS} ({TASK_NAMES[task]})",
        "Table 1",
        partial(beats_last_layer, task=task),
    )
    for task in ("sst", "cfimdb")
)
