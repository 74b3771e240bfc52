"""The book's main figures beside a first measurement of them, made with other code before the book was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from frugal_lib.chapters.baseline.sonnets import NAMES, ScoreRow
from frugal_lib.chapters.what_breaks.chance import draws_of
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.core.runs import Record
from frugal_lib.teachers.by_name import SHAKESPEARE

Found = tuple[float, float]  # a value and its spread from draw to draw


@dataclass(frozen=True)
class Evidence:
    """All that the checks read."""

    book: Book
    rows: Sequence[ScoreRow]
    controls: Sequence[Record]


@dataclass(frozen=True)
class Check:
    """One figure: the first measurement, its spread (or a unit of its last digit), ours, and why they may differ."""

    name: str
    first: float
    spread: float
    ours: Callable[[Evidence], Found | None]
    why: str = ""


def floor(method: str) -> Callable[[Evidence], Found]:
    """dev chrF of a floor of chapter 1, and the spread of a draw."""

    def ours(evidence: Evidence) -> Found:
        row = next(row for row in evidence.rows if row.name == NAMES[method])
        return row.intervals["dev_chrf"].mean, row.draw_spread["dev_chrf"]

    return ours


def tail(evidence: Evidence) -> Found | None:
    """dev chrF of lines 4-14 of another sonnet, and the spread of a draw."""
    draws = draws_of([record for record in evidence.controls if record.run.method == "floor-tail"])
    return (float(np.mean(draws)), float(np.std(draws, ddof=1))) if len(draws) > 1 else None


def generations(name: str) -> Callable[[Evidence], Found | None]:
    """A score of the released generations."""

    def ours(evidence: Evidence) -> Found | None:
        value = evidence.book.synthetic.generations.metrics.get(name)
        return None if value is None else (value, 0.0)

    return ours


def share_of_copies(evidence: Evidence) -> Found | None:
    """Sonnets in the released file of Flash with ten or more lines of Shakespeare, in %."""
    found = evidence.book.synthetic
    return (100 * float(found.copies("flash").mean()), 0.0) if "flash" in found.audits else None


def perfect(evidence: Evidence) -> Found | None:
    """Shakespeare's own 154 sonnets that pass the paper's rule, in %."""
    found = evidence.book.synthetic
    if SHAKESPEARE not in found.audits:
        return None
    values = found.columns(SHAKESPEARE)["perfect"]
    return 100 * float(np.mean(values)), 0.0


def dev_copies(evidence: Evidence) -> Found | None:
    """Dev sonnets of which the files of Flash Lite and Pro hold a copy."""
    found = evidence.book.synthetic
    if not {"flash-lite", "pro"} <= set(found.audits):
        return None
    dev = {row["id"] for row in found.audits["pro"].examples if row["kind"] == "target" and row["split"] == "dev"}
    return float(sum(len(dev & found.leaked(teacher)) for teacher in ("flash-lite", "pro"))), 0.0


def yes_answers(evidence: Evidence) -> Found:
    """How many of the released zero-shot predictions call a pair a paraphrase."""
    return float(max(row["yes"] for row in evidence.book.quantization.zero_shot.examples)), 0.0


EDITION = "the first measurement scored against the public-domain spelling, the book against the paper's edition"
CHECKS = (
    Check("dev chrF, given lines alone", 24.8, 0.1, floor("floor-given")),
    Check("dev chrF, random training lines", 42.0, 0.3, floor("floor-lines")),
    Check("dev chrF, random training words", 41.5, 0.1, floor("floor-words")),
    Check("dev chrF, lines 4–14 of another sonnet", 41.5, 0.3, tail),
    Check("released generations of Flash, dev", 46.60, 0.01, generations("flash_dev_chrf")),
    Check("… without the copy", 41.97, 0.01, generations("flash_dev_chrf_without_copies")),
    Check("released generations of Flash, test", 53.8, 0.1, generations("flash_test_chrf"), EDITION),
    Check("… without the copies", 40.4, 0.1, generations("flash_test_chrf_without_copies"), EDITION),
    Check("… in the public-domain spelling", 53.8, 0.1, generations("flash_test_chrf_public_domain")),
    Check("… and without the copies", 40.4, 0.1, generations("flash_test_chrf_without_copies_public_domain")),
    Check("sonnets of Flash with ten lines of Shakespeare, %", 25, 2.5, share_of_copies),
    Check("dev sonnets in the files of Flash Lite and Pro", 0, 0, dev_copies),
    Check("Shakespeare's 154 sonnets by the paper's rule, % perfect", 8, 1, perfect),
    Check("paraphrases among 40,429 released zero-shot answers", 0, 0, yes_answers),
)


def agrees(check: Check, found: Found) -> bool:
    """Whether both values are within the sum of their spreads, two of ours where it is a draw's."""
    return abs(found[0] - check.first) <= check.spread + 2 * found[1] + 1e-9


def check_table(book: Book, rows: Sequence[ScoreRow], controls: Sequence[Record]) -> pd.DataFrame:
    """Each figure as first measured and as in this book, and whether they agree; where not, why."""
    evidence, lines = Evidence(book, rows, controls), []
    for check in CHECKS:
        found = check.ours(evidence)
        if found is None:
            continue
        told = "yes" if agrees(check, found) else f"no: {check.why}" if check.why else "no"
        value = f"{found[0]:g}" if float(found[0]).is_integer() else f"{found[0]:.2f}"
        lines.append({
            "figure": check.name,
            "first measured": f"{check.first:g} ± {check.spread:g}" if check.spread else f"{check.first:g}",
            "this book": value + (f" ± {found[1]:.2f}" if found[1] else ""),
            "agree": told,
        })  # fmt: skip
    return pd.DataFrame(lines).set_index("figure")
