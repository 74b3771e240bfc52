"""Measures of generality from records, and whether one model is less general than another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from frugal_lib.core.runs import Record, Run
from frugal_lib.core.stats import Interval, auroc_values, mean_interval, ratio_values
from frugal_lib.metrics import grammar
from frugal_lib.report import folded
from frugal_lib.report.arm import Arm
from frugal_lib.report.cells import NONE, cell, framed
from frugal_lib.report.contrast import FOLDS, UNIT, Contrast
from frugal_lib.report.folded import FoldArm
from frugal_lib.report.measures import paired
from frugal_lib.report.verdict import CONTRADICTED, KEEPS, MARGIN, NOT_TESTABLE, OPEN, SUPPORTED

CHANCE = 0.5  # AUROC of random scores, and the share of pairs that a coin gets right


Models = Arm | FoldArm


@dataclass(frozen=True)
class Measure:
    """One measure of generality. `key` names the rows; only of bits per character less is better."""

    name: str
    unit: str
    key: tuple[str, str]

    @property
    def sign(self) -> int:
        """What turns a difference into damage: −1 where more is better."""
        return 1 if self.unit == UNIT else -1

    def matrix(self, records: Sequence[Record]) -> np.ndarray:
        """Values whose mean is the measure: [seeds, items]."""
        return np.stack([self.values(record) for record in records])

    def values(self, record: Record) -> np.ndarray:
        """One value per item of a record."""
        kind, name = self.key
        if kind == grammar.KIND:
            margins = [margin for row in record.examples if row["kind"] == kind for margin in row["margins"]]
            return (np.array(margins) > 0).astype(float)
        if kind == "text":
            rows = [row for row in record.examples if row.get("genre") == name]
            return ratio_values([r["nll"] for r in rows], [r["characters"] for r in rows]) / np.log(2)
        row = pair_row(record, name)
        return pair_values(tuple(row[kind]), tuple(row["labels"]))

    def of(self, arm: Models) -> Interval:
        """The measure of an arm; a base is the same in every fold."""
        return mean_interval(self.matrix(arm.records if arm.records[0].history else arm.records[:1]))

    def can_fall(self, untuned: Models) -> bool:
        """Whether there is something to lose: more than chance, or bits per character."""
        return self.unit == UNIT or self.of(untuned).low > CHANCE

    def margin(self, untuned: Models, won: float) -> float:
        """What counts as no damage: a share of what fine-tuning wins in bits, or of what the base has above chance."""
        return MARGIN * (won if self.unit == UNIT else self.of(untuned).mean - CHANCE)

    def damage(self, one: Models, other: Models, level: float = 0.95) -> Interval:
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
    Measure("Quora, yes or no", "AUROC", ("cloze", "quora")),
    Measure("MRPC, yes or no", "AUROC", ("cloze", "mrpc")),
    Measure("Quora, linear probe", "AUROC", ("probe", "quora")),
    Measure("MRPC, linear probe", "AUROC", ("probe", "mrpc")),
    Measure("unrelated prose", UNIT, ("text", "prose")),
    Measure("unrelated verse", UNIT, ("text", "verse")),
)
IN_FOLDS = (Measure("minimal pairs of grammar", "accuracy", (grammar.KIND, "")), *MEASURES[-2:])


@dataclass(frozen=True)
class Damage:
    """Whether one model is less general than another, and how much worse it is in each measure that can fall.

    `parts` has each measure's interval and margin.
    """

    word: str
    p: float
    parts: dict[Measure, tuple[Interval, float]]
    left_out: tuple[Measure, ...]
    source: str

    @property
    def worst(self) -> tuple[Measure, Interval, float] | None:
        """The measure that lies highest above its margin, its interval and its margin."""
        found = [(measure, *part) for measure, part in self.parts.items()]
        return max(found, key=lambda part: part[1].low - part[2], default=None)

    @property
    def differences(self) -> str:
        """All measures, for a cell of a table."""
        parts = "; ".join(
            f"{measure.name} {cell(worse, 4, '+')} {measure.unit} (margin {margin:.4f})"
            for measure, (worse, margin) in self.parts.items()
        )
        out = ", ".join(measure.name for measure in self.left_out)
        note = f". No better than chance in the base, so left out: {out}" if out else ""
        return f"{self.source}: {parts}{note}"

    @property
    def number(self) -> str:
        """The worst measure, for a cell of a table."""
        if not self.worst:
            return ""
        measure, worse, _ = self.worst
        return f"{cell(worse, 4, '+')} {measure.unit}, {measure.name}"


def damage_words(parts: Sequence[tuple[Interval, Interval, float]]) -> tuple[str, float]:
    """Is generality damaged, and the p-value of that? For each measure its interval, the joint one, and its margin.

    Yes where one measure is worse by more than its margin, all measures considered together (Bonferroni); no
    where every measure is worse by at most its margin, each at its own level (an intersection-union test).
    """
    if not parts:
        return NOT_TESTABLE, float("nan")
    p = [single.p_value(margin) for single, _, margin in parts]
    if any(joint.low > margin for _, joint, margin in parts):
        return SUPPORTED, min(1.0, len(parts) * min(p))
    if all(KEEPS.beside(single, margin) == SUPPORTED for single, _, margin in parts):
        return CONTRADICTED, max(p)
    return OPEN, float("nan")


def damage_of(
    one: Models, other: Models, untuned: Models, won: float, measures: Sequence[Measure], source: str
) -> Damage:
    """Is generality of `one` damaged, compared with `other`?

    Measures in which the base, `untuned`, is no better than chance are left out.

    Args:
        won: what full fine-tuning wins on the sonnets, in bits per character.
    """
    able = [measure for measure in measures if measure.can_fall(untuned)]
    level = 1 - 0.05 / max(1, len(able))
    margins = {measure: measure.margin(untuned, won) for measure in able}
    single = {measure: measure.damage(one, other) for measure in able}
    word, p = damage_words([(single[m], m.damage(one, other, level), margins[m]) for m in able])
    out = tuple(measure for measure in measures if measure not in able)
    return Damage(word, p, {m: (single[m], margins[m]) for m in able}, out, source)


def damage_in(contrast: Contrast) -> Damage | None:
    """`damage_of` the two sides of a contrast, by cross-validation where both were checked there."""
    intervals = contrast.intervals
    for name, pick, measures in ((FOLDS, "folds", IN_FOLDS), ("test", "arm", MEASURES)):
        one, other, untuned = (getattr(side, pick) for side in (contrast.one, contrast.other, contrast.untuned))
        checked = [arm is not None and any(row.get("genre") for row in arm.records[0].examples) for arm in (one, other)]
        if all(checked) and name in intervals:
            source = "models of the cross-validation" if pick == "folds" else "models of the paper's split"
            return damage_of(one, other, untuned, intervals[name][1].mean, measures, source)
    return None


@framed
def generality_in_folds(arms: Sequence[FoldArm], name: Callable[[Run], str]) -> Iterator[dict]:
    """Every checked arm of the cross-validation in every measure, and how much worse it is than full fine-tuning."""
    for arm, full in folded.beside_full(arms):
        if arm.run.minimal_pairs:
            line, compared = {"base": arm.run.base, "model": name(arm.run)}, arm is not full and arm.records[0].history
            for measure in IN_FOLDS:
                line[f"{measure.name}, {measure.unit}"] = f"{measure.of(arm).mean:.3f}"
                worse = cell(measure.damage(arm, full), 4, "+") if compared else NONE
                line[f"{measure.name}, worse by"] = worse
            yield line
