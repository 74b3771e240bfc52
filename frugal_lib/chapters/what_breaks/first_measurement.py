"""The book's main figures beside a first measurement of them, made with other code before the book was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from frugal_lib.chapters.baseline.sonnets import ScoreRow, row_of
from frugal_lib.chapters.synthetic.results import SyntheticResults
from frugal_lib.chapters.what_breaks.chance import draws_of
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.core.runs import Record
from frugal_lib.report.cells import framed
from frugal_lib.teachers.by_name import SHAKESPEARE

Found = tuple[float, float]  # a value and its spread from draw to draw


@dataclass(frozen=True)
class Check:
    """One figure: the first measurement, its spread (or a unit of its last digit), and why ours may differ.

    `key` names ours: a floor, a metric of the released generations, or one of `counts`.
    """

    name: str
    first: float
    spread: float
    key: str
    why: str = ""


EDITION = "the first measurement scored against the public-domain spelling, the book against the paper's edition"
CHECKS = (
    Check("dev chrF, prompt alone", 24.8, 0.1, "floor-given"),
    Check("dev chrF, random training lines", 42.0, 0.3, "floor-lines"),
    Check("dev chrF, random training words", 41.5, 0.1, "floor-words"),
    Check("dev chrF, lines 4–14 of another sonnet", 41.5, 0.3, "floor-tail"),
    Check("released generations of Flash, dev", 46.60, 0.01, "flash_dev_chrf"),
    Check("… without the copy", 41.97, 0.01, "flash_dev_chrf_without_copies"),
    Check("released generations of Flash, test", 53.8, 0.1, "flash_test_chrf", EDITION),
    Check("… without the copies", 40.4, 0.1, "flash_test_chrf_without_copies", EDITION),
    Check("… in the public-domain spelling", 53.8, 0.1, "flash_test_chrf_public_domain"),
    Check("… and without the copies", 40.4, 0.1, "flash_test_chrf_without_copies_public_domain"),
    Check("sonnets of Flash with ten lines of Shakespeare, %", 25, 2.5, "copies"),
    Check("dev sonnets in the files of Flash Lite and Pro", 0, 0, "dev copies"),
    Check("Shakespeare's 154 sonnets by the paper's rule, % perfect", 8, 1, "perfect"),
    Check("paraphrases among 40,429 released zero-shot answers", 0, 0, "yes"),
)


def counts(found: SyntheticResults) -> dict[str, float]:
    """What the audits of teachers' files count, as far as a profile has these files."""
    values = {}
    if "flash" in found.audits:
        values["copies"] = 100 * found.copies("flash").mean()
    if {"flash-lite", "pro"} <= set(found.audits):
        dev = {row["id"] for row in found.audits["pro"].examples if row["kind"] == "target" and row["split"] == "dev"}
        values["dev copies"] = sum(len(dev & found.leaked(teacher)) for teacher in ("flash-lite", "pro"))
    if SHAKESPEARE in found.audits:
        values["perfect"] = 100 * np.mean(found.columns(SHAKESPEARE)["perfect"])
    return values


def measured(book: Book, rows: Sequence[ScoreRow], controls: Sequence[Record]) -> dict[str, Found]:
    """Ours by the key of the check."""
    values = book.synthetic.generations.metrics | counts(book.synthetic)
    values["yes"] = max(row["yes"] for row in book.quantization.zero_shot.examples)
    found = {check.key: (float(values[check.key]), 0.0) for check in CHECKS if values.get(check.key) is not None}
    for method in ("floor-given", "floor-lines", "floor-words"):
        row = row_of(rows, method)
        found[method] = row.intervals["dev_chrf"].mean, row.draw_spread["dev_chrf"]
    draws = draws_of([record for record in controls if record.run.method == "floor-tail"])
    if len(draws) > 1:
        found["floor-tail"] = float(np.mean(draws)), float(np.std(draws, ddof=1))
    return found


def agrees(check: Check, found: Found) -> bool:
    """Whether both values are within the sum of their spreads, two of ours where it is a draw's."""
    return abs(found[0] - check.first) <= check.spread + 2 * found[1] + 1e-9


@framed
def check_table(book: Book, rows: Sequence[ScoreRow], controls: Sequence[Record]) -> Iterator[dict]:
    """Each figure as first measured and as in this book, and whether they agree; where not, why."""
    ours = measured(book, rows, controls)
    for check in (check for check in CHECKS if check.key in ours):
        value, spread = ours[check.key]
        yield {
            "figure": check.name,
            "first measured": f"{check.first:g} ± {check.spread:g}" if check.spread else f"{check.first:g}",
            "this book": f"{value:{'g' if value.is_integer() else '.2f'}}" + (f" ± {spread:.2f}" if spread else ""),
            "agree": "yes" if agrees(check, (value, spread)) else f"no: {check.why}" if check.why else "no",
        }
