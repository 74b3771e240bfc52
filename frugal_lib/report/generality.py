"""Measures of generality from records, and whether one model is less general than another."""

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
from frugal_lib.report.verdict import CONTRADICTED, OPEN, SUPPORTED, not_worse

CHANCE = 0.5  # AUROC of random scores


@dataclass(frozen=True)
class Measure:
    """One measure of generality. `key` names the rows; high AUROC and low bits per character are better."""

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
        """One value per item of a record."""
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
    """`auroc_values` of one set of pairs, kept since several tables ask for them."""
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

DAMAGE_LEVEL = 1 - 0.05 / len(MEASURES)  # of each interval, so that they are simultaneous (Bonferroni)


def damage_words(worse: Interval, margin: float) -> str:
    """Is a measure damaged? As `not_worse`, asked the other way: not by more than the margin contradicts damage."""
    return {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED, OPEN: OPEN}[not_worse(worse, margin)]


def all_damage(words: Sequence[str]) -> str:
    """Is generality damaged? Yes where one measure is, no where every measure is not."""
    if SUPPORTED in words:
        return SUPPORTED
    return CONTRADICTED if set(words) == {CONTRADICTED} else OPEN


@dataclass(frozen=True)
class Damage:
    """Whether one model is less general than another, and how much worse it is in each measure that can fall."""

    word: str
    parts: dict[Measure, Interval]

    @property
    def left_out(self) -> list[Measure]:
        """Measures in which the base is no better than chance."""
        return [measure for measure in MEASURES if measure not in self.parts]

    @property
    def worst(self) -> tuple[Measure, Interval] | None:
        """The measure with the highest lower end, and its interval."""
        return max(self.parts.items(), key=lambda part: part[1].low, default=None)

    @property
    def differences(self) -> str:
        """All measures, for a cell of a table."""
        parts = "; ".join(f"{measure.name} {cell(worse, 3, '+')}" for measure, worse in self.parts.items())
        out = ", ".join(measure.name for measure in self.left_out)
        note = f". No better than chance in the base, so left out: {out}" if out else ""
        return f"(AUROC or bits per character, simultaneous intervals): {parts}{note}"

    @property
    def number(self) -> str:
        """The worst measure, for a cell of a table."""
        if not self.worst:
            return ""
        measure, worse = self.worst
        return f"{cell(worse, 3, '+')} {measure.unit}, {measure.name}"


def damage_of(arm: Arm, other: Arm, untuned: Arm) -> Damage:
    """Is generality of `arm` damaged, compared with `other`?

    Measures in which the base, `untuned`, is no better than chance are left out; intervals are corrected
    for the number of all measures.
    """
    parts = {m: m.damage(arm, other, DAMAGE_LEVEL) for m in MEASURES if m.can_fall(untuned)}
    return Damage(all_damage([damage_words(worse, measure.margin) for measure, worse in parts.items()]), parts)


def judged_damage(arm: Arm, other: Arm, untuned: Arm) -> tuple[str, str, str]:
    """`damage_of` as word and cells: the name under which chapter 4 calls it."""
    damage = damage_of(arm, other, untuned)
    return damage.word, damage.differences, damage.number
