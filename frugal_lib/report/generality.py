"""Measures of generality from records, and whether one model has less of it than another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from frugal_lib.core.runs import Record
from frugal_lib.core.stats import Interval, auroc_values, mean_interval, ratio_values
from frugal_lib.report.arm import Arm
from frugal_lib.report.cells import cell
from frugal_lib.report.measures import paired
from frugal_lib.report.verdict import (
    CONTRADICTED,
    OPEN,
    SUPPORTED,
    not_worse,
)

CHANCE = 0.5  # AUROC of who knows nothing


@dataclass(frozen=True)
class Measure:
    """One measure of generality. `key` names the rows; AUROC is better high, bits per character low."""

    name: str
    unit: str
    key: tuple[str, str]
    margin: float

    @property
    def sign(self) -> int:
        """What turns a difference into damage: −1 where more is better."""
        return 1 if self.unit == "bits per character" else -1

    def matrix(self, records: Sequence[Record]) -> np.ndarray:
        """Values whose mean is the measure: [seeds, items]."""
        return np.stack([self.values(record) for record in records])

    def values(self, record: Record) -> np.ndarray:
        """Values of one record, one an item."""
        kind, name = self.key
        if kind == "text":
            rows = [row for row in record.examples if row.get("genre") == name]
            return ratio_values([r["nll"] for r in rows], [r["characters"] for r in rows]) / np.log(2)
        row = pair_row(record, name)
        return pair_values(tuple(row[kind]), tuple(row["labels"]))

    def of(self, arm: Arm) -> Interval:
        """The measure of an arm."""
        return mean_interval(self.matrix(arm.records))

    def can_fall(self, untuned: Arm) -> bool:
        """Whether there is something to lose: an AUROC of the base beyond chance, or bits per character."""
        return self.unit != "AUROC" or self.of(untuned).low > CHANCE

    def damage(self, one: Arm, other: Arm, level: float = 0.95) -> Interval:
        """How much worse `one` is than `other`: positive is worse."""
        return paired(one.records, other.records, lambda records: self.sign * self.matrix(records), level)


@lru_cache(maxsize=1024)
def pair_values(scores: tuple[float, ...], labels: tuple[int, ...]) -> np.ndarray:
    """`auroc_values` of one set of pairs."""
    return auroc_values(np.array(scores), np.array(labels))


def pair_row(record: Record, task: str) -> dict:
    """What a record says of one set of pairs."""
    return next(row for row in record.examples if row["kind"] == "pairs" and row["task"] == task)


MEASURES = (
    Measure("Quora, yes or no", "AUROC", ("cloze", "quora"), 0.05),
    Measure("MRPC, yes or no", "AUROC", ("cloze", "mrpc"), 0.05),
    Measure("Quora, linear probe", "AUROC", ("probe", "quora"), 0.05),
    Measure("MRPC, linear probe", "AUROC", ("probe", "mrpc"), 0.05),
    Measure("unrelated prose", "bits per character", ("text", "prose"), 0.05),
    Measure("unrelated verse", "bits per character", ("text", "verse"), 0.05),
)

DAMAGE_LEVEL = 1 - 0.05 / len(MEASURES)  # of each interval, so that all of them hold together (Bonferroni)


def damage_words(worse: Interval, margin: float) -> str:
    """Is a measure damaged? As `not_worse`, asked the other way: not by more than the margin contradicts damage."""
    return {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED, OPEN: OPEN}[not_worse(worse, margin)]


def all_damage(words: Sequence[str]) -> str:
    """Is generality damaged? Yes where one measure is, no where every measure is not."""
    if SUPPORTED in words:
        return SUPPORTED
    return CONTRADICTED if set(words) == {CONTRADICTED} else OPEN


def left_out(names: Sequence[str]) -> str:
    """Which measures say nothing here."""
    return f". No better than chance in the base, so left out: {', '.join(names)}" if names else ""


def judged_damage(arm: Arm, other: Arm, untuned: Arm) -> tuple[str, str, str]:
    """Is generality of `arm` damaged, as against `other`? The word, the differences, and the worst of them.

    Measures in which the base is no better than chance are left out; intervals are corrected for the
    number of all measures.
    """
    told = [measure for measure in MEASURES if measure.can_fall(untuned)]
    worse = {measure: measure.damage(arm, other, DAMAGE_LEVEL) for measure in told}
    words = [damage_words(difference, measure.margin) for measure, difference in worse.items()]
    parts = [f"{m.name} {cell(difference, 3, '+')}" for m, difference in worse.items()]
    text = (
        f"(AUROC or bits per character, intervals that hold together): {'; '.join(parts)}"
        f"{left_out([m.name for m in MEASURES if m not in told])}"
    )
    worst = max(worse, key=lambda measure: worse[measure].low, default=None)
    number = f"{cell(worse[worst], 3, '+')} {worst.unit}, {worst.name}" if worst else ""
    return all_damage(words), text, number
